"""Spot checks of the simple procedure's doctors: drawn by institution, answered, and what waits for them meanwhile."""

import pytest
from shandong_region import CHECKS_OF, DRAW, FINDING, ORDER, QUEUE, ClientOf, Region, codes, key

from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Role
from dingkao.testing.sample import SampleProvince


@pytest.fixture
def region(province: SampleProvince, client_of: ClientOf) -> Region:
    return Region(province, client_of)


async def test_nobody_is_approved_before_the_draw(region: Region) -> None:
    doctor = await region.submitted("王一")
    refused = await region.approve(doctor)
    assert codes(refused) == ["SPOT_CHECK_NOT_DRAWN"]
    shown = await region.checks_of(doctor)
    (unmet,) = shown["unmetRequirements"]
    assert (unmet["code"], unmet["title"], unmet["step"]) == ("SPOT_CHECK", "抽查核查", "BODY_APPROVAL")
    action = next(action for action in shown["actions"] if action["code"] == "BODY_APPROVE")
    assert action == {"code": "BODY_APPROVE", "allowed": False, "reasons": [{"code": "SPOT_CHECK_NOT_DRAWN"}]}


async def test_a_share_is_drawn_and_the_others_go_on(region: Region) -> None:
    doctors = [await region.submitted(f"王{place}") for place in range(11)]
    drawn = await region.draw()
    # 10 % of 11, rounded up.
    assert (drawn["pool"], drawn["drawn"], drawn["percent"]) == (11, 2, 10)
    states = {}
    for doctor in doctors:
        (check,) = (await region.checks_of(doctor))["spotChecks"]
        states[doctor.assessment_id] = check["state"]
    assert sorted(states.values()) == ["OPEN"] * 2 + ["SPARED"] * 9
    spared = next(doctor for doctor in doctors if states[doctor.assessment_id] == "SPARED")
    assert (await region.approve(spared))["state"] == "CONCLUDED"
    checked = next(doctor for doctor in doctors if states[doctor.assessment_id] == "OPEN")
    assert codes(await region.approve(checked)) == ["SPOT_CHECK_OPEN"]
    answered = await region.answer(checked, confirmed=True)
    assert (answered["state"], answered["assessment"]["state"]) == ("CONFIRMED", "INSTITUTION_APPROVED")
    # Nationally the simple procedure has no paper: the approval concludes.
    approved = await region.approve(checked)
    assert (approved["state"], approved["conclusion"]) == ("CONCLUDED", "QUALIFIED")
    again = await region.draw()
    assert (again["__typename"], again["code"]) == ("StateProblem", "NOBODY_TO_DRAW")


async def test_what_is_not_confirmed_goes_back_and_is_drawn_anew(region: Region) -> None:
    doctor = await region.submitted("王一")
    await region.draw()
    bare = await region.answer(doctor, confirmed=False)
    assert bare["fields"] == [{"path": "finding", "code": "REQUIRED"}]
    await region.answer(doctor, confirmed=False, finding="述职与实际不符。")
    assert codes(await region.approve(doctor)) == ["SPOT_CHECK_NOT_CONFIRMED"]
    returned = await region.approve(doctor, "RETURNED_TO_DOCTOR", "核查不属实，请更正。")
    assert returned["state"] == "RETURNED"
    await region.submit(doctor)
    assert codes(await region.approve(doctor)) == ["SPOT_CHECK_NOT_DRAWN"]
    await region.draw()
    await region.answer(doctor, confirmed=True)
    assert (await region.approve(doctor))["state"] == "CONCLUDED"
    checks = (await region.checks_of(doctor))["spotChecks"]
    assert [(check["submissionNumber"], check["state"]) for check in checks] == [(1, "NOT_CONFIRMED"), (2, "CONFIRMED")]
    assert checks[0]["finding"] == "述职与实际不符。"


async def test_an_open_check_holds_back_a_failure_too(region: Region) -> None:
    doctor = await region.province.add_doctor("王一", password_hash="unused")
    await region.submit(doctor, ethics="UNQUALIFIED")
    await region.draw()
    confirm = ("FAILURE_CONFIRMED", "评定依据充分")
    assert codes(await region.approve(doctor, *confirm)) == ["SPOT_CHECK_OPEN"]
    await region.answer(doctor, confirmed=False, finding="材料不实。")
    failed = await region.approve(doctor, *confirm)
    assert (failed["state"], failed["conclusion"]) == ("CONCLUDED", "UNQUALIFIED")


async def test_the_general_procedure_is_not_drawn_from(region: Region) -> None:
    doctor = await region.submitted("王一", "GENERAL")
    assert (await region.draw())["code"] == "NOBODY_TO_DRAW"
    assert (await region.approve(doctor))["state"] == "BODY_APPROVED"


async def test_the_authority_orders_a_check_of_whom_the_draw_spared(region: Region) -> None:
    doctors = [await region.submitted(f"王{place}") for place in range(2)]
    await region.draw()
    states = [(await region.checks_of(doctor))["spotChecks"][0]["state"] for doctor in doctors]
    spared = doctors[states.index("SPARED")]
    order = {"assessmentId": key(spared), "reason": "群众反映述职不实。"}
    authority = region.province.authority
    ordered = await region.run(authority, ORDER, input=order)
    assert (ordered["state"], ordered["orderReason"]) == ("OPEN", "群众反映述职不实。")
    assert codes(await region.approve(spared)) == ["SPOT_CHECK_OPEN"]
    twice = await region.run(authority, ORDER, input=order)
    assert (twice["__typename"], twice["currentState"]) == ("StateProblem", "OPEN")
    await region.answer(spared, confirmed=True)
    assert (await region.approve(spared))["state"] == "CONCLUDED"
    late = await region.run(authority, ORDER, input=order)
    assert (late["code"], late["currentState"]) == ("NOT_IN_THIS_STATE", "CONCLUDED")


async def test_the_queue_and_its_pages(region: Region) -> None:
    doctors = [await region.submitted(f"王{place}", "GENERAL") for place in range(3)]
    for doctor in doctors:
        order = {"assessmentId": key(doctor), "reason": "重点核查"}
        await region.run(region.province.authority, ORDER, input=order)
    first = await region.run(region.province.body, QUEUE, first=2)
    assert [edge["node"]["assessment"]["id"] for edge in first["edges"]] == [key(doctor) for doctor in doctors[:2]]
    assert first["pageInfo"]["hasNextPage"] is True
    rest = await region.run(region.province.body, QUEUE, first=2, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["assessment"]["id"] for edge in rest["edges"]] == [key(doctors[2])]
    await region.answer(doctors[0], confirmed=True)
    left = await region.run(region.province.body, QUEUE)
    assert [edge["node"]["assessment"]["id"] for edge in left["edges"]] == [key(doctor) for doctor in doctors[1:]]


async def test_a_check_of_an_earlier_submission_has_lapsed(region: Region) -> None:
    doctor = await region.submitted("王一")
    await region.draw()
    check = (await region.checks_of(doctor))["spotChecks"][0]["id"]
    await region.approve(doctor, "RETURNED_TO_DOCTOR", "请补充材料")
    await region.submit(doctor)
    answer = {"spotCheckId": check, "confirmed": True}
    lapsed = await region.run(region.province.body, FINDING, input=answer)
    assert (lapsed["__typename"], lapsed["code"]) == ("StateProblem", "SPOT_CHECK_LAPSED")
    assert (await region.run(region.province.body, QUEUE))["edges"] == []


async def test_who_may(region: Region) -> None:
    """Four kinds of account, and another body: nothing of the checks is theirs to see or do."""
    doctor = await region.submitted("王一")
    stranger = await region.province.add_doctor("赵六", password_hash="unused")
    elsewhere = await region.province.add_organisation("他市考核机构", "370200", body=True)
    other_body = await region.province.add_officer(Role.BODY_REVIEWER, elsewhere)
    place = await region.province.add_organisation("他市卫健委", "370200", authority=True)
    other_authority = await region.province.add_officer(Role.AUTHORITY_OFFICER, place)
    drawing = {"institutionId": encode_id("Organisation", region.province.institution_id)}
    province = region.province
    for caller in (None, doctor.caller, province.institution, province.authority):
        client = await region.client_of(caller)
        expected = "UNAUTHENTICATED" if caller is None else "FORBIDDEN"
        assert await client.refusal(DRAW, input=drawing) == expected
        assert await client.refusal(QUEUE) == expected
    # For another body those doctors do not exist.
    assert await (await region.client_of(other_body)).refusal(DRAW, input=drawing) == "NOT_FOUND"
    await region.draw()
    check = (await region.checks_of(doctor))["spotChecks"][0]["id"]
    answer = {"spotCheckId": check, "confirmed": True}
    order = {"assessmentId": key(doctor), "reason": "核查"}
    for caller, answering, ordering in (
        (None, "UNAUTHENTICATED", "UNAUTHENTICATED"),
        (stranger.caller, "NOT_FOUND", "NOT_FOUND"),
        (other_body, "NOT_FOUND", "NOT_FOUND"),
        (other_authority, "NOT_FOUND", "NOT_FOUND"),
        (doctor.caller, "FORBIDDEN", "FORBIDDEN"),
        (province.institution, "FORBIDDEN", "FORBIDDEN"),
    ):
        client = await region.client_of(caller)
        assert await client.refusal(FINDING, input=answer) == answering
        assert await client.refusal(ORDER, input=order) == ordering
    assert await (await region.client_of(province.authority)).refusal(FINDING, input=answer) == "FORBIDDEN"
    assert await (await region.client_of(province.body)).refusal(ORDER, input=order) == "FORBIDDEN"
    assert (await region.run(other_body, QUEUE))["edges"] == []
    assert await (await region.client_of(other_body)).refusal(CHECKS_OF, id=key(doctor)) == "NOT_FOUND"
    assert (await region.checks_of(doctor))["spotChecks"][0]["state"] == "OPEN"
