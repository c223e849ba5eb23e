"""Aliyun's SMS service (阿里云短信服务): SendSms of 2017-05-25, signed with ACS3-HMAC-SHA256.

Source: Aliyun's documentation, "V3版本请求体&签名机制", "SendSms - 发送短信" and "API错误码". It knows no key for a
second try (不支持幂等): where nobody knows whether a message was sent, it is not sent again.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from dingkao.messaging.gateway_answers import CodeMeanings, GatewayTemplates, require_reference, shown_code
from dingkao.outgoing import Meaning, Outgoing, OutgoingAnswer, OutgoingRequest
from dingkao.plugin.ports import SmsMessage

ALIYUN_URL: Final = "https://dysmsapi.aliyuncs.com"
ALGORITHM: Final = "ACS3-HMAC-SHA256"
_NO_BODY: Final = hashlib.sha256(b"").hexdigest()
# "API错误码" of the SMS service, and the common codes of the gateway before it. A limit of the day or the month, money,
# a signature that is not approved: no other message is taken either.
_CODES: Final = CodeMeanings(
    gateway="aliyun",
    sent="OK",
    passing=("isp.SYSTEM_ERROR", "Throttling", "ServiceUnavailable", "InternalError"),
    closed=(
        "isp.RAM_PERMISSION_DENY", "isv.OUT_OF_SERVICE", "isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE",
        "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL", "isv.AMOUNT_NOT_ENOUGH", "isv.DENY_IP_RANGE",
        "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_SIGN_ILLEGAL",
        "isv.SIGN_STATE_ILLEGAL", "InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature",
        "InvalidTimeStamp", "Forbidden",
    ),
)  # fmt: skip


def canonical_query(parameters: Mapping[str, str]) -> str:
    """The parameters in the order of their names, encoded as RFC 3986 has it."""
    return "&".join(f"{_encoded(name)}={_encoded(parameters[name])}" for name in sorted(parameters))


def _encoded(value: str) -> str:
    return quote(value, safe="-_.~")


def authorization(key_id: str, secret: bytes, *, query: str, headers: Mapping[str, str]) -> str:
    """The header that signs a POST to `/` without a body; `headers` are host and x-acs-…, in small letters."""
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = "\n".join(["POST", "/", query, lines, names, headers["x-acs-content-sha256"]])
    signed = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"


class AliyunSmsSender:
    """`key_id` and `secret` are an AccessKey's; `name` is the approved signature; `now` gives seconds since 1970."""

    def __init__(
        self,
        url: str,
        *,
        key_id: str,
        secret: bytes,
        name: str,
        templates: GatewayTemplates,
        outgoing: Outgoing,
        now: Callable[[], float],
    ) -> None:
        self._url = url.rstrip("/")
        self._key_id = key_id
        self._secret = secret
        self._name = name
        self._templates = templates
        self._outgoing = outgoing
        self._now = now

    async def send(self, message: SmsMessage) -> str:
        """Hand `message` over; returns the BizId. Raises PortFailed, PortTimedOut, BreakerOpen."""
        filled = dict(self._templates.filled(message.template, message.parameters))
        query = canonical_query(
            {
                "PhoneNumbers": message.phone,
                "SignName": self._name,
                "TemplateCode": self._templates.id_of(message.template),
                "TemplateParam": json.dumps(filled, ensure_ascii=False),
            }
        )
        headers = {
            "host": urlsplit(self._url).netloc,
            "x-acs-action": "SendSms",
            "x-acs-content-sha256": _NO_BODY,
            "x-acs-date": datetime.fromtimestamp(int(self._now()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": "2017-05-25",
        }
        signed = authorization(self._key_id, self._secret, query=query, headers=headers)
        answer = await self._outgoing.send(
            OutgoingRequest("POST", f"{self._url}/?{query}", {**headers, "Authorization": signed}, repeatable=False),
            _meaning,
        )
        return require_reference(_code(answer), _CODES.sent, answer.fields.get("BizId"))


def _code(answer: OutgoingAnswer) -> str:
    return shown_code(answer.fields.get("Code"))


def _meaning(answer: OutgoingAnswer) -> Meaning:
    return _CODES.read(_code(answer))
