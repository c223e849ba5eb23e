"""Aliyun's and Tencent Cloud's interfaces, against a real server that checks signatures as their documentation has it,
by code of its own, and answers as documented."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from dingkao.application import build_environment
from dingkao.messaging.aliyun_sms import AliyunSmsSender, authorization, canonical_query
from dingkao.messaging.gateway_answers import GatewayTemplates
from dingkao.messaging.templates import TEMPLATES, compose
from dingkao.messaging.tencent_sms import TencentSmsSender, signing_key, string_to_sign
from dingkao.outgoing import BreakerOpen, CircuitBreaker, Outgoing
from dingkao.plugin.ports import PortFailed, PortTimedOut, SmsSender
from dingkao.settings import BadSettings, Settings
from dingkao.testing.local_server import Answer, Asked, LocalServer, answer, cut, local_server

KEY_ID, SECRET = "the-key-id", "the secret of the key"
PHONE = "13900000001"
NOW = 1780000000
Sender = Callable[..., SmsSender]
MESSAGE = compose("定考", PHONE, "PASSWORD_RESET", "password_reset_code", {"code": "123456", "minutes": "5"})
TEMPLATES_THERE = GatewayTemplates({"password_reset_code": "SMS_100"}, {"password_reset_code": ["minutes:min", "code"]})


def outgoing(tries: int, seconds: float, breaker: CircuitBreaker | None) -> Outgoing:
    return Outgoing(seconds=seconds, tries=tries, breaker=breaker or CircuitBreaker(5, 30))


def aliyun(
    server: LocalServer, *, tries: int = 2, seconds: float = 5, breaker: CircuitBreaker | None = None
) -> SmsSender:
    return AliyunSmsSender(
        server.url,
        key_id=KEY_ID,
        secret=SECRET.encode(),
        name="定考",
        templates=TEMPLATES_THERE,
        outgoing=outgoing(tries, seconds, breaker),
        now=lambda: NOW + 0.9,
    )


def tencent(
    server: LocalServer, *, tries: int = 2, seconds: float = 5, breaker: CircuitBreaker | None = None
) -> SmsSender:
    return TencentSmsSender(
        server.url,
        key_id=KEY_ID,
        secret=SECRET.encode(),
        app_id="1400006666",
        region="ap-guangzhou",
        name="定考",
        templates=TEMPLATES_THERE,
        outgoing=outgoing(tries, seconds, breaker),
        now=lambda: NOW + 0.9,
    )


def aliyun_answer(code: str, **more: object) -> Answer:
    status = 200 if code == "OK" or code.startswith("isv.") else 400
    return answer(status, {"RequestId": "8906582E", "Code": code, "Message": f"about {PHONE}", **more})


def tencent_answer(code: str) -> Answer:
    status = {"SerialNo": "5000:1045710669157053657849499619", "PhoneNumber": f"+86{PHONE}", "Fee": 1, "Code": code}
    return answer(200, {"Response": {"SendStatusSet": [status], "RequestId": "a0aabda6"}})


def tencent_error(code: str) -> Answer:
    return answer(200, {"Response": {"Error": {"Code": code, "Message": f"about {PHONE}"}, "RequestId": "ed93f3cb"}})


ALIYUN_TAKEN = aliyun_answer("OK", BizId="9006197469364984^0")
TENCENT_TAKEN = tencent_answer("Ok")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def as_aliyun_checks(asked: Asked) -> bool:
    """The steps of "V3版本请求体&签名机制", from what arrived."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    given = dict(part.split("=", 1) for part in rest.split(","))
    names = given["SignedHeaders"].split(";")
    needed = {name for name in asked.headers if name.startswith("x-acs-") or name in ("host", "content-type")}
    pairs = sorted((name, values[0]) for name, values in asked.query.items())
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    canonical = f"{asked.method}\n{asked.path}\n{query}\n"
    for name in names:
        canonical += f"{name}:{asked.headers[name]}\n"
    canonical += f"\n{given['SignedHeaders']}\n{sha256(asked.body)}"
    expected = mac(SECRET.encode(), f"ACS3-HMAC-SHA256\n{sha256(canonical.encode())}").hex()
    return (scheme, given["Credential"], set(names), given["Signature"]) == (
        "ACS3-HMAC-SHA256",
        KEY_ID,
        needed,
        expected,
    )


def as_tencent_checks(asked: Asked) -> bool:
    """The steps of "签名方法 v3", from what arrived."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    key_id, day, service, end = given["Credential"].split("/")
    lines = [f"{name}:{asked.headers[name].lower()}" for name in given["SignedHeaders"].split(";")]
    canonical = "\n".join([asked.method, asked.path, "", *lines, "", given["SignedHeaders"], sha256(asked.body)])
    timestamp = asked.headers["x-tc-timestamp"]
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{day}/{service}/{end}\n{sha256(canonical.encode())}"
    key = mac(mac(mac(b"TC3" + SECRET.encode(), day), service), end)
    on_day = datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%d") == day
    return on_day and (scheme, key_id, service, mac(key, text).hex()) == (
        "TC3-HMAC-SHA256",
        KEY_ID,
        "sms",
        given["Signature"],
    )


def test_aliyuns_documented_example() -> None:
    """ "固定参数示例" of the page: its query, its headers, its signature."""
    query = canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    assert authorization("YourAccessKeyId", b"YourAccessKeySecret", query=query, headers=headers) == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )
    assert canonical_query({"b": "中 *~", "a": "1+1=2&3"}) == "a=1%2B1%3D2%263&b=%E4%B8%AD%20%2A~"


def test_tencents_documented_example() -> None:
    """The page shows its secret with asterisks, and what comes of it: the key of the day, then the signature."""
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    text = string_to_sign(
        host="cvm.tencentcloudapi.com", service="cvm", action="DescribeInstances", timestamp=1551113065, body=body
    )
    digest = "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84"
    assert text == f"TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n{digest}"
    key = bytes.fromhex("b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af")
    assert mac(key, text).hex() == "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    of_the_day = mac(b"TC3" + SECRET.encode(), "2019-02-25")
    assert signing_key(SECRET.encode(), "2019-02-25", "cvm") == mac(mac(of_the_day, "cvm"), "tc3_request")


async def test_aliyun_takes_a_message() -> None:
    async with local_server(ALIYUN_TAKEN) as server:
        assert await aliyun(server).send(MESSAGE) == "9006197469364984^0"
        await aliyun(server).send(MESSAGE)
    asked, next_one = server.asked
    assert as_aliyun_checks(asked)
    assert (asked.method, asked.path, asked.body) == ("POST", "/", b"")
    assert asked.query["PhoneNumbers"] == [PHONE]
    assert asked.query["SignName"] == ["定考"]
    assert asked.query["TemplateCode"] == ["SMS_100"]
    assert json.loads(asked.query["TemplateParam"][0]) == {"min": "5", "code": "123456"}
    sent = {name.removeprefix("x-acs-"): value for name, value in asked.headers.items()}
    assert (sent["action"], sent["version"], sent["date"]) == ("SendSms", "2017-05-25", "2026-05-28T20:26:40Z")
    assert sent["signature-nonce"] != next_one.headers["x-acs-signature-nonce"]


async def test_tencent_takes_a_message() -> None:
    async with local_server(TENCENT_TAKEN) as server:
        assert await tencent(server).send(MESSAGE) == "5000:1045710669157053657849499619"
    asked = server.asked[0]
    assert as_tencent_checks(asked)
    assert (asked.method, asked.path) == ("POST", "/")
    # In the gateway's order, without names.
    assert json.loads(asked.body) == {
        "PhoneNumberSet": [f"+86{PHONE}"],
        "SmsSdkAppId": "1400006666",
        "SignName": "定考",
        "TemplateId": "SMS_100",
        "TemplateParamSet": ["5", "123456"],
    }
    sent = {name.removeprefix("x-tc-"): value for name, value in asked.headers.items()}
    assert (sent["action"], sent["version"], sent["region"]) == ("SendSms", "2021-01-11", "ap-guangzhou")
    assert sent["timestamp"] == str(NOW)


async def test_the_checks_refuse_what_was_changed() -> None:
    async with local_server(ALIYUN_TAKEN) as server:
        await aliyun(server).send(MESSAGE)
    server.asked[0].query["PhoneNumbers"] = ["13900000002"]
    assert not as_aliyun_checks(server.asked[0])
    async with local_server(TENCENT_TAKEN) as server:
        await tencent(server).send(MESSAGE)
    server.asked[0].body = server.asked[0].body.replace(b"123456", b"123457")
    assert not as_tencent_checks(server.asked[0])


PASSING = [
    (aliyun, aliyun_answer("isp.SYSTEM_ERROR"), ALIYUN_TAKEN),
    (aliyun, aliyun_answer("Throttling.User"), ALIYUN_TAKEN),
    (aliyun, answer(503, {"Code": "ServiceUnavailable"}), ALIYUN_TAKEN),
    (tencent, tencent_error("RequestLimitExceeded.UinLimitExceeded"), TENCENT_TAKEN),
    (tencent, tencent_answer("InternalError.Timeout"), TENCENT_TAKEN),
    (tencent, answer(429, {}), TENCENT_TAKEN),
]
REFUSED = [
    (aliyun, aliyun_answer("isv.MOBILE_NUMBER_ILLEGAL"), "isv.MOBILE_NUMBER_ILLEGAL"),
    (aliyun, aliyun_answer("isv.BUSINESS_LIMIT_CONTROL"), "isv.BUSINESS_LIMIT_CONTROL"),
    (aliyun, aliyun_answer("isv.TEMPLATE_MISSING_PARAMETERS"), "isv.TEMPLATE_MISSING_PARAMETERS"),
    (aliyun, aliyun_answer("a code with 13900000001"), "no code"),
    (aliyun, answer(200, {"Code": "OK"}), "no number of the message"),
    (aliyun, answer(200, b"<html>"), "no code"),
    (tencent, tencent_answer("InvalidParameterValue.IncorrectPhoneNumber"), "IncorrectPhoneNumber"),
    (tencent, tencent_answer("LimitExceeded.PhoneNumberOneHourLimit"), "PhoneNumberOneHourLimit"),
    (tencent, tencent_answer("FailedOperation.TemplateIncorrectOrUnapproved"), "TemplateIncorrectOrUnapproved"),
    (tencent, answer(200, {"Response": {"SendStatusSet": []}}), "no code"),
    (tencent, answer(200, {"Response": 7}), "no code"),
]
CLOSED = [
    (aliyun, aliyun_answer("isv.AMOUNT_NOT_ENOUGH")),
    (aliyun, aliyun_answer("isv.OUT_OF_SERVICE")),
    (aliyun, aliyun_answer("SignatureDoesNotMatch")),
    (aliyun, aliyun_answer("InvalidAccessKeyId.NotFound")),
    (aliyun, aliyun_answer("isv.DAY_LIMIT_CONTROL")),
    (tencent, tencent_answer("FailedOperation.InsufficientBalanceInSmsPackage")),
    (tencent, tencent_error("AuthFailure.SignatureFailure")),
    (tencent, tencent_error("UnauthorizedOperation.SmsSdkAppIdVerifyFail")),
    (tencent, tencent_error("InternalError.SigVerificationFail")),
]


@pytest.mark.parametrize(("sender", "first", "then"), PASSING)
async def test_what_passes_is_tried_again(sender: Sender, first: Answer, then: Answer) -> None:
    breaker = CircuitBreaker(1, 30)
    async with local_server(first, then) as server:
        assert await sender(server, breaker=breaker).send(MESSAGE)
    assert len(server.asked) == 2
    async with local_server(first) as server:
        with pytest.raises(PortFailed):
            await sender(server, breaker=breaker).send(MESSAGE)
    assert len(server.asked) == 2
    assert breaker.is_open


@pytest.mark.parametrize(("sender", "told", "shown"), REFUSED)
async def test_a_refusal_is_of_one_message(
    sender: Sender, told: Answer, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    breaker = CircuitBreaker(1, 30)
    async with local_server(told) as server:
        with pytest.raises(PortFailed, match=shown) as refused:
            await sender(server, breaker=breaker).send(MESSAGE)
    assert len(server.asked) == 1
    assert not breaker.is_open
    logged = capsys.readouterr().err
    assert PHONE not in f"{refused.value} {logged}"


@pytest.mark.parametrize(("sender", "told"), CLOSED)
async def test_what_refuses_every_message_opens_the_breaker(sender: Sender, told: Answer) -> None:
    breaker = CircuitBreaker(2, 30)
    async with local_server(told) as server:
        for _ in range(2):
            with pytest.raises(PortFailed, match="refused the message"):
                await sender(server, breaker=breaker).send(MESSAGE)
        with pytest.raises(BreakerOpen):
            await sender(server, breaker=breaker).send(MESSAGE)
    assert len(server.asked) == 2


@pytest.mark.parametrize("sender", [aliyun, tencent])
async def test_what_may_have_been_sent_is_not_sent_twice(sender: Sender) -> None:
    """Neither knows a second try by a key, so that each could be a second message."""
    for uncertain in (cut, answer(500, {}), answer(504, {}), answer(200, b" " * 100_000)):
        async with local_server(uncertain) as server:
            with pytest.raises(PortTimedOut):
                await sender(server).send(MESSAGE)
        assert len(server.asked) == 1
    async with local_server() as server:
        server.answers = [server.hang]
        with pytest.raises(PortTimedOut):
            await sender(server, seconds=0.5).send(MESSAGE)
        assert len(server.asked) == 1
    # Nobody listens any more: nothing was sent, and it says so.
    with pytest.raises(PortFailed) as nobody:
        await sender(server).send(MESSAGE)
    assert not isinstance(nobody.value, PortTimedOut)


GOOD = {
    "sms_key_id": KEY_ID,
    "sms_secret": SECRET,
    "sms_templates": {name: f"T-{name}" for name in TEMPLATES},
}
UNUSABLE = [
    ({"sms_gateway": "aliyun", "sms_secret": ""}, "DINGKAO_SMS_SECRET: DINGKAO_SMS_GATEWAY is aliyun"),
    ({"sms_gateway": "aliyun", "sms_key_id": ""}, "DINGKAO_SMS_KEY_ID"),
    ({"sms_gateway": "aliyun", "sms_templates": {"phone_changed": "1"}}, "give the ids of first_login_code, "),
    ({"sms_gateway": "tencent"}, "DINGKAO_SMS_APP_ID"),
    ({"sms_gateway": "aliyun", "sms_parameters": {"birthday": ["age"]}}, "no message is called birthday"),
    (
        {"sms_gateway": "aliyun", "sms_parameters": {"phone_changed": ["time:t", "day"]}},
        "phone_changed has no day; it has time",
    ),
]


def settings_of(folder: Path, **chosen: object) -> Settings:
    """Settings of a server that would send by a provider; its database is not opened."""
    given: dict[str, object] = {"database_url": f"sqlite:///{folder}/none.db", "storage_url": str(folder), **GOOD}
    return Settings(**{**given, **chosen})  # type: ignore[arg-type]


@pytest.mark.parametrize(("chosen", "message"), UNUSABLE)
def test_settings_that_do_not_do(tmp_path: Path, chosen: dict[str, object], message: str) -> None:
    with pytest.raises(BadSettings, match=message):
        build_environment(settings_of(tmp_path, **chosen), plugins=[])


@pytest.mark.parametrize(
    ("chosen", "taken", "reference"),
    [
        ({"sms_gateway": "aliyun"}, ALIYUN_TAKEN, "9006197469364984^0"),
        ({"sms_gateway": "tencent", "sms_app_id": "1400006666"}, TENCENT_TAKEN, "5000:1045710669157053657849499619"),
    ],
)
async def test_the_settings_choose_them(
    tmp_path: Path, chosen: dict[str, object], taken: Answer, reference: str
) -> None:
    async with local_server(taken) as server:
        environment = build_environment(settings_of(tmp_path, sms_url=server.url, **chosen), plugins=[])
        assert await environment.sms.send(MESSAGE) == reference
    asked = server.asked[0]
    assert "T-password_reset_code" in f"{asked.query} {asked.body.decode()}"
