"""What is asked of the served schema."""

from functools import cache

from graphql import GraphQLSchema, build_schema

from dingkao.cli.schema import served_schema
from dingkao.testing.asking import id_arguments, operation, root_fields, selection

__all__ = ["id_arguments", "operation", "root_fields", "schema", "selection"]


@cache
def schema() -> GraphQLSchema:
    """The served schema, from its own text; one for all tests of a process, who read it."""
    return build_schema(served_schema())
