"""Rules as data: typed sections with described keys, layers that set some of them, and where each value came from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

Section = TypeVar("Section", bound="PolicySection")


class PolicyError(ValueError):
    """A layer sets an unknown key, a value of the wrong type, or one below the law's floor."""


class PolicySection(BaseModel):
    """A group of keys: subclass with `name` and described fields; defaults are the national rule.

    Validators on a subclass are the law's floor: a layer that breaks one is refused when it is loaded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]


@dataclass(frozen=True)
class PolicyLayer:
    """What one region changes. `region` is its code in the region tree; `values` maps `section.key` to the new value;
    `reason` cites the local notice the values come from. `needs` names the sections without which the layer is left
    out, because the plugin that they belong to is not loaded; a key of any other section that is missing refuses the
    start, as a misspelt one does."""

    region: str
    source: str
    version: str
    reason: str
    values: Mapping[str, Any]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where an effective value came from: the layer's source and reason, or `national` for a default."""

    source: str
    reason: str


NATIONAL = Origin(source="national", reason="全国统一规定（默认值）")


class Policy:
    """The effective values for one place, immutable."""

    def __init__(self, sections: Mapping[str, PolicySection], origins: Mapping[str, Origin], version: str) -> None:
        self._sections = dict(sections)
        self.origins = dict(origins)
        self.version = version
        self.digest = hashlib.sha256(self.to_json().encode()).hexdigest()

    def section(self, kind: type[Section]) -> Section:
        """The values of one section. Raises KeyError where its plugin is not loaded."""
        found = self._sections[kind.name]
        if not isinstance(found, kind):
            raise KeyError(f"policy section {kind.name} is a {type(found).__name__}")
        return found

    def items(self) -> list[tuple[str, Any, Origin]]:
        """Every `section.key`, its JSON value and its origin, sorted by key."""
        rows = []
        for name in sorted(self._sections):
            for key, value in sorted(self._sections[name].model_dump(mode="json").items()):
                path = f"{name}.{key}"
                rows.append((path, value, self.origins.get(path, NATIONAL)))
        return rows

    def to_json(self) -> str:
        """Canonical JSON of all sections: what a cycle pins and its digest covers."""
        values = {name: section.model_dump(mode="json") for name, section in sorted(self._sections.items())}
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def national_policy(kinds: Sequence[type[PolicySection]]) -> Policy:
    """The defaults of every section."""
    return Policy({kind.name: kind() for kind in kinds}, {}, "national")


def stack(kinds: Sequence[type[PolicySection]], layers: Sequence[PolicyLayer]) -> Policy:
    """Lay `layers` on the national defaults, in the order given (nation first). Raises PolicyError naming the layer."""
    sections: dict[str, PolicySection] = {kind.name: kind() for kind in kinds}
    origins: dict[str, Origin] = {}
    for layer in layers:
        changed: dict[str, dict[str, Any]] = {}
        for path, value in layer.values.items():
            name, _, key = path.partition(".")
            if name not in sections or key not in type(sections[name]).model_fields:
                raise PolicyError(f"layer {layer.source} ({layer.region}) sets {path}, which no section has")
            changed.setdefault(name, {})[key] = value
            origins[path] = Origin(layer.source, layer.reason)
        for name, values in changed.items():
            current = sections[name]
            try:
                sections[name] = type(current).model_validate({**current.model_dump(), **values})
            except ValidationError as error:
                raise PolicyError(f"layer {layer.source} ({layer.region}): {name}: {error}") from error
    version = "+".join(["national", *(f"{layer.source}/{layer.version}" for layer in layers)])
    return Policy(sections, origins, version)


def from_json(text: str, kinds: Sequence[type[PolicySection]], version: str) -> Policy:
    """A pinned policy back from its JSON. Sections whose plugin is gone are left out: their records stay readable
    without them; keys that a newer section added take the national value."""
    stored = json.loads(text)
    sections = {kind.name: kind.model_validate(stored.get(kind.name, {})) for kind in kinds}
    return Policy(sections, {}, version)
