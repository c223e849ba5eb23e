"""The notice of the result says what the law and the manual ask for, and nothing that is in it can change the page."""

import asyncio
import dataclasses
import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, StreamObject

from dingkao.documents.content import (
    AssessedDoctor,
    Conclusion,
    CyclePeriod,
    DimensionOutcome,
    DimensionResult,
    PaperOutcome,
    PaperResult,
)
from dingkao.documents.errors import BlankField, PhotoUnusable
from dingkao.documents.fonts import load_fonts
from dingkao.documents.notice import NoticeContent, render_notice, render_notice_async

from .conftest import CHECK_URL, PHOTO_COLOUR

TextOf = Callable[[bytes], str]
PictureOf = Callable[[bytes], Image.Image]


@pytest.fixture
def failed_notice(passed_notice: NoticeContent) -> NoticeContent:
    return dataclasses.replace(
        passed_notice,
        conclusion=Conclusion.FAIL,
        dimensions=(
            DimensionResult("工作成绩", DimensionOutcome.PASS),
            DimensionResult("职业道德", DimensionOutcome.FAIL),
            DimensionResult("业务水平", DimensionOutcome.NOT_ASSESSED),
        ),
        papers=(PaperResult("医学人文", PaperOutcome.NOT_TAKEN),),
    )


def test_every_text_is_extracted_back_rare_characters_included(passed_notice: NoticeContent, text_of: TextOf) -> None:
    doctor = dataclasses.replace(passed_notice.doctor, name="欧阳䶮𬭎𬱖", institution="努尔·买买提诊所（䓖县）")
    text = text_of(render_notice(dataclasses.replace(passed_notice, doctor=doctor)))
    for expected in (
        "医师定期考核结果通知书",
        "编号：TZ-510100-2026-000123-1",
        "欧阳䶮𬭎𬱖医师：",
        "参加了2024—2026考核周期（2024年1月1日至2026年12月31日）医师定期考核",
        "身份证件号码 5101**********1234",
        "执业证书编码 110510100012345",
        "努尔·买买提诊所（䓖县）",
        "临床　执业医师",
        "一般程序",
        "工作成绩 合格",
        "职业道德 合格",
        "业务水平 合格",
        "医学人文 86.5 2026年10月8日 合格",
        "业务水平专业知识（内科） — — 免考",
        "考核结论：合格",
        "蓉城市医师定期考核机构",
        "2026年12月1日",
        CHECK_URL,
    ):
        assert expected in text


def test_the_right_to_object_names_the_period_and_the_body(passed_notice: NoticeContent, text_of: TextOf) -> None:
    text = text_of(render_notice(passed_notice))
    assert "可以自收到本通知书之日起30日内，向蓉城市医师定期考核机构提出复核申请" in text

    other = dataclasses.replace(passed_notice, objection_days=15, objection_body="蓉城市考核办公室")
    text = text_of(render_notice(other))
    assert "之日起15日内，向蓉城市考核办公室提出复核申请" in text
    assert "30日" not in text


def test_a_passed_notice_threatens_nothing(passed_notice: NoticeContent, text_of: TextOf) -> None:
    text = text_of(render_notice(passed_notice))
    assert "不合格" not in text
    assert "暂停执业活动" not in text


def test_a_failed_notice_says_what_follows_by_law(failed_notice: NoticeContent, text_of: TextOf) -> None:
    text = text_of(render_notice(failed_notice))
    assert "考核结论：不合格" in text
    assert "职业道德 不合格" in text
    assert "业务水平 未测评" in text
    assert "医学人文 — — 未测评" in text
    assert "第四十二条" in text
    assert "暂停执业活动三个月至六个月" in text
    assert "30日内" in text


def test_a_failed_dimension_cannot_be_called_passed(failed_notice: NoticeContent) -> None:
    with pytest.raises(ValueError, match="failed dimension"):
        dataclasses.replace(failed_notice, conclusion=Conclusion.PASS)


@pytest.mark.parametrize(
    "hostile",
    [
        '#panic("x")',
        "*a*",
        "\\",
        "$x$",
        "_b_",
        "`c`",
        "= d",
        "@e",
        "<f>",
        '"',
        "#read('/etc/passwd')",
        "~--...",
        "{{1}}",
    ],
)
def test_markup_in_data_is_printed_as_it_stands(passed_notice: NoticeContent, text_of: TextOf, hostile: str) -> None:
    doctor = dataclasses.replace(passed_notice.doctor, name=f"王{hostile}明")
    text = text_of(render_notice(dataclasses.replace(passed_notice, doctor=doctor, notes=(f"注{hostile}意",))))
    assert f"王{hostile}明医师：" in text
    assert f"注{hostile}意" in text


_UNIFIED = st.sampled_from(
    sorted(chr(c) for c in load_fonts().coverage if 0x3400 <= c <= 0x9FFF or 0x20000 <= c <= 0x2F7FF)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(_UNIFIED, min_size=1, max_size=12))
def test_any_name_of_ideographs_in_the_fonts_is_extracted_back(
    passed_notice: NoticeContent, text_of: TextOf, name: str
) -> None:
    doctor = dataclasses.replace(passed_notice.doctor, name=name, photo=None)
    assert f"{name}医师：" in text_of(render_notice(dataclasses.replace(passed_notice, doctor=doctor)))


def test_the_qr_code_leads_to_the_check_page(passed_notice: NoticeContent, picture_of: PictureOf) -> None:
    (code,) = zxingcpp.read_barcodes(picture_of(render_notice(passed_notice)))
    assert code.text == CHECK_URL


def test_the_photo_is_on_the_page_unchanged(passed_notice: NoticeContent, picture_of: PictureOf, photo: bytes) -> None:
    pdf = render_notice(passed_notice)
    assert photo in pdf
    assert _count_of(picture_of(pdf), PHOTO_COLOUR) > 5000
    without = dataclasses.replace(passed_notice, doctor=dataclasses.replace(passed_notice.doctor, photo=None))
    assert _count_of(picture_of(render_notice(without)), PHOTO_COLOUR) == 0


def test_what_is_no_jpeg_is_refused(passed_notice: NoticeContent, photo: bytes) -> None:
    png = io.BytesIO()
    Image.new("RGB", (25, 35)).save(png, "PNG")
    for unusable in (b"", b"<svg/>", png.getvalue(), photo[: len(photo) // 2]):
        doctor = dataclasses.replace(passed_notice.doctor, photo=unusable)
        with pytest.raises(PhotoUnusable):
            render_notice(dataclasses.replace(passed_notice, doctor=doctor))


def test_blank_texts_are_refused_by_name(passed_notice: NoticeContent) -> None:
    doctor = dataclasses.replace(passed_notice.doctor, institution=" 　")
    with pytest.raises(BlankField) as refusal:
        render_notice(dataclasses.replace(passed_notice, doctor=doctor))
    assert refusal.value.field == "doctor.institution"


def test_the_same_content_gives_the_same_bytes_on_any_day(passed_notice: NoticeContent) -> None:
    pdf = render_notice(passed_notice)
    assert pdf == render_notice(passed_notice)
    created = PdfReader(io.BytesIO(pdf)).metadata
    assert created is not None
    assert created.creation_date is not None
    assert created.creation_date.date() == date(2026, 12, 1)


def test_it_is_one_archivable_page_with_embedded_fonts(passed_notice: NoticeContent) -> None:
    reader = PdfReader(io.BytesIO(render_notice(passed_notice)))
    (page,) = reader.pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
    metadata = _at(reader.trailer, "/Root", "/Metadata")
    assert isinstance(metadata, StreamObject)
    assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in metadata.get_data()
    fonts = _at(page, "/Resources", "/Font")
    assert len(fonts) > 0
    for name in fonts:
        descriptor = _at(fonts, name, "/DescendantFonts", 0, "/FontDescriptor")
        assert "/FontFile3" in descriptor
        # Six capitals and a plus sign: only the glyphs in use are embedded.
        assert re.match(r"/[A-Z]{6}\+", str(descriptor["/FontName"]))


def test_long_values_stay_inside_the_page_and_nothing_is_lost(
    passed_notice: NoticeContent, doctor: AssessedDoctor, cycle: CyclePeriod, text_of: TextOf, picture_of: PictureOf
) -> None:
    long_doctor = dataclasses.replace(
        doctor,
        name="Muhammad Abdurrahman ibn Abdulaziz al-Farabi of Somewhere",
        document_number="H" * 90,
        institution="蓉城市高新技术产业开发区" * 5 + "社区卫生服务中心",
    )
    content = dataclasses.replace(
        passed_notice,
        doctor=long_doctor,
        issuing_body="蓉城市高新技术产业开发区医师定期考核委员会办公室（设在市第一人民医院）",
        papers=tuple(PaperResult(f"试卷{number}", PaperOutcome.PASSED) for number in range(1, 41)),
    )
    pdf = render_notice(content)
    text = text_of(pdf)
    assert "H" * 90 in text
    assert long_doctor.institution in text
    assert "试卷40 — — 合格" in text
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 2
    # The margins are 26 mm; no ink may stand in the outer 20.
    picture = picture_of(pdf)
    strip = round(20 / 25.4 * 150)
    for left in (0, picture.width - strip):
        assert picture.crop((left, 0, left + strip, picture.height)).getextrema() == ((255, 255),) * 3


async def test_many_notices_at_once_leave_the_event_loop_free(passed_notice: NoticeContent) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    pdfs = await asyncio.gather(*(render_notice_async(passed_notice) for _ in range(8)))
    counting.cancel()
    assert len(set(pdfs)) == 1
    assert turns > 50


def _at(start: DictionaryObject, *path: str | int) -> DictionaryObject:
    """The dictionary of a PDF at ``path`` below ``start``, references followed."""
    found: Any = start
    for step in path:
        found = found[step].get_object()
    assert isinstance(found, DictionaryObject)
    return found


def _count_of(picture: Image.Image, colour: tuple[int, int, int], tolerance: int = 12) -> int:
    colours = picture.getcolors(picture.width * picture.height) or []
    return sum(
        count
        for count, pixel in colours
        if isinstance(pixel, tuple) and all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))
    )
