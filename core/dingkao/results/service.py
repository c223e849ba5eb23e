"""What happens to a result: it is concluded, filed, notified, objected to, and becomes final (2007 measure, Art. 22
to 24; Physicians Law, Art. 42)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dingkao.accounts.step_up import step_up
from dingkao.accounts.tables import Account
from dingkao.assessments.access import move, pinned_policy
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.rules import Event
from dingkao.assessments.tables import Assessment
from dingkao.assessments.text import TextError, check_text
from dingkao.audit.tables import StateTransition
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin, logged_in
from dingkao.clock import china_date
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.messaging.service import send_sms
from dingkao.messaging.templates import compose
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FieldProblem, NotEligible, StateConflict, ValidationFailed
from dingkao.plugin.national import DocumentsPolicy
from dingkao.plugin.ports import SmsMessage
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import Role, Verdict
from dingkao.results.moving import (
    Chosen,
    checked_ids,
    choose,
    lock_assessments,
    lock_result,
    move_results,
    revoke_documents,
)
from dingkao.results.records import read_results
from dingkao.results.rules import RESULT_MACHINE, ResultEvent, objection_until, opposite
from dingkao.results.tables import Result
from dingkao.results.vocabulary import ConclusionGround, ResultState

# Longest grounds of an objection, and longest answer, in characters as people count them.
REASON_MAXIMUM = 1000
# The most that one request may notify by SMS: the gateway has a time limit, and so has the request.
NOTIFY_MAXIMUM = 100
# Messages under way at once.
SMS_AT_ONCE = 16
# The law's floor for objections; a region may only give more (DocumentsPolicy).
SHORTEST_OBJECTION_DAYS = 30
# Results that the sweeper takes in one transaction.
SWEEP_PAGE = 200

_phones = Statement(lambda p: Account.select(Account.doctor, Account.phone).where(Account.doctor.is_in(p.doctors)))
_notified_before = Statement(
    lambda p: (
        Result.select(Result.id, Result.assessment)
        .where((Result.state == p.state) & (Result.notified_at < p.before) & (Result.id > p.after))
        .order_by(Result.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)
_filed_by = Statement(
    lambda p: (
        StateTransition.select(StateTransition.account)
        .where((StateTransition.machine == p.machine) & (StateTransition.object_id == p.result))
        .where(StateTransition.event == p.event)
        .order_by(StateTransition.id, ascending=False)
        .limit(1)
    )
)


class ReexaminationDecision(StrEnum):
    """复核决定"""

    UPHELD = "UPHELD"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True)
class NotNotified:
    """A doctor who could not be told; the result stays filed and may be notified again."""

    assessment_id: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Notification:
    """What came of notifying: the assessments whose doctors were told, and those who were not."""

    notified: list[int]
    failures: list[NotNotified]


async def conclude(
    work: UnitOfWork, record: AssessmentRecord, verdict: Verdict, ground: ConclusionGround, event: Event
) -> None:
    """Conclude the locked assessment with `verdict`, resting on `ground`: it moves by `event` (CONCLUDE, or
    BODY_CONFIRM_FAILURE where a rating failed), and its result comes to be.

    Part of a use case of the caller's, which writes the audit entry. Raises StateConflict where the event does not fit,
    so also for an assessment that has been concluded.
    """
    await move(work, record, event, also={Assessment.conclusion: verdict.value})
    inserted = await Result.insert(
        Result(
            assessment=record.id,
            verdict=verdict.value,
            ground=ground.value,
            state=RESULT_MACHINE.initial.value,
            concluded_at=work.now,
        )
    ).returning(Result.id)
    await work.record_transition(
        machine=RESULT_MACHINE.name,
        object_id=inserted[0]["id"],
        assessment_id=record.id,
        source="",
        event=ResultEvent.CONCLUDE.value,
        target=RESULT_MACHINE.initial.value,
        reason=ground.value,
        policy_version=record.policy_version,
    )


async def file_results(environment: Environment, caller: Caller | None, assessment_ids: Sequence[int]) -> list[int]:
    """The body files the results of these assessments with the authority (备案; Physicians Law, Art. 42). All or
    nothing; returns the assessments in the order given.

    Raises NotLoggedIn, Forbidden, NotFound, and ValidationFailed with every result that cannot be filed.
    """
    async with begin(environment, caller) as work:
        work.acting = work.caller.require(Role.BODY_REVIEWER)
        ids = checked_ids(assessment_ids)
        await lock_assessments(ids)
        chosen = await choose(work.caller, ids, ResultEvent.FILE, Role.BODY_REVIEWER)
        await move_results(work, chosen, ResultEvent.FILE, also={Result.filed_at: work.now})
        await work.record("FILE_RESULTS", "Assessment", _only(ids), {"assessments": ids})
    return ids


async def notify_results(
    environment: Environment, caller: Caller | None, assessment_ids: Sequence[int], *, by_sms: bool = True
) -> Notification:
    """The body notifies the doctors of their results; the days for objections begin (2007 measure, Art. 24).

    A message goes to the phone of each doctor's account first, and only where the gateway took it does the result move:
    a failing gateway leaves the result filed, and says so. With `by_sms` False nothing is sent: the body states that it
    has handed the notices over in another way. (A crash between message and transaction means a second message later.)

    Raises NotLoggedIn, FirstLoginOpen, Forbidden, NotFound, and ValidationFailed with every result that cannot be
    notified; then no message was sent.
    """
    actor = logged_in(caller)
    actor.require(Role.BODY_REVIEWER)
    ids = checked_ids(assessment_ids, NOTIFY_MAXIMUM)
    chosen = await choose(actor, ids, ResultEvent.NOTIFY, Role.BODY_REVIEWER)
    failures = await _send_all(environment, chosen) if by_sms else []
    failed = {failure.assessment_id for failure in failures}
    told = [item.record.id for item in chosen if item.record.id not in failed]
    if not told:
        return Notification([], failures)
    async with begin(environment, actor) as work:
        await lock_assessments(told)
        results = await read_results(told)
        # Whoever was notified by another request meanwhile is notified: no reason to refuse the others.
        waiting = [item for item in chosen if item.record.id in results]
        waiting = [item for item in waiting if results[item.record.id].state is ResultState.FILED]
        if waiting:
            work.acting = waiting[0].grant
            await move_results(work, waiting, ResultEvent.NOTIFY, also={Result.notified_at: work.now})
        await work.record("NOTIFY_RESULTS", "Assessment", _only(told), {"assessments": told, "bySms": by_sms})
    return Notification(told, failures)


async def _send_all(environment: Environment, chosen: Sequence[Chosen]) -> list[NotNotified]:
    rows = await _phones.run(doctors=[item.record.doctor_id for item in chosen])
    phones = {row["doctor"]: row["phone"] for row in rows if row["phone"]}
    gate = asyncio.Semaphore(SMS_AT_ONCE)

    async def tell(item: Chosen) -> NotNotified | None:
        phone = phones.get(item.record.doctor_id)
        if phone is None:
            text = Text("医师未绑定手机号，请以其他方式送达。", "The doctor has bound no phone; deliver it otherwise.")
            return NotNotified(item.record.id, Reason("NO_PHONE", text))
        message = await _message(environment, item, phone)
        async with gate:
            try:
                await send_sms(environment, message)
            except StateConflict as conflict:
                return NotNotified(item.record.id, Reason(conflict.code, conflict.text))
        return None

    outcomes = await asyncio.gather(*(tell(item) for item in chosen))
    return [outcome for outcome in outcomes if outcome is not None]


async def _message(environment: Environment, item: Chosen, phone: str) -> SmsMessage:
    policy = (await pinned_policy(environment, item.record)).section(DocumentsPolicy)
    until = objection_until(environment.clock.now(), policy)
    # The verdict stays out of it: a message is read by whoever holds the phone.
    parameters = {"cycle": item.record.cycle_name, "until": f"{until.year}年{until.month}月{until.day}日"}
    return compose(environment.settings.sms_signature, phone, "RESULT_NOTIFIED", "result_notified", parameters)


async def request_reexamination(
    environment: Environment, caller: Caller | None, assessment_id: int, reason: str
) -> None:
    """The doctor objects to his result with reasons, within the days for objections (2007 measure, Art. 24).

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict, and NotEligible when the time is over.
    """
    async with begin(environment, caller) as work:
        chosen = await lock_result(work, assessment_id, Role.DOCTOR)
        grounds = checked_reason(reason)
        RESULT_MACHINE.require(chosen.result.state, ResultEvent.REQUEST_REEXAMINATION)
        policy = (await pinned_policy(environment, chosen.record)).section(DocumentsPolicy)
        until = objection_until(chosen.result.notified_at or chosen.result.concluded_at, policy)
        if work.today > until:
            text = Text(
                f"异议期已于{until.isoformat()}届满。", f"The time for objections ended on {until.isoformat()}."
            )
            raise NotEligible([Reason("OBJECTION_TIME_OVER", text)])
        await move_results(work, [chosen], ResultEvent.REQUEST_REEXAMINATION, reason=grounds)
        await work.record("REQUEST_REEXAMINATION", "Assessment", assessment_id)


@step_up("DECIDE_REEXAMINATION", Text("复核决定", "answer an objection, which may change a result"))
async def decide_reexamination(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    decision: ReexaminationDecision,
    reason: str,
) -> None:
    """The body answers an objection with reasons: the result stands, or becomes the opposite (2007 measure, Art. 24).

    A change changes the assessment's conclusion with it, and revokes what was printed: the notice is printed anew under
    its number; a certificate of a result that is no longer qualified stays revoked. Two people stand behind it: who
    filed the result does not change it.

    Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict (SAME_PERSON).
    """
    async with begin(environment, caller) as work:
        chosen = await lock_result(work, assessment_id, Role.BODY_REVIEWER)
        answer = checked_reason(reason)
        if decision is ReexaminationDecision.UPHELD:
            await move_results(work, [chosen], ResultEvent.UPHOLD, reason=answer)
        else:
            await _require_another_than_filed(work, chosen)
            verdict = opposite(chosen.result.verdict)
            await move_results(work, [chosen], ResultEvent.CHANGE, reason=answer, also={Result.verdict: verdict.value})
            await change_conclusion(work, chosen, verdict)
        await work.record("DECIDE_REEXAMINATION", "Assessment", assessment_id, {"decision": decision.value})


async def _require_another_than_filed(work: UnitOfWork, chosen: Chosen) -> None:
    RESULT_MACHINE.require(chosen.result.state, ResultEvent.CHANGE)
    filed = await _filed_by.first(machine=RESULT_MACHINE.name, result=chosen.result.id, event=ResultEvent.FILE.value)
    if filed is not None and filed["account"] == work.caller.account_id:
        text = Text(
            "本结果由您备案，变更须由本机构另一名审核人员决定。",
            "You filed this result; another reviewer of the body decides on changing it.",
        )
        raise StateConflict("SAME_PERSON", text, chosen.result.state.value)


async def change_conclusion(work: UnitOfWork, chosen: Chosen, verdict: Verdict) -> None:
    """Let the conclusion be `verdict` as the result is, and revoke what was printed; part of a use case."""
    await Assessment.update({Assessment.conclusion: verdict.value, Assessment.changed_at: work.now}).where(
        Assessment.id == chosen.record.id
    )
    await revoke_documents(work, chosen)


async def finalise_due(environment: Environment) -> int:
    """Make every notified result final whose days for objections are over; returns how many. Called by the sweeper;
    safe to call at any time and from several processes at once."""
    before = environment.clock.now() - timedelta(days=SHORTEST_OBJECTION_DAYS)
    total, after = 0, 0
    while True:
        rows = await _notified_before.run(
            state=ResultState.NOTIFIED.value, before=before, after=after, limit=SWEEP_PAGE
        )
        if not rows:
            return total
        after = rows[-1]["id"]
        due = await _due(environment, [row["assessment"] for row in rows])
        if due:
            total += await _finalise(environment, [item.record.id for item in due])


async def _finalise(environment: Environment, assessment_ids: Sequence[int]) -> int:
    async with begin(environment, SYSTEM_CALLER) as work:
        await lock_assessments(assessment_ids)
        # Read again: an objection may have come in, or another process may have been here.
        due = await _due(environment, assessment_ids)
        if due:
            await move_results(work, due, ResultEvent.FINALISE)
        await work.record("FINALISE_RESULTS", "Result", None, {"results": [item.result.id for item in due]})
    return len(due)


async def _due(environment: Environment, assessment_ids: Sequence[int]) -> list[Chosen]:
    today = china_date(environment.clock.now())
    records = await read_records(list(assessment_ids))
    due = []
    for result in (await read_results(assessment_ids)).values():
        if result.state is not ResultState.NOTIFIED or result.notified_at is None:
            continue
        record = records[result.assessment_id]
        policy = (await pinned_policy(environment, record)).section(DocumentsPolicy)
        if today > objection_until(result.notified_at, policy):
            due.append(Chosen(record, result, RoleGrant(Role.SYSTEM, None)))
    return due


def _only(ids: Sequence[int]) -> int | None:
    return ids[0] if len(ids) == 1 else None


def checked_reason(reason: str) -> str:
    """The reasons, normalised. Raises ValidationFailed (REQUIRED and the codes of texts)."""
    try:
        text = check_text(reason, REASON_MAXIMUM).text
    except TextError as error:
        raise ValidationFailed([FieldProblem("reason", error.code.upper(), error.text)]) from error
    if not text:
        raise ValidationFailed([FieldProblem("reason", "REQUIRED", Text("请填写理由。", "Give the reasons."))])
    return text
