"""A broken question voided for all: every mark anew, none lower, a list of before and after."""

from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.question_voiding import propose_question_voiding, read_mark_changes, read_voided_questions
from dingkao.papers.records import read_questions
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.results.service import file_results
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.two_people import confirmed

from .sittings import ANY_NUMBER, BOTH_ONCE, Sittings, ask_the_same

ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)
WHY = "题干有误"


async def _sat(sittings: Sittings, plans: tuple[PaperPlan, ...], right: int) -> tuple[SampleDoctor, int]:
    """A paper with the first `right` questions right, submitted."""
    doctor = await sittings.doctor(plans)
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=right)
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    return doctor, attempt


async def test_every_mark_is_made_anew_and_who_passes_by_it_has_passed(sittings: Sittings) -> None:
    environment, province = sittings.environment, sittings.province
    raised, raised_attempt = await _sat(sittings, ONCE, 3)
    failed, failed_attempt = await _sat(sittings, BOTH_ONCE, 5)
    retry, retry_attempt = await _sat(sittings, ANY_NUMBER, 5)
    _, whole_attempt = await _sat(sittings, ONCE, 10)
    filed, filed_attempt = await _sat(sittings, ONCE, 5)
    await file_results(environment, province.body, [filed.assessment_id])
    begun, begun_attempt = await _sat(sittings, ANY_NUMBER, 5)
    await start_attempt(environment, begun.caller, (await sittings.papers(begun))[0].id)
    attempts = [raised_attempt, failed_attempt, retry_attempt, whole_attempt, filed_attempt, begun_attempt]
    question = await ask_the_same(*attempts)
    proposal = propose_question_voiding(environment, province.authority, province.cycle_id, question, WHY)
    effect = await confirmed(environment, province.second_authority, proposal)
    assert effect["attempts"] == len(attempts)
    assert effect["stem"]
    counted = {"UNCHANGED": 1, "RAISED": 1, "NOW_PASSED": 2, "RESULT_FILED": 1, "LATER_ATTEMPT": 1}
    assert {outcome: effect[outcome] for outcome in counted} == counted
    rows = await read_mark_changes(province.authority, province.cycle_id, 0, 100)
    table = {
        row["attempt"]: (row["outcome"], row["percent_before"], row["percent_after"], bool(row["passed_after"]))
        for row in rows
    }
    assert table == {
        raised_attempt: ("RAISED", 30, 40, False),
        failed_attempt: ("NOW_PASSED", 50, 60, True),
        retry_attempt: ("NOW_PASSED", 50, 60, True),
        whole_attempt: ("UNCHANGED", 100, 100, True),
        filed_attempt: ("RESULT_FILED", 50, 50, False),
        begun_attempt: ("LATER_ATTEMPT", 50, 50, False),
    }
    assert {key: (await sittings.attempt(key)).score_percent for key in attempts} == {
        key: entry[2] for key, entry in table.items()
    }
    assert await sittings.states(failed) == ["PASSED", "AVAILABLE"]
    record = await sittings.record(failed)
    assert (record.state.value, record.conclusion) == ("TESTING", None)
    assert (await sittings.record(retry)).conclusion == "QUALIFIED"
    assert (await sittings.record(raised)).conclusion == "UNQUALIFIED"
    assert (await sittings.record(filed)).conclusion == "UNQUALIFIED"
    assert await sittings.states(begun) == ["IN_PROGRESS"]
    (listed,) = await read_voided_questions(province.authority, province.cycle_id)
    assert (listed.question, listed.reason, listed.attempts) == (question, WHY, len(attempts))
    again = propose_question_voiding(environment, province.authority, province.cycle_id, question, WHY)
    assert (await refused_state(again))[0] == "QUESTION_VOIDED"


async def test_later_marks_know_it_from_the_beginning(sittings: Sittings) -> None:
    environment, province = sittings.environment, sittings.province
    doctor = await sittings.doctor(ONCE)
    attempt = await start_attempt(environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    question = int((await read_questions([attempt]))[0][-1]["question"])
    proposal = propose_question_voiding(environment, province.authority, province.cycle_id, question, WHY)
    effect = await confirmed(environment, province.second_authority, proposal)
    assert (effect["attempts"], effect["stem"]) == (0, None)
    await sittings.answer(doctor, attempt, right=5)
    await save_answers(environment, doctor.caller, attempt, [GivenAnswer(10, "", 9)])
    await submit_attempt(environment, doctor.caller, attempt)
    assert (await sittings.attempt(attempt)).score_percent == 60


async def test_who_may_void_a_question(sittings: Sittings) -> None:
    environment, province = sittings.environment, sittings.province
    cycle = province.cycle_id
    _, attempt = await _sat(sittings, ONCE, 5)
    question = int((await read_questions([attempt]))[0][0]["question"])
    doctor = await sittings.doctor(ONCE)
    for caller, code in ((doctor.caller, "FORBIDDEN"), (province.body, "FORBIDDEN"), (None, "UNAUTHENTICATED")):
        assert await refused_access(propose_question_voiding(environment, caller, cycle, question, WHY)) == code
        assert await refused_access(read_voided_questions(caller, cycle)) == code
        assert await refused_access(read_mark_changes(caller, cycle, 0, 10)) == code
    authority = province.authority
    assert await refused_access(propose_question_voiding(environment, authority, 10**6, question, WHY)) == "NOT_FOUND"
    assert await refused_access(propose_question_voiding(environment, authority, cycle, 10**6, WHY)) == "NOT_FOUND"
    refused = propose_question_voiding(environment, authority, cycle, question, " ")
    assert await refused_fields(refused) == [("reason", "REASON_REQUIRED")]
    assert (await sittings.attempt(attempt)).score_percent == 50


async def test_nobody_voids_a_question_that_he_was_asked_himself(sittings: Sittings) -> None:
    environment, province = sittings.environment, sittings.province
    doctor, attempt = await _sat(sittings, ONCE, 3)
    question = int((await read_questions([attempt]))[0][-1]["question"])
    own = doctor.in_office(province.authority)
    which = (province.cycle_id, question, WHY)
    assert await refused_access(propose_question_voiding(environment, own, *which)) == "FORBIDDEN"
    proposed = propose_question_voiding(environment, province.authority, *which)
    assert await refused_access(confirmed(environment, own, proposed)) == "FORBIDDEN"
    assert (await sittings.attempt(attempt)).score_percent == 30
