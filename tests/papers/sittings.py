"""A doctor before his papers: a province with a small paper and a bank of our own, where the right option says so."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.audit.tables import StateTransition
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.cycles.pinning import pinned_scopes, pinned_texts
from dingkao.environment import Environment
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.planning import open_papers, plan_papers
from dingkao.papers.records import AttemptRecord, PaperRecord, read_attempts, read_papers_of, read_questions
from dingkao.papers.tables import Attempt
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.policy import PolicySection, from_json
from dingkao.plugin.vocabulary import AssessmentState, PaperSubject
from dingkao.testing.progress import fill_bank
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

HUMANITIES, PROFESSIONAL = PaperSubject.HUMANITIES, PaperSubject.PROFESSIONAL
BOTH_ONCE = (PaperPlan(HUMANITIES, 1), PaperPlan(PROFESSIONAL, 1))
ANY_NUMBER = (PaperPlan(HUMANITIES, None),)
QUESTIONS, MINUTES, GRACE_SECONDS = 10, 30, 60


@dataclass(frozen=True)
class Sittings:
    """The province, and what tests of papers do again and again."""

    province: SampleProvince
    environment: Environment

    async def doctor(
        self,
        plans: Sequence[PaperPlan] = BOTH_ONCE,
        *,
        state: AssessmentState = AssessmentState.BODY_APPROVED,
        opened: bool = True,
    ) -> SampleDoctor:
        """A doctor whose papers are planned, and opened as the body's approval opens them."""
        doctor = await self.province.add_doctor(state=state, procedure="ANY")
        async with begin(self.environment, SYSTEM_CALLER) as work:
            await plan_papers(work, await self.record(doctor), plans, procedure_changed=False)
            if opened:
                await open_papers(work, await self.record(doctor))
            await work.record("TEST", "Assessment", doctor.assessment_id)
        return doctor

    async def record(self, doctor: SampleDoctor) -> AssessmentRecord:
        return (await read_records([doctor.assessment_id]))[doctor.assessment_id]

    async def papers(self, doctor: SampleDoctor) -> list[PaperRecord]:
        return (await read_papers_of([doctor.assessment_id]))[0]

    async def states(self, doctor: SampleDoctor) -> list[str]:
        return [paper.state.value for paper in await self.papers(doctor)]

    async def attempt(self, attempt_id: int) -> AttemptRecord:
        found = (await read_attempts([attempt_id]))[0]
        assert found is not None
        return found

    async def answer(self, doctor: SampleDoctor, attempt_id: int, right: int, sequence: int = 1) -> None:
        """Answer every question, `right` of them rightly."""
        answers = [
            GivenAnswer(question["position"], self.choice(question, question["position"] <= right), sequence)
            for question in (await read_questions([attempt_id]))[0]
        ]
        await save_answers(self.environment, doctor.caller, attempt_id, answers)

    @staticmethod
    def choice(question: dict[str, object], right: bool) -> str:
        """The key of the right option, or of a wrong one: the bank's texts say which is which."""
        options = question["options"]
        assert isinstance(options, list)
        return next(str(option["key"]) for option in options if option["text"].startswith("正确") is right)

    async def pin(self, **changes: object) -> None:
        """Let the cycle pin a policy whose section `papers` has these values."""
        (scope,) = (await pinned_scopes([self.province.cycle_id]))[self.province.cycle_id]
        values = json.loads((await pinned_texts([scope.policy_id]))[scope.policy_id].content)
        values["papers"].update(changes)
        sections: Sequence[type[PolicySection]] = self.environment.registry.sections
        await self.province.pin(from_json(json.dumps(values), sections, "test"))

    async def moves(self, machine: str, doctor: SampleDoctor) -> list[tuple[str, str, str]]:
        """(source, event, target) of every transition that was written down for the doctor's assessment."""
        rows = (
            await StateTransition.select(StateTransition.source, StateTransition.event, StateTransition.target)
            .where((StateTransition.assessment == doctor.assessment_id) & (StateTransition.machine == machine))
            .order_by(StateTransition.id)
        )
        return [(row["source"], row["event"], row["target"]) for row in rows]


async def build_sittings(environment: Environment) -> Sittings:
    """The province with a paper of ten questions for each subject, a bank, and no face capture."""
    province = await build_sample(environment)
    found = Sittings(province, environment)
    rule = {"questions": QUESTIONS, "minutes": MINUTES, "pass_percent": 60}
    await found.pin(
        rules={HUMANITIES.value: rule, PROFESSIONAL.value: rule}, grace_seconds=GRACE_SECONDS, face_capture=False
    )
    for subject in PaperSubject:
        await fill_bank(province, subject)
    return found


async def ask_the_same(first: int, *others: int) -> int:
    """Let the others have been asked what the first was, so that one question is in all; the last question's key."""
    sheet = await Attempt.select(Attempt.questions, Attempt.answer_key).where(Attempt.id == first).first()
    assert sheet is not None
    questions = json.loads(sheet["questions"])
    for other in others:
        row = await Attempt.select(Attempt.questions).where(Attempt.id == other).first()
        assert row is not None
        frozen = json.loads(row["questions"])
        for entry in frozen:
            entry["question"] = questions[entry["position"] - 1]["question"]
        text = json.dumps(frozen, ensure_ascii=False, separators=(",", ":"))
        await Attempt.update({Attempt.questions: text}).where(Attempt.id == other)
    return int(questions[-1]["question"])
