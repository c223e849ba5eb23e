"""The pass mark fixed after the sitting (划定合格线): all waiting papers of a cycle are decided at once, or none.
Proposed by one officer of the authority, confirmed by another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from dingkao.access.rules import authority_grant, refuse_own
from dingkao.accounts.step_up import step_up
from dingkao.assessments.records import read_records
from dingkao.assessments.requirements import BATCH, unmet_requirements
from dingkao.assessments.text import TextError, check_text
from dingkao.audit.work import UnitOfWork, logged_in
from dingkao.cycles.service import CycleRecord, read_cycles
from dingkao.cycles.tables import Cycle
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.gates import Gate, close_gate
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.marks import mark_submitted
from dingkao.papers.settling import settle_expired
from dingkao.papers.tables import AssessmentPaper, PassMark
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.requirements import Step
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, PaperState, PaperSubject, Verdict
from dingkao.proposals.acts import Act, Performed
from dingkao.proposals.service import propose
from dingkao.proposals.vocabulary import ProposalKind
from dingkao.results.concluding import conclude_all
from dingkao.results.vocabulary import ConclusionGround

REASON_MAXIMUM = 1000

_lock_cycle = Statement(lambda p: Cycle.select(Cycle.id).where(Cycle.id == p.id).lock_rows())
_fixed = Statement(
    lambda p: PassMark.select(
        PassMark.subject, PassMark.pass_percent, PassMark.pending, PassMark.passed, PassMark.failed,
        PassMark.concluded, PassMark.set_at,
    ).where(PassMark.cycle == p.cycle)
)  # fmt: skip
_WAITING = (
    "FROM assessment_paper AS paper JOIN assessment ON assessment.id = paper.assessment "
    f"WHERE assessment.cycle = {{}} AND paper.subject = {{}} AND paper.state = '{PaperState.PENDING_CUTOFF.value}'"
)
# Of a paper that waits, the one attempt whose outcome nobody knows yet.
_UNDECIDED = "attempt.state = 'MARKED' AND attempt.passed IS NULL"
_distribution = Statement(
    lambda p: QueryString(
        "SELECT paper.subject AS subject, attempt.score_percent AS percent, COUNT(*) AS number "  # noqa: S608 - words of our own
        "FROM assessment JOIN assessment_paper AS paper ON paper.assessment = assessment.id "
        f"AND paper.state = '{PaperState.PENDING_CUTOFF.value}' "
        f"JOIN attempt ON attempt.paper = paper.id AND {_UNDECIDED} "
        "WHERE assessment.cycle = {} GROUP BY paper.subject, attempt.score_percent ORDER BY attempt.score_percent",
        p.cycle,
    )
)
# Whether a doctor's own paper is among those that wait.
_own = Statement(
    lambda p: QueryString(
        f"SELECT paper.id {_WAITING} AND assessment.doctor = {{}}",
        p.cycle,
        p.subject,
        p.doctor,
    )
)
_running = Statement(
    lambda p: QueryString(
        "SELECT COUNT(*) AS number FROM attempt JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "JOIN assessment ON assessment.id = paper.assessment "
        "WHERE attempt.state IN ('IN_PROGRESS', 'SUBMITTED') AND assessment.cycle = {} AND paper.subject = {}",
        p.cycle,
        p.subject,
    )
)
# In the order of their keys, as every batch locks them.
_lock_assessments = Statement(
    lambda p: QueryString(
        f"SELECT id FROM assessment WHERE id IN (SELECT assessment.id {_WAITING}) ORDER BY id FOR UPDATE",  # noqa: S608
        p.cycle,
        p.subject,
    )
)


def _write_transitions(p: Any) -> QueryString:
    """One row of the paper's machine for each waiting paper whose attempt has this outcome."""
    moment, number = ("CAST({} AS TIMESTAMPTZ)", "CAST({} AS BIGINT)") if is_postgresql() else ("{}", "{}")
    transition = rules.MACHINE.require(PaperState.PENDING_CUTOFF, p.event)
    return QueryString(
        "INSERT INTO state_transition (at, machine, object_id, assessment, source, event, target, account, role, "  # noqa: S608
        "organisation, reason, policy_version) "
        f"SELECT {moment}, '{rules.MACHINE.name}', paper.id, assessment.id, '{transition.source.value}', "
        f"'{transition.event.value}', '{transition.target.value}', {number}, CAST({{}} AS VARCHAR(30)), {number}, '', "
        "pinned.version "
        "FROM assessment_paper AS paper JOIN assessment ON assessment.id = paper.assessment "
        "JOIN pinned_policy AS pinned ON pinned.id = assessment.policy "
        f"WHERE assessment.cycle = {{}} AND paper.subject = {{}} AND paper.state = '{transition.source.value}' "
        f"AND {_outcome(p.event)}",
        p.now,
        p.account,
        p.role,
        p.organisation,
        p.cycle,
        p.subject,
        p.pass_percent,
    )


def _outcome(event: rules.Event) -> str:
    """Said of `paper`, which waits: the mark of its one attempt that nobody has decided reaches the pass mark, or is
    below it. One value goes in: the pass mark."""
    reaches = (
        f"EXISTS (SELECT 1 FROM attempt WHERE attempt.paper = paper.id AND {_UNDECIDED} "  # noqa: S608
        "AND attempt.score_percent >= {})"
    )
    return reaches if event is rules.Event.PASS else f"NOT {reaches}"


def _move_papers(p: Any) -> QueryString:
    transition = rules.MACHINE.require(PaperState.PENDING_CUTOFF, p.event)
    return QueryString(
        f"UPDATE assessment_paper SET state = '{transition.target.value}', changed_at = {{}} "  # noqa: S608
        f"WHERE id IN (SELECT paper.id {_WAITING} AND {_outcome(p.event)}) RETURNING id",
        p.now,
        p.cycle,
        p.subject,
        p.pass_percent,
    )


_transitions = Statement(_write_transitions, constants=("event",))
_moved = Statement(_move_papers, constants=("event",))
# Whose papers may have said all with this: the rest is for the rules.
_candidates = Statement(
    lambda p: QueryString(
        "SELECT assessment.id AS id, pinned.version AS version FROM assessment "  # noqa: S608
        "JOIN pinned_policy AS pinned ON pinned.id = assessment.policy "
        "JOIN assessment_paper AS paper ON paper.assessment = assessment.id AND paper.subject = {} "
        f"AND paper.state IN ('{PaperState.PASSED.value}', '{PaperState.FAILED.value}') "
        f"WHERE assessment.cycle = {{}} AND assessment.state = '{AssessmentState.TESTING.value}' "
        f"AND assessment.id > {{}} ORDER BY assessment.id LIMIT {BATCH}"
        f"{' FOR UPDATE OF assessment' if is_postgresql() else ''}",
        p.subject,
        p.cycle,
        p.after,
    )
)
_states = Statement(
    lambda p: (
        AssessmentPaper.select(AssessmentPaper.assessment, AssessmentPaper.state)
        .where(AssessmentPaper.assessment.is_in(p.assessments))
        .order_by(AssessmentPaper.assessment, AssessmentPaper.position)
    )
)
_GROUNDS = {
    Verdict.QUALIFIED: ConclusionGround.ALL_PAPERS_PASSED,
    Verdict.UNQUALIFIED: ConclusionGround.PAPER_FAILED,
}


@dataclass(frozen=True, slots=True)
class PassMarkRecord:
    """One subject of a cycle: the papers that wait for the pass mark, by their percentage (percent, papers), and what
    came of it where it is fixed; the counts are None before."""

    cycle_id: int
    subject: PaperSubject
    distribution: tuple[tuple[int, int], ...]
    pass_percent: int | None
    waited: int | None
    passed: int | None
    failed: int | None
    concluded: int | None
    set_at: datetime | None

    @property
    def pending(self) -> int:
        """Papers that wait now."""
        return sum(number for _, number in self.distribution)


class _Tested(NamedTuple):
    """A locked assessment that is being tested."""

    id: int
    policy_version: str
    state: AssessmentState = AssessmentState.TESTING


async def read_pass_marks(caller: Caller | None, cycle_id: int) -> list[PassMarkRecord]:
    """Every subject of the cycle with its waiting papers or its pass mark: two queries. For the authority that governs
    the cycle's region. Raises NotLoggedIn, Forbidden, NotFound."""
    await _governed(logged_in(caller), cycle_id)
    return await _read(cycle_id)


async def _governed(caller: Caller, cycle_id: int) -> tuple[CycleRecord, RoleGrant]:
    cycle = (await read_cycles([cycle_id])).get(cycle_id)
    if cycle is None:
        authority_grant(caller)
        raise NotFound
    return cycle, authority_grant(caller, cycle.region_id)


async def _read(cycle_id: int) -> list[PassMarkRecord]:
    fixed = {row["subject"]: row for row in await _fixed.run(cycle=cycle_id)}
    spread: dict[str, list[tuple[int, int]]] = {}
    for row in await _distribution.run(cycle=cycle_id):
        spread.setdefault(row["subject"], []).append((row["percent"], row["number"]))
    return [
        _record(cycle_id, subject, spread.get(subject.value, ()), fixed.get(subject.value)) for subject in PaperSubject
    ]


def _record(
    cycle_id: int, subject: PaperSubject, spread: Sequence[tuple[int, int]], row: Mapping[str, Any] | None
) -> PassMarkRecord:
    if row is None:
        return PassMarkRecord(cycle_id, subject, tuple(spread), None, None, None, None, None, None)
    return PassMarkRecord(
        cycle_id,
        subject,
        tuple(spread),
        row["pass_percent"],
        row["pending"],
        row["passed"],
        row["failed"],
        row["concluded"],
        row["set_at"],
    )


@step_up("SET_PASS_MARK", Text("提出划定合格线", "propose a pass mark, which decides papers and results"))
async def propose_pass_mark(
    environment: Environment,
    caller: Caller | None,
    *,
    cycle_id: int,
    subject: PaperSubject,
    pass_percent: int,
    reason: str,
) -> int:
    """Propose the pass mark of a subject, after the time for tests; another officer decides. Returns the proposal's
    key. By the authority that governs the cycle's region (domain: 划定合格线, province).

    Raises NotLoggedIn, Forbidden, NotFound, ValidationFailed (passPercent, reason), StateConflict (TESTS_NOT_OVER,
    ATTEMPTS_RUNNING, PASS_MARK_SET, NOTHING_PENDING, PROPOSED_ALREADY).
    """
    await _governed(logged_in(caller), cycle_id)
    problems = _problems(pass_percent, reason)
    if problems:
        raise ValidationFailed(problems)
    return await propose(
        environment,
        caller,
        SET_PASS_MARK,
        about=f"Cycle/{cycle_id}/{subject.value}",
        given={"cycle": cycle_id, "subject": subject.value, "pass_percent": pass_percent},
        reason=reason.strip(),
    )


async def _settle(environment: Environment) -> None:
    """What the sweeper has not come to yet. A paper that cannot be marked now is decided by the pass mark when it
    is."""
    await settle_expired(environment)
    await mark_submitted(environment)


async def _fix(work: UnitOfWork, given: Mapping[str, Any], reason: str) -> Performed:
    """Fix the pass mark of a subject, once: every paper that waits for it passes or fails, and every assessment whose
    papers have said all is concluded. One transaction: nobody ever sees a half of it.

    An assessment that a plugin's requirement holds back keeps its decided papers and is concluded when that is
    answered. Raises Forbidden (also for an officer whose own paper waits), NotFound, StateConflict (TESTS_NOT_OVER,
    ATTEMPTS_RUNNING, PASS_MARK_SET, NOTHING_PENDING).
    """
    cycle_id, subject, pass_percent = given["cycle"], PaperSubject(given["subject"]), given["pass_percent"]
    if is_postgresql():
        # A province's papers may take longer than any request's statement is given.
        await fetch("SET LOCAL statement_timeout = '10min'")
        await close_gate(Gate.MARKING, cycle_id)
        await _lock_cycle.run(id=cycle_id)
    cycle, work.acting = await _governed(work.caller, cycle_id)
    rules.require_tests_over(cycle.calendar.tests_until, work.now)
    if is_postgresql():
        # Before they are counted: an invigilator's extra time may take one back to its doctor meanwhile.
        await _lock_assessments.run(cycle=cycle_id, subject=subject.value)
    before = next(row for row in await _read(cycle_id) if row.subject is subject)
    running = int((await _running.run(cycle=cycle_id, subject=subject.value))[0]["number"])
    rules.require_pass_mark_settable(
        tests_until=cycle.calendar.tests_until,
        now=work.now,
        fixed=before.pass_percent,
        running=running,
        pending=before.pending,
    )
    doctor = work.caller.doctor_id
    if doctor is not None and await _own.first(cycle=cycle_id, subject=subject.value, doctor=doctor) is not None:
        refuse_own(work.caller, doctor)
    passed, failed = await _decide_papers(work, cycle_id, subject, pass_percent)
    concluded, held = await _conclude(work, cycle_id, subject)
    await PassMark.insert(
        PassMark(
            cycle=cycle_id,
            subject=subject.value,
            pass_percent=pass_percent,
            reason=reason,
            pending=before.pending,
            passed=passed,
            failed=failed,
            concluded=concluded,
            account=work.caller.account_id,
            organisation=work.acting.organisation_id,
            set_at=work.now,
        )
    )
    counts = {"passed": passed, "failed": failed, "concluded": concluded, "heldBack": held}
    detail = {
        "subject": subject.value,
        "passPercent": pass_percent,
        "pendingBefore": before.pending,
        "pendingAfter": before.pending - passed - failed,
        **counts,
    }
    await work.record("SET_PASS_MARK", "Cycle", cycle_id, detail)
    return Performed(cycle.region_id, {**given, "pending": before.pending, **counts}, repr(before.distribution))


SET_PASS_MARK = Act(ProposalKind.SET_PASS_MARK, _fix, _settle)


def _problems(pass_percent: int, reason: str) -> list[FieldProblem]:
    problems = []
    if not 1 <= pass_percent <= 100:
        text = Text("合格线应为1至100的百分比。", "The pass mark is a percentage from 1 to 100.")
        problems.append(FieldProblem("passPercent", "PASS_PERCENT_RANGE", text))
    try:
        if not check_text(reason, REASON_MAXIMUM).text:
            text = Text("请填写划定依据。", "Say what it rests on.")
            problems.append(FieldProblem("reason", "REASON_REQUIRED", text))
    except TextError as error:
        problems.append(FieldProblem("reason", error.code.upper(), error.text))
    return problems


async def _decide_papers(work: UnitOfWork, cycle_id: int, subject: PaperSubject, pass_percent: int) -> tuple[int, int]:
    """Move every waiting paper by its mark, and write each transition down; how many passed and failed."""
    which = {"cycle": cycle_id, "subject": subject.value, "pass_percent": pass_percent}
    counts = []
    for event in (rules.Event.PASS, rules.Event.FAIL):
        await _transitions.run(
            event=event,
            now=work.now,
            account=work.caller.account_id or None,
            role=work.acting.role.value,
            organisation=work.acting.organisation_id,
            **which,
        )
        counts.append(len(await _moved.run(event=event, now=work.now, **which)))
    return counts[0], counts[1]


async def _conclude(work: UnitOfWork, cycle_id: int, subject: PaperSubject) -> tuple[int, int]:
    """Conclude what can be concluded now; how many were, and how many a requirement holds back."""
    concluded, held, after = 0, 0, 0
    while rows := await _candidates.run(subject=subject.value, cycle=cycle_id, after=after):
        versions = {int(row["id"]): str(row["version"]) for row in rows}
        after = rows[-1]["id"]
        states: dict[int, list[PaperState]] = {}
        for row in await _states.run(assessments=list(versions)):
            states.setdefault(row["assessment"], []).append(PaperState(row["state"]))
        verdicts = {key: verdict for key in versions if (verdict := rules.conclusion(states[key])) is not None}
        waiting = await _held_back(work, list(verdicts))
        held += len(waiting)
        for verdict, ground in _GROUNDS.items():
            chosen = [
                _Tested(key, versions[key])
                for key, reached in verdicts.items()
                if reached is verdict and key not in waiting
            ]
            await conclude_all(work, chosen, verdict, ground)
            concluded += len(chosen)
    return concluded, held


async def _held_back(work: UnitOfWork, assessment_ids: Sequence[int]) -> set[int]:
    if not assessment_ids or not work.environment.registry.requirements:
        return set()
    records = await read_records(list(assessment_ids))
    return set(await unmet_requirements(work.environment, list(records.values()), Step.CONCLUSION))
