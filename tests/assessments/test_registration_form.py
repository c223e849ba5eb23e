"""The registration form (报名信息) and the three histories (相关经历): drafts, saved apart from submission."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dingkao.assessments.content import read_content
from dingkao.assessments.form_rules import HISTORY, MOST_ENTRIES, HistoryKind
from dingkao.assessments.form_tables import Education, PracticeHistory
from dingkao.assessments.service.form import remove_history_entry, save_history_entry, save_registration_form
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.environment import Environment
from dingkao.plugin.errors import RevisionConflict
from dingkao.plugin.vocabulary import AssessmentState, Verdict
from dingkao.testing.progress import EDUCATION, FORM, current_record
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

ENTRIES: dict[HistoryKind, dict[str, Any]] = {
    HistoryKind.INSTITUTION_FILING: {"institution_name": "示范省第二医院", "filed_on": date(2025, 1, 1), "until": None},
    HistoryKind.EDUCATION: EDUCATION,
    HistoryKind.PRACTICE: {
        "institution_name": "示范县医院",
        "department": "内科",
        "post": "医师",
        "began_on": date(2004, 8, 1),
        "ended_on": date(2010, 8, 1),
    },
}


async def saved_form(doctor: SampleDoctor) -> dict[str, Any]:
    return (await read_content(doctor.assessment_id)).form


async def saved_entries(doctor: SampleDoctor, kind: HistoryKind) -> list[dict[str, Any]]:
    return (await read_content(doctor.assessment_id)).histories[kind]


async def test_what_is_left_out_stays(environment: Environment, doctor: SampleDoctor) -> None:
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, FORM, 0)
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": "  外科 "}, 1)
    form = await saved_form(doctor)
    assert form["department"] == "外科"
    assert {name: form[name] for name in FORM if name != "department"} == {
        name: value for name, value in FORM.items() if name != "department"
    }
    assert (await current_record(doctor)).revision == 2


async def test_a_draft_may_be_emptied(environment: Environment, doctor: SampleDoctor) -> None:
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, FORM, None)
    emptied = {**dict.fromkeys(FORM, ""), "started_work_on": None}
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, emptied, None)
    form = await saved_form(doctor)
    assert {name: form[name] for name in FORM} == emptied


async def test_every_bad_field_is_named_at_once(environment: Environment, doctor: SampleDoctor) -> None:
    bad = {
        "contact_phone": "12345",
        "email": "nobody",
        "address": "街" * 201,
        "department": "内\x00科",
        "degree": "学\ud800士",
        "position": "\u200c\u2800",
        "started_work_on": date(2026, 6, 2),
        "ethnicity": "汉族",
    }
    refused = await refused_fields(save_registration_form(environment, doctor.caller, doctor.assessment_id, bad, None))
    assert [path for path, _ in refused] == [
        "address",
        "contactPhone",
        "degree",
        "department",
        "email",
        "position",
        "startedWorkOn",
    ]
    assert dict(refused)["address"] == "TEXT_TOO_LONG"
    assert dict(refused)["department"] == "TEXT_CONTROL_CHARACTER"
    assert (await saved_form(doctor))["ethnicity"] == ""
    assert (await current_record(doctor)).revision == 0
    assert await AuditEntry.count() == 0


async def test_work_began_in_the_past_and_in_a_life(environment: Environment, doctor: SampleDoctor) -> None:
    for day in (date(1929, 12, 31), date(2026, 6, 2)):
        changes = {"started_work_on": day}
        use_case = save_registration_form(environment, doctor.caller, doctor.assessment_id, changes, None)
        assert await refused_fields(use_case) == [("startedWorkOn", "DATE_OUT_OF_RANGE")]
    # 02:00 UTC on the first is the first in China too.
    today = {"started_work_on": date(2026, 6, 1)}
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, today, None)


async def test_another_device_was_quicker(environment: Environment, doctor: SampleDoctor) -> None:
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": "内科"}, 0)
    with pytest.raises(RevisionConflict) as conflict:
        await save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": "外科"}, 0)
    assert conflict.value.revision == 1
    assert (await saved_form(doctor))["department"] == "内科"


async def test_of_two_devices_at_once_one_saves(environment: Environment, doctor: SampleDoctor) -> None:
    outcomes = await asyncio.gather(
        *(
            save_registration_form(environment, doctor.caller, doctor.assessment_id, {"department": name}, 0)
            for name in ("内科", "外科", "儿科")
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "NoneType",
        "RevisionConflict",
        "RevisionConflict",
    ]
    assert (await current_record(doctor)).revision == 1
    winner = ("内科", "外科", "儿科")[outcomes.index(None)]
    assert (await saved_form(doctor))["department"] == winner


@pytest.mark.parametrize(
    "state", [state for state in AssessmentState if state not in (AssessmentState.OPENED, AssessmentState.RETURNED)]
)
async def test_closed_in_every_other_state(
    environment: Environment, province: SampleProvince, state: AssessmentState
) -> None:
    doctor = await province.add_doctor()
    concluded = state is AssessmentState.CONCLUDED
    conclusion = Verdict.QUALIFIED.value if concluded else None
    await Assessment.update({Assessment.state: state.value, Assessment.conclusion: conclusion}).where(
        Assessment.id == doctor.assessment_id
    )
    expected = ("FORM_CLOSED", state.value)
    for use_case in (
        save_registration_form(environment, doctor.caller, doctor.assessment_id, FORM, None),
        save_history_entry(
            environment,
            doctor.caller,
            doctor.assessment_id,
            HistoryKind.EDUCATION,
            None,
            ENTRIES[HistoryKind.EDUCATION],
        ),
        remove_history_entry(environment, doctor.caller, doctor.assessment_id, HistoryKind.EDUCATION, 1),
    ):
        assert await refused_state(use_case) == expected
    assert (await current_record(doctor)).revision == 0


async def test_a_returned_form_is_open_again(environment: Environment, province: SampleProvince) -> None:
    doctor = await province.add_doctor(state=AssessmentState.RETURNED)
    await save_registration_form(environment, doctor.caller, doctor.assessment_id, FORM, 0)
    assert (await saved_form(doctor))["department"] == "内科"


async def test_only_the_doctor_writes_his_form(environment: Environment, province: SampleProvince) -> None:
    doctor, colleague = await province.add_doctor("张三"), await province.add_doctor("李四")
    other = await build_sample(environment, code_suffix="2", region_code="980000")
    callers = {
        None: "UNAUTHENTICATED",
        replace(doctor.caller, first_login=True): "FIRST_LOGIN_REQUIRED",
        colleague.caller: "NOT_FOUND",
        other.institution: "NOT_FOUND",
        other.body: "NOT_FOUND",
        other.authority: "NOT_FOUND",
        province.institution: "FORBIDDEN",
        province.body: "FORBIDDEN",
        province.authority: "FORBIDDEN",
    }
    for caller, code in callers.items():
        assert (
            await refused_access(save_registration_form(environment, caller, doctor.assessment_id, FORM, None)) == code
        )
        kind = HistoryKind.EDUCATION
        assert (
            await refused_access(
                save_history_entry(environment, caller, doctor.assessment_id, kind, None, ENTRIES[kind])
            )
            == code
        )
        assert await refused_access(remove_history_entry(environment, caller, doctor.assessment_id, kind, 1)) == code
    assert (await current_record(doctor)).revision == 0
    assert await AuditEntry.count() == 0


@pytest.mark.parametrize("kind", HistoryKind)
async def test_an_entry_is_added_changed_and_removed(
    environment: Environment, doctor: SampleDoctor, kind: HistoryKind
) -> None:
    first_column = HISTORY[kind].texts[0].column
    entry = await save_history_entry(environment, doctor.caller, doctor.assessment_id, kind, None, ENTRIES[kind], 0)
    second = await save_history_entry(environment, doctor.caller, doctor.assessment_id, kind, None, ENTRIES[kind], 1)
    changed = {**ENTRIES[kind], first_column: "改后"}
    kept = await save_history_entry(environment, doctor.caller, doctor.assessment_id, kind, entry, changed, 2)
    assert kept == entry
    rows = await saved_entries(doctor, kind)
    assert [(row["id"], row[first_column]) for row in rows] == [
        (entry, "改后"),
        (second, ENTRIES[kind][first_column]),
    ]
    await remove_history_entry(environment, doctor.caller, doctor.assessment_id, kind, entry, 3)
    assert [row["id"] for row in await saved_entries(doctor, kind)] == [second]
    assert (await current_record(doctor)).revision == 4
    with pytest.raises(RevisionConflict):
        await remove_history_entry(environment, doctor.caller, doctor.assessment_id, kind, second, 3)


@pytest.mark.parametrize("kind", HistoryKind)
async def test_everything_wrong_with_an_entry(
    environment: Environment, doctor: SampleDoctor, kind: HistoryKind
) -> None:
    rule = HISTORY[kind]
    names = {"filed_on": "filedOn", "began_on": "beganOn", "until": "until", "graduated_on": "graduatedOn"}
    bad = {rule.texts[0].column: " \t", rule.began: date(2027, 1, 1), rule.ended: date(1920, 1, 1)}
    use_case = save_history_entry(environment, doctor.caller, doctor.assessment_id, kind, None, bad)
    ended = names.get(rule.ended, "endedOn")
    assert await refused_fields(use_case) == sorted(
        [
            (rule.texts[0].name, "REQUIRED"),
            (names.get(rule.began, ""), "DATE_IN_FUTURE"),
            (ended, "DATE_OUT_OF_RANGE"),
            (ended, "ENDS_BEFORE_IT_BEGINS"),
        ]
    )
    assert await saved_entries(doctor, kind) == []


async def test_an_entry_of_another_assessment_does_not_exist(
    environment: Environment, province: SampleProvince
) -> None:
    doctor, colleague = await province.add_doctor("张三"), await province.add_doctor("李四")
    kind = HistoryKind.PRACTICE
    entry = await save_history_entry(environment, colleague.caller, colleague.assessment_id, kind, None, ENTRIES[kind])
    change = save_history_entry(environment, doctor.caller, doctor.assessment_id, kind, entry, ENTRIES[kind])
    assert await refused_access(change) == "NOT_FOUND"
    remove = remove_history_entry(environment, doctor.caller, doctor.assessment_id, kind, entry)
    assert await refused_access(remove) == "NOT_FOUND"
    # Nor does an entry of another history of his own with that key.
    remove = remove_history_entry(environment, colleague.caller, colleague.assessment_id, HistoryKind.EDUCATION, entry)
    assert await refused_access(remove) == "NOT_FOUND"
    assert await PracticeHistory.count() == 1
    assert (await current_record(doctor)).revision == 0


async def test_entries_are_not_without_end(environment: Environment, doctor: SampleDoctor) -> None:
    rows = [Education(assessment=doctor.assessment_id, school=f"学校{number}") for number in range(MOST_ENTRIES - 1)]
    await Education.insert(*rows)

    def add() -> Any:
        return save_history_entry(
            environment, doctor.caller, doctor.assessment_id, HistoryKind.EDUCATION, None, EDUCATION
        )

    # Two devices add the last one at once.
    outcomes = await asyncio.gather(add(), add(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ValidationFailed", "int"]
    assert await refused_fields(add()) == [("input", "TOO_MANY_ENTRIES")]
    assert await Education.count() == MOST_ENTRIES
