"""What the region adds to the schema."""

import strawberry

from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import Info
from dingkao_local_policy.rules import guidance_for


@strawberry.type
class GuidedAssessment:
    """Fields added to Assessment; at run time `self` is the core's object."""

    @strawberry.field(
        description="The region's guidance to the doctor at this stage, in sentences; empty elsewhere. 填报指引"
    )
    async def local_guidance(self, info: Info) -> list[str]:
        services = info.context.services
        reading = await services.reading(info, services.assessment_key(self))
        return [info.context.say(text) for text in guidance_for(reading.facts, reading.policy)]


CONTRIBUTION = GraphQLContribution(fields={"Assessment": GuidedAssessment})
