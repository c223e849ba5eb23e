"""Self-evaluation (自评) of work performance and ethics, saved as a draft."""

import json
from dataclasses import replace

import pytest

from dingkao.assessments.service.evaluation import save_self_evaluation
from dingkao.assessments.tables import Rating
from dingkao.environment import Environment
from dingkao.plugin.errors import RevisionConflict
from dingkao.plugin.vocabulary import AssessmentState, Dimension, Verdict
from dingkao.testing.progress import current_record
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor, SampleProvince

WORK = Dimension.WORK_PERFORMANCE
SCORES = [("WORKLOAD", 40), ("QUALITY", 38), ("PUBLIC_DUTIES", 20)]


async def test_saved_and_saved_anew(environment: Environment, doctor: SampleDoctor) -> None:
    who = (environment, doctor.caller, doctor.assessment_id)
    await save_self_evaluation(*who, WORK, SCORES[:1], "草稿", None, 0)
    await save_self_evaluation(*who, WORK, SCORES, " 完成\r\n任务 ", Verdict.QUALIFIED, 1)
    await save_self_evaluation(*who, Dimension.PROFESSIONAL_ETHICS, [("LAWFULNESS", 0)], "", None, 2)
    rows = await Rating.select(
        Rating.dimension, Rating.rated_by, Rating.verdict, Rating.items, Rating.summary
    ).order_by(Rating.id)
    assert [(row["dimension"], row["rated_by"], row["verdict"], row["summary"]) for row in rows] == [
        ("WORK_PERFORMANCE", "DOCTOR", "QUALIFIED", "完成\n任务"),
        ("PROFESSIONAL_ETHICS", "DOCTOR", None, ""),
    ]
    assert json.loads(rows[0]["items"]) == [{"code": code, "score": score} for code, score in SCORES]
    assert (await current_record(doctor)).revision == 3


async def test_everything_wrong_at_once(environment: Environment, doctor: SampleDoctor) -> None:
    scores = [("WORKLOAD", 41), ("QUALITY", -1), ("QUALITY", 1), ("LAWFULNESS", 1), ("NONSENSE", 1)]
    use_case = save_self_evaluation(
        environment, doctor.caller, doctor.assessment_id, WORK, scores, "字" * 1001, Verdict.QUALIFIED, None
    )
    assert await refused_fields(use_case) == [
        ("scores.0.score", "SCORE_OUT_OF_RANGE"),
        ("scores.1.score", "SCORE_OUT_OF_RANGE"),
        ("scores.2.code", "REPEATED_ITEM"),
        ("scores.3.code", "UNKNOWN_ITEM"),
        ("scores.4.code", "UNKNOWN_ITEM"),
        ("summary", "TEXT_TOO_LONG"),
    ]
    assert await Rating.count() == 0


async def test_competence_is_tested_and_not_rated(environment: Environment, doctor: SampleDoctor) -> None:
    use_case = save_self_evaluation(
        environment, doctor.caller, doctor.assessment_id, Dimension.PROFESSIONAL_COMPETENCE, [], "", None, None
    )
    assert await refused_fields(use_case) == [("dimension", "NOT_RATED")]


async def test_conflict_state_and_access(environment: Environment, province: SampleProvince) -> None:
    doctor, colleague = await province.add_doctor("张三"), await province.add_doctor("李四")
    rest = (WORK, SCORES, "", Verdict.QUALIFIED)
    with pytest.raises(RevisionConflict):
        await save_self_evaluation(environment, doctor.caller, doctor.assessment_id, *rest, 7)
    closed = await province.add_doctor(state=AssessmentState.SUBMITTED)
    use_case = save_self_evaluation(environment, closed.caller, closed.assessment_id, *rest, None)
    assert await refused_state(use_case) == ("FORM_CLOSED", "SUBMITTED")
    for caller, code in (
        (None, "UNAUTHENTICATED"),
        (replace(doctor.caller, first_login=True), "FIRST_LOGIN_REQUIRED"),
        (colleague.caller, "NOT_FOUND"),
        (province.institution, "FORBIDDEN"),
        (province.body, "FORBIDDEN"),
    ):
        use_case = save_self_evaluation(environment, caller, doctor.assessment_id, *rest, None)
        assert await refused_access(use_case) == code
    assert await Rating.count() == 0
