"""Resolvers without Strawberry's detour: every answer is what Strawberry itself gives."""

from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type, graphql
from strawberry.extensions import FieldExtension

from dingkao.application import load_registry
from dingkao.schema import assemble
from dingkao.settings import Settings
from dingkao.web.direct_resolvers import resolve_directly


class Refused(Exception):
    """What the handler turns into a `Refusal`."""


@strawberry.type
class Refusal:
    message: str


class RefusedHandler(strawberry.ExceptionHandler[Refused, Refusal]):
    def handle(self, exception: Refused, *, field: Any, info: Any) -> Refusal:
        return Refusal(message=str(exception))


class Louder(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **arguments: Any) -> Any:
        return str(next_(source, info, **arguments)).upper()


@strawberry.type
class Part:
    number: int

    @strawberry.field
    def doubled(self) -> int:
        return 2 * self.number

    @strawberry.field
    async def awaited(self) -> int:
        return 3 * self.number

    @strawberry.field
    def told(self, info: strawberry.Info) -> str:
        return f"{info.field_name} {info.context['word']} {info.path.as_list() if info.path else ''}"

    @strawberry.field
    def plus(self, more: Annotated[int, strawberry.argument()] = 1) -> int:
        return self.number + more

    @strawberry.field(extensions=[Louder()])
    def loud(self) -> str:
        return "quiet"

    @strawberry.field
    def whole(root: strawberry.Parent["Part"]) -> int:  # noqa: N805 - Strawberry's other way to name the object
        return root.number

    @strawberry.field
    def broken(self) -> int | None:
        raise ValueError(f"broken {self.number}")

    @strawberry.field
    def refused(self) -> "Part | Refusal":
        raise Refused("no")


@strawberry.type
class Query:
    @strawberry.field
    def parts(self) -> list[Part]:
        return [Part(number=1), Part(number=2)]


TEXT = """{
  parts {
    number doubled awaited told plus(more: 5) other: plus loud whole broken
    refused { ... on Refusal { message } }
  }
}"""


async def _run(schema: strawberry.Schema) -> tuple[Any, list[str]]:
    result = await graphql(schema._schema, TEXT, context_value={"word": "of"})
    return result.data, sorted(str(error) for error in result.errors or [])


async def test_answers_what_strawberry_answers() -> None:
    def build() -> strawberry.Schema:
        return strawberry.Schema(query=Query, exception_handlers=[RefusedHandler()])

    direct = build()
    resolve_directly(direct._schema)
    data, errors = await _run(direct)
    assert (data, errors) == await _run(build())
    assert data["parts"][1] == {
        "number": 2, "doubled": 4, "awaited": 6, "told": "told of ['parts', 1, 'told']", "plus": 7, "other": 3,
        "loud": "QUIET", "whole": 2, "broken": None, "refused": {"message": "no"},
    }  # fmt: skip
    assert len(errors) == 2


@pytest.mark.parametrize(
    ("name", "is_direct"),
    [
        ("number", True), ("doubled", True), ("awaited", True), ("told", True), ("plus", False), ("loud", False),
        ("whole", False), ("broken", True), ("refused", False),
    ],
)  # fmt: skip
def test_leaves_alone_what_strawberry_decides(name: str, is_direct: bool) -> None:
    schema = strawberry.Schema(query=Query, exception_handlers=[RefusedHandler()])._schema
    before = schema.type_map["Part"].fields[name].resolve
    resolve_directly(schema)
    assert (schema.type_map["Part"].fields[name].resolve is not before) is is_direct


def test_leaves_root_fields_alone_and_shortens_the_rest_of_the_served_schema() -> None:
    schema = assemble(load_registry(Settings()))._schema
    before = {
        kind.name: {name: field.resolve for name, field in kind.fields.items()}
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
    }
    resolve_directly(schema)
    kept = {
        f"{name}.{field}"
        for name, fields in before.items()
        for field, resolve in fields.items()
        if schema.type_map[name].fields[field].resolve is resolve and not name.startswith("__")
    }
    roots = {f"{root}.{field}" for root in ("Query", "Mutation") for field in before[root]}
    with_arguments = {
        f"{name}.{field}"
        for name in before
        for field, definition in schema.type_map[name].fields.items()
        if definition.args
    }
    # Members of a union may stand for exceptions, which Strawberry turns into them.
    of_unions = {
        f"{name}.{field}"
        for name in before
        for field, definition in schema.type_map[name].fields.items()
        if isinstance(get_named_type(definition.type), GraphQLUnionType)
    }
    assert kept - with_arguments - of_unions == roots - with_arguments - of_unions
