"""Moodle XML: `<quiz>` of multichoice and truefalse questions, with their pictures as Base64; other kinds are refused
by their number."""

import base64
import html
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from dingkao.papers.formats.common import keys, labels_of, raw_question, split_label, xml_elements
from dingkao.papers.formats.markup import MediaFound, text_of_html
from dingkao.papers.picture_marks import split_marks
from dingkao.papers.pictures import (
    SHARED_STEM,
    STEM,
    Image,
    PictureIntake,
    QuestionPicture,
    TakenPicture,
    decoded_base64,
    pictures_at,
)
from dingkao.papers.questions import KEYS, TRUE_FALSE_OPTIONS, Checked, NewQuestion, RefusedQuestion, check_question
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType

# How a text names a file that stands beside it.
_FILE = "@@PLUGINFILE@@"

# A text, and its pictures with their bytes.
Content = tuple[str, list[Image]]


def read(data: bytes, intake: PictureIntake | None = None) -> Iterator[Checked]:
    """The questions of a file, by their number; categories give the topic, descriptions with a group's label its case.
    Raises ValidationFailed."""
    intake = intake or PictureIntake()
    topic, number = "", 0
    cases: dict[str, Content] = {}
    for element in xml_elements(data, "question"):
        kind = element.get("type", "")
        if kind == "category":
            topic = _content(element.find("category"))[0].rsplit("/", 1)[-1]
            continue
        number += 1
        try:
            labels = _labels(element)
            stem, images = _content(element.find("questiontext"))
            if kind == "description" and "group" in labels:
                number -= 1
                cases[labels["group"]] = stem, images
            elif kind in ("multichoice", "truefalse"):
                options, answer, shown = _answers(element, kind)
                shared, of_case = cases.get(labels.get("group", ""), ("", []))
                pictures: list[TakenPicture] = intake.of(of_case, SHARED_STEM) + intake.of(images, STEM)
                for key, found in zip(KEYS, shown, strict=False):
                    pictures += intake.of(found, key)
                yield check_question(raw_question(number, stem, options, answer, labels, shared, topic, pictures))
            else:
                text = Text("只能导入选择题和判断题。", "Choices, and true or false, are imported; nothing else.")
                yield [RefusedQuestion(number, "", "KIND_NOT_TAKEN", text)]
        except MediaFound as media:
            yield [media.refusal(number)]


def write(questions: Iterable[NewQuestion]) -> bytes:
    """A file of the questions."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n']
    cases = set[str]()
    for question in questions:
        shown = pictures_at(question.pictures, SHARED_STEM)
        if (question.shared or shown) and question.group not in cases:
            cases.add(question.group)
            case = _written("questiontext", question.shared, shown)
            parts.append(f'<question type="description">\n{case}{_tags({"group": question.group})}</question>\n')
        parts.append(_question(question))
    return "".join([*parts, "</quiz>\n"]).encode()


def _question(question: NewQuestion) -> str:
    labels = labels_of(question)
    code = labels.pop("code", "")
    name = f"<name><text>{escape(code)}</text></name>\n<idnumber>{escape(code)}</idnumber>\n" if code else ""
    share = f"{100 / len(question.answer):.5f}".rstrip("0").rstrip(".")
    pictured = any(picture.place in KEYS for picture in question.pictures)
    truth = question.type is QuestionType.TRUE_FALSE and question.options == TRUE_FALSE_OPTIONS and not pictured
    answers = []
    for key, text in question.options:
        right = key in question.answer
        wrong = "-100" if question.type is QuestionType.X else "0"
        shown = {"A": "true", "B": "false"}[key] if truth else text
        fraction = f'fraction="{share if right else wrong}"'
        answers.append(_written("answer", shown, pictures_at(question.pictures, key), fraction))
    kind = "truefalse" if truth else "multichoice"
    single = "" if truth else f"<single>{'false' if question.type is QuestionType.X else 'true'}</single>\n"
    stem = _written("questiontext", question.stem, pictures_at(question.pictures, STEM))
    return f'<question type="{kind}">\n{name}{stem}{single}{"".join(answers)}{_tags(labels)}</question>\n'


def _written(tag: str, text: str, pictures: list[QuestionPicture], attributes: str = "") -> str:
    """An element with a text: plain, or HTML where pictures stand below it."""
    begun = f"<{tag} {attributes} " if attributes else f"<{tag} "
    if not pictures:
        return f'{begun}format="plain_text"><text>{escape(text)}</text></{tag}>\n'
    lines = html.escape(text).replace("\n", "<br>")
    images = "".join(
        f'<p><img src="{_FILE}/{picture.file.file_name}" alt="{html.escape(picture.alternative_text)}" '
        f'width="{picture.file.width}" height="{picture.file.height}"></p>'
        for picture in pictures
    )
    files = "".join(
        f'<file name="{file.file_name}" path="/" encoding="base64">{base64.b64encode(file.data).decode()}</file>\n'
        for file in {picture.file.digest: picture.file for picture in pictures}.values()
    )
    return f'{begun}format="html"><text>{escape(f"<p>{lines}</p>{images}")}</text>\n{files}</{tag}>\n'


def _tags(labels: dict[str, str]) -> str:
    tags = "".join(f"<tag><text>{escape(f'{name}:{value}')}</text></tag>" for name, value in labels.items())
    return f"<tags>{tags}</tags>\n"


def _labels(element: Any) -> dict[str, str]:
    found = [split_label(_content(tag)[0]) for tag in element.findall("tags/tag")]
    labels = dict(label for label in found if label is not None)
    code = (element.findtext("idnumber") or "").strip()
    return {**labels, "code": code} if code else labels


def _answers(element: Any, kind: str) -> tuple[list[str], str, list[list[Image]]]:
    """The options, the letters of the right ones, and the options' pictures."""
    contents = [_content(answer) for answer in element.findall("answer")]
    right = [_fraction(answer) > 0 for answer in element.findall("answer")]
    if kind == "truefalse":
        truth = next((text.lower() for (text, _), is_right in zip(contents, right, strict=True) if is_right), "")
        return [], {"true": "正确", "false": "错误"}.get(truth, ""), []
    return [text for text, _ in contents], keys(right), [images for _, images in contents]


def _fraction(answer: Any) -> float:
    told = answer.get("fraction", "0")
    return float(told) if re.fullmatch(r"-?\d+(\.\d+)?", told) else 0.0


def _content(element: Any) -> Content:
    """What an element has in `<text>`: HTML unless it says otherwise. Raises MediaFound."""
    if element is None:
        return "", []
    text = element.findtext("text") or ""
    form = "plain_text" if element.tag in ("tag", "category", "name") else element.get("format")
    if form == "markdown" and _FILE in text:
        told, images = split_marks(text.strip())
    elif form in ("plain_text", "markdown") or not re.search("[<&]", text):
        return text.strip(), []
    else:
        told, images = text_of_html(text)
    return told, _with_bytes(element, images) if images else []


def _with_bytes(element: Any, images: Iterable[Image]) -> list[Image]:
    """The pictures with the bytes of the files beside the text."""
    files = {f"{file.get('path') or '/'}{file.get('name', '')}": file for file in element.findall("file")}
    found = []
    for image in images:
        named = image.source.strip()
        file = files.get(unquote(named.removeprefix(_FILE))) if named.startswith(_FILE) else None
        data = decoded_base64(file.text or "") if file is not None and file.get("encoding") == "base64" else None
        found.append(Image(named.removeprefix(f"{_FILE}/"), image.alternative_text, data))
    return found
