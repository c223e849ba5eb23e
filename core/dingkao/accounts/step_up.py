"""Step-up: acts for which a session alone is not enough (security.md 3.2; ASVS 5.0, 7.5.1 and 7.5.3).

Mark the use case, and nothing else is to be done:

    @step_up("SEAL_CERTIFICATE", Text("证书盖章", "seal a certificate"))
    async def seal_certificate(environment: Environment, caller: Caller | None, …) -> …:

The API then answers with the top-level error STEP_UP_REQUIRED until the account has shown who it is within the last
`step_up_minutes`: by logging in with its password, or by the mutation `confirmIdentity` in the same session. The mark
stands before every other check of the use case. The system's own work (jobs, the command line) passes.

In tests the callers of `dingkao.testing.sample` and the tokens of `dingkao.testing.web.token_for` have shown it for
ever.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from dingkao.audit.work import logged_in
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import StepUpRequired
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

Given = ParamSpec("Given")
Result = TypeVar("Result")
UseCase = Callable[Concatenate[Environment, Caller | None, Given], Awaitable[Result]]

# Every marked act, by its name: what the pages list and what a test tries.
MARKED: dict[str, Text] = {}


def step_up(act: str, text: Text) -> Callable[[UseCase[Given, Result]], UseCase[Given, Result]]:
    """Mark a use case (`async def (environment, caller, …)`) as one that needs step-up.

    `act` is its name, once in the program; `text` says what it does. Raises ValueError for a name that is taken; the
    marked use case raises NotLoggedIn, FirstLoginOpen and StepUpRequired before it begins.
    """
    if act in MARKED:
        raise ValueError(f"two use cases are marked {act}")
    MARKED[act] = text

    def mark(use_case: UseCase[Given, Result]) -> UseCase[Given, Result]:
        @wraps(use_case)
        async def guarded(
            environment: Environment, caller: Caller | None, /, *args: Given.args, **kwargs: Given.kwargs
        ) -> Result:
            require_step_up(caller, environment.clock.now())
            return await use_case(environment, caller, *args, **kwargs)

        return guarded

    return mark


def require_step_up(caller: Caller | None, now: datetime) -> None:
    """Raises NotLoggedIn, FirstLoginOpen, SecondFactorOpen, and StepUpRequired where the caller has not shown lately
    who he is."""
    require_confirmation(logged_in(caller), now)


def require_confirmation(asking: Caller, now: datetime) -> None:
    """The same for a caller who is logged in. Raises StepUpRequired."""
    if asking.has(Role.SYSTEM):
        return
    if asking.confirmed_until is None or asking.confirmed_until <= now:
        raise StepUpRequired
