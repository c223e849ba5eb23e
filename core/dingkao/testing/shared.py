"""What the applications of a test process share where they have the same plugins: putting plugins and schema together
takes longer than most tests do."""

from collections.abc import Sequence

from dingkao.application import load_registry
from dingkao.host.loading import FoundPlugin
from dingkao.host.schema import AssembledSchema
from dingkao.registry import Registry
from dingkao.schema import assemble
from dingkao.settings import Settings

# Suites with plugins of their own have a few sets of them; the newest are kept.
_MOST = 8
_registries: dict[tuple[FoundPlugin, ...], Registry] = {}
_schemas: list[tuple[object, AssembledSchema]] = []


def shared_registry(settings: Settings, plugins: Sequence[FoundPlugin]) -> Registry:
    """What `dingkao.application.load_registry` gives; the same object again for the same plugins, where no settings
    come into it and none of them fills a port: what stands there may remember. Raises PluginRefused, BadSettings."""
    if settings.plugins_required or settings.trace_hooks:
        return load_registry(settings, list(plugins))
    key = tuple(plugins)
    found = _registries.get(key)
    if found is None:
        found = load_registry(settings, list(plugins))
        if not found.ports and not found.settings:
            _registries[key] = found
            if len(_registries) > _MOST:
                del _registries[next(iter(_registries))]
    return found


def shared_schema(registry: Registry) -> AssembledSchema:
    """What `dingkao.schema.assemble` gives; the same object again for contributions that are equal. It is for reading
    alone. Raises PluginRefused."""
    key = (list(registry.graphql), dict(registry.prefixes))
    for kept in _schemas:
        if kept[0] == key:
            return kept[1]
    schema = assemble(registry)
    _schemas.append((key, schema))
    del _schemas[:-_MOST]
    return schema
