"""Random actors do random things, some of them at once: no forbidden state comes to be, on either database."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dingkao.application import build_environment
from dingkao.plugin.errors import Refusal, RevisionConflict, StateConflict
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock

from .invariants import belongings, check, count_audit, read_everything
from .world import ACTIONS, RIGHT, STRANGERS, Action, World, go_on, let_time_pass

# PostgreSQL copies a database for every example.
EXAMPLES = {"sqlite": 12, "postgresql": 8}
STEPS = 30


@dataclass(frozen=True)
class Try:
    """One attempt at something: what, by whom, on which doctor's assessment, and how."""

    action: Action
    actor: str
    doctor: int
    choice: int


actors = st.sampled_from((*[RIGHT] * 12, *STRANGERS, "institution", "body", "authority", "doctor0", "doctor1"))
tries = st.builds(Try, st.sampled_from(ACTIONS), actors, st.integers(0, 1), st.integers(0, 7))


class Actors(RuleBasedStateMachine):
    """Each rule is one moment: one request, or two at once."""

    url: Callable[[], Any]
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        url = self.stack.enter_context(self.url())
        self.runner = self.stack.enter_context(asyncio.Runner())
        clock = SettableClock()
        environment = build_environment(Settings(database_url=url, storage_url=str(self.folder)), clock=clock)
        self.run(environment.database.open())
        # The runner's own context: what is entered here holds for every later run.
        use = environment.database.use()
        self.run(_call(use.__enter__))
        self.stack.callback(lambda: self.run(_call(use.__exit__, None, None, None)))
        self.stack.callback(lambda: self.run(environment.database.close()))
        self.world = self.run(World.build(environment, clock))
        self.before = self.run(read_everything())
        self.audit = self.run(count_audit())

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    @rule(doctor=st.integers(0, 1), choice=st.integers(0, 7))
    def go_on(self, doctor: int, choice: int) -> None:
        self.moment([go_on(self.world, self.world.doctors[doctor], choice)], touched={doctor})

    @rule(attempt=tries)
    def one(self, attempt: Try) -> None:
        self.moment([self.start(attempt)], touched={attempt.doctor}, tried=[attempt])

    @rule(first=tries, second=tries)
    def two_at_once(self, first: Try, second: Try) -> None:
        self.moment(
            [self.start(first), self.start(second)], touched={first.doctor, second.doctor}, tried=[first, second]
        )

    @rule(attempt=tries, times=st.integers(2, 3))
    def the_same_at_once(self, attempt: Try, times: int) -> None:
        self.moment([self.start(attempt) for _ in range(times)], touched={attempt.doctor}, tried=[attempt] * times)

    @rule(doctor=st.integers(0, 1), choices=st.tuples(st.integers(0, 7), st.integers(0, 7)))
    def two_going_on_at_once(self, doctor: int, choices: tuple[int, int]) -> None:
        steps = [go_on(self.world, self.world.doctors[doctor], choice) for choice in choices]
        self.moment(steps, touched={doctor})

    @rule(minutes=st.sampled_from((1, 20, 40, 60 * 24)), attempt=tries)
    def time_passes(self, minutes: int, attempt: Try) -> None:
        self.moment([let_time_pass(self.world, minutes), self.start(attempt)], touched={0, 1})

    def start(self, attempt: Try) -> Coroutine[Any, Any, Any]:
        doctor = self.world.doctors[attempt.doctor]
        name = attempt.actor
        if name == RIGHT:
            name = attempt.action.right if attempt.action.right != "doctor" else f"doctor{attempt.doctor}"
        caller = self.world.callers[name]

        async def trying() -> object:
            return await attempt.action.act(self.world, caller, doctor, attempt.choice)

        return trying()

    def moment(
        self, steps: list[Coroutine[Any, Any, Any]], *, touched: set[int], tried: list[Try] | None = None
    ) -> None:
        outcomes = self.run(_at_once(steps))
        rows = self.run(read_everything())
        audit = self.run(count_audit())
        # Whatever happened, it was done or refused; nothing broke.
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
                raise outcome
        check(rows)
        before, after = belongings(self.before), belongings(rows)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert changed <= {self.world.doctors[place].assessment_id for place in touched}, changed
        assert not changed or audit > self.audit, "a change without an audit entry"
        for attempt, outcome in zip(tried or [], outcomes, strict=False):
            own = attempt.actor.removeprefix("doctor") == str(attempt.doctor)
            if attempt.actor in STRANGERS or (attempt.actor in ("doctor0", "doctor1") and not own):
                assert isinstance(outcome, Refusal), (attempt, outcome)
                assert not isinstance(outcome, StateConflict | RevisionConflict), (attempt, outcome)
        if (
            tried
            and all(isinstance(outcome, Refusal) for outcome in outcomes)
            and not _may_leave_traces(tried, outcomes)
        ):
            assert not changed, (tried, outcomes)
        self.before, self.audit = rows, audit

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()


def _may_leave_traces(tried: list[Try], outcomes: list[object]) -> bool:
    """Whoever finds that time is up has the paper submitted, and is refused all the same; an exemption that is refused
    leaves the proof that was uploaded for it."""
    codes = {outcome.code for outcome in outcomes if isinstance(outcome, StateConflict)}
    return bool(codes & {"TIME_IS_UP", "ATTEMPT_CLOSED"}) or any(
        attempt.action.name == "ask exemption" for attempt in tried
    )


async def _at_once(steps: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    return await asyncio.gather(*steps, return_exceptions=True)


async def _call(function: Callable[..., object], *arguments: object) -> None:
    function(*arguments)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_forbidden_state_comes_to_be(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    databases = request.getfixturevalue(f"{kind}_databases")

    @contextmanager
    def fresh(_: object) -> Iterator[str]:
        with databases.fresh() as url:
            yield url

    machine = type("Actors", (Actors,), {"url": fresh, "folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[kind],
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            # A walk that fails is told step by step; making it shorter takes minutes.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
