"""Who claims what: contributions of all plugins put together, each name with one owner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dingkao.host.codes import Known, known_codes, wrong_with_codes, wrong_with_kinds
from dingkao.host.reach import wrong_with_procedure
from dingkao.host.refusal import Problems
from dingkao.host.results import place_of
from dingkao.host.settings import core_variables
from dingkao.host.storage import in_order, wrong_with_migrations, wrong_with_table
from dingkao.migrations import CORE_MIGRATIONS, CORE_TABLES
from dingkao.plugin.national import CORE_SECTIONS
from dingkao.plugin.policy import Policy, PolicyError, PolicyLayer, PolicySection, check_sections, stack
from dingkao.plugin.ports import PortSlot
from dingkao.policies import PolicyBook
from dingkao.registry import Registry

CORE = "the core"


@dataclass(frozen=True)
class Contributed:
    """What the hooks of one plugin returned, by hook."""

    plugin: str
    version: str
    parts: Mapping[str, Any]


class Claims:
    """Owners by kind and name. What has an owner already is written down as a problem that names both."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._owners: dict[tuple[str, str], str] = {
            **{("policy section", section.name): CORE for section in CORE_SECTIONS},
            **{("setting", variable): CORE for variable in core_variables()},
            **{("table", table._meta.tablename): CORE for table in CORE_TABLES},
        }

    def claim(self, kind: str, key: str, owner: str) -> bool:
        """Whether `owner` now has it."""
        other = self._owners.get((kind, key))
        if other is None:
            self._owners[(kind, key)] = owner
            return True
        if other == owner:
            self.problems.add(f"{kind} {key} is claimed twice by plugin {owner}; install a version that names it once")
        elif other == CORE:
            self.problems.add(f"{kind} {key} is claimed by {CORE} and by plugin {owner}; rename it in the plugin")
        else:
            self.problems.add(f"{kind} {key} is claimed by {other} and by plugin {owner}; block one of them")
        return False


def merge(contributed: Mapping[str, Contributed], claims: Claims, plugins: Sequence[str]) -> Registry:
    """The registry of all contributions, in the order of `contributed`; what is wrong goes into the problems of
    `claims`. Its plugins are filled in by the caller."""

    def every(hook: str, kind: str | None = None) -> Iterable[tuple[str, Any]]:
        for name, one in contributed.items():
            for item in one.parts.get(hook, ()):
                if kind is None or claims.claim(kind, item.code, name):
                    yield name, item

    procedures = list(every("procedures", "procedure"))
    brought = list(every("exemption_conditions", "exemption condition"))
    conditions = {item.code: item for _, item in brought}
    for sentence in wrong_with_kinds(brought):
        claims.problems.add(sentence)
    actions = [item for _, item in every("actions", "action")]
    requirements = [item for _, item in every("requirements", "requirement")]
    sections = _sections(every("policy_sections"), claims)
    versions = {name: one.version for name, one in contributed.items()}
    known = known_codes([item for _, item in procedures], conditions.values())
    layers = _layers(every("policy_layers"), versions, sections, known, claims)
    _check_reach(procedures, sections, layers, claims.problems)
    ports: dict[PortSlot, object] = {}
    port_owners: dict[PortSlot, str] = {}
    for name, one in contributed.items():
        for slot, port in one.parts.get("ports", {}).items():
            if claims.claim("port", PortSlot(slot).value, name):
                ports[PortSlot(slot)], port_owners[PortSlot(slot)] = port, name
    tables = []
    for name, table in every("tables"):
        wrong = wrong_with_table(name, table, plugins)
        for sentence in wrong:
            claims.problems.add(f"plugin {name}: {sentence}")
        if not wrong and claims.claim("table", table._meta.tablename, name):
            tables.append(table)
    return Registry(
        procedures={item.code: item for _, item in procedures},
        exemption_conditions=conditions,
        actions=actions,
        requirements=requirements,
        sections=sections,
        layers=layers,
        graphql=[(name, one.parts["graphql"]) for name, one in contributed.items() if "graphql" in one.parts],
        tables=tables,
        migrations=_migrations(contributed, plugins, claims.problems),
        ports=ports,
        port_owners=port_owners,
    )


def _sections(contributed: Iterable[tuple[str, type[PolicySection]]], claims: Claims) -> Sequence[type[PolicySection]]:
    """The core's sections and those of plugins that hold what a section must."""
    sections = list(CORE_SECTIONS)
    for plugin, section in contributed:
        if not claims.claim("policy section", section.name, plugin):
            continue
        try:
            check_sections([section])
        except PolicyError as error:
            claims.problems.add(f"plugin {plugin}: policy refused: {error}")
            continue
        sections.append(section)
    return sections


def _layers(
    contributed: Iterable[tuple[str, PolicyLayer]],
    versions: Mapping[str, str],
    sections: Sequence[type[PolicySection]],
    known: Known,
    claims: Claims,
) -> Sequence[PolicyLayer]:
    """The layers whose sections are all there, each laid on the national values by itself."""
    names = {section.name for section in sections}
    complete = []
    for plugin, layer in contributed:
        place = place_of(layer)
        fresh = [claims.claim("policy key in region", f"{place}: {key}", plugin) for key in layer.values]
        if not all(fresh) or not names.issuperset(layer.needs):
            continue
        owned = replace(layer, plugin=plugin, plugin_version=versions[plugin])
        try:
            stack(sections, (owned,))
        except PolicyError as error:
            claims.problems.add(f"policy refused: {error}")
            continue
        for sentence in wrong_with_codes(owned, sections, known):
            claims.problems.add(f"policy refused: {sentence}")
        complete.append(owned)
    return complete


def _check_reach(
    procedures: Sequence[tuple[str, Any]],
    sections: Sequence[type[PolicySection]],
    layers: Sequence[PolicyLayer],
    problems: Problems,
) -> None:
    policies: dict[str, Policy] = {"the national policy": stack(sections, ())}
    book = PolicyBook(sections, layers)
    for layer in layers:
        try:
            policies[f"the policy of {place_of(layer)}"] = book.for_place((layer.region,), layer.organisation)
        except PolicyError as error:
            # Each layer stands by itself, but not beside another of the same region.
            problems.add(f"policy refused: {error}")
    for plugin, procedure in procedures:
        for sentence in wrong_with_procedure(procedure, policies):
            problems.add(f"plugin {plugin}: {sentence}; mend or block the plugin")


def _migrations(contributed: Mapping[str, Contributed], plugins: Sequence[str], problems: Problems) -> Sequence[Any]:
    sets = []
    for name, one in contributed.items():
        tables = one.parts.get("tables", ())
        migrations = one.parts.get("migrations")
        if migrations is None:
            if tables:
                problems.add(f"plugin {name} declares tables but no migrations; implement the hook migrations")
            continue
        wrong = wrong_with_migrations(name, migrations, tables, plugins)
        for sentence in wrong:
            problems.add(f"plugin {name}: {sentence}")
        if not wrong:
            sets.append(migrations)
    return in_order(CORE_MIGRATIONS, sets, problems)
