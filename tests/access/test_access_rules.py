"""The one rule of who sees what: its tables, and that nothing but them opens a door."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dingkao.access.rules import (
    ADMINISTRATORS,
    INVIGILATORS,
    SEES,
    SIDE_OF,
    WITHOUT_ORGANISATION,
    Kind,
    Place,
    Side,
    authority_grant,
    grant_on,
    is_regional,
    reach_in,
    reach_of,
    reaches,
    require_role,
    require_sight,
)
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role

KEYS = st.integers(min_value=1, max_value=4)
PLACES = st.builds(Place, *[st.none() | KEYS] * 4)
GRANTS = st.builds(
    RoleGrant, st.sampled_from(Role), st.none() | KEYS, st.lists(KEYS, max_size=3, unique=True).map(tuple)
)


def caller(*grants: RoleGrant, doctor: int | None = None) -> Caller:
    return Caller(1, 1, "", doctor, grants, False, Language.CHINESE, "", "")


CALLERS = st.builds(lambda grants, doctor: caller(*grants, doctor=doctor), st.lists(GRANTS), st.none() | KEYS)


def test_every_role_looks_from_a_side_and_sees_something() -> None:
    assert set(SIDE_OF) == set(Role)
    assert set(SEES) == set(Kind)
    assert {role for roles in SEES.values() for role in roles} == set(Role)


def test_administrators_are_apart_from_the_field_and_from_each_other() -> None:
    seen = {role: {kind for kind in Kind if role in SEES[kind]} for role in ADMINISTRATORS}
    assert seen == {
        Role.SYSTEM_ADMINISTRATOR: {Kind.SYSTEM_INFORMATION},
        Role.SECURITY_ADMINISTRATOR: {Kind.ACCOUNT, Kind.ORGANISATION},
        Role.AUDIT_ADMINISTRATOR: {Kind.AUDIT},
    }
    assert SEES[Kind.AUDIT] == {Role.AUDIT_ADMINISTRATOR}


def test_who_writes_and_invigilates_sees_no_assessment() -> None:
    for role in (Role.BANK_AUTHOR, Role.BANK_APPROVER, Role.INVIGILATOR, *ADMINISTRATORS):
        assert role not in SEES[Kind.ASSESSMENT] | SEES[Kind.DOCTOR]
    assert SEES[Kind.SITTING] == set(INVIGILATORS)


@pytest.mark.parametrize(
    ("grant", "kind", "at"),
    [
        (RoleGrant(Role.DOCTOR, None), Kind.ASSESSMENT, Place(doctor_id=7)),
        (RoleGrant(Role.INSTITUTION_OFFICER, 1), Kind.ASSESSMENT, Place(institution_id=1)),
        (RoleGrant(Role.BODY_REVIEWER, 1), Kind.ASSESSMENT, Place(body_id=1)),
        (RoleGrant(Role.AUTHORITY_OFFICER, 9, (1, 2)), Kind.ASSESSMENT, Place(region_id=2)),
        (RoleGrant(Role.INVIGILATOR, 1), Kind.SITTING, Place(body_id=1)),
        (RoleGrant(Role.AUTHORITY_OFFICER, 9, (1, 2)), Kind.PROPOSAL, Place(region_id=2)),
        (RoleGrant(Role.BANK_APPROVER, 9, (1, 2)), Kind.BANK, Place(region_id=2)),
        (RoleGrant(Role.BANK_AUTHOR, None), Kind.BANK, Place(region_id=3)),
        (RoleGrant(Role.SECURITY_ADMINISTRATOR, 9, (1, 2)), Kind.ACCOUNT, Place(region_id=1)),
        (RoleGrant(Role.SECURITY_ADMINISTRATOR, None), Kind.ACCOUNT, Place(region_id=3)),
    ],
)
def test_each_sees_from_his_side_and_from_no_other(grant: RoleGrant, kind: Kind, at: Place) -> None:
    asking = caller(grant, doctor=7)
    assert reaches(asking, grant, at, kind)
    assert grant_on(asking, at, kind=kind) is grant
    if grant.organisation_id is None and grant.role is not Role.DOCTOR:
        return
    for elsewhere in (Place(), Place(100, 100, 100, 100)):
        assert not reaches(asking, grant, elsewhere, kind)
    # The same number on another side is another thing.
    ((side, key),) = ((name, getattr(at, name)) for name in Place.__slots__ if getattr(at, name) is not None)
    for other in set(Place.__slots__) - {side}:
        assert not reaches(replace(asking, doctor_id=None if other == "doctor_id" else 7), grant,
                           Place(**{other: key}), kind)  # fmt: skip


@given(CALLERS, PLACES, st.sampled_from(Kind))
def test_nobody_sees_without_a_grant_that_names_the_place(asking: Caller, place: Place, kind: Kind) -> None:
    found = grant_on(asking, place, kind=kind)
    if found is None:
        with pytest.raises(Forbidden):
            require_role(asking, place, kind=kind)
        return
    assert found in asking.grants
    assert found.role in SEES[kind]
    whole = SIDE_OF[found.role] is Side.EVERYWHERE or (
        found.organisation_id is None and found.role in WITHOUT_ORGANISATION
    )
    named = {
        Side.SELF: (asking.doctor_id, place.doctor_id),
        Side.INSTITUTION: (found.organisation_id, place.institution_id),
        Side.BODY: (found.organisation_id, place.body_id),
    }.get(SIDE_OF[found.role])
    assert whole or (named and named[0] == named[1] is not None) or place.region_id in found.region_ids


@given(CALLERS, PLACES, st.sampled_from(Kind), st.sampled_from(Role))
def test_a_list_shows_what_is_reached_one_by_one(asking: Caller, place: Place, kind: Kind, role: Role) -> None:
    """Cutting a list by `Reach` and asking for each object come to the same: neither shows more."""
    try:
        reach = reach_in(asking, role, kind)
    except Forbidden:
        assert grant_on(asking, place, role, kind=kind) is None
        return
    on_side = {
        Side.SELF: place.doctor_id,
        Side.INSTITUTION: place.institution_id,
        Side.BODY: place.body_id,
        Side.REGION: place.region_id,
    }
    listed = reach.everywhere or on_side[reach.side] in reach.keys
    assert listed == (grant_on(asking, place, role, kind=kind) is not None)


@given(CALLERS, PLACES, st.sampled_from(Kind))
def test_nobody_sees_what_no_role_of_his_may_see(asking: Caller, place: Place, kind: Kind) -> None:
    try:
        require_sight(asking, kind)
        reach_of(asking, kind)
    except Forbidden:
        assert grant_on(asking, place, kind=kind) is None


@given(CALLERS, st.lists(KEYS, max_size=3))
def test_governing_is_the_authoritys_and_ends_at_its_regions(asking: Caller, regions: list[int]) -> None:
    try:
        found = authority_grant(asking, *regions)
    except Forbidden:
        assert not asking.has(Role.AUTHORITY_OFFICER)
        assert not asking.has(Role.SYSTEM)
    except NotFound:
        assert regions
        assert not asking.has(Role.SYSTEM)
    else:
        assert found.role is Role.SYSTEM or set(regions) <= set(found.region_ids)


def test_who_looks_by_region_carries_regions() -> None:
    assert {role for role in Role if is_regional(role)} == {
        Role.AUTHORITY_OFFICER, Role.BANK_AUTHOR, Role.BANK_APPROVER, Role.SECURITY_ADMINISTRATOR
    }  # fmt: skip
