"""How much one operation may ask for: measured on the parsed document, before it is validated or executed.

Validation itself can be made slow by a hostile document, so the size of a document is bounded before. Fragments are
measured once and counted wherever they are spread: a bomb of nested spreads costs nothing to refuse. The numbers are
settings (`dingkao.endpoint_settings`); `MOST_NESTING` and `MOST_DIGITS` protect the parser itself and are none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from dingkao.endpoint_settings import EndpointSettings
from dingkao.plugin.graphql import PAGE_MAXIMUM

# A document with more brackets in each other, of any kind, is not parsed: what reads it descends into each.
MOST_NESTING: Final = 64
# Python refuses to read numbers of thousands of digits, by an exception that graphql-core does not expect.
MOST_DIGITS: Final = 100
# An object costs twice a leaf; a list without `first` counts as so many entries.
_OBJECT_COST: Final = 2
_LEAF_COST: Final = 1
_LIST_LENGTH: Final = 4
# Introspection is no data; its own depth is bounded by graphql-core's rule.
_INTROSPECTION: Final = ("__schema", "__type")

_SENTENCES: Final = {
    "tokens": "The document has more than {most} tokens. Split it up.",
    "nesting": "The document has {found} brackets in each other; the limit is {most}. Ask for less at once.",
    "digits": "A number in the document has {found} digits; the limit is {most}.",
    "depth": "The operation is nested {found} levels deep; the limit is {most}. Ask for less at once.",
    "aliases": "The operation has {found} aliases; the limit is {most}. Split it up.",
    "rootFields": "The operation has {found} root fields; the limit is {most}. Split it up.",
    "directives": "The operation has {found} directives; the limit is {most}.",
    "fields": "The operation selects {found} fields; the limit is {most}. Split it up.",
    "authentication": "The operation has {found} mutations that check who somebody is; the limit is {most}.",
    "cost": "The operation would cost {found}; the limit is {most}. Ask for shorter pages or fewer fields.",
}


def limit_error(limit: str, found: int, most: int) -> GraphQLError:
    """The refusal of an operation that is over a limit: which one, and what it is."""
    # Counts of a bomb have hundreds of digits; nobody reads them.
    shown = str(found) if found < 10**9 else "more than a billion"
    return GraphQLError(
        _SENTENCES[limit].format(found=shown, most=most),
        extensions={"code": "LIMIT_EXCEEDED", "limit": limit, "most": most},
    )


_BRACKETS: Final = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*|[\[({]|[\])}]|[0-9]{101,}'
)


@dataclass(frozen=True, slots=True)
class Most:
    """What a client asks of one operation, at most. A document with more tokens is not parsed."""

    depth: int
    cost: int
    aliases: int
    root_fields: int
    directives: int
    fields: int
    tokens: int
    authentications: int

    @classmethod
    def of(cls, settings: EndpointSettings) -> "Most":
        """Those of the settings."""
        return cls(
            depth=settings.query_depth,
            cost=settings.query_cost,
            aliases=settings.query_aliases,
            root_fields=settings.query_root_fields,
            directives=settings.query_directives,
            fields=settings.query_fields,
            tokens=settings.query_tokens,
            authentications=settings.query_authentications,
        )

    @classmethod
    def by_default(cls) -> "Most":
        """Those in force where no setting says otherwise, whatever the environment of this process."""
        fields = EndpointSettings.model_fields
        return cls.of(EndpointSettings.model_construct(**{name: field.default for name, field in fields.items()}))


def nesting_problem(text: str, most_tokens: int) -> GraphQLError | None:
    """The refusal of a document with too many brackets in each other, or with a number that nothing can be: looked for
    before it is parsed, since parsing and everything after it descends into each of them."""
    depth = 0
    for count, token in enumerate(_BRACKETS.finditer(text)):
        first = token[0][0]
        if first in "[({":
            depth += 1
            if depth > MOST_NESTING:
                return limit_error("nesting", depth, MOST_NESTING)
        elif first in "])}":
            depth -= 1
        elif first.isdigit():
            return limit_error("digits", len(token[0]), MOST_DIGITS)
        if count > most_tokens:
            return limit_error("tokens", count, most_tokens)
    return None


@dataclass(frozen=True, slots=True)
class _Size:
    """What a selection set comes to, with every fragment spread in it."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0
    roots: int = 0
    authentications: int = 0
    cost: int = 0


class Limits:
    """The limits of one schema. `authentication_fields`: mutations of which one request may hold one (or as
    many as `most` says, by default those of the settings), so that nobody tries a thousand passwords in one."""

    def __init__(
        self,
        schema: GraphQLSchema,
        authentication_fields: frozenset[str] = frozenset(),
        most: Most | None = None,
    ) -> None:
        self._schema = schema
        self._authentication_fields = authentication_fields
        self.most = most or Most.by_default()

    def problem(self, document: DocumentNode) -> GraphQLError | None:
        """What is too much in any operation of `document`, whatever its variables; None: nothing."""
        measure = _Measure(self._schema, document, self._authentication_fields, {})
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                size = measure.operation(operation)
                for limit, found, most in (
                    ("depth", size.depth, self.most.depth),
                    ("aliases", size.aliases, self.most.aliases),
                    ("rootFields", size.roots, self.most.root_fields),
                    ("directives", size.directives, self.most.directives),
                    ("fields", size.fields, self.most.fields),
                    ("authentication", size.authentications, self.most.authentications),
                ):
                    if found > most:
                        return limit_error(limit, found, most)
        return None

    def may_cost_too_much(self, document: DocumentNode, operation: OperationDefinitionNode) -> bool:
        """Whether `operation` would cost too much with the longest pages that its variables could ask for."""
        return _Measure(self._schema, document, frozenset(), None).operation(operation).cost > self.most.cost

    def cost_problem(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> GraphQLError | None:
        """The refusal of `operation` with these variables, where they make it cost too much."""
        cost = self._cost(document, operation, variables)
        return limit_error("cost", cost, self.most.cost) if cost > self.most.cost else None

    def _cost(self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        defaults = {
            each.variable.name.value: each.default_value
            for each in operation.variable_definitions or ()
            if isinstance(each.default_value, IntValueNode)
        }
        given = {**{name: int(node.value) for name, node in defaults.items()}, **variables}
        return _Measure(self._schema, document, frozenset(), given).operation(operation).cost


class _Measure:
    """One measuring of a document. `variables` None: every page is as long as can be."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        authentication_fields: frozenset[str],
        variables: Mapping[str, Any] | None,
    ) -> None:
        self._schema = schema
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._authentication_fields = authentication_fields
        self._variables = variables
        self._measured: dict[tuple[str, int | None], _Size] = {}

    def operation(self, operation: OperationDefinitionNode) -> _Size:
        """An operation's size; `roots` and `authentications` are those of its own level."""
        root = self._schema.get_root_type(operation.operation)
        return self._selection(operation.selection_set, root, page=None)

    def _selection(self, selection_set: SelectionSetNode, kind: Any, *, page: int | None) -> _Size:
        sizes = []
        for selection in selection_set.selections:
            directives = len(selection.directives or ())
            if isinstance(selection, FieldNode):
                sizes.append(self._field(selection, kind, directives, page=page))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else kind
                sizes.append(_with_directives(self._selection(selection.selection_set, inner, page=page), directives))
            elif isinstance(selection, FragmentSpreadNode):
                sizes.append(_with_directives(self._fragment(selection.name.value, page=page), directives))
        return _Size(
            depth=max((size.depth for size in sizes), default=0),
            aliases=sum(size.aliases for size in sizes),
            directives=sum(size.directives for size in sizes),
            fields=sum(size.fields for size in sizes),
            roots=sum(size.roots for size in sizes),
            authentications=sum(size.authentications for size in sizes),
            cost=sum(size.cost for size in sizes),
        )

    def _fragment(self, name: str, *, page: int | None) -> _Size:
        key = (name, page)
        found = self._measured.get(key)
        if found is None:
            # A fragment that spreads itself counts nothing here; validation refuses it.
            self._measured[key] = _Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._measured[key] = self._selection(fragment.selection_set, kind, page=page)
            found = self._measured[key]
        return found

    def _field(self, node: FieldNode, kind: Any, directives: int, *, page: int | None) -> _Size:
        name = node.name.value
        fields = kind.fields if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else {}
        field = fields.get(name)
        named = get_named_type(field.type) if field is not None else None
        below = _Size()
        # How many entries were asked for: of the list itself, or of the one in the object that stands for the page.
        own = self._page(node, field) if field is not None and "first" in field.args else None
        in_a_list = field is not None and _is_list(field)
        if node.selection_set is not None:
            below = self._selection(node.selection_set, named, page=None if in_a_list else own)
        introspection = name in _INTROSPECTION
        return _Size(
            depth=0 if introspection else 1 + below.depth,
            aliases=below.aliases + (node.alias is not None),
            directives=below.directives + directives,
            fields=below.fields + 1,
            roots=1,
            authentications=int(name in self._authentication_fields),
            cost=0 if introspection else _cost(field, named, below.cost, page if own is None else own),
        )

    def _page(self, node: FieldNode, field: GraphQLField) -> int:
        value: Any = field.args["first"].default_value
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    if self._variables is None:
                        return PAGE_MAXIMUM
                    value = self._variables.get(argument.value.name.value, value)
        # What is no length at all is refused by the field itself.
        return min(max(value, 1), PAGE_MAXIMUM) if isinstance(value, int) else 1


def _cost(field: GraphQLField | None, named: Any, below: int, page: int | None) -> int:
    if field is None or not is_composite_type(named):
        return _LEAF_COST
    # The edges of a page are as many as the page was asked to hold; what else a page says, it says once.
    length = (_LIST_LENGTH if page is None else page) if _is_list(field) else 1
    return length * (_OBJECT_COST + below)


def _is_list(field: GraphQLField) -> bool:
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(kind, GraphQLList)


def _with_directives(size: _Size, directives: int) -> _Size:
    if not directives:
        return size
    return _Size(
        size.depth, size.aliases, size.directives + directives, size.fields, size.roots, size.authentications, size.cost
    )
