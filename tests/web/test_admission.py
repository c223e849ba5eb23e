"""Overload: a bounded number runs, answers come first, and whoever waits in vain is told so before any work is done."""

import asyncio
from collections.abc import Callable

import pytest

from dingkao.admission import Admission, Lane, Overloaded, outside
from dingkao.application import load_registry
from dingkao.db.sqlite import KeptSQLiteEngine
from dingkao.environment import Environment
from dingkao.schema import assemble
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.databases import SQLiteDatabases
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for
from dingkao.web.app import build_executor

LOG_OUT = "mutation { logOut { everywhere } }"


class Door:
    """An admission, and operations that stay inside until they are let go."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.inside: list[str] = []
        self._leaving: dict[str, asyncio.Event] = {}

    def come(self, name: str, *, lane: Lane = Lane.OTHERS) -> asyncio.Task[None]:
        return asyncio.create_task(self._stay(name, lane))

    async def _stay(self, name: str, lane: Lane) -> None:
        leaving = self._leaving[name] = asyncio.Event()
        async with self._admission.entered(lane):
            self.inside.append(name)
            await leaving.wait()

    def go(self, name: str) -> None:
        self._leaving[name].set()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - the turns of the event loop are what is waited for
            await asyncio.sleep(0)


async def test_who_sits_a_paper_goes_in_before_who_came_earlier() -> None:
    door = Door(Admission(1, 10, 10.0, most_saving=1))
    tasks = [door.come("first"), door.come("reading"), door.come("submitting", lane=Lane.PAPERS)]
    await until(lambda: door.inside == ["first"])
    door.go("first")
    await until(lambda: door.inside == ["first", "submitting"])
    door.go("submitting")
    await until(lambda: door.inside == ["first", "submitting", "reading"])
    door.go("reading")
    await asyncio.gather(*tasks)


async def test_answers_wait_behind_nothing_but_answers() -> None:
    door = Door(Admission(1, 10, 10.0, most_saving=2))
    tasks = [door.come("submitting", lane=Lane.PAPERS), door.come("waits", lane=Lane.PAPERS)]
    tasks += [door.come(name, lane=Lane.ANSWERS) for name in ("save", "another", "third")]
    await until(lambda: door.inside == ["submitting", "save", "another"])
    door.go("another")
    await until(lambda: "third" in door.inside)
    assert "waits" not in door.inside
    for name in ("save", "submitting"):
        door.go(name)
    await until(lambda: "waits" in door.inside)
    for name in ("third", "waits"):
        door.go(name)
    await asyncio.gather(*tasks)


def test_a_document_waits_with_the_slowest_of_what_it_asks_for() -> None:
    executor = build_executor(assemble(load_registry(Settings())), Settings())
    save = 'saveAnswers(input: {attemptId: "1", answers: []}) { __typename }'
    submit = 'submitAttempt(input: {attemptId: "1", confirmed: true}) { __typename }'
    assert executor.lane(f"mutation {{ {save} }}") is Lane.ANSWERS
    assert executor.lane(f"mutation {{ {submit} {save} }}") is Lane.PAPERS
    assert executor.lane(f"mutation {{ {save} logOut {{ everywhere }} }}") is Lane.OTHERS
    assert executor.lane("{ viewer { name } }") is Lane.OTHERS
    assert executor.lane(f"mutation {{ {save} ...Rest }} fragment Rest on Mutation {{ {submit} }}") is Lane.OTHERS
    assert executor.lane("not GraphQL") is Lane.OTHERS


async def test_one_too_many_is_refused_at_once_and_does_not_keep_out_one_that_brings_answers() -> None:
    door = Door(Admission(1, 1, 10.0, most_saving=1))
    tasks = [door.come("first"), door.come("waits")]
    await until(lambda: door.inside == ["first"])
    with pytest.raises(Overloaded) as refused:
        await door.come("one too many")
    assert 1 <= refused.value.retry_after <= 2
    tasks.append(door.come("saving", lane=Lane.PAPERS))
    door.go("first")
    await until(lambda: "saving" in door.inside)
    door.go("saving")
    await until(lambda: "waits" in door.inside)
    door.go("waits")
    await asyncio.gather(*tasks)


async def test_those_who_come_again_come_at_the_pace_at_which_they_can_be_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = 100.0
    monkeypatch.setattr("dingkao.admission.monotonic", lambda: moment)
    door = Door(Admission(1, 1, 10.0, most_saving=1))
    # Five are served in each second, and fifty refused.
    served = 0
    for _ in range(40):
        for _ in range(5):
            tasks = [door.come(f"{served} inside"), door.come(f"{served} waits")]
            await until(lambda name=f"{served} inside": name in door.inside)  # type: ignore[misc]
            later = []
            for _ in range(10):
                with pytest.raises(Overloaded) as refusal:
                    await door.come("one too many")
                later.append(refusal.value.retry_after)
            assert later == sorted(later)
            if served == 0:
                assert max(later) <= 2
            for name in (f"{served} inside", f"{served} waits"):
                await until(lambda name=name: name in door.inside)  # type: ignore[misc]
                door.go(name)
            await asyncio.gather(*tasks)
            served += 1
        moment += 1.0
    # Nobody is sent away for longer than half a minute, however many there are.
    assert set(later) == {30}
    # The crowd is gone; the next who is refused comes at the moment after those who were given theirs.
    moment += 31.0
    tasks = [door.come("inside"), door.come("waits")]
    await until(lambda: "inside" in door.inside)
    for seconds in (1, 2, 2):
        with pytest.raises(Overloaded) as refusal:
            await door.come("one too many")
        assert refusal.value.retry_after == seconds
    for name in ("inside", "waits"):
        await until(lambda name=name: name in door.inside)  # type: ignore[misc]
        door.go(name)
    await asyncio.gather(*tasks)


async def test_whoever_waited_in_vain_leaves_no_place_taken() -> None:
    door = Door(Admission(1, 10, 0.01, most_saving=1))
    first = door.come("first")
    await until(lambda: door.inside == ["first"])
    with pytest.raises(Overloaded):
        await door.come("late")
    given_up = door.come("gone", lane=Lane.PAPERS)
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    door.go("first")
    await first
    for name in ("next", "after"):
        task = door.come(name)
        await until(lambda name=name: name in door.inside)  # type: ignore[misc]
        door.go(name)
        await task


async def test_who_is_cancelled_in_the_moment_of_his_turn_hands_it_on() -> None:
    door = Door(Admission(1, 10, 10.0, most_saving=1))
    tasks = [door.come("first"), door.come("second"), door.come("third")]
    await until(lambda: door.inside == ["first"])
    await asyncio.sleep(0)
    door.go("first")
    await tasks[0]
    # The second has been given the turn, but has not run since.
    tasks[1].cancel()
    await until(lambda: "third" in door.inside)
    door.go("third")
    await tasks[2]


async def test_a_turn_is_others_while_its_owner_waits_outside() -> None:
    admission = Admission(1, 10, 10.0, most_saving=1)
    answer = asyncio.Event()

    async def ask_a_vendor() -> None:
        async with admission.entered(Lane.OTHERS), outside():
            await answer.wait()

    door = Door(admission)
    asking = asyncio.create_task(ask_a_vendor())
    await asyncio.sleep(0)
    other = door.come("other")
    await until(lambda: door.inside == ["other"])
    answer.set()
    await asking
    door.go("other")
    await other


async def test_outside_does_nothing_where_nobody_is_admitted() -> None:
    async with outside():
        pass


async def test_who_is_told_to_come_again_has_had_nothing_done(
    clock: SettableClock, sqlite_databases: SQLiteDatabases
) -> None:
    with sqlite_databases.fresh() as url:
        settings = Settings(database_url=url, most_running=1, longest_wait_seconds=0.1)
        async with running_app(settings, clock) as app:
            environment: Environment = app.state.environment
            sample = await build_sample(environment)
            doctors = [await sample.add_doctor(password_hash="unused") for _ in range(2)]
            clients = [Client(app, await token_for(environment, doctor.caller.account_id)) for doctor in doctors]
            engine = environment.database.engine
            assert isinstance(engine, KeptSQLiteEngine)
            async with engine.writing.held():
                asking = [
                    asyncio.create_task(client.http.post("/graphql", json={"query": LOG_OUT})) for client in clients
                ]
                (first,), (slow,) = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            refused = await first
            assert refused.status_code == 503
            assert refused.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
            assert 1 <= int(refused.headers["Retry-After"]) <= 2
            assert "data" not in refused.json()
            assert (await slow).json()["data"]["logOut"]["everywhere"] is False
            assert (await clients[asking.index(first)].value("{ viewer { name } }"))["name"]
