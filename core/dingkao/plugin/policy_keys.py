"""What a policy says of each of its keys: meaning, type, default, source, and what a lower layer may do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python


class LowerLayer(StrEnum):
    """What a layer may do with a key that the nation, or a layer above it, has set."""

    SET = "SET"
    TIGHTEN = "TIGHTEN"
    KEEP = "KEEP"


class Stricter(StrEnum):
    """Which of two values is the stricter one. None stands for "no limit": no value is less strict."""

    HIGHER = "HIGHER"
    LOWER = "LOWER"
    TRUE = "TRUE"
    FALSE = "FALSE"
    MORE = "MORE"
    FEWER = "FEWER"


class Codes(StrEnum):
    """What plugins bring to a catalogue, each by a code of its own. The values are the words of messages."""

    PROCEDURE = "procedure"
    EXEMPTION_CONDITION = "exemption condition"
    PROOF_KIND = "kind of proof"


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What a lower layer may do; `stricter` is given with TIGHTEN alone."""

    may: LowerLayer
    stricter: Stricter | None = None

    def allows(self, before: Any, after: Any) -> bool:
        """Whether a layer may let `after` take the place of `before`. Raises TypeError where `stricter` does not fit
        values of this type."""
        if self.may is LowerLayer.SET:
            return True
        if self.may is LowerLayer.KEEP:
            return bool(before == after)
        return _as_strict(self.stricter, before, after)

    def in_words(self) -> str:
        """As a person reads it in a table."""
        if self.may is LowerLayer.SET:
            return "set"
        if self.may is LowerLayer.KEEP:
            return "not touch"
        return f"only tighten ({_WORDS[self.stricter]})" if self.stricter else "only tighten"


_WORDS: Mapping[Stricter, str] = {
    Stricter.HIGHER: "higher",
    Stricter.LOWER: "lower",
    Stricter.TRUE: "to true",
    Stricter.FALSE: "to false",
    Stricter.MORE: "add to it",
    Stricter.FEWER: "take from it",
}


def _as_strict(stricter: Stricter | None, before: Any, after: Any) -> bool:
    if before is None or after is None:
        return before is None
    if isinstance(before, Enum) and isinstance(after, Enum):
        # The members of an enumeration stand from the least strict to the strictest, whatever they are called.
        order = list(type(before))
        before, after = order.index(before), order.index(after)
    match stricter:
        case Stricter.HIGHER:
            return bool(after >= before)
        case Stricter.LOWER:
            return bool(after <= before)
        case Stricter.TRUE:
            return bool(after or not before)
        case Stricter.FALSE:
            return bool(before or not after)
        case Stricter.MORE:
            return set(after) >= set(before)
        case Stricter.FEWER:
            return set(after) <= set(before)
        case None:
            raise TypeError("TIGHTEN without saying which value is the stricter one")


MAY_SET = KeyRule(LowerLayer.SET)
MAY_NOT_TOUCH = KeyRule(LowerLayer.KEEP)


def may_tighten(stricter: Stricter) -> KeyRule:
    """A lower layer may only make it stricter."""
    return KeyRule(LowerLayer.TIGHTEN, stricter)


def policy_key(
    default: Any = PydanticUndefined,
    *,
    description: str,
    source: str,
    lower: KeyRule = MAY_SET,
    default_factory: Any = None,
    codes: Codes | None = None,
    **constraints: Any,
) -> Any:
    """A key of a policy section: `description` holds the Chinese term, `source` the article or section of the manual
    that the default rests on, `lower` what a lower layer may do. `codes`: the entries of this list, or the keys of this
    mapping, are codes of such a catalogue, and a layer that names one that no plugin brings refuses the start.
    `constraints` are pydantic's (`ge`, `le`, …).

    A plain pydantic field is a key as well: lower layers may set it, and its source is its plugin.
    """
    extra: dict[str, Any] = {"source": source, "lower": lower.may.value}
    if lower.stricter is not None:
        extra["stricter"] = lower.stricter.value
    if codes is not None:
        extra["codes"] = codes.value
    if default_factory is not None:
        return Field(default_factory=default_factory, description=description, json_schema_extra=extra, **constraints)
    return Field(default=default, description=description, json_schema_extra=extra, **constraints)


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """A key as people read it. `default` is the national value as JSON data; `type` is in words."""

    path: str
    description: str
    type: str
    default: Any
    source: str
    rule: KeyRule


def key_rule(field: FieldInfo) -> KeyRule:
    """What a lower layer may do with the key."""
    extra = _extra(field)
    if "lower" not in extra:
        return MAY_SET
    stricter = extra.get("stricter")
    return KeyRule(LowerLayer(extra["lower"]), Stricter(stricter) if stricter is not None else None)


def key_codes(field: FieldInfo) -> Codes | None:
    """The catalogue whose codes the key holds, or None."""
    found = _extra(field).get("codes")
    return Codes(found) if found is not None else None


def describe_keys(kinds: Sequence[type[BaseModel]]) -> list[KeyDescription]:
    """Every key of the sections, in their order."""
    return [
        KeyDescription(
            path=f"{getattr(kind, 'name', kind.__name__)}.{key}",
            description=field.description or "",
            type=type_in_words(field),
            default=_default(field),
            source=str(_extra(field).get("source", "")),
            rule=key_rule(field),
        )
        for kind in kinds
        for key, field in kind.model_fields.items()
    ]


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else to_jsonable_python(value)


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "at least this long:",
           "max_length": "at most this long:"}  # fmt: skip


def type_in_words(field: FieldInfo) -> str:
    """The type of a key and its bounds, in words."""
    bounds = [
        f"{word} {getattr(part, name)}"
        for part in field.metadata
        for name, word in _BOUNDS.items()
        if getattr(part, name, None) is not None
    ]
    return ", ".join([_in_words(field.annotation), *bounds])


def _in_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_words(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join("none" if part is NoneType else _in_words(part) for part in arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {_in_words(arguments[0])}" if arguments else "list"
    if origin is dict:
        return f"{_in_words(arguments[1])} for each {_in_words(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " / ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"{{{', '.join(annotation.model_fields)}}}"
    names = {str: "text", int: "number", float: "number", bool: "true or false"}
    return names.get(annotation, str(getattr(annotation, "__name__", annotation)))
