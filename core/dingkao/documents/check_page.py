"""The public check page: what whoever scans a document's QR code sees.

It is one static page: no script, no image, nothing from elsewhere, all data escaped. It names the doctor masked
(《个人信息保护法》 Article 6: no more than the purpose needs), says whether the document is in force, and gives the
SHA-256 of the PDF, so that a copy can be compared with the one that was issued.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import date
from enum import Enum
from html import escape
from typing import Final, Literal

import grapheme

from dingkao.documents.content import Conclusion

Language = Literal["zh", "en"]
_Words = tuple[str, str]  # Chinese, English


class CheckedDocument(Enum):
    """What kind of document is checked."""

    NOTICE = ("医师定期考核结果通知书", "Notice of the result of a physician's periodic assessment")
    CERTIFICATE = ("医师定期考核合格证书", "Certificate of a physician's passed periodic assessment")


class CheckState(Enum):
    """Whether the document is in force."""

    VALID = ("有效", "Valid")
    UNSEALED = ("未盖章，未生效", "Not sealed, not in force")
    REVOKED = ("已撤销", "Revoked")


_CONCLUSIONS: Final[dict[Conclusion, _Words]] = {
    Conclusion.PASS: ("合格", "Passed"),
    Conclusion.FAIL: ("不合格", "Not passed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPageContent:
    """What the page shows of a document.

    ``masked_name`` comes from :func:`mask_name`; ``issuer`` is the body or authority that issued the document;
    ``sealed_on`` and ``revoked_on`` are given where they have happened; ``pdf_sha256`` is the 64 hexadecimal digits of
    the hash of the PDF as it was given out last (of a sealed certificate: with its seal), or ``None`` before that.
    """

    document: CheckedDocument
    number: str
    masked_name: str
    institution: str
    cycle: str
    conclusion: Conclusion
    state: CheckState
    issuer: str
    issued_on: date
    sealed_on: date | None = None
    revoked_on: date | None = None
    pdf_sha256: str | None = None


_STYLE: Final = """
body{margin:0;background:#f4f4f2;color:#1c1c1c;font:16px/1.6 "Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:40rem;margin:2rem auto;padding:1.5rem;background:#fff;border-top:4px solid #c8102e}
h1{font-size:1.3rem;margin:0 0 1rem}
small{display:block;color:#595959;font-size:.8rem;font-weight:400}
.state{margin:0 0 1rem;padding:.6rem .9rem;font-size:1.15rem;font-weight:700;border-left:6px solid}
.valid{background:#e9f5ec;border-color:#19692c;color:#14532d}
.unsealed{background:#fff5da;border-color:#8a5a00;color:#6b4500}
.revoked,.unknown{background:#fdeaea;border-color:#a40e26;color:#8a0c20}
dl{margin:0}
dt{margin-top:.7rem;color:#595959;font-size:.9rem}
dt small{display:inline}
dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
footer{margin-top:1.5rem;padding-top:.8rem;border-top:1px solid #ddd;font-size:.9rem}
"""

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

# What the page is to be served with. The address holds the check code: it must reach no other site, no search engine
# and no cache.
CHECK_PAGE_HEADERS: Final[dict[str, str]] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


def render_check_page(content: CheckPageContent | None, language: Language = "zh") -> str:
    """The page for ``content``, or the page 查无此证 for ``None`` (to be served with status 404).

    Both languages stand on it; ``language`` says which one comes first. Serve it with ``CHECK_PAGE_HEADERS``.
    """
    return _not_found(language) if content is None else _found(content, language)


def mask_name(name: str) -> str:
    """A personal name with its middle hidden: 王*明; of a name of two characters only the first is shown: 王*.

    Characters are counted as people count them (a character with a variation selector is one).
    """
    characters = list(grapheme.graphemes(name.strip()))
    if len(characters) <= 1:
        return "*"
    if len(characters) == 2:
        return f"{characters[0]}*"
    return f"{characters[0]}{'*' * (len(characters) - 2)}{characters[-1]}"


def _found(content: CheckPageContent, language: Language) -> str:
    rows: list[tuple[_Words, str]] = [
        (("编号", "Number"), escape(content.number)),
        (("姓名", "Name"), escape(content.masked_name)),
        (("执业机构", "Institution"), escape(content.institution)),
        (("考核周期", "Cycle"), escape(content.cycle)),
        (("考核结论", "Conclusion"), _both(_CONCLUSIONS[content.conclusion], language)),
        (("签发单位", "Issued by"), escape(content.issuer)),
        (("签发日期", "Issued on"), _day(content.issued_on)),
    ]
    if content.sealed_on is not None:
        rows.append((("盖章日期", "Sealed on"), _day(content.sealed_on)))
    if content.revoked_on is not None:
        rows.append((("撤销日期", "Revoked on"), _day(content.revoked_on)))
    if content.pdf_sha256 is not None:
        rows.append((("电子文件 SHA-256", "SHA-256 of the PDF file"), f"<code>{escape(content.pdf_sha256)}</code>"))
    listed = "".join(f"<dt>{_both(label, language)}</dt><dd>{value}</dd>" for label, value in rows)
    advice: _Words = (
        "请核对本页内容与所持文书是否一致。电子文件可计算 SHA-256 后与上列数值比对，不一致的，即非签发的原件。",
        "Compare this page with the document you hold. If the SHA-256 of an electronic copy differs from the one "
        "above, it is not the file that was issued.",
    )
    return _page(
        content.document.value,
        f'<p class="state {content.state.name.lower()}">{_both(content.state.value, language)}</p>'
        f"<dl>{listed}</dl><footer>{_both(advice, language)}</footer>",
        language,
    )


def _not_found(language: Language) -> str:
    title: _Words = ("查无此证", "No such document")
    advice: _Words = (
        "没有与此网址对应的文书。请确认网址完整，或向签发单位核实。",
        "No document belongs to this address. Make sure that the address is complete, or ask the issuer.",
    )
    return _page(title, f'<p class="state unknown">{_both(advice, language)}</p>', language)


def _page(title: _Words, body: str, language: Language) -> str:
    first = title[0] if language == "zh" else title[1]
    return (
        f'<!DOCTYPE html>\n<html lang="{_LANGUAGE_TAGS[language]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(first)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{_both(title, language)}</h1>{body}</main></body></html>\n"
    )


_LANGUAGE_TAGS: Final[dict[Language, str]] = {"zh": "zh-CN", "en": "en"}


def _both(words: _Words, language: Language) -> str:
    """The words of the language first, the other's in small print."""
    first, second = words if language == "zh" else (words[1], words[0])
    other = _LANGUAGE_TAGS["en" if language == "zh" else "zh"]
    return f'{escape(first)} <small lang="{other}">{escape(second)}</small>'


def _day(day: date) -> str:
    return f'<time datetime="{day.isoformat()}">{day.isoformat()}</time>'
