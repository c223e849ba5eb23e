"""Pictures of questions (试题图片), as files bring them: what is taken, and what is kept. Pure: bytes in and out.

No address of a network is ever followed: a picture comes in the same file as its question, or not at all.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dingkao.plugin.errors import FieldProblem, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.storage.refusals import FileProblem, FileRefused, too_many_bytes

# Where a picture stands, beside the options, which are named by their keys.
STEM: Final = "STEM"
SHARED_STEM: Final = "SHARED_STEM"
_EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png"}
_SCHEME: Final = re.compile(r"//|[A-Za-z][A-Za-z0-9+.-]+:")
_EMBEDDED: Final = re.compile(r"data:[A-Za-z0-9.+/-]*(?:;[^,]*)?;base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as it is kept: encoded anew, without metadata. `digest` is the SHA-256 of its bytes, `size` their
    number, `width` and `height` are pixels. `data` is empty where only the facts were read. `id`: its row, if any."""

    digest: str
    media_type: str
    size: int
    width: int
    height: int
    data: bytes = field(default=b"", repr=False, compare=False)
    id: int = field(default=0, compare=False)

    @property
    def file_name(self) -> str:
        """A name for it in a file of questions, the same for the same picture."""
        return f"{self.digest[:32]}.{_EXTENSIONS[self.media_type]}"


@dataclass(frozen=True, slots=True)
class QuestionPicture:
    """A picture of a question. `place` is STEM, SHARED_STEM (the case of A3 and A4) or the key of an option;
    `alternative_text` says in words what it shows, in one line."""

    place: str
    alternative_text: str
    file: PictureFile


@dataclass(frozen=True, slots=True)
class RefusedPicture:
    """Why a picture of a question was not taken."""

    place: str
    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as a text names it: by a source, with an alternative text. `data` where the source brought it."""

    source: str
    alternative_text: str
    data: bytes | None = field(default=None, repr=False)


TakenPicture = QuestionPicture | RefusedPicture
Load = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How many pictures one file brings, at most: what its reading holds in memory follows from them."""

    most_bytes: int = 10 * 1024 * 1024
    """Of one picture as it comes."""
    most_pictures: int = 5000
    """Different pictures in one file."""
    most_kept_bytes: int = 100_000_000
    """Of all of them together, as they are kept."""


def nothing(source: str) -> bytes | None:
    """Where a file of questions comes without files beside it."""
    return None


class PictureIntake:
    """Takes the pictures of one file: each is checked and encoded anew once, however often it stands there.

    `known`: the bank's pictures by digest. What comes with the bytes of one of them is that one, untouched: a JPEG that
    was exported is not encoded a second time, and its question comes in again unchanged.
    """

    def __init__(self, known: Mapping[str, PictureFile] | None = None, limits: IntakeLimits | None = None) -> None:
        self._known = known or {}
        self._limits = limits or IntakeLimits()
        self._checked: dict[str, PictureFile | tuple[FileProblem, ...]] = {}
        self._kept: dict[str, PictureFile] = {}
        self._bytes = 0

    def of(self, images: Iterable[Image], place: str, load: Load = nothing) -> list[TakenPicture]:
        """The pictures of one place; `load` gives the bytes of a source, or None. Raises ValidationFailed
        (TOO_MANY_PICTURES, PICTURES_TOO_LARGE)."""
        return [self._take(image, place, load) for image in images]

    def _take(self, image: Image, place: str, load: Load) -> TakenPicture:
        source = image.source.strip()
        name = source if len(source) <= 80 else f"{source[:79]}…"
        data = image.data
        if data is None and source[:5].lower() == "data:":
            name, data = "data:", _embedded(source)
        elif data is None and _SCHEME.match(source):
            text = Text(
                f"图片“{name}”是网络地址，不会下载：请将图片文件与试题一起提交。",
                f"The picture {name} is an address, which is never followed: bring its file with the questions.",
            )
            return RefusedPicture(place, "PICTURE_REMOTE", text)
        elif data is None:
            data = load(source)
        if data is None:
            text = Text(
                f"没有图片文件“{name}”：请检查名称，并将图片与试题放在同一压缩包（zip）内。",
                f"There is no picture {name}: check its name, and send questions and pictures in one zip.",
            )
            return RefusedPicture(place, "PICTURE_MISSING", text)
        taken = self._check(data)
        if isinstance(taken, PictureFile):
            return QuestionPicture(place, " ".join(image.alternative_text.split()), taken)
        text = taken[0].text
        return RefusedPicture(place, taken[0].code.upper(), Text(f"图片“{name}”：{text.zh}", f"{name}: {text.en}"))

    def _check(self, data: bytes) -> PictureFile | tuple[FileProblem, ...]:
        limits = self._limits
        if len(data) > limits.most_bytes:
            return (too_many_bytes(len(data), limits.most_bytes),)
        digest = hashlib.sha256(data).hexdigest()
        found = self._checked.get(digest)
        if found is None:
            found = self._checked[digest] = self._file(digest, data)
        return found

    def _file(self, digest: str, data: bytes) -> PictureFile | tuple[FileProblem, ...]:
        # Imported here: the decoders take long to load, and most files have no picture.
        from dingkao.storage.picture import check_picture

        if digest in self._known:
            return self._keep(replace(self._known[digest], data=data))
        try:
            image = check_picture(data)
        except FileRefused as refused:
            return refused.problems
        kept = hashlib.sha256(image.data).hexdigest()
        return self._keep(PictureFile(kept, image.media_type, len(image.data), image.width, image.height, image.data))

    def _keep(self, file: PictureFile) -> PictureFile:
        kept = self._kept.get(file.digest)
        if kept is not None:
            return kept
        limits = self._limits
        if len(self._kept) >= limits.most_pictures:
            most = limits.most_pictures
            text = Text(f"一个文件最多含{most}张图片，请分批导入。", f"At most {most} pictures a file: split it up.")
            raise ValidationFailed([FieldProblem("file", "TOO_MANY_PICTURES", text)])
        self._bytes += file.size
        if self._bytes > limits.most_kept_bytes:
            most = limits.most_kept_bytes // 1_000_000
            text = Text(
                f"图片合计不得超过{most}MB，请分批导入。", f"The pictures come to {most} MB at most: split it up."
            )
            raise ValidationFailed([FieldProblem("file", "PICTURES_TOO_LARGE", text)])
        self._kept[file.digest] = file
        return file


def _embedded(source: str) -> bytes | None:
    """The bytes of a `data:` address (RFC 2397)."""
    found = _EMBEDDED.match(source)
    return decoded_base64(source[found.end() :]) if found else None


def decoded_base64(text: str) -> bytes | None:
    """The bytes of a text in Base64, which may run over lines; None where it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None


def pictures_at(pictures: Iterable[QuestionPicture], place: str) -> list[QuestionPicture]:
    """The pictures of one place, in their order."""
    return [picture for picture in pictures if picture.place == place]
