"""The SMS sender over HTTP, against a real server that answers, refuses, fails, hangs, is cut off and answers late."""

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from dingkao.application import build_environment
from dingkao.messaging.http_sms import HttpSmsSender
from dingkao.messaging.templates import TEMPLATES, compose
from dingkao.outgoing import BreakerOpen, CircuitBreaker, Outgoing
from dingkao.plugin.ports import PortFailed, PortTimedOut, SmsSender
from dingkao.ports import GuardedSmsSender
from dingkao.settings import BadSettings, Settings
from dingkao.testing.local_server import LocalServer, answer, cut, local_server

SECRET = b"a secret of the gateway"
PHONE = "13900000001"
TAKEN = answer(200, {"reference": "gw-1"})


class Time:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def sender(
    server: LocalServer, *, tries: int = 2, seconds: float = 5, breaker: CircuitBreaker | None = None
) -> SmsSender:
    return HttpSmsSender(
        server.url + "/send",
        key_id="dingkao",
        secret=SECRET,
        name="定考",
        templates={"password_reset_code": "SMS_100"},
        outgoing=Outgoing(seconds=seconds, tries=tries, breaker=breaker or CircuitBreaker(5, 30)),
        now=lambda: 1780000000.5,
    )


MESSAGE = compose("定考", PHONE, "PASSWORD_RESET", "password_reset_code", {"code": "123456", "minutes": "5"})


async def test_a_message_is_one_signed_request() -> None:
    async with local_server(TAKEN) as server:
        assert await sender(server).send(MESSAGE) == "gw-1"
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/send")
    assert json.loads(asked.body) == {
        "phone": PHONE,
        "signature": "定考",
        "template": "SMS_100",
        "parameters": {"code": "123456", "minutes": "5"},
        "text": "【定考】验证码123456，用于重置登录密码，5分钟内有效，请勿告知他人。",
    }
    assert (asked.headers["x-key-id"], asked.headers["x-timestamp"]) == ("dingkao", "1780000000")
    signed = "\n".join(
        ["POST", "/send", "1780000000", asked.headers["idempotency-key"], hashlib.sha256(asked.body).hexdigest()]
    )
    assert asked.headers["x-signature"] == hmac.new(SECRET, signed.encode(), hashlib.sha256).hexdigest()


async def test_a_failure_is_tried_again_under_the_same_key() -> None:
    async with local_server(answer(503, {}), TAKEN) as server:
        assert await sender(server).send(MESSAGE) == "gw-1"
    assert len(server.asked) == 2
    assert server.asked[0].headers["idempotency-key"] == server.asked[1].headers["idempotency-key"]
    async with local_server(TAKEN) as other:
        await sender(other).send(MESSAGE)
    assert other.asked[0].headers["idempotency-key"] != server.asked[0].headers["idempotency-key"]


async def test_a_connection_that_is_cut_is_tried_again() -> None:
    async with local_server(cut, TAKEN) as server:
        assert await sender(server).send(MESSAGE) == "gw-1"


async def test_a_late_answer_is_too_late_and_tried_again() -> None:
    async with local_server() as server:
        server.answers = [server.hang, TAKEN]
        assert await sender(server, seconds=2).send(MESSAGE) == "gw-1"
    async with local_server() as server:
        server.answers = [server.hang]
        with pytest.raises(PortTimedOut):
            await sender(server, seconds=1).send(MESSAGE)
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_a_refusal_is_not_tried_again_and_does_not_open_the_breaker(status: int) -> None:
    breaker = CircuitBreaker(1, 30)
    async with local_server(answer(status, {"message": f"no template for {PHONE}"})) as server:
        with pytest.raises(PortFailed) as refused:
            await sender(server, breaker=breaker).send(MESSAGE)
    assert len(server.asked) == 1
    assert not breaker.is_open
    assert PHONE not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"reference": 7}', b"\xff\xfe"])
async def test_an_answer_without_a_reference_is_a_failure(body: bytes) -> None:
    async with local_server(answer(200, body)) as server:
        with pytest.raises(PortFailed):
            await sender(server, tries=1).send(MESSAGE)


async def test_an_endless_answer_is_not_read() -> None:
    async with local_server(answer(200, b" " * 100_000)) as server:
        with pytest.raises(PortFailed, match="more than is read"):
            await sender(server, tries=1).send(MESSAGE)


async def test_nobody_listens() -> None:
    async with local_server(TAKEN) as server:
        pass
    with pytest.raises(PortFailed, match="could not be reached") as refused:
        await sender(server, tries=1).send(MESSAGE)
    assert "127.0.0.1" not in str(refused.value)


async def test_the_breaker_opens_and_one_message_tries_whether_the_gateway_answers() -> None:
    clock = Time()
    breaker = CircuitBreaker(3, 30, clock)
    async with local_server(answer(500, {})) as server:
        gateway = sender(server, tries=1, breaker=breaker)
        for _ in range(3):
            with pytest.raises(PortFailed):
                await gateway.send(MESSAGE)
        with pytest.raises(BreakerOpen):
            await gateway.send(MESSAGE)
        assert len(server.asked) == 3
        clock.now += 30
        with pytest.raises(PortFailed):
            await gateway.send(MESSAGE)
        assert len(server.asked) == 4
        with pytest.raises(BreakerOpen):
            await gateway.send(MESSAGE)
        clock.now += 30
        server.answers = [TAKEN]
        assert await gateway.send(MESSAGE) == "gw-1"
        assert await gateway.send(MESSAGE) == "gw-1"
    assert len(server.asked) == 6


def test_while_one_tries_the_others_are_refused() -> None:
    clock = Time()
    breaker = CircuitBreaker(1, 10, clock)
    breaker.enter()
    breaker.failed()
    clock.now += 10
    breaker.enter()
    with pytest.raises(BreakerOpen):
        breaker.enter()
    breaker.succeeded()
    breaker.enter()


async def test_what_is_given_up_from_outside_counts_as_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    breaker = CircuitBreaker(1, 30)
    async with local_server() as server:
        server.answers = [server.hang]
        with pytest.raises(PortTimedOut):
            await GuardedSmsSender(sender(server, breaker=breaker), seconds=1).send(MESSAGE)
    assert breaker.is_open
    logged = capsys.readouterr().err
    assert "port failed" in logged
    assert PHONE not in logged
    assert "123456" not in logged


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_says_what_its_parameters_are(template: str) -> None:
    names = TEMPLATES[template].names
    message = compose("定考", PHONE, "TEST", template, {name: f"<{name}>" for name in (*names, "other")})
    assert message.text.startswith("【定考】")
    assert set(message.parameters) == set(names)
    assert all(f"<{name}>" in message.text for name in names)
    # An SMS of Chinese text holds 70 signs; longer ones are cut into several and paid for so.
    assert len(TEMPLATES[template].text) <= 66
    with pytest.raises(KeyError):
        compose("定考", PHONE, "TEST", template, {})


async def test_the_settings_choose_it(settings: Settings) -> None:
    with pytest.raises(BadSettings, match="DINGKAO_SMS_SECRET"):
        build_environment(settings.model_copy(update={"sms_url": "https://sms.example/send"}), plugins=[])
    async with local_server(TAKEN) as server:
        chosen = Settings(
            database_url=settings.database_url,
            storage_url=settings.storage_url,
            sms_url=server.url,
            sms_secret=SECRET.decode(),
        )
        environment = build_environment(chosen, plugins=[])
        assert await environment.sms.send(replace(MESSAGE, phone="13900000002")) == "gw-1"
        with pytest.raises(BadSettings, match="no message is called birthday"):
            build_environment(chosen.model_copy(update={"sms_templates": {"birthday": "SMS_1"}}), plugins=[])
    assert json.loads(server.asked[0].body)["phone"] == "13900000002"
