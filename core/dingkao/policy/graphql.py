"""Policies in the schema: what is in force where, and what a cycle pinned."""

import json
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import strawberry

from dingkao.access.rules import Kind, require_sight
from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.cycles.pinning import PinnedScope, PinnedText, pinned_scopes, pinned_texts
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.policy import LowerLayer
from dingkao.policy.effective import EffectiveValue, effective_values, pinned_values, policy_of_place

described_enum(
    LowerLayer,
    "What the layer of a region or institution may do with a key. 下级政策权限",
    {
        LowerLayer.SET: "Set it. 可设定",
        LowerLayer.TIGHTEN: "Only make it stricter. 只可从严",
        LowerLayer.KEEP: "Not touch it. 不得改动",
    },
)
LowerLayerEnum: TypeAlias = LowerLayer


@strawberry.type(description="One value of a policy, and where it comes from. 政策参数")
class PolicyValue:
    key: str = strawberry.field(description="`section.key`. 参数名")
    value: str = strawberry.field(description="The value, as JSON text. 参数值")
    national_value: str | None = strawberry.field(
        description="The default, as JSON text; null where the key's plugin is gone. 全国默认值"
    )
    type: str = strawberry.field(description="Its type and bounds, in words. 类型")
    description: str = strawberry.field(description="What it decides; empty where the key's plugin is gone. 含义")
    basis: str = strawberry.field(description="What the default rests on: article or section of the manual. 默认值依据")
    lower_layers: LowerLayerEnum = strawberry.field(description="What layers below the nation may do. 下级政策权限")
    lower_layers_rule: str = strawberry.field(description="The same in words, with the direction. 权限说明")
    source: str = strawberry.field(description="The layer that set it; `national` for the default. 来源")
    version: str = strawberry.field(description="The layer's version. 政策版本")
    reason: str = strawberry.field(description="The notice or law it rests on. 依据")
    plugin: str = strawberry.field(description="The plugin that brought the layer; empty for the default. 插件")
    plugin_version: str = strawberry.field(description="The version of that plugin. 插件版本")
    region_code: str = strawberry.field(description="The region of the layer; empty for the default. 行政区划代码")
    organisation_code: str | None = strawberry.field(
        description="The institution of the layer, where it is one's own. 机构代码"
    )

    @classmethod
    def show(cls, row: EffectiveValue) -> "PolicyValue":
        """As the API shows it."""
        return cls(
            key=row.key.path,
            value=_json(row.value),
            national_value=_json(row.key.default) if row.known else None,
            type=row.key.type,
            description=row.key.description,
            basis=row.key.source,
            lower_layers=row.key.rule.may,
            lower_layers_rule=row.key.rule.in_words(),
            source=row.origin.source,
            version=row.origin.version,
            reason=row.origin.reason,
            plugin=row.origin.plugin,
            plugin_version=row.origin.plugin_version,
            region_code=row.origin.region,
            organisation_code=row.origin.organisation,
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


async def _load_texts(keys: list[int]) -> Sequence[PinnedText]:
    found = await pinned_texts(keys)
    return [found[key] for key in keys]


async def _load_scopes(keys: list[int]) -> Sequence[list[PinnedScope]]:
    found = await pinned_scopes(keys)
    return [found[key] for key in keys]


@strawberry.type(description="A policy as a cycle pinned it; readable when its plugins are gone. 已固定的政策")
class PinnedPolicy:
    region_code: str | None = strawberry.field(
        description="The region of the cycle that it counts in, and below; null for an assessment's. 行政区划代码"
    )
    organisation_code: str | None = strawberry.field(
        description="The institution it counts for, where it is one's own. 机构代码"
    )
    version: str = strawberry.field(description="What was stacked, and the beginning of its digest. 政策版本")
    digest: str = strawberry.field(description="SHA-256 of all values. 摘要")
    key: strawberry.Private[int]

    @strawberry.field(description="Every value that was pinned. 各项参数")
    async def values(self, info: CoreInfo) -> list[PolicyValue]:
        text = await info.context.loader(_load_texts).load(self.key)
        return [PolicyValue.show(row) for row in pinned_values(info.context.environment, text)]


@strawberry.type
class CyclePolicyFields:
    @strawberry.field(
        description="What it pinned when it was opened: its own region's, and those of regions and institutions with a "
        "layer of their own; for staff. 固定政策"
    )
    async def pinned_policies(self, info: CoreInfo) -> list[PinnedPolicy]:
        require_sight(logged_in(info.context.caller), Kind.SYSTEM_INFORMATION)
        key: int = self.key  # type: ignore[attr-defined]
        return [
            PinnedPolicy(
                region_code=scope.region_code,
                organisation_code=scope.organisation_code,
                version=scope.version,
                digest=scope.digest,
                key=scope.policy_id,
            )
            for scope in await info.context.loader(_load_scopes).load(key)
        ]


@strawberry.type
class AssessmentPolicyFields:
    @strawberry.field(description="The rules that it is under, or was decided under; for staff. 适用政策")
    async def policy(self, info: CoreInfo) -> PinnedPolicy:
        require_sight(logged_in(info.context.caller), Kind.SYSTEM_INFORMATION)
        record: AssessmentRecord = self.record  # type: ignore[attr-defined]
        return PinnedPolicy(
            region_code=None,
            organisation_code=None,
            version=record.policy_version,
            digest=record.policy_digest,
            key=record.policy_id,
        )


@strawberry.type
class PolicyQuery:
    @strawberry.field(
        description="What a cycle opened now would pin for the region, or for an institution there, each value with "
        "its origin; for staff. 现行政策"
    )
    async def effective_policy(
        self,
        info: CoreInfo,
        region_code: Annotated[str, strawberry.argument(description="Code of the region. 行政区划代码")],
        organisation_code: Annotated[
            str | None, strawberry.argument(description="Code of an institution in it or below it. 机构代码")
        ] = None,
    ) -> list[PolicyValue]:
        require_sight(logged_in(info.context.caller), Kind.SYSTEM_INFORMATION)
        environment = info.context.environment
        policy = await policy_of_place(environment, region_code, organisation_code)
        return [PolicyValue.show(row) for row in effective_values(environment, policy)]


CONTRIBUTION = GraphQLContribution(
    query=PolicyQuery, fields={"Cycle": CyclePolicyFields, "Assessment": AssessmentPolicyFields}
)
