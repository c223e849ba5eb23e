"""The second factor (动态口令): an authenticator app, and recovery codes for when it is lost (ASVS 5.0, 6.5)."""

import secrets
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from dingkao.accounts.digests import code_digest, code_fits
from dingkao.accounts.rules import WRONG_CODE, is_staff_caller
from dingkao.accounts.step_up import require_confirmation
from dingkao.accounts.tables import Account, RecoveryCode, SecondFactor
from dingkao.accounts.totp import matching_step, new_secret, provisioning_uri, secret_of, secret_text
from dingkao.audit.work import UnitOfWork, begin
from dingkao.crypto.purposes import Purpose
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, StateConflict, ValidationFailed
from dingkao.plugin.text import Text

ISSUER = "定考"
RECOVERY_CODES = 10
# Fifty bits; no letters that look like others.
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_CODE_LENGTH = 10
_RECOVERY = "recovery code"

_factor = Statement(
    lambda p: SecondFactor.select(SecondFactor.secret, SecondFactor.confirmed_at, SecondFactor.last_step).where(
        SecondFactor.account == p.account
    )
)
_unused_codes = Statement(
    lambda p: RecoveryCode.select(RecoveryCode.id, RecoveryCode.digest).where(
        (RecoveryCode.account == p.account) & RecoveryCode.used_at.is_null()
    )
)


class SecondFactorCheck(Enum):
    """What a code was."""

    WRONG = auto()
    AUTHENTICATOR = auto()
    RECOVERY = auto()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that waits to be confirmed: as text to type, and as the address that a QR code holds."""

    secret: str
    uri: str


async def take_code(work: UnitOfWork, account_id: int, code: str) -> SecondFactorCheck:
    """Check a code of the account's authenticator, or a recovery code, and use it up. The account's row is locked by
    the caller, or two requests could take one code."""
    given = "".join(code.split()).replace("-", "").upper()
    row: Any = await _factor.first(account=account_id)
    if row is None or row["confirmed_at"] is None:
        return SecondFactorCheck.WRONG
    secret = open_secret(work.environment, account_id, row)
    step = matching_step(secret, given, work.now, row["last_step"])
    if step is not None:
        await SecondFactor.update({SecondFactor.last_step: step}).where(SecondFactor.account == account_id)
        return SecondFactorCheck.AUTHENTICATOR
    for unused in await _unused_codes.run(account=account_id):
        if code_fits(unused["digest"], _RECOVERY, account_id, given):
            await RecoveryCode.update({RecoveryCode.used_at: work.now}).where(RecoveryCode.id == unused["id"])
            break
    else:
        return SecondFactorCheck.WRONG
    await work.record("USE_RECOVERY_CODE", "Account", account_id)
    return SecondFactorCheck.RECOVERY


async def enrol_second_factor(environment: Environment, caller: Caller | None) -> Enrolment:
    """Make a secret for the caller's authenticator; it counts once a code of it was given (`confirm_second_factor`).

    Needs step-up. Raises NotLoggedIn, FirstLoginOpen, StepUpRequired, Forbidden for doctors, StateConflict
    (SECOND_FACTOR_SET_UP) where there is one: it is taken away first.
    """
    async with begin(environment, caller, second_factor_missing_allowed=True) as work:
        _require_staff(work.caller)
        require_confirmation(work.caller, work.now)
        found: Any = await _factor.first(account=work.caller.account_id)
        if found is not None and found["confirmed_at"] is not None:
            text = Text("已启用动态口令。", "An authenticator is set up already; remove it first.")
            raise StateConflict("SECOND_FACTOR_SET_UP", text, "SET_UP")
        secret = new_secret()
        await SecondFactor.delete().where(SecondFactor.account == work.caller.account_id)
        await SecondFactor.insert(
            SecondFactor(
                account=work.caller.account_id,
                secret=seal_secret(environment, work.caller.account_id, secret),
                created_at=work.now,
            )
        )
        await work.record("ENROL_SECOND_FACTOR", "Account", work.caller.account_id)
    # The name and not the login name, which may be a document number: an app shows it to whoever looks.
    return Enrolment(secret_text(secret), provisioning_uri(secret, issuer=ISSUER, account=work.caller.name))


async def confirm_second_factor(environment: Environment, caller: Caller | None, code: str) -> list[str]:
    """The first code of the new authenticator sets it up; returns the recovery codes, seen this once.

    Needs step-up. Raises NotLoggedIn, FirstLoginOpen, StepUpRequired, Forbidden for doctors, ValidationFailed
    (WRONG_SECOND_FACTOR), StateConflict (NO_ENROLMENT).
    """
    right = False
    codes: list[str] = []
    async with begin(environment, caller, second_factor_missing_allowed=True) as work:
        account_id = work.caller.account_id
        _require_staff(work.caller)
        require_confirmation(work.caller, work.now)
        found: Any = await _factor.first(account=account_id)
        if found is None or found["confirmed_at"] is not None:
            text = Text("请先获取动态口令密钥。", "Ask for a secret first (enrolSecondFactor).")
            raise StateConflict("NO_ENROLMENT", text, "NONE" if found is None else "SET_UP")
        secret = open_secret(environment, account_id, found)
        step = matching_step(secret, "".join(code.split()), work.now, found["last_step"])
        if step is not None:
            right = True
            await SecondFactor.update({SecondFactor.confirmed_at: work.now, SecondFactor.last_step: step}).where(
                SecondFactor.account == account_id
            )
            await Account.update({Account.second_factor: True}).where(Account.id == account_id)
            codes = await _new_codes(work, account_id)
            await work.record("CONFIRM_SECOND_FACTOR", "Account", account_id)
        else:
            await work.record("CONFIRM_SECOND_FACTOR_REFUSED", "Account", account_id, result=WRONG_CODE.code)
    if not right:
        raise ValidationFailed([WRONG_CODE])
    return codes


async def renew_recovery_codes(environment: Environment, caller: Caller | None) -> list[str]:
    """New recovery codes in place of all earlier ones; seen this once. Needs step-up.

    Raises NotLoggedIn, FirstLoginOpen, StepUpRequired, StateConflict (NO_SECOND_FACTOR).
    """
    async with begin(environment, caller) as work:
        require_confirmation(work.caller, work.now)
        await _require_set_up(work)
        codes = await _new_codes(work, work.caller.account_id)
        await work.record("RENEW_RECOVERY_CODES", "Account", work.caller.account_id)
    return codes


async def remove_second_factor(environment: Environment, caller: Caller | None) -> None:
    """Take the caller's authenticator away, to set up another one. Needs step-up.

    Raises NotLoggedIn, FirstLoginOpen, StepUpRequired, StateConflict (NO_SECOND_FACTOR).
    """
    async with begin(environment, caller) as work:
        require_confirmation(work.caller, work.now)
        await _require_set_up(work)
        await drop_second_factor(work.caller.account_id)
        await work.record("REMOVE_SECOND_FACTOR", "Account", work.caller.account_id)


async def drop_second_factor(account_id: int) -> None:
    """Delete an account's authenticator and recovery codes, inside the caller's transaction: also for the
    administrator's help to one who has lost both."""
    await RecoveryCode.delete().where(RecoveryCode.account == account_id)
    await SecondFactor.delete().where(SecondFactor.account == account_id)
    await Account.update({Account.second_factor: False}).where(Account.id == account_id)


def _require_staff(caller: Caller) -> None:
    if not is_staff_caller(caller):
        raise Forbidden(Text("动态口令仅供工作人员使用。", "Authenticators are for staff."))


async def _require_set_up(work: UnitOfWork) -> None:
    found: Any = await _factor.first(account=work.caller.account_id)
    if found is None or found["confirmed_at"] is None:
        text = Text("尚未启用动态口令。", "No authenticator is set up.")
        raise StateConflict("NO_SECOND_FACTOR", text, "NONE")


async def _new_codes(work: UnitOfWork, account_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
    await RecoveryCode.delete().where(RecoveryCode.account == account_id)
    await RecoveryCode.insert(
        *(RecoveryCode(account=account_id, digest=code_digest(_RECOVERY, account_id, code)) for code in codes)
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def seal_secret(environment: Environment, account_id: int, secret: bytes) -> str:
    """The text that is stored of an authenticator's secret. Raises NoKeys."""
    return environment.keys.seal(Purpose.SECOND_FACTOR, _place(account_id), secret_text(secret))


def open_secret(environment: Environment, account_id: int, row: Any) -> bytes:
    """The secret in a row of `second_factor`. Raises UnknownKey, SealBroken."""
    return secret_of(environment.keys.open(Purpose.SECOND_FACTOR, _place(account_id), row["secret"]))


def _place(account_id: int) -> str:
    return f"second_factor.secret:{account_id}"
