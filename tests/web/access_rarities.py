"""What the scene of access has once in a while: a part of an object that comes to be late on the way, or only where
something went wrong. What no service makes without a day of its own (a mark that waits for its line, a verdict of a
proctoring service, a missed paper) is written as a row."""

import json
from datetime import timedelta

from dingkao.assessments.form_rules import HistoryKind
from dingkao.assessments.service.form import save_history_entry
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.question_voiding import propose_question_voiding
from dingkao.papers.tables import AssessmentPaper, Attempt, MarkChange, VoidedQuestion
from dingkao.papers.vocabulary import AttemptState, MarkChangeOutcome
from dingkao.plugin.vocabulary import PaperState, ProctorFinding, ReviewLevel
from dingkao.proctoring.flags import raise_flag
from dingkao.proctoring.tables import ProctorSession, ProctorVerdict
from dingkao.proctoring.vocabulary import ProctorFailure, ProctorFlagKind
from dingkao.proposals.deciding import decide_proposal, preview_proposal
from dingkao.proposals.tables import Proposal
from dingkao.proposals.vocabulary import ProposalKind
from dingkao.results.service import request_reexamination
from dingkao.testing.progress import papers_of
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao_exemptions.rules import ExemptionDecision
from dingkao_exemptions.service import decide_exemption


async def add_histories(environment: Environment, doctor: SampleDoctor) -> None:
    """Entries of the two histories that a submission does not ask for."""
    for kind in (HistoryKind.PRACTICE, HistoryKind.INSTITUTION_FILING):
        await save_history_entry(
            environment, doctor.caller, doctor.assessment_id, kind, None, {"institution_name": "示范医院"}
        )


async def add_to_the_sitting(environment: Environment, doctor: SampleDoctor, attempt: int) -> None:
    """A saved answer, and what proctoring knows of the attempt; it is a make-up for a paper that was missed before."""
    paper = (await papers_of(doctor))[0].id
    await AssessmentPaper.update({AssessmentPaper.absence_excused: True, AssessmentPaper.absence_reason: "因公"}).where(
        AssessmentPaper.id == paper
    )
    await save_answers(environment, doctor.caller, attempt, [GivenAnswer(1, "A", 1)])
    now = environment.clock.now()
    async with begin(environment, SYSTEM_CALLER) as work:
        await raise_flag(attempt, ProctorFlagKind.FRAME_FAILED, ProctorFailure.TIMED_OUT, now)
        inserted = await ProctorSession.insert(
            ProctorSession(attempt=attempt, name="session", subject="subject", due_at=now, closed_at=now)
        ).returning(ProctorSession.id)
        await ProctorVerdict.insert(
            ProctorVerdict(
                session=inserted[0]["id"], event="1", finding=ProctorFinding.PASSED.value, found_at=now,
                received_at=now, digest="0" * 64,
            )
        )  # fmt: skip
        await work.record("TEST", "Attempt", attempt)


async def grant_exemption(environment: Environment, province: SampleProvince, exemption: int) -> None:
    """Both levels' opinions, and the waived paper."""
    for caller, level in ((province.institution, ReviewLevel.INSTITUTION), (province.body, ReviewLevel.BODY)):
        await decide_exemption(CoreServices(environment), caller, exemption, level, ExemptionDecision.APPROVE, "属实")


async def add_to_the_result(
    environment: Environment, province: SampleProvince, concluded: SampleDoctor, question: int
) -> list[int]:
    """An objection to the result, a mark that waits for its line, and what a voided question made of it; the keys of
    proposals of a voided question and of a pass mark."""
    await request_reexamination(environment, concluded.caller, concluded.assessment_id, "评定有误")
    proposal = await propose_question_voiding(environment, province.authority, province.cycle_id, question, "题干有误")
    preview = await preview_proposal(environment, province.second_authority, proposal)
    await decide_proposal(environment, province.second_authority, proposal, confirm=True, digest=preview.digest)
    voided = await VoidedQuestion.select(VoidedQuestion.id).first()
    assert voided is not None
    first = (await papers_of(concluded))[0]
    now = environment.clock.now()
    await AssessmentPaper.update(
        {AssessmentPaper.state: PaperState.PENDING_CUTOFF.value, AssessmentPaper.attempts_used: 1}
    ).where(AssessmentPaper.id == first.id)
    inserted = await Attempt.insert(
        Attempt(
            paper=first.id, number=1, state=AttemptState.MARKED.value, started_at=now,
            deadline=now + timedelta(hours=1), submitted_at=now, score_percent=55, questions="[]", answer_key="{}",
        )
    ).returning(Attempt.id)  # fmt: skip
    await MarkChange.insert(
        MarkChange(
            voided_question=voided["id"], attempt=inserted[0]["id"], outcome=MarkChangeOutcome.UNCHANGED.value,
            percent_before=55, percent_after=55,
        )
    )  # fmt: skip
    given = {"cycle": province.cycle_id, "subject": "HUMANITIES", "pass_percent": 60}
    effect = {"pending": 1, "passed": 0, "failed": 1, "concluded": 0, "heldBack": 0}
    fixed = await Proposal.insert(
        Proposal(
            kind=ProposalKind.SET_PASS_MARK.value,
            about="Cycle/HUMANITIES",
            region=province.region_id,
            given=json.dumps(given),
            reason="依据",
            effect=json.dumps({**given, **effect}),
            digest="0" * 64,
            proposed_by=province.authority.account_id,
            proposed_at=now,
        )
    ).returning(Proposal.id)
    return [proposal, int(fixed[0]["id"])]
