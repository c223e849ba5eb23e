"""The certificate says that it is not in force, until the authority has applied its seal."""

import dataclasses
import io
from collections.abc import Callable

import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from dingkao.documents.certificate import (
    UNSEALED_LINE,
    CertificateContent,
    render_certificate,
    render_certificate_async,
)
from dingkao.documents.content import DimensionOutcome, DimensionResult
from dingkao.documents.errors import TypesettingFailed

from .conftest import CHECK_URL, middle_of

TextOf = Callable[[bytes], str]
PictureOf = Callable[[bytes], Image.Image]


def test_every_text_is_extracted_back_rare_characters_included(
    certificate: CertificateContent, text_of: TextOf
) -> None:
    text = text_of(render_certificate(certificate))
    for expected in (
        "医师定期考核合格证书",
        "证书编号：ZS-510100-2026-000123-G",
        "王䶮𬭎医师，参加2024—2026考核周期（2024年1月1日至2026年12月31日）医师定期考核",
        "工作成绩、职业道德、业务水平均合格，考核结果为合格。",
        "身份证件号码 5101**********1234",
        "执业证书编码 110510100012345",
        "蓉城市第一人民医院",
        "临床　执业医师",
        "蓉城市卫生健康委员会",
        "2026年12月1日",
        CHECK_URL,
    ):
        assert expected in text


def test_it_says_in_a_line_and_across_the_page_that_it_is_not_in_force(
    certificate: CertificateContent, text_of: TextOf, picture_of: PictureOf
) -> None:
    pdf = render_certificate(certificate)
    assert UNSEALED_LINE == "本证书加盖发证机关公章后生效；未加盖公章的，不发生效力。"
    assert UNSEALED_LINE in text_of(pdf)
    assert "未加盖发证机关公章　不生效" in text_of(pdf)
    # Pale red ink in the middle of the page, where nothing else stands.
    assert middle_of(picture_of(pdf)).getextrema() != ((255, 255),) * 3


def test_the_qr_code_can_be_read_beneath_the_words_across_the_page(
    certificate: CertificateContent, picture_of: PictureOf
) -> None:
    (code,) = zxingcpp.read_barcodes(picture_of(render_certificate(certificate)))
    assert code.text == CHECK_URL


def test_there_is_no_certificate_of_a_failed_assessment(certificate: CertificateContent) -> None:
    for outcome in (DimensionOutcome.FAIL, DimensionOutcome.NOT_ASSESSED):
        with pytest.raises(ValueError, match="every dimension is passed"):
            dataclasses.replace(certificate, dimensions=(DimensionResult("业务水平", outcome),))
    with pytest.raises(ValueError, match="each dimension"):
        dataclasses.replace(certificate, dimensions=())


@pytest.mark.parametrize("hostile", ['#panic("x")', "*a*", "\\", "$x$", '"', "#data", "= h", "<label>"])
def test_markup_in_data_is_printed_as_it_stands(certificate: CertificateContent, text_of: TextOf, hostile: str) -> None:
    doctor = dataclasses.replace(certificate.doctor, name=f"王{hostile}明", institution=f"院{hostile}部")
    text = text_of(render_certificate(dataclasses.replace(certificate, doctor=doctor)))
    assert f"王{hostile}明医师" in text
    assert f"院{hostile}部" in text


def test_long_values_are_set_smaller_on_the_one_page(certificate: CertificateContent, text_of: TextOf) -> None:
    doctor = dataclasses.replace(
        certificate.doctor,
        name="迪丽热巴·阿布都热合曼·买买提艾力·吐尔逊",
        institution="蓉城市高新技术产业开发区" * 8 + "卫生院",
    )
    content = dataclasses.replace(
        certificate, doctor=doctor, issuing_authority="蓉城市高新技术产业开发区" * 3 + "卫生健康局"
    )
    pdf = render_certificate(content)
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1
    text = text_of(pdf)
    assert doctor.name in text
    assert doctor.institution in text
    assert content.issuing_authority in text


def test_what_does_not_fit_on_the_page_at_any_legible_size_is_refused(certificate: CertificateContent) -> None:
    doctor = dataclasses.replace(certificate.doctor, institution="很长的机构名称" * 300)
    with pytest.raises(TypesettingFailed, match="does not fit"):
        render_certificate(dataclasses.replace(certificate, doctor=doctor))


async def test_the_same_content_gives_the_same_bytes(certificate: CertificateContent) -> None:
    assert render_certificate(certificate) == await render_certificate_async(certificate)
