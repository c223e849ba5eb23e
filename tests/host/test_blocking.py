"""Blocking a plugin on a database that has known it: the rest runs, and what the plugin once did stays readable."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from dingkao.application import build_environment
from dingkao.context import CoreContext
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import AssessmentState
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, build_sample
from dingkao.testing.shared import shared_schema
from dingkao.web.execution import Executor

QUERY = """
query Q($id: ID!) {
  assessment(id: $id) {
    state
    procedureTitle
    actions { code allowed }
    procedures { code eligible }
    papers { subject state waiver { code title } }
  }
}
"""


@pytest.fixture
async def doctor(environment: Environment) -> SampleDoctor:
    """One whose paper was waived while every plugin was there; the cycle pinned all their sections."""
    province = await build_sample(environment)
    doctor = await province.add_doctor(
        state=AssessmentState.BODY_APPROVED, procedure="GENERAL", practising_since=date(2000, 1, 1)
    )
    await AssessmentPaper.insert(
        AssessmentPaper(
            assessment=doctor.assessment_id,
            subject="PROFESSIONAL",
            position=1,
            state="EXEMPT",
            attempts_allowed=1,
            waiver_code="RESIDENCY_TRAINING",
            waiver_title="住院医师规范化培训",
            changed_at=environment.clock.now(),
        )
    )
    return doctor


Ask = Callable[..., Any]


@pytest.fixture
async def ask_without(environment: Environment, settings: Settings, clock: SettableClock, doctor: SampleDoctor) -> Ask:
    """Asks a server on the same database from which the named plugins are blocked."""

    async def ask(*blocked: str) -> Any:
        blocking = build_environment(settings.model_copy(update={"plugins_blocked": blocked}), clock=clock)
        context = CoreContext(blocking, doctor.caller, Language.CHINESE, CoreServices(blocking), "test", "127.0.0.1")
        outcome = await Executor(shared_schema(blocking.registry)).run(
            QUERY, {"id": encode_id("Assessment", doctor.assessment_id)}, None, context
        )
        assert list(outcome.errors) == []
        assert outcome.data is not None
        return outcome.data["assessment"]

    return ask


async def test_without_exemptions_the_waived_paper_stays_readable(ask_without: Ask) -> None:
    everything, without = await ask_without(), await ask_without("exemptions")
    assert [paper["state"] for paper in without["papers"]] == ["EXEMPT"]
    assert without["papers"][0]["waiver"]["title"] == "住院医师规范化培训"
    gone = {action["code"] for action in everything["actions"]} - {action["code"] for action in without["actions"]}
    assert gone == {"REQUEST_EXEMPTION"}
    assert without["procedures"] == everything["procedures"]


@pytest.mark.parametrize("blocked", ["simple_procedure", "general_procedure", "local_policy"])
async def test_without_another_the_assessment_stays_readable(ask_without: Ask, blocked: str) -> None:
    shown = await ask_without(blocked)
    assert shown["state"] == "BODY_APPROVED"
    codes = {offer["code"] for offer in shown["procedures"]}
    assert codes == {"SIMPLE", "GENERAL"} - {blocked.removesuffix("_procedure").upper()}
