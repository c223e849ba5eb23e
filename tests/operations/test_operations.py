"""The operations that clients copy: each valid against the served schema, each telling all that a client must know."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    validate,
    visit,
)
from graphql.execution.values import get_variable_values

from dingkao.application import load_registry
from dingkao.demo.province import demo_accounts
from dingkao.schema import assemble
from dingkao.settings import Settings
from dingkao.web.operations import Operation, load_operations

OPERATIONS = load_operations()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return assemble(load_registry(Settings()))._schema


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    assert len(found) == 1
    return found[0]


def _root_fields(document: DocumentNode) -> Iterator[str]:
    for selection in _operation(document).selection_set.selections:
        assert isinstance(selection, FieldNode)
        yield selection.name.value


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_is_valid_against_the_served_schema(operation: Operation, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(operation.text)) == []


def test_every_root_field_is_in_an_operation(schema: GraphQLSchema) -> None:
    used = {field for operation in OPERATIONS for field in _root_fields(parse(operation.text))}
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    offered = {*schema.query_type.fields, *schema.mutation_type.fields}
    assert offered - used == set()


def test_no_root_field_is_in_two_mutations() -> None:
    fields = [
        field
        for operation in OPERATIONS
        if _operation(parse(operation.text)).operation.value == "mutation"
        for field in _root_fields(parse(operation.text))
    ]
    assert len(fields) == len(set(fields))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_is_named_after_its_file_and_explained(operation: Operation) -> None:
    number, _, words = operation.file.partition("_")
    assert number.isdigit()
    assert operation.name == "".join(word.capitalize() for word in words.split("_"))
    first = operation.text.splitlines()[0]
    assert first.startswith("# ")
    assert re.search("[\u4e00-\u9fff]", first), "the first line says the Chinese term"
    assert "Who: " in operation.text
    long = [line for line in operation.text.splitlines() if len(line) > 120 and not line.startswith("# variables:")]
    assert long == []


def test_names_and_numbers_are_used_once() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({operation.file.partition("_")[0] for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_example_variables_are_what_it_takes(operation: Operation, schema: GraphQLSchema) -> None:
    definitions = _operation(parse(operation.text)).variable_definitions
    if not definitions:
        assert operation.variables == ""
        return
    outcome = get_variable_values(schema, definitions, json.loads(operation.variables))
    assert not isinstance(outcome, list), outcome


class _Selections(Visitor):
    """Which types' fields are selected inside each union, by the path of the union's field."""

    def __init__(self, types: TypeInfo, schema: GraphQLSchema) -> None:
        super().__init__()
        self._types = types
        self._schema = schema
        self.unions: list[tuple[GraphQLUnionType, set[str]]] = []
        self._open: list[set[str] | None] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        kind = self._types.get_type()
        named: GraphQLNamedType | None = get_named_type(kind) if kind else None
        if isinstance(named, GraphQLUnionType):
            seen: set[str] = set()
            self.unions.append((named, seen))
            self._open.append(seen)
        else:
            self._open.append(None)

    def leave_field(self, *_: object) -> None:
        self._open.pop()

    def enter_inline_fragment(self, *_: object) -> None:
        kind = self._types.get_type()
        if kind is not None and self._open and self._open[-1] is not None:
            self._open[-1].add(get_named_type(kind).name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_every_member_of_a_union_is_selected(operation: Operation, schema: GraphQLSchema) -> None:
    types = TypeInfo(schema)
    selections = _Selections(types, schema)
    visit(parse(operation.text), TypeInfoVisitor(types, selections))
    for union, seen in selections.unions:
        missing = {member.name for member in union.types} - seen
        assert missing == set(), f"{union.name}: nothing is selected of {missing}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_every_problem_is_selected_with_all_that_it_tells(operation: Operation, schema: GraphQLSchema) -> None:
    needed = {
        "ValidationProblem": {"fields"},
        "StateProblem": {"currentState"},
        "NotEligibleProblem": {"reasons"},
        "ConflictProblem": {"revision"},
    }
    document = parse(operation.text)
    text = operation.text
    for name, fields in needed.items():
        for found in re.finditer(rf"\.\.\. on {name} {{(.*?)^    }}", text, re.DOTALL | re.MULTILINE):
            assert all(re.search(rf"\b{field}\b", found.group(1)) for field in fields), name
    if _operation(document).operation.value == "mutation" and "Problem" in text:
        assert re.search(r"code\s+message", text)


PLUGINS_OWN = {
    "LocalGuidance": "local_policy",
    "ExemptionConditions": "exemptions",
    "RequestExemption": "exemptions",
    "ExemptionQueue": "exemptions",
    "Exemption": "exemptions",
    "DecideExemption": "exemptions",
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.file)
def test_only_a_plugins_own_operations_need_the_plugin(operation: Operation) -> None:
    # A client's core pages keep working on a server where a plugin is blocked.
    without_plugins = assemble(load_registry(Settings(), plugins=[]))._schema
    valid = validate(without_plugins, parse(operation.text)) == []
    assert valid is (operation.name not in PLUGINS_OWN)
    if operation.name in PLUGINS_OWN:
        assert f"plugin {PLUGINS_OWN[operation.name]}" in operation.text


def test_the_first_example_logs_in_to_the_demo() -> None:
    variables = json.loads(OPERATIONS[0].variables)["input"]
    accounts = {(account.login_name, account.password) for account in demo_accounts()}
    assert (variables["documentNumber"], variables["password"]) in accounts


def test_the_folder_holds_nothing_else() -> None:
    folder = Path(__file__).parents[2] / "clients" / "operations"
    assert {path.stem for path in folder.iterdir()} == {operation.file for operation in OPERATIONS}
