"""Blocks made of the refusals in the code: every code with its sentence, found in the source itself."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from building.blocks import Maker
from dingkao.plugin import errors

ROOT = Path(__file__).parents[2]
# The call that makes a refusal: which of its arguments is the code, and which the sentence (a Text, or two texts).
_CALLS = {
    "StateConflict": (0, 1),
    "Reason": (0, 1),
    "FieldProblem": (1, 2),
    "FileProblem": (0, 1),
    "TextError": (0, 1),
    "NumberError": (0, 1),
    "RefusedLine": (2, 3),
    "RefusedQuestion": (2, 3),
    "RefusedPicture": (1, 2),
}
_SHOWN_AS = {
    "StateConflict": "StateProblem",
    "Reason": "reasons of NotEligibleProblem or of an action",
    "FieldProblem": "field of ValidationProblem",
    "FileProblem": "file upload",
    "TextError": "field of ValidationProblem",
    "NumberError": "field of ValidationProblem",
    "RefusedLine": "import of doctors",
    "RefusedQuestion": "import of questions",
    "RefusedPicture": "import of questions",
}
# Calls that make a refusal by way of a helper: the code is their first argument in capitals, the sentence follows.
_HELPERS = {
    "wrong": "field of ValidationProblem",
    "_bad": "file upload",
    "_refused": "download of a document",
    "__init__": "StateProblem",
}
_CAPITALS = re.compile(r"[A-Z]{3,}(_[A-Z]+)*")


@dataclass(frozen=True, slots=True)
class Code:
    """A code as one place in the source uses it; the sentences with `…` for what is filled in."""

    code: str
    shown_as: str
    zh: str
    en: str


def makers() -> Mapping[str, Maker]:
    """The makers `access-codes` and `codes`."""
    return {"access-codes": access_codes, "codes": codes}


def access_codes() -> str:
    """The top-level errors that every operation may answer with."""
    rows = ["| code | 中文 | in English |", "| --- | --- | --- |"]
    for kind in _below(errors.AccessRefused):
        rows.append(f"| `{kind.code}` | {kind.text.zh} | {kind.text.en} |")
    return "\n".join(rows)


def _below(kind: type[errors.AccessRefused]) -> Iterator[type[errors.AccessRefused]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _below(subclass)


def codes() -> str:
    """Every code of a problem, a reason or a refused file, by what shows it, with the first of its sentences."""
    found: dict[tuple[str, str], Code] = {}
    for entry in find_codes():
        found.setdefault((entry.shown_as, entry.code), entry)
    parts = []
    for shown_as in dict.fromkeys([*_SHOWN_AS.values(), *_HELPERS.values()]):
        rows = [f"| `{e.code}` | {e.zh} | {e.en} |" for key, e in sorted(found.items()) if key[0] == shown_as]
        parts.append("\n".join([f"### {shown_as}\n", "| code | 中文 | in English |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def find_codes() -> Iterator[Code]:
    """Every refusal whose code is written out where it is made, in core and bundled plugins."""
    for folder in ("core/dingkao", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "/cli/" in path.as_posix() or "/tour/" in path.as_posix() or "/testing/" in path.as_posix():
                continue
            yield from _codes_in(ast.parse(path.read_text(encoding="utf-8")), path.stem)


def _codes_in(tree: ast.Module, module: str) -> Iterator[Code]:
    texts: dict[str, list[tuple[int, ast.Call]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _called(node.value) == "Text" and isinstance(node.targets[0], ast.Name):
            assert isinstance(node.value, ast.Call)  # noqa: S101 - it has a called name
            texts.setdefault(node.targets[0].id, []).append((node.lineno, node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        found = _code_of(node, module)
        if found is None:
            continue
        shown_as, code, text_at = found
        sentences = _sentences(node, text_at, texts)
        if code and sentences:
            yield Code(code, shown_as, *sentences)


def _code_of(call: ast.Call, module: str) -> tuple[str, str, int] | None:
    """What shows the refusal that `call` makes, its code, and the place of its sentence; None where it makes none."""
    name = _called(call)
    if name in _CALLS:
        code_at, text_at = _CALLS[name]
        if len(call.args) <= text_at:
            return None
        code = _constant(call.args[code_at])
        return _SHOWN_AS[name], code.upper() if name == "FileProblem" else code, text_at
    shown_as = _HELPERS.get(name)
    if name == "refuse":
        shown_as = _SHOWN_AS["RefusedLine" if module == "roster" else "RefusedQuestion"]
    for place, argument in enumerate(call.args[:-1]):
        if shown_as is not None and _CAPITALS.fullmatch(_constant(argument)):
            return shown_as, _constant(argument), place + 1
    return None


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _sentences(call: ast.Call, place: int, texts: Mapping[str, list[tuple[int, ast.Call]]]) -> tuple[str, str] | None:
    """The two sentences at `place`: a Text there, a name that a Text was given to above, or two texts in a row."""
    argument: ast.expr = call.args[place]
    if isinstance(argument, ast.Name):
        earlier = [entry for entry in texts.get(argument.id, []) if entry[0] <= call.lineno]
        if not earlier:
            return None
        argument = max(earlier, key=lambda entry: entry[0])[1]
    if _called(argument) == "Text":
        assert isinstance(argument, ast.Call)  # noqa: S101 - it has a called name
        parts = argument.args
    else:
        parts = call.args[place : place + 2]
    sentences = [_constant(part) for part in parts]
    return (sentences[0], sentences[1]) if len(sentences) == 2 and all(sentences) else None


def _constant(node: ast.expr) -> str:
    """A text written out, with `…` for what an f-string fills in; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_constant(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""
