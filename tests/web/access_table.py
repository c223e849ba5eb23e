"""Which objects each kind of account sees: asked of the running server, type by type; the table of docs/access.md.

Every root field of queries and `node` with every kind of object is asked by every kind of account, everything below
selected. What comes back of the scene's two doctors and of what hangs on them counts as seen; what belongs to others
(the account's own home page, its own list) does not."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
)
from pydantic import SecretStr

from dingkao.application import load_registry
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.plugin.caller import Caller
from dingkao.settings import Settings
from dingkao.testing.asking import FIELDS_MAXIMUM, limited_selection, operation, root_fields
from dingkao.testing.clock import SettableClock
from dingkao.testing.databases import SQLiteDatabases
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

from .access_scene import Objects, make_objects, strangers, texts_for
from .asking import schema

PAGE = Path(__file__).parents[2] / "docs" / "access.md"

# Short names of the columns.
COLUMNS = {
    "nobody": "nobody",
    "the doctor": "doctor",
    "a colleague": "colleague",
    "a doctor elsewhere": "other doctor",
    "his institution": "institution",
    "another institution": "other institution",
    "his assessment body": "body",
    "another body": "other body",
    "his region's authority": "authority",
    "another region's authority": "other authority",
    "an invigilator of the body": "invigilator",
    "an invigilator elsewhere": "other invigilator",
    "an author of questions": "author",
    "an approver of questions": "approver",
    "the system administrator": "system adm.",
    "the security administrator": "security adm.",
    "a security administrator elsewhere": "other security adm.",
    "the audit administrator": "audit adm.",
    "no role": "no role",
}
HEAD = """# Who sees what

Every type of the schema and every kind of account: ● where the account sees the scene's object of it (a doctor who sits
a paper, one with a result, and what hangs on both), empty where it is refused or a list leaves it out. Made by asking
the running server: each root field of queries, and `node` with each kind of object, everything below selected. The
accounts named "other" belong to another region; regions, organisations and cycles are public to whoever is logged in.

A test asks all of it anew and compares, and fails for a type that it has no object for.

"""
# Types of which the scene has no object, each with the one it is a part of and by which alone a query comes to it: who
# may not see the whole, and that is asked of every account, cannot come to the part.
PARTS = {
    # Where a region's policy sets days in which exemptions may be asked for.
    "ExemptionWindow": "Assessment",
    # When the tests are over, where the policy shows answers.
    "ReviewedPosition": "Attempt",
    # Where a province's plugin asks for more than the core does.
    "UnmetRequirement": "Assessment",
}
TAIL = """
## Parts

The scene has none of these: a region's policy or plugin, or a time to come, makes them. A query reaches them by the one
type they are a part of and by no other, so whoever is refused that does not see them.

"""
_NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
_PROPOSALS = "{ proposals(view: ALL) { edges { node { __typename id effect { __typename } } } } }"
_SIMULATION = """query ($id: ID!, $key: String!) {
  policySimulation(cycleId: $id, layers: [{regionCode: "990000", values: [{key: $key, value: "30"}]}]) {
    __typename
    ... on PolicySimulation {
      values { __typename }
      kinds { __typename }
      touchedAssessments { edges { node { __typename changes { __typename } } } }
    }
    ... on ValidationProblem { fields { __typename } }
  }
}"""


def accounts(objects: Objects, others: Mapping[str, Caller]) -> dict[str, Caller | None]:
    """Every kind of account: nobody, those whom the doctor concerns, all others."""
    province = objects.province
    return {
        "nobody": None,
        "the doctor": objects.doctor.caller,
        "his institution": province.institution,
        "his assessment body": province.body,
        "his region's authority": objects.plain_authority,
        **others,
    }


def asked_types(of: GraphQLSchema) -> set[str]:
    """The object types that a query can reach: those below the fields of Query."""
    assert of.query_type is not None
    found: set[str] = set()
    waiting: list[Any] = [of.query_type]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, GraphQLInterfaceType):
            waiting += of.get_possible_types(kind)
            continue
        members = getattr(kind, "types", None)
        if members is not None:
            waiting += members
            continue
        if not isinstance(kind, GraphQLObjectType) or kind.name in found:
            continue
        found.add(kind.name)
        waiting += [get_named_type(field.type) for field in kind.fields.values()]
    return found - {"Query"}


@dataclass(frozen=True, slots=True)
class Question:
    """An operation; `below`: the object of which it asks a part, so that who is refused the whole need not be asked."""

    text: str
    variables: dict[str, Any]
    below: str | None = None


def questions(of: GraphQLSchema, objects: Objects) -> Iterator[Question]:
    """The operations: every root field of queries, and `node` with every kind of object."""
    for kind, name, field in root_fields(of):
        if kind == "query" and name != "node":
            # A long page of everything would cost more than an operation may.
            long = "first" in field.args and field.args["first"].default_value == 100
            yield Question(*operation(kind, name, field, texts_for(objects, name), deep=not long))
    yield Question(_PROPOSALS, {})
    for key in ("papers.grace_seconds", "papers.unheard_of"):
        yield Question(_SIMULATION, {"id": objects.nodes["Cycle"], "key": key})
    for name, identity in objects.nodes.items():
        named = of.type_map[name]
        assert isinstance(named, GraphQLObjectType)
        yield Question(_NODE, {"id": identity})
        # Field by field: all at once would be more than one operation may ask for.
        for key, field in named.fields.items():
            if isinstance(get_named_type(field.type), GraphQLScalarType | GraphQLEnumType) or any(
                is_required_argument(argument) for argument in field.args.values()
            ):
                continue
            below = limited_selection(field, FIELDS_MAXIMUM)
            text = f"query ($id: ID!) {{ node(id: $id) {{ __typename id ... on {name} {{ {key} {below} }} }} }}"
            yield Question(text, {"id": identity}, below=identity)


def types_in(value: Any, ids: set[str] | None, personal: set[str]) -> set[str]:
    """The types in an answer; below an object of a kind in `personal` only where its id is one of `ids`."""
    if isinstance(value, list):
        return {name for part in value for name in types_in(part, ids, personal)}
    if not isinstance(value, dict):
        return set()
    name = value.get("__typename")
    if ids is not None and name in personal and value.get("id") not in ids:
        return set()
    below = {found for part in value.values() for found in types_in(part, ids, personal)}
    return below | ({name} if name else set())


def ids_in(value: Any) -> set[str]:
    """Every `id` in an answer."""
    if isinstance(value, list):
        return {found for part in value for found in ids_in(part)}
    if not isinstance(value, dict):
        return set()
    own = {value["id"]} if isinstance(value.get("id"), str) else set()
    return own | {found for part in value.values() for found in ids_in(part)}


async def seen(
    of: GraphQLSchema, objects: Objects, client_of: Callable[[Caller | None], Awaitable[Client]]
) -> tuple[dict[str, set[str]], list[Any]]:
    """The types that each kind of account sees of the scene, and answers that are neither data nor a refusal."""
    asked = list(questions(of, objects))
    everybody = accounts(objects, await strangers(objects))
    assert set(everybody) == set(COLUMNS), "name the new kind of account in COLUMNS"
    subjects = set(objects.nodes.values()) | set(objects.arguments.values())
    for caller in (objects.doctor.caller, objects.concluded.caller):
        client: Client = await client_of(caller)
        for question in asked:
            subjects |= ids_in((await client.post(question.text, question.variables)).get("data"))
    personal = set(objects.nodes) - {"Cycle", "Organisation", "Region"}
    found: dict[str, set[str]] = {}
    broken: list[Any] = []
    for who, caller in everybody.items():
        client = await client_of(caller)
        found[who] = set()
        refused: set[str] = set()
        for question in asked:
            if question.below in refused:
                continue
            answer = await client.post(question.text, question.variables)
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            broken += [(who, question.text[:200], answer["errors"])] if codes - REFUSALS else []
            if question.text == _NODE and codes:
                refused.add(question.variables["id"])
            found[who] |= types_in(answer.get("data"), subjects, personal)
    return found, broken


# An operation that costs too much is asked for nobody: its type would be missing.
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "LIMIT_EXCEEDED"}


def table(of: GraphQLSchema, found: Mapping[str, set[str]]) -> str:
    """The page: types down, accounts across."""
    types = sorted(name for name in asked_types(of) if not name.endswith(("Connection", "Edge", "PageInfo")))
    lines = ["| type | " + " | ".join(COLUMNS.values()) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    for name in types:
        cells = ["●" if name in found[who] else "" for who in COLUMNS]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    parts = ["| type | part of |", "| --- | --- |", *(f"| `{part}` | `{PARTS[part]}` |" for part in sorted(PARTS))]
    return HEAD + "\n".join(lines) + "\n" + TAIL + "\n".join(parts) + "\n"


def holders(of: GraphQLSchema, part: str) -> set[str]:
    """The object types that a query can reach and of which a field gives this one."""
    return {
        name
        for name in asked_types(of)
        for field in cast(GraphQLObjectType, of.type_map[name]).fields.values()
        if get_named_type(field.type).name == part
    }


def unseen(of: GraphQLSchema, found: Mapping[str, set[str]]) -> set[str]:
    """The types of which the scene has no object that anybody sees."""
    types = {name for name in asked_types(of) if not name.endswith(("Connection", "Edge", "PageInfo"))}
    return types - {name for names in found.values() for name in names}


async def _made(url: str, storage: str) -> str:
    clock = SettableClock()
    settings = Settings(
        database_url=url, storage_url=storage, explorer=False, sweep_seconds=300, keys=SecretStr(TEST_KEYS)
    )
    async with running_app(settings, clock) as app:
        environment = app.state.environment
        objects = await make_objects(environment, await build_sample(environment))

        async def client_of(caller: Caller | None) -> Client:
            return Client(app) if caller is None else Client(app, await token_for(environment, caller.account_id))

        found, _ = await seen(schema(), objects, client_of)
        return table(schema(), found)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        SQLiteDatabases(Path(folder), [CORE_MIGRATIONS, *load_registry(Settings()).migrations]).fresh() as made,
    ):
        PAGE.write_text(asyncio.run(_made(made, str(Path(folder) / "files"))), encoding="utf-8")
