"""What the end of the time makes of papers that nobody can begin any more: noticed by whoever looks and by the sweeper
in the same way. One that was begun and not passed is failed, whatever attempts are left; one that was missed (缺考) is
decided by people, or counts as failed at once, as the policy says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import OVER_INVIGILATORS, require_role
from dingkao.assessments.access import lock_assessment, pinned_policy
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.work import SYSTEM_CALLER, UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers import rules
from dingkao.papers.invigilating import checked_reason
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.reopening import reopen_assessment
from dingkao.papers.tables import AssessmentPaper, Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, ValidationFailed
from dingkao.plugin.national import Absence, PapersPolicy
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState

# How many assessments the sweeper looks at with one query.
_SWEEP = 200
# A make-up sitting is held within so long; later ones belong to another cycle.
_LONGEST = timedelta(days=366)

_log = get_logger("dingkao.papers")

_papers = Statement(
    lambda p: (
        AssessmentPaper.select(
            AssessmentPaper.id, AssessmentPaper.assessment, AssessmentPaper.subject, AssessmentPaper.state,
            AssessmentPaper.attempts_used, AssessmentPaper.sit_until, AssessmentPaper.absence_excused,
            AssessmentPaper.lapsed_at,
        )
        .where(AssessmentPaper.assessment.is_in(p.assessments))
        .order_by(AssessmentPaper.position)
    )
)  # fmt: skip
_attempts = Statement(
    lambda p: Attempt.select(Attempt.paper, Attempt.number, Attempt.state, Attempt.score_percent).where(
        Attempt.paper.is_in(p.papers) & (Attempt.state != AttemptState.VOIDED.value)
    )
)
_due = Statement(
    lambda p: QueryString(
        "SELECT DISTINCT assessment.id AS id FROM cycle "  # noqa: S608 - words and a number of our own
        "JOIN assessment ON assessment.cycle = cycle.id "
        "JOIN assessment_paper AS paper ON paper.assessment = assessment.id "
        f"WHERE assessment.state IN ('{AssessmentState.BODY_APPROVED.value}', '{AssessmentState.TESTING.value}') "
        f"AND paper.state IN ('{PaperState.LOCKED.value}', '{PaperState.AVAILABLE.value}') "
        "AND COALESCE(paper.sit_until, cycle.tests_until) <= {} AND assessment.id > {} "
        f"ORDER BY assessment.id LIMIT {_SWEEP}",
        p.now,
        p.after,
    )
)


def _ended(papers: Sequence[Mapping[str, Any]], record: AssessmentRecord, now: datetime) -> dict[int, rules.Event]:
    if record.state not in rules.TESTABLE:
        return {}
    times = [
        rules.SittingTime(PaperState(row["state"]), row["attempts_used"], row["sit_until"] or record.tests_until)
        for row in papers
    ]
    return rules.ended(times, now)


async def _ended_and_best(
    papers: Sequence[Mapping[str, Any]], record: AssessmentRecord, now: datetime
) -> tuple[dict[int, rules.Event], dict[str, int | None]]:
    """What becomes of the papers, with attempts that were made void left out, and the best mark of each subject that
    lapses (null: nothing was marked)."""
    found = _ended(papers, record, now)
    if not any(papers[index]["attempts_used"] for index in found):
        return found, {}
    attempts = await _attempts.run(papers=[row["id"] for row in papers])
    numbers = Counter(attempt["paper"] for attempt in attempts)
    counted = [{**row, "attempts_used": numbers[row["id"]]} for row in papers]
    found = _ended(counted, record, now)
    best: dict[str, int | None] = {}
    for index, event in found.items():
        if event is rules.Event.LAPSE:
            own = [attempt["score_percent"] for attempt in attempts if attempt["paper"] == papers[index]["id"]]
            best[papers[index]["subject"]] = max((mark for mark in own if mark is not None), default=None)
    return found, best


async def settle_ended(environment: Environment, assessment_id: int) -> bool:
    """Write down what the end of the time makes of the papers, and what follows by the policy; False where another did
    it first or time is left."""
    async with begin(environment, SYSTEM_CALLER) as work:
        record = await lock_assessment(work, assessment_id)
        papers = await _papers.run(assessments=[assessment_id])
        found, best = await _ended_and_best(papers, record, work.now)
        if not found:
            await work.record("SETTLE_ABSENCE_NOT_DUE", "Assessment", assessment_id)
            return False
        policy = (await pinned_policy(environment, record)).section(PapersPolicy)
        excused = False if policy.absence is Absence.FAIL else None
        for index, event in found.items():
            also = {AssessmentPaper.absence_excused: excused} if event is rules.Event.MISS else None
            await move_paper(work, record, papers[index], event, also)
        if best or excused is False:
            await open_papers(work, record)
        if best:
            await work.record("SETTLE_LAPSED", "Assessment", assessment_id, {"best": best})
        else:
            subjects = [papers[index]["subject"] for index in found]
            await work.record("SETTLE_ABSENCE", "Assessment", assessment_id, {"subjects": subjects, "excused": excused})
        return True


async def settle_all_ended(environment: Environment) -> int:
    """The sweeper's turn: every assessment with a paper whose time is over. One that cannot be settled is logged and
    keeps no other waiting. Returns how many were settled."""
    settled, after, now = 0, 0, environment.clock.now()
    while rows := await _due.run(now=now, after=after):
        ids = [row["id"] for row in rows]
        records = await read_records(ids)
        papers: dict[int, list[Mapping[str, Any]]] = {key: [] for key in ids}
        for row in await _papers.run(assessments=ids):
            papers[row["assessment"]].append(row)
        for key in ids:
            if not _ended(papers[key], records[key], now):
                continue  # another of its papers is being sat
            try:
                settled += await settle_ended(environment, key)
            except Exception as error:
                _log.error("papers whose time is over could not be settled", assessment=key, exc_info=error)
        after = ids[-1]
    return settled


async def decide_absence(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    *,
    excused: bool,
    sit_until: datetime | None,
    reason: str,
) -> None:
    """Decide over the papers that a doctor missed, for the body or the authority: with a good reason (`excused`) they
    open again, one after the other, until `sit_until` (补考); without one the assessment is failed (2007 measure,
    Art. 27). With a good reason so does a paper that was begun and failed when its time ended, with attempts left.

    A result that counts them as failed and is not filed yet is taken back by an excuse. Raises NotLoggedIn, NotFound,
    Forbidden, ValidationFailed (reason, sitUntil), StateConflict: NOT_ABSENT, ABSENCE_DECIDED, RESULT_FILED.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, *OVER_INVIGILATORS)
        await work.find("Assessment", assessment_id)
        text = checked_reason(reason)
        every = await _papers.run(assessments=[assessment_id])
        papers = [
            row
            for row in every
            if row["state"] == PaperState.ABSENT.value or (excused and row["lapsed_at"] is not None)
        ]
        if not papers:
            sentence = Text("该考核没有缺考的试卷。", "No paper of this assessment was missed.")
            raise StateConflict("NOT_ABSENT", sentence, record.state.value)
        if excused:
            until = _checked_until(sit_until, work.now)
            locked = [row for row in every if row["state"] == PaperState.LOCKED.value]
            await _excuse(work, record, papers, locked, until, text)
            detail = {"papers": len(papers), "until": until.isoformat()}
            await work.record("EXCUSE_ABSENCE", "Assessment", assessment_id, detail)
            return
        if papers[0]["absence_excused"] is not None:
            sentence = Text("缺考已处理。", "The absence is decided already.")
            raise StateConflict("ABSENCE_DECIDED", sentence, record.state.value)
        for row in papers:
            await AssessmentPaper.update(
                {AssessmentPaper.absence_excused: False, AssessmentPaper.absence_reason: text}
            ).where(AssessmentPaper.id == row["id"])
        await open_papers(work, record)
        await work.record("FAIL_ABSENCE", "Assessment", assessment_id, {"papers": len(papers)})


def _checked_until(sit_until: datetime | None, now: datetime) -> datetime:
    if sit_until is None:
        text = Text("请填写补考截止时间。", "Say until when the missed papers may be sat.")
        raise ValidationFailed([FieldProblem("sitUntil", "REQUIRED", text)])
    if not now < sit_until <= now + _LONGEST:
        text = Text("补考截止时间须在此后一年内。", "The make-up sitting ends within a year from now.")
        raise ValidationFailed([FieldProblem("sitUntil", "OUT_OF_RANGE", text)])
    return sit_until


async def _excuse(
    work: UnitOfWork,
    record: AssessmentRecord,
    papers: Sequence[Mapping[str, Any]],
    locked: Sequence[Mapping[str, Any]],
    until: datetime,
    reason: str,
) -> None:
    record = await reopen_assessment(work, record, papers[0]["id"], reason)
    for row in papers:
        changes = {
            AssessmentPaper.sit_until: until,
            AssessmentPaper.absence_excused: True,
            AssessmentPaper.absence_reason: reason,
        }
        await move_paper(work, record, row, rules.Event.EXCUSE, changes)
    # Those behind them wait for them, and have as long.
    for row in locked:
        await AssessmentPaper.update({AssessmentPaper.sit_until: until}).where(AssessmentPaper.id == row["id"])
    await open_papers(work, record)
