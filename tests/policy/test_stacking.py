"""Layers on the national values: fallback, places, what a lower layer may do, and refusals. Pure."""

import json
from enum import StrEnum
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from dingkao.plugin.national import CORE_SECTIONS, DocumentsPolicy, ReviewPolicy
from dingkao.plugin.policy import (
    MAY_NOT_TOUCH,
    MAY_SET,
    NATIONAL,
    PolicyError,
    PolicyLayer,
    PolicySection,
    Stricter,
    check_sections,
    from_json,
    may_tighten,
    policy_key,
    stack,
)
from dingkao.plugin.policy_keys import describe_keys, key_rule
from dingkao.policies import PolicyBook

PROVINCE, PREFECTURE, COUNTY, HOSPITAL = "990000", "990100", "990101", "H001"


class Grade(StrEnum):
    """From the least strict to the strictest; by their letters they would stand otherwise."""

    LOW = "LOW"
    HIGH = "HIGH"


class NightSection(PolicySection):
    """夜间"""

    name: ClassVar[str] = "night"

    shifts: int = policy_key(default=1, ge=1, le=9, description="班次", source="a test")
    rest_hours: int = policy_key(
        default=8, description="休息", source="a test", lower=may_tighten(Stricter.HIGHER), ge=0
    )
    longest: int | None = policy_key(
        default=None, description="最长", source="a test", lower=may_tighten(Stricter.LOWER)
    )
    supervised: bool = policy_key(default=False, description="带班", source="a test", lower=may_tighten(Stricter.TRUE))
    alone: bool = policy_key(default=True, description="独自", source="a test", lower=may_tighten(Stricter.FALSE))
    wards: tuple[str, ...] = policy_key(
        default=("A",), description="病区", source="a test", lower=may_tighten(Stricter.MORE)
    )
    drugs: tuple[str, ...] = policy_key(
        default=("X", "Y"), description="药品", source="a test", lower=may_tighten(Stricter.FEWER)
    )
    grade: Grade = policy_key(
        default=Grade.LOW, description="级别", source="a test", lower=may_tighten(Stricter.HIGHER)
    )
    law: str = policy_key(default="三个维度", description="法律", source="a test", lower=MAY_NOT_TOUCH)


def layer(place: str, organisation: str | None = None, **values: Any) -> PolicyLayer:
    keys = {f"night.{key}": value for key, value in values.items()}
    source = f"night/{organisation or place}"
    return PolicyLayer(place, source, "1", f"{place}通知", keys, organisation=organisation, plugin="night")


def book(*layers: PolicyLayer) -> PolicyBook:
    return PolicyBook([NightSection], layers)


# Which layers there are, of which place the value is asked for, the value, and the layer it came from.
CHAIN = (PROVINCE, PREFECTURE, COUNTY)
FALLBACK = [
    ([], CHAIN, None, 1, "national"),
    ([], (), None, 1, "national"),
    ([(PROVINCE, None, 2)], CHAIN, None, 2, f"night/{PROVINCE}"),
    ([(PROVINCE, None, 2)], (PROVINCE,), None, 2, f"night/{PROVINCE}"),
    ([(PROVINCE, None, 2)], (), None, 1, "national"),
    ([(PROVINCE, None, 2)], ("980000",), None, 1, "national"),
    ([(COUNTY, None, 3)], CHAIN, None, 3, f"night/{COUNTY}"),
    ([(COUNTY, None, 3)], CHAIN[:2], None, 1, "national"),
    ([(PREFECTURE, None, 4)], CHAIN, None, 4, f"night/{PREFECTURE}"),
    ([(PREFECTURE, None, 4)], (PROVINCE, "990200"), None, 1, "national"),
    ([(PROVINCE, None, 2), (COUNTY, None, 3)], CHAIN, None, 3, f"night/{COUNTY}"),
    ([(COUNTY, None, 3), (PROVINCE, None, 2)], CHAIN, None, 3, f"night/{COUNTY}"),
    ([(COUNTY, None, 3), (PROVINCE, None, 2)], CHAIN[:2], None, 2, f"night/{PROVINCE}"),
    ([(PROVINCE, HOSPITAL, 5)], CHAIN, None, 1, "national"),
    ([(PROVINCE, HOSPITAL, 5)], CHAIN, HOSPITAL, 5, f"night/{HOSPITAL}"),
    ([(PROVINCE, HOSPITAL, 5)], CHAIN, "H002", 1, "national"),
    ([(PROVINCE, HOSPITAL, 5)], ("980000",), HOSPITAL, 1, "national"),
    ([(PROVINCE, HOSPITAL, 5), (COUNTY, None, 3)], CHAIN, HOSPITAL, 5, f"night/{HOSPITAL}"),
    ([(PROVINCE, HOSPITAL, 5), (COUNTY, None, 3)], CHAIN, "H002", 3, f"night/{COUNTY}"),
]


@pytest.mark.parametrize(("layers", "chain", "organisation", "value", "source"), FALLBACK)
def test_the_nearest_layer_counts(
    layers: list[tuple[str, str | None, int]], chain: tuple[str, ...], organisation: str | None, value: int, source: str
) -> None:
    policy = book(*(layer(place, named, shifts=set_to) for place, named, set_to in layers)).for_place(
        chain, organisation
    )
    assert policy.section(NightSection).shifts == value
    found = {path: origin for path, _, origin in policy.items()}
    assert found["night.shifts"].source == source
    # Keys that no layer sets stay as they are, wherever the others come from.
    assert policy.section(NightSection).rest_hours == 8
    assert found["night.rest_hours"] is NATIONAL


def test_a_layer_that_sets_one_key_leaves_the_others_to_the_layers_above() -> None:
    policy = book(layer(PROVINCE, shifts=2, rest_hours=9), layer(COUNTY, shifts=3)).for_place(CHAIN)
    assert policy.section(NightSection).shifts == 3
    assert policy.section(NightSection).rest_hours == 9
    origin = policy.origins["night.rest_hours"]
    assert (origin.source, origin.region, origin.version, origin.plugin) == (
        f"night/{PROVINCE}",
        PROVINCE,
        "1",
        "night",
    )
    assert origin.reason == "990000通知"


LOWER = [
    ("shifts", 9, 1, True),
    ("rest_hours", 8, 8, True),
    ("rest_hours", 8, 9, True),
    ("rest_hours", 9, 8, False),
    ("longest", 12, 10, True),
    ("longest", 12, 13, False),
    ("longest", 12, None, False),
    ("supervised", True, True, True),
    ("supervised", True, False, False),
    ("alone", False, False, True),
    ("alone", False, True, False),
    ("grade", "LOW", "HIGH", True),
    ("grade", "HIGH", "LOW", False),
    ("wards", ["A", "B"], ["A", "B", "C"], True),
    ("wards", ["A", "B"], ["A"], False),
    ("drugs", ["X"], [], True),
    ("drugs", ["X"], ["X", "Y"], False),
]


@pytest.mark.parametrize(("key", "above", "below", "allowed"), LOWER)
def test_a_lower_layer_only_tightens(key: str, above: Any, below: Any, allowed: bool) -> None:
    layers = [layer(PROVINCE, **{key: above}), layer(COUNTY, **{key: below})]
    if allowed:
        stacked = stack([NightSection], layers)
        assert json.loads(stacked.to_json())["night"][key] == below
        return
    with pytest.raises(PolicyError) as caught:
        stack([NightSection], layers)
    message = str(caught.value)
    for part in ("plugin night", f"layer night/{COUNTY}", f"night.{key}", json.dumps(above), json.dumps(below)):
        assert part in message
    assert f"night/{PROVINCE} has" in message


def test_the_nations_own_value_is_tightened_only_as_well() -> None:
    with pytest.raises(PolicyError, match=r"night.rest_hours = 7 .* only tighten \(higher\), and national has 8"):
        stack([NightSection], [layer(PROVINCE, rest_hours=7)])


def test_what_the_law_fixes_is_not_touched() -> None:
    stack([NightSection], [layer(PROVINCE, law="三个维度")])
    with pytest.raises(PolicyError, match=r'night.law = "四个" .*may not touch, and national has "三个维度"'):
        stack([NightSection], [layer(PROVINCE, law="四个")])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"night.shift": 2}, "sets night.shift, which no section has"),
        ({"day.shifts": 2}, "sets day.shifts, which no section has"),
        ({"night.shifts": 0}, "night.shifts = 0: Input should be greater than or equal to 1 (above it: 1)"),
        ({"night.shifts": "many"}, 'night.shifts = "many": Input should be a valid integer'),
        ({"night.wards": "A"}, 'night.wards = "A": Input should be a valid tuple'),
    ],
)
def test_a_bad_value_is_named_with_layer_key_and_values(values: dict[str, Any], said: str) -> None:
    bad = PolicyLayer(PROVINCE, "night/bad", "1", "通知", values, plugin="night")
    with pytest.raises(PolicyError) as caught:
        PolicyBook([NightSection], [bad]).check()
    assert f"plugin night, layer night/bad ({PROVINCE})" in str(caught.value)
    assert said in str(caught.value)


def test_the_laws_floor_names_the_section() -> None:
    bad = PolicyLayer(PROVINCE, "night/bad", "1", "通知", {"papers.rules": {}}, plugin="night")
    with pytest.raises(PolicyError, match=r"section papers: .*a layer gives the rules of every subject"):
        stack(CORE_SECTIONS, [bad])


def test_an_organisations_layer_is_checked_on_top_of_its_regions() -> None:
    with pytest.raises(PolicyError, match=f"organisation {HOSPITAL}"):
        book(layer(PROVINCE, rest_hours=12), layer(PROVINCE, HOSPITAL, rest_hours=10)).check()


class NoDescription(PolicySection):
    """无说明"""

    name: ClassVar[str] = "night"

    shifts: int = Field(default=1)


class BadDefault(PolicySection):
    """默认值不合"""

    name: ClassVar[str] = "night"

    shifts: int = policy_key(default=0, ge=1, description="班次", source="a test")


class BadRule(PolicySection):
    """规则不合"""

    name: ClassVar[str] = "night"

    shifts: dict[str, int] = policy_key(
        default_factory=dict, description="班次", source="a test", lower=may_tighten(Stricter.HIGHER)
    )


@pytest.mark.parametrize(
    ("section", "said"),
    [(NoDescription, "has no description"), (BadDefault, "a default"), (BadRule, "rule for lower layers of shifts")],
)
def test_a_section_is_checked_itself(section: type[PolicySection], said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        check_sections([section])


def test_every_core_key_has_source_and_term() -> None:
    for key in describe_keys(CORE_SECTIONS):
        assert key.source, key.path
        assert any("一" <= sign <= "鿿" for sign in key.description), key.path
        assert key.type


def test_a_plain_field_may_be_set() -> None:
    assert key_rule(NoDescription.model_fields["shifts"]) == MAY_SET


def test_the_objection_period_is_only_lengthened_down_the_tree() -> None:
    """The right to object is the law's: what the province gives, no county takes back."""
    given = PolicyLayer(PROVINCE, "a", "1", "通知", {"documents.objection_days": 45})
    taken = PolicyLayer(COUNTY, "b", "1", "通知", {"documents.objection_days": 40})
    assert stack(CORE_SECTIONS, [given]).section(DocumentsPolicy).objection_days == 45
    with pytest.raises(PolicyError, match=r"documents.objection_days = 40"):
        stack(CORE_SECTIONS, [given, taken])


def test_versions_tell_policies_apart_and_fit_the_column() -> None:
    one = book(layer(PROVINCE, shifts=2)).for_place(CHAIN)
    other = book(layer(PROVINCE, shifts=3)).for_place(CHAIN)
    assert one.version.startswith("national+night/1#")
    assert one.version != other.version
    many = [PolicyLayer(PROVINCE, f"layer/{number}", "1.0", "通知", {}) for number in range(60)]
    assert len(stack([NightSection], many).version) <= 200


def test_a_pinned_policy_is_read_without_its_plugin_and_with_a_newer_one() -> None:
    pinned = stack([NightSection, ReviewPolicy], [layer(PROVINCE, shifts=2)])
    gone = from_json(pinned.to_json(), [ReviewPolicy], pinned.version, pinned.origins_to_json())
    assert gone.section(ReviewPolicy).separate_people
    with pytest.raises(KeyError):
        gone.section(NightSection)
    assert gone.origins["night.shifts"].reason == "990000通知"
    stored = json.loads(pinned.to_json())
    stored["night"]["abolished"] = 1
    del stored["night"]["wards"]
    newer = from_json(json.dumps(stored), [NightSection], pinned.version).section(NightSection)
    assert (newer.shifts, newer.wards) == (2, ("A",))
    stored["night"]["shifts"] = 99
    with pytest.raises(PolicyError, match=r"pinned policy .* cannot be read: night.shifts = 99"):
        from_json(json.dumps(stored), [NightSection], pinned.version)


@given(st.lists(st.tuples(st.sampled_from(CHAIN), st.integers(0, 24)), max_size=6), st.sampled_from(range(4)))
def test_no_stack_is_ever_laxer_than_what_lies_above(values: list[tuple[str, int]], depth: int) -> None:
    """Whatever layers there are: either they are refused, or every place is at least as strict as the one above."""
    unique = dict(values)
    layers = [layer(place, rest_hours=hours) for place, hours in unique.items()]
    policies = book(*layers)
    try:
        hours = [policies.for_place(CHAIN[:level]).section(NightSection).rest_hours for level in range(depth + 1)]
    except PolicyError:
        set_hours = [8, *(unique[place] for place in CHAIN[:depth] if place in unique)]
        assert set_hours != sorted(set_hours)
    else:
        assert hours == sorted(hours)
