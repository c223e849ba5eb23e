"""Blueprints of papers (命题蓝图): how many questions of each type, topic and difficulty; policy data."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dingkao.plugin.vocabulary import Difficulty, PaperSubject, PracticeCategory, PracticeLevel, QuestionType

_GROUPED = frozenset({QuestionType.A3, QuestionType.A4, QuestionType.B1})


class Share(StrEnum):
    """公共部分, 专业部分: questions for everybody, questions of the doctor's own specialty (执业范围)."""

    COMMON = "COMMON"
    SPECIALTY = "SPECIALTY"


class BlueprintPart(BaseModel):
    """So many questions that answer to all that is given here; what is left empty says nothing.

    `types` empty: every type whose questions stand alone. Types of groups (A3, A4, B1) are given in parts of their own,
    and groups come whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int = Field(ge=1, le=500)
    share: Share | None = None
    types: tuple[QuestionType, ...] = ()
    topic: str = ""
    difficulty: Difficulty | None = None

    @property
    def grouped(self) -> bool:
        """Whether its questions come in groups."""
        return bool(self.types) and _GROUPED.issuperset(self.types)

    @model_validator(mode="after")
    def _one_kind(self) -> "BlueprintPart":
        if not self.grouped and _GROUPED.intersection(self.types):
            raise ValueError("types of groups (A3, A4, B1) and types of single questions need parts of their own")
        return self


class Blueprint(BaseModel):
    """The paper of one subject for doctors of these categories, scopes and levels (empty: of all)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1, max_length=40)
    subject: PaperSubject
    categories: tuple[PracticeCategory, ...] = ()
    scopes: tuple[str, ...] = ()
    levels: tuple[PracticeLevel, ...] = ()
    parts: tuple[BlueprintPart, ...] = Field(min_length=1)

    @property
    def questions(self) -> int:
        """Questions of the whole paper."""
        return sum(part.questions for part in self.parts)

    def is_for(self, subject: PaperSubject, category: str, scope: str, level: str) -> bool:
        """Whether a doctor of this category, scope and level gets the subject's paper by it."""
        return (
            subject is self.subject
            and (not self.categories or category in self.categories)
            and (not self.scopes or scope in self.scopes)
            and (not self.levels or level in self.levels)
        )
