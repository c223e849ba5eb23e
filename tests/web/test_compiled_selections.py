"""Compiled selections: every answer, and every error, is what graphql-core gives without them."""

import warnings
from collections.abc import Awaitable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLError

from dingkao.web.compiled_selections import NotPlain
from dingkao.web.execution import Executor, Outcome


class Colour(StrEnum):
    RED = "R"
    GREEN = "G"


ColourEnum = strawberry.enum(Colour)


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    colour: ColourEnum  # type: ignore[valid-type]
    count: int
    day: date


@strawberry.type
class Other(Named):
    size: float


@strawberry.type
class Branch(Named):
    number: int
    at: datetime
    flags: list[bool]
    maybe: str | None
    leaves: list[Leaf]
    gaps: list[Leaf | None]
    first: Leaf | None
    words: list[str | None] | None
    either: Named
    main: strawberry.Private[Any] = None

    @strawberry.field
    def doubled(self) -> int:
        return 2 * self.number

    @strawberry.field
    def told(self, info: strawberry.Info) -> str:
        place = ".".join(map(str, info.path.as_list())) if info.path else ""
        return f"{info.field_name} {info.context['word']} {place} {len(info.selected_fields)}"

    @strawberry.field
    async def awaited(self) -> int:
        return 3 * self.number

    @strawberry.field(graphql_type=int)
    def perhaps(self) -> int | Awaitable[int]:
        return 1 if self.number % 2 else _later(2)

    @strawberry.field
    def failing(self) -> str | None:
        if self.number == 2:
            raise ValueError("no good")
        return "good"

    @strawberry.field
    def leaf(self) -> Leaf:
        found: Leaf = self.main
        return found

    @strawberry.field
    def self(self) -> "Branch":
        return self

    @strawberry.field
    def plus(self, more: Annotated[int, strawberry.argument()] = 1) -> int:
        return self.number + more


async def _later(value: int) -> int:
    return value


def _leaf(number: int, colour: Any = Colour.RED) -> Leaf:
    return Leaf(name=f"leaf {number}", colour=colour, count=number, day=date(2026, 1, number))


def _branch(place: int, **changes: Any) -> Branch:
    number = place
    values: dict[str, Any] = {
        "name": f"branch {number}",
        "number": number,
        "at": datetime(2026, 1, 1, number, tzinfo=UTC),
        "flags": [True, False],
        "maybe": None if number == 2 else "yes",
        "leaves": [_leaf(number), _leaf(number + 1, Colour.GREEN)],
        "gaps": [None, _leaf(number)],
        "first": None if number == 1 else _leaf(9),
        "words": None if number == 3 else ["a", None],
        "main": _leaf(number),
        "either": _leaf(1) if number == 1 else Other(name="other", size=1.5),
    }
    return Branch(**{**values, **changes})


@strawberry.type
class Query:
    @strawberry.field
    def branches(self, info: strawberry.Info) -> list[Branch]:
        return list(info.context["branches"])

    @strawberry.field
    def maybe_branches(self, info: strawberry.Info) -> list[Branch | None] | None:
        return list(info.context["branches"])

    @strawberry.field
    async def branch(self, info: strawberry.Info, at: int = 0) -> Branch | None:
        found: Branch = info.context["branches"][at]
        return found


SCHEMA = strawberry.Schema(query=Query, types=[Leaf, Other])
GOOD = [_branch(1), _branch(2), _branch(3)]

PLAIN = "name number at flags maybe doubled alias: number __typename leaf { name }"
DEEP = (
    "leaves { name colour count day } words gaps { name __typename } first { colour } told "
    "leaf { ...L ... on Named { name } }"
)
L = " fragment L on Leaf { other: name count }"


async def _run(executor: Executor, text: str, context: Any, variables: dict[str, Any] | None = None) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return await executor.run(text, variables, None, context)


def _shown(outcome: Outcome) -> tuple[Any, list[Any]]:
    return outcome.data, sorted((error.message, error.path, error.locations) for error in outcome.errors)


async def _same(text: str, branches: list[Any], variables: dict[str, Any] | None = None) -> Outcome:
    """Run `text` the long way, then compiled, twice; all answers are the same."""
    executor = Executor(SCHEMA)  # type: ignore[arg-type]
    context = {"word": "of", "branches": branches}
    first = await _run(executor, text, context, variables)
    assert not executor.prepare(text).operations
    for _ in range(2):
        again = await _run(executor, text, context, variables)
        assert _shown(again) == _shown(first)
        assert list(_keys(again.data)) == list(_keys(first.data))
    return again


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from _keys(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _keys(entry)


@pytest.mark.parametrize(
    "selection",
    [
        PLAIN,
        DEEP,
        f"{PLAIN} {DEEP}",
        f"awaited {PLAIN} perhaps {DEEP} plus",
        "either { name ... on Leaf { colour } ... on Other { size } } number",
        "plus(more: 3) other: plus number",
        "failing number",
        "leaves { name } leaves { count }",
    ],
)
@pytest.mark.parametrize("root", ["branches", "maybeBranches", "branch", "branch(at: 1)"])
async def test_answers_what_graphql_core_answers(root: str, selection: str) -> None:
    outcome = await _same(f"{{ {root} {{ {selection} }} }}{L if '...L' in selection else ''}", GOOD)
    assert outcome.data is not None
    assert bool(outcome.errors) is ("failing" in selection and root != "branch")


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({"name": None}, True),
        ({"name": 5}, False),
        ({"number": 2**31}, True),
        ({"number": "many"}, True),
        ({"leaves": None}, True),
        ({"leaves": 7}, True),
        ({"leaves": [None]}, True),
        ({"leaves": [_leaf(1, "R")]}, False),
        ({"leaves": [_leaf(1, "no colour")]}, True),
        ({"leaves": [_leaf(1, None)]}, True),
        ({"leaves": (_leaf(1),)}, False),
        ({"leaves": [Other(name="not a leaf", size=1.0)]}, True),
        ({"gaps": [Other(name="of the same interface", size=1.0)]}, False),
        ({"flags": [True, None]}, True),
        ({"flags": [1]}, False),
        ({"main": None}, True),
        ({"main": ValueError("returned, not raised")}, True),
        ({"first": ValueError("returned, not raised")}, True),
    ],
)
@pytest.mark.parametrize("root", ["branches", "maybeBranches", "branch"])
async def test_errors_are_those_of_graphql_core(root: str, changes: dict[str, Any], fails: bool) -> None:
    branches = [_branch(1, **changes), _branch(2)]
    outcome = await _same(f"{{ {root} {{ {PLAIN} first {{ name }} {DEEP} }} }}{L}", branches)
    assert bool(outcome.errors) is fails


async def test_any_iterable_is_a_list() -> None:
    outcome = await _same("{ branches { leaves { name } } }", [_branch(1, leaves=_Again([_leaf(1)]))])
    assert outcome.data == {"branches": [{"leaves": [{"name": "leaf 1"}]}]}


class _Again:
    """An iterable that is neither list nor tuple."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Any:
        return iter(self._items)


async def test_fields_that_depend_on_variables_are_never_compiled() -> None:
    executor = Executor(SCHEMA)  # type: ignore[arg-type]
    text = "query Q($with: Boolean!) { branches { name number @include(if: $with) } }"
    context = {"word": "of", "branches": GOOD[:1]}
    for included in (True, False, True, False):
        outcome = await _run(executor, text, context, {"with": included})
        assert outcome.data == {"branches": [{"name": "branch 1"} | ({"number": 1} if included else {})]}
    assert not executor.prepare(text).operations


async def test_arguments_are_those_of_each_request() -> None:
    executor = Executor(SCHEMA)  # type: ignore[arg-type]
    text = "query Q($at: Int!, $more: Int!) { branch(at: $at) { name plus(more: $more) } }"
    context = {"word": "of", "branches": GOOD}
    for at in (0, 1, 2, 0):
        outcome = await _run(executor, text, context, {"at": at, "more": 10 * at})
        assert outcome.data == {"branch": {"name": f"branch {at + 1}", "plus": at + 1 + 10 * at}}


async def test_objects_are_those_of_each_request() -> None:
    executor = Executor(SCHEMA)  # type: ignore[arg-type]
    for number in (1, 2, 3, 1):
        context = {"word": str(number), "branches": [_branch(number)]}
        outcome = await _run(executor, "{ branches { number told } }", context)
        told = f"told {number} branches.0.told 1"
        assert outcome.data == {"branches": [{"number": number, "told": told}]}


async def test_the_whole_selection_of_plain_fields_is_one_function() -> None:
    executor = Executor(SCHEMA)  # type: ignore[arg-type]
    text = f"{{ branches {{ {PLAIN} }} mixed: branches {{ name awaited }} }}"
    for _ in range(2):
        await _run(executor, text, {"word": "of", "branches": GOOD})
    kept = executor.prepare(text).operations[None]
    assert kept.roots is not None
    assert kept.compiler is not None
    kind: Any = SCHEMA._schema.type_map["Branch"]
    plain = kept.compiler.selection(kind, kept.roots["branches"])
    assert plain.whole is not None
    assert plain.whole(GOOD[0], None, None)["alias"] == 1
    with pytest.raises(NotPlain):
        plain.whole(_branch(1, name=None), None, None)
    mixed = kept.compiler.selection(kind, kept.roots["mixed"])
    assert mixed.whole is None
    assert [step.compiled is not None for step in mixed.steps] == [True, False]
    # Nothing compiled is made again, and nothing grows with the number of requests.
    before = len(kept.compiler._selections)
    await _run(executor, text, {"word": "of", "branches": GOOD})
    assert len(kept.compiler._selections) == before


@pytest.mark.parametrize("depth", [15, 16, 17, 60])
async def test_deep_selections_are_answered_as_before(depth: int) -> None:
    await _same(f"{{ branch {{ {'self { ' * depth} name {'}' * depth} }} }}", GOOD)


async def test_one_error_does_not_hide_the_other_rows() -> None:
    outcome = await _same("{ branches { number failing } }", GOOD)
    assert [row["failing"] for row in outcome.data["branches"]] == ["good", None, "good"]  # type: ignore[index]
    assert [error.path for error in outcome.errors] == [["branches", 1, "failing"]]
    assert isinstance(outcome.errors[0], GraphQLError)
