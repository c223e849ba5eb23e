"""The context of a GraphQL request: as the core's resolvers see it, and what plugins' resolvers see of it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

import strawberry
from strawberry.dataloader import DataLoader

from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.graphql import RequestContext
from dingkao.plugin.services import PluginServices
from dingkao.plugin.text import Language

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class CoreServicesOf(PluginServices, Protocol):
    """The services, which can be bound to the account that asks."""

    def for_caller(self, caller: Caller | None) -> PluginServices:
        """The same services, for this account alone."""
        ...


class CoreContext(RequestContext):
    """A request with the running application behind it."""

    def __init__(
        self,
        environment: Environment,
        caller: Caller | None,
        language: Language,
        services: CoreServicesOf,
        request_id: str,
        address: str,
        device: str = "",
    ) -> None:
        super().__init__(caller, language, services)
        self.environment = environment
        self.request_id = request_id
        self.address = address
        self.device = device
        self._brought: dict[Any, Mapping[Any, Any]] = {}
        self._services_of = services
        self._for_plugins: PluginContext | None = None

    def for_plugins(self) -> "PluginContext":
        """What plugins' resolvers get in its place."""
        if self._for_plugins is None:
            self._for_plugins = PluginContext(self, self._services_of.for_caller(self.caller))
        return self._for_plugins

    def bring(self, load: Callable[[list[Key]], Awaitable[Sequence[Value]]], values: Mapping[Key, Value]) -> None:
        """Keep what a list's query brought for all its rows, so that no row has to wait for `load`: a row that waits
        for nothing is completed at once, without a task of its own."""
        self._brought[load] = values

    def brought(self, load: Callable[[list[Key]], Awaitable[Sequence[Value]]]) -> Mapping[Key, Value]:
        """What was kept for `load`."""
        return self._brought.get(load, {})

    def forget_loaded(self) -> None:
        """Drop what loaders hold and lists brought: called after a mutation has written."""
        super().forget_loaded()
        self._brought.clear()


class PluginContext(RequestContext):
    """A request as plugins see it: no environment behind it, and services that answer for the account that asks and
    for no other."""

    def __init__(self, core: CoreContext, services: PluginServices) -> None:
        super().__init__(core.caller, core.language, services)
        self._refused_acts = core._refused_acts
        self._core = core

    def loader(
        self, load: Callable[[list[Key]], Awaitable[Sequence[Value]]], name: str | None = None
    ) -> DataLoader[Key, Value]:
        """The request's loader, the same that the core's resolvers share."""
        return self._core.loader(load, name)

    def forget_loaded(self) -> None:
        """Drop what all loaders of the request hold."""
        self._core.forget_loaded()


CoreInfo = strawberry.Info[CoreContext, None]


def core_info(info: Any) -> CoreInfo:
    """The info of the same field with the core's context, where a plugin's resolver hands over its own."""
    context = info.context
    if isinstance(context, PluginContext):
        return cast(CoreInfo, replace(info, _raw_info=info._raw_info._replace(context=context._core)))
    return cast(CoreInfo, info)
