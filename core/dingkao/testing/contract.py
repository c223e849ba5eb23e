"""What every plugin has to keep, as tests that its own inherit::

    class TestContract(PluginContract):
        name = "sichuan"
        plugin = plugin

        async def populate(self, scene, doctor):
            key = await keep_note(scene.services, doctor.caller, doctor.assessment_id, f"备注{doctor.doctor_id}")
            return {"noteId": encode_id("SichuanNote", key)}

Needs the fixtures of `dingkao.testing.fixtures`; runs on the databases that its option names. What cannot be found out
from outside — rows of the plugin's own, ids for its arguments — `populate` gives. A contract that would test nothing
fails: a table left empty, a root field that nobody may ask, an argument without an id.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio
from graphql import GraphQLSchema, print_schema
from pydantic import SecretStr
from starlette.applications import Starlette

from dingkao.application import load_registry
from dingkao.db.counting import count_queries
from dingkao.db.database import Database
from dingkao.db.migrations import migrate, pending
from dingkao.environment import Environment
from dingkao.host.removal import find_holdings, remove_records
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.registry import Registry
from dingkao.schema import assemble
from dingkao.settings import Settings
from dingkao.subject_access.reading import may_belong_to_somebody
from dingkao.subject_access.service import export_subject_data
from dingkao.testing.asking import id_arguments, operation, strings_in
from dingkao.testing.clock import SettableClock
from dingkao.testing.contract_questions import NODE, by_type, fields_query, roots, schema_with, select
from dingkao.testing.contributed import AddedField, added_fields, described_places
from dingkao.testing.earlier_versions import columns_of, count_migrations, earlier_versions
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.plugins import FoundPlugin, bundled_plugins, migrations_of, plugin_under_test
from dingkao.testing.pool import DatabaseKind, DatabasePool
from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.scene import PopulatedScene, Scene, everything_stored, ids_of, populate_scene, refusal_codes
from dingkao.testing.web import Client, running_app, token_for

# How a scope refuses: what is another's does not exist, or is not for this role.
_REFUSED = {"NOT_FOUND", "FORBIDDEN"}
# How a question may end that was understood. Anything else is a bug, or a document that the contract got wrong.
_UNDERSTOOD = _REFUSED | {"UNAUTHENTICATED", "FIRST_LOGIN_REQUIRED", "BAD_ARGUMENT"}
# Core types that a list of the core's shows, with the account that sees them all.
_LISTS = {"Assessment": "assessments", "Doctor": "doctors", "Cycle": "cycles", "Organisation": "organisations"}
_FEW, _MANY = 2, 9
_PAGE = 12
_CHINESE = re.compile("[\u4e00-\u9fff]")


class PluginContract:
    """Inherit as `class TestContract(PluginContract)`, and say which plugin."""

    name: ClassVar[str]
    """The entry point's name."""

    plugin: ClassVar[object]
    """The plugin object."""

    public: ClassVar[frozenset[str]] = frozenset()
    """Root fields, as `Query.sichuanNotice`, that show the same to everybody, logged in or not."""

    async def populate(self, scene: Scene, doctor: SampleDoctor) -> Mapping[str, str]:
        """Write records of the plugin about a doctor (whose registration is open) and return the opaque ids that its
        root fields take, by the arguments' names. Called for several doctors. Texts that differ from doctor to doctor
        are looked for where they must not be."""
        return {}

    # What the tests below are made of.

    @pytest.fixture
    def found(self) -> FoundPlugin:
        """The plugin as if it were installed alone; nothing else of its environment counts."""
        return plugin_under_test(self.name, self.plugin, module=type(self.plugin).__module__)

    @pytest.fixture
    def others(self) -> list[FoundPlugin]:
        """The bundled plugins beside it."""
        return [plugin for plugin in bundled_plugins() if plugin.name != self.name]

    @pytest.fixture
    def plugins(self, found: FoundPlugin, others: list[FoundPlugin]) -> list[FoundPlugin]:
        """The application has the bundled plugins and this one."""
        return [*others, found]

    @pytest.fixture
    def schema(self, plugins: list[FoundPlugin]) -> GraphQLSchema:
        """The schema with the plugin."""
        return schema_with(tuple(plugins))

    @pytest.fixture
    def schema_without(self, others: list[FoundPlugin]) -> GraphQLSchema:
        """The schema without it."""
        return schema_with(tuple(others))

    @pytest.fixture
    def added(self, schema: GraphQLSchema, schema_without: GraphQLSchema) -> list[AddedField]:
        """Every field that it adds to a type of the core's."""
        return added_fields(schema, schema_without)

    @pytest.fixture
    def tables(self, found: FoundPlugin) -> list[str]:
        """The names of its tables."""
        return [table._meta.tablename for table in self._registry(found).tables]

    @pytest_asyncio.fixture
    async def populated(
        self, province: SampleProvince, clock: SettableClock, tables: list[str], environment: Environment
    ) -> PopulatedScene:
        """Two provinces with its records."""
        return await populate_scene(province, clock, self.populate, tables)

    def _registry(self, found: FoundPlugin) -> Registry:
        return load_registry(Settings(), [found])

    async def _client(self, scene: PopulatedScene, application: Starlette, account: int) -> Client:
        return Client(application, await token_for(scene.scene.environment, account))

    # It starts: names, claims, imports, prefixes, policy are checked by the start itself.

    @pytest.fixture
    def empty_databases(
        self, found: FoundPlugin, database_pool: DatabasePool, database_kind: DatabaseKind
    ) -> Iterator[list[str]]:
        """One database without the plugin's tables for each of its migrations, and one for the last version."""
        number = sum(count_migrations(full, database_kind.value) for full in self._registry(found).migrations)
        with ExitStack() as stack:
            yield [
                stack.enter_context(database_pool.fresh(database_kind, [CORE_MIGRATIONS])) for _ in range(number + 1)
            ]

    async def test_it_starts_alone(self, found: FoundPlugin, empty_databases: list[str], clock: SettableClock) -> None:
        """With no plugin beside it, on a database that has known no other."""
        url = empty_databases[0]
        async with Database(url).session():
            await migrate(migrations_of([found]))
        alone = Settings(keys=SecretStr(TEST_KEYS), database_url=url, explorer=False, sweep_seconds=300)
        await _answers(alone, clock, [found])

    async def test_it_starts_beside_the_bundled_ones(
        self, settings: Settings, clock: SettableClock, plugins: list[FoundPlugin]
    ) -> None:
        """With all four, in either order of installation, and one schema comes of it."""
        await _answers(settings, clock, plugins)
        one, other = (
            print_schema(assemble(load_registry(Settings(), order))._schema) for order in (plugins, plugins[::-1])
        )
        assert one == other, "the schema depends on the order of installation"

    def test_everything_it_adds_is_described(self, schema: GraphQLSchema, schema_without: GraphQLSchema) -> None:
        """Each type, field, argument and value, in Chinese and in English."""
        bare = [
            place
            for place, description in described_places(schema, schema_without)
            if not description or not _CHINESE.search(description) or not re.search("[A-Za-z]", description)
        ]
        assert bare == [], "describe each place, with the Chinese term in it"

    def test_its_tables_say_what_is_a_doctors(self, found: FoundPlugin) -> None:
        """A table with a key of the core's, or that refers to one with it, declares what of it a doctor gets who asks
        for everything that is held of him (dingkao.plugin.subject_access)."""
        silent = [
            table._meta.tablename
            for table in self._registry(found).tables
            if table._subject_access is None and may_belong_to_somebody(table)
        ]
        assert silent == [], "add _subject_access: HeldOfDoctor(…), or NothingOfDoctors(…) and why"

    # It leaks nothing.

    async def test_populate_fills_every_table(self, populated: PopulatedScene, tables: list[str]) -> None:
        """What is empty would be tested for nothing."""
        stored = await everything_stored()
        assert [table for table in tables if not stored[table]] == [], "populate() leaves these tables empty"

    async def test_nobody_is_told_anything(
        self, application: Starlette, populated: PopulatedScene, added: list[AddedField]
    ) -> None:
        """Without a login every root field refuses, but those that are public; nothing is changed."""
        client, before, wrong = Client(application), await everything_stored(), []
        for field in roots(added):
            codes = refusal_codes(await client.post(*self._operation(field, populated)))
            if codes != {"UNAUTHENTICATED"} and not (field.place in self.public and not codes):
                wrong.append((field.place, codes))
        nodes = set(by_type(added)) - {"Viewer"}
        for parent in sorted(nodes & set(populated.arguments)):
            codes = refusal_codes(await client.post(NODE, {"id": populated.arguments[parent]}))
            if codes != {"UNAUTHENTICATED"}:
                wrong.append((parent, codes))
        assert wrong == [], "asked without a login"
        assert await everything_stored() == before

    async def test_before_the_first_login_is_done_there_is_nothing(
        self, application: Starlette, populated: PopulatedScene, added: list[AddedField]
    ) -> None:
        """A session that has to set a password first is told nothing of the plugin's."""
        token = await token_for(populated.scene.environment, populated.doctor.account_id, first_login=True)
        client, wrong = Client(application, token), []
        for field in roots(added):
            codes = refusal_codes(await client.post(*self._operation(field, populated)))
            if codes != {"FIRST_LOGIN_REQUIRED"} and field.place not in self.public:
                wrong.append((field.place, codes))
        assert wrong == [], "asked before the first login was done"

    async def test_root_fields_show_nothing_of_anothers(
        self, application: Starlette, populated: PopulatedScene, added: list[AddedField]
    ) -> None:
        """A doctor, an institution, a body and an authority whom it does not concern: refused where an id is given,
        nothing hidden in the answer where none is; no mutation of theirs changes anything."""
        before, wrong = await everything_stored(), []
        for who, (caller, _) in populated.strangers().items():
            client = await self._client(populated, application, caller.account_id)
            for field in roots(added):
                if field.place in self.public:
                    continue
                answer = await client.post(*self._operation(field, populated))
                codes = refusal_codes(answer)
                if id_arguments(field.field) and not (codes and codes <= _REFUSED):
                    wrong.append(f"{who} is not refused {field.place}: {codes or answer}")
                elif answer.get("errors") and not codes <= _UNDERSTOOD:
                    wrong.append(f"{field.place} breaks for {who}: {answer['errors']}")
                elif shown := populated.hidden & strings_in(answer):
                    wrong.append(f"{field.place} shows {who} {sorted(shown)}")
        assert wrong == []
        assert await everything_stored() == before, "a refused mutation changed something"

    async def test_fields_on_core_types_show_nothing_of_anothers(
        self, application: Starlette, populated: PopulatedScene, added: list[AddedField]
    ) -> None:
        """Asked of the doctor's objects, and of those that are in the asking account's own scope."""
        wrong = []
        for who, (caller, own) in populated.strangers().items():
            client = await self._client(populated, application, caller.account_id)
            mine = {} if own is None else ids_of(populated.elsewhere.province, own)
            for parent, fields in by_type(added).items():
                for key in filter(None, (self._id(parent, populated), mine.get(parent))):
                    answer = await client.post(fields_query(parent, fields), {"id": key} if key != "-" else None)
                    codes = {code for code in refusal_codes(answer) if code not in _UNDERSTOOD}
                    if codes:
                        wrong.append(f"{parent} breaks for {who}: {answer['errors']}")
                    shown = (populated.hidden - {key}) & strings_in(answer)
                    if shown:
                        wrong.append(f"{', '.join(f.place for f in fields)} shows {who} {sorted(shown)}")
        assert wrong == []

    async def test_whom_it_concerns_is_answered(
        self, application: Starlette, populated: PopulatedScene, added: list[AddedField]
    ) -> None:
        """Guards the tests above: what is refused to others is there for somebody."""
        waiting = {field.place: field for field in added if field.parent != "Mutation"}
        answers: dict[str, object] = {}
        for caller in populated.owners().values():
            client = await self._client(populated, application, caller.account_id)
            for place, field in list(waiting.items()):
                if field.parent == "Query":
                    answer = await client.post(*self._operation(field, populated))
                else:
                    key = self._id(field.parent, populated)
                    answer = await client.post(fields_query(field.parent, [field]), {"id": key} if key != "-" else None)
                answers[place] = answer
                if not answer.get("errors"):
                    del waiting[place]
        assert {place: answers[place] for place in waiting} == {}, "nobody whom it concerns is answered"
        await self._check_exports(populated)

    async def _check_exports(self, populated: PopulatedScene) -> None:
        """What is held of a doctor is given to him who asks for all of it, and to nobody else who does."""
        environment = populated.scene.environment
        own = {table._meta.tablename: table for table in environment.registry.tables}
        given = json.loads((await export_subject_data(environment, populated.doctor.caller)).json)["plugins"]
        held = [name for name, table in own.items() if name in given and name.startswith(f"{self.name}_")]
        assert [name for name in held if not given[name]] == [], "exportMyData gives the doctor no row of these tables"
        for other in (populated.colleague, populated.stranger):
            text = (await export_subject_data(environment, other.caller)).json
            shown = {hidden for hidden in populated.hidden if hidden in text}
            assert shown == set(), "exportMyData gives another doctor what is this one's"

    # It keeps its query counts.

    async def test_its_queries_do_not_grow_with_rows(
        self, application: Starlette, province: SampleProvince, clock: SettableClock, added: list[AddedField],
        environment: Environment,
    ) -> None:  # fmt: skip
        """As many SQL statements for nine doctors as for two: each list with each added field, each root list."""
        scene = await populate_scene(province, clock, self.populate, [])
        questions: dict[str, tuple[str, dict[str, object]]] = {
            f"{_LISTS[parent]} with {', '.join(field.name for field in fields)}": (
                f"{{ {_LISTS[parent]}(first: {_PAGE}) {{ edges {{ node {{ __typename {select(fields)} }} }} }} }}",
                {},
            )
            for parent, fields in by_type(added).items()
            if parent in _LISTS
        }
        for field in roots(added):
            if field.kind == "query" and not id_arguments(field.field):
                questions[field.place] = self._operation(field, scene)
        few = await self._count(application, scene, questions)
        for number in range(_FEW, _MANY):
            doctor = await province.add_doctor(f"医师{number}", password_hash="unused", phone=f"1380000001{number}")
            await self.populate(scene.scene, doctor)
        many = await self._count(application, scene, questions)
        assert few.keys() == many.keys()
        unasked = [place for place in questions if not any(asked.startswith(f"{place}, ") for asked in few)]
        assert unasked == [], "nobody whom it concerns is answered"
        assert {place: (few[place], many[place]) for place in few if few[place] != many[place]} == {}, (
            "SQL statements for two doctors and for nine: gather keys with info.context.loader"
        )

    async def _count(
        self, application: Starlette, scene: PopulatedScene, questions: Mapping[str, tuple[str, dict[str, object]]]
    ) -> dict[str, int]:
        counts = {}
        for who, caller in scene.owners().items():
            client = await self._client(scene, application, caller.account_id)
            for place, (text, variables) in questions.items():
                # Once without counting: policies and documents that are read for the first time are kept. Where a
                # field is refused its neighbours are cancelled, sooner or later: nothing to be counted.
                if (await client.post(text, variables)).get("errors"):
                    continue
                with count_queries() as statements:
                    await client.post(text, variables)
                counts[f"{place}, asked by {who}"] = len(statements)
        return counts

    # It can be taken out again.

    async def test_the_rest_runs_without_it(
        self, settings: Settings, clock: SettableClock, others: list[FoundPlugin], populated: PopulatedScene,
        schema_without: GraphQLSchema, tmp_path: Path, environment: Environment,
    ) -> None:  # fmt: skip
        """On the database that has known it the server starts without it, shows every record of the core's, and
        `dingkao plugins remove` exports what the plugin wrote."""
        stored = await everything_stored()
        assert schema_without.query_type is not None
        assessment = operation(
            "query", "assessment", schema_without.query_type.fields["assessment"],
            # Three objects far it selects more fields than one operation may.
            {"id": populated.arguments["Assessment"]}, deep=True,
        )  # fmt: skip
        whole = 0
        async with running_app(settings, clock, others) as without:
            for who, caller in populated.owners().items():
                client = Client(without, await token_for(without.state.environment, caller.account_id))
                answer = await client.post(*assessment)
                # Some of the core's fields are for staff alone.
                assert refusal_codes(answer) <= {"FORBIDDEN"}, f"{who} cannot read it without the plugin: {answer}"
                whole += not answer.get("errors")
        assert whole, "nobody can read the whole assessment without the plugin"
        tables = [table._meta.tablename for table in self._registry(plugin_under_test(self.name, self.plugin)).tables]
        if not tables:
            return
        holdings, path = await find_holdings(self.name), tmp_path / "records.jsonl"
        assert dict(holdings.tables) == {table: len(stored[table]) for table in sorted(tables)}
        await remove_records(environment, holdings, path)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == 1 + holdings.records
        assert not set(tables) & set(await everything_stored())
        async with running_app(settings, clock, others):
            pass

    # It migrates.

    async def test_its_tables_are_as_its_migrations_make_them(
        self, environment: Environment, found: FoundPlugin
    ) -> None:
        """Every column that is declared is there, and no other."""
        for table in self._registry(found).tables:
            declared = {column._meta.db_column_name for column in table._meta.columns}
            assert set(await columns_of(table._meta.tablename)) == declared, table._meta.tablename

    async def test_it_migrates_up_from_each_earlier_version(
        self, found: FoundPlugin, empty_databases: list[str], database_kind: DatabaseKind, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """From none, from the first migration, the second, …: the rest is applied and the tables are the same."""
        monkeypatch.syspath_prepend(tmp_path)
        for full in self._registry(found).migrations:
            shapes = []
            for number, earlier in earlier_versions(full, tmp_path, database_kind.value):
                async with Database(empty_databases.pop()).session():
                    if earlier is not None:
                        assert len(await migrate([earlier])) == number
                    assert await migrate([full])
                    assert await pending([full]) == []
                    shapes.append({table: await columns_of(table) for table in self._table_names(found)})
            assert shapes, f"{full.package} holds no migration for {database_kind.value}"
            assert all(shape == shapes[0] for shape in shapes)

    # Small parts.

    def _table_names(self, found: FoundPlugin) -> list[str]:
        return [table._meta.tablename for table in self._registry(found).tables]

    def _id(self, parent: str, populated: PopulatedScene) -> str:
        if parent == "Viewer":
            return "-"
        assert parent in populated.arguments, f"populate() must return the id of an object of {parent}, as {parent!r}"
        return populated.arguments[parent]

    def _operation(self, field: AddedField, populated: PopulatedScene) -> tuple[str, dict[str, object]]:
        missing = id_arguments(field.field) - set(populated.arguments)
        assert not missing, f"populate() must return an id for {', '.join(sorted(missing))} of {field.place}"
        return operation(field.kind, field.name, field.field, populated.arguments, deep=True)


@asynccontextmanager
async def _running(settings: Settings, clock: SettableClock, plugins: list[FoundPlugin]) -> AsyncIterator[Client]:
    async with running_app(settings, clock, plugins) as app:
        yield Client(app)


async def _answers(settings: Settings, clock: SettableClock, plugins: list[FoundPlugin]) -> None:
    async with _running(settings, clock, plugins) as client:
        assert await client.value("query { apiVersion }")
