"""The context of a GraphQL request, as the core's resolvers see it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import strawberry

from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.graphql import RequestContext
from dingkao.plugin.services import PluginServices
from dingkao.plugin.text import Language

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class CoreContext(RequestContext):
    """A request with the running application behind it."""

    def __init__(
        self,
        environment: Environment,
        caller: Caller | None,
        language: Language,
        services: PluginServices,
        request_id: str,
        address: str,
    ) -> None:
        super().__init__(caller, language, services)
        self.environment = environment
        self.request_id = request_id
        self.address = address
        self._brought: dict[Any, Mapping[Any, Any]] = {}

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


CoreInfo = strawberry.Info[CoreContext, None]
