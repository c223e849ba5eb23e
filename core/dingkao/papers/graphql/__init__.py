"""Papers and attempts in the schema. The right answers are in no type: there is nothing here that could show them."""

from collections.abc import Awaitable, Callable, Mapping

from dingkao.context import CoreInfo
from dingkao.papers.graphql.live import Subscription
from dingkao.papers.graphql.operations import PaperMutation, PaperQuery
from dingkao.papers.graphql.types import AssessmentPapers, load_attempt, load_paper
from dingkao.plugin.contributions import GraphQLContribution

NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Paper": load_paper, "Attempt": load_attempt}
CONTRIBUTION = GraphQLContribution(query=PaperQuery, mutation=PaperMutation, fields={"Assessment": AssessmentPapers})

__all__ = ["CONTRIBUTION", "NODES", "Subscription"]
