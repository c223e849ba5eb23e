"""What plugins get hold of: a context without the application behind it, the account that asks, their own tables."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import strawberry

import dingkao.plugin
from dingkao.context import CoreContext
from dingkao.db.database import Database
from dingkao.db.tables import Record
from dingkao.environment import Environment
from dingkao.host.loading import FoundPlugin, build_registry, find_plugins
from dingkao.host.services import CoreServices
from dingkao.plugin import hookimpl
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.graphql import AssessmentReference, Info
from dingkao.plugin.ids import encode_id
from dingkao.plugin.tables import OutOfReach, Statement
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role
from dingkao.registry import Registry
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample, caller_for
from dingkao.testing.shared import shared_schema
from dingkao.web.execution import Executor
from dingkao_exemptions.tables import ExemptionRequest

# The whole of what `info.context` has for a plugin.
OFFERED = ["caller", "forget_loaded", "language", "loader", "say", "services"]


def offered(info: Info) -> list[str]:
    return sorted(name for name in dir(info.context) if not name.startswith("_"))


@strawberry.type(description="What a field of the plugin's own type sees. 所见")
class NightView:
    key: strawberry.Private[int]

    @strawberry.field(description="Seen. 所见")
    def seen(self, info: Info) -> list[str]:
        return offered(info)

    @strawberry.field(description="Seen with an argument. 所见")
    async def seen_with(self, info: Info, number: int) -> list[str]:
        return offered(info)

    @strawberry.field(description="A core object through the services. 考核")
    async def assessment(self, info: Info) -> AssessmentReference:
        return await info.context.services.load_assessment(info, self.key)


@strawberry.type
class NightFields:
    @strawberry.field(description="Seen. 所见")
    def night_seen(self, info: Info) -> list[str]:
        return offered(info)

    @strawberry.field(description="View. 所见")
    async def night_view(self, info: Info) -> NightView:
        return NightView(key=info.context.services.assessment_key(self))


@strawberry.type
class NightQuery:
    @strawberry.field(description="Seen. 所见")
    def night_seen(self, info: Info) -> list[str]:
        return offered(info)

    @strawberry.field(description="Reads as somebody else. 冒名读取")
    async def night_forged(self, info: Info, account: int, id: strawberry.ID) -> bool:
        caller = info.context.caller
        assert caller is not None
        forged = replace(caller, account_id=account)
        info.context.caller = forged
        found = await info.context.services.readings(forged, [1])
        return found[0] is not None


@strawberry.type
class NightMutation:
    @strawberry.mutation(description="Seen. 所见")
    async def night_see(self, info: Info, number: int) -> list[str]:
        return offered(info)


class NightPlugin:
    plugin_api = 1

    @hookimpl
    def graphql(self) -> GraphQLContribution:
        return GraphQLContribution(query=NightQuery, mutation=NightMutation, fields={"Assessment": NightFields})


@pytest.fixture(scope="module")
def registry() -> Registry:
    return build_registry([*find_plugins(), FoundPlugin("night", "dingkao-night", "1.0", NightPlugin())])


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


@pytest.fixture
async def doctor(province: SampleProvince) -> SampleDoctor:
    return await province.add_doctor()


class Asking:
    """Asks the schema with the plugin, as the endpoint does."""

    def __init__(self, environment: Environment, registry: Registry) -> None:
        self._environment = environment
        self._executor = Executor(shared_schema(registry))

    async def __call__(self, doctor: SampleDoctor, query: str) -> Any:
        services = CoreServices(self._environment)
        context = CoreContext(self._environment, doctor.caller, Language.CHINESE, services, "test", "127.0.0.1")
        variables = {"id": encode_id("Assessment", doctor.assessment_id)}
        return await self._executor.run(query, variables, None, context)


@pytest.fixture
def ask(environment: Environment, registry: Registry) -> Asking:
    return Asking(environment, registry)


async def test_a_plugins_resolver_sees_what_it_is_offered_and_no_more(ask: Asking, doctor: SampleDoctor) -> None:
    query = """query Q($id: ID!) {
      nightSeen
      assessment(id: $id) {
        nightSeen
        localGuidance
        nightView { seen seenWith(number: 1) assessment { id institution { name } nightSeen } }
      }
    }"""
    for _ in range(3):  # a document that comes again is compiled
        outcome = await ask(doctor, query)
        assert list(outcome.errors) == []
        assert outcome.data["nightSeen"] == OFFERED
        assessment = outcome.data["assessment"]
        assert assessment["nightSeen"] == OFFERED
        assert assessment["nightView"]["seen"] == assessment["nightView"]["seenWith"] == OFFERED
        # The core's own fields below a plugin's see the core's context again.
        assert assessment["nightView"]["assessment"]["institution"]["name"]
        assert assessment["nightView"]["assessment"]["nightSeen"] == OFFERED
    outcome = await ask(doctor, "mutation { nightSee(number: 1) }")
    assert outcome.data == {"nightSee": OFFERED}


async def test_a_plugin_cannot_ask_for_another_account(ask: Asking, doctor: SampleDoctor) -> None:
    outcome = await ask(doctor, "query Q($id: ID!) { nightForged(account: 1, id: $id) }")
    (error,) = outcome.errors
    assert isinstance(error.original_error, RuntimeError)
    assert "asked for another account than the one that asks" in str(error.original_error)


async def test_bound_services_answer_for_their_account_alone(
    environment: Environment, province: SampleProvince, doctor: SampleDoctor
) -> None:
    services = CoreServices(environment).for_caller(doctor.caller)
    assert (await services.facts(doctor.caller, doctor.assessment_id)).doctor_id == doctor.doctor_id
    mighty = caller_for(doctor.caller.account_id, "冒名", province.authority.grants)
    assert mighty.has(Role.AUTHORITY_OFFICER)
    key = doctor.assessment_id
    for attempt in (services.readings(mighty, [key]), services.facts(mighty, key), services.policy(mighty, key)):
        with pytest.raises(RuntimeError, match="another account"):
            await attempt
    with pytest.raises(RuntimeError, match="another account"):
        services.logged_in(mighty)
    with pytest.raises(RuntimeError, match="another account"):
        async with services.work(mighty):
            pytest.fail("began for another account")


CORE_QUERIES = [
    "SELECT * FROM doctor",
    'SELECT d.* FROM exemptions_request e JOIN "doctor" d ON d.id = e.id',
    "SELECT (SELECT count(*) FROM session) AS n FROM exemptions_request",
    "UPDATE assessment SET state = 'CONCLUDED'",
    "INSERT INTO result (id) VALUES (1)",
    "DELETE FROM audit_entry",
    "SELECT * FROM migration_history",
]


@pytest.mark.parametrize("sql", CORE_QUERIES)
async def test_a_plugins_table_reaches_no_table_of_the_core(environment: Environment, sql: str) -> None:
    with pytest.raises(OutOfReach, match="a table of the core; ask PluginServices"):
        await ExemptionRequest.raw(sql)
    with pytest.raises(OutOfReach):
        await ExemptionRequest._meta.db.run_ddl(sql)


@pytest.mark.parametrize("sql", CORE_QUERIES)
async def test_a_plugins_statement_reaches_none_either(environment: Environment, sql: str) -> None:
    statement = Statement(lambda p: ExemptionRequest.raw(sql).querystring)
    with pytest.raises(OutOfReach):
        await statement.run()


async def test_its_own_tables_are_as_before(environment: Environment) -> None:
    assert await ExemptionRequest.select() == []
    assert await ExemptionRequest.raw("SELECT count(*) AS n FROM exemptions_request") == [{"n": 0}]
    statement = Statement(lambda p: ExemptionRequest.select(ExemptionRequest.id).where(ExemptionRequest.id == p.key))
    assert await statement.run(key=1) == []


def public_names() -> Iterator[tuple[str, object]]:
    """Everything that can be imported from the contract without an underscore."""
    for module in pkgutil.walk_packages(dingkao.plugin.__path__, "dingkao.plugin."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if not name.startswith("_"):
                yield f"{module.name}.{name}", value


def test_the_contract_hands_out_no_table_and_no_database_of_the_core() -> None:
    names = dict(public_names())
    assert len(names) > 100
    tables = [name for name, value in names.items() if inspect.isclass(value) and issubclass(value, Record)]
    assert {names[name] for name in tables} == {Record}
    assert [name for name, value in names.items() if value in (Environment, Database, CoreServices, CoreContext)] == []
    assert [name for name, value in names.items() if isinstance(value, Environment | Database)] == []
