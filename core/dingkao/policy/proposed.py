"""Layers that are not installed yet: read from a plugin's file or module, or from TOML or JSON."""

import importlib
import importlib.util
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dingkao.plugin.policy import PolicyLayer, PolicySection


class BadProposal(ValueError):
    """What was given holds no layers that can be read; the message says where and what to write."""


@dataclass(frozen=True)
class Proposal:
    """Layers, and the sections that come with them where a plugin was given."""

    layers: Sequence[PolicyLayer]
    sections: Sequence[type[PolicySection]] = ()


_REQUIRED = ("region", "values")
_ALLOWED = ("region", "organisation", "source", "version", "reason", "values", "needs")


def read_proposal(given: str) -> Proposal:
    """Read `given`: a `.toml`, `.json` or `.py` file, or `package.module` or `package.module:object`. Raises
    BadProposal, and whatever importing the code raises."""
    path = Path(given)
    if path.suffix == ".toml":
        return Proposal(layers_of(_parsed(path, tomllib.loads), given))
    if path.suffix == ".json":
        return Proposal(layers_of(_parsed(path, json.loads), given))
    if path.suffix == ".py":
        return _of_module(_import_file(path), "", given)
    name, _, attribute = given.partition(":")
    try:
        return _of_module(importlib.import_module(name), attribute, given)
    except ModuleNotFoundError as error:
        raise BadProposal(
            f"{given}: {error}; give a .toml, .json or .py file, or a module that can be imported"
        ) from error


def layers_of(data: Any, place: str) -> list[PolicyLayer]:
    """Layers from parsed TOML or JSON: one layer, a list of them, or a table `layer` with a list. `place` is named in
    messages. Raises BadProposal."""
    if isinstance(data, Mapping) and "layer" in data:
        data = data["layer"]
    entries = data if isinstance(data, list) else [data]
    if not entries:
        raise BadProposal(f"{place}: no layer in it; write at least one with `region` and `values`")
    return [_layer(entry, f"{place}, layer {number}") for number, entry in enumerate(entries, start=1)]


def _layer(entry: Any, place: str) -> PolicyLayer:
    if not isinstance(entry, Mapping):
        raise BadProposal(f"{place}: a layer is a table with `region` and `values`, not {type(entry).__name__}")
    missing = [name for name in _REQUIRED if name not in entry]
    if missing:
        raise BadProposal(f"{place}: {' and '.join(missing)} missing; a layer says for which region it sets which keys")
    unknown = sorted(set(entry) - set(_ALLOWED))
    if unknown:
        raise BadProposal(f"{place}: {', '.join(unknown)} is no part of a layer; those are {', '.join(_ALLOWED)}")
    for name in _ALLOWED:
        if name in entry and name not in ("values", "needs") and not isinstance(entry[name], str):
            raise BadProposal(f"{place}: {name} is a text in quotes, not {entry[name]!r}")
    if not isinstance(entry["values"], Mapping):
        raise BadProposal(f'{place}: values maps keys to values, as "documents.objection_days" = 45')
    return PolicyLayer(
        region=entry["region"],
        source=entry.get("source", "proposal"),
        version=entry.get("version", "proposal"),
        reason=entry.get("reason", "拟定"),
        values=_flat(entry["values"]),
        needs=tuple(entry.get("needs", ())),
        organisation=entry.get("organisation"),
    )


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as `section.key`, also where the file nests them as [values.documents]."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if "." not in name and isinstance(value, Mapping):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def _parsed(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadProposal(f"{path}: not readable as {path.suffix[1:].upper()}: {error}") from error


def _import_file(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"dingkao_proposal_{path.stem}", path)
    if specification is None or specification.loader is None or not path.is_file():
        raise BadProposal(f"{path}: there is no such file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def _of_module(module: ModuleType, attribute: str, place: str) -> Proposal:
    plugin: Any = getattr(module, attribute or "plugin", None)
    if hasattr(plugin, "policy_layers"):
        sections = plugin.policy_sections() if hasattr(plugin, "policy_sections") else ()
        return Proposal(list(plugin.policy_layers()), list(sections))
    layers = plugin if attribute else getattr(module, "LAYERS", None)
    if isinstance(layers, Sequence) and layers and all(isinstance(layer, PolicyLayer) for layer in layers):
        return Proposal(list(layers))
    raise BadProposal(f"{place}: neither an object `plugin` with policy_layers nor a list LAYERS of PolicyLayer in it")
