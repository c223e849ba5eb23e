"""Acts that need two people, in the schema: who asks for one of them makes a proposal."""

from collections.abc import Awaitable, Callable, Mapping

from dingkao.context import CoreInfo
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.proposals.graphql.mutations import ProposalsMutation
from dingkao.proposals.graphql.queries import ProposalsQuery
from dingkao.proposals.graphql.types import Proposal, load_proposal

NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Proposal": load_proposal}
CONTRIBUTION = GraphQLContribution(query=ProposalsQuery, mutation=ProposalsMutation)

__all__ = ["CONTRIBUTION", "NODES", "Proposal"]
