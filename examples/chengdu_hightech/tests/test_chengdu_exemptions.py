"""Exemptions in the region: asked after approval, in a window, with two kinds of proof, decided in a second round."""

from datetime import date
from typing import Any

import pytest
from region import ClientOf, Way, on

from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleProvince, build_sample

RESIDENCY, TITLE = "RESIDENCY_TRAINING", "NEXT_TITLE_EXAM"
BOTH_KINDS = ("TITLE_CERTIFICATE", "PRACTICE_CERTIFICATE")
FIRST_DAY, LAST_DAY = date(2025, 2, 10), date(2025, 2, 21)


@pytest.fixture
async def way(province: SampleProvince, client_of: ClientOf) -> Way:
    return Way(province, await province.add_doctor(), client_of)


def codes(answer: Any) -> list[str]:
    """What a refusal says: its own code where it has nothing more exact."""
    return [problem["code"] for problem in (*answer.get("fields", ()), *answer.get("reasons", ()))] or [answer["code"]]


async def test_it_is_asked_for_after_the_first_round_within_the_window(way: Way, clock: SettableClock) -> None:
    await way.submit()
    on(clock, FIRST_DAY)
    assert codes(await way.ask(TITLE, *BOTH_KINDS)) == ["NOT_APPROVED_YET"]
    on(clock, date(2025, 2, 9))
    await way.review()
    early = await way.ask(TITLE, *BOTH_KINDS)
    assert (early["__typename"], early["currentState"]) == ("StateProblem", "BODY_APPROVED")
    assert early["message"] == "免考申请受理时间为2025-02-10至2025-02-21，尚未开始。"
    on(clock, date(2025, 2, 22))
    assert codes(await way.ask(TITLE, *BOTH_KINDS)) == ["EXEMPTION_WINDOW_CLOSED"]
    on(clock, LAST_DAY)
    assert (await way.ask(TITLE, *BOTH_KINDS))["__typename"] == "Exemption"


async def test_a_client_is_told_the_window_and_the_kinds_of_proof(way: Way, clock: SettableClock) -> None:
    await way.submit()
    await way.review()
    shown = await way.as_doctor("ExemptionConditions", id=way.assessment)
    assert shown["exemptionWindow"] == {"opensOn": "2025-02-10", "closesOn": "2025-02-21"}
    kinds = {option["code"]: option["proofKinds"] for option in shown["exemptionConditions"]}[RESIDENCY]
    assert [(kind["code"], kind["required"]) for kind in kinds] == [
        ("RESIDENCY_CERTIFICATE", True),
        ("PRACTICE_CERTIFICATE", True),
    ]
    assert kinds[1]["title"] == "完整的医师执业证书（全部信息页，电子证照亦可）"


async def test_both_kinds_of_proof_are_wanted(way: Way, clock: SettableClock) -> None:
    await way.submit()
    await way.review()
    on(clock, FIRST_DAY)
    for given, missing in (
        (("TITLE_CERTIFICATE",), "完整的医师执业证书"),
        (("PRACTICE_CERTIFICATE", "PRACTICE_CERTIFICATE"), "专业技术资格证书"),
    ):
        answer = await way.ask(TITLE, *given)
        assert (answer["__typename"], codes(answer)) == ("ValidationProblem", ["PROOF_KIND_MISSING"])
        assert missing in answer["fields"][0]["message"]
    # Two files of which nobody says what they are.
    assert codes(await way.ask(TITLE, None, None)) == ["PROOF_KIND_MISSING"] * 2
    # What proves another condition.
    assert codes(await way.ask(TITLE, "RESIDENCY_CERTIFICATE", *BOTH_KINDS)) == ["PROOF_KIND_UNKNOWN"]
    assert (await way.ask(TITLE, *BOTH_KINDS))["state"] == "REQUESTED"


async def test_what_the_region_excludes_is_shown_with_its_reason(way: Way, clock: SettableClock) -> None:
    await way.submit()
    await way.review()
    on(clock, FIRST_DAY)
    options = await way.options()
    assert {code: option["allowed"] for code, option in options.items()} == {
        RESIDENCY: True,
        TITLE: True,
        "GENERAL_PRACTICE_TRANSFER": False,
        "ASSISTANT_TO_LICENSED": False,
    }
    for code in ("GENERAL_PRACTICE_TRANSFER", "ASSISTANT_TO_LICENSED"):
        (reason,) = options[code]["reasons"]
        assert reason["code"] == "CONDITION_EXCLUDED"
        answer = await way.ask(code)
        assert (answer["__typename"], codes(answer)) == ("NotEligibleProblem", ["CONDITION_EXCLUDED"])
        assert reason["message"] in answer["reasons"][0]["message"]


async def test_the_second_round_goes_through_both_levels(way: Way, clock: SettableClock) -> None:
    await way.submit()
    await way.review()
    on(clock, FIRST_DAY)
    asked = await way.ask(TITLE, *BOTH_KINDS)
    assert (asked["state"], asked["waitingFor"]) == ("REQUESTED", "INSTITUTION")
    assert codes(await way.decide(asked["id"], "BODY")) == ["NOT_IN_THIS_STATE"]
    queue = await way.as_institution("ExemptionQueue", level="INSTITUTION")
    (node,) = [edge["node"] for edge in queue["edges"]]
    assert [(proof["kind"], proof["file"]["title"]) for proof in node["proofs"]] == [
        (kind, "证书.png") for kind in BOTH_KINDS
    ]
    first = await way.decide(asked["id"], "INSTITUTION")
    assert (first["state"], first["waitingFor"]) == ("INSTITUTION_APPROVED", "BODY")
    assert await way.papers() == {"HUMANITIES": "AVAILABLE", "PROFESSIONAL": "LOCKED"}
    # What was asked in time is decided also when the window has closed.
    on(clock, date(2025, 2, 26))
    second = await way.decide(asked["id"], "BODY")
    assert (second["state"], second["waitingFor"]) == ("BODY_APPROVED", None)
    assert await way.papers() == {"HUMANITIES": "AVAILABLE", "PROFESSIONAL": "EXEMPT"}
    seen = await way.as_doctor("Exemption", id=asked["id"])
    assert [seen[level]["decision"] for level in ("institutionOpinion", "bodyOpinion")] == ["APPROVE", "APPROVE"]


async def test_elsewhere_it_is_another_way(province: SampleProvince, client_of: ClientOf) -> None:
    """In a district beside the zone, on the same server: at once, on one proof, with nothing excluded by name."""
    elsewhere = await build_sample(province.environment, code_suffix="-2", region_code="510104")
    way = Way(elsewhere, await elsewhere.add_doctor(), client_of)
    await way.submit()
    assert (await way.as_doctor("ExemptionConditions", id=way.assessment))["exemptionWindow"] is None
    assert list(await way.options()) == [RESIDENCY, TITLE]
    assert codes(await way.ask("ASSISTANT_TO_LICENSED", None)) == ["CONDITION_NOT_OFFERED"]
    assert (await way.ask(TITLE, None))["state"] == "REQUESTED"
