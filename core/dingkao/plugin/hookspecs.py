"""The hooks. All are declarations, called once at start, synchronous; an exception refuses the start and names the
plugin. Results are taken in the order of the plugins' names, whatever the order of installation. An implementation may
leave out arguments that it does not need; it gives none of them a default."""

from collections.abc import Mapping, Sequence

import pluggy

from dingkao.db.migrations import MigrationSet
from dingkao.db.tables import Record
from dingkao.plugin.contributions import ActionRule, ExemptionCondition, GraphQLContribution, Procedure
from dingkao.plugin.marker import PROJECT
from dingkao.plugin.policy import PolicyLayer, PolicySection
from dingkao.plugin.ports import PortSlot
from dingkao.plugin.requirements import Requirement
from dingkao.plugin.settings import PluginSettings

hookspec = pluggy.HookspecMarker(PROJECT)


class Hooks:
    """Every hook a plugin may implement."""

    @hookspec
    def settings(self) -> type[PluginSettings] | None:
        """The plugin's settings: variables `DINGKAO_NAME_…`, NAME being the plugin's. Called before the other hooks.
        Two claims on one variable refuse the start, and so does a value that is not of its type."""

    @hookspec
    def procedures(self) -> Sequence[Procedure]:  # type: ignore[empty-body]
        """Procedures (考核程序) that a doctor may choose. Two with one code refuse the start."""

    @hookspec
    def policy_sections(self) -> Sequence[type[PolicySection]]:  # type: ignore[empty-body]
        """Policy sections of the plugin's own, named after it. Their defaults are the national rule."""

    @hookspec
    def policy_layers(self) -> Sequence[PolicyLayer]:  # type: ignore[empty-body]
        """What regions change. Checked against the sections' floor at start."""

    @hookspec
    def exemption_conditions(self) -> Sequence[ExemptionCondition]:  # type: ignore[empty-body]
        """Conditions for the exemption catalogue (免考条件). Two with one code refuse the start."""

    @hookspec
    def actions(self) -> Sequence[ActionRule]:  # type: ignore[empty-body]
        """Entries for `Assessment.actions`, after the core's own."""

    @hookspec
    def requirements(self) -> Sequence[Requirement]:  # type: ignore[empty-body]
        """What must be done before the body's approval or the conclusion. All count; two with one code refuse the
        start. `unmet` has 10 s; after that the act is refused and may be tried again. Its exception undoes the act."""

    @hookspec
    def graphql(self) -> GraphQLContribution | None:
        """Additions to the schema."""

    @hookspec
    def tables(self) -> Sequence[type[Record]]:  # type: ignore[empty-body]
        """The plugin's tables, each named with its prefix (the entry point's name and an underscore)."""

    @hookspec
    def migrations(self) -> MigrationSet | None:
        """Where the SQL files of its tables are."""

    @hookspec
    def ports(self, settings: PluginSettings | None) -> Mapping[PortSlot, object]:  # type: ignore[empty-body]
        """Objects for ports; one for each slot. Two plugins for one slot refuse the start. `settings` holds the values
        of the plugin's own hook `settings`, None where it has none."""
