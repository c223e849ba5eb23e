"""Starting, sweeping and stopping."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dingkao.accounts.notices import finish_sending, send_notice
from dingkao.papers.attempts import start_attempt
from dingkao.papers.tables import Attempt
from dingkao.plugin.ports import SmsMessage
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.progress import bring_to_tests, fill_bank, papers_of, pass_proctoring
from dingkao.testing.sample import build_sample
from dingkao.testing.web import running_app
from dingkao.web.app import MigrationsMissing


async def test_no_start_without_migrations(tmp_path: Path, clock: SettableClock) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'empty.db'}", storage_url=str(tmp_path / "files"))
    with pytest.raises(MigrationsMissing, match="dingkao migrate"):
        async with running_app(settings, clock):
            raise AssertionError("it started")


async def test_the_sweeper_submits_what_has_run_out_of_time(settings: Settings, clock: SettableClock) -> None:
    settings = settings.model_copy(update={"sweep_seconds": 0.2})
    async with running_app(settings, clock) as app:
        environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor()
        await bring_to_tests(province, doctor)
        await fill_bank(province, PaperSubject.HUMANITIES)
        await pass_proctoring(environment, doctor)
        attempt = await start_attempt(environment, doctor.caller, (await papers_of(doctor))[0].id)
        clock.advance(timedelta(hours=2))
        async with asyncio.timeout(20):
            row = None
            while row is None or row["state"] != "MARKED":
                row = await Attempt.select(Attempt.state, Attempt.timed_out).where(Attempt.id == attempt).first()
        assert row["timed_out"]


class SlowGateway:
    """Sends when it is let, or never."""

    def __init__(self, turns: int | None) -> None:
        self.turns = turns
        self.sent: list[str] = []

    async def send(self, message: SmsMessage) -> str:
        if self.turns is None:
            await asyncio.Event().wait()
        for _ in range(self.turns or 0):
            await asyncio.sleep(0)
        self.sent.append(message.template)
        return "1"


async def test_what_was_begun_to_be_sent_is_sent_before_the_end(settings: Settings, clock: SettableClock) -> None:
    gateway = SlowGateway(turns=200)
    async with running_app(settings, clock) as app:
        send_notice(replace(app.state.environment, sms=gateway), "13800000000", "wechat_bound")
    assert gateway.sent == ["wechat_bound"]


async def test_a_gateway_that_hangs_does_not_hold_the_end_up(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        send_notice(replace(app.state.environment, sms=SlowGateway(turns=None)), "13800000000", "wechat_bound")
        assert await finish_sending(0.05) == 1
        await asyncio.sleep(0)
        assert await finish_sending(0.05) == 0
