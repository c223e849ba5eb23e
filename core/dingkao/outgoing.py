"""Requests to services of others: each with its time, a second try, and a breaker for when they fail.

Nothing of a request or an answer reaches a log or an error's message: they hold phone numbers, codes and secrets.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from dingkao.plugin.ports import PortFailed, PortTimedOut

# The answers that are waited for are a line of JSON.
LARGEST_ANSWER: Final = 64 * 1024
# Before the second try.
PAUSE_SECONDS: Final = 0.1
# A service that says so may answer the same request otherwise a moment later.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
# Of them, those that say that nothing was done (RFC 6585, 4; RFC 8470, 5.2; RFC 9110, 15.6.4).
_NOT_DONE: Final = frozenset({425, 429, 503})


class BreakerOpen(PortFailed):
    """The service failed so often that it is left alone for a while; nothing was sent."""


class CircuitBreaker:
    """Keeps requests from a service that does not answer: after `failures` in a row it opens for `seconds`; then one
    request is let through, and its outcome closes it or opens it again."""

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether requests are refused at the moment."""
        if self._opened_at is None:
            return False
        return self._trying or self._clock() - self._opened_at < self._seconds

    def enter(self) -> None:
        """Before a request. Raises BreakerOpen."""
        if self.is_open:
            raise BreakerOpen("the service failed several times in a row and is left alone for a while")
        self._trying = self._opened_at is not None

    def succeeded(self) -> None:
        """The service answered, be it with a refusal."""
        self._in_a_row, self._opened_at, self._trying = 0, None, False

    def failed(self) -> None:
        """The service did not answer, or with a failure of its own."""
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self._failures:
            self._opened_at = self._clock()
        self._trying = False


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """What is sent, the same in each try. `repeatable`: the service knows a second try by a key in it, or does not
    mind; what is not repeatable is sent again only where the first try has done nothing."""

    method: str
    url: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str] | None = None
    body: bytes = b""
    repeatable: bool = True


class Meaning(Enum):
    """What an answer says of the service, for those that answer 200 to everything."""

    TAKEN = "taken"
    """It has done what it was asked."""
    REFUSED = "refused"
    """It refuses this request, in this try and the next; another may be taken."""
    PASSING = "passing"
    """It failed, or has too much to do: it may take the same request a moment later."""
    CLOSED = "closed"
    """It refuses us, whatever we ask: keys, rights, money."""


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    """What came back: the status and, where the body is a JSON object, its fields."""

    status: int
    fields: Mapping[str, Any]


class Outgoing:
    """Requests to one service. `seconds` is what a try may take from beginning to end, `tries` how many there are."""

    def __init__(self, *, seconds: float, tries: int, breaker: CircuitBreaker) -> None:
        self._seconds = seconds
        self._tries = tries
        self._breaker = breaker

    async def send(
        self, request: OutgoingRequest, meaning: Callable[[OutgoingAnswer], Meaning] | None = None
    ) -> OutgoingAnswer:
        """The service's answer, whatever its status but for the passing ones; with `meaning`, one that is TAKEN,
        REFUSED or CLOSED. The last counts for the breaker as a failure does.

        A request that failed is sent again as it is. Raises PortFailed; PortTimedOut where it may have been carried
        out; BreakerOpen.
        """
        self._breaker.enter()
        failure: PortFailed = PortFailed("no try was made")
        try:
            for attempt in range(1, self._tries + 1):
                try:
                    answer = await self._once(request)
                    means = Meaning.TAKEN if meaning is None else meaning(answer)
                    if means is Meaning.PASSING:
                        raise PortFailed("the service said that it cannot do it at the moment")
                except PortFailed as error:
                    failure = error
                    if isinstance(error, PortTimedOut) and not request.repeatable:
                        break
                    if attempt < self._tries:
                        await asyncio.sleep(PAUSE_SECONDS)
                    continue
                if means is Meaning.CLOSED:
                    self._breaker.failed()
                else:
                    self._breaker.succeeded()
                return answer
        except BaseException:
            # Given up from outside: the caller's time was over before the service's.
            self._breaker.failed()
            raise
        self._breaker.failed()
        raise failure

    async def _once(self, request: OutgoingRequest) -> OutgoingAnswer:
        import httpx  # few servers ask others; every command would pay for its import

        try:
            # httpx's own limits are for each read, and an answer may come a byte at a time.
            async with asyncio.timeout(self._seconds):
                return await _exchange(request, self._seconds)
        except (TimeoutError, httpx.TimeoutException):
            raise PortTimedOut(f"the service did not answer in {self._seconds} s") from None
        except httpx.HTTPError as error:
            # Its message may hold the address with what stands in it.
            words = f"the service could not be reached ({type(error).__name__})"
            raise (PortFailed(words) if isinstance(error, httpx.ConnectError) else _unknown(request, words)) from None


def _unknown(request: OutgoingRequest, words: str) -> PortFailed:
    """The failure after which nobody knows whether the service has done it: told as such where that matters."""
    return PortFailed(words) if request.repeatable else PortTimedOut(words)


async def _exchange(request: OutgoingRequest, seconds: float) -> OutgoingAnswer:
    import httpx

    # A connection for each: such requests are few, and none outlives the event loop that it began in.
    async with (
        httpx.AsyncClient(verify=_trusted(), timeout=seconds, follow_redirects=False, trust_env=False) as client,
        client.stream(
            request.method,
            request.url,
            params=dict(request.parameters) if request.parameters else None,
            headers=dict(request.headers),
            content=request.body,
        ) as response,
    ):
        if response.status_code in _NOT_DONE:
            raise PortFailed(f"the service answered {response.status_code}")
        if response.status_code in _PASSING:
            raise _unknown(request, f"the service answered {response.status_code}")
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST_ANSWER:
                raise _unknown(request, "the service answered with more than is read")
        return OutgoingAnswer(response.status_code, _fields(body))


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    import httpx

    # Reading the list of authorities costs more than a request.
    return httpx.create_ssl_context()


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
