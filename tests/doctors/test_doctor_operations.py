"""Regions, organisations, cycles and doctors through the operations that clients copy."""

import json
from datetime import date
from typing import Any

import pytest

from dingkao.assessments.tables import Assessment
from dingkao.context import CoreContext
from dingkao.db.counting import count_queries
from dingkao.demo.people import DOCTORS, SECOND_HOSPITAL, DemoDoctor
from dingkao.doctors.rules import BehaviourKind
from dingkao.doctors.service import record_behaviour
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import AccessRefused, Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.testing.sample import SampleProvince, build_sample
from dingkao.testing.shared import shared_schema
from dingkao.web.execution import Executor
from dingkao.web.operations import load_operations

OPERATIONS = {operation.name: operation.text for operation in load_operations()}


class Client:
    """Runs operations as an account, as the HTTP view does, and counts their queries."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._executor = Executor(shared_schema(environment.registry))
        self.queries = 0

    async def run(self, caller: Caller | None, operation: str, **variables: Any) -> Any:
        """The data; a top-level error is raised as what it was."""
        services = CoreServices(self._environment)
        context = CoreContext(self._environment, caller, Language.CHINESE, services, "test", "127.0.0.1")
        with count_queries() as queries:
            outcome = await self._executor.run(OPERATIONS[operation], variables, None, context)
        self.queries = len(queries)
        for error in outcome.errors:
            raise error.original_error or error
        return outcome.data

    async def mutate(self, caller: Caller | None, operation: str, **input: Any) -> Any:
        """The one field's answer."""
        data = await self.run(caller, operation, input=input)
        (answer,) = data.values()
        return answer


@pytest.fixture
def client(environment: Environment) -> Client:
    return Client(environment)


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


async def _clinic(environment: Environment, province: SampleProvince, code: str = "H2") -> int:
    return await create_organisation(
        environment,
        province.authority,
        code=code,
        name="第二医院",
        region_id=province.region_id,
        kinds=frozenset({OrganisationKind.INSTITUTION}),
    )


def _registration(doctor: DemoDoctor, institution_id: int) -> dict[str, Any]:
    entry = doctor.registered(2026)
    return {
        "institutionId": encode_id("Organisation", institution_id),
        "name": entry.name,
        "documentNumber": entry.document_number,
        "qualificationNumber": entry.qualification_number,
        "practiceNumber": entry.practice_number,
        "category": entry.category.value,
        "scope": entry.scope,
        "level": entry.level.value,
        "practisingSince": str(entry.practising_since),
        "phone": entry.phone,
    }


async def test_authority_registers_a_doctor_and_sees_masked_numbers(
    environment: Environment, client: Client, province: SampleProvince
) -> None:
    wanted = DOCTORS[0]
    answer = await client.mutate(province.authority, "RegisterDoctor", **_registration(wanted, province.institution_id))
    assert answer["__typename"] == "DoctorSuccess"
    doctor = answer["doctor"]
    number = wanted.document_number
    assert doctor["documentNumber"] == f"{number[:3]}{'*' * 11}{number[-4:]}"
    assert doctor["registration"]["institution"]["name"] == "示范省人民医院"
    said = json.dumps(await client.run(province.institution, "Doctors"), ensure_ascii=False)
    assert wanted.name in said
    entry = wanted.registered(2026)
    for secret in (number, entry.qualification_number, entry.practice_number, entry.phone):
        assert secret is not None
        assert secret not in said
    again = await client.mutate(province.authority, "RegisterDoctor", **_registration(wanted, province.institution_id))
    assert again["__typename"] == "ValidationProblem"
    assert again["fields"] == [
        {"path": "documentNumber", "code": "DOCUMENT_NUMBER_TAKEN", "message": "该证件号码的医师已存在。"}
    ]


async def test_transfer_over_the_api(environment: Environment, client: Client, province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    held = await province.add_doctor("李四", state=AssessmentState.TESTING)
    clinic = encode_id("Organisation", await _clinic(environment, province))
    answer = await client.mutate(
        province.authority,
        "TransferDoctor",
        doctorId=encode_id("Doctor", doctor.doctor_id),
        institutionId=clinic,
        reason="登记有误",
    )
    assert answer["doctor"]["registration"]["institution"] == {"id": clinic, "name": "第二医院"}
    refused = await client.mutate(
        province.authority,
        "TransferDoctor",
        doctorId=encode_id("Doctor", held.doctor_id),
        institutionId=clinic,
        reason="登记有误",
    )
    assert (refused["__typename"], refused["code"]) == ("StateProblem", "FINISH_ASSESSMENT_FIRST")
    assert refused["message"] == "医师正在测评，请先完成本周期考核，再变更机构。"
    for caller, refusal in ((province.institution, Forbidden), (doctor.caller, Forbidden), (None, NotLoggedIn)):
        with pytest.raises(refusal):
            await client.mutate(
                caller,
                "TransferDoctor",
                doctorId=encode_id("Doctor", held.doctor_id),
                institutionId=clinic,
                reason="登记有误",
            )


async def test_behaviour_over_the_api(environment: Environment, client: Client, province: SampleProvince) -> None:
    doctor = await province.add_doctor()
    answer = await client.mutate(
        province.authority,
        "RecordBehaviour",
        doctorId=encode_id("Doctor", doctor.doctor_id),
        kind="AWARD",
        occurredOn="2025-05-04",
        description="省级表彰",
    )
    (record,) = answer["doctor"]["behaviourRecords"]
    assert {key: record[key] for key in ("polarity", "kind", "occurredOn", "description")} == {
        "polarity": "GOOD",
        "kind": "AWARD",
        "occurredOn": "2025-05-04",
        "description": "省级表彰",
    }


async def test_lists_take_as_many_queries_for_many_rows(
    environment: Environment, client: Client, province: SampleProvince
) -> None:
    counts: list[dict[str, int]] = []
    for more in (1, 12):
        for number in range(more):
            doctor = await province.add_doctor()
            await record_behaviour(
                environment,
                province.authority,
                doctor.doctor_id,
                kind=BehaviourKind.AWARD,
                occurred_on=date(2025, 1, 1),
            )
            await _clinic(environment, province, f"H9{more}{number}")
        counts.append({})
        for operation in ("Doctors", "Organisations", "Cycles"):
            data = await client.run(province.authority, operation)
            assert all(len(page["edges"]) >= 1 for page in data.values())
            counts[-1][operation] = client.queries
    assert counts[0] == counts[1]
    # The page; then one look-up each: behaviour records; regions and their parents; the cycle's page and its region.
    assert counts[0]["Doctors"] <= 2
    assert counts[0]["Organisations"] <= 3
    assert counts[0]["Cycles"] <= 4


async def test_pages_follow_each_other(environment: Environment, client: Client, province: SampleProvince) -> None:
    names = [f"医师{number}" for number in range(5)]
    for name in names:
        await province.add_doctor(name)
    seen: list[str] = []
    after = None
    while True:
        page = (await client.run(province.institution, "Doctors", first=2, after=after))["doctors"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == names


async def test_cycle_from_preparation_to_its_opening(
    environment: Environment, client: Client, province: SampleProvince
) -> None:
    calendar = {
        "startsOn": "2027-01-01",
        "endsOn": "2029-12-31",
        "enrolmentFrom": "2029-01-01T00:00:00+08:00",
        "enrolmentUntil": "2029-06-01T00:00:00+08:00",
        "testsFrom": "2029-03-01T00:00:00+08:00",
        "testsUntil": "2029-09-01T00:00:00+08:00",
    }
    doctor = await province.add_doctor()
    made = await client.mutate(province.authority, "CreateCycle", regionCode="990000", name="2027-2029年度", **calendar)
    assert (made["__typename"], made["cycle"]["state"]) == ("CycleSuccess", "PREPARED")
    cycle_id = made["cycle"]["id"]
    appointed = await client.mutate(
        province.authority,
        "AppointBody",
        cycleId=cycle_id,
        institutionId=encode_id("Organisation", province.institution_id),
        bodyId=encode_id("Organisation", province.body_id),
    )
    assert appointed["__typename"] == "CycleSuccess"
    opened = await client.mutate(province.authority, "OpenCycle", cycleId=cycle_id)
    assert (opened["cycle"]["state"], opened["assessments"]) == ("RUNNING", 1)
    assert await Assessment.count().where(Assessment.doctor == doctor.doctor_id) == 2
    again = await client.mutate(province.authority, "OpenCycle", cycleId=cycle_id)
    assert (again["__typename"], again["code"], again["message"]) == (
        "StateProblem",
        "NOT_IN_THIS_STATE",
        "当前状态下不能进行“启动考核周期”。",
    )
    early = await client.mutate(province.authority, "CloseCycle", cycleId=cycle_id)
    assert early["code"] == "TESTS_NOT_OVER"
    shown = (await client.run(doctor.caller, "Cycle", id=cycle_id))["cycle"]
    assert (shown["enrolmentFrom"], shown["region"]["code"]) == ("2028-12-31T16:00:00+00:00", "990000")
    bad = await client.mutate(
        province.authority,
        "CreateCycle",
        regionCode="990000",
        name="又",
        **{**calendar, "testsUntil": "2029-01-01T00:00:00"},
    )
    assert [(field["path"], field["code"]) for field in bad["fields"]] == [("testsUntil", "OFFSET_REQUIRED")]


async def test_staff_see_which_rule_comes_from_where(client: Client, province: SampleProvince) -> None:
    rows = (await client.run(province.institution, "EffectivePolicy", regionCode="990000"))["effectivePolicy"]
    values = {row["key"]: row for row in rows}
    password = values["accounts.initial_password"]
    assert (json.loads(password["value"]), password["source"]) == ("666666", "local_policy/accounts")
    assert values["form.photo_width"]["source"] == "national"
    assert all(row["description"] and row["reason"] for row in rows)
    with pytest.raises(NotFound):
        await client.run(province.institution, "EffectivePolicy", regionCode="000000")
    data = await client.run(province.body, "Plugins")
    assert [plugin["name"] for plugin in data["plugins"]] == sorted(
        ["exemptions", "general_procedure", "local_policy", "simple_procedure"]
    )
    assert {procedure["code"]: procedure["title"] for procedure in data["procedures"]} == {
        "SIMPLE": "简易程序",
        "GENERAL": "一般程序",
    }


@pytest.mark.parametrize(
    ("operation", "variables"),
    [
        ("Doctors", {}),
        ("Organisations", {}),
        ("Cycles", {}),
        ("EffectivePolicy", {"regionCode": "990000"}),
        ("Plugins", {}),
    ],
)
async def test_doctors_and_strangers_may_not_look(
    client: Client, province: SampleProvince, operation: str, variables: dict[str, Any]
) -> None:
    doctor = await province.add_doctor()
    for caller, refusal in ((doctor.caller, Forbidden), (None, NotLoggedIn)):
        with pytest.raises(refusal):
            await client.run(caller, operation, **variables)


async def test_objects_of_others_are_no_nodes(
    environment: Environment, client: Client, province: SampleProvince
) -> None:
    own = await province.add_doctor()
    other = await province.add_doctor("李四")
    found = (await client.run(own.caller, "Node", id=encode_id("Doctor", own.doctor_id)))["node"]
    assert found["id"] == encode_id("Doctor", own.doctor_id)
    for opaque in (encode_id("Doctor", other.doctor_id), encode_id("Doctor", 10**6), "x"):
        with pytest.raises(AccessRefused) as refused:
            await client.run(own.caller, "Node", id=opaque)
        assert refused.value.code == "NOT_FOUND"
    for kind, key in (("Cycle", province.cycle_id), ("Region", province.region_id)):
        assert (await client.run(own.caller, "Node", id=encode_id(kind, key)))["node"]["id"] == encode_id(kind, key)


async def test_hospitals_are_found_by_code_and_kind(
    environment: Environment, client: Client, province: SampleProvince
) -> None:
    await _clinic(environment, province, SECOND_HOSPITAL)

    async def codes(**variables: Any) -> list[str]:
        page = (await client.run(province.authority, "Organisations", **variables))["organisations"]
        return [edge["node"]["code"] for edge in page["edges"]]

    assert await codes() == ["H001", "B001", "A001", SECOND_HOSPITAL]
    assert await codes(kind="BODY") == ["B001"]
    assert await codes(search=SECOND_HOSPITAL) == [SECOND_HOSPITAL]
    assert await codes(search="人民", kind="INSTITUTION") == ["H001"]
