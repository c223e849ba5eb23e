"""Finding the refused rights in what an operation gave, and having them written to the audit: the one place for all
mutations, and for queries that a role does not allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import FieldNode, GraphQLError
from graphql.utilities import value_from_ast_untyped

from dingkao.audit.refusals import RefusalLog, action_of
from dingkao.context import CoreContext
from dingkao.plugin.errors import (
    AccessRefused,
    FirstLoginOpen,
    Forbidden,
    NotFound,
    NotLoggedIn,
    TooManyRequests,
)
from dingkao.plugin.ids import split_id

_OF_MUTATIONS = (NotLoggedIn, FirstLoginOpen, Forbidden, NotFound, TooManyRequests)


async def note_refusals(
    log: RefusalLog,
    context: CoreContext,
    errors: Sequence[GraphQLError],
    variables: Mapping[str, Any] | None,
    *,
    mutation: bool,
) -> None:
    """Write each refusal among `errors`: of a mutation whatever right was missing, of a query what its role does not
    allow (that another's object is not found is no act)."""
    for error in errors:
        refusal = error.original_error
        if not isinstance(refusal, _OF_MUTATIONS if mutation else Forbidden) or not error.path:
            continue
        field = error.nodes[0] if error.nodes else None
        if not isinstance(field, FieldNode) or (mutation and len(error.path) > 1):
            continue
        await log.note(
            context.caller,
            context.address,
            context.request_id,
            ("" if mutation else "READ_") + action_of(field.name.value),
            _code(refusal, context),
            _first_object(
                [value_from_ast_untyped(each.value, dict(variables or {})) for each in field.arguments or ()]
            ),
        )


def _code(refusal: AccessRefused, context: CoreContext) -> str:
    # As the answer has it: who has not logged in is told nothing of what there is.
    return NotLoggedIn.code if context.caller is None and isinstance(refusal, NotFound) else refusal.code


def _first_object(values: Any) -> tuple[str, int] | None:
    """Type and key of the first opaque id in an input."""
    if isinstance(values, str):
        try:
            return split_id(values)
        except NotFound:
            return None
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            found = _first_object(value)
            if found is not None:
                return found
    return None
