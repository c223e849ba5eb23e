"""Running an operation: documents parsed and validated once, execution behind one small face.

Parsing and validating costs more than anything else for small operations (reference/speed.md), so both are kept by the
document's text. Nothing else knows how an operation is executed; another executor could stand here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from dingkao.admission import Lane
from dingkao.host.schema import AssembledSchema
from dingkao.web.compiled_selections import is_awaitable
from dingkao.web.direct_resolvers import resolve_directly
from dingkao.web.field_executor import FieldExecutor, KeptOperation, is_compilable
from dingkao.web.limits import Limits, limit_error, nesting_problem

# A document longer than this is not kept.
LONGEST_KEPT = 16_384
MOST_DOCUMENTS = 512
QUERY_SECONDS = 60.0
MOST_ERRORS = 20


@dataclass(slots=True)
class PreparedDocument:
    """A parsed document, or the errors that make it none; and what its operations keep once they come again."""

    document: DocumentNode | None
    errors: Sequence[GraphQLError]
    executions: int = 0
    compilable: bool | None = None
    operations: dict[str | None, KeptOperation] = field(default_factory=dict)
    # Where it waits for its turn.
    lane: Lane | None = None
    # By the operation's name: whether its variables decide if it costs too much.
    costly: dict[str | None, bool] = field(default_factory=dict)

    def kept_operation(self, operation_name: str | None) -> KeptOperation | None:
        """What an operation keeps. None at its document's first execution, since compiling pays only for one that
        comes again, and for a document whose fields depend on variables."""
        self.executions += 1
        if self.executions == 1 or self.document is None:
            return None
        if self.compilable is None:
            self.compilable = is_compilable(self.document)
        if not self.compilable:
            return None
        # The name is one of the document's own: the operation was found by it.
        return self.operations.setdefault(operation_name, KeptOperation())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation gave. `request_error`: it never began (the response then has no `data`)."""

    data: dict[str, Any] | None
    errors: Sequence[GraphQLError]
    request_error: bool


class Executor:
    """Executes operations against one schema, within `limits`.

    `introspection` False: nobody asks what there is, and no error suggests it. `query_seconds`: after these a query is
    given up; mutations are not, since an act on a whole province may take its time and each statement has a limit.
    """

    def __init__(
        self,
        schema: AssembledSchema,
        limits: Limits | None = None,
        *,
        introspection: bool = True,
        query_seconds: float = QUERY_SECONDS,
        lanes: Mapping[str, Lane] | None = None,
    ) -> None:
        self._lanes = lanes or {}
        self._query_seconds = query_seconds
        self._schema = schema._schema
        self._limits = limits or Limits(self._schema)
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._hide_suggestions = not introspection
        resolve_directly(self._schema)
        self._kept: OrderedDict[str, PreparedDocument] = OrderedDict()

    def prepare(self, query: str) -> PreparedDocument:
        """Parse and validate, or find what was done before."""
        found = self._kept.get(query)
        if found is not None:
            self._kept.move_to_end(query)
            return found
        prepared = self._prepare(query)
        if len(query) <= LONGEST_KEPT and not prepared.errors:
            self._kept[query] = prepared
            if len(self._kept) > MOST_DOCUMENTS:
                self._kept.popitem(last=False)
        return prepared

    def _prepare(self, query: str) -> PreparedDocument:
        most_tokens = self._limits.most.tokens
        nested = nesting_problem(query, most_tokens)
        if nested is not None:
            return PreparedDocument(None, [nested])
        try:
            document = parse(query, max_tokens=most_tokens)
        except GraphQLSyntaxError as error:
            # The parser names this limit in its sentence alone.
            too_long = f"contains more than {most_tokens} tokens" in error.message
            return PreparedDocument(None, [limit_error("tokens", most_tokens + 1, most_tokens) if too_long else error])
        problem = self._limits.problem(document)
        if problem is not None:
            return PreparedDocument(None, [problem])
        errors = validate(
            self._schema, document, self._rules, max_errors=MOST_ERRORS, hide_suggestions=self._hide_suggestions
        )
        # A sentence that is true of a hundred places is said of the first.
        told = list({error.message: error for error in reversed(errors)}.values())[::-1]
        return PreparedDocument(None if errors else document, told)

    def _cost_problem(
        self,
        prepared: PreparedDocument,
        operation: OperationDefinitionNode,
        operation_name: str | None,
        variables: dict[str, Any] | None,
    ) -> GraphQLError | None:
        assert prepared.document is not None  # noqa: S101 - asked before
        costly = prepared.costly.get(operation_name)
        if costly is None:
            costly = self._limits.may_cost_too_much(prepared.document, operation)
            prepared.costly[operation_name] = costly
        return self._limits.cost_problem(prepared.document, operation, variables or {}) if costly else None

    def lane(self, query: str) -> Lane:
        """Where the document waits for its turn: with the slowest of the root fields it asks for."""
        prepared = self.prepare(query)
        if prepared.lane is None:
            roots = [
                selection.name.value if isinstance(selection, FieldNode) else ""
                for definition in (prepared.document.definitions if prepared.document else ())
                if isinstance(definition, OperationDefinitionNode)
                for selection in definition.selection_set.selections
            ]
            lanes = {self._lanes.get(root, Lane.OTHERS) for root in roots}
            prepared.lane = max(lanes, key=list(Lane).index, default=Lane.OTHERS)
        return prepared.lane

    async def run(
        self, query: str, variables: dict[str, Any] | None, operation_name: str | None, context: Any
    ) -> Outcome:
        """Run one operation; never raises for what the client sent."""
        found = self._find(query, variables, operation_name)
        if isinstance(found, Outcome):
            return found
        prepared, document, operation = found
        if operation.operation is OperationType.SUBSCRIPTION:
            message = "Subscriptions are served over WebSocket (graphql-transport-ws), at the same address."
            return Outcome(None, [GraphQLError(message)], request_error=True)
        running = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
            executor_class=FieldExecutor,
            is_awaitable=cast("Any", is_awaitable),
            hide_suggestions=self._hide_suggestions,
            kept=prepared.kept_operation(operation_name),
        )
        result: Any = running
        if isawaitable(running):
            try:
                async with asyncio.timeout(self._query_seconds if operation.operation is OperationType.QUERY else None):
                    result = await running
            except TimeoutError:
                return self._given_up()
        errors = result.errors or []
        request_error = result.data is None and bool(errors) and all(error.path is None for error in errors)
        return Outcome(result.data, errors, request_error)

    def _find(
        self, query: str, variables: dict[str, Any] | None, operation_name: str | None
    ) -> tuple[PreparedDocument, DocumentNode, OperationDefinitionNode] | Outcome:
        """The operation that is meant, where it may be run with these variables; else the refusal."""
        prepared = self.prepare(query)
        if prepared.document is None:
            return Outcome(None, prepared.errors, request_error=True)
        operation = get_operation_ast(prepared.document, operation_name)
        if operation is None:
            message = "The document has no such operation, or several and no operationName was given."
            return Outcome(None, [GraphQLError(message)], request_error=True)
        problem = self._cost_problem(prepared, operation, operation_name, variables)
        if problem is not None:
            return Outcome(None, [problem], request_error=True)
        return prepared, prepared.document, operation

    async def subscribe(
        self,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
        context: Any,
        event_context: Callable[[], Any],
    ) -> Outcome | AsyncGenerator[Outcome, None]:
        """Begin a subscription: its outcomes as they come, or why it was not begun. `context` is its source's, for as
        long as it lives; `event_context` makes one for each event, so that none sees what was loaded for another. The
        limits are those of every operation; what ends it is its last outcome, a request error."""
        found = self._find(query, variables, operation_name)
        if isinstance(found, Outcome):
            return found
        prepared, document, operation = found
        if operation.operation is not OperationType.SUBSCRIPTION:
            message = "Queries and mutations are served over HTTP, at the same address; here are subscriptions alone."
            return Outcome(None, [GraphQLError(message)], request_error=True)

        def execution(context: Any, event: Any = None) -> FieldExecutor | list[GraphQLError]:
            built = FieldExecutor.build(
                self._schema,
                document,
                event,
                context,
                variables,
                operation_name,
                is_awaitable=cast("Any", is_awaitable),
                hide_suggestions=self._hide_suggestions,
                kept=prepared.kept_operation(operation_name),
            )
            return cast("FieldExecutor | list[GraphQLError]", built)

        source = execution(context)
        if isinstance(source, list):
            return Outcome(None, source, request_error=True)
        stream: Any = create_source_event_stream(source)
        if isawaitable(stream):
            stream = await stream
        if isinstance(stream, ExecutionResult):
            return Outcome(None, stream.errors or [], request_error=True)

        async def outcomes() -> AsyncGenerator[Outcome, None]:
            try:
                async with aclosing(stream):
                    async for event in stream:
                        yield await self._event(execution(event_context(), event))
            except Exception as error:
                yield Outcome(None, [GraphQLError(str(error), original_error=error)], request_error=True)

        return outcomes()

    async def _event(self, execution: FieldExecutor | list[GraphQLError]) -> Outcome:
        assert isinstance(execution, FieldExecutor)  # noqa: S101 - the variables were good for the source
        result: Any = execution.execute_operation(False)
        if isawaitable(result):
            try:
                async with asyncio.timeout(self._query_seconds):
                    result = await result
            except TimeoutError:
                return self._given_up()
        return Outcome(result.data, result.errors or [], request_error=False)

    def _given_up(self) -> Outcome:
        seconds = self._query_seconds
        message = f"The query was given up after {seconds:g} seconds. Ask for less at once."
        error = GraphQLError(message, extensions={"code": "TIMEOUT", "most": seconds})
        return Outcome(None, [error], request_error=False)


def operation_label(document: DocumentNode | None, operation_name: str | None) -> str:
    """A word for the log: the operation's name or kind; never anything a client typed into values."""
    if document is None:
        return "invalid"
    operation = get_operation_ast(document, operation_name)
    if not isinstance(operation, OperationDefinitionNode):
        return "invalid"
    name = operation.name.value if operation.name else "anonymous"
    return f"{operation.operation.value} {name}"
