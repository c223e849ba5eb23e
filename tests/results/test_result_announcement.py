"""Concluding, filing, notifying, objecting, becoming final, annulling."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.assessments.access import lock_assessment
from dingkao.assessments.rules import Event
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.audit.work import begin
from dingkao.db.counting import count_queries
from dingkao.messaging.outbox import read_outbox
from dingkao.plugin.errors import Forbidden, NotEligible, NotFound, NotLoggedIn, StateConflict, ValidationFailed
from dingkao.plugin.ports import PortFailed, SmsMessage
from dingkao.plugin.vocabulary import AssessmentState, Role, Verdict
from dingkao.results.annulling import propose_annulment
from dingkao.results.issuing import issue_notice
from dingkao.results.records import read_documents, read_reexaminations, read_results
from dingkao.results.service import (
    ReexaminationDecision,
    conclude,
    decide_reexamination,
    file_results,
    finalise_due,
    notify_results,
    request_reexamination,
)
from dingkao.results.vocabulary import ConclusionGround, DocumentKind, DocumentState, ResultState
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.testing.two_people import confirmed

from .conftest import Office


async def state_of(doctor: SampleDoctor) -> ResultState:
    return (await read_results([doctor.assessment_id]))[doctor.assessment_id].state


async def conclusion_of(doctor: SampleDoctor) -> str | None:
    row = await Assessment.select(Assessment.conclusion).where(Assessment.id == doctor.assessment_id).first()
    return row["conclusion"]


async def conclude_as(office: Office, doctor: SampleDoctor, verdict: Verdict) -> None:
    async with begin(office.environment, doctor.caller) as work:
        record = await lock_assessment(work, doctor.assessment_id)
        await conclude(work, record, verdict, ConclusionGround.PAPER_FAILED, Event.CONCLUDE)
        await work.record("CONCLUDE", "Assessment", record.id)


class FailingGateway:
    """A gateway that refuses some phones."""

    def __init__(self, refused: set[str]) -> None:
        self.refused = refused
        self.sent: list[SmsMessage] = []

    async def send(self, message: SmsMessage) -> str:
        if message.phone in self.refused:
            raise PortFailed("no route")
        self.sent.append(message)
        return str(len(self.sent))


async def test_concluding_moves_the_assessment_and_makes_its_result(office: Office) -> None:
    doctor = await office.concluded()
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert (result.verdict, result.state) == (Verdict.QUALIFIED, ResultState.CONCLUDED)
    assert result.concluded_at == office.environment.clock.now()
    assert await conclusion_of(doctor) == "QUALIFIED"
    rows = await StateTransition.select().where(StateTransition.assessment == doctor.assessment_id)
    assert {(row["machine"], row["target"]) for row in rows} == {("assessment", "CONCLUDED"), ("result", "CONCLUDED")}


async def test_a_second_conclusion_is_refused(office: Office) -> None:
    doctor = await office.concluded()
    with pytest.raises(StateConflict) as refusal:
        await conclude_as(office, doctor, Verdict.UNQUALIFIED)
    assert refusal.value.state == "CONCLUDED"
    assert await conclusion_of(doctor) == "QUALIFIED"


async def test_two_conclusions_at_once_leave_one_result(office: Office) -> None:
    doctor = await office.province.add_doctor(state=AssessmentState.TESTING)

    outcomes = await asyncio.gather(
        conclude_as(office, doctor, Verdict.QUALIFIED),
        conclude_as(office, doctor, Verdict.UNQUALIFIED),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, StateConflict) for outcome in outcomes) == 1
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert await conclusion_of(doctor) == result.verdict


async def test_the_body_files_many_at_once_in_as_many_queries_as_one(office: Office) -> None:
    doctors = [await office.concluded() for _ in range(6)]
    with count_queries() as one:
        await file_results(office.environment, office.province.body, [doctors[0].assessment_id])
    with count_queries() as five:
        await file_results(office.environment, office.province.body, [each.assessment_id for each in doctors[1:]])
    assert len(one) == len(five)
    assert {await state_of(each) for each in doctors} == {ResultState.FILED}
    entries = await AuditEntry.select().where(AuditEntry.action == "FILE_RESULTS").order_by(AuditEntry.id)
    assert json.loads(entries[1]["detail"])["assessments"] == [each.assessment_id for each in doctors[1:]]


async def test_filing_is_all_or_nothing_and_lists_every_problem(office: Office) -> None:
    ready, filed = await office.concluded(), await office.filed()
    unfinished = await office.province.add_doctor()
    ids = [ready.assessment_id, filed.assessment_id, unfinished.assessment_id]
    with pytest.raises(ValidationFailed) as refusal:
        await file_results(office.environment, office.province.body, ids)
    problems = [(problem.path, problem.code) for problem in refusal.value.problems]
    assert problems == [("assessmentIds.1", "NOT_IN_THIS_STATE"), ("assessmentIds.2", "NOT_CONCLUDED")]
    assert await state_of(ready) is ResultState.CONCLUDED


async def test_only_the_body_of_the_assessment_files(office: Office) -> None:
    doctor = await office.concluded()
    other = await build_sample(office.environment, code_suffix="X", region_code="980000")
    with pytest.raises(NotLoggedIn):
        await file_results(office.environment, None, [doctor.assessment_id])
    for caller in (doctor.caller, office.province.institution, office.province.authority):
        with pytest.raises(Forbidden):
            await file_results(office.environment, caller, [doctor.assessment_id])
    with pytest.raises(NotFound):
        await file_results(office.environment, other.body, [doctor.assessment_id])
    assert await state_of(doctor) is ResultState.CONCLUDED


async def test_filing_nothing_is_refused(office: Office) -> None:
    with pytest.raises(ValidationFailed):
        await file_results(office.environment, office.province.body, [])


async def test_notifying_tells_the_doctor_without_the_verdict(office: Office) -> None:
    doctor = await office.filed(verdict=Verdict.UNQUALIFIED, phone="13911112222")
    await notify_results(office.environment, office.province.body, [doctor.assessment_id])
    message = (await read_outbox(phone="13911112222"))[0]
    assert message.purpose == "RESULT_NOTIFIED"
    assert "2026年7月1日" in message.text
    assert "合格" not in message.text
    assert await state_of(doctor) is ResultState.NOTIFIED


async def test_a_failing_gateway_leaves_the_result_filed_and_says_so(office: Office) -> None:
    reached = await office.filed(phone="13900000001")
    lost = await office.filed(phone="13900000002")
    unbound = await office.filed(phone=None)
    gateway = FailingGateway({"13900000002"})
    environment = replace(office.environment, sms=gateway)
    ids = [reached.assessment_id, lost.assessment_id, unbound.assessment_id]
    report = await notify_results(environment, office.province.body, ids)
    assert report.notified == [reached.assessment_id]
    failures = [(failure.assessment_id, failure.reason.code) for failure in report.failures]
    assert failures == [(lost.assessment_id, "SMS_NOT_SENT"), (unbound.assessment_id, "NO_PHONE")]
    assert [await state_of(each) for each in (reached, lost, unbound)] == [
        ResultState.NOTIFIED,
        ResultState.FILED,
        ResultState.FILED,
    ]
    gateway.refused.clear()
    again = await notify_results(environment, office.province.body, [lost.assessment_id])
    assert again.notified == [lost.assessment_id]
    assert [message.phone for message in gateway.sent] == ["13900000001", "13900000002"]


async def test_nobody_is_told_where_one_of_the_list_cannot_be_notified(office: Office) -> None:
    filed, concluded = await office.filed(), await office.concluded()
    with pytest.raises(ValidationFailed):
        await notify_results(office.environment, office.province.body, [filed.assessment_id, concluded.assessment_id])
    assert await read_outbox() == []


async def test_notices_handed_over_need_no_message(office: Office) -> None:
    doctor = await office.filed(phone=None)
    report = await notify_results(office.environment, office.province.body, [doctor.assessment_id], by_sms=False)
    assert report.notified == [doctor.assessment_id]
    assert await read_outbox() == []
    assert await state_of(doctor) is ResultState.NOTIFIED


async def test_an_objection_is_open_to_the_end_of_its_last_day_in_china(office: Office, clock: SettableClock) -> None:
    on_time, late = await office.notified(), await office.notified()
    # Notified on 1 June at 10:00 in China; 30 days later is 1 July, which ends there at 16:00 UTC.
    clock.set(clock.now().replace(month=7, day=1, hour=15, minute=59))
    await request_reexamination(office.environment, on_time.caller, on_time.assessment_id, "成绩有误，请复核。")
    assert await state_of(on_time) is ResultState.REEXAMINATION_REQUESTED
    clock.advance(timedelta(minutes=1))
    with pytest.raises(NotEligible) as refusal:
        await request_reexamination(office.environment, late.caller, late.assessment_id, "成绩有误，请复核。")
    assert refusal.value.reasons[0].code == "OBJECTION_TIME_OVER"


async def test_an_objection_needs_reasons_and_a_notified_result(office: Office) -> None:
    notified, filed = await office.notified(), await office.filed()
    with pytest.raises(ValidationFailed) as blank:
        await request_reexamination(office.environment, notified.caller, notified.assessment_id, "  ")
    assert blank.value.problems[0].path == "reason"
    with pytest.raises(ValidationFailed):
        await request_reexamination(office.environment, notified.caller, notified.assessment_id, "长" * 1001)
    with pytest.raises(StateConflict):
        await request_reexamination(office.environment, filed.caller, filed.assessment_id, "理由")
    with pytest.raises(Forbidden):
        await request_reexamination(office.environment, office.province.body, notified.assessment_id, "理由")
    with pytest.raises(NotFound):
        await request_reexamination(office.environment, filed.caller, notified.assessment_id, "理由")


async def test_an_upheld_result_keeps_its_verdict(office: Office) -> None:
    doctor = await office.notified(verdict=Verdict.UNQUALIFIED)
    environment, body = office.environment, office.province.body
    await request_reexamination(environment, doctor.caller, doctor.assessment_id, "第三题答案有争议。")
    await decide_reexamination(environment, body, doctor.assessment_id, ReexaminationDecision.UPHELD, "经核对无误。")
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert (result.state, result.verdict) == (ResultState.UPHELD, Verdict.UNQUALIFIED)
    told = (await read_reexaminations([result.id]))[result.id]
    assert (told.reason, told.answer, told.decision) == ("第三题答案有争议。", "经核对无误。", ResultState.UPHELD)


async def test_a_changed_result_changes_the_conclusion_and_revokes_the_notice(office: Office) -> None:
    doctor = await office.notified(verdict=Verdict.UNQUALIFIED)
    environment = office.environment
    another = await office.province.add_officer(Role.BODY_REVIEWER, office.province.body_id)
    before = await issue_notice(environment, doctor.caller, doctor.assessment_id)
    await request_reexamination(environment, doctor.caller, doctor.assessment_id, "第三题答案有争议。")
    await decide_reexamination(
        environment, another, doctor.assessment_id, ReexaminationDecision.CHANGED, "答案确有误。"
    )
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert (result.state, result.verdict) == (ResultState.CHANGED, Verdict.QUALIFIED)
    assert await conclusion_of(doctor) == "QUALIFIED"
    documents = (await read_documents([result.id]))[result.id]
    assert documents[DocumentKind.NOTICE].state is DocumentState.REVOKED
    after = await issue_notice(environment, doctor.caller, doctor.assessment_id)
    assert after.state is DocumentState.ISSUED
    assert (after.number, after.check_code) == (before.number, before.check_code)
    assert after.digest != before.digest


async def test_who_filed_a_result_does_not_change_it(office: Office) -> None:
    doctor = await office.notified(verdict=Verdict.UNQUALIFIED)
    environment, body = office.environment, office.province.body
    await request_reexamination(environment, doctor.caller, doctor.assessment_id, "第三题答案有争议。")
    with pytest.raises(StateConflict) as refused:
        await decide_reexamination(environment, body, doctor.assessment_id, ReexaminationDecision.CHANGED, "有误。")
    assert (refused.value.code, refused.value.state) == ("SAME_PERSON", "REEXAMINATION_REQUESTED")
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert (result.state, result.verdict) == (ResultState.REEXAMINATION_REQUESTED, Verdict.UNQUALIFIED)
    # That it stands is no change.
    await decide_reexamination(environment, body, doctor.assessment_id, ReexaminationDecision.UPHELD, "经核对无误。")


async def test_a_result_becomes_final_when_the_days_are_over(office: Office, clock: SettableClock) -> None:
    quiet, objecting = await office.notified(), await office.notified()
    await request_reexamination(office.environment, objecting.caller, objecting.assessment_id, "理由")
    clock.advance(timedelta(days=30))
    assert await finalise_due(office.environment) == 0
    clock.advance(timedelta(days=1))
    assert await finalise_due(office.environment) == 1
    assert await finalise_due(office.environment) == 0
    assert await state_of(quiet) is ResultState.FINAL
    assert await state_of(objecting) is ResultState.REEXAMINATION_REQUESTED


async def test_a_region_that_gives_more_days_waits_longer(office: Office, clock: SettableClock) -> None:
    await office.pin(objection_days=45)
    doctor = await office.notified()
    clock.advance(timedelta(days=31))
    assert await finalise_due(office.environment) == 0
    assert await AuditEntry.count().where(AuditEntry.action == "FINALISE_RESULTS") == 0
    await request_reexamination(office.environment, doctor.caller, doctor.assessment_id, "理由")
    assert await state_of(doctor) is ResultState.REEXAMINATION_REQUESTED


async def test_several_sweepers_at_once_finalise_each_result_once(office: Office, clock: SettableClock) -> None:
    for _ in range(5):
        await office.notified()
    clock.advance(timedelta(days=40))
    totals = await asyncio.gather(*(finalise_due(office.environment) for _ in range(4)), return_exceptions=True)
    assert sum(total for total in totals if isinstance(total, int)) == 5
    assert all(isinstance(total, int) for total in totals), totals
    assert await StateTransition.count().where(StateTransition.event == "FINALISE") == 5


async def test_only_the_authority_annuls_and_the_result_counts_as_unqualified(office: Office) -> None:
    doctor = await office.with_certificate()
    environment, province = office.environment, office.province
    for caller in (doctor.caller, province.body, province.institution):
        with pytest.raises(Forbidden):
            await propose_annulment(environment, caller, doctor.assessment_id, "替考")
    proposal = propose_annulment(environment, province.authority, doctor.assessment_id, "替考")
    effect = await confirmed(environment, province.second_authority, proposal)
    assert (effect["verdict"], effect["state"], len(effect["revoked"])) == ("QUALIFIED", "FILED", 1)
    result = (await read_results([doctor.assessment_id]))[doctor.assessment_id]
    assert (result.state, result.verdict) == (ResultState.ANNULLED, Verdict.UNQUALIFIED)
    assert await conclusion_of(doctor) == "UNQUALIFIED"
    documents = (await read_documents([result.id]))[result.id]
    assert documents[DocumentKind.CERTIFICATE].state is DocumentState.REVOKED
    with pytest.raises(NotEligible):
        await issue_notice(environment, doctor.caller, doctor.assessment_id)
