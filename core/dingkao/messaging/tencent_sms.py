"""Tencent Cloud's SMS service (腾讯云短信): SendSms of 2021-01-11, signed with TC3-HMAC-SHA256.

Source: Tencent Cloud's documentation, "签名方法 v3", "发送短信" and "短信 API 3.0 发送错误码". It answers 200 to
everything, and knows no key for a second try: where nobody knows whether a message was sent, it is not sent again.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from dingkao.messaging.gateway_answers import CodeMeanings, GatewayTemplates, require_reference, shown_code
from dingkao.outgoing import Meaning, Outgoing, OutgoingAnswer, OutgoingRequest
from dingkao.plugin.ports import SmsMessage

TENCENT_URL: Final = "https://sms.tencentcloudapi.com"
ALGORITHM: Final = "TC3-HMAC-SHA256"
CONTENT_TYPE: Final = "application/json; charset=utf-8"
_SERVICE: Final = "sms"
_ACTION: Final = "SendSms"
_SIGNED: Final = "content-type;host;x-tc-action"
# A limit of the whole application, money, a signature that is not approved: no other message is taken either.
_CODES: Final = CodeMeanings(
    gateway="tencent",
    sent="Ok",
    passing=("InternalError", "RequestLimitExceeded"),
    closed=(
        "AuthFailure", "UnauthorizedOperation", "FailedOperation.InsufficientBalanceInSmsPackage",
        "FailedOperation.SignatureIncorrectOrUnapproved", "InvalidParameterValue.SdkAppIdNotExist",
        "LimitExceeded.AppDailyLimit", "InternalError.SigVerificationFail", "InternalError.SigFieldMissing",
        "InternalError.RequestTimeException", "InternalError.RestApiInterfaceNotExist", "UnsupportedRegion",
        "IpInBlacklist", "IpNotInWhitelist",
    ),
)  # fmt: skip


def signing_key(secret: bytes, date: str, service: str) -> bytes:
    """The key of a day (UTC, as 2026-06-01) and a service, derived from the SecretKey."""
    key = b"TC3" + secret
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def string_to_sign(*, host: str, service: str, action: str, timestamp: int, body: bytes) -> str:
    """What is signed of a POST to `/`: its time, its scope, and the digest of its canonical form."""
    headers = f"content-type:{CONTENT_TYPE}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    canonical = "\n".join(["POST", "/", "", headers, _SIGNED, hashlib.sha256(body).hexdigest()])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join([ALGORITHM, str(timestamp), f"{_day(timestamp)}/{service}/tc3_request", digest])


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


class TencentSmsSender:
    """`key_id` and `secret` are a SecretId and its SecretKey, `app_id` the SmsSdkAppId, `name` the approved signature;
    `now` gives seconds since 1970."""

    def __init__(
        self,
        url: str,
        *,
        key_id: str,
        secret: bytes,
        app_id: str,
        region: str,
        name: str,
        templates: GatewayTemplates,
        outgoing: Outgoing,
        now: Callable[[], float],
    ) -> None:
        self._url = url.rstrip("/")
        self._key_id = key_id
        self._secret = secret
        self._app_id = app_id
        self._region = region
        self._name = name
        self._templates = templates
        self._outgoing = outgoing
        self._now = now

    async def send(self, message: SmsMessage) -> str:
        """Hand `message` over; returns the SerialNo. Raises PortFailed, PortTimedOut, BreakerOpen."""
        filled = self._templates.filled(message.template, message.parameters)
        body = json.dumps(
            {
                "PhoneNumberSet": [f"+86{message.phone}"],
                "SmsSdkAppId": self._app_id,
                "SignName": self._name,
                "TemplateId": self._templates.id_of(message.template),
                "TemplateParamSet": [value for _, value in filled],
            },
            ensure_ascii=False,
        ).encode()
        answer = await self._outgoing.send(
            OutgoingRequest("POST", f"{self._url}/", self._headers(body), body=body, repeatable=False), _meaning
        )
        return require_reference(_code(answer), _CODES.sent, _status(answer).get("SerialNo"))

    def _headers(self, body: bytes) -> dict[str, str]:
        host, timestamp = urlsplit(self._url).netloc, int(self._now())
        text = string_to_sign(host=host, service=_SERVICE, action=_ACTION, timestamp=timestamp, body=body)
        key = signing_key(self._secret, _day(timestamp), _SERVICE)
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        scope = f"{self._key_id}/{_day(timestamp)}/{_SERVICE}/tc3_request"
        return {
            "Authorization": f"{ALGORITHM} Credential={scope}, SignedHeaders={_SIGNED}, Signature={signature}",
            "Content-Type": CONTENT_TYPE,
            "Host": host,
            "X-TC-Action": _ACTION,
            "X-TC-Version": "2021-01-11",
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._region,
        }


def _response(answer: OutgoingAnswer) -> dict[str, Any]:
    response = answer.fields.get("Response")
    return response if isinstance(response, dict) else {}


def _status(answer: OutgoingAnswer) -> dict[str, Any]:
    """What became of the one message; an Error's code stands for it where there is one."""
    error, statuses = _response(answer).get("Error"), _response(answer).get("SendStatusSet")
    if isinstance(error, dict):
        return error
    if isinstance(statuses, list) and len(statuses) == 1 and isinstance(statuses[0], dict):
        return statuses[0]
    return {}


def _code(answer: OutgoingAnswer) -> str:
    return shown_code(_status(answer).get("Code"))


def _meaning(answer: OutgoingAnswer) -> Meaning:
    return _CODES.read(_code(answer))
