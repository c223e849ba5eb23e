"""Addresses of documents: the public check page, and short-lived signed links that a browser can open."""

from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings
from dingkao.storage.signed_links import link_to


def check_url(settings: Settings, check_code: str) -> str:
    """The address of a document's public check page, as its QR code holds it."""
    return f"{settings.public_url.rstrip('/')}/check/{check_code}"


def download_url(environment: Environment, account_id: int, document_id: int) -> str:
    """A link to the PDF, made for an account that may have it, that opens for DINGKAO_LINK_SECONDS from now."""
    path = f"{environment.settings.public_url.rstrip('/')}/documents/{encode_id('Document', document_id)}.pdf"
    return link_to(environment, account_id, "Document", document_id, path)
