"""The one writer of an attempt: which device may save, how it is told apart, and how another one takes over.

A device writes by its session, or by the attempt's token, which the session was given at the start. The token alone is
enough until the attempt closes: a session that expires in the middle of a paper stops no saving. It is computed from
the server's key and the writer's number, so that nothing is stored that could be stolen, and a take-over, which counts
that number up, makes every earlier token void.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dingkao.access.rules import require_role
from dingkao.accounts.tables import Account
from dingkao.assessments.access import lock_assessment
from dingkao.audit.work import begin, logged_in
from dingkao.crypto.purposes import Purpose
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.running import find_attempt, hold_attempt
from dingkao.papers.tables import Attempt
from dingkao.papers.vocabulary import AttemptState
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import NotFound, NotLoggedIn, StateConflict
from dingkao.plugin.text import Language, Text
from dingkao.plugin.vocabulary import Role

_account = Statement(
    lambda p: Account.select(Account.id, Account.name, Account.disabled).where(Account.doctor == p.doctor)
)


def attempt_token(environment: Environment, attempt_id: int, started_at: datetime, writer_number: int) -> str:
    """The token of the attempt's writer of this number: 256 bits that nobody without the server's key can make."""
    digest = environment.keys.mac(Purpose.TOKENS, _signed(attempt_id, started_at, writer_number))
    return f"{writer_number}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _signed(attempt_id: int, started_at: datetime, writer_number: int) -> bytes:
    return f"attempt:{attempt_id}:{started_at.timestamp()}:{writer_number}".encode()


def _token_holds(environment: Environment, attempt: Mapping[str, Any], number: int, encoded: str) -> bool:
    """Whether a token's digest was made here, by any key: replacing the newest stops nobody who is writing."""
    try:
        digest = base64.b64decode(encoded.encode() + b"=", altchars=b"-_", validate=True)
    except ValueError:
        return False
    return environment.keys.mac_holds(Purpose.TOKENS, _signed(attempt["id"], attempt["started_at"], number), digest)


def taken_over() -> StateConflict:
    """Another device writes now, after a take-over."""
    text = Text(
        "已在另一设备上继续作答，本设备仅可查看；如需在本设备作答，请重新接管。",
        "The paper is being answered on another device; this one may only read. Take over to go on here.",
    )
    return StateConflict("TAKEN_OVER", text, AttemptState.IN_PROGRESS.value)


def require_writer(
    environment: Environment, caller: Caller | None, attempt: Mapping[str, Any], token: str | None
) -> None:
    """Check that who asks is the doctor of the attempt (a row of `RUNNING_COLUMNS`), on the device that writes.

    A token is enough for nobody in particular, whose session is over; whoever is logged in is the attempt's doctor, or
    the history would name another for what was saved.

    Raises NotFound for everybody else, also with a token that is none, and StateConflict: TAKEN_OVER for the token of
    an earlier writer, ANOTHER_DEVICE_WRITES for another session without a token.
    """
    if token is not None:
        number, _, encoded = token.partition(".")
        if not number.isascii() or not number.isdecimal() or len(number) > 9:
            raise NotFound
        if not _token_holds(environment, attempt, int(number), encoded):
            raise NotFound
        if caller is not None and caller.doctor_id != attempt["doctor"]:
            raise NotFound
        if int(number) != attempt["writer_number"]:
            raise taken_over()
        return
    if caller is None or caller.doctor_id is None or caller.doctor_id != attempt["doctor"]:
        raise NotFound
    writes = attempt["writer_session"]
    if attempt["state"] == AttemptState.IN_PROGRESS.value and writes is not None and writes != caller.session_id:
        text = Text(
            "正在另一设备上作答，本设备仅可查看；确认后可接管。",
            "The paper is being answered on another device; this one may only read until it takes over.",
        )
        raise StateConflict("ANOTHER_DEVICE_WRITES", text, AttemptState.IN_PROGRESS.value)


async def writing_caller(environment: Environment, caller: Caller | None, attempt_id: int, token: str | None) -> Caller:
    """Who acts: the caller, or, where his session is over, the doctor whose attempt's token is presented.

    Raises NotLoggedIn without a token, and where the doctor's account is disabled; NotFound and StateConflict as
    `require_writer`.
    """
    if token is None:
        return logged_in(caller)
    if caller is not None and not caller.first_login and caller.doctor_id is not None:
        return caller
    attempt = await find_attempt(attempt_id)
    require_writer(environment, caller, attempt, token)
    account = await _account.first(doctor=attempt["doctor"])
    if account is None or account["disabled"]:
        raise NotLoggedIn
    return Caller(
        account_id=account["id"],
        session_id=0,
        name=account["name"],
        doctor_id=attempt["doctor"],
        grants=(RoleGrant(Role.DOCTOR, None),),
        first_login=False,
        language=caller.language if caller else Language.CHINESE,
        request_id=caller.request_id if caller else "attempt-token",
        address=caller.address if caller else "",
    )


async def take_over_attempt(environment: Environment, caller: Caller | None, attempt_id: int) -> None:
    """Make the caller's session the one that writes; the device that wrote is told at its next save. A device that
    writes already takes over nothing. Raises NotLoggedIn, NotFound, Forbidden, StateConflict (ATTEMPT_CLOSED)."""
    asking = logged_in(caller)
    attempt = await find_attempt(attempt_id)
    async with begin(environment, asking) as work:
        record = await lock_assessment(work, attempt["assessment"])
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        attempt = await hold_attempt(attempt_id)
        work.found("Attempt", attempt_id, attempt)
        if attempt["state"] != AttemptState.IN_PROGRESS.value:
            text = Text("试卷已交卷。", "The paper is submitted already.")
            raise StateConflict("ATTEMPT_CLOSED", text, attempt["state"])
        if attempt["writer_session"] == work.caller.session_id:
            await work.record("TAKE_OVER_REPEATED", "Attempt", attempt_id)
            return
        await Attempt.update(
            {
                Attempt.writer_session: work.caller.session_id,
                Attempt.writer_number: attempt["writer_number"] + 1,
                Attempt.writer_since: work.now,
            }
        ).where(Attempt.id == attempt_id)
        detail = {"fromSession": attempt["writer_session"], "writer": attempt["writer_number"] + 1}
        await work.record("TAKE_OVER_ATTEMPT", "Attempt", attempt_id, detail)
