"""Which key answers each thing that regions want to decide: written by hand, held against the keys that there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from building.blocks import Maker
from building.recorder import bundled_plugins
from dingkao.host.loading import build_registry
from dingkao.plugin.policy_keys import describe_keys


@dataclass(frozen=True, slots=True)
class Item:
    """What a region may want: the keys that answer it, and what they leave open."""

    wish: str
    keys: Sequence[str]
    open: str = ""


_PAPERS = ("papers.rules", "papers.grace_seconds", "papers.time_up", "papers.submit_seconds", "papers.reveal")
_EXEMPTIONS = (
    "exemptions.enabled", "exemptions.when", "exemptions.window", "exemptions.waivable",
    "exemptions.regional_conditions", "exemptions.withheld", "exemptions.excluded", "exemptions.minimum_proofs",
    "exemptions.maximum_proofs", "exemptions.every_proof_kind",
)  # fmt: skip
ITEMS = (
    Item("周期: length and dates; cohort", (), "The calendar is the cycle's own (`createCycle`); no cohorts."),
    Item("考核对象: who is assessed", (), "Whoever has an open registration in the region; no key yet."),
    Item(
        "执业年限: from when, to when",
        ("simple_procedure.years_counted_to", "simple_procedure.years_counted_on"),
        "From the first practice certificate; no key for another beginning.",
    ),
    Item(
        "简易程序: years, record, further cases, spot checks",
        (
            "simple_procedure.years_with_good_record",
            "simple_procedure.years_without_bad_record",
            "simple_procedure.require_no_bad_record_always",
            "simple_procedure.minimum_proofs",
        ),
        "Spot checks are a plugin's (`examples/shandong_2023`); further provincial cases have no key yet.",
    ),
    Item("试卷: which, in which order", ("simple_procedure.humanities_paper", "general_procedure.papers")),
    Item(
        "免考: catalogue, papers, exclusions, proofs, window, rounds",
        _EXEMPTIONS,
        "The second round of reviews follows from `exemptions.when`.",
    ),
    Item("延考: deferral", (), "Not obeyed yet: nothing defers an assessment."),
    Item(
        "测评规则: attempts, time, questions, pass mark before or after",
        (
            "simple_procedure.attempts",
            "general_procedure.humanities_attempts",
            "general_procedure.professional_attempts",
            *_PAPERS,
        ),
        "The window is the cycle's calendar. One item type and one mark each; no pause between attempts.",
    ),
    Item(
        "试卷选择: a paper for a category or a specialty",
        ("papers.blueprints", "papers.upper_banks"),
        "No map from title level or tier.",
    ),
    Item(
        "测评方式: place, face check, entry and hand-in limits",
        (
            "papers.face_capture", "papers.face_consent_version", "papers.face_consent_text", "papers.in_person_check",
            "papers.proctoring", "papers.frame_seconds",
        ),
        "Online alone; no limits for late entry or early hand-in.",
    ),
    Item("补考与培训: make-up sitting, retraining", ("papers.absence",), "No retraining."),
    Item(
        "审核: levels, routing, separation of duty",
        ("reviews.separate_people", "reviews.body_of_level"),
        "Two levels are fixed; a plugin's requirement may hold a step back.",
    ),
    Item(
        "期限: time limits",
        ("documents.objection_days",),
        "Calendar days. The measure's limits for institutions and bodies are not watched.",
    ),
    Item(
        "评定: form of the ratings",
        ("evaluation.items", "evaluation.summary_maximum"),
        "The verdict is the institution's; no weights or thresholds make it.",
    ),
    Item("不良行为: points and thresholds", (), "Records count as there or not there; no points yet."),
    Item(
        "填报: required fields, attachments, lengths",
        ("form.required_fields", "form.education_required", "simple_procedure.statement_maximum"),
        "Who may edit what follows from the state.",
    ),
    Item(
        "照片: photo",
        ("form.photo_required", "form.photo_width", "form.photo_height", "form.photo_maximum_bytes"),
        "Background and age are not checked.",
    ),
    Item(
        "文书: notice, certificate, printing, seal",
        (
            "documents.notice_printable",
            "documents.notice_notes",
            "documents.certificate_issued",
            "documents.seal_authority",
        ),
        "Template and numbering are national; no sticker.",
    ),
    Item(
        "后果: suspension, bans",
        ("documents.suspension_months",),
        "Printed on the notice, fixed by law. Nothing else is enforced.",
    ),
    Item("证件: accepted documents and numbers", (), "No key: numbers are checked as their standards say."),
    Item(
        "用语与保存: wording, data retention",
        ("local_policy.guidance", "exemptions.proof_wording"),
        "No key for retention.",
    ),
    Item(
        "账户: first credential, passwords",
        (
            "accounts.first_credential",
            "accounts.initial_password",
            "accounts.activation_hours",
            "accounts.password_profile",
            "accounts.password_minimum_length",
            "accounts.password_minimum_length_alone",
            "accounts.password_character_classes",
            "accounts.password_maximum_days",
            "accounts.password_history",
        ),
    ),
)  # fmt: skip


def makers() -> Mapping[str, Maker]:
    """The maker `policy-items`."""
    return {"policy-items": policy_items}


def policy_items() -> str:
    """The table. Raises ValueError where it names a key that there is not, or leaves one out."""
    there = {key.path for key in describe_keys(build_registry(bundled_plugins()).sections)}
    named = [key for item in ITEMS for key in item.keys]
    if unknown := sorted(set(named) - there):
        raise ValueError(f"no such key: {', '.join(unknown)}")
    if missing := sorted(there - set(named)):
        raise ValueError(f"in no line of the table: {', '.join(missing)}; add them to docs/building/policy_items.py")
    lines = ["| what a region decides | keys | what no key decides yet |", "| --- | --- | --- |"]
    for number, item in enumerate(ITEMS, start=1):
        keys = "<br>".join(f"`{key}`" for key in item.keys) or "—"
        lines.append(f"| {number}. {item.wish} | {keys} | {item.open} |")
    return "\n".join(lines)
