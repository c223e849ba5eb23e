"""Asking for an exemption and deciding on it (manual 2.2.4; domain: exemption, one for each paper)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import ExemptionCondition
from dingkao.plugin.errors import (
    FieldProblem,
    Forbidden,
    NotEligible,
    NotFound,
    StateConflict,
    ValidationFailed,
)
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.national import ReviewPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.services import PluginServices, Work
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import FilePurpose, PaperSubject, ReviewLevel, Role
from dingkao_exemptions.policy import ExemptionsPolicy
from dingkao_exemptions.rules import (
    DECIDES,
    EVENTS,
    MACHINE,
    QUEUED_STATE,
    ExemptionDecision,
    ExemptionState,
    awaits_decision,
    catalogue,
    condition_reasons,
    decision_obstacle,
    missing_kinds,
    obstacles,
    open_request_reason,
    proof_kinds,
    waivable_subject,
)
from dingkao_exemptions.store import (
    ProofRecord,
    RequestRecord,
    Tick,
    insert_request,
    read_queue,
    read_request,
    read_requests_of,
    ticks_json,
)
from dingkao_exemptions.tables import ExemptionRequest

REASON_MAXIMUM = 1000
# The length of the core's column for a waiver's title.
WAIVER_TITLE_MAXIMUM = 120


@dataclass(frozen=True, slots=True)
class GivenProof:
    """A proof as the doctor gives it: the opaque id of an upload, and which kind of proof it is, where he says so."""

    file: str
    kind: str | None = None


async def request_exemption(
    services: PluginServices,
    caller: Caller | None,
    assessment_id: int,
    conditions: Sequence[str],
    proofs: Sequence[GivenProof],
) -> int:
    """Ask for the exemption of the one paper that the doctor's procedure lets be waived; returns the request's key.

    `conditions` are the ticked codes (one or more), `proofs` uploads made for this purpose. Raises ValidationFailed,
    StateConflict (not enrolled, outside the window, the paper begun, a request open), NotEligible, Forbidden, NotFound.
    """
    async with services.work(caller) as work:
        facts = await work.lock_assessment(assessment_id)
        work.role_on(facts, Role.DOCTOR)
        policy = await work.policy(assessment_id)
        _refuse_obstacles(facts, policy)
        subject = waivable_subject(facts, policy)
        procedure = facts.procedure
        if subject is None or procedure is None:
            raise AssertionError("an assessment without obstacles has a procedure that lets a paper be waived")
        await _refuse_second(facts, subject)
        offered = {condition.code: condition for condition in catalogue(services.exemption_conditions, facts, policy)}
        # First: whoever cannot have it need not look for certificates.
        _refuse_ineligible([offered[code] for code in conditions if code in offered], facts, policy)
        ticked, files = await _check_input(work, facts, policy, offered, conditions, proofs)
        request_id = await insert_request(
            ExemptionRequest(
                assessment=assessment_id,
                procedure=procedure,
                procedure_title=services.procedures[procedure].title.zh if procedure in services.procedures else "",
                subject=subject.value,
                conditions=ticks_json([Tick(condition.code, condition.title.zh) for condition in ticked]),
                state=MACHINE.initial.value,
                institution=facts.institution_id,
                body=facts.body_id,
                requested_by=work.caller.account_id,
                requested_at=work.now,
            ),
            files,
        )
        await work.record(
            "REQUEST_EXEMPTION",
            "Exemption",
            request_id,
            {"assessment": assessment_id, "conditions": list(conditions), "subject": subject.value},
        )
    return request_id


def _refuse_obstacles(facts: AssessmentFacts, policy: Policy) -> None:
    found = obstacles(facts, policy)
    lasting = [obstacle.reason for obstacle in found if not obstacle.passing]
    if lasting:
        raise NotEligible(lasting)
    for obstacle in found:
        raise StateConflict(obstacle.reason.code, obstacle.reason.text, facts.state.value)


async def _refuse_second(facts: AssessmentFacts, subject: PaperSubject) -> None:
    requests = (await read_requests_of([facts.assessment_id]))[0]
    reason = open_request_reason([item.standing for item in requests], facts, subject)
    if reason is not None:
        raise StateConflict(reason.code, reason.text, facts.state.value)


async def _check_input(
    work: Work,
    facts: AssessmentFacts,
    policy: Policy,
    offered: Mapping[str, ExemptionCondition],
    conditions: Sequence[str],
    proofs: Sequence[GivenProof],
) -> tuple[Sequence[ExemptionCondition], Sequence[ProofRecord]]:
    problems = _condition_problems(offered, conditions)
    ticked = [offered[code] for code in conditions if code in offered]
    problems += _number_problems(policy, proofs)
    if any(problem.code == "TOO_MANY_PROOFS" for problem in problems):
        raise ValidationFailed(problems)
    problems += _kind_problems(ticked, policy, proofs)
    files: list[int] = []
    try:
        given = [proof.file for proof in proofs]
        files = await work.use_files(facts.assessment_id, given, FilePurpose.EXEMPTION_PROOF, "proofs")
    except ValidationFailed as refused:
        problems += refused.problems
    if problems:
        raise ValidationFailed(problems)
    kinds = proof_kinds(ticked, policy)
    return ticked, [
        ProofRecord(file, proof.kind, kinds[proof.kind].title.zh if proof.kind else "")
        for file, proof in zip(files, proofs, strict=True)
    ]


def _condition_problems(offered: Mapping[str, ExemptionCondition], conditions: Sequence[str]) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if not conditions:
        text = Text("请至少勾选一项免考条件。", "Tick one condition at least.")
        problems.append(FieldProblem("conditions", "CONDITION_REQUIRED", text))
    for place, code in enumerate(conditions):
        if code not in offered:
            text = Text("该免考条件不适用于所选考核程序。", "This condition is not offered under the chosen procedure.")
            problems.append(FieldProblem(f"conditions.{place}", "CONDITION_NOT_OFFERED", text))
        elif code in conditions[:place]:
            problems.append(FieldProblem(f"conditions.{place}", "REPEATED", Text("重复勾选。", "Ticked twice.")))
    return problems


def _number_problems(policy: Policy, proofs: Sequence[GivenProof]) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    rule = policy.section(ExemptionsPolicy)
    if len(proofs) < rule.minimum_proofs:
        text = Text(f"请至少上传{rule.minimum_proofs}份证明材料。", f"Upload {rule.minimum_proofs} proof(s) at least.")
        problems.append(FieldProblem("proofs", "PROOF_REQUIRED", text))
    if len(proofs) > rule.maximum_proofs:
        text = Text(f"证明材料最多{rule.maximum_proofs}份。", f"At most {rule.maximum_proofs} proofs.")
        problems.append(FieldProblem("proofs", "TOO_MANY_PROOFS", text))
    return problems


def _kind_problems(
    ticked: Sequence[ExemptionCondition], policy: Policy, proofs: Sequence[GivenProof]
) -> list[FieldProblem]:
    known = proof_kinds(ticked, policy)
    unknown = Text("所勾选的免考条件没有该种证明材料。", "The ticked conditions take no such kind of proof.")
    problems = [
        FieldProblem(f"proofs.{place}.kind", "PROOF_KIND_UNKNOWN", unknown)
        for place, proof in enumerate(proofs)
        if proof.kind is not None and proof.kind not in known
    ]
    for kind in missing_kinds(ticked, [proof.kind for proof in proofs], policy):
        text = Text(f"缺少证明材料：{kind.title.zh}。", f"A proof is missing: {kind.title.en}.")
        problems.append(FieldProblem("proofs", "PROOF_KIND_MISSING", text))
    return problems


def _refuse_ineligible(ticked: Sequence[ExemptionCondition], facts: AssessmentFacts, policy: Policy) -> None:
    reasons = [
        Reason(
            reason.code,
            Text(f"“{condition.title.zh}”：{reason.text.zh}", f"“{condition.title.en}”: {reason.text.en}"),
        )
        for condition in ticked
        for reason in condition_reasons(condition, facts, policy)
    ]
    if reasons:
        raise NotEligible(reasons)


async def decide_exemption(
    services: PluginServices,
    caller: Caller | None,
    request_id: int,
    level: ReviewLevel,
    decision: ExemptionDecision,
    reason: str,
) -> None:
    """Approve or reject at one level; the body's approval waives the paper.

    The level is named by whoever decides, so that a second click never decides at the next one. Raises
    ValidationFailed (a rejection needs its reason), StateConflict (decided already, lapsed, the paper begun),
    Forbidden (another role, his own request, or the same person at both levels), NotFound.
    """
    async with services.work(caller) as work:
        known = await read_request(request_id)
        if known is None:
            raise NotFound
        facts = await work.lock_assessment(known.assessment_id)
        work.role_on(facts, DECIDES[level])
        # Read again under the lock: of two decisions at once the second sees the first.
        request = await read_request(request_id)
        if request is None:
            raise NotFound
        policy = await work.policy(request.assessment_id)
        await _refuse_person(work, request, facts, level, policy)
        _check_reason(decision, reason)
        transition = MACHINE.require(request.state, EVENTS[level, decision])
        obstacle = decision_obstacle(request.standing, decision, facts)
        if obstacle is not None:
            raise StateConflict(obstacle.code, obstacle.text, request.state.value)
        await _write_decision(work, request, facts, level, decision, reason.strip(), transition.target)
        await work.record_transition(
            MACHINE.name,
            request.id,
            facts,
            request.state.value,
            transition.event.value,
            transition.target.value,
            reason.strip(),
        )
        if transition.target is ExemptionState.BODY_APPROVED:
            await work.waive_paper(
                request.assessment_id, request.subject, request.conditions[0].code, waiver_title(request.conditions)
            )
        await work.record(
            f"DECIDE_EXEMPTION_BY_{level.value}",
            "Exemption",
            request.id,
            {"assessment": request.assessment_id, "decision": decision.value},
        )


async def _refuse_person(
    work: Work, request: RequestRecord, facts: AssessmentFacts, level: ReviewLevel, policy: Policy
) -> None:
    if not policy.section(ReviewPolicy).separate_people:
        return
    other = ReviewLevel.INSTITUTION if level is ReviewLevel.BODY else ReviewLevel.BODY
    accounts = set(await work.deciders(request.assessment_id, other))
    if level is ReviewLevel.BODY and request.institution is not None:
        accounts.add(request.institution.account)
    if work.caller.account_id in accounts:
        raise Forbidden(Text("机构审核与考核机构复核不得为同一人。", "The same person may not decide at both levels."))


def _check_reason(decision: ExemptionDecision, reason: str) -> None:
    if len(reason) > REASON_MAXIMUM:
        text = Text(f"原因最多{REASON_MAXIMUM}字。", f"At most {REASON_MAXIMUM} characters.")
        raise ValidationFailed([FieldProblem("reason", "REASON_TOO_LONG", text)])
    if decision is ExemptionDecision.REJECT and not reason.strip():
        raise ValidationFailed([FieldProblem("reason", "REASON_REQUIRED", Text("请填写原因。", "Give the reason."))])


async def _write_decision(
    work: Work,
    request: RequestRecord,
    facts: AssessmentFacts,
    level: ReviewLevel,
    decision: ExemptionDecision,
    reason: str,
    target: ExemptionState,
) -> None:
    row = ExemptionRequest
    if level is ReviewLevel.INSTITUTION:
        values: dict[Any, Any] = {
            row.institution_decision: decision.value,
            row.institution_account: work.caller.account_id,
            row.institution_reason: reason,
            row.institution_decided_at: work.now,
            # The body may have been appointed, or changed, since the doctor asked.
            row.body: facts.body_id,
        }
    else:
        values = {
            row.body_decision: decision.value,
            row.body_account: work.caller.account_id,
            row.body_reason: reason,
            row.body_decided_at: work.now,
        }
    await row.update({row.state: target.value, **values}).where(row.id == request.id)


def waiver_title(ticks: Sequence[Tick]) -> str:
    """What the core keeps beside the waived paper: every ticked condition, or the first where they are too long."""
    joined = "；".join(tick.title for tick in ticks)
    return joined if len(joined) <= WAIVER_TITLE_MAXIMUM else ticks[0].title[:WAIVER_TITLE_MAXIMUM]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Requests that wait; `last_key` is the key after which the next page begins, where `more` follow."""

    requests: Sequence[RequestRecord]
    last_key: int | None
    more: bool


async def exemption_queue(
    services: PluginServices, caller: Caller | None, level: ReviewLevel, first: int, after: int
) -> QueuePage:
    """What waits for a decision of the caller's organisation at `level`, oldest first.

    A request that cannot be decided now is left out: lapsed, or its assessment back with the doctor, over or out of
    scope. A page may therefore be shorter than `first` though more follow. Raises Forbidden, NotLoggedIn.
    """
    asking = services.logged_in(caller)
    asking.require(DECIDES[level])
    found = await read_queue(asking.organisations(DECIDES[level]), QUEUED_STATE[level], after, first + 1)
    page = found[:first]
    readings = await services.readings(caller, [request.assessment_id for request in page])
    waiting = [
        request
        for request, reading in zip(page, readings, strict=True)
        if reading is not None and awaits_decision(request.standing, reading.facts)
    ]
    return QueuePage(waiting, page[-1].id if page else None, len(found) > first)
