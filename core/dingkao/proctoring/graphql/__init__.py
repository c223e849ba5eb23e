"""Consent, identity and proctoring in the schema."""

from dingkao.plugin.contributions import GraphQLContribution
from dingkao.proctoring.graphql.operations import ProctoringMutation
from dingkao.proctoring.graphql.types import AssessmentProctoring, AttemptProctoring, SittingProctoring

CONTRIBUTION = GraphQLContribution(
    mutation=ProctoringMutation,
    fields={
        "Assessment": AssessmentProctoring,
        "Attempt": AttemptProctoring,
        "SittingDoctor": SittingProctoring,
    },
)

__all__ = ["CONTRIBUTION"]
