"""Proof material (证明材料): what a doctor may upload beside a request, and what is kept of it.

Pure on bytes. The type is judged by the content, never by the file's name or by what the client says. Sources: manual
2.2.3 (4) (proof of practice and of good behaviour) and 2.2.4 (of a condition of exemption); OWASP ASVS 5.0, V5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dingkao.storage import refusals
from dingkao.storage.containers import JPEG_START, PNG_START
from dingkao.storage.pdf import PDF_START, PdfActive, PdfEncrypted, PdfTooManyPages, PdfUnreadable, count_pages
from dingkao.storage.picture import ImageLimits, check_image
from dingkao.storage.refusals import FileProblem, FileRefused

PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class ProofLimits:
    """How large a proof may be. The defaults suit a photograph of a telephone and a scan of some pages."""

    most_bytes: int = 10 * 1024 * 1024
    """Of the upload and of what is kept."""
    most_pixels: int = 25_000_000
    """Width × height of an image; a larger one is refused from its header, before anything is decoded."""
    least_side: int = 200
    """Pixels of the shorter side: on less, no certificate can be read."""
    longest_side: int = 4096
    """Pixels; a larger image is accepted and kept in this size, which is A4 at 350 dots an inch."""
    most_pages: int = 30


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """A proof that may be kept, and shown to those who review it.

    An image is encoded anew, without any metadata: ``width`` and ``height`` are its pixels, ``pages`` is None. A PDF is
    kept as it came: ``pages`` is their number, ``width`` and ``height`` are None.
    """

    media_type: str
    data: bytes = field(repr=False)
    pages: int | None = None
    width: int | None = None
    height: int | None = None


def check_proof(data: bytes, limits: ProofLimits | None = None) -> CheckedProof:
    """Check an uploaded proof: a JPEG, a PNG or a PDF, by its content; and give what is kept of it.

    Takes up to two seconds for the largest image or PDF: call it off the event loop, few at a time.

    Raises ``FileRefused`` with all that apply of the problems ``file_empty``, ``file_too_large``, ``proof_type``,
    ``file_unreadable``, ``image_too_many_pixels``, ``image_too_few_pixels``, ``pdf_encrypted``, ``pdf_active``,
    ``pdf_too_many_pages``.
    """
    limits = limits or ProofLimits()
    if not data:
        raise FileRefused([refusals.empty_file()])
    if len(data) > limits.most_bytes:
        raise FileRefused([refusals.too_many_bytes(len(data), limits.most_bytes)])
    if data.startswith(PDF_START):
        return _check_pdf(data, limits)
    if data.startswith((JPEG_START, PNG_START)):
        return _check_image(data, limits)
    raise FileRefused(
        [
            FileProblem(
                "proof_type",
                "证明材料须为JPG、PNG图片或PDF文件（按文件内容判断，与文件名无关）。",
                "A proof must be a JPG or PNG image or a PDF (judged by its content, not by its name).",
            )
        ]
    )


def _check_image(data: bytes, limits: ProofLimits) -> CheckedProof:
    image_limits = ImageLimits(limits.most_bytes, limits.most_pixels, limits.least_side, limits.longest_side)
    image = check_image(data, image_limits)
    return CheckedProof(image.media_type, image.data, width=image.width, height=image.height)


def _check_pdf(data: bytes, limits: ProofLimits) -> CheckedProof:
    try:
        pages = count_pages(data, limits.most_pages)
    except PdfUnreadable as error:
        raise FileRefused([refusals.unreadable_file()]) from error
    except PdfEncrypted as error:
        problem = FileProblem(
            "pdf_encrypted",
            "PDF文件已加密，请取消密码保护后重新上传。",
            "The PDF is encrypted: please remove its protection.",
        )
        raise FileRefused([problem]) from error
    except PdfActive as error:
        problem = FileProblem(
            "pdf_active",
            "PDF文件含有脚本、动作或附件，请重新打印为普通PDF后上传。",
            "The PDF holds scripts, actions or attached files: please print it to a plain PDF.",
        )
        raise FileRefused([problem]) from error
    except PdfTooManyPages as error:
        problem = FileProblem(
            "pdf_too_many_pages",
            f"PDF文件共{error.pages}页，不能超过{limits.most_pages}页。",
            f"The PDF has {error.pages} pages; at most {limits.most_pages} are allowed.",
        )
        raise FileRefused([problem]) from error
    return CheckedProof(PDF, data, pages=pages)
