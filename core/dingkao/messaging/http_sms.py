"""An SmsSender that hands messages to a gateway over HTTP.

The shape is our own and plain, for a small adapter in front of whatever gateway a province has bought: one POST of JSON
with the phone, the signature, the template's id at the gateway, its parameters and the whole text. The request is
signed with HMAC-SHA256 and carries a key by which the gateway knows a second try (docs/operators/sms.md).
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from dingkao.outgoing import Outgoing, OutgoingRequest
from dingkao.plugin.ports import PortFailed, SmsMessage

CONTENT_TYPE: Final = "application/json; charset=utf-8"


def signature(secret: bytes, *, path: str, timestamp: str, key: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 over path, time, idempotency key and the body's SHA-256, a line each."""
    signed = "\n".join(["POST", path, timestamp, key, hashlib.sha256(body).hexdigest()])
    return hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()


class HttpSmsSender:
    """`templates` maps our names to the gateway's ids; a name that is not in it is sent as it is. `now` gives the
    seconds since 1970 that go into the signature."""

    def __init__(
        self,
        url: str,
        *,
        key_id: str,
        secret: bytes,
        name: str,
        templates: Mapping[str, str],
        outgoing: Outgoing,
        now: Callable[[], float],
    ) -> None:
        self._url = url
        self._key_id = key_id
        self._secret = secret
        self._name = name
        self._templates = dict(templates)
        self._outgoing = outgoing
        self._now = now

    async def send(self, message: SmsMessage) -> str:
        """Hand `message` over; returns the gateway's reference. Raises PortFailed, PortTimedOut, BreakerOpen."""
        body = json.dumps(
            {
                "phone": message.phone,
                "signature": self._name,
                "template": self._templates.get(message.template, message.template),
                "parameters": dict(message.parameters),
                "text": message.text,
            },
            ensure_ascii=False,
        ).encode()
        key = secrets.token_hex(16)
        timestamp = str(int(self._now()))
        path = urlsplit(self._url).path or "/"
        answer = await self._outgoing.send(
            OutgoingRequest(
                "POST",
                self._url,
                {
                    "Content-Type": CONTENT_TYPE,
                    "X-Key-Id": self._key_id,
                    "X-Timestamp": timestamp,
                    "Idempotency-Key": key,
                    "X-Signature": signature(self._secret, path=path, timestamp=timestamp, key=key, body=body),
                },
                body=body,
            )
        )
        reference = answer.fields.get("reference")
        if not 200 <= answer.status < 300:
            raise PortFailed(f"the gateway refused the message with {answer.status}")
        if not isinstance(reference, str) or not reference:
            raise PortFailed("the gateway's answer has no reference")
        return reference[:100]
