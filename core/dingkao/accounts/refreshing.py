"""Keeping a session alive, seeing one's sessions, ending them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.accounts.held_roles import HOLDS_ROLES
from dingkao.accounts.rules import is_staff, is_staff_caller
from dingkao.accounts.sessions import (
    NewSession,
    Origin,
    end_sessions,
    idle_limit,
    issue_tokens,
    token_digest,
)
from dingkao.accounts.tables import Session, SessionToken
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.clock import china_date
from dingkao.db.database import is_postgresql, transaction
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound, NotLoggedIn

# A refresh token that is used again within the grace gives another pair, for a lost answer or a second tab; not one
# pair after the other.
MOST_FOLLOWERS = 5

_session_of_token = Statement(
    lambda p: QueryString(
        f"""
        SELECT t.id AS token, t.rotated_at AS rotated_at, t.followers AS followers, s.id AS session,
               s.first_login AS first_login, s.last_used_at AS last_used_at, s.ends_at AS ends_at,
               s.ended_at AS ended_at, a.id AS account, a.doctor AS doctor, a.disabled AS disabled,
               {HOLDS_ROLES} AS holds_roles
        FROM session_token t JOIN session s ON s.id = t.session JOIN account a ON a.id = s.account
        WHERE t.refresh_digest = {{}}
        """,  # noqa: S608 - our own words
        p.today,
        p.today,
        p.digest,
    )
)
_lock_session = Statement(lambda p: Session.select(Session.id).where(Session.id == p.id).lock_rows())
_open_sessions = Statement(
    lambda p: (
        Session.select(
            Session.id, Session.device, Session.address, Session.created_at, Session.last_used_at, Session.ends_at
        )
        .where((Session.account == p.account) & Session.ended_at.is_null() & (Session.ends_at > p.now))
        .order_by(Session.id, ascending=False)
        .limit(p.limit)
    ),
    constants=("limit",),
)
_forget_tokens = Statement(
    lambda p: QueryString(
        "DELETE FROM session_token WHERE session IN (SELECT id FROM session WHERE ends_at < {} OR ended_at < {})",
        p.before,
        p.before,
    )
)

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session of the caller's that lives."""

    id: int
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    ends_at: datetime
    present: bool


async def refresh_session(environment: Environment, refresh_token: str, *, origin: Origin) -> NewSession:
    """Exchange a refresh token for another pair of tokens; the old one is used up, the session lives on.

    Within `refresh_grace_seconds` a used one is answered again, with a pair of its own: the first answer may have been
    lost, or two tabs asked at once. After that its use ends the session, since one of the two who have it has stolen it
    (RFC 9700, 4.14.2). Raises NotLoggedIn: unknown, reused, the session over, the account disabled.
    """
    who = replace(SYSTEM_CALLER, address=origin.address, request_id=origin.request_id)
    digest = token_digest(refresh_token)
    today = china_date(environment.clock.now())
    found: Any = await _session_of_token.first(digest=digest, today=today)
    if found is None:
        raise NotLoggedIn
    issued: NewSession | None = None
    async with begin(environment, who) as work:
        if is_postgresql():
            await _lock_session.run(id=found["session"])
        found = await _session_of_token.first(digest=digest, today=today)
        detail = {"ofSession": found["session"] if found else 0}
        if found is None or not _lives(environment, found, work.now):
            account = found["account"] if found else None
            await work.record("REFRESH_REFUSED", "Account", account, detail, result=NotLoggedIn.code)
        elif _reused(environment, found, work.now):
            only = [found["session"]]
            await end_sessions(found["account"], work.now, SessionEnd.TOKEN_REUSED, only=only)
            await work.record("REFRESH_TOKEN_REUSED", "Account", found["account"], detail, result=NotLoggedIn.code)
        else:
            issued = await _rotate(environment, found, work.now, origin)
            await work.record("REFRESH_SESSION", "Account", found["account"], detail)
    if issued is None:
        raise NotLoggedIn
    return issued


def _lives(environment: Environment, found: Any, now: datetime) -> bool:
    idle = idle_limit(environment.settings, staff=_is_staff(found))
    last_used = environment.last_uses.last(found["session"], found["last_used_at"])
    return found["ended_at"] is None and not found["disabled"] and found["ends_at"] > now and last_used + idle > now


def _is_staff(found: Any) -> bool:
    return is_staff(found["doctor"], holds_roles=bool(found["holds_roles"]))


def _reused(environment: Environment, found: Any, now: datetime) -> bool:
    if found["rotated_at"] is None:
        return False
    grace = timedelta(seconds=environment.settings.refresh_grace_seconds)
    return bool(found["rotated_at"] + grace <= now or found["followers"] >= MOST_FOLLOWERS)


async def _rotate(environment: Environment, found: Any, now: datetime, origin: Origin) -> NewSession:
    await SessionToken.update(
        {SessionToken.rotated_at: found["rotated_at"] or now, SessionToken.followers: found["followers"] + 1}
    ).where(SessionToken.id == found["token"])
    await Session.update({Session.last_used_at: now, Session.address: origin.address}).where(
        Session.id == found["session"]
    )
    return await issue_tokens(
        environment,
        found["session"],
        now,
        ends_at=found["ends_at"],
        first_login=bool(found["first_login"]),
        staff=_is_staff(found),
    )


async def list_sessions(environment: Environment, caller: Caller | None) -> list[SessionRecord]:
    """The caller's sessions that live, the newest first (ASVS 5.0, 7.5.2). Raises NotLoggedIn."""
    if caller is None:
        raise NotLoggedIn
    now = environment.clock.now()
    idle = idle_limit(environment.settings, staff=is_staff_caller(caller))
    rows = await _open_sessions.run(account=caller.account_id, now=now, limit=MOST_SHOWN)
    records = [
        SessionRecord(
            id=row["id"],
            device=row["device"],
            address=row["address"],
            created_at=row["created_at"],
            last_used_at=environment.last_uses.last(row["id"], row["last_used_at"]),
            ends_at=row["ends_at"],
            present=row["id"] == caller.session_id,
        )
        for row in rows
    ]
    return [record for record in records if record.last_used_at + idle > now]


async def end_session(environment: Environment, caller: Caller | None, session_id: int) -> None:
    """End one of the caller's own sessions. Raises NotLoggedIn, NotFound."""
    async with begin(environment, caller, first_login_allowed=True, second_factor_missing_allowed=True) as work:
        because = SessionEnd.LOGGED_OUT if session_id == work.caller.session_id else SessionEnd.ENDED_ELSEWHERE
        if not await end_sessions(work.caller.account_id, work.now, because, only=[session_id]):
            raise NotFound
        await work.record("END_SESSION", "Account", work.caller.account_id, {"ended": session_id})


async def end_other_sessions(environment: Environment, caller: Caller | None) -> int:
    """End all of the caller's sessions but this one; returns how many. Raises NotLoggedIn."""
    async with begin(environment, caller, first_login_allowed=True, second_factor_missing_allowed=True) as work:
        ended = await end_sessions(
            work.caller.account_id, work.now, SessionEnd.ENDED_ELSEWHERE, but=work.caller.session_id
        )
        await work.record("END_OTHER_SESSIONS", "Account", work.caller.account_id, {"sessions": ended})
    return ended


async def log_out(environment: Environment, caller: Caller | None, *, everywhere: bool) -> None:
    """End the caller's session, or all of the account's. Raises NotLoggedIn."""
    async with begin(environment, caller, first_login_allowed=True, second_factor_missing_allowed=True) as work:
        only = None if everywhere else [work.caller.session_id]
        await end_sessions(work.caller.account_id, work.now, SessionEnd.LOGGED_OUT, only=only)
        await work.record("LOG_OUT_EVERYWHERE" if everywhere else "LOG_OUT", "Account", work.caller.account_id)


async def forget_tokens(environment: Environment) -> None:
    """Delete the tokens of sessions that have been over for a day: there is nothing left that they could open."""
    async with transaction():
        await _forget_tokens.run(before=environment.clock.now() - timedelta(days=1))
