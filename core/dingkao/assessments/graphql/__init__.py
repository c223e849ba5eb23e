"""Assessments in the schema."""

from collections.abc import Awaitable, Callable, Mapping

from dingkao.assessments.graphql.assessment import Assessment, load_assessment, load_record
from dingkao.assessments.graphql.mutations import AssessmentMutation
from dingkao.assessments.graphql.queries import AssessmentQuery, ViewerAssessments
from dingkao.assessments.graphql.results import RevisionHandler
from dingkao.context import CoreInfo
from dingkao.plugin.contributions import GraphQLContribution

NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {"Assessment": load_assessment}
CONTRIBUTION = GraphQLContribution(
    query=AssessmentQuery, mutation=AssessmentMutation, fields={"Viewer": ViewerAssessments}
)

__all__ = ["CONTRIBUTION", "NODES", "Assessment", "RevisionHandler", "load_assessment", "load_record"]
