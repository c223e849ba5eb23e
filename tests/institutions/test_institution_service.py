"""Regions as a tree, organisations in it, and who may enter them."""

import pytest

from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.environment import Environment
from dingkao.institutions import service
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.caller import RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn, ValidationFailed
from dingkao.plugin.vocabulary import Role
from dingkao.testing.sample import build_sample, caller_for


async def _tree(environment: Environment) -> dict[str, int]:
    """Two provinces, each with a prefecture; the first has two counties, one directly below the province."""
    keys: dict[str, int] = {}
    for code, level, parent in (
        ("990000", RegionLevel.PROVINCE, None),
        ("990100", RegionLevel.PREFECTURE, "990000"),
        ("990101", RegionLevel.COUNTY, "990100"),
        ("990181", RegionLevel.COUNTY, "990000"),
        ("980000", RegionLevel.PROVINCE, None),
        ("980100", RegionLevel.PREFECTURE, "980000"),
    ):
        keys[code] = await service.create_region(
            environment,
            SYSTEM_CALLER,
            code=code,
            name=f"区划{code}",
            level=level,
            parent_id=keys[parent] if parent else None,
        )
    return keys


async def test_chain_runs_from_the_province_down(environment: Environment) -> None:
    keys = await _tree(environment)
    assert await service.region_chain(keys["990101"]) == ("990000", "990100", "990101")
    assert await service.region_chain(keys["990181"]) == ("990000", "990181")
    assert await service.region_chain(keys["980000"]) == ("980000",)
    assert await service.region_chain(10**9) == ()


async def test_subtree_holds_the_region_and_all_below_and_nothing_beside(environment: Environment) -> None:
    keys = await _tree(environment)
    assert set(await service.subtree(keys["990000"])) == {v for k, v in keys.items() if k.startswith("99")}
    assert set(await service.subtree(keys["990100"])) == {keys["990100"], keys["990101"]}
    assert await service.subtree(keys["990101"]) == (keys["990101"],)
    assert await service.subtree(10**9) == ()


async def test_subtree_is_no_prefix_of_digits(environment: Environment) -> None:
    """The region with id 1 does not hold those with ids 10 to 19."""
    first = await service.create_region(
        environment, SYSTEM_CALLER, code="110000", name="甲", level=RegionLevel.PROVINCE
    )
    others = [
        await service.create_region(
            environment, SYSTEM_CALLER, code=f"{number}0000", name="乙", level=RegionLevel.PROVINCE
        )
        for number in range(12, 32)
    ]
    assert any(str(other).startswith(str(first)) for other in others)
    assert await service.subtree(first) == (first,)


async def test_new_region_needs_everything_right_at_once(environment: Environment) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await service.create_region(environment, SYSTEM_CALLER, code="九", name=" ", level=RegionLevel.PROVINCE)
    assert [problem.code for problem in refused.value.problems] == ["REGION_CODE_FORMAT", "NAME_REQUIRED"]
    with pytest.raises(ValidationFailed) as refused:
        await service.create_region(environment, SYSTEM_CALLER, code="990100", name="市", level=RegionLevel.PREFECTURE)
    assert [problem.code for problem in refused.value.problems] == ["PARENT_REQUIRED"]
    keys = await _tree(environment)
    for level, code in (
        (RegionLevel.PROVINCE, "PROVINCE_HAS_NO_PARENT"),
        (RegionLevel.PREFECTURE, "LEVEL_NOT_BELOW_PARENT"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            await service.create_region(
                environment, SYSTEM_CALLER, code="990199", name="区", level=level, parent_id=keys["990101"]
            )
        assert [problem.code for problem in refused.value.problems] == [code]


async def test_code_of_a_region_is_given_once(environment: Environment) -> None:
    await _tree(environment)
    with pytest.raises(ValidationFailed) as refused:
        await service.create_region(environment, SYSTEM_CALLER, code="990000", name="又", level=RegionLevel.PROVINCE)
    assert [problem.code for problem in refused.value.problems] == ["CODE_TAKEN"]


async def test_authority_enters_within_its_reach_only(environment: Environment) -> None:
    keys = await _tree(environment)
    officer = caller_for(
        0, "officer", (RoleGrant(Role.AUTHORITY_OFFICER, None, await service.subtree(keys["990000"])),)
    )
    county = await service.create_region(
        environment, officer, code="990102", name="新区", level=RegionLevel.COUNTY, parent_id=keys["990100"]
    )
    assert await service.region_chain(county) == ("990000", "990100", "990102")
    with pytest.raises(NotFound):
        await service.create_region(
            environment, officer, code="980101", name="区", level=RegionLevel.COUNTY, parent_id=keys["980100"]
        )
    with pytest.raises(Forbidden):
        await service.create_region(environment, officer, code="970000", name="省", level=RegionLevel.PROVINCE)
    with pytest.raises(NotFound):
        await service.create_organisation(
            environment,
            officer,
            code="H9",
            name="医院",
            region_id=keys["980100"],
            kinds=frozenset({OrganisationKind.INSTITUTION}),
        )


async def test_hospital_may_be_its_own_body(environment: Environment) -> None:
    keys = await _tree(environment)
    kinds = frozenset({OrganisationKind.INSTITUTION, OrganisationKind.BODY})
    organisation_id = await service.create_organisation(
        environment, SYSTEM_CALLER, code="H1", name="市人民医院", region_id=keys["990100"], kinds=kinds
    )
    found = await service.organisation_by_code("H1")
    assert found is not None
    assert (found.id, found.kinds, found.region_id) == (organisation_id, kinds, keys["990100"])
    entries = await AuditEntry.select(AuditEntry.action, AuditEntry.role).where(
        AuditEntry.object_type == "Organisation", AuditEntry.object_id == organisation_id
    )
    assert [dict(entry) for entry in entries] == [{"action": "CREATE_ORGANISATION", "role": "SYSTEM"}]


async def test_organisation_needs_code_name_and_kind(environment: Environment) -> None:
    keys = await _tree(environment)
    with pytest.raises(ValidationFailed) as refused:
        await service.create_organisation(
            environment, SYSTEM_CALLER, code="", name="医" * 121, region_id=keys["990100"], kinds=frozenset()
        )
    assert [problem.code for problem in refused.value.problems] == [
        "ORGANISATION_CODE_FORMAT",
        "NAME_TOO_LONG",
        "KIND_REQUIRED",
    ]


async def test_other_roles_may_not(environment: Environment) -> None:
    province = await build_sample(environment)
    for caller in (province.institution, province.body):
        with pytest.raises(Forbidden):
            await service.create_organisation(
                environment,
                caller,
                code="H2",
                name="医院",
                region_id=province.region_id,
                kinds=frozenset({OrganisationKind.INSTITUTION}),
            )
    with pytest.raises(NotLoggedIn):
        await service.create_region(environment, None, code="970000", name="省", level=RegionLevel.PROVINCE)
