"""The fonts hold every character before a page is set, or the page is refused."""

import dataclasses
import shutil
from pathlib import Path

import pylopdf_fonts_zh_cn
import pytest
from fontTools import subset
from fontTools.ttLib import TTFont

from dingkao.documents.certificate import CertificateContent, render_certificate
from dingkao.documents.errors import FontUnusable, MissingGlyph
from dingkao.documents.fonts import load_fonts
from dingkao.documents.notice import NoticeContent, render_notice

# The sample of rare characters of personal names that the choice of fonts was made with.
RARE = "䶮𬭎㛃㼆䓖䜣䴙䴗𬱖𬸚𪟝𠅤𬍛"
# The first character of Unicode's Extension H, which the bundled fonts have no glyph for.
WITHOUT_GLYPH = "\U00031350"


def test_the_bundled_fonts_hold_the_rare_characters_of_names() -> None:
    assert load_fonts().missing_from(f"{RARE}·买买提") == ""


def test_the_bundled_fonts_are_the_only_ones_and_each_list_names_both() -> None:
    fonts = load_fonts()
    assert fonts.serif == ("Noto Serif SC", "Noto Sans SC")
    assert fonts.sans == ("Noto Sans SC", "Noto Serif SC")


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u200b", "\n", "\t", "\ue000", "\ud800", "\ufeff"], ids=lambda c: f"U+{ord(c):04X}"
)
def test_characters_without_a_form_of_their_own_are_refused(hidden: str) -> None:
    assert load_fonts().missing_from(f"王{hidden}明{hidden}") == hidden


def test_a_character_without_a_glyph_is_refused_with_its_field(passed_notice: NoticeContent) -> None:
    content = dataclasses.replace(
        passed_notice, doctor=dataclasses.replace(passed_notice.doctor, name=f"王{WITHOUT_GLYPH}明")
    )
    with pytest.raises(MissingGlyph) as refusal:
        render_notice(content)
    assert refusal.value.field == "doctor.name"
    assert refusal.value.characters == WITHOUT_GLYPH
    assert "U+31350" in str(refusal.value)
    assert refusal.value.code == "MISSING_GLYPH"


def test_all_fields_that_cannot_be_printed_are_named_at_once(passed_notice: NoticeContent) -> None:
    first_paper = dataclasses.replace(passed_notice.papers[0], name="医学\u202e人文")
    content = dataclasses.replace(
        passed_notice, issuing_body=f"{WITHOUT_GLYPH}县", papers=(first_paper, *passed_notice.papers[1:])
    )
    with pytest.raises(MissingGlyph) as refusal:
        render_notice(content)
    assert refusal.value.missing == {"papers[0].name": "\u202e", "issuing_body": WITHOUT_GLYPH}


def test_a_certificate_refuses_likewise(certificate: CertificateContent) -> None:
    content = dataclasses.replace(certificate, issuing_authority=f"{WITHOUT_GLYPH}县卫生健康局")
    with pytest.raises(MissingGlyph) as refusal:
        render_certificate(content)
    assert refusal.value.field == "issuing_authority"


def test_an_authority_may_set_one_font_in_place_of_the_bundled(tmp_path: Path, passed_notice: NoticeContent) -> None:
    own = Path(shutil.copy(pylopdf_fonts_zh_cn.sans_path(), tmp_path / "own.otf"))
    fonts = load_fonts(own)
    assert fonts.serif == fonts.sans == ("Noto Sans SC",)
    assert b"NotoSerifSC" not in render_notice(passed_notice, fonts)
    assert b"NotoSerifSC" in render_notice(passed_notice)


def test_a_folder_of_fonts_is_read_like_the_bundled_ones(tmp_path: Path) -> None:
    shutil.copy(pylopdf_fonts_zh_cn.sans_path(), tmp_path)
    shutil.copy(pylopdf_fonts_zh_cn.serif_path(), tmp_path)
    assert load_fonts(tmp_path).serif == ("Noto Serif SC", "Noto Sans SC")


def test_a_font_without_digits_is_refused_before_anything_is_printed(tmp_path: Path) -> None:
    own = tmp_path / "no-digits.otf"
    _keep_only(set(range(0x20, 0x30)) | set(range(0x3A, 0x7F)) | {ord("王")}, own)
    with pytest.raises(FontUnusable, match=r"缺少 \d+ 个常用字符，例如 0\(U\+0030\)"):
        load_fonts(own)


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.otf"
    own.write_bytes(b"no font")
    with pytest.raises(FontUnusable):
        load_fonts(own)
    with pytest.raises(FontUnusable):
        load_fonts(tmp_path / "absent.otf")


def _keep_only(code_points: set[int], target: Path) -> None:
    with TTFont(pylopdf_fonts_zh_cn.sans_path()) as font:
        subsetter = subset.Subsetter()
        subsetter.populate(unicodes=code_points)
        subsetter.subset(font)
        font.save(target)
