"""Sessions: opaque tokens, stored as digests; a token becomes a caller in one query."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from piccolo.querystring import QueryString

from dingkao.accounts.tables import Session
from dingkao.clock import china_date
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.service import subtree
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role

# 256 bits (ASVS 7.2.3 wants 128).
TOKEN_BYTES = 32

_session_with_roles = Statement(
    lambda p: QueryString(
        """
        SELECT s.id AS session, s.first_login AS first_login, s.expires_at AS expires_at, s.ended_at AS ended_at,
               a.id AS account, a.name AS name, a.doctor AS doctor, a.disabled AS disabled,
               r.role AS role, r.organisation AS organisation, o.region AS region
        FROM session s
        JOIN account a ON a.id = s.account
        LEFT JOIN role_assignment r
          ON r.account = a.id AND r.valid_from <= {} AND (r.valid_to IS NULL OR r.valid_to >= {})
        LEFT JOIN organisation o ON o.id = r.organisation
        WHERE s.token_digest = {}
        ORDER BY r.id
        """,
        p.today,
        p.today,
        p.digest,
    )
)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that has just begun; the only time its token is seen in clear."""

    token: str
    expires_at: datetime
    first_login: bool


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def begin_session(environment: Environment, account_id: int, now: datetime, *, first_login: bool) -> NewSession:
    """Insert a session for the account; inside the caller's transaction."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = now + timedelta(hours=environment.settings.session_hours)
    await Session.insert(
        Session(
            token_digest=token_digest(token),
            account=account_id,
            first_login=first_login,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return NewSession(token, expires_at, first_login)


async def caller_of(
    environment: Environment, token: str, language: Language, request_id: str, address: str
) -> Caller | None:
    """The caller whose session `token` is, or None where it is unknown, over, ended, or the account is disabled."""
    now = environment.clock.now()
    rows = await _session_with_roles.run(digest=token_digest(token), today=china_date(now))
    if not rows:
        return None
    first = rows[0]
    if first["ended_at"] is not None or first["expires_at"] <= now or first["disabled"]:
        return None
    grants: list[RoleGrant] = []
    if first["doctor"] is not None:
        grants.append(RoleGrant(Role.DOCTOR, None))
    for row in rows:
        if row["role"] is None:
            continue
        role = Role(row["role"])
        regions = await subtree(row["region"]) if role is Role.AUTHORITY_OFFICER else ()
        grants.append(RoleGrant(role, row["organisation"], regions))
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
    )
