"""Finding the refusals in what an operation gave, and having them written to the audit: the one place for all
mutations, and for queries that a role does not allow.

Of refusals that are data, those are written that a rule gives: an act that does not fit the state or that the rules do
not allow this doctor (ASVS 5.0, 16.3.3: attempts to get round business rules). Input with mistakes is none: who mends a
form leaves no trail of it. Wrong passwords and codes are written by the acts themselves (`…_REFUSED`)."""

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
    NotEligible,
    NotFound,
    NotLoggedIn,
    Refusal,
    SecondFactorOpen,
    StateConflict,
    TooManyRequests,
)
from dingkao.plugin.ids import split_id

_OF_MUTATIONS = (NotLoggedIn, FirstLoginOpen, SecondFactorOpen, Forbidden, NotFound, TooManyRequests)
# Its trail is the history of saves; a client that has lost its turn asks again every few seconds.
_NOT_NOTED = frozenset({"saveAnswers"})


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
            _object_of(field, variables),
        )


async def note_refused_acts(log: RefusalLog, context: CoreContext, variables: Mapping[str, Any] | None) -> None:
    """Write each act that the rules refused; the same of one session again within the hour is not written."""
    for act in context._refused_acts:
        name = act.field.name.value
        if name in _NOT_NOTED:
            continue
        code, detail = _rule_of(act.refusal)
        await log.note(
            context.caller,
            context.address,
            context.request_id,
            action_of(name),
            code,
            _object_of(act.field, variables),
            detail,
            once=True,
        )


def _rule_of(refusal: Refusal) -> tuple[str, dict[str, Any]]:
    """The code of the refusal, and what else the entry says: codes, no words."""
    if isinstance(refusal, NotEligible):
        return "NOT_ELIGIBLE", {"reasons": [reason.code for reason in refusal.reasons]}
    assert isinstance(refusal, StateConflict)  # noqa: S101 - nothing else is kept
    return refusal.code, {"state": refusal.state}


def _code(refusal: AccessRefused, context: CoreContext) -> str:
    # As the answer has it: who has not logged in is told nothing of what there is.
    return NotLoggedIn.code if context.caller is None and isinstance(refusal, NotFound) else refusal.code


def _object_of(field: FieldNode, variables: Mapping[str, Any] | None) -> tuple[str, int] | None:
    values = [value_from_ast_untyped(each.value, dict(variables or {})) for each in field.arguments or ()]
    return _first_object(values)


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
