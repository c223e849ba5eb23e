"""Activation codes: an institution hands its doctors, on paper, what opens their accounts once.

Where a region chooses them they stand in place of the initial password. Everywhere they are the way back in for a
doctor without a phone: the officer starts it and never chooses a password (ASVS 5.0, 6.4.1, 6.4.6), and until the code
is used the old password goes on. An account that holds roles of staff is opened by none: the officer would hold them
too.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dingkao.accounts.code_rules import new_activation_code, plain_activation_code
from dingkao.accounts.credential_tables import ActivationCode
from dingkao.accounts.digests import code_digest, code_fits
from dingkao.accounts.held_roles import held_problem, with_roles
from dingkao.accounts.notices import send_notice
from dingkao.accounts.place import accounts_policy
from dingkao.accounts.step_up import step_up
from dingkao.accounts.tables import Account
from dingkao.accounts.throttling import forget_failures
from dingkao.audit.work import UnitOfWork, begin
from dingkao.clock import CHINA
from dingkao.db.bulk import insert_many
from dingkao.db.statement import Statement
from dingkao.doctors.numbers import mask_document_number
from dingkao.doctors.tables import PracticeRegistration
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# As many as a page of a printed list holds several times, and a request of half a second.
MOST_AT_ONCE = 500
_KIND = "activation code"
# What begins a formula in a spreadsheet: a name may not (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_COLUMNS = (
    PracticeRegistration.doctor.as_alias("doctor"),
    PracticeRegistration.doctor.name.as_alias("name"),
    PracticeRegistration.doctor.document_number.as_alias("document_number"),
)
_chosen = Statement(
    lambda p: PracticeRegistration.select(*_COLUMNS).where(
        (PracticeRegistration.institution == p.institution)
        & PracticeRegistration.valid_to.is_null()
        & PracticeRegistration.doctor.is_in(p.doctors)
    )
)
_of_institution = Statement(
    lambda p: (
        PracticeRegistration.select(*_COLUMNS)
        .where(
            (PracticeRegistration.institution == p.institution)
            & PracticeRegistration.valid_to.is_null()
            & (PracticeRegistration.doctor > p.after)
        )
        .order_by(PracticeRegistration.doctor)
        .limit(p.count)
    ),
    constants=("count",),
)
_accounts = Statement(
    lambda p: Account.select(
        Account.id, Account.doctor, Account.phone, Account.password_hash, Account.failures, Account.disabled
    ).where(Account.doctor.is_in(p.doctors))
)
_open_codes = Statement(
    lambda p: ActivationCode.select(ActivationCode.account, ActivationCode.expires_at).where(
        ActivationCode.account.is_in(p.accounts)
        & ActivationCode.used_at.is_null()
        & ActivationCode.revoked_at.is_null()
    )
)
_open_code = Statement(
    lambda p: ActivationCode.select(ActivationCode.id, ActivationCode.digest, ActivationCode.expires_at).where(
        (ActivationCode.account == p.account) & ActivationCode.used_at.is_null() & ActivationCode.revoked_at.is_null()
    )
)
_used_by = Statement(
    lambda p: ActivationCode.select(ActivationCode.id).where(
        (ActivationCode.account == p.account) & (ActivationCode.used_by_session == p.session)
    )
)


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code in clear, seen this once, and whose it is; the document number masked."""

    doctor_id: int
    name: str
    document_number: str
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """What was issued; `more`: there are further doctors of the institution who wait for a code."""

    codes: tuple[IssuedCode, ...]
    more: bool

    def to_csv(self) -> str:
        """The list to print, with the byte order mark by which spreadsheets know UTF-8."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["姓名", "证件号码", "激活码", "有效期至"])
        for one in self.codes:
            until = f"{one.expires_at.astimezone(CHINA):%Y-%m-%d %H:%M}"
            name = f"'{one.name}" if one.name.startswith(_FORMULA) else one.name
            writer.writerow([name, one.document_number, one.code, until])
        return "\ufeff" + text.getvalue()


@step_up("ISSUE_ACTIVATION_CODES", Text("签发激活码", "issue activation codes"))
async def issue_activation_codes(
    environment: Environment, caller: Caller | None, institution_id: int, doctor_ids: Sequence[int] | None
) -> Issued:
    """Issue a code to each of the doctors of the institution, or, without `doctor_ids`, to those who have neither set a
    password nor been given a code that is still open, at most 500 at once.

    A new code makes the earlier one void, and the account's failed logins are forgotten: a code that a locked account
    does not take would be none. By an officer of that institution. Raises NotLoggedIn, StepUpRequired, NotFound where
    it is not his institution, ValidationFailed: NUMBER_OF_DOCTORS, NOT_FOUND, ACCOUNT_DISABLED, ACCOUNT_HOLDS_ROLES.
    """
    phones: list[str] = []
    async with begin(environment, caller) as work:
        work.acting = _grant_at(work.caller, institution_id)
        if doctor_ids is None:
            rows, more = await _waiting(work, institution_id)
        else:
            rows, more = await _given(institution_id, doctor_ids), False
        accounts = {row["doctor"]: row for row in await _accounts_of([row["doctor"] for row in rows])}
        await _refuse_closed(work, doctor_ids, accounts)
        policies = await accounts_policy(environment, rows[0]["doctor"]) if rows else None
        hours = policies.activation_hours if policies else 0
        expires_at = work.now + timedelta(hours=hours)
        codes = [
            IssuedCode(
                row["doctor"],
                row["name"],
                mask_document_number(row["document_number"]),
                new_activation_code(),
                expires_at,
            )
            for row in rows
        ]
        await _keep(work, institution_id, codes, accounts)
        phones = [
            accounts[one.doctor_id]["phone"]
            for one in codes
            if accounts[one.doctor_id]["password_hash"] and accounts[one.doctor_id]["phone"]
        ]
        unlocked = sum(accounts[one.doctor_id]["failures"] > 0 for one in codes)
        detail = {"codes": len(codes), "unlocked": unlocked}
        await work.record("ISSUE_ACTIVATION_CODES", "Organisation", institution_id, detail)
    for phone in phones:
        # Whose account was in use is told that somebody asked for another way in.
        send_notice(environment, phone, "access_reissued")
    return Issued(tuple(codes), more)


def _grant_at(caller: Caller, institution_id: int) -> RoleGrant:
    for grant in caller.grants:
        if grant.role is Role.INSTITUTION_OFFICER and grant.organisation_id == institution_id:
            return grant
    raise NotFound


async def _given(institution_id: int, doctor_ids: Sequence[int]) -> list[Any]:
    if not 1 <= len(doctor_ids) <= MOST_AT_ONCE:
        text = Text(f"一次请选择1至{MOST_AT_ONCE}名医师。", f"Give 1 to {MOST_AT_ONCE} doctors at once.")
        raise ValidationFailed([FieldProblem("doctorIds", "NUMBER_OF_DOCTORS", text)])
    found = {row["doctor"]: row for row in await _chosen.run(institution=institution_id, doctors=list(doctor_ids))}
    problems = [
        FieldProblem(f"doctorIds.{place}", "NOT_FOUND", NotFound.text)
        for place, doctor_id in enumerate(doctor_ids)
        if doctor_id not in found
    ]
    if problems:
        raise ValidationFailed(problems)
    return [found[doctor_id] for doctor_id in dict.fromkeys(doctor_ids)]


async def _waiting(work: UnitOfWork, institution_id: int) -> tuple[list[Any], bool]:
    """The first of the institution's doctors who have no way in, and whether there are more."""
    waiting: list[Any] = []
    after = 0
    while True:
        rows = await _of_institution.run(institution=institution_id, after=after, count=MOST_AT_ONCE)
        accounts = {row["doctor"]: row for row in await _accounts_of([row["doctor"] for row in rows])}
        ids = [account["id"] for account in accounts.values()]
        closed = {row["account"] for row in await _open_codes.run(accounts=ids) if row["expires_at"] > work.now}
        closed |= await with_roles(ids, work.today)
        for row in rows:
            account = accounts.get(row["doctor"])
            if account is None or account["password_hash"] or account["disabled"] or account["id"] in closed:
                continue
            if len(waiting) == MOST_AT_ONCE:
                return waiting, True
            waiting.append(row)
        if len(rows) < MOST_AT_ONCE:
            return waiting, False
        after = rows[-1]["doctor"]


async def _accounts_of(doctor_ids: list[int]) -> list[Any]:
    return await _accounts.run(doctors=doctor_ids)


async def _refuse_closed(work: UnitOfWork, doctor_ids: Sequence[int] | None, accounts: dict[int, Any]) -> None:
    text = Text("该账户已停用。", "This account is disabled.")
    chosen = list(enumerate(doctor_ids or ()))
    problems = [
        FieldProblem(f"doctorIds.{place}", "ACCOUNT_DISABLED", text)
        for place, doctor_id in chosen
        if doctor_id not in accounts or accounts[doctor_id]["disabled"]
    ]
    held = await with_roles([account["id"] for account in accounts.values()], work.today) if chosen else frozenset()
    problems += [
        held_problem(f"doctorIds.{place}")
        for place, doctor_id in chosen
        if doctor_id in accounts and accounts[doctor_id]["id"] in held
    ]
    if problems:
        raise ValidationFailed(problems)


async def _keep(work: UnitOfWork, institution_id: int, codes: list[IssuedCode], accounts: dict[int, Any]) -> None:
    if not codes:
        return
    ids = [accounts[one.doctor_id]["id"] for one in codes]
    await revoke_activation(work, ids)
    await forget_failures(ids)
    columns = (
        ActivationCode.account, ActivationCode.institution, ActivationCode.issued_by, ActivationCode.digest,
        ActivationCode.issued_at, ActivationCode.expires_at,
    )  # fmt: skip
    rows = [
        (account_id, institution_id, work.caller.account_id, _digest(account_id, one.code), work.now,
         one.expires_at)
        for account_id, one in zip(ids, codes, strict=True)
    ]  # fmt: skip
    await insert_many(columns, rows)


async def revoke_activation(work: UnitOfWork, account_ids: list[int]) -> None:
    """Make the open codes of the accounts void; inside the caller's transaction."""
    await ActivationCode.update({ActivationCode.revoked_at: work.now}).where(
        ActivationCode.account.is_in(account_ids)
        & ActivationCode.used_at.is_null()
        & ActivationCode.revoked_at.is_null()
    )


def _digest(account_id: int, code: str) -> str:
    return code_digest(_KIND, account_id, plain_activation_code(code))


async def activation_fits(environment: Environment, account_id: int, given: str, now: datetime) -> int | None:
    """The key of the account's open code, where `given` is it; None otherwise. Nothing is used up."""
    plain = plain_activation_code(given)
    found: Any = await _open_code.first(account=account_id)
    if plain is None or found is None or found["expires_at"] <= now:
        return None
    return int(found["id"]) if code_fits(found["digest"], _KIND, account_id, plain) else None


async def use_activation(work: UnitOfWork, code_id: int, session_id: int) -> None:
    """Use a code up by the session that it opened; inside the login's transaction."""
    await ActivationCode.update({ActivationCode.used_at: work.now, ActivationCode.used_by_session: session_id}).where(
        ActivationCode.id == code_id
    )


async def began_by_activation(account_id: int, session_id: int) -> bool:
    """Whether the session was opened by an activation code."""
    return await _used_by.first(account=account_id, session=session_id) is not None
