"""graphql-core's execution of fields, with compiled selections for a document that comes again."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    DeferUsage,
    FieldDetailsList,
    GroupedFieldSet,
    collect_subfields,
)
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from dingkao.host.plugin_fields import info_for_plugins
from dingkao.web.compiled_selections import Compiled, Compiler, InfoSlot, is_awaitable


class KeptOperation:
    """What one operation of a kept document carries from one execution to the next: its root fields, and what was
    compiled below them. It holds nothing of a request."""

    def __init__(self) -> None:
        self.roots: GroupedFieldSet | None = None
        self.compiler: Compiler | None = None


def is_compilable(document: DocumentNode) -> bool:
    """Whether every execution of `document` selects the same fields: no directive, no fragment with variables."""
    finder = _Conditions()
    visit(document, finder)
    return not finder.found


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_directive(self, *_: Any) -> None:
        self.found = True

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self.found = self.found or bool(node.variable_definitions)


class FieldExecutor(Executor[None]):
    """graphql-core's execution without incremental delivery, which this schema has no directives for. What all fields
    of an operation share is gathered once instead of for each of a thousand fields.

    `kept`: what the document's operation keeps; None for one that is not to be compiled.
    """

    def __init__(self, *arguments: Any, kept: KeptOperation | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._shared = (
            self.schema,
            self.fragment_definitions,
            self.root_value,
            self.operation,
            # Strawberry's resolvers expect the plain values.
            self.variable_values.coerced,
            self.context_value,
            self.is_awaitable,
            self.abort_signal,
            self.async_helpers,
        )
        self._kept = kept
        # What turned out not to be plain in this execution: the next rows do not try it again.
        self._long_way: set[Compiled] = set()

    def build_resolve_info(
        self, field_def: GraphQLField, field_nodes: list[FieldNode], parent_type: GraphQLObjectType, path: Path
    ) -> GraphQLResolveInfo[Any]:
        """What a resolver is told beside the object."""
        own = (field_nodes[0].name.value, field_nodes, field_def.type, parent_type, path)
        return tuple.__new__(GraphQLResolveInfo, own + self._shared)

    def info(self, slot: InfoSlot, path: Path) -> strawberry.Info:
        """Strawberry's info for a compiled resolver."""
        raw_info = self.build_resolve_info(slot.field, slot.nodes, slot.kind, path)
        if slot.of_plugin:
            raw_info = info_for_plugins(raw_info)
        return strawberry.Info(_raw_info=raw_info, _field=slot.definition)

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        new_defer_usages: Sequence[DeferUsage],
    ) -> Any:
        """The root fields; those of the first execution in later ones, so that what hangs on them is found again."""
        kept = self._kept
        if kept is not None:
            if kept.roots is None:
                kept.roots = grouped_field_set
                kept.compiler = Compiler(self._collector())
            grouped_field_set = kept.roots
        return super().execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def _collector(self) -> Any:
        schema, fragments, operation = self.schema, self.fragments, self.operation
        # No variable decides over the fields of a document that is compiled, so none is kept.
        no_variables = VariableValues({}, {})

        def collect(kind: GraphQLObjectType, details: FieldDetailsList) -> CollectedFields:
            return collect_subfields(schema, fragments, no_variables, operation, kind, details)

        return collect

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: None,
    ) -> Any:
        """Make an object's part of the answer: compiled where possible, else as graphql-core does."""
        compiler = self._kept.compiler if self._kept is not None else None
        if compiler is None:
            return super().collect_and_execute_subfields(
                return_type, field_details_list, path, result, position_context
            )
        selection = compiler.selection(return_type, field_details_list)
        if selection.whole is not None and selection.whole not in self._long_way:
            try:
                return selection.whole(result, self, path)
            except Exception:
                self._long_way.add(selection.whole)
        values: dict[str, Any] = {}
        others: dict[str, FieldDetailsList] = {}
        for step in selection.steps:
            if step.compiled is not None and step.compiled not in self._long_way:
                try:
                    values[step.name] = step.compiled(result, self, path)
                    continue
                except Exception:
                    self._long_way.add(step.compiled)
            others[step.name] = step.details
        if not others:
            return values
        executed = self.execute_fields(return_type, result, path, others, None)
        if not values:
            return executed
        names = [step.name for step in selection.steps]
        if is_awaitable(executed):
            return _join_awaited(names, values, cast("Awaitable[dict[str, Any]]", executed))
        return _join(names, values, cast("dict[str, Any]", executed))


async def _join_awaited(
    names: Sequence[str], values: Mapping[str, Any], others: Awaitable[dict[str, Any]]
) -> dict[str, Any]:
    return _join(names, values, await others)


def _join(names: Sequence[str], values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Both in the order of the selection, as the specification has it."""
    return {name: values[name] if name in values else others[name] for name in names}
