"""Sessions: opaque tokens, stored as digests; a token becomes a caller in one query.

A session is a login on one device. It has an absolute end, an end when it lies idle, and a chain of token pairs: a
short access token that requests carry, and a refresh token that is good once (security.md 3.2; ASVS 5.0, 7.2 to 7.4).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import is_regional
from dingkao.accounts.held_roles import is_staff_account
from dingkao.accounts.rules import is_staff
from dingkao.accounts.tables import Session, SessionToken
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.clock import china_date
from dingkao.db.statement import Parameters, Statement
from dingkao.db.together import TogetherOnEach
from dingkao.environment import Environment
from dingkao.institutions.service import subtree
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role
from dingkao.settings import Settings

# 256 bits (ASVS 7.2.3 wants 128).
TOKEN_BYTES = 32
DEVICE_LENGTH = 200
# The tokens of so many requests are looked up by one query.
MOST_LOOKED_UP = 64


def _sessions_query(parameters: Parameters) -> QueryString:
    return QueryString(
        f"""
        SELECT t.access_digest AS digest,
               s.id AS session, s.first_login AS first_login, t.expires_at AS expires_at, s.ended_at AS ended_at,
               s.ends_at AS ends_at, s.last_used_at AS last_used_at, s.confirmed_until AS confirmed_until,
               a.id AS account, a.name AS name, a.doctor AS doctor, a.disabled AS disabled,
               a.second_factor AS second_factor,
               r.role AS role, r.organisation AS organisation, o.region AS region
        FROM session_token t
        JOIN session s ON s.id = t.session
        JOIN account a ON a.id = s.account
        LEFT JOIN role_assignment r
          ON r.account = a.id AND r.valid_from <= {{}} AND (r.valid_to IS NULL OR r.valid_to >= {{}})
        LEFT JOIN organisation o ON o.id = r.organisation
        WHERE t.access_digest IN ({", ".join("{}" for _ in parameters.digests)})
        ORDER BY r.id
        """,  # noqa: S608 - placeholders
        parameters.today,
        parameters.today,
        *parameters.digests,
    )


_sessions_with_roles = Statement(_sessions_query)
_open_sessions = Statement(
    lambda p: (
        Session.select(Session.id, Session.last_used_at)
        .where((Session.account == p.account) & Session.ended_at.is_null() & (Session.ends_at > p.now))
        .order_by(Session.id)
    )
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the address, what the client calls itself, the request's id."""

    address: str
    device: str
    request_id: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A token pair that has just been made; the only time it is seen in clear.

    `expires_at` is the access token's end, `ends_at` the session's, unless it lies idle for `idle` before.
    """

    session_id: int
    token: str
    expires_at: datetime
    refresh_token: str
    ends_at: datetime
    idle: timedelta
    first_login: bool


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def idle_limit(settings: Settings, *, staff: bool) -> timedelta:
    """How long a session may lie idle."""
    return timedelta(minutes=settings.staff_idle_minutes if staff else settings.session_idle_minutes)


async def begin_session(
    environment: Environment,
    account_id: int,
    now: datetime,
    *,
    first_login: bool,
    confirmed_until: datetime | None = None,
    address: str = "",
    device: str = "",
) -> NewSession:
    """Insert a session for the account and its first tokens; inside the caller's transaction.

    Staff's (`rules.is_staff`) has a shorter idle time, and its oldest sessions end where there are more than
    `staff_sessions`. `confirmed_until`: until when the login itself counts as step-up (None: it does not).
    """
    staff = await is_staff_account(account_id, china_date(now))
    ends_at = now + timedelta(hours=environment.settings.session_hours)
    if staff:
        await _end_the_oldest(environment, account_id, now)
    inserted: list[Any] = await Session.insert(
        Session(
            account=account_id,
            first_login=first_login,
            device=device[:DEVICE_LENGTH],
            address=address,
            created_at=now,
            last_used_at=now,
            ends_at=ends_at,
            confirmed_until=confirmed_until,
        )
    )
    return await issue_tokens(
        environment, inserted[0]["id"], now, ends_at=ends_at, first_login=first_login, staff=staff
    )


async def issue_tokens(
    environment: Environment, session_id: int, now: datetime, *, ends_at: datetime, first_login: bool, staff: bool
) -> NewSession:
    """Another pair of tokens for the session; inside the caller's transaction."""
    access, refresh = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = min(now + timedelta(minutes=environment.settings.access_minutes), ends_at)
    await SessionToken.insert(
        SessionToken(
            session=session_id,
            access_digest=token_digest(access),
            refresh_digest=token_digest(refresh),
            issued_at=now,
            expires_at=expires_at,
        )
    )
    idle = idle_limit(environment.settings, staff=staff)
    return NewSession(session_id, access, expires_at, refresh, ends_at, idle, first_login)


async def _end_the_oldest(environment: Environment, account_id: int, now: datetime) -> None:
    rows = await _open_sessions.run(account=account_id, now=now)
    idle = idle_limit(environment.settings, staff=True)
    living = [row["id"] for row in rows if environment.last_uses.last(row["id"], row["last_used_at"]) + idle > now]
    surplus = living[: max(0, len(living) - environment.settings.staff_sessions + 1)]
    if surplus:
        await end_sessions(account_id, now, SessionEnd.TOO_MANY, only=surplus)


async def end_sessions(
    account_id: int,
    now: datetime,
    because: SessionEnd,
    *,
    only: list[int] | None = None,
    but: int | None = None,
) -> int:
    """End the account's sessions, all of them, those of `only`, or all but one; inside the caller's transaction.

    To be called by whatever disables an account (ASVS 7.4.2) or changes its password or phone (7.4.3, with the session
    of the change as `but`). Their tokens are worth nothing from the commit on. Returns how many ended.
    """
    ending = (Session.account == account_id) & Session.ended_at.is_null()
    if only is not None:
        ending = ending & Session.id.is_in(only)
    if but is not None:
        ending = ending & (Session.id != but)
    ended: list[Any] = (
        await Session.update({Session.ended_at: now, Session.ended_because: because.value})
        .where(ending)
        .returning(Session.id)
    )
    return len(ended)


async def _look_up(asked: Sequence[tuple[str, date]]) -> list[list[Any]]:
    """The rows of each token's session, by its digest, with the day's roles; none where there is no such token."""
    found: dict[tuple[str, date], list[Any]] = {key: [] for key in asked}
    for today in {today for _, today in asked}:
        digests = [digest for digest, day in asked if day == today]
        for row in await _sessions_with_roles.run(digests=digests, today=today):
            found[row["digest"], today].append(row)
    return [found[key] for key in asked]


# Those who come at once are looked up at once; by the key each token stands once in the query.
_looking_up: TogetherOnEach[tuple[str, date], list[Any]] = TogetherOnEach(_look_up, MOST_LOOKED_UP, key=lambda key: key)


async def caller_of(
    environment: Environment,
    token: str,
    language: Language,
    request_id: str,
    address: str,
    *,
    counts: bool = True,
) -> Caller | None:
    """The caller whose access token `token` is, or None where it is unknown or over, its session ended or lay idle too
    long, or the account is disabled. The session counts as used, unless `counts` is false: where nobody does anything,
    and the server alone looks whether it still is one."""
    now = environment.clock.now()
    today = china_date(now)
    rows = await _looking_up.do(environment.database, (token_digest(token), today))
    if not rows:
        return None
    first = rows[0]
    if first["ended_at"] is not None or first["expires_at"] <= now or first["ends_at"] <= now or first["disabled"]:
        return None
    staff = is_staff(first["doctor"], holds_roles=any(row["role"] is not None for row in rows))
    last_used = environment.last_uses.last(first["session"], first["last_used_at"])
    if last_used + idle_limit(environment.settings, staff=staff) <= now:
        return None
    if counts:
        environment.last_uses.note(first["session"], last_used, now)
    grants: list[RoleGrant] = []
    reach: dict[int | None, tuple[int, ...]] = {}
    if first["doctor"] is not None:
        grants.append(RoleGrant(Role.DOCTOR, None))
    for row in rows:
        if row["role"] is None:
            continue
        role = Role(row["role"])
        region = row["region"] if is_regional(role) else None
        if region is not None and region not in reach:
            reach[region] = await subtree(region)
        grants.append(RoleGrant(role, row["organisation"], reach.get(region, ())))
    demanding = environment.settings.second_factor_roles
    return Caller(
        account_id=first["account"],
        session_id=first["session"],
        name=first["name"],
        doctor_id=first["doctor"],
        grants=tuple(grants),
        first_login=bool(first["first_login"]),
        language=language,
        request_id=request_id,
        address=address,
        confirmed_until=first["confirmed_until"],
        second_factor_open=bool(demanding)
        and not first["second_factor"]
        and any(grant.role.value in demanding for grant in grants),
    )
