"""Addresses of documents: the public check page, and short-lived signed links that a browser can open."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings

LINK_LIFE = timedelta(minutes=10)


def check_url(settings: Settings, check_code: str) -> str:
    """The address of a document's public check page, as its QR code holds it."""
    return f"{settings.public_url.rstrip('/')}/check/{check_code}"


def download_url(settings: Settings, document_id: int, now: datetime) -> str:
    """A link to the PDF that works for ten minutes from `now`, for whoever has it."""
    expires = int((now + LINK_LIFE).timestamp())
    signature = _signature(settings, document_id, expires)
    opaque = encode_id("Document", document_id)
    return f"{settings.public_url.rstrip('/')}/documents/{opaque}.pdf?expires={expires}&signature={signature}"


def link_holds(settings: Settings, document_id: int, expires: str, signature: str, now: datetime) -> bool:
    """Whether `expires` and `signature` are of a link that this server made for the document and that is still open."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
        return False
    right = hmac.compare_digest(_signature(settings, document_id, int(expires)), signature)
    return right and now.timestamp() <= int(expires)


def _signature(settings: Settings, document_id: int, expires: int) -> str:
    key = settings.secret_key.get_secret_value().encode()
    # The purpose stands in the text: no other signed thing of this server can be taken for a link.
    return hmac.new(key, f"document-download:{document_id}:{expires}".encode(), sha256).hexdigest()
