"""Finding installed plugins: entry points, which are blocked, which are required."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dingkao.host.refusal import Problems

GROUP = "dingkao"

# A plugin's name stands in front of its tables and settings.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME_MAXIMUM = 40
# The owner of the core's migrations, and words that `core` and `plugins remove` need.
_RESERVED = frozenset({"core", "dingkao", "national", "plugin"})


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin object with the name and distribution it was found under; `module` is the one that its entry point
    names, empty where it was handed over without one."""

    name: str
    distribution: str
    version: str
    plugin: object
    module: str = ""


def find_plugins(blocked: Sequence[str] = (), problems: Problems | None = None) -> list[FoundPlugin]:
    """Import every plugin of the entry-point group that is not blocked, sorted by name.

    A blocked plugin's code is never imported, and neither is that of two with one name. What is wrong goes into
    `problems`; without them it raises PluginRefused, everything in one message.
    """
    gathered = Problems() if problems is None else problems
    points = sorted((p for p in entry_points(group=GROUP) if p.name not in blocked), key=lambda p: (p.name, p.value))
    found = []
    for point in _without_twins(points, gathered):
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:
            gathered.add(
                f"plugin {point.name} ({_shown(point)}) cannot be imported: {type(error).__name__}: {error}; "
                "mend or uninstall it, or block it with DINGKAO_PLUGINS_BLOCKED",
                broken=point.name,
            )
            continue
        found.append(FoundPlugin(point.name, *_origin(point), plugin, point.module))
    if problems is None:
        gathered.refuse()
    return found


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _shown(point: EntryPoint) -> str:
    distribution, version = _origin(point)
    return f"{point.value} of {distribution} {version}" if distribution else point.value


def _without_twins(points: Sequence[EntryPoint], problems: Problems) -> list[EntryPoint]:
    # An editable install may list one entry point twice; only another target or another distribution is a conflict.
    by_name: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in points:
        key = (canonicalize_name(_origin(point)[0]), point.value)
        by_name.setdefault(point.name, {})[key] = point
    single: list[EntryPoint] = []
    for name, claims in by_name.items():
        if len(claims) == 1:
            single.extend(claims.values())
            continue
        one, *others = (f"{_origin(point)[0]} ({point.value})" for point in claims.values())
        problems.add(
            f"two distributions name a plugin {name}: {one} and {' and '.join(others)}; uninstall one of them",
            broken=name,
        )
    return single


def check_required(found: Sequence[FoundPlugin], required: Iterable[str], problems: Problems | None = None) -> None:
    """Check `required` (requirements as `name>=1.0`) against what was found. What is wrong goes into `problems`;
    without them it raises PluginRefused."""
    gathered = Problems() if problems is None else problems
    by_name = {plugin.name: plugin for plugin in found}
    for text in required:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            gathered.add(f"DINGKAO_PLUGINS_REQUIRED: {text!r} is not name[>=version]: {reason}; write name>=1.0,<2")
            continue
        plugin = by_name.get(requirement.name)
        if plugin is None:
            if requirement.name not in gathered.broken:
                gathered.add(f"required plugin {requirement.name} is not installed or is blocked; install it")
        elif not requirement.specifier.contains(plugin.version, prereleases=True):
            gathered.add(
                f"required plugin {plugin.name} is version {plugin.version} of {plugin.distribution}, "
                f"but {requirement.specifier} is required; install a fitting version"
            )
    if problems is None:
        gathered.refuse()


def check_name(name: str, core_tables: Iterable[str], problems: Problems) -> None:
    """Check that a plugin's name may stand in front of tables and settings."""
    if not _NAME.fullmatch(name) or len(name) > NAME_MAXIMUM:
        problems.add(
            f"plugin {name}: the name of its entry point must be lower-case words with underscores, at most "
            f"{NAME_MAXIMUM} characters; rename the entry point",
            broken=name,
        )
    elif name in _RESERVED:
        problems.add(f"plugin {name}: the name {name} is reserved; rename the entry point", broken=name)
    else:
        taken = sorted(table for table in core_tables if table == name or table.startswith(f"{name}_"))
        if taken:
            problems.add(
                f"plugin {name}: tables of the core begin with {name} ({taken[0]}); rename the entry point", broken=name
            )
