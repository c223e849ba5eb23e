"""The whole schema: the core's subjects first, then the plugins in the order of their names."""

from collections.abc import Mapping
from typing import Annotated, cast

import strawberry

from dingkao.accounts import credential_graphql as credentials
from dingkao.accounts import graphql as accounts
from dingkao.accounts import session_graphql as sessions
from dingkao.assessments import graphql as assessments
from dingkao.audit import graphql as audit
from dingkao.context import CoreInfo
from dingkao.cycles import graphql as cycles
from dingkao.doctors import graphql as doctors
from dingkao.doctors import revealing_graphql as revealing
from dingkao.host import graphql as plugins
from dingkao.host.plugin_fields import plugin_info
from dingkao.host.refusal import Problems
from dingkao.host.schema import AssembledSchema, build_schema
from dingkao.institutions import graphql as institutions
from dingkao.papers import graphql as papers
from dingkao.plugin.contributions import GraphQLContribution, LoadNode
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Node
from dingkao.plugin.ids import split_id
from dingkao.policy import graphql as policy
from dingkao.policy import simulation_graphql as simulation
from dingkao.proctoring import graphql as proctoring
from dingkao.proposals import graphql as proposals
from dingkao.registry import Registry
from dingkao.results import graphql as results
from dingkao.reviews import graphql as reviews
from dingkao.staff import graphql as staff
from dingkao.subject_access import graphql as subject_access

_SUBJECTS = (
    accounts,
    credentials,
    sessions,
    institutions,
    doctors,
    revealing,
    cycles,
    policy,
    assessments,
    reviews,
    papers,
    proctoring,
    results,
    proposals,
    simulation,
    staff,
    subject_access,
    audit,
    plugins,
)


@strawberry.type
class NodeQuery:
    @strawberry.field(description="Any object by its opaque id, in the asking account's scope. 按标识查询")
    async def node(
        self, info: CoreInfo, id: Annotated[strawberry.ID, strawberry.argument(description="Opaque id. 标识")]
    ) -> Node | None:
        type_name, key = split_id(id)
        load = _schema_of(info).nodes.get(type_name)
        if load is None:
            raise NotFound
        found = await load(info, key)
        return found if isinstance(found, Node) else None


def _schema_of(info: CoreInfo) -> AssembledSchema:
    return cast("AssembledSchema", info.schema)


def assemble(registry: Registry) -> AssembledSchema:
    """The schema of the core and the loaded plugins. Raises PluginRefused."""
    core = [("the core", subject.CONTRIBUTION) for subject in _SUBJECTS]
    nodes = [("the core", GraphQLContribution(query=NodeQuery))]
    schema = build_schema(
        [*core, *nodes, *registry.graphql],
        handlers=(assessments.RevisionHandler(),),
        prefixes=registry.prefixes,
        subscription=papers.Subscription,
    )
    schema.nodes = _nodes(registry)
    return schema


def _nodes(registry: Registry) -> Mapping[str, LoadNode]:
    """How `node` loads an object, by the name in its id. Raises PluginRefused where two claim one name."""
    owners: dict[str, str] = {}
    loaders: dict[str, LoadNode] = {}
    problems = Problems()
    core = [("the core", getattr(subject, "NODES", {})) for subject in _SUBJECTS]
    for owner, nodes in [*core, *((owner, contribution.nodes) for owner, contribution in registry.graphql)]:
        for name, load in nodes.items():
            if name in owners:
                problems.add(f"node {name} is claimed by {owners[name]} and by plugin {owner}; block one of them")
                continue
            owners[name], loaders[name] = owner, load if owner == "the core" else _with_plugin_info(load)
    problems.refuse()
    return loaders


def _with_plugin_info(load: LoadNode) -> LoadNode:
    async def load_of_plugin(info: CoreInfo, key: int) -> object:
        return await load(plugin_info(info), key)

    return load_of_plugin
