"""GIFT (Moodle): text with `{=right ~wrong}`. Multiple choice, true and false; other kinds are refused by line.
Pictures by marks (see `picture_marks`), their files beside it in a zip."""

import re
from collections.abc import Iterable, Iterator

from dingkao.papers.formats.common import keys, labels_of, raw_question, split_label
from dingkao.papers.picture_marks import split_marks, with_marks
from dingkao.papers.pictures import SHARED_STEM, STEM, Load, PictureIntake, TakenPicture, nothing, pictures_at
from dingkao.papers.questions import KEYS, TRUE_FALSE_OPTIONS, Checked, NewQuestion, RefusedQuestion, check_question
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import QuestionType

_SPECIAL = re.compile(r"([~=#{}:\\])")
_ESCAPED = re.compile(r"\\(.)", re.S)
_LABEL = re.compile(r"\[(id|tag):((?:\\.|[^\]\\])*)\]")
_TITLE = re.compile(r"^::(?:\\.|[^\\])*?::", re.S)
_FORMAT = re.compile(r"^\s*\[(html|plain|markdown|moodle)\]")
_ANSWER = re.compile(r"(?<!\\)((?:\\\\)*)([=~])")
_WEIGHT = re.compile(r"^%(-?[0-9.]+)%")
_TRUTH = {"T": "A", "TRUE": "A", "F": "B", "FALSE": "B"}


def read(text: str, intake: PictureIntake | None = None, load: Load = nothing) -> Iterator[Checked]:
    """The questions of a GIFT text; blank lines part them. The case of a group is a text without answers that has the
    group's label. `load` gives the pictures beside it."""
    intake = intake or PictureIntake()
    topic = ""
    cases: dict[str, str] = {}
    for line, block, labels in _blocks(text):
        if block.startswith("$CATEGORY:"):
            topic = block.removeprefix("$CATEGORY:").strip().rsplit("/", 1)[-1]
            continue
        body = _TITLE.sub("", block, count=1)
        opening, closing = _unescaped(body, "{"), _last_unescaped(body, "}")
        if opening < 0 or closing < opening:
            if "group" in labels:
                cases[labels["group"]] = _plain(body)
            else:
                yield [_refused(line)]
            continue
        before, inside, after = body[:opening], body[opening + 1 : closing], body[closing + 1 :]
        stem = _plain(before) + (f" _____ {_plain(after)}" if after.strip() else "")
        read_answers = _answers(inside)
        if read_answers is None:
            yield [_refused(line)]
            continue
        options, answer = read_answers
        shared, images = split_marks(cases.get(labels.get("group", ""), ""))
        pictures: list[TakenPicture] = intake.of(images, SHARED_STEM, load)
        stem, images = split_marks(stem)
        pictures += intake.of(images, STEM, load)
        for place, option in enumerate(options):
            options[place], images = split_marks(option)
            if images:
                pictures += intake.of(images, KEYS[min(place, len(KEYS) - 1)], load)
        yield check_question(raw_question(line, stem, options, answer, labels, shared, topic, pictures))


def write(questions: Iterable[NewQuestion]) -> str:
    """A GIFT text of the questions."""
    parts, cases = [], set[str]()
    for question in questions:
        case = with_marks(question.shared, pictures_at(question.pictures, SHARED_STEM))
        if case and question.group not in cases:
            cases.add(question.group)
            parts.append(f"// [tag:group:{_label(question.group)}]\n[plain]{_escape(case)}")
        parts.append(_written(question))
    return "\n\n".join(parts) + "\n"


def _written(question: NewQuestion) -> str:
    labels = labels_of(question)
    code = labels.pop("code", "")
    told = " ".join(([f"[id:{_label(code)}]"] if code else []) + [f"[tag:{n}:{_label(v)}]" for n, v in labels.items()])
    right = set(question.answer)
    options = [(key, with_marks(text, pictures_at(question.pictures, key))) for key, text in question.options]
    stem = with_marks(question.stem, pictures_at(question.pictures, STEM))
    if question.type is QuestionType.TRUE_FALSE and tuple(options) == TRUE_FALSE_OPTIONS:
        answers = "T" if question.answer == "A" else "F"
    elif question.type is QuestionType.X:
        share = f"{100 / len(right):.5f}".rstrip("0").rstrip(".")
        weights = {True: f"%{share}%", False: "%-100%"}
        answers = "\n" + "".join(f"~{weights[key in right]}[plain]{_escape(text)}\n" for key, text in options)
    else:
        answers = "\n" + "".join(f"{'=' if key in right else '~'}[plain]{_escape(text)}\n" for key, text in options)
    return f"// {told}\n[plain]{_escape(stem)} {{{answers}}}"


def _blocks(text: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """(line it begins on, text, labels) of each question; comments are read for labels and left out."""
    lines: list[str] = []
    begun, labels = 0, dict[str, str]()
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.lstrip().startswith("//"):
            labels |= dict(_labels(line))
        elif line.strip() or (
            lines and _unescaped("\n".join(lines), "{") >= 0 > _last_unescaped("\n".join(lines), "}")
        ):
            begun = begun or number
            lines.append(line)
        elif lines:
            yield begun, "\n".join(lines), labels
            lines, begun, labels = [], 0, {}
        if lines and lines[0].startswith("$CATEGORY:"):
            yield begun, lines[0], {}
            lines, begun, labels = [], 0, {}
    if lines:
        yield begun, "\n".join(lines), labels


def _is_open(lines: list[str]) -> bool:
    """Whether a blank line stands inside of the braces."""
    text = "\n".join(lines)
    return _unescaped(text, "{") >= 0 > _last_unescaped(text, "}")


def _labels(line: str) -> Iterator[tuple[str, str]]:
    for kind, text in _LABEL.findall(line):
        value = _ESCAPED.sub(r"\1", text)
        if kind == "id":
            yield "code", value
        elif (found := split_label(value)) is not None:
            yield found


def _answers(inside: str) -> tuple[list[str], str] | None:
    """The options and the letters of the right ones; None for what is no choice."""
    told = inside.strip()
    word = re.split(r"(?<!\\)#", told, maxsplit=1)[0].strip().upper()
    if word in _TRUTH:
        return [], {"A": "正确", "B": "错误"}[_TRUTH[word]]
    if not told or told[0] not in "=~" or _ANSWER.search(told) is None:
        return None
    pieces = _ANSWER.split(told)
    texts, right, signs = [], [], []
    # pieces: text before, (backslashes, sign, text)…; backslashes belong to the text before the sign.
    for place in range(1, len(pieces), 3):
        following = pieces[place + 3] if place + 3 < len(pieces) else ""
        text = pieces[place + 2] + following
        text = re.split(r"(?<!\\)#", text, maxsplit=1)[0].strip()
        weight = _WEIGHT.match(text)
        text = text[weight.end() :] if weight else text
        signs.append(pieces[place + 1])
        right.append(float(weight.group(1)) > 0 if weight else pieces[place + 1] == "=")
        texts.append(_plain(text))
    if "~" not in signs or any("->" in text for text in texts if signs[0] == "=" and len(set(signs)) == 1):
        return None
    return texts, keys(right)


def _plain(text: str) -> str:
    return _ESCAPED.sub(_unescape, _FORMAT.sub("", text.strip(), count=1)).strip()


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match.group(1) == "n" else match.group(1)


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("\n", "\\n")


def _label(text: str) -> str:
    return re.sub(r"([\]\\])", r"\\\1", text)


def _unescaped(text: str, sign: str) -> int:
    found = re.search(r"(?<!\\)(?:\\\\)*" + re.escape(sign), text)
    return found.end() - 1 if found else -1


def _last_unescaped(text: str, sign: str) -> int:
    found = list(re.finditer(r"(?<!\\)(?:\\\\)*" + re.escape(sign), text))
    return found[-1].end() - 1 if found else -1


def _refused(line: int) -> RefusedQuestion:
    text = Text("只能导入选择题和判断题。", "Choices, and true or false, are imported; nothing else.")
    return RefusedQuestion(line, "", "KIND_NOT_TAKEN", text)
