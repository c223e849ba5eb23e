"""What changes for clients between two schemas, and whether the changelog tells of what breaks them."""

import re
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLError, GraphQLSchema, build_schema, find_breaking_changes, find_dangerous_changes

from dingkao.cli.errors import CommandFailed

_DOTTED = re.compile(r"\b[A-Za-z_]\w*\.[A-Za-z_]\w*")
_DIRECTIVE = re.compile(r"@\w+")
_NAMED = re.compile(r"(?:union type|^Standard scalar|implemented by) (\w+)")


@dataclass(frozen=True, order=True)
class Change:
    """One change: graphql-core's kind (`FIELD_REMOVED`), the place in the schema (`Doctor.name`), and its sentence."""

    kind: str
    place: str
    sentence: str


def breaking_changes(old: GraphQLSchema, new: GraphQLSchema) -> list[Change]:
    """What makes a document invalid, or changes the type of what it gets, that was good against `old`."""
    return sorted(_change(found.type.name, found.description) for found in find_breaking_changes(old, new))


def dangerous_changes(old: GraphQLSchema, new: GraphQLSchema) -> list[Change]:
    """What leaves documents valid but may surprise a client: new enum values, union members, defaults."""
    return sorted(_change(found.type.name, found.description) for found in find_dangerous_changes(old, new))


def read_schema(path: Path) -> GraphQLSchema:
    """The schema that a file in the schema definition language holds. Raises CommandFailed, OSError."""
    try:
        return build_schema(path.read_text(encoding="utf-8"))
    except (GraphQLError, TypeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise CommandFailed(f"{path} is not a schema in GraphQL's definition language: {reason}") from error


def told_in(changelog: str, changes: list[Change]) -> list[Change]:
    """Those of `changes` whose place stands in backticks in the newest section (`## …`) of the changelog's text."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    newest = sections[1] if len(sections) > 1 else ""
    named = set(re.findall(r"`([^`\n]+)`", newest))
    return [change for change in changes if change.place in named]


def _change(kind: str, sentence: str) -> Change:
    if found := _NAMED.search(sentence):
        return Change(kind, found[1], sentence)
    if found := _DOTTED.search(sentence) or _DIRECTIVE.search(sentence):
        return Change(kind, found[0], sentence)
    # `Doctor was removed.`, `Doctor changed from …`, `Doctor no longer implements …`
    return Change(kind, sentence.split()[0], sentence)
