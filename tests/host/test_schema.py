"""Plugins add to the schema and replace nothing: what is claimed twice or lands nowhere refuses the start."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import strawberry

from dingkao.application import load_registry
from dingkao.host.loading import PluginRefused
from dingkao.host.schema import AssembledSchema, build_schema
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.schema import assemble
from dingkao.settings import Settings

BUNDLED = ("exemptions", "general_procedure", "local_policy", "simple_procedure")


@strawberry.type(description="A core type. 值班")
class Shift:
    title: str = strawberry.field(description="Name. 名称")


@strawberry.type
class CoreQuery:
    @strawberry.field(description="A shift. 值班")
    def shift(self) -> Shift:
        return Shift(title="夜班")


@strawberry.type
class ShiftLength:
    @strawberry.field(description="Hours. 时长")
    def hours(self) -> int:
        return 12


@strawberry.type
class ShiftTitle:
    @strawberry.field(description="Another name. 名称")
    def title(self) -> str:
        return "假"


@strawberry.type
class ShiftMutation:
    @strawberry.mutation(description="Swap. 换班")
    def swap_shift(self) -> bool:
        return True


CORE = ("the core", GraphQLContribution(query=CoreQuery))
LENGTH = GraphQLContribution(fields={"Shift": ShiftLength}, mutation=ShiftMutation)


def build(*plugins: tuple[str, GraphQLContribution]) -> AssembledSchema:
    return build_schema([CORE, *plugins])


def refusal(*plugins: tuple[str, GraphQLContribution]) -> str:
    with pytest.raises(PluginRefused) as caught:
        build(*plugins)
    return str(caught.value)


def test_a_plugin_adds_fields_to_a_core_type_of_one_schema_only() -> None:
    with_plugin, without = build(("length", LENGTH)), build()
    assert with_plugin.execute_sync("{ shift { title hours } }").data == {"shift": {"title": "夜班", "hours": 12}}
    assert "hours" not in str(without)
    assert "swapShift" not in str(without)


def test_one_field_claimed_by_two_plugins() -> None:
    message = refusal(("length", LENGTH), ("night", GraphQLContribution(fields={"Shift": ShiftLength})))
    assert message == "field Shift.hours is claimed by length and by night; block one of them"


def test_one_root_field_claimed_by_two_plugins() -> None:
    again = GraphQLContribution(mutation=ShiftMutation)
    assert "field Mutation.swapShift is claimed by length and by night" in refusal(("length", LENGTH), ("night", again))


def test_the_cores_root_field_cannot_be_replaced() -> None:
    message = refusal(("night", GraphQLContribution(query=CoreQuery)))
    assert "field Query.shift is claimed by the core and by night" in message


def test_the_cores_own_field_cannot_be_replaced() -> None:
    message = refusal(("night", GraphQLContribution(fields={"Shift": ShiftTitle})))
    assert message == "night adds Shift.title, which the core has already; rename it"


def test_a_field_on_a_type_that_does_not_exist() -> None:
    message = refusal(("night", GraphQLContribution(fields={"Shfit": ShiftLength})))
    assert "night adds Shfit.hours, but the schema has no such type" in message


def schema_text(blocked: Sequence[str] = ()) -> str:
    return str(assemble(load_registry(Settings(plugins_blocked=tuple(blocked)))))


def definitions(text: str) -> set[str]:
    """Names of types, fields, arguments and enum values."""
    bare = re.sub(r'"""(?:.|\n)*?"""', "", text)
    return set(re.findall(r"\w+", bare))


def test_blocking_exemptions_leaves_no_word_of_the_plugin() -> None:
    full, without = definitions(schema_text()), definitions(schema_text(["exemptions"]))
    brought = {
        "Exemption",
        "ExemptionState",
        "ExemptionDecision",
        "ExemptionConditionOption",
        "ExemptionConnection",
        "exemptions",
        "exemptionConditions",
        "exemptionQueue",
        "requestExemption",
        "decideExemption",
    }
    assert brought <= full
    assert not brought & without
    # The core's own words stay: a paper may be EXEMPT, and a file of the past may be its proof.
    assert {word for word in without if "exempt" in word.lower()} <= {"EXEMPT", "EXEMPTION_PROOF"}


@pytest.mark.parametrize("blocked", [[name] for name in BUNDLED] + [list(BUNDLED)])
def test_the_rest_is_served_whichever_plugin_is_blocked(blocked: list[str]) -> None:
    names = definitions(schema_text(blocked))
    assert {"Assessment", "assessment", "submitAssessment"} <= names
    assert ("localGuidance" in names) == ("local_policy" not in blocked)


def test_everything_that_plugins_add_is_described_with_the_chinese_term() -> None:
    """Types, fields, arguments, enum values and input fields that the four plugins bring."""
    full = assemble(load_registry(Settings()))._schema
    core = assemble(load_registry(Settings(plugins_blocked=BUNDLED)))._schema
    undescribed = []

    def check(place: str, description: str | None) -> None:
        if not description or not re.search(r"[\u4e00-\u9fff]", description):
            undescribed.append(place)

    for name, kind in full.type_map.items():
        known = core.type_map.get(name)
        if known is None:
            check(name, kind.description)
        for field_name, field in getattr(kind, "fields", {}).items():
            if field_name in getattr(known, "fields", {}):
                continue
            check(f"{name}.{field_name}", field.description)
            for argument_name, argument in getattr(field, "args", {}).items():
                check(f"{name}.{field_name}({argument_name})", argument.description)
        for value_name, value in getattr(kind, "values", {}).items():
            if known is None:
                check(f"{name}.{value_name}", value.description)
    assert undescribed == []


def test_plugins_import_the_contract_alone() -> None:
    """`dingkao.plugin`, `dingkao.testing`, and the libraries that the contract names."""
    allowed = re.compile(r"^(dingkao\.plugin|dingkao\.testing|dingkao_\w+|strawberry|piccolo|pydantic)(\.|$)")
    standard = re.compile(r"^(collections|dataclasses|datetime|enum|json|typing)(\.|$)")
    files = sorted((Path(__file__).parents[2] / "plugins").rglob("*.py"))
    assert len(files) > 15
    foreign = [
        f"{path}: {module}"
        for path in files
        for module in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if not allowed.match(module) and not standard.match(module)
    ]
    assert foreign == []
