"""What several formats share: caps, decoding, safe XML, and labels that carry what a format has no place for."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from dingkao.papers.pictures import TakenPicture
from dingkao.papers.questions import NewQuestion, RawQuestion
from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text

MOST_BYTES = 200_000_000
# What a label may tell of a question (`type:A2`), as the fields of a question.
LABELS = ("type", "code", "category", "specialty", "topic", "difficulty", "source", "group")


def bad_file(code: str, zh: str, en: str) -> NoReturn:
    """Refuse a whole file."""
    raise ValidationFailed([FieldProblem("file", code, Text(zh, en))])


def decoded(data: bytes) -> str:
    """The text of a file, line ends made `\\n`. Raises ValidationFailed for another encoding, or a file too large."""
    check_size(data)
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(codec).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
    bad_file("NO_TEXT", "文件不是UTF-8或GB 18030文本。", "The file is no UTF-8 or GB 18030 text.")


def check_size(data: bytes) -> None:
    """Raises ValidationFailed (FILE_TOO_LARGE)."""
    if len(data) > MOST_BYTES:
        most = MOST_BYTES // 1_000_000
        bad_file("FILE_TOO_LARGE", f"文件超过{most}MB。", f"The file is larger than {most} MB.")


def xml_elements(data: bytes, end_of: str) -> Iterator[Any]:
    """The elements named `end_of`, one after another, from XML without document type, entities or anything outside;
    each is emptied afterwards. Raises ValidationFailed (BAD_XML, XML_FORBIDDEN)."""
    check_size(data)
    try:
        # forbid_dtd: no entity can be declared, nothing outside can be named.
        root = None
        for event, element in ElementTree.iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
            if root is None:
                root = element
            if event == "end" and local(element.tag) == end_of:
                yield element
                root.clear()
    except DefusedXmlException:
        bad_file(
            "XML_FORBIDDEN", "XML文件不得含有文档类型或实体声明。", "XML with a document type or entities is refused."
        )
    except ElementTree.ParseError as error:
        bad_file("BAD_XML", "文件不是有效的XML。", f"The file is no XML: {error}.")


def xml_root(data: bytes) -> Any:
    """The root of a small XML document, as safely. Raises ValidationFailed."""
    check_size(data)
    try:
        return ElementTree.fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        bad_file(
            "XML_FORBIDDEN", "XML文件不得含有文档类型或实体声明。", "XML with a document type or entities is refused."
        )
    except ElementTree.ParseError as error:
        bad_file("BAD_XML", "文件不是有效的XML。", f"The file is no XML: {error}.")


def local(tag: Any) -> str:
    """A tag without its namespace; empty for comments and instructions."""
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def labels_of(question: NewQuestion) -> dict[str, str]:
    """What labels tell of a question."""
    return {name: str(getattr(question, name)) for name in LABELS if getattr(question, name)}


def split_label(label: str) -> tuple[str, str] | None:
    """The field and the value of a label; None for a label of somebody else."""
    name, sign, value = label.partition(":")
    return (name, value) if sign and name in LABELS else None


def raw_question(line: int, stem: str, options: list[str], answer: str, labels: Mapping[str, str], shared: str = "",
                 topic: str = "", pictures: Sequence[TakenPicture] = ()) -> RawQuestion:  # fmt: skip
    """A question with what its labels tell; `topic` where no label says another."""
    told = {"topic": topic, **{name: value for name, value in labels.items() if name in LABELS}}
    told = {name: told.get(name, "") for name in LABELS}
    return RawQuestion(line, stem, options, answer, shared=shared, columns={}, pictures=pictures, **told)


def keys(right: list[bool]) -> str:
    """The letters of the right options."""
    return "".join(chr(ord("A") + place) for place, is_right in enumerate(right) if is_right)
