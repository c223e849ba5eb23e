"""Questions as files bring them, and the checks that a human would make. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dingkao.papers.pictures import SHARED_STEM, STEM, QuestionPicture, TakenPicture, pictures_at
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Difficulty, QuestionCategory, QuestionType

LEAST_OPTIONS = 2
MOST_OPTIONS = 8
TEXT_MAXIMUM = 4000
CODE_MAXIMUM = 64
SPECIALTY_MAXIMUM = 60
TOPIC_MAXIMUM = 120
SOURCE_MAXIMUM = 120
MOST_PICTURES = 10
ALTERNATIVE_MAXIMUM = 500
KEYS = "ABCDEFGH"
TRUE_FALSE_OPTIONS = (("A", "正确"), ("B", "错误"))

# The types whose questions come in groups, and what a group shares.
CASES = frozenset({QuestionType.A3, QuestionType.A4})
GROUPED = CASES | {QuestionType.B1}

# NFKC makes 10⁵ and 105 one text; as options of one question they are two.
_RAISED_OR_LOWERED = re.compile("[²³¹⁰-ⁿ₀-ₜ]")
# What no database and no reader can do with; tabs and line breaks are text.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_AROUND_BREAKS = re.compile(r"[ \t]*\n[ \t]*")
_COLUMN_OF = {STEM: "stem", SHARED_STEM: "shared"}
_BETWEEN_KEYS = re.compile(r"[\s,;/|、，；+和与及]+")


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as it was read. `line` is the file's line it begins on, or the number of the item; `answer` the
    letters of the right options in order; `digest` is over its normalised text and its pictures. `shared` is the case
    (A3, A4), and `group` the name under which the file keeps questions together (A3, A4, B1). `pictures` are those of
    the case, of the stem, then of the options."""

    line: int
    stem: str
    options: tuple[tuple[str, str], ...]
    answer: str
    digest: str
    type: QuestionType = QuestionType.A1
    code: str = ""
    category: QuestionCategory | None = None
    specialty: str = ""
    topic: str = ""
    difficulty: Difficulty | None = None
    source: str = ""
    shared: str = ""
    group: str = ""
    group_position: int = 0
    pictures: tuple[QuestionPicture, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedQuestion:
    """Why a line was refused: the line in the file (or the number of the item), the column (empty: the whole line), a
    code and a sentence."""

    line: int
    column: str
    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question as a file has it, before any check: all texts as they stand. `columns` names the file's places for
    the stem and the answer, for the report. `type` empty: told from the answer and the options. `pictures`: those that
    were taken, and why others were not; of options by the letters of their places."""

    line: int
    stem: str
    options: Sequence[str]
    answer: str
    type: str = ""
    code: str = ""
    category: str = ""
    specialty: str = ""
    topic: str = ""
    difficulty: str = ""
    source: str = ""
    shared: str = ""
    group: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    pictures: Sequence[TakenPicture] = ()


Options = tuple[tuple[str, str], ...]
Pictures = tuple[QuestionPicture, ...]
Refuse = Callable[[str, str, str, str], None]
Word = TypeVar("Word")
Checked = NewQuestion | list[RefusedQuestion]


def normalised(text: str) -> str:
    """Text for comparison: full and half width alike, no white space. Case, and digits set higher or lower, count:
    AaBb and AABB, 10⁵ and 105 are different answers."""
    if not text.isascii():
        marked = _RAISED_OR_LOWERED.sub(lambda sign: f"{'_' if sign.group() >= '₀' else '^'}{sign.group()}", text)
        text = unicodedata.normalize("NFKC", marked)
    return "".join(text.split())


def question_digest(stem: str, options: tuple[tuple[str, str], ...], shared: str = "", pictures: Pictures = ()) -> str:
    """SHA-256 over the normalised case, stem and options with the pictures of each, whatever the options' order: what
    makes two questions one. The answer is left out, so that one question cannot come in twice with two answers; what
    pictures show in words is left out too."""
    parts = [
        normalised(stem) + _marks(pictures, STEM),
        *sorted([normalised(text) + _marks(pictures, key) for key, text in options]),
    ]
    case = normalised(shared) + _marks(pictures, SHARED_STEM)
    if case:
        parts.append(f"\x1e{case}")
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _marks(pictures: Pictures, place: str) -> str:
    """The pictures of a place, in what a digest is over."""
    return "".join(f"\x1d{picture.file.digest}" for picture in pictures_at(pictures, place))


def normalised_answer(answer: str) -> str:
    """The right keys as letters in order: `ａ、c` is AC. What is no letters comes back in capitals, for a check to
    refuse."""
    letters = _BETWEEN_KEYS.sub("", unicodedata.normalize("NFKC", answer).strip().upper())
    return "".join(sorted(letters)) if letters.isascii() and letters.isalpha() else letters


_TRUE = frozenset({"T", "TRUE", "正确", "对", "√", "✓", "是"})
_FALSE = frozenset({"F", "FALSE", "错误", "错", "×", "✗", "否"})
_TYPES = {
    **{member.value: member for member in QuestionType},
    "A3/A4": QuestionType.A3,
    "B": QuestionType.B1,
    "单选": QuestionType.A1,
    "单选题": QuestionType.A1,
    "多选": QuestionType.X,
    "多选题": QuestionType.X,
    "判断": QuestionType.TRUE_FALSE,
    "判断题": QuestionType.TRUE_FALSE,
    "是非题": QuestionType.TRUE_FALSE,
}
_CATEGORIES = {
    **{member.value: member for member in QuestionCategory},
    "临床": QuestionCategory.CLINICAL,
    "中医": QuestionCategory.TRADITIONAL_CHINESE_MEDICINE,
    "口腔": QuestionCategory.DENTAL,
    "公共卫生": QuestionCategory.PUBLIC_HEALTH,
    "人文医学": QuestionCategory.MEDICAL_HUMANITIES,
    "医学人文": QuestionCategory.MEDICAL_HUMANITIES,
}
_DIFFICULTIES = {
    **{member.value: member for member in Difficulty},
    "易": Difficulty.EASY,
    "中": Difficulty.MEDIUM,
    "难": Difficulty.HARD,
}


def check_question(raw: RawQuestion) -> Checked:
    """A question that can be asked, or every reason against it."""
    refused: list[RefusedQuestion] = []

    def refuse(column: str, code: str, zh: str, en: str) -> None:
        refused.append(RefusedQuestion(raw.line, raw.columns.get(column, column), code, Text(zh, en)))

    stem, shared = _tidy(raw.stem), _tidy(raw.shared)
    texts = [_tidy(text) for text in raw.options]
    if not stem:
        refuse("stem", "STEM_EMPTY", "题干为空。", "The stem is empty.")
    if any(len(text) > TEXT_MAXIMUM or _IMPOSSIBLE.search(text) for text in (stem, shared, *texts)):
        zh = f"文字超过{TEXT_MAXIMUM}字或含有非法字符。"
        refuse("", "TEXT_NOT_POSSIBLE", zh, f"A text is longer than {TEXT_MAXIMUM} or holds characters that are none.")
        return refused
    pictures = _pictures(raw, refuse)
    # A picture is an option also without a word.
    pictured = {picture.place for picture in raw.pictures}
    options = tuple((key, text) for key, text in zip(KEYS, texts, strict=False) if text or key in pictured)
    kind = _type(raw, options)
    if kind is None:
        refuse("type", "TYPE_UNKNOWN", f"没有“{raw.type}”题型。", f"There is no type {raw.type}.")
        kind = QuestionType.A1
    answer = normalised_answer(raw.answer)
    if kind is QuestionType.TRUE_FALSE:
        options = options or TRUE_FALSE_OPTIONS
        answer = _truth(raw.answer, options) or answer
    _check_options(kind, options, len(texts), pictures, refuse)
    _check_answer(kind, options, answer, refuse)
    category = _word(_CATEGORIES, raw.category)
    if raw.category.strip() and category is None:
        refuse("category", "CATEGORY_UNKNOWN", f"没有“{raw.category}”类别。", f"There is no category {raw.category}.")
    difficulty = _word(_DIFFICULTIES, raw.difficulty)
    if raw.difficulty.strip() and difficulty is None:
        refuse("difficulty", "DIFFICULTY_UNKNOWN", "难度应为易、中或难。", "The difficulty is EASY, MEDIUM or HARD.")
    names = {"code": CODE_MAXIMUM, "group": CODE_MAXIMUM, "specialty": SPECIALTY_MAXIMUM, "topic": TOPIC_MAXIMUM,
             "source": SOURCE_MAXIMUM}  # fmt: skip
    kept = {name: getattr(raw, name).strip() for name in names}
    for name, maximum in names.items():
        if len(kept[name]) > maximum or not kept[name].isprintable():
            zh = f"不得超过{maximum}字，且不得含有控制字符。"
            refuse(name, "NAME_NOT_POSSIBLE", zh, f"At most {maximum} characters and no control characters.")
    if (kind in GROUPED) != bool(kept["group"]):
        refuse(
            "group",
            "GROUP_MISSING",
            "A3、A4、B1型题须有题组，其他题型不得有。",
            "A3, A4, B1 name a group, no other.",
        )
    if (kind in CASES) != bool(shared or SHARED_STEM in pictured):
        refuse("shared", "CASE_MISSING", "A3、A4型题须有共用题干，其他题型不得有。", "A3 and A4 have a case, no other.")
    if refused:
        return refused
    options, answer, pictures = _renamed(options, answer, pictures)
    digest = question_digest(stem, options, shared, pictures)
    return NewQuestion(
        raw.line, stem, options, answer, digest, kind, category=category, difficulty=difficulty, shared=shared,
        pictures=pictures, **kept,
    )  # fmt: skip


def _pictures(raw: RawQuestion, refuse: Refuse) -> Pictures:
    """The pictures that were taken: of the case, of the stem, then of the options."""
    taken = []
    for picture in raw.pictures:
        if not isinstance(picture, QuestionPicture):
            refuse(_COLUMN_OF.get(picture.place, picture.place), picture.code, picture.text.zh, picture.text.en)
        elif len(picture.alternative_text) > ALTERNATIVE_MAXIMUM or not picture.alternative_text.isprintable():
            refuse(
                _COLUMN_OF.get(picture.place, picture.place),
                "ALTERNATIVE_TEXT_NOT_POSSIBLE",
                f"图片的文字说明超过{ALTERNATIVE_MAXIMUM}字或含有非法字符。",
                f"What a picture shows in words has at most {ALTERNATIVE_MAXIMUM} characters, none of them control.",
            )
        else:
            taken.append(picture)
    if len(raw.pictures) > MOST_PICTURES:
        text = f"A question has at most {MOST_PICTURES} pictures."
        refuse("", "TOO_MANY_PICTURES", f"一道试题最多{MOST_PICTURES}张图片。", text)
    order = [SHARED_STEM, STEM, *KEYS]
    return tuple(sorted(taken, key=lambda picture: order.index(picture.place)))


def _tidy(text: str) -> str:
    """A text without space around it and around its line ends, which are one character each."""
    return _AROUND_BREAKS.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _renamed(options: Options, answer: str, pictures: Pictures) -> tuple[Options, str, Pictures]:
    """The options under A, B, C… also where a column between them was empty."""
    names = dict(zip([key for key, _ in options], KEYS, strict=False))
    return (
        tuple((names[key], text) for key, text in options),
        "".join(names[key] for key in answer),
        tuple(replace(picture, place=names.get(picture.place, picture.place)) for picture in pictures),
    )


def _word(words: Mapping[str, Word], text: str) -> Word | None:
    return words.get(unicodedata.normalize("NFKC", text).strip().upper())


def _truth_of(text: str) -> bool | None:
    word = unicodedata.normalize("NFKC", text).strip().upper()
    return True if word in _TRUE else False if word in _FALSE else None


def _truth(answer: str, options: Options) -> str | None:
    """The key of the option that says what `answer` says, where it is true or false in words."""
    meant = _truth_of(answer)
    return None if meant is None else next((key for key, text in options if _truth_of(text) is meant), None)


def _type(raw: RawQuestion, options: Options) -> QuestionType | None:
    """The type as the file names it (also with 型题 behind); where it does not, told from options and answer."""
    if raw.type.strip():
        word = unicodedata.normalize("NFKC", raw.type).strip().upper()
        return _TYPES.get(word) or _TYPES.get(re.sub("型?题?$", "", word))
    if {_truth_of(text) for _, text in options} == {True, False} or (not options and _truth_of(raw.answer) is not None):
        return QuestionType.TRUE_FALSE
    if raw.group.strip():
        return QuestionType.A3 if raw.shared.strip() else QuestionType.B1
    letters = normalised_answer(raw.answer)
    return QuestionType.X if len(letters) > 1 and letters.isalpha() else QuestionType.A1


def _check_options(kind: QuestionType, options: Options, given: int, pictures: Pictures, refuse: Refuse) -> None:
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS or given > MOST_OPTIONS:
        zh = f"选项须为{LEAST_OPTIONS}至{MOST_OPTIONS}个。"
        refuse("", "NUMBER_OF_OPTIONS", zh, f"A question has {LEAST_OPTIONS} to {MOST_OPTIONS} options.")
    elif kind is QuestionType.TRUE_FALSE and len(options) != 2:
        refuse("", "NUMBER_OF_OPTIONS", "判断题只有两个选项。", "True or false has two options.")
    if len({normalised(text) + _marks(pictures, key) for key, text in options}) != len(options):
        refuse("", "OPTIONS_ALIKE", "有相同的选项。", "Two options are alike.")


def _check_answer(kind: QuestionType, options: Options, answer: str, refuse: Refuse) -> None:
    keys = {key for key, _ in options}
    if not answer or not set(answer) <= keys or len(set(answer)) != len(answer):
        refuse("answer", "ANSWER_NO_OPTION", "答案不是任何一个选项。", "The answer is none of the options.")
    elif kind is QuestionType.X and len(answer) < 2:
        refuse("answer", "NUMBER_OF_ANSWERS", "多项选择题须有两个以上正确选项。", "Type X has several right options.")
    elif kind is not QuestionType.X and len(answer) > 1:
        refuse("answer", "NUMBER_OF_ANSWERS", "该题型只有一个正确选项。", "This type has one right option.")
