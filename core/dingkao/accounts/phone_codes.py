"""Codes sent to phones: each for one purpose, one flow and one phone, limited in every way; an encrypted digest
is kept.

Numbers are security.md 3.2's and settings. A new code starts with five tries, but not from nothing: the failures of the
last hour count on, so that asking for another gives no more guesses (NIST SP 800-63B-4, 3.2.2).
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dingkao.accounts import code_rules
from dingkao.accounts.credential_vocabulary import CodePurpose
from dingkao.accounts.digests import code_digest, code_fits
from dingkao.accounts.tables import PhoneCode
from dingkao.addresses import address_group, is_hospital
from dingkao.audit.work import UnitOfWork
from dingkao.db.database import is_postgresql
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.errors import FieldProblem, TooManyRequests

_of_phone = Statement(
    lambda p: (
        PhoneCode.select(PhoneCode.sent_at, PhoneCode.tries)
        .where((PhoneCode.phone_index.is_in(p.phones)) & (PhoneCode.sent_at > p.since))
        .order_by(PhoneCode.sent_at, ascending=False)
    )
)
_of_subject = Statement(
    lambda p: (
        PhoneCode.select(PhoneCode.sent_at, PhoneCode.tries)
        .where((PhoneCode.subject == p.digest) & (PhoneCode.sent_at > p.since))
        .order_by(PhoneCode.sent_at, ascending=False)
    )
)
_of_address = Statement(
    lambda p: (
        PhoneCode.select(PhoneCode.sent_at)
        .where((PhoneCode.address == p.address) & (PhoneCode.sent_at > p.since))
        .order_by(PhoneCode.sent_at, ascending=False)
        .limit(p.count)
    ),
    constants=("count",),
)
_COLUMNS = (
    PhoneCode.id, PhoneCode.account, PhoneCode.phone, PhoneCode.digest, PhoneCode.expires_at, PhoneCode.tries,
)  # fmt: skip
_open_code = Statement(
    lambda p: (
        PhoneCode.select(*_COLUMNS)
        .where((PhoneCode.flow == p.flow) & (PhoneCode.purpose == p.purpose) & PhoneCode.used_at.is_null())
        .order_by(PhoneCode.id, ascending=False)
        .limit(1)
    )
)
_lock_code = Statement(lambda p: PhoneCode.select(PhoneCode.id).where(PhoneCode.id == p.id).lock_rows())


# What the digests are of.
_KIND = "phone code"


@dataclass(frozen=True, slots=True)
class CodeOrder:
    """A code to be made. `flow` is a digest of what the answer must come with. Without `phone` it goes nowhere and fits
    nothing, but costs and counts like one that does. `subject` is the digest of what a flow without login asks about.
    `address` is empty where the address' limit does not count."""

    purpose: CodePurpose
    flow: str
    account_id: int | None
    phone: str | None
    subject: str = ""
    address: str = ""


def code_lifetime(environment: Environment) -> timedelta:
    """How long a code is valid."""
    return timedelta(minutes=environment.settings.sms_code_minutes)


def _limits(environment: Environment) -> code_rules.SendingLimits:
    settings = environment.settings
    return code_rules.SendingLimits(
        timedelta(seconds=settings.sms_code_interval_seconds), settings.sms_codes_an_hour, settings.sms_codes_a_day
    )


async def wait_of_phone(work: UnitOfWork, phone: str) -> timedelta:
    """How long until a code may go to `phone`; zero: now."""
    indexes = indexes_of(PhoneCode.phone, phone)
    return _wait(work, await _of_phone.run(phones=indexes, since=work.now - timedelta(days=1)))


async def wait_of_subject(work: UnitOfWork, subject: str) -> timedelta:
    """How long until a code may be asked for under the same name again; zero: now."""
    return _wait(work, await _of_subject.run(digest=subject, since=work.now - timedelta(days=1)))


def _wait(work: UnitOfWork, rows: list[Any]) -> timedelta:
    wait = code_rules.wait_before_sending([row["sent_at"] for row in rows], _limits(work.environment), work.now)
    hour = [row for row in rows if row["sent_at"] > work.now - timedelta(hours=1)]
    if sum(row["tries"] for row in hour) >= work.environment.settings.sms_code_failures_an_hour:
        wait = max(wait, hour[-1]["sent_at"] + timedelta(hours=1) - work.now)
    return wait


async def wait_of_address(work: UnitOfWork, address: str) -> timedelta:
    """How long until another code may be asked for from `address`, or from its IPv6 network; zero: now."""
    settings = work.environment.settings
    hospital = is_hospital(settings.hospital_addresses, address)
    most = settings.sms_codes_hospital_day if hospital else settings.sms_codes_address_day
    rows = await _of_address.run(address=address_group(address), since=work.now - timedelta(days=1), count=most)
    return rows[-1]["sent_at"] + timedelta(days=1) - work.now if len(rows) >= most else timedelta()


def require_no_wait(*waits: timedelta) -> None:
    """Raises TooManyRequests with the longest of `waits`, unless all are zero."""
    longest = max(waits)
    if longest > timedelta():
        raise TooManyRequests(int(longest.total_seconds()) + 1)


async def make_code(work: UnitOfWork, order: CodeOrder) -> str:
    """Keep a new code and return it; inside the caller's transaction, after the limits were asked."""
    code = code_rules.new_sms_code()
    parts = (order.purpose.value, order.flow, order.phone, code)
    digest = code_digest(_KIND, *parts) if order.phone else secrets.token_hex(32)
    await PhoneCode.insert(
        PhoneCode(
            flow=order.flow,
            account=order.account_id,
            phone=order.phone,
            subject=order.subject,
            address=address_group(order.address) if order.address else "",
            purpose=order.purpose.value,
            digest=digest,
            sent_at=work.now,
            expires_at=work.now + code_lifetime(work.environment),
        )
    )
    return code


async def find_code(work: UnitOfWork, purpose: CodePurpose, flow: str, code: str) -> tuple[Any, FieldProblem | None]:
    """The newest open code of the flow, and what is wrong with `code`; a wrong one is counted. Not yet used up: that is
    `use_code`."""
    found: Any = await _open_code.first(flow=flow, purpose=purpose.value)
    if found is None:
        return None, code_rules.CODE_MISSING
    if is_postgresql():
        # Of two guesses at once both count.
        await _lock_code.run(id=found["id"])
        found = await _open_code.first(flow=flow, purpose=purpose.value)
        if found is None:
            return None, code_rules.CODE_MISSING
    if found["expires_at"] <= work.now or found["tries"] >= work.environment.settings.sms_code_tries:
        return found, code_rules.CODE_EXPIRED
    parts = (purpose.value, flow, found["phone"], code.strip())
    if code_fits(found["digest"], _KIND, *parts):
        return found, None
    await PhoneCode.update({PhoneCode.tries: found["tries"] + 1}).where(PhoneCode.id == found["id"])
    return found, code_rules.CODE_WRONG


async def use_code(work: UnitOfWork, code_id: int) -> None:
    """Use the code up: it opens nothing again (ASVS 5.0, 6.5.1)."""
    await PhoneCode.update({PhoneCode.used_at: work.now}).where(PhoneCode.id == code_id)
