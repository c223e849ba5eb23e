"""Starting, sweeping and stopping."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from dingkao.papers.attempts import start_attempt
from dingkao.papers.tables import Attempt
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
