"""Limits by address count an IPv6 network as one subscriber, and a hospital's address as many people."""

from dataclasses import replace
from typing import Any

import pytest

from dingkao.accounts.logging_in import log_in
from dingkao.accounts.passwords import hash_password
from dingkao.accounts.reset import start_password_reset
from dingkao.accounts.sessions import Origin
from dingkao.accounts.tables import PhoneCode, Throttle
from dingkao.accounts.throttling import known_from
from dingkao.accounts.wechat import bind_wechat, log_in_with_wechat
from dingkao.audit.refusals import RefusalLog
from dingkao.audit.tables import AuditEntry
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.plugin.errors import TooManyRequests, ValidationFailed
from dingkao.testing.sample import build_sample

OWN = "correct horse battery"
HOSPITAL = "198.51.100.9"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def with_settings(environment: Environment, **values: Any) -> Environment:
    return replace(environment, settings=environment.settings.model_copy(update=values))


async def resets_from(environment: Environment, addresses: list[str]) -> int:
    """How many of the resets, one from each address, are taken."""
    for place, address in enumerate(addresses):
        try:
            await start_password_reset(environment, f"nobody-{address}-{place}", origin=Origin(address, "", "r"))
        except TooManyRequests:
            return place
    return len(addresses)


async def test_an_ipv6_network_asks_for_no_more_codes_than_one_address(environment: Environment) -> None:
    environment = with_settings(environment, sms_codes_address_day=3)
    assert await resets_from(environment, [f"2001:db8::{number:x}" for number in range(1, 9)]) == 3
    assert {row["address"] for row in await PhoneCode.select(PhoneCode.address)} == {"2001:db8::/64"}
    assert await resets_from(environment, ["2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.2"]) == 3


async def test_a_hospital_asks_for_more_codes_than_a_household(environment: Environment) -> None:
    environment = with_settings(
        environment, sms_codes_address_day=3, sms_codes_hospital_day=6, hospital_addresses=("198.51.100.0/24",)
    )
    assert await resets_from(environment, ["203.0.113.7"] * 8) == 3
    assert await resets_from(environment, [HOSPITAL] * 8) == 6


async def test_refusals_of_an_ipv6_network_are_bounded_as_one_address(environment: Environment) -> None:
    environment = with_settings(environment, audit_refusals=2)
    log = RefusalLog(environment)
    for number in range(1, 6):
        await log.note(None, f"2001:db8::{number:x}", "r", "READ", "FORBIDDEN", None)
    await log.note(None, "2001:db8:0:1::1", "r", "READ", "FORBIDDEN", None)
    addresses = [row["address"] for row in await AuditEntry.select(AuditEntry.address).order_by(AuditEntry.id)]
    # The entry itself says from where exactly.
    assert addresses == ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]


class WeChatOfTheTest:
    """A mini-program whose codes are the names of its users."""

    async def open_id(self, code: str) -> str:
        return f"openid-{code}"


async def test_wechat_logs_in_from_an_address_over_its_limit_who_is_known_there(environment: Environment) -> None:
    environment = replace(environment, mini_program=WeChatOfTheTest())
    province = await build_sample(environment)
    here = Origin(HOSPITAL, "", "r")
    hashed = await hash_password(OWN)
    known, unknown = [await province.add_doctor(name, password_hash=hashed) for name in ("甲一", "乙二")]
    await bind_wechat(environment, known.caller, "known")
    await bind_wechat(environment, unknown.caller, "unknown")
    await log_in(environment, known.document_number, OWN, origin=here)
    for place in range(environment.settings.address_failures):
        with pytest.raises(ValidationFailed):
            await log_in(environment, f"NOBODY{place}", "x", origin=here)
    assert (await log_in_with_wechat(environment, "known", origin=here)).account_id == known.account_id
    for code in ("unknown", "nobody"):
        with pytest.raises(TooManyRequests):
            await log_in_with_wechat(environment, code, origin=here)
    shut = environment.settings.address_failures * 10
    await Throttle.update({Throttle.refusals: shut}).where(Throttle.subject == f"address:{HOSPITAL}")
    with pytest.raises(TooManyRequests):
        await log_in_with_wechat(environment, "known", origin=here)


async def test_an_account_is_known_from_its_ipv6_network(environment: Environment) -> None:
    doctor = await (await build_sample(environment)).add_doctor(password_hash=await hash_password(OWN))
    await log_in(environment, doctor.document_number, OWN, origin=Origin("2001:db8::1", "", "r"))
    now = environment.clock.now()
    assert await known_from(doctor.account_id, "2001:db8::2", now)
    assert not await known_from(doctor.account_id, "2001:db8:0:1::1", now)


async def test_a_reset_runs_as_many_statements_whoever_is_asked_for(environment: Environment) -> None:
    province = await build_sample(environment)
    reset = await province.add_doctor(password_hash=await hash_password(OWN))
    new = await province.add_doctor("李四", phone="13800000002")
    bare = await province.add_doctor("无手机", phone=None, password_hash=await hash_password(OWN))
    counts = set()
    for name in (reset.document_number, new.document_number, bare.document_number, "99000019000101001X", "nobody"):
        with count_queries() as statements:
            await start_password_reset(environment, name, origin=Origin("203.0.113.7", "", "r"))
        counts.add(len(statements))
    assert len(counts) == 1
