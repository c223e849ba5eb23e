"""What a plugin's code imports of Dingkao, read from its source without running it."""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ALLOWED = ("dingkao.plugin", "dingkao.testing")
# Of the objects that the core hands over: what is behind these is the core's business.
_INNER = frozenset({"_environment", "_raw_info", "_core", "_unit", "__subclasses__"})
_LOADERS = frozenset({"import_module", "__import__", "lazy", "find_spec", "exec_module"})


def foreign_imports(folder: Path) -> list[str]:
    """Every import of Dingkao's inside in the Python files of a package's folder (or in one file): `FILE line N
    imports MODULE`. Imports by name at run time (`import_module`, `strawberry.lazy`) count, and so does reaching into
    the objects that the core hands over."""
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    root = folder.parent
    return [
        f"{file.relative_to(root).as_posix()} line {line} {said}"
        for file in files
        for line, said in sorted(_said(ast.parse(file.read_text(encoding="utf-8"), str(file))))
    ]


@cache
def foreign_imports_of(module: str) -> list[str]:
    """`foreign_imports` of the package that a plugin's entry point names, each with what to do; none where there is
    no source to read."""
    if not module:
        return []
    spec = importlib.util.find_spec(module.split(".")[0])
    if spec is None:
        return []
    places = [Path(place) for place in spec.submodule_search_locations or ([spec.origin] if spec.origin else [])]
    advice = "import dingkao.plugin and dingkao.testing alone"
    return [f"{found}; {advice}" for place in places if place.exists() for found in foreign_imports(place)]


def _said(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"imports {name.name}") for name in names if _foreign(name.name))
            case ast.ImportFrom(module=str(module), names=names, level=0) if module == "dingkao":
                modules = [f"dingkao.{name.name}" for name in names]
                yield from ((node.lineno, f"imports {name}") for name in modules if _foreign(name))
            case ast.ImportFrom(module=str(module), level=0) if _foreign(module):
                yield node.lineno, f"imports {module}"
            case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if _foreign(module):
                if getattr(function, "attr", getattr(function, "id", "")) in _LOADERS:
                    yield node.lineno, f"imports {module}"
            case ast.Attribute(attr=name) if name in _INNER:
                yield node.lineno, f"reaches for {name}"


def _foreign(module: str) -> bool:
    inside = module == "dingkao" or module.startswith("dingkao.")
    return inside and not any(module == name or module.startswith(f"{name}.") for name in ALLOWED)
