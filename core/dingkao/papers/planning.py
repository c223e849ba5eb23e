"""Planning the papers of an assessment, opening them one after another, waiving one; concluding when none is left."""

from collections.abc import Sequence
from typing import Any

from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.requirements import unmet_requirements
from dingkao.assessments.rules import Event as AssessmentEvent
from dingkao.audit.work import UnitOfWork
from dingkao.db.statement import Statement
from dingkao.papers import rules
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.requirements import Step
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperState, PaperSubject, Verdict
from dingkao.results.service import conclude
from dingkao.results.vocabulary import ConclusionGround

_papers = Statement(
    lambda p: (
        AssessmentPaper.select(
            AssessmentPaper.id,
            AssessmentPaper.subject,
            AssessmentPaper.position,
            AssessmentPaper.state,
            AssessmentPaper.absence_excused,
        )
        .where(AssessmentPaper.assessment == p.assessment)
        .order_by(AssessmentPaper.position)
    )
)


async def plan_papers(
    work: UnitOfWork, record: AssessmentRecord, plans: Sequence[PaperPlan], *, procedure_changed: bool
) -> None:
    """Write down the papers that the procedure asks for, all LOCKED; part of submitting.

    A resubmission plans anew: a paper keeps its exemption only where the procedure is the same. Nothing was sat yet.
    RuntimeError tells of a procedure that plans for this doctor what nobody could reach: at the start it was asked
    about others (dingkao.host.reach), and no assessment may be caught in it.
    """
    wrong = rules.wrong_with_plans(plans)
    if wrong is not None:
        raise RuntimeError(f"procedure {record.procedure} {wrong}")
    before = {row["subject"]: row for row in await _papers.run(assessment=record.id)}
    kept = {
        subject
        for subject, row in before.items()
        if row["state"] == PaperState.EXEMPT.value
        and not procedure_changed
        and subject in {plan.subject.value for plan in plans}
    }
    for subject, row in before.items():
        if subject not in kept:
            await AssessmentPaper.delete().where(AssessmentPaper.id == row["id"])
        else:
            # Out of the way of the new positions, which are unique.
            await AssessmentPaper.update({AssessmentPaper.position: -row["position"]}).where(
                AssessmentPaper.id == row["id"]
            )
    for position, plan in enumerate(plans, start=1):
        if plan.subject.value in kept:
            await AssessmentPaper.update({AssessmentPaper.position: position}).where(
                AssessmentPaper.id == before[plan.subject.value]["id"]
            )
            continue
        await AssessmentPaper.insert(
            AssessmentPaper(
                assessment=record.id,
                subject=plan.subject.value,
                position=position,
                state=rules.MACHINE.initial.value,
                attempts_allowed=plan.attempts,
                changed_at=work.now,
            )
        )


async def move_paper(
    work: UnitOfWork, record: AssessmentRecord, paper: Any, event: rules.Event, also: dict[Any, Any] | None = None
) -> PaperState:
    """Move a paper (a row with `id` and `state`) of the locked assessment; returns its new state.
    Raises StateConflict."""
    source = PaperState(paper["state"])
    transition = rules.MACHINE.require(source, event)
    changes: dict[Any, Any] = {
        AssessmentPaper.state: transition.target.value,
        AssessmentPaper.changed_at: work.now,
        AssessmentPaper.lapsed_at: work.now if event is rules.Event.LAPSE else None,
    }
    await AssessmentPaper.update(changes | (also or {})).where(AssessmentPaper.id == paper["id"])
    await work.record_transition(
        machine=rules.MACHINE.name,
        object_id=paper["id"],
        assessment_id=record.id,
        source=source.value,
        event=event.value,
        target=transition.target.value,
        policy_version=record.policy_version,
    )
    return transition.target


async def open_papers(work: UnitOfWork, record: AssessmentRecord) -> None:
    """After the body's approval, and after each paper that is done: open the next one, or conclude where the papers
    have said all (every one passed or waived, or one failed) and no plugin's requirement holds it back. An assessment
    that has its conclusion keeps it: a paper that was still being sat when another one failed changes nothing."""
    if record.state not in rules.TESTABLE:
        return
    papers = await _papers.run(assessment=record.id)
    states = [PaperState(row["state"]) for row in papers]
    unexcused = any(
        state is PaperState.ABSENT and row["absence_excused"] is not None and not row["absence_excused"]
        for state, row in zip(states, papers, strict=True)
    )
    verdict = rules.conclusion(states, unexcused=unexcused)
    if verdict is not None:
        if await unmet_requirements(work.environment, [record], Step.CONCLUSION):
            return  # it waits; whoever answers what is open lets us look again
        if verdict is Verdict.QUALIFIED:
            ground = ConclusionGround.ALL_PAPERS_PASSED
        else:
            failed = PaperState.FAILED in states
            ground = ConclusionGround.PAPER_FAILED if failed else ConclusionGround.PAPER_MISSED
        await conclude(work, record, verdict, ground, AssessmentEvent.CONCLUDE)
        return
    index = rules.next_to_open(states)
    if index is not None:
        await move_paper(work, record, papers[index], rules.Event.OPEN)


async def waive_paper(work: UnitOfWork, record: AssessmentRecord, subject: PaperSubject, code: str, title: str) -> None:
    """Waive a paper that was not begun, by an exemption with `code` and `title`; opens the next one or concludes.
    Raises StateConflict (NO_SUCH_PAPER, NOT_IN_THIS_STATE)."""
    if record.state not in rules.WAIVABLE:
        raise StateConflict(
            "NOT_IN_THIS_STATE",
            Text("当前状态下不能免考。", "Nothing is waived in this state."),
            record.state.value,
        )
    paper = next((row for row in await _papers.run(assessment=record.id) if row["subject"] == subject.value), None)
    if paper is None:
        text = Text("本次考核没有该试卷。", "This assessment has no such paper.")
        raise StateConflict("NO_SUCH_PAPER", text, record.state.value)
    await move_paper(
        work,
        record,
        paper,
        rules.Event.WAIVE,
        {AssessmentPaper.waiver_code: code, AssessmentPaper.waiver_title: title},
    )
    if record.state in rules.TESTABLE:
        await open_papers(work, (await read_records([record.id]))[record.id])
