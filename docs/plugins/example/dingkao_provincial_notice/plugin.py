"""Two rules of a provincial notice, and a section of the plugin's own with a field that shows it."""

from collections.abc import Sequence
from typing import ClassVar

import strawberry
from pydantic import Field

from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import Info
from dingkao.plugin.policy import PolicyLayer, PolicySection


class NoticePolicy(PolicySection):
    """省级通知"""

    name: ClassVar[str] = "provincial_notice"

    office: str = Field(default="", max_length=80, description="定考咨询窗口: where doctors ask; empty elsewhere")


LAYER = PolicyLayer(
    region="990000",
    source="provincial_notice",
    version="2026-1",
    reason="《定考示范省2026年度医师定期考核通知》第三条（示例）",
    values={
        "simple_procedure.years_counted_to": "TODAY",
        "documents.objection_days": 45,
        "provincial_notice.office": "省政务服务中心12号窗口",
    },
    needs=("simple_procedure",),
)


@strawberry.type
class AssessmentInTheProvince:
    """Fields that are added to Assessment; at run time `self` is the core's object."""

    @strawberry.field(description="Where to ask about the assessment; null where the region names no place. 咨询窗口")
    async def consultation_office(self, info: Info) -> str | None:
        services = info.context.services
        reading = await services.reading(info, services.assessment_key(self))
        return reading.policy.section(NoticePolicy).office or None


class ProvincialNoticePlugin:
    """Contributes the notice's layer, its section, and one field."""

    plugin_api = 1

    @hookimpl
    def policy_sections(self) -> Sequence[type[PolicySection]]:
        return [NoticePolicy]

    @hookimpl
    def policy_layers(self) -> Sequence[PolicyLayer]:
        return [LAYER]

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return GraphQLContribution(fields={"Assessment": AssessmentInTheProvince})


plugin = ProvincialNoticePlugin()
