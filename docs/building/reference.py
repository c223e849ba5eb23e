"""Blocks made of what the code says of itself: machines, settings, policy, hooks, commands, contracts, columns."""

import inspect
import json
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from building.blocks import Maker
from building.recorder import bundled_plugins
from dingkao.assessments.rules import MACHINE as ASSESSMENT
from dingkao.cycles.rules import MACHINE as CYCLE
from dingkao.doctors.roster import COLUMNS, REQUIRED
from dingkao.host.loading import build_registry
from dingkao.messaging.templates import TEMPLATES
from dingkao.papers.rules import MACHINE as PAPER
from dingkao.plugin.hookspecs import Hooks
from dingkao.plugin.policy_keys import describe_keys
from dingkao.plugin.state_machine import StateMachine
from dingkao.results.rules import CERTIFICATE_MACHINE, NOTICE_MACHINE, RESULT_MACHINE
from dingkao.scaffold.baking import bake
from dingkao.settings import PREFIX, Settings
from dingkao.testing import fixtures as kit
from dingkao.testing.contract import PluginContract
from dingkao_exemptions.rules import MACHINE as EXEMPTION

ROOT = Path(__file__).parents[2]
MACHINES: Mapping[str, StateMachine[Any, Any]] = {
    machine.name: machine
    for machine in (CYCLE, ASSESSMENT, PAPER, EXEMPTION, RESULT_MACHINE, NOTICE_MACHINE, CERTIFICATE_MACHINE)
}
# The longest default that a table of the policy shows.
_LONGEST_VALUE = 60
_TYPES = {"str": "text", "SecretStr": "secret text", "int": "number", "float": "number", "bool": "true or false",
          "dict": "JSON object", "Path": "path"}  # fmt: skip


def makers() -> Mapping[str, Maker]:
    """Everything of this module that a page may ask for."""
    return {
        "machine": machine,
        "settings": settings,
        "sms-templates": sms_templates,
        "policy": policy,
        "layers": layers,
        "hook": hook,
        "contracts": contracts,
        "roster-columns": roster_columns,
        "file": source_file,
        "baked": baked_file,
        "fixtures": fixtures,
        "contract-suite": contract_suite,
    }


def machine(name: str) -> str:
    """The diagram and the table of a machine, and what its states and events are called."""
    found = MACHINES[name]
    titles = "\n".join(f"| `{event.value}` | {title.zh} | {title.en} |" for event, title in found.titles.items())
    return (
        f"```mermaid\n{found.diagram()}\n```\n\n{found.table()}\n\n"
        f"| event | 中文 | in English |\n| --- | --- | --- |\n{titles}"
    )


def settings() -> str:
    """Every setting."""
    rows = [["variable", "type", "default", "meaning"]]
    for name, field in Settings.model_fields.items():
        rows.append([f"`{PREFIX}{name.upper()}`", _type(field), _default(field), field.description or ""])
    return _table(rows)


def sms_templates() -> str:
    """Every message, with its parameters."""
    rows = [["template", "parameters", "text"]]
    for name, template in TEMPLATES.items():
        rows.append([f"`{name}`", ", ".join(f"`{part}`" for part in template.names), template.text])
    return _table(rows)


def _type(field: FieldInfo) -> str:
    annotation = str(getattr(field.annotation, "__name__", field.annotation)).replace("pathlib.", "")
    if annotation.startswith("tuple"):
        return "list"
    return _TYPES.get(annotation.removesuffix(" | None"), annotation)


def _default(field: FieldInfo) -> str:
    if isinstance(field.default, SecretStr):
        return "" if not field.default.get_secret_value() else "a published one"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default in (None, (), {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def policy() -> str:
    """Every section of the policy with its keys, their national values and what each means."""
    parts = []
    for section in build_registry(bundled_plugins()).sections:
        rows = [["key", "national value", "type", "meaning", "rests on", "lower layers may"]]
        for key in describe_keys([section]):
            rows.append(
                [f"`{key.path}`", _value(key.default), key.type, key.description, key.source, key.rule.in_words()]
            )
        parts.append(f"### {section.name} {_first_line(section.__doc__)}\n\n{_table(rows)}")
    return "\n\n".join(parts)


def _value(value: Any) -> str:
    text = json.dumps(to_jsonable_python(value), ensure_ascii=False)
    return f"`{text}`" if len(text) <= _LONGEST_VALUE else f"`{text[:_LONGEST_VALUE]}`…"


def layers() -> str:
    """What the bundled layers change, and why."""
    rows = [["layer", "key", "value", "reason"]]
    for layer in build_registry(bundled_plugins()).layers:
        for key, value in layer.values.items():
            rows.append([f"`{layer.source}` {layer.version}", f"`{key}`", _value(value), layer.reason])
    return _table(rows)


def hook(name: str) -> str:
    """The signature of a hook as a plugin writes it, and what the contract says of it."""
    specification = getattr(Hooks, name)
    signature = str(inspect.signature(specification))
    for module in ("dingkao.plugin.contributions.", "dingkao.plugin.policy.", "dingkao.plugin.ports.",
                   "dingkao.plugin.settings.", "dingkao.plugin.requirements.",
                   "dingkao.db.migrations.", "dingkao.db.tables.", "collections.abc."):  # fmt: skip
        signature = signature.replace(module, "")
    return f"```python\n@hookimpl\ndef {name}{signature}: ...\n```\n\n{_text(specification.__doc__)}"


def contracts() -> str:
    """The arrows that import-linter keeps, by their names."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return "\n".join(f"- {contract['name']}." for contract in configuration["tool"]["importlinter"]["contracts"])


def roster_columns() -> str:
    """The columns of a roster of doctors."""
    rows = [["field", "column where nothing else is said", "required"]]
    rows += [[f"`{field}`", column, "yes" if field in REQUIRED else ""] for field, column in COLUMNS.items()]
    return _table(rows)


def source_file(path: str) -> str:
    """A file of the repository. Raises ValueError for a path outside of it."""
    found = (ROOT / path).resolve()
    if not found.is_relative_to(ROOT):
        raise ValueError(f"{path} is not in the repository")
    language = {".py": "python", ".toml": "toml"}[found.suffix]
    return f"`{path}`\n\n```{language}\n{found.read_text(encoding='utf-8').strip()}\n```"


def baked_file(path: str) -> str:
    """A file of the plugin that `dingkao new-plugin sichuan --region 510000` writes."""
    with tempfile.TemporaryDirectory() as folder:
        bake("sichuan", "510000", Path(folder) / "new", {})
        text = (Path(folder) / "new" / path).read_text(encoding="utf-8").strip()
    language = {".py": "python", ".toml": "toml", ".sql": "sql"}[Path(path).suffix]
    return f"`dingkao-sichuan/{path}`\n\n```{language}\n{text}\n```"


def fixtures() -> str:
    """Every fixture of the kit, with what it says of itself."""
    found = (
        (name, value)
        for name, value in vars(kit).items()
        if type(value).__name__ == "FixtureFunctionDefinition" and not name.startswith("_")
    )
    rows = [["fixture", "is"]]
    rows += [
        [f"`{name}`", " ".join(_text(inspect.getdoc(value._get_wrapped_function())).split())] for name, value in found
    ]
    return _table(rows)


def contract_suite() -> str:
    """Every test of the contract suite, with what it says of itself."""
    rows = [["test", "what it holds"]]
    for name, value in vars(PluginContract).items():
        if name.startswith("test_"):
            rows.append([f"`{name}`", " ".join(_text(value.__doc__).split())])
    return _table(rows)


def _table(rows: Iterable[Iterable[str]]) -> str:
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(docstring: str | None) -> str:
    return inspect.cleandoc(docstring or "")


def _first_line(docstring: str | None) -> str:
    return _text(docstring).splitlines()[0]
