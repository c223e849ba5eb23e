"""Addresses of documents: the public check page, and short-lived signed links that a browser can open."""

from datetime import timedelta

from dingkao.crypto.purposes import Purpose
from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings

LINK_LIFE = timedelta(minutes=10)


def check_url(settings: Settings, check_code: str) -> str:
    """The address of a document's public check page, as its QR code holds it."""
    return f"{settings.public_url.rstrip('/')}/check/{check_code}"


def download_url(environment: Environment, document_id: int) -> str:
    """A link to the PDF that works for ten minutes from now, for whoever has it."""
    expires = int((environment.clock.now() + LINK_LIFE).timestamp())
    signature = environment.keys.mac(Purpose.DOWNLOADS, _signed(document_id, expires)).hex()
    opaque = encode_id("Document", document_id)
    return (
        f"{environment.settings.public_url.rstrip('/')}/documents/{opaque}.pdf?expires={expires}&signature={signature}"
    )


def link_holds(environment: Environment, document_id: int, expires: str, signature: str) -> bool:
    """Whether `expires` and `signature` are of a link that this server made for the document and that is still open."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    try:
        digest = bytes.fromhex(signature)
    except ValueError:
        return False
    right = environment.keys.mac_holds(Purpose.DOWNLOADS, _signed(document_id, int(expires)), digest)
    return right and environment.clock.now().timestamp() <= int(expires)


def _signed(document_id: int, expires: int) -> bytes:
    return f"document-download:{document_id}:{expires}".encode()
