"""Failed logins, counted in the database, so that all workers of a server agree.

An account waits after a few failures in a row, for a minute, then twice as long each time. An address is limited
softly, since a hospital's doctors share one: over its limit, only an account that has been used from there before can
still log in, with the right password. While an account waits its failures count for nothing, so that one forgotten
password never brings an address over its limit (security.md 3.2; ASVS 5.0, 6.3.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.accounts.rules import FailureLimits, Failures, failures_of_window, one_more, waits
from dingkao.accounts.tables import Account, Session, Throttle
from dingkao.addresses import address_group, is_hospital
from dingkao.crypto.purposes import Purpose
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.settings import Settings

# So many times the soft limit, and nothing is looked at any more: each look costs a tenth of a second of a core.
HARD_FACTOR = 10
# An account is known from an address where it began a session in this time.
KNOWN_FOR = timedelta(days=90)
_MOST_SESSIONS = 200

_throttle = Statement(
    lambda p: Throttle.select(
        Throttle.window_number, Throttle.failures, Throttle.failures_before, Throttle.refusals,
        Throttle.last_failed_at, Throttle.locked_until,
    ).where(Throttle.subject == p.subject)
)  # fmt: skip
_known_from = Statement(
    lambda p: (
        Session.select(Session.address)
        .where((Session.account == p.account) & (Session.created_at > p.since))
        .order_by(Session.id, ascending=False)
        .limit(p.count)
    ),
    constants=("count",),
)
_count_address = Statement(
    lambda p: QueryString(
        """
        INSERT INTO throttle (subject, window_number, failures, failures_before, refusals, last_failed_at)
        VALUES ({}, {}, {}, 0, 1, {})
        ON CONFLICT (subject) DO UPDATE SET
          failures_before = CASE excluded.window_number - throttle.window_number
            WHEN 0 THEN throttle.failures_before WHEN 1 THEN throttle.failures ELSE 0 END,
          failures = excluded.failures
            + CASE WHEN excluded.window_number = throttle.window_number THEN throttle.failures ELSE 0 END,
          refusals = 1 + CASE WHEN excluded.window_number = throttle.window_number THEN throttle.refusals ELSE 0 END,
          window_number = excluded.window_number,
          last_failed_at = excluded.last_failed_at
        """,
        p.subject,
        p.window,
        p.failures,
        p.now,
    )
)
_keep = Statement(
    lambda p: QueryString(
        """
        INSERT INTO throttle (subject, failures, last_failed_at, locked_until) VALUES ({}, {}, {}, {})
        ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_failed_at = excluded.last_failed_at,
          locked_until = excluded.locked_until
        """,
        p.subject,
        p.failures,
        p.now,
        p.locked_until,
    )
)
_forget = Statement(
    lambda p: QueryString("DELETE FROM throttle WHERE last_failed_at < {}", p.before),
)


@dataclass(frozen=True, slots=True)
class AddressState:
    """`over`: only known accounts log in from there; `shut`: nobody does. `retry_after` in seconds."""

    over: bool
    shut: bool
    retry_after: int


def failure_limits(settings: Settings) -> FailureLimits:
    """The limits that the settings give."""
    return FailureLimits(
        settings.login_failures,
        timedelta(minutes=settings.login_wait_minutes),
        timedelta(hours=settings.login_failure_hours),
        settings.login_hard_stop,
    )


def failures_of(row: Mapping[str, Any] | None) -> Failures:
    """What is known of an account or name from its row; nothing where there is none."""
    if row is None:
        return Failures(0, None, None)
    return Failures(row["failures"], row["last_failed_at"], row["locked_until"])


def _window(settings: Settings, now: datetime) -> tuple[int, float]:
    """The number of the present window, and the part of it that is over."""
    number, elapsed = divmod(now.timestamp(), settings.address_minutes * 60)
    return int(number), elapsed / (settings.address_minutes * 60)


async def address_state(environment: Environment, address: str, now: datetime) -> AddressState:
    """How an address stands."""
    settings = environment.settings
    row = await _throttle.first(subject=_address_subject(address))
    if row is None:
        return AddressState(False, False, 0)
    hospital = is_hospital(settings.hospital_addresses, address)
    most = settings.hospital_failures if hospital else settings.address_failures
    number, elapsed = _window(settings, now)
    ago = number - row["window_number"]
    failures = failures_of_window(row["failures"], row["failures_before"], ago, elapsed)
    refusals = row["refusals"] if ago == 0 else 0
    retry_after = int((1 - elapsed) * settings.address_minutes * 60) + 1
    return AddressState(failures >= most, refusals >= most * HARD_FACTOR, retry_after)


async def known_from(account_id: int, address: str, now: datetime) -> bool:
    """Whether the account has been used from the address before."""
    rows = await _known_from.run(account=account_id, since=now - KNOWN_FOR, count=_MOST_SESSIONS)
    # By subscriber, as the address is counted: the rest of an IPv6 address changes every day.
    group = address_group(address)
    return any(address_group(row["address"]) == group for row in rows)


async def count_refusal(environment: Environment, address: str, now: datetime, *, counted: bool) -> None:
    """Count a refused login of an address; `counted`: as a failure too. Inside the caller's transaction."""
    number, _ = _window(environment.settings, now)
    await _count_address.run(subject=_address_subject(address), window=number, failures=int(counted), now=now)


async def account_waits(environment: Environment, account: Mapping[str, Any], now: datetime) -> bool:
    """Whether the account, as read under its lock, takes no login at the moment."""
    return waits(failures_of(account), failure_limits(environment.settings), now)


async def count_account(environment: Environment, account: Mapping[str, Any], now: datetime) -> None:
    """Count a failure of the account, as read under its lock; inside the caller's transaction."""
    after = one_more(failures_of(account), failure_limits(environment.settings), now)
    await Account.update(
        {
            Account.failures: after.count,
            Account.last_failed_at: after.last_at,
            Account.locked_until: after.locked_until,
        }
    ).where(Account.id == account["id"])


async def session_waits(environment: Environment, account: Mapping[str, Any], session_id: int, now: datetime) -> bool:
    """Whether the account takes no password within its session at the moment: it waits, and in this session as many
    failed. What strangers get wrong keeps nobody from work in a session that he has; who stole one has in it the
    guesses that he has without, until its absolute end."""
    if not await account_waits(environment, account, now):
        return False
    before = failures_of(await _throttle.first(subject=_session_subject(session_id)))
    return waits(before, failure_limits(environment.settings), now)


async def count_in_session(
    environment: Environment, account: Mapping[str, Any], session_id: int, now: datetime
) -> None:
    """Count a failure in a session of the account, as read under its lock: the session's, and, unless it waits, the
    account's. Inside the caller's transaction, and not while `session_waits`."""
    limits = failure_limits(environment.settings)
    if not await account_waits(environment, account, now):
        await count_account(environment, account, now)
    subject = _session_subject(session_id)
    after = one_more(failures_of(await _throttle.first(subject=subject)), limits, now)
    await _keep.run(subject=subject, failures=after.count, now=now, locked_until=after.locked_until)


async def clear_failures(account_id: int) -> None:
    """Forget the account's failures: after a login, a reset of its password, or an administrator's unlocking."""
    await forget_failures([account_id])


async def forget_failures(account_ids: list[int]) -> None:
    """The same for several."""
    await Account.update({Account.failures: 0, Account.last_failed_at: None, Account.locked_until: None}).where(
        Account.id.is_in(account_ids)
    )


async def count_name(environment: Environment, login_name: str, now: datetime) -> bool:
    """Count a failure of a name that no account has, as an account's would be; returns whether it counted, which it
    does not while such an account would wait. Inside the caller's transaction."""
    subject = _name_subject(environment, login_name)
    limits = failure_limits(environment.settings)
    before = failures_of(await _throttle.first(subject=subject))
    if waits(before, limits, now):
        return False
    after = one_more(before, limits, now)
    await _keep.run(subject=subject, failures=after.count, now=now, locked_until=after.locked_until)
    return True


async def forget_throttles(environment: Environment) -> None:
    """Delete what limits nobody any more."""
    hours = environment.settings.login_failure_hours
    await _forget.run(before=environment.clock.now() - timedelta(hours=hours))


def _address_subject(address: str) -> str:
    return f"address:{address_group(address)}"


def _session_subject(session_id: int) -> str:
    return f"session:{session_id}"


def _name_subject(environment: Environment, login_name: str) -> str:
    # Somebody's number, mistyped, is still nearly somebody's number.
    return "name:" + environment.keys.mac(Purpose.CODES, f"login-name:{login_name}".encode()).hex()
