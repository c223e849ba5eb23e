"""Selection sets compiled into Python: for each object of a kept document, a function that makes its part of an answer.

Where all fields of a selection are plain (attributes and methods that wait for nothing; leaves, and objects and lists
of such), nothing is left to decide for each row, and the function is written out once: `{"name": source.name, …}` with
the checks that graphql-core makes of each value. A compiled function knows the good way only. Whatever is unusual, an
exception, a null that may not be, a value to be awaited, raises, and graphql-core completes that field anew with its
own rules of errors. Resolvers of objects change nothing (design: thin), so that asking one twice does no harm.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_leaf_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList
from graphql.pyutils import Path
from strawberry.types.field import StrawberryField

from dingkao.web.direct_resolvers import AttributeField, MethodField, direct_field

# Scalars whose values stand in the answer as they are, where they are of this very type. Anything else goes through the
# scalar's own conversion, which also knows what it refuses.
_AS_THEY_ARE: Final = {"String": "str", "ID": "str", "Boolean": "bool"}
# Levels compiled into each other; what is nested deeper is a selection of its own, reached through graphql-core.
_MOST_LEVELS: Final = 16
_SMALLEST_INT: Final = -(2**31)
_LARGEST_INT: Final = 2**31 - 1

# Makes the value of one field, or of a whole object: from the object, the execution, and the object's path.
Compiled = Callable[[Any, Any, Path | None], Any]
Collect = Callable[[GraphQLObjectType, FieldDetailsList], CollectedFields]


class NotPlain(Exception):
    """The compiled way does not complete this value; or, while compiling, this field."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One field of a selection: its name in the answer, its nodes, and the compiled way where there is one."""

    name: str
    details: FieldDetailsList
    compiled: Compiled | None


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A selection on one object type. `whole` makes every field at once, where all have a compiled way; `needs_path`:
    it asks for the object's path."""

    kind: GraphQLObjectType
    steps: tuple[Step, ...]
    whole: Compiled | None
    needs_path: bool


@dataclass(frozen=True, slots=True, eq=False)
class InfoSlot:
    """What a resolver's info holds that is the same at each call: filled up with the execution and the path."""

    field: GraphQLField
    nodes: list[FieldNode]
    kind: GraphQLObjectType
    definition: StrawberryField
    of_plugin: bool


class Compiler:
    """The compiled selections of one document. `collect` is graphql-core's own gathering of a selection's fields."""

    def __init__(self, collect: Collect) -> None:
        self._collect = collect
        self._level = 0
        # The details are kept beside the selection, so that their identity stays theirs.
        self._selections: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, Selection]] = {}

    def selection(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        """The selection that `details` make on objects of `kind`; compiled once."""
        key = (kind, id(details))
        found = self._selections.get(key)
        if found is None:
            self._level += 1
            try:
                selection = self.compile(kind, self._collect(kind, details).grouped_field_set)
            finally:
                self._level -= 1
            found = self._selections[key] = (details, selection)
        return found[1]

    def nested(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        """The selection inside another one. Raises NotPlain where it is nested too deeply to be compiled with it."""
        if self._level >= _MOST_LEVELS:
            raise NotPlain
        return self.selection(kind, details)

    def compile(self, kind: GraphQLObjectType, grouped: Mapping[str, FieldDetailsList]) -> Selection:
        """The selection of these fields."""
        steps = tuple(
            Step(name, details, self._compile_field(kind, name, details)) for name, details in grouped.items()
        )
        if any(step.compiled is None for step in steps):
            return Selection(kind, steps, None, needs_path=False)
        code = _Code(self)
        if kind.is_type_of is not None:
            known, learn = _types_of(kind)
            code.write(1, f"if type(source) not in {code.hold(known)}: {code.hold(learn)}(source)")
        else:
            code.write(1, "if source is None: raise NotPlain")
        for place, step in enumerate(steps):
            code.write_field(kind, step.name, step.details, f"value{place}")
        entries = ", ".join(f"{step.name!r}: value{place}" for place, step in enumerate(steps))
        return Selection(kind, steps, code.function(f"{{{entries}}}"), code.needs_path)

    def _compile_field(self, kind: GraphQLObjectType, name: str, details: FieldDetailsList) -> Compiled | None:
        code = _Code(self)
        try:
            code.write_field(kind, name, details, "value")
        except NotPlain:
            return None
        return code.function("value")


class _Code:
    """The text of one function, and the objects that it names."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "NotPlain": NotPlain, "Path": Path, "convert": _convert, "refuse_awaitable": _refuse_awaitable,
        }  # fmt: skip
        self.needs_path = False

    def hold(self, value: Any) -> str:
        """A name for `value` in the text."""
        name = f"held{len(self._names)}"
        self._names[name] = value
        return name

    def write(self, depth: int, line: str) -> None:
        """One line."""
        self._lines.append("    " * depth + line)

    def function(self, result: str) -> Compiled:
        """The function that returns `result` after the lines written."""
        text = "\n".join(["def compiled(source, run, path):", *self._lines, f"    return {result}"])
        # The text holds our own words and, as repr writes them, names of GraphQL, which are letters and digits.
        exec(compile(text, "<compiled selection>", "exec"), self._names)  # noqa: S102
        function: Compiled = self._names["compiled"]
        return function

    def write_field(self, kind: GraphQLObjectType, name: str, details: FieldDetailsList, value: str) -> None:
        """Resolve and complete a field into the variable `value`. Raises NotPlain where there is no compiled way."""
        field_name = details[0].node.name.value
        if field_name == "__typename":
            self.write(1, f"{value} = {kind.name!r}")
            return
        field = kind.fields.get(field_name)
        direct = direct_field(field) if field is not None else None
        if field is None or direct is None:
            raise NotPlain
        path = f"Path(path, {name!r}, {kind.name!r})"
        if isinstance(direct, AttributeField):
            self.write(1, f"{value} = source.{direct.name}")
        else:
            nodes = [detail.node for detail in details]
            slot = InfoSlot(field, nodes, kind, direct.definition, direct.of_plugin)
            self._write_call(direct, slot, path, value)
        self._write_completion(field.type, details, value, 1, path)

    def _write_call(self, method: MethodField, slot: InfoSlot, path: str, value: str) -> None:
        if iscoroutinefunction(method.function):
            raise NotPlain
        function = self.hold(method.function)
        if method.info is None:
            self.write(1, f"{value} = {function}(source)")
        else:
            self.needs_path = True
            self.write(1, f"{value} = {function}(source, {method.info}=run.info({self.hold(slot)}, {path}))")
        self.write(1, f"refuse_awaitable({value})")

    def _write_completion(
        self, kind: GraphQLOutputType, details: FieldDetailsList, value: str, depth: int, path: str
    ) -> None:
        """Complete `value`, which may be null where `kind` allows it."""
        if isinstance(kind, GraphQLNonNull):
            self._write_present(kind.of_type, details, value, depth, path, nulls=False)
        else:
            self.write(depth, f"if {value} is not None:")
            self._write_present(kind, details, value, depth + 1, path, nulls=True)

    def _write_present(
        self, kind: GraphQLOutputType, details: FieldDetailsList, value: str, depth: int, path: str, *, nulls: bool
    ) -> None:
        """Complete `value`, which is not null (`nulls`: that was looked after)."""
        if is_leaf_type(kind):
            self._write_leaf(kind, value, depth)
        elif isinstance(kind, GraphQLList):
            self.write(depth, f"if type({value}) is not list and type({value}) is not tuple: raise NotPlain")
            self.write(depth, f"{value} = {self._list(kind.of_type, details, value, path)}")
        elif isinstance(kind, GraphQLObjectType):
            if not nulls:
                self.write(depth, f"if {value} is None: raise NotPlain")
            function, needs_path = self._object(kind, details)
            self.write(depth, f"{value} = {function}({value}, run, {path if needs_path else None})")
        else:
            # Which of its types an abstract value has is asked of graphql-core.
            raise NotPlain

    def _object(self, kind: GraphQLObjectType, details: FieldDetailsList) -> tuple[str, bool]:
        selection = self._compiler.nested(kind, details)
        if selection.whole is None:
            raise NotPlain
        self.needs_path |= selection.needs_path
        return self.hold(selection.whole), selection.needs_path

    def _list(self, item: GraphQLOutputType, details: FieldDetailsList, value: str, path: str) -> str:
        """An expression for the completed list."""
        required = isinstance(item, GraphQLNonNull)
        kind = item.of_type if isinstance(item, GraphQLNonNull) else item
        if is_leaf_type(kind):
            completed = f"{self.hold(_leaf(kind))}(item)"
            return f"[{completed if required else f'None if item is None else {completed}'} for item in {value}]"
        if not isinstance(kind, GraphQLObjectType):
            raise NotPlain
        function, needs_path = self._object(kind, details)
        if not needs_path:
            completed = f"{function}(item, run, None)"
            return f"[{completed if required else f'None if item is None else {completed}'} for item in {value}]"
        completed = f"{function}(item, run, Path({path}, index, None))"
        shown = completed if required else f"None if item is None else {completed}"
        return f"[{shown} for index, item in enumerate({value})]"

    def _write_leaf(self, kind: GraphQLLeafType, value: str, depth: int) -> None:
        plain = _AS_THEY_ARE.get(kind.name)
        if plain is not None:
            self.write(depth, f"if type({value}) is not {plain}: {value} = convert({self.hold(kind)}, {value})")
        else:
            self.write(depth, f"{value} = {self.hold(_leaf(kind))}({value})")


def _leaf(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    """A function that completes a value of `kind`; raises for null and what else the type refuses."""
    if isinstance(kind, GraphQLEnumType):
        return _enumeration(kind)
    if kind.name == "Int":

        def integer(value: Any) -> Any:
            if type(value) is int and _SMALLEST_INT <= value <= _LARGEST_INT:
                return value
            return _convert(kind, value)

        return integer
    return lambda value: _convert(kind, value)


def _enumeration(kind: GraphQLEnumType) -> Callable[[Any], Any]:
    # The type stands in the key: a member of a StrEnum is equal to a plain text, which is not always a legal value.
    shown: dict[tuple[type, Any], Any] = {}

    def name(value: Any) -> Any:
        key = (type(value), value)
        found = shown.get(key)
        if found is None:
            found = _convert(kind, value)
            if len(shown) < 2 * len(kind.values):
                shown[key] = found
        return found

    return name


def _convert(kind: GraphQLLeafType, value: Any) -> Any:
    """As graphql-core completes a leaf."""
    converted = kind.coerce_output_value(value) if value is not None else None
    if converted is None or converted is Undefined:
        raise NotPlain
    return converted


def _types_of(kind: GraphQLObjectType) -> tuple[set[type], Callable[[Any], None]]:
    """The Python types known to stand for `kind`, and what asks `kind` itself about an object of another type."""
    known: set[type] = set()

    def learn(source: Any) -> None:
        assert kind.is_type_of is not None  # noqa: S101 - asked before
        if source is None or not kind.is_type_of(source, None):  # type: ignore[arg-type]
            raise NotPlain
        known.add(type(source))

    return known, learn


_awaitable_types: dict[type, bool] = {}


def is_awaitable(value: object) -> bool:
    """Whether `value` can be awaited: a matter of its type, asked some thousand times for a page of a list."""
    kind = type(value)
    known = _awaitable_types.get(kind)
    if known is None:
        known = _awaitable_types[kind] = hasattr(kind, "__await__")
    return known


def _refuse_awaitable(value: object) -> None:
    """Raises NotPlain for what must be awaited; a coroutine is closed, since the field is resolved anew."""
    if is_awaitable(value):
        if isinstance(value, Coroutine):
            value.close()
        raise NotPlain
