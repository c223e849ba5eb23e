"""What another policy would change for one doctor, and when a cycle may be pinned anew. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dingkao.cycles.vocabulary import CycleState
from dingkao.plugin.contributions import ActionRule, Procedure
from dingkao.plugin.errors import FieldProblem, StateConflict
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState

REASON_MAXIMUM = 500


class PolicyChangeKind(StrEnum):
    """What of an assessment a change of policy concerns."""

    ELIGIBILITY = "ELIGIBILITY"
    REQUIREMENTS = "REQUIREMENTS"
    PAPERS = "PAPERS"
    ATTEMPTS = "ATTEMPTS"
    PAPER_RULES = "PAPER_RULES"
    ACTIONS = "ACTIONS"
    DOCUMENTS = "DOCUMENTS"
    OTHER_VALUES = "OTHER_VALUES"


class TakesEffect(StrEnum):
    """When a change reaches an assessment that has been submitted: what was planned at the submission stays."""

    AT_ONCE = "AT_ONCE"
    ON_RESUBMISSION = "ON_RESUBMISSION"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `subject` says of what (a procedure's code, a paper's subject, an action's code, a key);
    `before` and `after` are codes or JSON, empty where there was or is nothing."""

    kind: PolicyChangeKind
    subject: str
    before: str
    after: str
    takes_effect: TakesEffect


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A key whose value differs, both as JSON; empty where a policy has no such key."""

    key: str
    before: str
    after: str


# Before these the doctor may still choose and submit; from submission on, what was planned stays as it was planned.
_OPEN = frozenset({AssessmentState.NOT_OPENED, AssessmentState.OPENED, AssessmentState.RETURNED})
_PAPER_TO_COME = frozenset({PaperState.LOCKED, PaperState.AVAILABLE})
_ELIGIBLE = "ELIGIBLE"
# Keys of this section are shown one by one: they decide what a doctor gets in the end.
_DOCUMENTS = "documents"

Outlook = dict[tuple[PolicyChangeKind, str], str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What of the loaded plugins is asked: procedures and actions."""

    procedures: Sequence[Procedure]
    actions: Sequence[ActionRule]


def value_changes(before: Policy, after: Policy) -> list[ValueChange]:
    """Every key whose value differs, by key."""
    old = {path: value for path, value, _ in before.items()}
    new = {path: value for path, value, _ in after.items()}
    return [
        ValueChange(path, _json(old, path), _json(new, path))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _json(values: Mapping[str, Any], path: str) -> str:
    return json.dumps(values[path], ensure_ascii=False, sort_keys=True) if path in values else ""


def outlook(facts: AssessmentFacts, policy: Policy, ruleset: RuleSet, paper_rules: Mapping[str, str]) -> Outlook:
    """What the doctor has before him under `policy`. `paper_rules` are the rules of each subject, as JSON; the code of
    the blueprint that the paper is drawn by follows, where there is one."""
    seen: Outlook = {}
    papers = policy.section(PapersPolicy)
    for procedure in ruleset.procedures:
        reasons = procedure.ineligibility(facts, policy)
        seen[PolicyChangeKind.ELIGIBILITY, procedure.code] = _codes(reasons) or _ELIGIBLE
        if facts.procedure is not None and facts.procedure != procedure.code:
            continue
        required = procedure.requirements(policy)
        seen[PolicyChangeKind.REQUIREMENTS, procedure.code] = (
            f"proofs {required.minimum_proofs}, statement {required.statement_maximum or 'none'}"
        )
        plans = procedure.papers(facts, policy)
        seen[PolicyChangeKind.PAPERS, procedure.code] = " > ".join(plan.subject.value for plan in plans)
        for plan in plans:
            subject = plan.subject.value
            allowed = "unlimited" if plan.attempts is None else str(plan.attempts)
            seen[PolicyChangeKind.ATTEMPTS, f"{procedure.code} {subject}"] = allowed
            paper = facts.paper(plan.subject)
            if paper is None or paper.state in _PAPER_TO_COME:
                rule = paper_rules.get(subject, "")
                blueprint = papers.blueprint(plan.subject, facts.category.value, facts.scope, facts.level.value)
                seen[PolicyChangeKind.PAPER_RULES, subject] = f"{rule} {blueprint.code}" if blueprint else rule
    for action in ruleset.actions:
        seen[PolicyChangeKind.ACTIONS, action.code] = _codes(action.against(facts, policy)) or "ALLOWED"
    return seen


def _codes(reasons: Sequence[Reason]) -> str:
    return ", ".join(reason.code for reason in reasons)


def changes(facts: AssessmentFacts, before: Outlook, after: Outlook, values: Sequence[ValueChange]) -> list[Change]:
    """How two outlooks on one assessment differ, and what else of the policies does (`values`)."""
    found = []
    if before != after:
        for key in dict.fromkeys([*before, *after]):
            old, new = before.get(key, ""), after.get(key, "")
            if old != new and not _follows_from_papers(key, before, after):
                found.append(Change(key[0], key[1], old, new, _effect(key[0], facts)))
    others = []
    for value in values:
        section, _, key_name = value.key.partition(".")
        if section == _DOCUMENTS:
            found.append(Change(PolicyChangeKind.DOCUMENTS, key_name, value.before, value.after, TakesEffect.AT_ONCE))
        else:
            others.append(value.key)
    if not found:
        found.append(Change(PolicyChangeKind.OTHER_VALUES, " ".join(others), "", "", TakesEffect.AT_ONCE))
    return found


def _follows_from_papers(key: tuple[PolicyChangeKind, str], before: Outlook, after: Outlook) -> bool:
    """The attempts and rules of a paper that comes or goes are no change of their own."""
    return key[0] in (PolicyChangeKind.ATTEMPTS, PolicyChangeKind.PAPER_RULES) and (
        key not in before or key not in after
    )


_PLANNED_AT_SUBMISSION = frozenset(
    {PolicyChangeKind.ELIGIBILITY, PolicyChangeKind.REQUIREMENTS, PolicyChangeKind.PAPERS, PolicyChangeKind.ATTEMPTS}
)


def _effect(kind: PolicyChangeKind, facts: AssessmentFacts) -> TakesEffect:
    if facts.state not in _OPEN and kind in _PLANNED_AT_SUBMISSION:
        return TakesEffect.ON_RESUBMISSION
    return TakesEffect.AT_ONCE


def reason_problems(reason: str) -> list[FieldProblem]:
    """The authority says why rules change under running assessments."""
    if not reason.strip() or len(reason) > REASON_MAXIMUM:
        text = Text(
            f"请填写调整政策的依据，不超过{REASON_MAXIMUM}个字。",
            f"Say what the change of policy rests on, in at most {REASON_MAXIMUM} characters.",
        )
        return [FieldProblem("reason", "REASON_REQUIRED", text)]
    return []


def require_running(state: CycleState) -> None:
    """Only a running cycle is pinned anew. Raises StateConflict for one that has pinned nothing yet, or is over."""
    if state is CycleState.PREPARED:
        text = Text(
            "考核周期尚未启动，启动时自动采用现行政策，无须调整。",
            "The cycle is not open yet; it pins what is in force when it is opened.",
        )
        raise StateConflict("CYCLE_NOT_OPEN", text, state.value)
    if state is CycleState.CLOSED:
        text = Text("考核周期已结束，不能再调整政策。", "The cycle is closed; its rules stay as they were.")
        raise StateConflict("CYCLE_CLOSED", text, state.value)


def require_as_previewed(pinned: str, current: str, previewed: str, state: CycleState) -> None:
    """What the authority has seen is what is done. Raises StateConflict where nothing differs, or where something else
    is in force than when the changes were shown. All three are digests."""
    if current == pinned:
        text = Text(
            "现行政策与本周期采用的政策一致，无须调整。",
            "What is in force is what the cycle has pinned; nothing to do.",
        )
        raise StateConflict("POLICY_UNCHANGED", text, state.value)
    if current != previewed:
        text = Text(
            "现行政策与您查看变更清单时不一致，请重新查看后再办理。",
            "Something else is in force than when you saw the changes; look at them again.",
        )
        raise StateConflict("POLICY_CHANGED_SINCE", text, state.value)
