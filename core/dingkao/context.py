"""The context of a GraphQL request, as the core's resolvers see it."""

import strawberry

from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.graphql import RequestContext
from dingkao.plugin.services import PluginServices
from dingkao.plugin.text import Language


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


CoreInfo = strawberry.Info[CoreContext, None]
