"""Plugins add to the schema and replace nothing: what is claimed twice or lands nowhere refuses the start."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

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


@strawberry.type
class AliasedLength:
    @strawberry.field(name="shiftHours", description="Hours. 时长")
    def length(self) -> int:
        return 12


@strawberry.type
class CamelLength:
    @strawberry.field(description="Hours. 时长")
    def shift_hours(self) -> int:
        return 12


@strawberry.type
class BothLengths:
    @strawberry.field(description="Hours. 时长")
    def shift_hours(self) -> int:
        return 12

    @strawberry.field(name="shiftHours", description="Hours again. 时长")
    def length(self) -> int:
        return 8


def test_aliases_and_camel_casing_count() -> None:
    one, other = (GraphQLContribution(fields={"Shift": kind}) for kind in (AliasedLength, CamelLength))
    message = "field Shift.shiftHours is claimed by length and by night; block one of them"
    assert refusal(("length", one), ("night", other)) == message
    assert refusal(("length", other), ("night", one)) == message
    twice = GraphQLContribution(fields={"Shift": BothLengths})
    assert refusal(("night", twice)) == "field Shift.shiftHours is claimed twice by night; rename one of the two"


@strawberry.type(description="Lengths. 时长")
class NightLengths:
    @strawberry.field(description="Hours. 时长")
    def shift_hours(self, a_b: int = 1) -> int:
        return 12

    @strawberry.field(name="shiftHours", description="Hours again. 时长")
    def length(self) -> int:
        return 8


@strawberry.type
class LengthsQuery:
    @strawberry.field(description="Lengths. 时长")
    def lengths(self) -> NightLengths:
        return NightLengths()


def test_two_fields_of_one_name_on_a_plugins_own_type() -> None:
    message = refusal(("night", GraphQLContribution(query=LengthsQuery)))
    assert message.startswith("type NightLengths has two fields shiftHours (")
    assert "one hides the other; rename one" in message


@strawberry.type
class TwoArguments:
    @strawberry.field(description="Sum. 合计")
    def total(self, a_b: int, c: Annotated[int, strawberry.argument(name="aB")]) -> int:
        return a_b + c


def test_two_arguments_of_one_name() -> None:
    message = refusal(("night", GraphQLContribution(query=TwoArguments)))
    assert message == "field Query.total has two arguments aB; rename one"


def type_named(name: str, module: str = __name__) -> Any:
    """A GraphQL type of its own each time."""
    made = type(name, (), {"__annotations__": {"hours": int}, "__module__": module, "__qualname__": f"{module}.{name}"})
    return strawberry.type(made, description="A type. 类型")


def shows(kind: Any, field: str) -> GraphQLContribution:
    """A root field that returns `kind`."""

    def resolve() -> Any:
        raise AssertionError("nobody asks")

    resolve.__annotations__["return"] = kind
    holder = type("Holder", (), {field: strawberry.field(resolver=resolve, description="A field. 字段")})
    return GraphQLContribution(query=strawberry.type(holder))


class OfOne:
    """Where the first of two types of one name is defined."""

    Shape = type_named("NightShape")


class OfOther:
    """Where the second is."""

    Shape = strawberry.type(
        type("NightShape", (), {"__annotations__": {"minutes": int}, "__module__": __name__}), description="类型"
    )


def test_one_type_claimed_by_two_plugins() -> None:
    message = refusal(("day", shows(OfOne.Shape, "one")), ("night", shows(OfOther.Shape, "other")))
    assert message == "type NightShape is claimed by day and by night; block one of them"


def test_a_type_of_the_core_claimed_by_a_plugin_and_the_others_are_named_too() -> None:
    own_shift = strawberry.type(
        type("Shift", (), {"__annotations__": {"hours": int}, "__module__": __name__, "__qualname__": "Own"}),
        description="类型",
    )
    with pytest.raises(PluginRefused) as caught:
        build(
            ("day", shows(own_shift, "own")),
            ("dusk", shows(OfOne.Shape, "one")),
            ("night", shows(OfOther.Shape, "other")),
        )
    assert list(caught.value.problems) == [
        "type Shift is claimed by the core and by day; rename it in the plugin",
        "type NightShape is claimed by dusk and by night; block one of them",
    ]


def test_a_type_that_cannot_be_built_names_its_plugin() -> None:
    @strawberry.type
    class Unresolved:
        @strawberry.field(description="Nothing. 无")
        def nothing(self) -> "NoSuchType":  # type: ignore[name-defined]  # noqa: F821
            return None

    message = refusal(("length", LENGTH), ("night", GraphQLContribution(query=Unresolved)))
    assert message.startswith("night: its GraphQL types cannot be built: UnresolvedFieldTypeError: ")
    assert message.endswith("; mend or block the plugin")


@strawberry.input(description="Which. 条件")
class LengthFilter:
    hours: int = strawberry.field(description="Hours. 时长")


@strawberry.enum(description="Unit. 单位")
class LengthUnit(Enum):
    HOURS = "HOURS"


@strawberry.type(description="A length. 时长")
class LengthValue:
    unit: LengthUnit = strawberry.field(description="Unit. 单位")
    on: date = strawberry.field(description="Day. 日期")
    price: Decimal = strawberry.field(description="Price. 价格")
    shift: Shift = strawberry.field(description="The core's. 值班")


LengthResult = Annotated[LengthValue | Shift, strawberry.union("LengthResult", description="Outcome. 结果")]


@strawberry.type
class LengthQuery:
    @strawberry.field(description="Lengths. 时长")
    def lengths(self, filter: LengthFilter) -> list[LengthResult]:
        return []


WITH_TYPES = GraphQLContribution(query=LengthQuery)


def test_every_kind_of_type_has_the_plugins_prefix() -> None:
    contributions = [CORE, ("length", WITH_TYPES)]
    assert "LengthResult" in str(build_schema(contributions, prefixes={"length": "Length"}))
    with pytest.raises(PluginRefused) as caught:
        build_schema(contributions, prefixes={"length": "Night"})
    # Scalars that come with GraphQL or Strawberry, and the core's own types, are nobody's.
    assert sorted(caught.value.problems) == [
        f"plugin length: type {name} must be named Night…, so that no other plugin's is like it; rename it, or declare "
        "another graphql_prefix"
        for name in ("LengthFilter", "LengthResult", "LengthUnit", "LengthValue")
    ]


def test_a_prefix_that_the_cores_types_have() -> None:
    contributions = [CORE, ("length", shows(type_named("ShiftTitle"), "shift_title"))]
    with pytest.raises(PluginRefused, match=r"types of the core begin with its prefix Shift .* another graphql_prefix"):
        build_schema(contributions, prefixes={"length": "Shift"})


def test_fields_go_to_object_types_alone() -> None:
    message = refusal(("length", WITH_TYPES), ("night", GraphQLContribution(fields={"LengthFilter": ShiftLength})))
    assert (
        message == "night adds LengthFilter.hours, but LengthFilter is no object type; fields go to object types alone"
    )


def test_root_fields_given_in_two_ways_all_count() -> None:
    both = GraphQLContribution(query=CamelLength, fields={"Query": AliasedLength})
    assert refusal(("night", both)) == "field Query.shiftHours is claimed twice by night; rename one of the two"
    apart = GraphQLContribution(query=CamelLength, fields={"Query": ShiftLength})
    printed = str(build(("night", apart)))
    assert "shiftHours" in printed
    assert "hours" in printed


def test_everything_that_is_wrong_with_the_schema_is_said_at_once() -> None:
    with pytest.raises(PluginRefused) as caught:
        build(
            ("length", LENGTH),
            ("night", GraphQLContribution(fields={"Shift": ShiftLength, "Shfit": ShiftLength}, mutation=ShiftMutation)),
        )
    assert list(caught.value.problems) == [
        "field Mutation.swapShift is claimed by length and by night; block one of them",
        "field Shift.hours is claimed by length and by night; block one of them",
        "night adds Shfit.hours, but the schema has no such type; name a type it has",
    ]
