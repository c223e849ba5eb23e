"""The notice of the result (考核结果通知书): what it says, and its PDF.

Sources: the user's manual, section 2.2.6 (the notice may be printed where the region lets it) and 2.2.1 (with the
doctor's photo); 《医师定期考核管理办法》 Article 24 (objection within 30 days of receiving the result, to the
assessment body, which decides within 30 days); 《医师法》 (2021) Article 42 (what follows a failed assessment).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from dingkao.documents.content import (
    ADVERSE_OUTCOMES,
    AssessedDoctor,
    Conclusion,
    CyclePeriod,
    DimensionResult,
    PaperResult,
)
from dingkao.documents.fonts import DocumentFonts, load_fonts
from dingkao.documents.typesetting import (
    chinese_date,
    in_typesetting_thread,
    photo_as_svg,
    printable_texts,
    qr_code_as_svg,
    typeset,
)

NOTICE_TITLE: Final = "医师定期考核结果通知书"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeContent:
    """Everything that a notice prints.

    ``notice_number`` is made by ``check_code.format_notice_number``; ``procedure`` is the name of the assessment's
    procedure; ``issuing_body`` is the assessment body, to which an objection goes unless ``objection_body`` names
    another; ``objection_days`` and ``suspension_months`` (from, to) come from the assessment's policy; ``check_url`` is
    the public check page of this notice.
    ``notes`` are further sentences of the region, printed after those the law asks for.
    """

    notice_number: str
    doctor: AssessedDoctor
    cycle: CyclePeriod
    procedure: str
    conclusion: Conclusion
    dimensions: tuple[DimensionResult, ...]
    papers: tuple[PaperResult, ...]
    issuing_body: str
    issued_on: date
    check_url: str
    objection_days: int = 30
    suspension_months: tuple[int, int] = (3, 6)
    objection_body: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.dimensions:
            raise ValueError("a notice states the result of each dimension")
        failed = any(dimension.outcome in ADVERSE_OUTCOMES for dimension in self.dimensions)
        if failed and self.conclusion is Conclusion.PASS:
            raise ValueError("an assessment with a failed dimension is not passed")
        if self.objection_days < 1:
            raise ValueError("the period for objections is at least one day")


def render_notice(content: NoticeContent, fonts: DocumentFonts | None = None) -> bytes:
    """The notice as a PDF (A4, PDF/A-2a, fonts embedded); the same content gives the same bytes.

    ``fonts`` defaults to the bundled ones.
    Raises ``MissingGlyph`` (a character cannot be printed), ``BlankField``, ``PhotoUnusable``, ``TypesettingFailed``.
    """
    fonts = fonts or load_fonts()
    fonts.require_glyphs(printable_texts(content))
    return typeset("notice", _page_data(content), fonts, content.issued_on)


async def render_notice_async(content: NoticeContent, fonts: DocumentFonts | None = None) -> bytes:
    """:func:`render_notice` in a worker thread, for callers on the event loop."""
    return await in_typesetting_thread(render_notice, content, fonts)


def _page_data(content: NoticeContent) -> dict[str, Any]:
    doctor, cycle = content.doctor, content.cycle
    return {
        "title": NOTICE_TITLE,
        "number": content.notice_number,
        "issuing_body": content.issuing_body,
        "issued_on": chinese_date(content.issued_on),
        "doctor_name": doctor.name,
        "opening": (
            f"根据《中华人民共和国医师法》和《医师定期考核管理办法》，你参加了{cycle.name}"
            f"（{chinese_date(cycle.starts_on)}至{chinese_date(cycle.ends_on)}）医师定期考核。"
            "现将考核结果通知如下："
        ),
        "particulars": [
            {"label": "姓名", "value": doctor.name},
            {"label": "身份证件号码", "value": doctor.document_number},
            {"label": "执业证书编码", "value": doctor.practice_certificate_number},
            {"label": "执业机构", "value": doctor.institution},
            {"label": "类别与级别", "value": f"{doctor.category}　{doctor.level}"},
            {"label": "考核程序", "value": content.procedure},
        ],
        "dimensions": [
            {"name": each.name, "outcome": each.outcome, "tone": _tone(each)} for each in content.dimensions
        ],
        "papers": [
            {
                "name": each.name,
                "outcome": each.outcome,
                "tone": _tone(each),
                "score": "—" if each.score is None else f"{each.score.normalize():f}",
                "taken_on": "—" if each.taken_on is None else chinese_date(each.taken_on),
            }
            for each in content.papers
        ],
        "conclusion": content.conclusion,
        "passed": content.conclusion is Conclusion.PASS,
        "statements": _statements(content),
        "photo": None if doctor.photo is None else photo_as_svg(doctor.photo),
        "check_url": content.check_url,
        "qr_code": qr_code_as_svg(content.check_url),
    }


def _tone(result: DimensionResult | PaperResult) -> str:
    return "bad" if result.outcome in ADVERSE_OUTCOMES else "plain"


def _months(number: int) -> str:
    return "〇一二三四五六七八九"[number] if number < 10 else str(number)


def _statements(content: NoticeContent) -> list[str]:
    statements = [
        f"如对考核结果有异议，可以自收到本通知书之日起{content.objection_days}日内，"
        f"向{content.objection_body or content.issuing_body}提出复核申请。"
    ]
    if content.conclusion is Conclusion.FAIL:
        statements.append(
            "依照《中华人民共和国医师法》第四十二条，对考核不合格的医师，县级以上人民政府卫生健康主管部门应当责令其"
            f"暂停执业活动{_months(content.suspension_months[0])}个月至{_months(content.suspension_months[1])}个月，并接受相关专业培训；暂停执业活动期满，再次进行考核，考核合格的，允许其继续执业。"
            "暂停执业活动的起止时间以卫生健康主管部门的决定为准。"
        )
    else:
        statements.append("本通知书不代替医师定期考核合格证书。")
    return [*statements, *content.notes]
