"""The live view of a sitting: one reading for all who watch, told what is new, as long as they may see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dingkao.audit.work import begin
from dingkao.papers import live
from dingkao.papers.attempts import start_attempt, submit_attempt
from dingkao.papers.live import SittingKey, SittingNews, sitting_news, watched_sittings
from dingkao.papers.planning import waive_paper
from dingkao.papers.vocabulary import SittingStatus
from dingkao.papers.watching import read_sitting
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.vocabulary import PaperState, PaperSubject
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor

from .sittings import HUMANITIES, PROFESSIONAL, Sittings

ONCE = (PaperPlan(PaperSubject.HUMANITIES, 1),)
News = AsyncGenerator[SittingNews, None]


@pytest.fixture
def watched(sittings: Sittings) -> Sittings:
    """The province, read as often as the settings allow."""
    quick = sittings.environment.settings.model_copy(update={"live_seconds": 0.1})
    return Sittings(sittings.province, replace(sittings.environment, settings=quick))


def key_of(sittings: Sittings, subject: PaperSubject = HUMANITIES) -> SittingKey:
    body = sittings.province.body.grants[0].organisation_id
    assert body is not None
    return SittingKey(sittings.province.cycle_id, body, subject)


def watch(sittings: Sittings, caller: Caller | None = None, *, after: int = 0, limit: int = 100) -> News:
    asking = caller or sittings.province.body
    return sitting_news(sittings.environment, lambda: asking, key_of(sittings), after=after, limit=limit)


async def told(news: News) -> SittingNews:
    async with asyncio.timeout(20):
        return await anext(news)


async def paper_of(sittings: Sittings, doctor: SampleDoctor) -> int:
    return (await sittings.papers(doctor))[0].id


async def test_all_at_first_then_whoever_changes(watched: Sittings, clock: SettableClock) -> None:
    one, two = await watched.doctor(ONCE), await watched.doctor(ONCE)
    papers = [await paper_of(watched, doctor) for doctor in (one, two)]
    async with aclosing(watch(watched)) as news:
        first = await told(news)
        assert [(entry.paper_id, entry.status) for entry in first.changed] == [
            (paper, SittingStatus.NOT_STARTED) for paper in papers
        ]
        attempt = await start_attempt(watched.environment, one.caller, papers[0])
        (begun,) = (await told(news)).changed
        assert (begun.paper_id, begun.status, begun.answered) == (papers[0], SittingStatus.ACTIVE, 0)
        await watched.answer(one, attempt, right=4)
        (answered,) = (await told(news)).changed
        assert answered.answered == 10
        # Time alone changes what is seen: nothing was heard for two minutes.
        clock.advance(timedelta(minutes=2, seconds=1))
        (lost,) = (await told(news)).changed
        assert lost.status is SittingStatus.LOST_CONTACT
        await submit_attempt(watched.environment, one.caller, attempt)
        (ended,) = (await told(news)).changed
        assert ended.status is SittingStatus.ENDED
        while ended.paper_state is not PaperState.FAILED:  # marking is a step of its own, and may be told as one
            (ended,) = (await told(news)).changed
        three = await watched.doctor(ONCE)
        (come,) = (await told(news)).changed
        assert come.paper_id == await paper_of(watched, three)
        key = key_of(watched)
        plain = await read_sitting(
            watched.province.body, cycle_id=key.cycle_id, body_id=key.body_id, subject=HUMANITIES, after=0, limit=100,
            now=clock.now(),
        )  # fmt: skip
        assert [entry for entry in plain if entry.paper_id == ended.paper_id] == [ended]


async def test_a_paper_that_is_waived_is_gone(watched: Sittings) -> None:
    doctor = await watched.doctor((PaperPlan(HUMANITIES, 1), PaperPlan(PROFESSIONAL, 1)))
    paper = await paper_of(watched, doctor)
    async with aclosing(watch(watched)) as news:
        assert [entry.paper_id for entry in (await told(news)).changed] == [paper]
        async with begin(watched.environment, watched.province.body) as work:
            await waive_paper(work, await watched.record(doctor), HUMANITIES, "TEST", "免考")
            await work.record("TEST", "Assessment", doctor.assessment_id)
        later = await told(news)
        assert (later.changed, later.gone) == ([], [paper])


async def test_many_watch_one_reading(watched: Sittings, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await watched.doctor(ONCE), await watched.doctor(ONCE)
    readings: list[int] = []
    real = live.sitting_entries

    async def counted(*arguments: Any, **named: Any) -> Any:
        readings.append(1)
        return await real(*arguments, **named)

    monkeypatch.setattr(live, "sitting_entries", counted)
    database = watched.environment.database
    async with AsyncExitStack() as stack:
        watching = [await stack.enter_async_context(aclosing(watch(watched))) for _ in range(20)]
        # A page of its own is cut out of the same reading.
        after = await paper_of(watched, one)
        watching.append(await stack.enter_async_context(aclosing(watch(watched, after=after, limit=1))))
        first = await asyncio.gather(*(told(news) for news in watching))
        assert [len(news.changed) for news in first] == [2] * 20 + [1]
        turns = len(readings)
        assert turns <= 3
        await start_attempt(watched.environment, two.caller, await paper_of(watched, two))
        later = await asyncio.gather(*(told(news) for news in watching))
        assert {entry.status for news in later for entry in news.changed} == {SittingStatus.ACTIVE}
        assert watched_sittings(database) == 1
    assert watched_sittings(database) == 0


async def test_only_those_who_invigilate_may_watch(watched: Sittings) -> None:
    doctor = await watched.doctor(ONCE)
    for caller, refusal in ((doctor.caller, Forbidden), (watched.province.institution, Forbidden)):
        with pytest.raises(refusal):
            await told(watch(watched, caller))
    elsewhere = replace(
        watched.province.body, grants=(replace(watched.province.body.grants[0], organisation_id=999_999),)
    )
    with pytest.raises(NotFound):
        await told(watch(watched, elsewhere))
    assert watched_sittings(watched.environment.database) == 0


@pytest.mark.parametrize("ended", [True, False])
async def test_who_may_no_longer_see_it_is_told_nothing_more(watched: Sittings, *, ended: bool) -> None:
    doctor = await watched.doctor(ONCE)
    asking: list[Caller | None] = [watched.province.body]
    news = sitting_news(watched.environment, lambda: asking[0], key_of(watched), after=0, limit=100)
    async with aclosing(news):
        await told(news)
        # The role ended, or the session: what the connection's next look at the account finds.
        asking[0] = None if ended else replace(watched.province.body, grants=())
        await start_attempt(watched.environment, doctor.caller, await paper_of(watched, doctor))
        with pytest.raises(NotLoggedIn if ended else Forbidden):
            await told(news)
    assert watched_sittings(watched.environment.database) == 0


async def test_a_reading_that_fails_is_tried_again(watched: Sittings, monkeypatch: pytest.MonkeyPatch) -> None:
    await watched.doctor(ONCE)
    real = live.sitting_entries
    failures = [OSError("the database is away")] * 2

    async def failing(*arguments: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*arguments, **named)

    monkeypatch.setattr(live, "sitting_entries", failing)
    async with aclosing(watch(watched)) as news:
        assert len((await told(news)).changed) == 1
    assert failures == []
