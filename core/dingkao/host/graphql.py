"""The plugins in the schema: what is in force, what each brings, what it overrides."""

import strawberry

from dingkao.access.rules import Kind, require_sight
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.host.listing import list_plugins
from dingkao.plugin.contributions import GraphQLContribution


@strawberry.type(description="What a plugin contributes by one hook. 插件提供的内容")
class PluginContribution:
    hook: str = strawberry.field(description="The hook. 扩展点")
    names: list[str] = strawberry.field(
        description="Codes, tables, settings, or fields as `Type.field`. 所提供内容的名称"
    )


@strawberry.type(description="A policy value that a plugin sets for a region. 插件设定的政策参数")
class PolicyOverride:
    region_code: str = strawberry.field(description="Code of the region. 行政区划代码")
    organisation_code: str | None = strawberry.field(
        description="Code of the organisation, where it is for one alone. 机构代码"
    )
    key: str = strawberry.field(description="`section.key`. 参数名")
    value: str = strawberry.field(description="The value, as JSON text. 参数值")
    source: str = strawberry.field(description="The layer. 来源")
    reason: str = strawberry.field(description="The notice or law it rests on. 依据")


@strawberry.type(description="A plugin in force. 插件")
class Plugin:
    name: str = strawberry.field(description="Name of its entry point. 名称")
    version: str = strawberry.field(description="Version of its distribution. 版本")
    api: int = strawberry.field(description="Version of the plugin contract it is made for. 插件接口版本")
    distribution: str = strawberry.field(description="The distribution it came from. 软件包")
    contributes: list[str] = strawberry.field(description="The hooks it implements. 提供的功能")
    contributions: list[PluginContribution] = strawberry.field(
        description="What it brings, by hook. 各扩展点提供的内容"
    )
    overrides: list[PolicyOverride] = strawberry.field(
        description="What it changes of the policy, and where. 设定的政策参数"
    )


@strawberry.type
class PluginQuery:
    @strawberry.field(description="The plugins in force; for staff. 已启用插件")
    def plugins(self, info: CoreInfo) -> list[Plugin]:
        require_sight(logged_in(info.context.caller), Kind.SYSTEM_INFORMATION)
        return [
            Plugin(
                name=plugin.name,
                version=plugin.version,
                api=plugin.api,
                distribution=plugin.distribution,
                contributes=[one.hook for one in plugin.contributions],
                contributions=[
                    PluginContribution(hook=one.hook, names=list(one.names)) for one in plugin.contributions
                ],
                overrides=[
                    PolicyOverride(
                        region_code=one.region,
                        organisation_code=one.organisation,
                        key=one.key,
                        value=one.value,
                        source=one.source,
                        reason=one.reason,
                    )
                    for one in plugin.overrides
                ],
            )
            for plugin in list_plugins(info.context.environment.registry)
        ]


CONTRIBUTION = GraphQLContribution(query=PluginQuery)
