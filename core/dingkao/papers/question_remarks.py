"""What is doubtful in questions that an import takes: told, and no reason to refuse. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from dingkao.papers.questions import NewQuestion
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType

# One best of four or five (A1 to A4), several of four or five (X); a set of options that questions share (B1), and true
# and false, have numbers of their own. Banks of the field hold others too: with two or three, mostly.
USUAL_OPTIONS = (4, 5)
_CHOICES = frozenset({QuestionType.A1, QuestionType.A2, QuestionType.A3, QuestionType.A4, QuestionType.X})


@dataclass(frozen=True, slots=True)
class QuestionRemark:
    """What stands out in a file: where first (its line, or the number of the item), a code and a sentence."""

    line: int
    column: str
    code: str
    text: Text


def remarks_on(questions: Iterable[NewQuestion]) -> list[QuestionRemark]:
    """One remark for each type and number of options that are unusual, in the order of their first lines: a bank made
    with three options all through is told so once."""
    lines: dict[tuple[QuestionType, int], list[int]] = {}
    for question in questions:
        number = len(question.options)
        if question.type in _CHOICES and not USUAL_OPTIONS[0] <= number <= USUAL_OPTIONS[1]:
            lines.setdefault((question.type, number), []).append(question.line)
    remarks = []
    for (kind, number), found in lines.items():
        text = Text(
            f"有{len(found)}道{kind.value}型题为{number}个选项（通常为4至5个），已照常导入，请核对是否遗漏选项。",
            f"{len(found)} question(s) of type {kind.value} have {number} options (4 or 5 are usual): they are taken "
            "as they are; see whether options were lost.",
        )
        remarks.append(QuestionRemark(min(found), "", "OPTIONS_UNUSUAL", text))
    return sorted(remarks, key=lambda remark: remark.line)
