"""How the rows of every table belong to a doctor, which of their columns the doctor is shown, and why not the others.

A table without a declaration fails a test: a new one cannot be forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SECRET = "opens something to whoever has it"  # noqa: S105 - a reason, no secret
_DIGEST = "a digest or index that says nothing to a person"
_OTHERS = "says who of the staff acted; the export is about the doctor"
_INTERNAL = "the server's own bookkeeping"
_BANK = "questions and keys are the bank's: they are shown where the policy shows answers, in the attempt itself"
_SERVICE = "the service's name of the doctor, or free text of a third party"


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that belong to a doctor. `owner` is the way from a row to the key of what it belongs to: a dotted path of
    columns that ends at the doctor's key, the account's (`account`), the assessment's (`assessment`) or the account's
    phone (`phone`). `through` stands in its place where rows of other tables point at this one: each table, its column
    that points here, and its own `owner`. `shown` and the keys of `left_out`, each with its reason, are all columns of
    the table; `json` those of `shown` that hold JSON. `beside` are further columns by path, for `reveal` alone."""

    owner: str
    shown: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    through: tuple[tuple[str, str, str], ...] = ()
    json: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotHeld:
    """A table that holds nothing of a doctor, and why."""

    because: str


def _held(owner: str, shown: str, *, json: str = "", beside: str = "", **left_out: str) -> Held:
    """Words separated by blanks; `left_out` maps columns to reasons."""
    return Held(owner, ("id", *shown.split()), left_out, json=frozenset(json.split()), beside=tuple(beside.split()))


_OF_ASSESSMENT = "assessment.doctor"
_OF_PAPER = "paper.assessment.doctor"
_OF_ATTEMPT = "attempt.paper.assessment.doctor"

DECLARATIONS: Mapping[str, Held | NotHeld] = {
    "doctor": _held(
        "id",
        "name document_type document_number sex birth_date qualification_number phone created_at",
        document_index=_DIGEST,
    ),
    "practice_registration": _held(
        "doctor",
        "doctor institution practice_number category scope level practising_since valid_from valid_to",
    ),
    "behaviour_record": _held("doctor", "doctor polarity kind occurred_on description recorded_by recorded_at"),
    "account": _held(
        "doctor",
        "login_name name initial_until password_set_at phone doctor failures last_failed_at locked_until "
        "second_factor disabled created_at",
        login_index=_DIGEST,
        password_hash=_SECRET,
    ),
    "role_assignment": _held("account.doctor", "account role organisation valid_from valid_to"),
    "session": _held(
        "account.doctor",
        "account first_login device address created_at last_used_at ends_at ended_at ended_because confirmed_until",
    ),
    "session_token": _held(
        "session.account.doctor",
        "session issued_at expires_at rotated_at followers",
        access_digest=_SECRET,
        refresh_digest=_SECRET,
    ),
    "second_factor": _held("account.doctor", "account created_at confirmed_at", secret=_SECRET, last_step=_INTERNAL),
    "recovery_code": _held("account.doctor", "account used_at", digest=_SECRET),
    "phone_code": _held(
        "account.doctor",
        "account phone address purpose sent_at expires_at tries used_at",
        flow=_SECRET,
        digest=_SECRET,
        phone_index=_DIGEST,
        subject=_DIGEST,
    ),
    "earlier_password": _held("account.doctor", "account replaced_at", password_hash=_SECRET),
    "activation_code": _held(
        "account.doctor",
        "account institution issued_at expires_at used_at revoked_at",
        issued_by=_OTHERS,
        digest=_SECRET,
        used_by_session=_INTERNAL,
    ),
    "wechat_binding": _held("account.doctor", "account bound_at", open_id_digest=_DIGEST, open_id_index=_DIGEST),
    "assessment": _held(
        "doctor",
        "doctor cycle kind state registration institution body region procedure procedure_title statement submissions "
        "return_reason conclusion changed_at",
        policy=_INTERNAL,
        revision=_INTERNAL,
    ),
    "stored_file": _held(
        _OF_ASSESSMENT,
        "assessment purpose title media_type size uploaded_at",
        name=_SECRET,
        digest=_DIGEST,
        uploaded_by=_OTHERS,
    ),
    "registration_form": _held(
        _OF_ASSESSMENT,
        "assessment contact_phone email address ethnicity highest_education degree started_work_on department "
        "professional_title position photo",
    ),
    "institution_filing": _held(_OF_ASSESSMENT, "assessment institution_name filed_on until"),
    "education": _held(_OF_ASSESSMENT, "assessment school major education degree began_on graduated_on"),
    "practice_history": _held(_OF_ASSESSMENT, "assessment institution_name department post began_on ended_on"),
    "rating": _held(_OF_ASSESSMENT, "assessment dimension rated_by verdict items summary rated_at", json="items"),
    "submission": _held(_OF_ASSESSMENT, "assessment number content submitted_at", json="content", digest=_DIGEST),
    "procedure_proof": _held(_OF_ASSESSMENT, "assessment file"),
    "review": _held(
        _OF_ASSESSMENT,
        "assessment submission_number level decision reason organisation decided_at",
        reviewer=_OTHERS,
    ),
    "proposal": _held(
        _OF_ASSESSMENT,
        "assessment kind reason effect state organisation proposed_at ended_at note",
        json="effect",
        about=_INTERNAL,
        region=_INTERNAL,
        given=_INTERNAL,
        digest=_DIGEST,
        proposed_by=_OTHERS,
        decided_by=_OTHERS,
    ),
    "assessment_paper": _held(
        _OF_ASSESSMENT,
        "assessment subject position state attempts_allowed attempts_used waiver_code waiver_title changed_at "
        "sit_until absence_excused absence_reason lapsed_at",
    ),
    "attempt": _held(
        _OF_PAPER,
        "paper number state started_at deadline paused_at writer_since submitted_at timed_out pass_percent "
        "score_percent passed",
        beside="reveal",
        grace_seconds=_INTERNAL,
        time_up=_INTERNAL,
        submit_seconds=_INTERNAL,
        closes_at=_INTERNAL,
        reveal=_INTERNAL,
        writer_number=_INTERNAL,
        writer_session=_INTERNAL,
        questions=_BANK,
        answer_key=_BANK,
    ),
    "answer": _held(_OF_ATTEMPT, "attempt position choice sequence saved_at late"),
    "answer_save": _held(
        _OF_ATTEMPT,
        "attempt revision saved_at late writer_number address",
        account=_INTERNAL,
        session=_INTERNAL,
        request_id=_INTERNAL,
        answers="the history of the answers is shown where the policy shows answers, in the attempt itself",
    ),
    "intervention": _held(
        _OF_PAPER,
        "paper attempt kind minutes reason deadline_before deadline_after organisation at",
        sitting=_INTERNAL,
        account=_OTHERS,
    ),
    "voiding": _held(
        _OF_ATTEMPT,
        "attempt consequence reason asked_at decided_at confirmed",
        asked_by=_OTHERS,
        decided_by=_OTHERS,
        before="may hold a mark that the policy does not show",
    ),
    "mark_change": _held(
        _OF_ATTEMPT,
        "attempt outcome percent_before percent_after passed_before passed_after",
        beside="attempt.reveal",
        voided_question=_BANK,
    ),
    "face_consent": _held(
        "doctor",
        "assessment doctor text_version text_digest channel given_at ended_at ended_because",
        account=_INTERNAL,
    ),
    "face_image": Held(
        "",
        ("id", "size", "stored_at", "deleted_at", "deleted_because"),
        {"name": _SECRET, "digest": _DIGEST, "sealed_by": _INTERNAL},
        through=(("face_capture", "image", _OF_ASSESSMENT), ("proctor_frame", "image", "session." + _OF_ATTEMPT)),
    ),
    "face_capture": _held(
        _OF_ASSESSMENT, "assessment consent image outcome score captured_at", verifier_reference=_SERVICE
    ),
    "face_disclosure": _held(_OF_ASSESSMENT, "assessment told_at retired_at"),
    "in_person_check": _held(_OF_ASSESSMENT, "assessment reason organisation at", account=_OTHERS),
    "proctor_session": _held(
        _OF_ATTEMPT,
        "attempt registered_at started_at stopped_at closed_at retired_at",
        name=_SERVICE,
        subject=_SERVICE,
        join_url=_SECRET,
        service_reference=_SERVICE,
        tries=_INTERNAL,
        due_at=_INTERNAL,
    ),
    "proctor_frame": _held(
        "session." + _OF_ATTEMPT, "session image taken_at", digest=_DIGEST, service_reference=_SERVICE
    ),
    "proctor_flag": _held(_OF_ATTEMPT, "attempt kind failure times first_at last_at", beside="attempt.state"),
    "proctor_verdict": _held(
        "session." + _OF_ATTEMPT,
        "session finding found_at received_at",
        beside="session.attempt.state",
        event=_SERVICE,
        remark=_SERVICE,
        digest=_DIGEST,
    ),
    "result": _held(_OF_ASSESSMENT, "assessment verdict ground state concluded_at filed_at notified_at"),
    "result_document": _held(
        "result.assessment.doctor",
        "result kind number check_code state content issued_at sealed_at sealed_by seal_subject",
        json="content",
        file_name=_SECRET,
        digest=_DIGEST,
    ),
    "outbox_message": _held(
        "phone", "phone purpose created_at", phone_index=_DIGEST, text="may hold a code that is still good"
    ),
    "audit_entry": _held(
        "account",
        "at role address action object_type object_id result",
        beside="account",
        account=_OTHERS,
        session=_INTERNAL,
        organisation=_INTERNAL,
        request_id=_INTERNAL,
        before=_DIGEST,
        after=_DIGEST,
        detail="codes and numbers of the act, marks among them that the policy may not show",
        key=_DIGEST,
        previous=_DIGEST,
        digest=_DIGEST,
    ),
    "state_transition": _held(
        "assessment",
        "at machine object_id assessment source event target role reason policy_version",
        account=_OTHERS,
        organisation=_INTERNAL,
    ),
    "legal_hold": NotHeld("whose records are kept for a court or an inquiry, which need not be told (PIPL, Art. 18)"),
    "region": NotHeld("regions of the country"),
    "organisation": NotHeld("organisations; those of a doctor are named in his rows"),
    "pinned_policy": NotHeld("rules"),
    "cycle": NotHeld("cycles; those of a doctor are named in his rows"),
    "cycle_policy": NotHeld("rules"),
    "body_appointment": NotHeld("which body assesses for which institution"),
    "subject_secret": NotHeld("what names of people towards services are computed from"),
    "throttle": NotHeld("failures by address, and by names that no account has; an account's own are in its row"),
    "question_import": NotHeld("the question bank"),
    "question": NotHeld("the question bank"),
    "question_bank": NotHeld("the question bank"),
    "question_picture": NotHeld("the question bank"),
    "question_picture_write": NotHeld("the question bank"),
    "pass_mark": NotHeld("for everybody who sat a subject"),
    "sitting_extra_time": NotHeld("for everybody who sat at a body; what it changed for one is an intervention"),
    "voided_question": NotHeld("the question bank; what it changed for one is a mark_change"),
    "retirement": NotHeld("asks a service to delete, under a name that says nobody here"),
    "document_sequence": NotHeld("counters"),
    "audit_head": NotHeld("the chain's head"),
    "audit_retention": NotHeld("what was deleted of the chain"),
    "lease": NotHeld("which server does which work"),
}


def reveal(table: str, row: dict[str, Any], beside: Mapping[str, Any], account_id: int) -> dict[str, Any] | None:
    """The row as the doctor may see it at this moment, or None where it is not yet for the doctor: marks as the policy
    shows them (papers.reveal), a voiding once it is decided, what proctoring noticed once the attempt is over, of what
    others did to the doctor's data not from where. `beside` holds the row's further columns by their paths."""
    match table:
        case "attempt" if beside["reveal"] == "RESULT":
            return {**row, "score_percent": None, "pass_percent": None}
        case "mark_change" if beside["attempt.reveal"] == "RESULT":
            return {**row, "percent_before": None, "percent_after": None}
        case "voiding" if row["decided_at"] is None:
            return None
        case "proctor_flag" if beside["attempt.state"] == "IN_PROGRESS":
            return None
        case "proctor_verdict" if beside["session.attempt.state"] == "IN_PROGRESS":
            return None
        case "audit_entry" if beside["account"] != account_id:
            return {**row, "address": None}
    return row
