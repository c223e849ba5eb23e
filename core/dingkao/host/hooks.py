"""A plugin object against the hooks: is it one, does it fit them, and what do they return."""

import difflib
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pluggy

from dingkao.host.finding import FoundPlugin
from dingkao.host.refusal import Problems
from dingkao.host.results import names_in, what_is_wrong
from dingkao.logs import get_logger
from dingkao.plugin import PLUGIN_API
from dingkao.plugin.hookspecs import Hooks
from dingkao.plugin.marker import PROJECT

_log = get_logger("dingkao.hooks")

HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(inspect.signature(hook).parameters)[1:]
    for name, hook in vars(Hooks).items()
    if hasattr(hook, f"{PROJECT}_spec")
}
"""Every hook with its arguments, in the order in which they are called: the order of the specification."""


def check_plugin(found: FoundPlugin, problems: Problems) -> bool:
    """Whether the plugin's hooks may be called; what is wrong with it goes into `problems`."""
    before = len(problems)
    if inspect.isclass(found.plugin):
        problems.add(
            f"plugin {found.name} is a class; its entry point must name an instance of it: write "
            f"`plugin = {found.plugin.__name__}()` and name `plugin`",
            broken=found.name,
        )
        return False
    version = getattr(found.plugin, "plugin_api", None)
    if isinstance(version, bool) or version != PLUGIN_API:
        problems.add(
            f"plugin {found.name} is made for plugin API {version}, this host has {PLUGIN_API}; "
            f"install a version of {found.distribution or 'it'} made for this one",
            broken=found.name,
        )
        return False
    for name in dir(found.plugin):
        try:
            attribute: Any = getattr(found.plugin, name, None)
        except Exception as error:
            problems.add(f"plugin {found.name}: its attribute {name} fails: {type(error).__name__}: {error}")
            continue
        marked = getattr(attribute, f"{PROJECT}_impl", None)
        if isinstance(marked, dict):
            for sentence in _wrong_with_hook(name, attribute, marked):
                problems.add(f"plugin {found.name}: {sentence}")
        elif name in HOOKS and inspect.isroutine(attribute):
            problems.add(f"plugin {found.name}: method {name} is named like a hook but not marked; write @hookimpl")
    if len(problems) > before:
        problems.broken.add(found.name)
    return len(problems) == before


def _wrong_with_hook(name: str, implementation: Callable[..., Any], marked: Mapping[str, Any]) -> Sequence[str]:
    hook = marked.get("specname") or name
    if hook not in HOOKS:
        near = difflib.get_close_matches(hook, HOOKS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(HOOKS)}"
        return [f"there is no hook {hook}; {meant}"]
    if hook != name:
        return [f"method {name} implements hook {hook} under another name; name it {hook}"]
    if any(marked.get(option) for option in ("hookwrapper", "wrapper", "optionalhook")):
        return [f"hook {name} is a wrapper or optional; write @hookimpl without options"]
    if inspect.iscoroutinefunction(implementation) or inspect.isasyncgenfunction(implementation):
        return [f"hook {name} is async def; hooks are declarations, use def"]
    wrong = []
    for parameter in inspect.signature(implementation).parameters.values():
        if parameter.name not in HOOKS[name]:
            takes = ", ".join(HOOKS[name]) or "none"
            wrong.append(f"hook {name} has an unknown argument {parameter.name}; the hook's arguments: {takes}")
        elif parameter.default is not parameter.empty:
            wrong.append(f"hook {name} gives {parameter.name} a default, never filled in; leave the default out")
    return wrong


class CheckedPlugin:
    """A plugin whose hooks are called, each once, its results looked at."""

    def __init__(self, found: FoundPlugin, problems: Problems, trace: bool = False) -> None:
        self.name = found.name
        self._problems = problems
        self._trace = trace
        # A manager of its own: no plugin sees another, and nothing hangs on the order of registration.
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        try:
            self._manager.register(found.plugin, found.name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            problems.add(f"plugin {found.name} does not fit the hooks: {error}", broken=found.name)

    def call(self, hook: str, **arguments: Any) -> Any:
        """What the hook returns; None where it is not implemented, returns None, or is refused."""
        caller = getattr(self._manager.hook, hook)
        if not caller.get_hookimpls():
            return None
        begun = time.perf_counter()
        try:
            answers = caller(**arguments)
        except (Exception, SystemExit) as error:
            self._problems.add(
                f"plugin {self.name}: hook {hook} failed: {type(error).__name__}: {error}; mend or block the plugin"
            )
            return None
        result = answers[0] if answers else None
        wrong = None if result is None else what_is_wrong(hook, result)
        if self._trace:
            _log.info(
                "hook called",
                plugin=self.name,
                hook=hook,
                returned=type(result).__name__,
                results=[] if result is None or wrong is not None else list(names_in(hook, result)),
                refused=wrong,
                milliseconds=round((time.perf_counter() - begun) * 1000, 3),
            )
        if wrong is not None:
            self._problems.add(f"plugin {self.name}: hook {hook} {wrong}")
            return None
        return result
