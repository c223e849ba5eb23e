"""QTI 2.0 to 2.2 and 3.0 (1EdTech): items with single and multiple choice, alone or in a package, and what several
questions share: a stimulus (3.0), or one item with several interactions."""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape, quoteattr

from dingkao.papers.formats.common import (
    bad_file,
    keys,
    labels_of,
    local,
    raw_question,
    split_label,
    xml_root,
)
from dingkao.papers.formats.markup import PictureFound, text_of_element
from dingkao.papers.formats.zip_file import is_zip, open_zip, read_member
from dingkao.papers.questions import Checked, NewQuestion, RefusedQuestion, check_question
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType

_LOM = "http://ltsc.ieee.org/xsd/LOM"
_INTERACTION = re.compile(r"(?!choice).*interaction")
_BESIDE = frozenset({"choiceinteraction", "rubricblock", "feedbackblock", "feedbackinline", "modalfeedback"})


@dataclass(frozen=True, slots=True)
class Version:
    """How a version of QTI names things: the namespace, and the mark before and between words."""

    namespace: str
    schema_version: str
    resource: str
    hyphens: bool

    def tag(self, name: str) -> str:
        """An element's name: assessmentItem, or qti-assessment-item."""
        return f"qti-{self.attribute(name)}" if self.hyphens else name

    def attribute(self, name: str) -> str:
        """An attribute's name: baseType, or base-type."""
        return re.sub("([A-Z])", lambda letter: f"-{letter.group().lower()}", name) if self.hyphens else name


VERSION_2 = Version("http://www.imsglobal.org/xsd/imsqti_v2p1", "2.1.0", "imsqti_item_xmlv2p1", hyphens=False)
VERSION_3 = Version("http://www.imsglobal.org/xsd/imsqtiasi_v3p0", "3.0.0", "imsqti_item_xmlv3p0", hyphens=True)


def read(data: bytes) -> Iterator[Checked]:
    """The questions of a package (zip) or of one item (XML), by the number of the item. Raises ValidationFailed."""
    if not is_zip(data):
        yield from _read_item(1, data, {}, None, "")
        return
    opened = open_zip(data)
    manifest = read_member(opened, "imsmanifest.xml")
    if manifest is None:
        bad_file("NO_MANIFEST", "QTI包中没有imsmanifest.xml。", "The package has no imsmanifest.xml.")
    for number, (name, labels) in enumerate(_items_of(xml_root(manifest)), 1):
        item = read_member(opened, name)
        if item is None:
            text = Text(f"包中没有文件{name}。", f"The package has no file {name}.")
            yield [RefusedQuestion(number, name, "FILE_MISSING", text)]
        else:
            yield from _read_item(number, item, labels, opened, name)


def write(questions: Iterable[NewQuestion], version: Version) -> bytes:
    """A package of the questions, those of a group as one item."""
    stream = io.BytesIO()
    resources = []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        together = groupby(enumerate(questions), key=lambda pair: pair[1].group or pair[0])
        for number, (_, pairs) in enumerate(together, 1):
            members = [question for _, question in pairs]
            name = f"items/{number:06}.xml"
            package.writestr(name, _item(number, members, version))
            resources.append(_resource(number, name, members, version))
        package.writestr("imsmanifest.xml", _manifest(resources, version))
    return stream.getvalue()


def _plain(name: str) -> str:
    """A name as both versions have it: choiceinteraction for choiceInteraction and qti-choice-interaction."""
    return name.lower().removeprefix("qti-").replace("-", "")


def _named(element: Any, name: str) -> Iterator[Any]:
    return (found for found in element.iter() if _plain(local(found.tag)) == name)


def _attribute(element: Any, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _plain(local(key)) == name), "")


def _items_of(manifest: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """The file of each item, with its labels."""
    for resource in _named(manifest, "resource"):
        if "item" in resource.get("type", "") and resource.get("href"):
            labels = {}
            for keyword in _named(resource, "keyword"):
                name, _, value = "".join(keyword.itertext()).strip("\n").partition("=")
                labels[name] = value
            yield posixpath.normpath(unquote(resource.get("href"))), labels


def _read_item(
    number: int, data: bytes, labels: dict[str, str], opened: zipfile.ZipFile | None, name: str
) -> Iterator[Checked]:
    root = xml_root(data)
    if _plain(local(root.tag)) != "assessmentitem":
        bad_file("NO_ITEM", "文件不是QTI试题。", f"The file {name} is no QTI item.")
    try:
        yield from _read_body(number, root, labels, opened, name)
    except PictureFound:
        text = Text("试题含有图片或音视频，暂不能导入。", "The question has a picture, sound or film.")
        yield [RefusedQuestion(number, name, "PICTURE_NOT_TAKEN", text)]


def _read_body(
    number: int, root: Any, labels: dict[str, str], opened: zipfile.ZipFile | None, name: str
) -> Iterator[Checked]:
    body = next(_named(root, "itembody"), None)
    choices = [] if body is None else list(_named(body, "choiceinteraction"))
    if body is None or not choices or any(_INTERACTION.fullmatch(_plain(local(e.tag))) for e in body.iter()):
        text = Text("只能导入选择题和判断题。", "Items with choices are imported; nothing else.")
        yield [RefusedQuestion(number, name, "KIND_NOT_TAKEN", text)]
        return
    right = {
        _attribute(declared, "identifier"): {(value.text or "").strip() for value in _named(declared, "value")}
        for declared in _named(root, "responsedeclaration")
    }
    beside = text_of_element(body, _BESIDE)
    reference = next(_named(root, "assessmentstimulusref"), None)
    shared, group = _stimulus(reference, opened, name), ""
    if reference is not None:
        group = _attribute(reference, "identifier")
    elif len(choices) > 1:
        shared, beside, group = beside, "", _attribute(root, "identifier")
    for choice in choices:
        response = _attribute(choice, "responseidentifier")
        prompt = next(_named(choice, "prompt"), None)
        asked = "" if prompt is None else text_of_element(prompt)
        given = list(_named(choice, "simplechoice"))
        options = [text_of_element(option, frozenset({"feedbackinline"})) for option in given]
        answer = keys([_attribute(option, "identifier") in right.get(response, ()) for option in given])
        own = _labels(labels, response)
        if (shared or group) and "group" not in own:
            own["group"] = group
        stem = "\n".join(part for part in (beside, asked) if part)
        yield check_question(raw_question(number, stem, options, answer, own, shared))


def _labels(labels: dict[str, str], response: str) -> dict[str, str]:
    """The labels of one interaction: `RESPONSE` for one that stands alone."""
    found = (split_label(f"{name.partition('.')[2]}:{value}") for name, value in labels.items()
             if name.partition(".")[0] == response)  # fmt: skip
    return dict(label for label in found if label is not None)


def _stimulus(reference: Any, opened: zipfile.ZipFile | None, name: str) -> str:
    """The text of the stimulus that an item refers to, of the same package."""
    if reference is None or opened is None:
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(_attribute(reference, "href"))))
    data = read_member(opened, path)
    body = None if data is None else next(_named(xml_root(data), "stimulusbody"), None)
    return "" if body is None else text_of_element(body)


def _item(number: int, members: Sequence[NewQuestion], version: Version) -> str:
    tag, attribute = version.tag, version.attribute
    title = members[0].code or str(number)
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag("assessmentItem")} xmlns="{version.namespace}" '
        f'identifier="item-{number}" title={quoteattr(title)} adaptive="false" {attribute("timeDependent")}="false">\n'
    ]
    for place, question in enumerate(members, 1):
        cardinality = "multiple" if question.type is QuestionType.X else "single"
        values = "".join(f"<{tag('value')}>{key}</{tag('value')}>" for key in question.answer)
        parts.append(
            f'<{tag("responseDeclaration")} identifier="{_response(place, members)}" cardinality="{cardinality}" '
            f'{attribute("baseType")}="identifier"><{tag("correctResponse")}>{values}</{tag("correctResponse")}>'
            f"</{tag('responseDeclaration')}>\n"
        )
    score = f'identifier="SCORE" cardinality="single" {attribute("baseType")}="float"'
    parts.append(f"<{tag('outcomeDeclaration')} {score}/>\n<{tag('itemBody')}>\n")
    if members[0].shared:
        parts.append(f"<div>{_xhtml(members[0].shared)}</div>\n")
    for place, question in enumerate(members, 1):
        most = 0 if question.type is QuestionType.X else 1
        response = f'{attribute("responseIdentifier")}="{_response(place, members)}"'
        options = "".join(
            f'<{tag("simpleChoice")} identifier="{key}">{_xhtml(text)}</{tag("simpleChoice")}>\n'
            for key, text in question.options
        )
        parts.append(
            f'<{tag("choiceInteraction")} {response} shuffle="false" {attribute("maxChoices")}="{most}">\n'
            f"<{tag('prompt')}>{_xhtml(question.stem)}</{tag('prompt')}>\n{options}</{tag('choiceInteraction')}>\n"
        )
    parts.append(f"</{tag('itemBody')}>\n")
    if len(members) == 1:
        # The standard's own template: the one response is right where it is the correct one, whole.
        ending = ".xml" if version.hyphens else ""
        folder = (
            "https://purl.imsglobal.org/spec/qti/v3p0"
            if version.hyphens
            else ("http://www.imsglobal.org/question/qti_v2p1")
        )
        parts.append(f'<{tag("responseProcessing")} template="{folder}/rptemplates/match_correct{ending}"/>\n')
    return "".join([*parts, f"</{tag('assessmentItem')}>\n"])


def _response(place: int, members: Sequence[NewQuestion]) -> str:
    return "RESPONSE" if len(members) == 1 else f"RESPONSE_{place}"


def _xhtml(text: str) -> str:
    return escape(text).replace("\n", "<br/>")


def _resource(number: int, name: str, members: Sequence[NewQuestion], version: Version) -> str:
    keywords = "".join(
        f"<lom:keyword><lom:string>{escape(f'{_response(place, members)}.{label}={value}')}</lom:string></lom:keyword>"
        for place, question in enumerate(members, 1)
        for label, value in labels_of(question).items()
    )
    return (
        f'<resource identifier="item-{number}" type="{version.resource}" href="{name}"><metadata>'
        f'<lom:lom><lom:general>{keywords}</lom:general></lom:lom></metadata><file href="{name}"/></resource>\n'
    )


def _manifest(resources: Sequence[str], version: Version) -> str:
    namespace = (
        "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
        if version.hyphens
        else ("http://www.imsglobal.org/xsd/imscp_v1p1")
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<manifest xmlns="{namespace}" xmlns:lom="{_LOM}" '
        f'identifier="dingkao"><metadata><schema>QTI Package</schema><schemaversion>{version.schema_version}'
        f"</schemaversion></metadata><organizations/><resources>\n{''.join(resources)}</resources></manifest>\n"
    )
