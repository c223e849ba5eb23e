"""Why an uploaded file is refused: all that is wrong with it, at once, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dingkao.plugin.text import Text


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong with a file (or, as advice, could be better): a stable code and a sentence for people."""

    code: str
    zh: str
    en: str

    @property
    def text(self) -> Text:
        """The sentence in both languages."""
        return Text(self.zh, self.en)


class FileRefused(ValueError):
    """An uploaded file that is not accepted. ``problems`` is never empty and holds nothing of the file's content."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = tuple(problems)


def empty_file() -> FileProblem:
    """The problem of a file without content."""
    return FileProblem("file_empty", "文件是空的，请重新选择。", "The file is empty: please choose it again.")


def too_many_bytes(size: int, most: int) -> FileProblem:
    """The problem of a file of ``size`` bytes where ``most`` are allowed."""
    return FileProblem(
        "file_too_large",
        f"文件大小为{_in_words(size)}，不能超过{_in_words(most)}。",
        f"The file has {_in_words(size)}; at most {_in_words(most)} are allowed.",
    )


def too_few_bytes(size: int, least: int) -> FileProblem:
    """The problem of a file of ``size`` bytes where ``least`` are asked for."""
    return FileProblem(
        "file_too_small",
        f"文件大小为{_in_words(size)}，不能小于{_in_words(least)}。",
        f"The file has {_in_words(size)}; at least {_in_words(least)} are needed.",
    )


def unreadable_file() -> FileProblem:
    """The problem of a file that is cut off or damaged."""
    return FileProblem(
        "file_unreadable",
        "文件已损坏或不完整，无法打开，请重新生成后上传。",
        "The file is damaged or cut off and cannot be opened: please make it again.",
    )


def too_many_pixels(width: int, height: int, most: str) -> FileProblem:
    """The problem of an image larger than ``most`` (a phrase that both languages can hold, such as 2500×3500)."""
    return FileProblem(
        "image_too_many_pixels",
        f"图片为{width}×{height}像素，不能超过{most}像素。",
        f"The image has {width}×{height} pixels; at most {most} are allowed.",
    )


def too_few_pixels(width: int, height: int, least: str) -> FileProblem:
    """The problem of an image smaller than ``least``."""
    return FileProblem(
        "image_too_few_pixels",
        f"图片为{width}×{height}像素，不能小于{least}像素。",
        f"The image has {width}×{height} pixels; at least {least} are needed.",
    )


def _in_words(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    if size < 1024 * 1024:
        return f"{size / 1024:.4g} KB"
    return f"{size / 1024 / 1024:.4g} MB"
