"""Enumerations of a plugin in the schema, each value with its description; the core's own are named by their class."""

from dingkao.graphql_enums import described_enum

__all__ = ["described_enum"]
