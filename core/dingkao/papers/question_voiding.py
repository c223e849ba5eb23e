"""A broken question voided for all (试题作废): it counts as right for everybody who was asked it in the cycle, and
every mark is made anew, with a list of before and after. No mark ever falls by it. Proposed by one officer of the
authority, confirmed by another."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import authority_grant, refuse_own
from dingkao.accounts.step_up import step_up
from dingkao.assessments.access import lock_records
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.work import UnitOfWork, logged_in
from dingkao.cycles.service import CycleRecord, read_cycles
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.gates import Gate, close_gate
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers import rules
from dingkao.papers.invigilating import checked_reason
from dingkao.papers.marking import mark
from dingkao.papers.marks import voided_positions
from dingkao.papers.planning import move_paper, open_papers
from dingkao.papers.reopening import reopen_for_pass
from dingkao.papers.running import find_paper
from dingkao.papers.tables import Answer, Attempt, MarkChange, Question, VoidedQuestion
from dingkao.papers.vocabulary import AttemptState
from dingkao.papers.vocabulary import MarkChangeOutcome as Outcome
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import NotFound, StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import PaperState
from dingkao.proposals.acts import Act, Performed
from dingkao.proposals.service import propose
from dingkao.proposals.vocabulary import ProposalKind

_BATCH = 200

# The frozen paper names each question's version; the text finds the papers that ask it. In the order of the
# assessments' keys, as every batch locks them; read once, for it looks through every paper of the cycle.
_asked = Statement(
    lambda p: QueryString(
        "SELECT attempt.id AS id, assessment.id AS assessment "
        "FROM attempt JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "JOIN assessment ON assessment.id = paper.assessment "
        "WHERE assessment.cycle = {} AND attempt.state = 'MARKED' AND attempt.questions LIKE {} "
        "ORDER BY assessment.id, attempt.id",
        p.cycle,
        p.pattern,
    )
)
# A pass mark that came after the sitting is not in the attempt.
_sheets = Statement(
    lambda p: QueryString(
        "SELECT attempt.id AS id, attempt.paper AS paper, paper.assessment AS assessment, "  # noqa: S608 - marks alone
        "paper.state AS paper_state, attempt.answer_key AS answer_key, "
        "COALESCE(attempt.pass_percent, pass_mark.pass_percent) AS pass_percent, "
        "attempt.score_percent AS score_percent, attempt.passed AS passed "
        "FROM attempt JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "LEFT JOIN pass_mark ON pass_mark.cycle = {} AND pass_mark.subject = paper.subject "
        f"WHERE attempt.id IN ({', '.join('{}' for _ in p.attempts)}) AND attempt.state = 'MARKED' "
        "ORDER BY paper.assessment, attempt.id",
        p.cycle,
        *p.attempts,
    )
)
_answers = Statement(lambda p: Answer.select(Answer.position, Answer.choice).where(Answer.attempt == p.attempt))
_question = Statement(
    lambda p: Question.select(Question.subject, Question.code, Question.version, Question.stem).where(
        Question.id == p.question
    )
)
_before = Statement(
    lambda p: VoidedQuestion.select(VoidedQuestion.id).where(
        (VoidedQuestion.cycle == p.cycle) & (VoidedQuestion.question == p.question)
    )
)
_voided = Statement(
    lambda p: (
        VoidedQuestion.select(
            VoidedQuestion.id, VoidedQuestion.question, VoidedQuestion.reason, VoidedQuestion.attempts,
            VoidedQuestion.voided_at,
        )
        .where(VoidedQuestion.cycle == p.cycle)
        .order_by(VoidedQuestion.id)
    )
)  # fmt: skip
_changes = Statement(
    lambda p: (
        MarkChange.select(
            MarkChange.id, MarkChange.attempt, MarkChange.outcome, MarkChange.percent_before, MarkChange.percent_after,
            MarkChange.passed_before, MarkChange.passed_after,
        )
        .where((MarkChange.voided_question.cycle == p.cycle) & (MarkChange.id > p.after))
        .order_by(MarkChange.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VoidedQuestionRecord:
    """A question that was voided in a cycle, why, and how many marked attempts had asked it."""

    id: int
    question: int
    reason: str
    attempts: int
    voided_at: datetime


async def read_voided_questions(caller: Caller | None, cycle_id: int) -> list[VoidedQuestionRecord]:
    """The voided questions of a cycle, for the authority that governs it. Raises NotLoggedIn, Forbidden, NotFound."""
    await _require_authority(logged_in(caller), cycle_id)
    return [VoidedQuestionRecord(**row) for row in await _voided.run(cycle=cycle_id)]


async def read_mark_changes(caller: Caller | None, cycle_id: int, after: int, limit: int) -> list[Mapping[str, Any]]:
    """What voiding questions did to the marks of a cycle, before and after, by key: one query. Raises as above."""
    await _require_authority(logged_in(caller), cycle_id)
    return await _changes.run(cycle=cycle_id, after=after, limit=limit)


async def _require_authority(caller: Caller, cycle_id: int) -> tuple[CycleRecord, RoleGrant]:
    cycle = (await read_cycles([cycle_id])).get(cycle_id)
    if cycle is None:
        authority_grant(caller)
        raise NotFound
    return cycle, authority_grant(caller, cycle.region_id)


@step_up("VOID_QUESTION", Text("提出作废试题", "propose to void a question, which marks papers anew"))
async def propose_question_voiding(
    environment: Environment, caller: Caller | None, cycle_id: int, question_id: int, reason: str
) -> int:
    """Propose to void a version of a question for a cycle; another officer decides. Returns the proposal's key.

    Raises NotLoggedIn, Forbidden, NotFound, ValidationFailed (reason), StateConflict (QUESTION_VOIDED,
    PROPOSED_ALREADY).
    """
    await _require_authority(logged_in(caller), cycle_id)
    return await propose(
        environment,
        caller,
        VOID_QUESTION,
        about=f"Cycle/{cycle_id}/Question/{question_id}",
        given={"cycle": cycle_id, "question": question_id},
        reason=checked_reason(reason),
    )


async def _void(work: UnitOfWork, given: Mapping[str, Any], reason: str) -> Performed:
    """Every marked attempt that asked the question is marked anew, later ones are marked so from the start. Who passes
    by it has passed, also where the pass mark was fixed after the sitting and whatever paper was begun since, and a
    result that is not filed is taken back and concluded anew; where it is filed, or a later attempt is under way, the
    mark stays and the list says so. One transaction.

    Raises Forbidden (also for an officer whose own attempt is among them), NotFound, StateConflict (QUESTION_VOIDED).
    """
    cycle_id, question_id = given["cycle"], given["question"]
    cycle, work.acting = await _require_authority(work.caller, cycle_id)
    question = await _question.first(question=question_id)
    if question is None:
        raise NotFound
    if is_postgresql():
        # A province's papers may take longer than any request's statement is given.
        await fetch("SET LOCAL statement_timeout = '10min'")
        # What is marked before is seen below; what is marked after it sees that the question is void.
        await close_gate(Gate.MARKING, cycle_id)
    if await _before.first(cycle=cycle_id, question=question_id) is not None:
        voided = Text("该试题已作废。", "The question is void in this cycle already.")
        raise StateConflict("QUESTION_VOIDED", voided, "VOIDED")
    inserted = await VoidedQuestion.insert(
        VoidedQuestion(
            cycle=cycle_id,
            question=question_id,
            reason=reason,
            account=work.caller.account_id,
            organisation=work.acting.organisation_id,
            voided_at=work.now,
        )
    ).returning(VoidedQuestion.id)
    key = int(inserted[0]["id"])
    counts = dict.fromkeys(Outcome, 0)
    changes = hashlib.sha256()
    asked = await _asked.run(cycle=cycle_id, pattern=f'%"question":{question_id},%')
    for first in range(0, len(asked), _BATCH):
        for change in await _mark_anew(work, cycle_id, key, asked[first : first + _BATCH], reason):
            counts[change[1]] += 1
            changes.update(f"{' '.join(map(str, change))}\n".encode())
    attempts = sum(counts.values())
    await VoidedQuestion.update({VoidedQuestion.attempts: attempts}).where(VoidedQuestion.id == key)
    told = {outcome.value: count for outcome, count in counts.items()}
    await work.record("VOID_QUESTION", "Cycle", cycle_id, {"question": question_id, **told})
    effect = {
        **given,
        "subject": question["subject"],
        "code": question["code"],
        "version": question["version"],
        # What nobody was asked yet is the bank's secret.
        "stem": question["stem"] if attempts else None,
        "attempts": attempts,
        **told,
    }
    return Performed(cycle.region_id, effect, changes.hexdigest())


VOID_QUESTION = Act(ProposalKind.VOID_QUESTION, _void)


async def _mark_anew(
    work: UnitOfWork, cycle_id: int, voided: int, asked: Sequence[Mapping[str, Any]], reason: str
) -> list[tuple[int, Outcome, int, int]]:
    """The attempts, what came of each, and its percentage before and after. One that extra time has opened again
    meanwhile is left out: it is marked when it ends."""
    await lock_records(sorted({row["assessment"] for row in asked}))
    changes = []
    for row in await _sheets.run(cycle=cycle_id, attempts=[row["id"] for row in asked]):
        key = {int(position): choice for position, choice in json.loads(row["answer_key"]).items()}
        answers = {each["position"]: each["choice"] for each in await _answers.run(attempt=row["id"])}
        marked = mark(key, answers, row["pass_percent"], await voided_positions(cycle_id, row["id"]))
        before = rules.decided(AttemptState.MARKED, row["passed"], PaperState(row["paper_state"]))
        record = (await read_records([row["assessment"]]))[row["assessment"]]
        # Whose own mark is made anew with the others' is not who proposes or decides it.
        refuse_own(work.caller, record.doctor_id)
        outcome = await _change(work, record, row, marked.percent, before, marked.passed, reason)
        kept = outcome in (Outcome.RESULT_FILED, Outcome.LATER_ATTEMPT)
        await MarkChange.insert(
            MarkChange(
                voided_question=voided,
                attempt=row["id"],
                outcome=outcome.value,
                percent_before=row["score_percent"],
                percent_after=row["score_percent"] if kept else marked.percent,
                passed_before=before,
                passed_after=before if kept else marked.passed,
            )
        )
        changes.append((row["id"], outcome, row["score_percent"], row["score_percent"] if kept else marked.percent))
    return changes


async def _change(
    work: UnitOfWork,
    record: AssessmentRecord,
    row: Mapping[str, Any],
    percent: int,
    before: bool | None,
    after: bool | None,
    reason: str,
) -> Outcome:
    if percent == row["score_percent"]:
        return Outcome.UNCHANGED
    now_passed = after is True and before is not True
    if now_passed:
        paper = await find_paper(row["paper"])
        if PaperState(paper["state"]) not in (PaperState.FAILED, PaperState.AVAILABLE):
            return Outcome.LATER_ATTEMPT
        try:
            record = await reopen_for_pass(work, record, reason)
        except StateConflict as conflict:
            if conflict.code != Outcome.RESULT_FILED:
                raise
            return Outcome.RESULT_FILED
        await move_paper(work, record, paper, rules.Event.RAISE)
    await Attempt.update({Attempt.score_percent: percent, Attempt.passed: after}).where(Attempt.id == row["id"])
    if now_passed:
        await open_papers(work, (await read_records([record.id]))[record.id])
    return Outcome.NOW_PASSED if now_passed else Outcome.RAISED
