"""Made-up doctors and results to print, and ways to read a PDF back as text and as a picture."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
from cryptography import x509
from PIL import Image, ImageDraw
from pypdf import PdfReader

from dingkao.documents.certificate import CertificateContent
from dingkao.documents.content import (
    AssessedDoctor,
    Conclusion,
    CyclePeriod,
    DimensionOutcome,
    DimensionResult,
    PaperOutcome,
    PaperResult,
)
from dingkao.documents.demo_seal import create_demo_seal_key
from dingkao.documents.notice import NoticeContent

CHECK_URL = "https://dingkao.example/check/AbCdEfGhIjKlMnOpQrStUv"
SEALED_AT = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
PASSPHRASE = "four words of passphrase"

# A colour that stands nowhere else on a page.
PHOTO_COLOUR = (20, 120, 220)


@pytest.fixture(scope="session")
def photo() -> bytes:
    image = Image.new("RGB", (295, 413), "white")
    ImageDraw.Draw(image).rectangle((60, 80, 235, 400), fill=PHOTO_COLOUR)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def doctor(photo: bytes) -> AssessedDoctor:
    return AssessedDoctor(
        name="王䶮𬭎",
        document_number="5101**********1234",
        practice_certificate_number="110510100012345",
        institution="蓉城市第一人民医院",
        category="临床",
        level="执业医师",
        photo=photo,
    )


@pytest.fixture
def cycle() -> CyclePeriod:
    return CyclePeriod("2024—2026考核周期", date(2024, 1, 1), date(2026, 12, 31))


@pytest.fixture
def dimensions() -> tuple[DimensionResult, ...]:
    return tuple(DimensionResult(name, DimensionOutcome.PASS) for name in ("工作成绩", "职业道德", "业务水平"))


@pytest.fixture
def passed_notice(doctor: AssessedDoctor, cycle: CyclePeriod, dimensions: tuple[DimensionResult, ...]) -> NoticeContent:
    return NoticeContent(
        notice_number="TZ-510100-2026-000123-1",
        doctor=doctor,
        cycle=cycle,
        procedure="一般程序",
        conclusion=Conclusion.PASS,
        dimensions=dimensions,
        papers=(
            PaperResult("医学人文", PaperOutcome.PASSED, Decimal("86.50"), date(2026, 10, 8)),
            PaperResult("业务水平专业知识（内科）", PaperOutcome.EXEMPT),
        ),
        issuing_body="蓉城市医师定期考核机构",
        issued_on=date(2026, 12, 1),
        check_url=CHECK_URL,
    )


@pytest.fixture
def certificate(
    doctor: AssessedDoctor, cycle: CyclePeriod, dimensions: tuple[DimensionResult, ...]
) -> CertificateContent:
    return CertificateContent(
        certificate_number="ZS-510100-2026-000123-G",
        doctor=doctor,
        cycle=cycle,
        dimensions=dimensions,
        issuing_authority="蓉城市卫生健康委员会",
        issued_on=date(2026, 12, 1),
        check_url=CHECK_URL,
    )


@pytest.fixture
def demo_key(tmp_path: Path) -> tuple[Path, x509.Certificate]:
    path = tmp_path / "seal.p12"
    return path, create_demo_seal_key(path, PASSPHRASE, "蓉城市卫生健康委员会", now=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def text_of() -> Callable[[bytes], str]:
    """The text of all pages as pypdf extracts it, without line breaks (a paragraph breaks anywhere)."""

    def extract(pdf: bytes) -> str:
        return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")

    return extract


@pytest.fixture
def picture_of() -> Callable[[bytes], Image.Image]:
    """The first page with its annotations as PDFium (the renderer of Chrome) draws it, at 150 dots an inch."""

    def draw(pdf: bytes) -> Image.Image:
        with pypdfium2.PdfDocument(pdf) as document:
            # The seal is the appearance of a form field.
            document.init_forms()
            picture: Image.Image = document[0].render(scale=150 / 72).to_pil().convert("RGB")
            return picture

    return draw


def middle_of(picture: Image.Image) -> Image.Image:
    """A part in the middle of a certificate's page on which nothing but the words across the page stands."""
    width, height = picture.size
    return picture.crop((width * 45 // 100, height * 45 // 100, width * 60 // 100, height // 2))
