"""The outbox, and the time limit of the SMS port."""

import asyncio
from dataclasses import replace

import pytest

from dingkao.db.database import transaction
from dingkao.environment import Environment
from dingkao.messaging.outbox import OutboxSmsSender, read_outbox
from dingkao.messaging.service import send_sms
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.ports import PortFailed, SmsMessage, SmsSender
from dingkao.ports import GuardedSmsSender
from dingkao.testing.clock import SettableClock


def message(phone: str = "13800000000", text: str = "验证码 123456") -> SmsMessage:
    return SmsMessage(phone=phone, purpose="TEST", template="test", text=text)


class RefusingGateway:
    async def send(self, message: SmsMessage) -> str:
        raise PortFailed("the account is empty")


class SilentGateway:
    async def send(self, message: SmsMessage) -> str:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers")


async def test_the_outbox_keeps_messages_newest_first(environment: Environment, clock: SettableClock) -> None:
    sender = OutboxSmsSender(clock)
    references = [await sender.send(message(text=f"第{number}条")) for number in range(3)]
    await sender.send(message("13900000000", "别人的"))
    assert len(set(references)) == 3
    assert [kept.text for kept in await read_outbox(2)] == ["别人的", "第2条"]
    mine = await read_outbox(phone="13800000000")
    assert [kept.text for kept in mine] == ["第2条", "第1条", "第0条"]
    assert mine[0].created_at == clock.now()
    assert f"outbox-{mine[0].id}" == references[-1]


async def test_a_message_of_a_transaction_that_fails_is_not_kept(environment: Environment) -> None:
    with pytest.raises(RuntimeError):
        await send_and_fail(environment)
    assert await read_outbox() == []


async def send_and_fail(environment: Environment) -> None:
    async with transaction():
        await send_sms(environment, message())
        raise RuntimeError("afterwards")


@pytest.mark.parametrize("count", [0, 201])
async def test_the_outbox_is_read_in_bounded_pieces(environment: Environment, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        await read_outbox(count)


@pytest.mark.parametrize("gateway", [RefusingGateway(), SilentGateway()], ids=["refusing", "silent"])
async def test_a_gateway_that_fails_is_a_problem_to_try_again(environment: Environment, gateway: SmsSender) -> None:
    guarded = GuardedSmsSender(gateway, "gateway", seconds=0.05)
    with pytest.raises(StateConflict) as refusal:
        await send_sms(replace(environment, sms=guarded), message())
    assert refusal.value.code == "SMS_NOT_SENT"
    assert "再试" in refusal.value.text.zh


async def test_what_the_gateway_took_has_its_reference(environment: Environment) -> None:
    reference = await send_sms(environment, message())
    assert reference == f"outbox-{(await read_outbox())[0].id}"
