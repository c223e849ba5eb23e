"""Results and documents in the schema."""

from collections.abc import Awaitable, Callable, Mapping

from dingkao.context import CoreInfo
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.results.graphql.mutations import ResultsMutation
from dingkao.results.graphql.queries import AssessmentResult, ResultsQuery
from dingkao.results.graphql.types import Document, Result, load_document, load_result

NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Result": load_result, "Document": load_document}

CONTRIBUTION = GraphQLContribution(
    query=ResultsQuery, mutation=ResultsMutation, fields={"Assessment": AssessmentResult}
)

__all__ = ["CONTRIBUTION", "NODES", "Document", "Result"]
