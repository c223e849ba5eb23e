"""Which authority issues and seals: the nearest one, or the one of the level that the policy names."""

import pytest

from dingkao.assessments.records import read_records
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import create_organisation, create_region, subtree
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden
from dingkao.plugin.vocabulary import RegionLevel, Role
from dingkao.results.contents import find_issuer
from dingkao.results.issuing import issue_certificate
from dingkao.results.sealing import seal_certificate
from dingkao.results.vocabulary import DocumentState
from dingkao.testing.sample import caller_for

from .conftest import Office


async def county_officer(office: Office) -> Caller:
    """An officer of a county's own authority, below the sample's province."""
    environment, province = office.environment, office.province
    county = await create_region(
        environment, SYSTEM_CALLER, code="990101", name="示范县", level=RegionLevel.COUNTY, parent_id=province.region_id
    )
    authority = await create_organisation(
        environment,
        SYSTEM_CALLER,
        code="A990101",
        name="示范县卫生健康局",
        region_id=county,
        kinds=frozenset({OrganisationKind.AUTHORITY}),
    )
    # The account is the sample's: an account has a row of its own.
    account = province.authority.account_id
    return caller_for(account, "county", (RoleGrant(Role.AUTHORITY_OFFICER, authority, await subtree(county)),))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("NEAREST", "示范县卫生健康局"), ("PREFECTURE", "示范省卫生健康委员会"), ("PROVINCE", "示范省卫生健康委员会")],
)
async def test_the_issuer(office: Office, rule: str, expected: str) -> None:
    await office.pin(seal_authority=rule)
    officer = await county_officer(office)
    doctor = await office.filed()
    await Assessment.update({Assessment.region: officer.grants[0].region_ids[0]}).where(
        Assessment.id == doctor.assessment_id
    )
    record = (await read_records([doctor.assessment_id]))[doctor.assessment_id]
    issuer = await find_issuer(office.environment, record)
    # Numbered by the place, whoever seals.
    assert (issuer.region_code, issuer.authority_name) == ("990101", expected)


async def test_the_province_seals_what_a_county_may_not(sealing_office: Office) -> None:
    environment, province = sealing_office.environment, sealing_office.province
    await sealing_office.pin(seal_authority="PROVINCE")
    officer = await county_officer(sealing_office)
    doctor = await sealing_office.filed()
    await Assessment.update({Assessment.region: officer.grants[0].region_ids[0]}).where(
        Assessment.id == doctor.assessment_id
    )
    await issue_certificate(environment, province.body, doctor.assessment_id)
    with pytest.raises(Forbidden) as refused:
        await seal_certificate(environment, officer, doctor.assessment_id)
    assert "示范省卫生健康委员会" in refused.value.text.zh
    # As a login finds them: the county was made after the sample.
    reach = await subtree(province.region_id)
    grant = RoleGrant(Role.AUTHORITY_OFFICER, province.authority_id, reach)
    above = caller_for(province.authority.account_id, "authority", (grant,))
    sealed = await seal_certificate(environment, above, doctor.assessment_id)
    assert (sealed.state, sealed.sealed_by) == (DocumentState.SEALED, "示范省卫生健康委员会")
