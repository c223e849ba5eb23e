"""Sentences in the two languages that the API speaks."""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """Chinese by default; English where `Accept-Language` prefers it."""

    CHINESE = "zh"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or title, in Chinese (what doctors and staff read) and in English."""

    zh: str
    en: str

    def in_language(self, language: Language) -> str:
        """The sentence in `language`."""
        return self.en if language is Language.ENGLISH else self.zh


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something may not be done now: a stable code for programs and a sentence for people."""

    code: str
    text: Text
