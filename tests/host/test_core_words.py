"""The core holds no word of a procedure, an exemption's condition or a region's rule: those are the plugins'.

What plays or tells the demo (its data, the tour, the kit for tests) speaks of them as any client does, and is left out.
Prose is left out too: a docstring may cite the manual.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dingkao
from dingkao.application import load_registry
from dingkao.plugin.national import CORE_SECTIONS
from dingkao.settings import Settings

CORE = Path(dingkao.__file__).parent
PLAYS_THE_DEMO = ("demo/", "tour/", "testing/", "cli/tour.py", "cli/demo.py")
PLUGINS = ("simple_procedure", "general_procedure", "exemptions", "local_policy")
# As parts of a name: `simple_title`, `GeneralPaper`. `exemption` itself is the core's word (design: Words).
NAMES = re.compile(
    r"(?:^|_)(?:simple|general)(?=_|$)|(?:^|_)(?:SIMPLE|GENERAL)(?=_|$)|(?:^|(?<=[a-z0-9_]))(?:Simple|General)(?=[A-Z]|$)"
)


def words() -> list[str]:
    """Codes and titles that the bundled plugins bring, and the regions they speak of."""
    registry = load_registry(Settings(plugins_blocked=()))
    core = {section.name for section in CORE_SECTIONS}
    return [
        *(text for item in registry.procedures.values() for text in (item.code, item.title.zh)),
        *(text for item in registry.exemption_conditions.values() for text in (item.code, item.title.zh)),
        *{layer.region for layer in registry.layers},
        *(section.name for section in registry.sections if section.name not in core),
        *(action.code for action in registry.actions),
        *(value for layer in registry.layers for value in layer.values.values() if isinstance(value, str)),
        *(f"dingkao_{name}" for name in PLUGINS),
    ]


def pattern() -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])" for word in words()))


def named_here(node: ast.AST) -> str:
    """The name that `node` gives to something of its own; a library's names are used, not given."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case _:
            return ""


def findings(source: str, forbidden: re.Pattern[str]) -> Iterator[str]:
    """Every literal, name and import in `source` that says one of the plugins' words."""
    tree = ast.parse(source)
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        said: list[str] = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            said = forbidden.findall(node.value)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            said = [module for module in modules if module.split(".")[0] in {f"dingkao_{name}" for name in PLUGINS}]
        elif NAMES.search(named_here(node)):
            said = [named_here(node)]
        for word in said:
            yield f"line {getattr(node, 'lineno', '?')}: {word}"


def core_files(*endings: str) -> list[Path]:
    return [
        path
        for ending in endings
        for path in sorted(CORE.rglob(f"*{ending}"))
        if not path.relative_to(CORE).as_posix().startswith(PLAYS_THE_DEMO)
    ]


def test_no_code_of_the_core_speaks_of_what_plugins_bring() -> None:
    forbidden = pattern()
    found = [
        f"{path.relative_to(CORE)} {finding}"
        for path in core_files(".py")
        for finding in findings(path.read_text(encoding="utf-8"), forbidden)
    ]
    assert found == []


def test_no_template_or_script_of_the_core_does() -> None:
    forbidden = pattern()
    files = core_files(".typ", ".sql")
    assert len(files) >= 4
    assert [path.name for path in files if forbidden.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        'if procedure == "SIMPLE": pass',
        'title = "一般程序"',
        'WAIVED = ("NEXT_TITLE_EXAM",)',
        'layer = {"region": "990000"}',
        "def general_papers(): ...",
        "class SimpleForm: ...",
        "GENERAL_PAPERS = 2",
        "def plan(general): ...",
        "import dingkao_local_policy.policy",
        "from dingkao_exemptions.rules import MACHINE",
        'section = policy.sections["simple_procedure"]',
        'action = "REQUEST_EXEMPTION"',
    ],
)
def test_it_would_be_found(source: str) -> None:
    assert list(findings(source, pattern())) != []


@pytest.mark.parametrize(
    "source",
    ['"""The SIMPLE procedure."""', 'code = "PASSWORD_TOO_SIMPLE"', 'text = "in general"', "simplest = generals = 1"],
)
def test_prose_and_other_words_are_not(source: str) -> None:
    assert list(findings(source, pattern())) == []
