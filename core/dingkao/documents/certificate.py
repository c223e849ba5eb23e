"""The certificate of a passed assessment (医师定期考核合格证书): what it says, its PDF, and its sealing.

Source: the user's manual, section 2.2.6: 定期考核合格证书需加盖发证机关公章后方可生效. So the page says, across itself
and in a line, that it is not in force until the issuing authority has applied its seal: on the paper, or
electronically with :func:`seal_certificate`, which sets the page anew in its sealed form and signs exactly that.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from dingkao.documents.content import AssessedDoctor, CyclePeriod, DimensionOutcome, DimensionResult
from dingkao.documents.fonts import DocumentFonts, load_fonts
from dingkao.documents.seal import SealedDocument, SealProvider
from dingkao.documents.typesetting import (
    chinese_date,
    in_typesetting_thread,
    photo_as_svg,
    printable_texts,
    qr_code_as_svg,
    typeset,
)

CERTIFICATE_TITLE: Final = "医师定期考核合格证书"
UNSEALED_WATERMARK: Final = "未加盖发证机关公章　不生效"
UNSEALED_LINE: Final = "本证书加盖发证机关公章后生效；未加盖公章的，不发生效力。"

# Dates on documents are those of China Standard Time, which has had no daylight saving since 1991.
_CHINA: Final = timezone(timedelta(hours=8), "CST")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContent:
    """Everything that a certificate prints.

    ``certificate_number`` is made by ``check_code.format_certificate_number``; ``issuing_authority`` is the authority
    whose seal puts the certificate in force; ``check_url`` is the public check page of this certificate.
    ``dimensions`` must all be passed: there is no certificate of a failed assessment.
    """

    certificate_number: str
    doctor: AssessedDoctor
    cycle: CyclePeriod
    dimensions: tuple[DimensionResult, ...]
    issuing_authority: str
    issued_on: date
    check_url: str

    def __post_init__(self) -> None:
        if not self.dimensions:
            raise ValueError("a certificate states the result of each dimension")
        if any(dimension.outcome is not DimensionOutcome.PASS for dimension in self.dimensions):
            raise ValueError("a certificate is made only when every dimension is passed")


def render_certificate(content: CertificateContent, fonts: DocumentFonts | None = None) -> bytes:
    """The unsealed certificate as a PDF (A4 on its side, PDF/A-2a, fonts embedded); same content, same bytes.

    It says that it is not in force. ``fonts`` defaults to the bundled ones.
    Raises ``MissingGlyph`` (a character cannot be printed), ``BlankField``, ``PhotoUnusable``, ``TypesettingFailed``.
    """
    return _render(content, None, fonts)


async def render_certificate_async(content: CertificateContent, fonts: DocumentFonts | None = None) -> bytes:
    """:func:`render_certificate` in a worker thread, for callers on the event loop."""
    return await in_typesetting_thread(render_certificate, content, fonts)


async def seal_certificate(
    content: CertificateContent, provider: SealProvider, *, at: datetime, fonts: DocumentFonts | None = None
) -> SealedDocument:
    """Set the certificate in its sealed form, in force from ``at`` (an instant with its offset), and have it sealed.

    The sealed form without a seal is never given out: there is no other way to it than through ``provider``.
    Raises what :func:`render_certificate` raises, and ``SealUnusable`` from the provider.
    """
    if at.utcoffset() is None:
        raise ValueError("the time of sealing needs its offset")
    page = await in_typesetting_thread(_render, content, at.astimezone(_CHINA).date(), fonts)
    return await provider.seal(
        page,
        authority_name=content.issuing_authority,
        reason=f"{CERTIFICATE_TITLE} {content.certificate_number} 加盖发证机关电子公章",
        at=at,
    )


def _render(content: CertificateContent, sealed_on: date | None, fonts: DocumentFonts | None) -> bytes:
    fonts = fonts or load_fonts()
    fonts.require_glyphs(printable_texts(content))
    return typeset("certificate", _page_data(content, sealed_on), fonts, sealed_on or content.issued_on)


def _page_data(content: CertificateContent, sealed_on: date | None) -> dict[str, Any]:
    doctor, cycle = content.doctor, content.cycle
    dimensions = "、".join(dimension.name for dimension in content.dimensions)
    return {
        "title": CERTIFICATE_TITLE,
        "number": content.certificate_number,
        "doctor_name": doctor.name,
        "statement": (
            f"医师，参加{cycle.name}（{chinese_date(cycle.starts_on)}至{chinese_date(cycle.ends_on)}）医师定期考核，"
            f"经考核，{dimensions}均合格，考核结果为合格。"
        ),
        "closing": "特发此证。",
        "particulars": [
            {"label": "身份证件号码", "value": doctor.document_number},
            {"label": "执业证书编码", "value": doctor.practice_certificate_number},
            {"label": "执业机构", "value": doctor.institution},
            {"label": "类别与级别", "value": f"{doctor.category}　{doctor.level}"},
        ],
        "issuing_authority": content.issuing_authority,
        "issued_on": chinese_date(content.issued_on),
        "sealed": sealed_on is not None,
        "watermark": UNSEALED_WATERMARK,
        "force": UNSEALED_LINE
        if sealed_on is None
        else f"本证书已由发证机关加盖电子公章，自{chinese_date(sealed_on)}起生效。",
        "photo": None if doctor.photo is None else photo_as_svg(doctor.photo),
        "check_url": content.check_url,
        "qr_code": qr_code_as_svg(content.check_url),
    }
