"""What a doctor sees of his marked paper, and when: by policy."""

import pytest

from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.plugin.ids import encode_id
from dingkao.testing.clock import SettableClock

from .sittings import QUESTIONS, Sittings
from .test_paper_operations import Client


@pytest.mark.parametrize("reveal", ["RESULT", "MARKS", "ANSWERS"])
async def test_the_policy_says_what_the_doctor_sees_and_when(
    sittings: Sittings, clock: SettableClock, reveal: str
) -> None:
    client = Client(sittings)
    await sittings.pin(reveal=reveal)
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=8)
    opaque = encode_id("Attempt", attempt)
    assert (await client.run(doctor.caller, "Attempt", id=opaque))["review"] is None
    await submit_attempt(sittings.environment, doctor.caller, attempt)
    # The policy is frozen into the attempt: what is changed afterwards changes nothing for it.
    await sittings.pin(reveal="ANSWERS")
    for after in (False, True):
        if after:
            clock.set((await sittings.record(doctor)).tests_until)
        seen = await client.run(doctor.caller, "Attempt", id=opaque)
        assert (seen["scorePercent"], seen["passed"]) == (None if reveal == "RESULT" else 80, True)
        if reveal == "ANSWERS" and after:
            right = [entry["choice"] == entry["key"] for entry in seen["review"]]
            assert right == [True] * 8 + [False] * (QUESTIONS - 8)
        else:
            assert seen["review"] is None
        staff = await client.run(sittings.province.body, "Attempt", id=opaque)
        assert (staff["scorePercent"], staff["review"]) == (80, None)
