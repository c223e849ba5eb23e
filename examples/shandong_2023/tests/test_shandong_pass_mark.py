"""The pass mark of the province: papers wait after the sitting, and all are decided with it, at once."""

from datetime import timedelta
from typing import Any

import pytest
from shandong_region import ORDER, ClientOf, Region, key

from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import fill_bank, pass_proctoring
from dingkao.testing.sample import SampleDoctor, SampleProvince

SUBJECTS = [subject.value for subject in PaperSubject]


@pytest.fixture
async def region(province: SampleProvince, client_of: ClientOf) -> Region:
    for subject in PaperSubject:
        await fill_bank(province, subject, 100)
    return Region(province, client_of)


async def sit(region: Region, doctor: SampleDoctor, right: int) -> list[Any]:
    """Approve the doctor, and let him sit every paper with so many right answers of a hundred; the marked attempts."""
    assert (await region.approve(doctor))["state"] == "BODY_APPROVED"
    await pass_proctoring(region.province.environment, doctor)
    marked = []
    for place in range(len(SUBJECTS)):
        paper = (await region.operation(doctor.caller, "Papers", id=key(doctor)))["papers"][place]
        attempt = await region.operation(doctor.caller, "StartAttempt", input={"paperId": paper["id"]})
        assert attempt["__typename"] == "Attempt", attempt
        answers = []
        for question in attempt["questions"]:
            wanted = question["position"] <= right
            choice = next(option["key"] for option in question["options"] if (option["text"][:2] == "正确") is wanted)
            answers.append({"position": question["position"], "choice": choice, "sequence": 1})
        # Each operation has a session of its own here: the token is what may write.
        writer = {"attemptId": attempt["id"], "token": attempt["writerToken"]}
        await region.operation(doctor.caller, "SaveAnswers", input={**writer, "answers": answers})
        marked.append(await region.operation(doctor.caller, "SubmitAttempt", input={**writer, "confirmed": True}))
    return marked


async def by_two(region: Region, operation: str, **given: object) -> dict[str, object]:
    """What cannot be undone: one officer proposes, another looks and confirms. What it did."""
    second = region.province.second_authority
    proposed = await region.operation(region.province.authority, operation, input=given)
    preview = await region.operation(second, "ProposalPreview", id=proposed["id"])
    decision = {"proposalId": proposed["id"], "confirm": True, "digest": preview["digest"]}
    decided = await region.operation(second, "DecideProposal", input=decision)
    assert decided["state"] == "CONFIRMED", decided
    effect: dict[str, object] = preview["effect"]
    return effect


async def states_of(region: Region, doctor: SampleDoctor) -> list[str]:
    shown = await region.operation(doctor.caller, "Papers", id=key(doctor))
    return [shown["state"], *(paper["state"] for paper in shown["papers"])]


async def test_all_papers_are_decided_at_once(region: Region, clock: SettableClock) -> None:
    doctors = {right: await region.submitted(f"得分{right}", "GENERAL") for right in (40, 57, 58, 90)}
    for right, doctor in doctors.items():
        for attempt in await sit(region, doctor, right):
            assert (attempt["scorePercent"], attempt["passed"]) == (right, None)
        assert await states_of(region, doctor) == ["TESTING", "PENDING_CUTOFF", "PENDING_CUTOFF"]
    watched = doctors[90]
    authority = region.province.authority
    await region.run(authority, ORDER, input={"assessmentId": key(watched), "reason": "重点核查"})
    clock.advance(timedelta(days=61))

    cycle = {"cycleId": encode_id("Cycle", region.province.cycle_id)}
    waiting = await region.operation(authority, "PassMarks", **cycle)
    spread = [{"percent": right, "papers": 1} for right in doctors]
    assert [(entry["subject"], entry["pending"], entry["distribution"]) for entry in waiting] == [
        (subject, 4, spread) for subject in SUBJECTS
    ]
    mark = {**cycle, "passPercent": 58, "reason": "经省级统计分析，研究确定合格线为58分。"}
    first = await by_two(region, "SetPassMark", **mark, subject=SUBJECTS[0])
    # Who failed the first paper has failed; the others wait for the second.
    assert (first["pending"], first["passed"], first["failed"], first["concluded"]) == (4, 2, 2, 2)
    second = await by_two(region, "SetPassMark", **mark, subject=SUBJECTS[1])
    # One is held back by the check that the authority ordered.
    assert (second["passed"], second["failed"], second["concluded"], second["heldBack"]) == (2, 2, 1, 1)
    fixed = await region.operation(authority, "PassMarks", **cycle)
    assert [(entry["pending"], entry["waited"], entry["passPercent"]) for entry in fixed] == [(0, 4, 58)] * 2

    for right in (40, 57):
        assert await states_of(region, doctors[right]) == ["CONCLUDED", "FAILED", "FAILED"]
    assert await states_of(region, doctors[58]) == ["CONCLUDED", "PASSED", "PASSED"]
    assert await states_of(region, watched) == ["TESTING", "PASSED", "PASSED"]
    (unmet,) = (await region.checks_of(watched))["unmetRequirements"]
    assert (unmet["step"], unmet["reasons"][0]["code"]) == ("CONCLUSION", "SPOT_CHECK_OPEN")
    # Its answer lets the core look again, and the core concludes by the papers.
    answered = await region.answer(watched, confirmed=True)
    assert (answered["assessment"]["state"], answered["assessment"]["conclusion"]) == ("CONCLUDED", "QUALIFIED")

    again = await region.operation(authority, "SetPassMark", input={**mark, "subject": SUBJECTS[0]})
    assert (again["__typename"], again["code"]) == ("StateProblem", "PASS_MARK_SET")


async def test_what_is_not_confirmed_after_the_approval_decides_nothing(region: Region, clock: SettableClock) -> None:
    """The finding stays on the record; the result is the core's, and what follows is the authority's (annulResult)."""
    doctor = await region.submitted("王一", "GENERAL")
    await sit(region, doctor, 80)
    order = {"assessmentId": key(doctor), "reason": "重点核查"}
    await region.run(region.province.authority, ORDER, input=order)
    clock.advance(timedelta(days=61))
    cycle = {"cycleId": encode_id("Cycle", region.province.cycle_id), "passPercent": 60, "reason": "依据"}
    for subject in SUBJECTS:
        await by_two(region, "SetPassMark", **cycle, subject=subject)
    answered = await region.answer(doctor, confirmed=False, finding="病历不实。")
    assert (answered["state"], answered["assessment"]["conclusion"]) == ("NOT_CONFIRMED", "QUALIFIED")
    assert (await region.checks_of(doctor))["spotChecks"][0]["finding"] == "病历不实。"
    await region.operation(region.province.body, "FileResults", input={"assessmentIds": [key(doctor)]})
    await by_two(region, "AnnulResult", assessmentId=key(doctor), reason="病历造假。")
    annulled = (await region.operation(doctor.caller, "Result", id=key(doctor)))["result"]
    assert (annulled["verdict"], annulled["state"]) == ("UNQUALIFIED", "ANNULLED")


async def test_the_mark_is_the_authoritys_of_the_cycle(region: Region, clock: SettableClock) -> None:
    doctor = await region.submitted("王一", "GENERAL")
    await sit(region, doctor, 80)
    clock.advance(timedelta(days=61))
    mark = {"cycleId": encode_id("Cycle", region.province.cycle_id), "subject": SUBJECTS[0]}
    mark |= {"passPercent": 60, "reason": "依据"}
    mutation = "mutation M($input: SetPassMarkInput!) { setPassMark(input: $input) { __typename } }"
    for caller in (doctor.caller, region.province.institution, region.province.body):
        assert await (await region.client_of(caller)).refusal(mutation, input=mark) == "FORBIDDEN"
    assert await states_of(region, doctor) == ["TESTING", "PENDING_CUTOFF", "PENDING_CUTOFF"]
