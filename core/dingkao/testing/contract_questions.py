"""The questions that the contract suite asks: documents made from what a plugin adds."""

from functools import cache

from graphql import GraphQLSchema

from dingkao.application import load_registry
from dingkao.settings import Settings
from dingkao.testing.asking import FIELDS_MAXIMUM, limited_selection, schema_of
from dingkao.testing.contributed import AddedField
from dingkao.testing.plugins import FoundPlugin

NODE = "query ($id: ID!) { node(id: $id) { __typename } }"


@cache
def schema_with(plugins: tuple[FoundPlugin, ...]) -> GraphQLSchema:
    """The schema of an application with these plugins. Raises PluginRefused."""
    return schema_of(load_registry(Settings(), list(plugins)))


def select(fields: list[AddedField]) -> str:
    """Each field with everything below it, as far as the server takes it."""
    return " ".join(f"{field.name} {limited_selection(field.field, FIELDS_MAXIMUM // len(fields))}" for field in fields)


def fields_query(parent: str, fields: list[AddedField]) -> str:
    """Fields of the type `parent`, asked of the object `$id`, or of the viewer."""
    if parent == "Viewer":
        return f"query {{ viewer {{ __typename {select(fields)} }} }}"
    return f"query ($id: ID!) {{ node(id: $id) {{ ... on {parent} {{ __typename {select(fields)} }} }} }}"


def by_type(added: list[AddedField]) -> dict[str, list[AddedField]]:
    """The fields on types other than the roots, by type."""
    grouped: dict[str, list[AddedField]] = {}
    for field in added:
        if field.parent not in ("Query", "Mutation"):
            grouped.setdefault(field.parent, []).append(field)
    return grouped


def roots(added: list[AddedField]) -> list[AddedField]:
    """The root fields, mutations among them."""
    return [field for field in added if field.parent in ("Query", "Mutation")]
