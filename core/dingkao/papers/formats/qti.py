"""Reading QTI 2.0 to 2.2 and 3.0 (1EdTech): items with single and multiple choice, alone or in a package, their
pictures, and what several questions share: a stimulus (3.0), or one item with several interactions."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from dingkao.papers.formats.common import bad_file, keys, local, raw_question, split_label, xml_root
from dingkao.papers.formats.markup import MediaFound, text_of_element
from dingkao.papers.formats.zip_file import is_zip, open_zip, read_member
from dingkao.papers.pictures import SHARED_STEM, STEM, Image, PictureIntake, TakenPicture
from dingkao.papers.questions import KEYS, Checked, RefusedQuestion, check_question
from dingkao.plugin.text import Text

_INTERACTION = re.compile(r"(?!choice).*interaction")
_BESIDE = frozenset({"choiceinteraction", "rubricblock", "feedbackblock", "feedbackinline", "modalfeedback"})


def read(data: bytes, intake: PictureIntake | None = None) -> Iterator[Checked]:
    """The questions of a package (zip) or of one item (XML), by the number of the item. Raises ValidationFailed."""
    intake = intake or PictureIntake()
    if not is_zip(data):
        yield from _Item(1, "", {}, None, intake).read(data)
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
            yield from _Item(number, name, labels, opened, intake).read(item)


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


@dataclass(frozen=True, slots=True)
class _Item:
    """An item: its number, its file in the package (`opened`; None where it comes alone), its labels."""

    number: int
    name: str
    labels: dict[str, str]
    opened: zipfile.ZipFile | None
    intake: PictureIntake

    def read(self, data: bytes) -> Iterator[Checked]:
        root = xml_root(data)
        if _plain(local(root.tag)) != "assessmentitem":
            bad_file("NO_ITEM", "文件不是QTI试题。", f"The file {self.name} is no QTI item.")
        try:
            yield from self._read_body(root)
        except MediaFound as media:
            yield [media.refusal(self.number, self.name)]

    def _read_body(self, root: Any) -> Iterator[Checked]:
        body = next(_named(root, "itembody"), None)
        choices = [] if body is None else list(_named(body, "choiceinteraction"))
        if body is None or not choices or any(_INTERACTION.fullmatch(_plain(local(e.tag))) for e in body.iter()):
            text = Text("只能导入选择题和判断题。", "Items with choices are imported; nothing else.")
            yield [RefusedQuestion(self.number, self.name, "KIND_NOT_TAKEN", text)]
            return
        right = {
            _attribute(declared, "identifier"): {(value.text or "").strip() for value in _named(declared, "value")}
            for declared in _named(root, "responsedeclaration")
        }
        beside, images = text_of_element(body, _BESIDE)
        of_stem = self._pictures(images, STEM)
        reference = next(_named(root, "assessmentstimulusref"), None)
        shared, of_case = self._stimulus(reference)
        group = ""
        if reference is not None:
            group = _attribute(reference, "identifier")
        elif len(choices) > 1:
            shared, beside, group = beside, "", _attribute(root, "identifier")
            of_case, of_stem = self._pictures(images, SHARED_STEM), []
        for choice in choices:
            response = _attribute(choice, "responseidentifier")
            prompt = next(_named(choice, "prompt"), None)
            asked, images = ("", []) if prompt is None else text_of_element(prompt)
            pictures = of_case + of_stem + self._pictures(images, STEM)
            given = list(_named(choice, "simplechoice"))
            options = []
            for place, option in enumerate(given):
                text_of_option, images = text_of_element(option, frozenset({"feedbackinline"}))
                options.append(text_of_option)
                if images:
                    pictures += self._pictures(images, KEYS[min(place, len(KEYS) - 1)])
            answer = keys([_attribute(option, "identifier") in right.get(response, ()) for option in given])
            own = _labels(self.labels, response)
            if (shared or of_case or group) and "group" not in own:
                own["group"] = group
            stem = "\n".join(part for part in (beside, asked) if part)
            yield check_question(raw_question(self.number, stem, options, answer, own, shared, pictures=pictures))

    def _pictures(self, images: list[Image], place: str, beside: str | None = None) -> list[TakenPicture]:
        """The pictures of a text, found from the item's file, or from the file `beside`."""
        from_file = self.name if beside is None else beside

        def load(source: str) -> bytes | None:
            name = re.split("[?#]", source, maxsplit=1)[0]
            if self.opened is None or not name:
                return None
            return read_member(self.opened, _beside(from_file, name))

        return self.intake.of(images, place, load)

    def _stimulus(self, reference: Any) -> tuple[str, list[TakenPicture]]:
        """The text and the pictures of the stimulus that the item refers to, of the same package."""
        if reference is None or self.opened is None:
            return "", []
        path = _beside(self.name, _attribute(reference, "href"))
        data = read_member(self.opened, path)
        body = None if data is None else next(_named(xml_root(data), "stimulusbody"), None)
        if body is None:
            return "", []
        text, images = text_of_element(body)
        return text, self._pictures(images, SHARED_STEM, path)


def _beside(name: str, reference: str) -> str:
    """The member of the package that `reference` means in the file `name`."""
    found = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), unquote(reference)))
    return found.lstrip("/")


def _labels(labels: dict[str, str], response: str) -> dict[str, str]:
    """The labels of one interaction: `RESPONSE` for one that stands alone."""
    found = (split_label(f"{name.partition('.')[2]}:{value}") for name, value in labels.items()
             if name.partition(".")[0] == response)  # fmt: skip
    return dict(label for label in found if label is not None)
