"""Rules as data: typed sections with described keys, layers that set some of them, and where each value came from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

from dingkao.plugin.policy_keys import (
    MAY_NOT_TOUCH,
    MAY_SET,
    Codes,
    KeyRule,
    LowerLayer,
    Stricter,
    key_codes,
    key_rule,
    may_tighten,
    policy_key,
)

__all__ = [
    "MAY_NOT_TOUCH",
    "MAY_SET",
    "NATIONAL",
    "Codes",
    "KeyRule",
    "LowerLayer",
    "Origin",
    "Policy",
    "PolicyError",
    "PolicyLayer",
    "PolicySection",
    "Stricter",
    "check_sections",
    "from_json",
    "may_tighten",
    "national_policy",
    "policy_key",
    "stack",
]

Section = TypeVar("Section", bound="PolicySection")

# A version names what was stacked as far as it fits; the digest at its end tells any two policies apart.
_VERSION_LENGTH = 170


class PolicyError(ValueError):
    """A layer sets an unknown key, a value of the wrong type, one below the law's floor, or one that the key does not
    leave to it; or a section is not as a section must be. The message names plugin, layer, key and both values."""


class PolicySection(BaseModel):
    """A group of keys: subclass with `name` and described fields; defaults are the national rule.

    Make fields with `policy_key`, which says what a lower layer may do with the key. Validators on a subclass are the
    law's floor: a layer that breaks one is refused when it is loaded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]


@dataclass(frozen=True)
class PolicyLayer:
    """What one region, or one organisation in it, changes.

    `region` is its code in the region tree; where `organisation` is given (an institution's code), the layer counts
    for the doctors of that institution alone, above every layer of regions, as long as it lies in `region`. `values`
    maps `section.key` to the new value; `reason` cites the local notice the values come from. `needs` names the
    sections without which the layer is left out, because the plugin that they belong to is not loaded; a key of any
    other section that is missing refuses the start, as a misspelt one does. `plugin` and `plugin_version` are filled
    in by the host.
    """

    region: str
    source: str
    version: str
    reason: str
    values: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    organisation: str | None = None
    plugin: str = field(default="", compare=False)
    plugin_version: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """How messages name it: plugin, layer, place."""
        place = self.region if self.organisation is None else f"{self.region}, organisation {self.organisation}"
        owner = f"plugin {self.plugin}, " if self.plugin else ""
        return f"{owner}layer {self.source} ({place})"


@dataclass(frozen=True)
class Origin:
    """Where an effective value came from: layer, version, reason, place, plugin; `national` for a default."""

    source: str
    reason: str
    version: str = ""
    plugin: str = ""
    plugin_version: str = ""
    region: str = ""
    organisation: str | None = None


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
        return _canonical(values)

    def origins_to_json(self) -> str:
        """Canonical JSON of where the values came from that are not national, by `section.key`."""
        return _canonical({path: asdict(origin) for path, origin in sorted(self.origins.items())})


def _canonical(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def check_sections(kinds: Sequence[type[PolicySection]]) -> None:
    """Check the national layer itself: every key has a description, a default that its own section accepts, and a rule
    for lower layers that fits its type. Raises PolicyError."""
    for kind in kinds:
        try:
            # Pydantic takes defaults as they are; they are the national layer and must be as good as any other.
            defaults = kind.model_validate(kind().model_dump())
        except ValidationError as error:
            raise PolicyError(f"section {kind.name}: {_first_problem(error, kind, {})} (a default)") from error
        for key, info in kind.model_fields.items():
            if not info.description:
                raise PolicyError(f"section {kind.name}: key {key} has no description; say what it decides")
            value = getattr(defaults, key)
            if key_codes(info) is not None and not isinstance(value, tuple | dict):
                raise PolicyError(f"section {kind.name}: key {key} holds codes, so it is a tuple or a dict by code")
            try:
                key_rule(info).allows(value, value)
            except TypeError as error:
                raise PolicyError(f"section {kind.name}: the rule for lower layers of {key}: {error}") from error


def national_policy(kinds: Sequence[type[PolicySection]]) -> Policy:
    """The defaults of every section."""
    return stack(kinds, ())


def stack(kinds: Sequence[type[PolicySection]], layers: Sequence[PolicyLayer]) -> Policy:
    """Lay `layers` on the national defaults, in the order given (nation first).

    Raises PolicyError for the first layer that sets an unknown key, a value that its section refuses, or one that the
    key's rule does not leave to a lower layer.
    """
    sections: dict[str, PolicySection] = {kind.name: kind() for kind in kinds}
    origins: dict[str, Origin] = {}
    for layer in layers:
        changed: dict[str, dict[str, Any]] = {}
        for path, value in layer.values.items():
            name, _, key = path.partition(".")
            if name not in sections or key not in type(sections[name]).model_fields:
                raise PolicyError(
                    f"{layer.title} sets {path}, which no section has; correct the key, or name the section in `needs`"
                )
            changed.setdefault(name, {})[key] = value
        for name, values in changed.items():
            sections[name] = _lay(layer, sections[name], values, origins)
        for path in layer.values:
            origins[path] = Origin(
                layer.source, layer.reason, layer.version, layer.plugin, layer.plugin_version, layer.region,
                layer.organisation,
            )  # fmt: skip
    return Policy(sections, origins, _version(sections, layers))


def _lay(
    layer: PolicyLayer, current: PolicySection, values: Mapping[str, Any], origins: Mapping[str, Origin]
) -> PolicySection:
    kind = type(current)
    try:
        changed = kind.model_validate({**current.model_dump(), **values})
    except ValidationError as error:
        raise PolicyError(f"{layer.title}: {_first_problem(error, current, values)}") from error
    for key in values:
        rule = key_rule(kind.model_fields[key])
        before, after = getattr(current, key), getattr(changed, key)
        if not rule.allows(before, after):
            path = f"{kind.name}.{key}"
            above = origins.get(path, NATIONAL).source
            raise PolicyError(
                f"{layer.title}: {path} = {_shown(after)} is not the layer's to decide: a lower layer may "
                f"{rule.in_words()}, and {above} has {_shown(before)}; leave the key out"
                + (" or give a stricter value" if rule.may is LowerLayer.TIGHTEN else "")
            )
    return changed


def _first_problem(error: ValidationError, current: "PolicySection | type[PolicySection]", values: Any) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    if not place:
        # A rule over several keys: the message says which.
        shown = ", ".join(f"{key} = {_shown(value)}" for key, value in values.items())
        return f"section {current.name}: {problem['msg']}" + (f" ({shown})" if shown else "")
    key = str(problem["loc"][0])
    before = getattr(current, key, None) if isinstance(current, PolicySection) else None
    return f"{current.name}.{place} = {_shown(problem['input'])}: {problem['msg']} (above it: {_shown(before)})"


def _shown(value: Any) -> str:
    text = json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}…"


def _version(sections: Mapping[str, PolicySection], layers: Sequence[PolicyLayer]) -> str:
    parts = dict.fromkeys(f"{layer.plugin or layer.source}/{layer.version}" for layer in layers)
    values = {name: section.model_dump(mode="json") for name, section in sorted(sections.items())}
    digest = hashlib.sha256(_canonical(values).encode()).hexdigest()
    text = "+".join(["national", *parts])
    return f"{text if len(text) <= _VERSION_LENGTH else text[:_VERSION_LENGTH] + '…'}#{digest[:12]}"


def from_json(text: str, kinds: Sequence[type[PolicySection]], version: str, origins: str = "{}") -> Policy:
    """A pinned policy back from its JSON. Sections whose plugin is gone and keys that a section has no more are left
    out: their records stay readable without them (the text keeps them); keys that a newer section added take the
    national value. Raises PolicyError where a newer section refuses a pinned value."""
    stored = json.loads(text)
    sections = {}
    for kind in kinds:
        values = {key: value for key, value in stored.get(kind.name, {}).items() if key in kind.model_fields}
        try:
            sections[kind.name] = kind.model_validate(values)
        except ValidationError as error:
            raise PolicyError(
                f"the pinned policy {version} cannot be read: {_first_problem(error, kind, values)}; install the "
                "version of the plugin that it was pinned with"
            ) from error
    found = {path: Origin(**origin) for path, origin in json.loads(origins).items()}
    return Policy(sections, found, version)
