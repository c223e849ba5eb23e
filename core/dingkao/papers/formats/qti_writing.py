"""Writing QTI 2.1 and 3.0 (1EdTech): a package with an item for each question or group, and its pictures."""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from dingkao.papers.formats.common import labels_of
from dingkao.papers.pictures import SHARED_STEM, STEM, PictureFile, QuestionPicture, pictures_at
from dingkao.papers.questions import NewQuestion
from dingkao.plugin.vocabulary import QuestionType

_LOM = "http://ltsc.ieee.org/xsd/LOM"


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


def write(questions: Iterable[NewQuestion], version: Version) -> bytes:
    """A package of the questions, those of a group as one item; each picture once."""
    stream = io.BytesIO()
    resources = []
    files: dict[str, PictureFile] = {}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        together = groupby(enumerate(questions), key=lambda pair: pair[1].group or pair[0])
        for number, (_, pairs) in enumerate(together, 1):
            members = [question for _, question in pairs]
            name = f"items/{number:06}.xml"
            package.writestr(name, _item(number, members, version))
            shown = {picture.file.digest: picture.file for each in members for picture in each.pictures}
            resources.append(_resource(number, name, members, shown.values(), version))
            files |= shown
        for file in files.values():
            package.writestr(f"pictures/{file.file_name}", file.data, zipfile.ZIP_STORED)
            resources.append(
                f'<resource identifier="{_picture(file)}" type="webcontent" href="pictures/{file.file_name}">'
                f'<file href="pictures/{file.file_name}"/></resource>\n'
            )
        package.writestr("imsmanifest.xml", _manifest(resources, version))
    return stream.getvalue()


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
    case = pictures_at(members[0].pictures, SHARED_STEM)
    if members[0].shared or case:
        parts.append(f"<div>{_xhtml(members[0].shared, case)}</div>\n")
    for place, question in enumerate(members, 1):
        most = 0 if question.type is QuestionType.X else 1
        response = f'{attribute("responseIdentifier")}="{_response(place, members)}"'
        options = "".join(
            f'<{tag("simpleChoice")} identifier="{key}">{_xhtml(text, pictures_at(question.pictures, key))}'
            f"</{tag('simpleChoice')}>\n"
            for key, text in question.options
        )
        parts.append(
            f'<{tag("choiceInteraction")} {response} shuffle="false" {attribute("maxChoices")}="{most}">\n'
            f"<{tag('prompt')}>{_xhtml(question.stem, pictures_at(question.pictures, STEM))}</{tag('prompt')}>\n"
            f"{options}</{tag('choiceInteraction')}>\n"
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


def _xhtml(text: str, pictures: Iterable[QuestionPicture]) -> str:
    """A text with its pictures below it, as what a prompt and a choice may hold."""
    images = "".join(
        f'<br/><img src="../pictures/{picture.file.file_name}" alt={quoteattr(picture.alternative_text)} '
        f'width="{picture.file.width}" height="{picture.file.height}"/>'
        for picture in pictures
    )
    return escape(text).replace("\n", "<br/>") + images


def _picture(file: PictureFile) -> str:
    return f"picture-{file.digest[:32]}"


def _resource(
    number: int, name: str, members: Sequence[NewQuestion], files: Iterable[PictureFile], version: Version
) -> str:
    keywords = "".join(
        f"<lom:keyword><lom:string>{escape(f'{_response(place, members)}.{label}={value}')}</lom:string></lom:keyword>"
        for place, question in enumerate(members, 1)
        for label, value in labels_of(question).items()
    )
    needed = "".join(f'<dependency identifierref="{_picture(file)}"/>' for file in files)
    return (
        f'<resource identifier="item-{number}" type="{version.resource}" href="{name}"><metadata>'
        f'<lom:lom><lom:general>{keywords}</lom:general></lom:lom></metadata><file href="{name}"/>{needed}'
        "</resource>\n"
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
