"""Making an attempt void (答卷作废): asked for by one invigilator with a reason, decided by another
person: one of the assessment body's reviewers or an officer of the authority above it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dingkao.access.rules import INVIGILATORS, OF_A_SITTING, OVER_INVIGILATORS, Kind, require_role
from dingkao.accounts.step_up import step_up
from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import read_records
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.invigilating import checked_reason
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.reopening import reopen_assessment, require_last
from dingkao.papers.running import find_attempt, find_paper
from dingkao.papers.tables import AssessmentPaper, Attempt, Voiding
from dingkao.papers.vocabulary import AttemptState, VoidingConsequence
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState

_voidings = Statement(
    lambda p: Voiding.select(
        Voiding.attempt, Voiding.consequence, Voiding.reason, Voiding.asked_by, Voiding.asked_at, Voiding.decided_at,
        Voiding.confirmed,
    ).where(Voiding.attempt.is_in(p.attempts))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VoidingRecord:
    """What was asked and decided; `confirmed` None: it waits for a second person."""

    consequence: VoidingConsequence
    reason: str
    asked_by: int
    asked_at: datetime
    decided_at: datetime | None
    confirmed: bool | None


async def read_voidings(attempt_ids: list[int]) -> list[VoidingRecord | None]:
    """The voiding of each attempt, or None; one query."""
    found = {row["attempt"]: row for row in await _voidings.run(attempts=attempt_ids)}
    return [
        VoidingRecord(
            VoidingConsequence(row["consequence"]),
            row["reason"],
            row["asked_by"],
            row["asked_at"],
            row["decided_at"],
            None if row["confirmed"] is None else bool(row["confirmed"]),
        )
        if (row := found.get(key)) is not None
        else None
        for key in attempt_ids
    ]


async def request_voiding(
    environment: Environment,
    caller: Caller | None,
    attempt_id: int,
    consequence: VoidingConsequence,
    reason: str,
) -> None:
    """Ask for an attempt to be made void; nothing changes before a second person confirms. After a refusal it may be
    asked anew. Raises NotLoggedIn, NotFound, Forbidden, ValidationFailed, StateConflict (VOIDED_ALREADY,
    VOIDING_REQUESTED)."""
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, (await find_attempt(attempt_id))["assessment"], OF_A_SITTING)
        work.acting = require_role(work.caller, record, *INVIGILATORS, kind=Kind.SITTING)
        text = checked_reason(reason)
        before = (await read_voidings([attempt_id]))[0]
        if before is not None and before.confirmed is not False:
            raise _pending_or_done(before)
        await Voiding.delete().where(Voiding.attempt == attempt_id)
        await Voiding.insert(
            Voiding(
                attempt=attempt_id,
                consequence=consequence.value,
                reason=text,
                asked_by=work.caller.account_id,
                asked_at=work.now,
            )
        )
        await work.record("REQUEST_VOIDING", "Attempt", attempt_id, {"consequence": consequence.value})


def _pending_or_done(found: VoidingRecord) -> StateConflict:
    if found.confirmed:
        return StateConflict("VOIDED_ALREADY", Text("该答卷已作废。", "It is void already."), "VOIDED")
    text = Text("已申请作废，待另一人确认。", "It was asked for already and waits for a second person.")
    return StateConflict("VOIDING_REQUESTED", text, "VOIDING_REQUESTED")


@step_up("DECIDE_VOIDING", Text("确认作废答卷", "make an attempt void"))
async def decide_voiding(environment: Environment, caller: Caller | None, attempt_id: int, *, confirm: bool) -> None:
    """Confirm or refuse, as another person than the one who asked. Confirmed, the attempt counts no more: another one
    is given, or the paper counts as failed; a result that is not filed is taken back.

    Raises NotLoggedIn, NotFound, Forbidden, StateConflict: NO_VOIDING, SAME_PERSON, LATER_ATTEMPT, LATER_PAPER_BEGUN,
    RESULT_FILED.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, (await find_attempt(attempt_id))["assessment"], OF_A_SITTING)
        work.acting = require_role(work.caller, record, *OVER_INVIGILATORS)
        asked = (await read_voidings([attempt_id]))[0]
        if asked is None or asked.confirmed is not None:
            text = Text("没有待确认的作废申请。", "No voiding waits to be decided.")
            raise StateConflict("NO_VOIDING", text, "NO_VOIDING")
        if asked.asked_by == work.caller.account_id:
            text = Text("作废须由另一人确认。", "Another person than the one who asked decides.")
            raise StateConflict("SAME_PERSON", text, "VOIDING_REQUESTED")
        before = await _void(work, attempt_id, asked) if confirm else ""
        await Voiding.update(
            {
                Voiding.decided_by: work.caller.account_id,
                Voiding.decided_at: work.now,
                Voiding.confirmed: confirm,
                Voiding.before: before,
            }
        ).where(Voiding.attempt == attempt_id)
        detail = {"consequence": asked.consequence.value, "before": before}
        await work.record("CONFIRM_VOIDING" if confirm else "REFUSE_VOIDING", "Attempt", attempt_id, detail)


async def _void(work: UnitOfWork, attempt_id: int, asked: VoidingRecord) -> str:
    attempt = await find_attempt(attempt_id)
    await require_last(attempt)
    record = (await read_records([attempt["assessment"]]))[attempt["assessment"]]
    record = await reopen_assessment(work, record, attempt["paper"], asked.reason)
    paper = await find_paper(attempt["paper"])
    changes: dict[Any, Any] = {
        Attempt.state: AttemptState.VOIDED.value, Attempt.passed: None, Attempt.paused_at: None
    }  # fmt: skip
    await Attempt.update(changes).where(Attempt.id == attempt_id)
    state = await move_paper(work, record, paper, rules.Event.VOID)
    voided = {**paper, "state": state.value}
    if asked.consequence is VoidingConsequence.NEW_ATTEMPT:
        # The void attempt stays counted; one more is allowed in its place.
        allowed = paper["attempts_allowed"]
        more = {} if allowed is None else {AssessmentPaper.attempts_allowed: allowed + 1}
        await move_paper(work, record, voided, rules.Event.RESTORE, more)
    else:
        await move_paper(work, record, voided, rules.Event.FAIL)
        if record.state is AssessmentState.TESTING:
            await open_papers(work, record)
    return f"{attempt['state']}/{paper['state']}"
