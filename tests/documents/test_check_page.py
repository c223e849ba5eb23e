"""The public check page shows what a visitor may know, escaped, and nothing else can run or load on it."""

import base64
import dataclasses
import hashlib
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from dingkao.documents.check_page import (
    CHECK_PAGE_HEADERS,
    CheckedDocument,
    CheckPageContent,
    CheckState,
    Language,
    mask_name,
    render_check_page,
)
from dingkao.documents.content import Conclusion

SHA256 = hashlib.sha256(b"a certificate").hexdigest()
HOSTILE = "<script>alert(1)</script>\"&'<img src=x onerror=alert(1)>"


class _Page(HTMLParser):
    """The tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"] or "{" not in data:
            self.text += data


@pytest.fixture
def content() -> CheckPageContent:
    return CheckPageContent(
        document=CheckedDocument.CERTIFICATE,
        number="ZS-510100-2026-000123-G",
        masked_name=mask_name("王小明"),
        institution="蓉城市第一人民医院",
        cycle="2024—2026考核周期",
        conclusion=Conclusion.PASS,
        state=CheckState.VALID,
        issuer="蓉城市卫生健康委员会",
        issued_on=date(2026, 12, 1),
        sealed_on=date(2026, 12, 2),
        pdf_sha256=SHA256,
    )


def test_it_shows_what_a_visitor_compares(content: CheckPageContent) -> None:
    text = _Page(render_check_page(content)).text
    for expected in (
        "医师定期考核合格证书",
        "ZS-510100-2026-000123-G",
        "王*明",
        "蓉城市第一人民医院",
        "2024—2026考核周期",
        "合格 Passed",
        "有效 Valid",
        "蓉城市卫生健康委员会",
        "2026-12-01",
        "2026-12-02",
        SHA256,
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("state", "chinese", "english"),
    [
        (CheckState.VALID, "有效", "Valid"),
        (CheckState.UNSEALED, "未盖章，未生效", "Not sealed, not in force"),
        (CheckState.REVOKED, "已撤销", "Revoked"),
    ],
)
def test_each_state_stands_in_both_languages(
    content: CheckPageContent, state: CheckState, chinese: str, english: str
) -> None:
    shown = dataclasses.replace(content, state=state)
    assert f"{chinese} {english}" in _Page(render_check_page(shown, "zh")).text
    assert f"{english} {chinese}" in _Page(render_check_page(shown, "en")).text
    others = {other.value[0] for other in CheckState} - {chinese}
    assert not any(other in _Page(render_check_page(shown)).text for other in others)


def test_a_revoked_document_shows_the_day_and_an_unissued_file_no_hash(content: CheckPageContent) -> None:
    shown = dataclasses.replace(
        content, state=CheckState.REVOKED, revoked_on=date(2027, 3, 4), sealed_on=None, pdf_sha256=None
    )
    text = _Page(render_check_page(shown)).text
    assert "撤销日期 Revoked on2027-03-04" in text
    assert "盖章日期" not in text
    assert "SHA-256 of the PDF file" not in text


def test_an_unknown_address_is_answered_so_in_both_languages() -> None:
    assert "查无此证 No such document" in _Page(render_check_page(None, "zh")).text
    assert "No such document 查无此证" in _Page(render_check_page(None, "en")).text


def test_everything_shown_is_escaped(content: CheckPageContent) -> None:
    hostile = dataclasses.replace(
        content,
        number=HOSTILE,
        masked_name=HOSTILE,
        institution=HOSTILE,
        cycle=HOSTILE,
        issuer=HOSTILE,
        pdf_sha256=HOSTILE,
    )
    page = _Page(render_check_page(hostile))
    assert set(page.tags) == set(_Page(render_check_page(content)).tags)
    assert page.text.count(HOSTILE) == 6


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_on_the_page_runs_or_loads(content: CheckPageContent, language: Language) -> None:
    for shown in (content, None):
        page = _Page(render_check_page(shown, language))
        assert not {"script", "img", "link", "iframe", "form", "a", "object"} & set(page.tags)
        names = {name for name, _ in page.attributes}
        assert names <= {"lang", "charset", "name", "content", "class", "datetime"}


def test_the_policy_allows_exactly_the_style_of_the_page(content: CheckPageContent) -> None:
    policy = CHECK_PAGE_HEADERS["Content-Security-Policy"]
    for html in (render_check_page(content), render_check_page(None, "en")):
        (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王*明"),
        ("王明", "王*"),
        ("欧阳䶮𬭎", "欧**𬭎"),
        ("努尔·买买提", "努****提"),
        ("明", "*"),
        (" 王明 ", "王*"),
        # A character with a variation selector is one character.
        ("葛\U000e0100城\U000e0101", "葛\U000e0100*"),
    ],
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked
