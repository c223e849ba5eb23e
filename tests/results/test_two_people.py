"""What cannot be undone is proposed by one officer and decided by another, who sees what it will do."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.audit.verification import verify_chain
from dingkao.db.database import fetch
from dingkao.institutions.tables import Region
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound, StepUpRequired
from dingkao.plugin.vocabulary import Role
from dingkao.proposals.deciding import decide_proposal, preview_proposal
from dingkao.proposals.records import list_proposals, read_proposal
from dingkao.proposals.rules import digest_of, state_at
from dingkao.proposals.service import withdraw_proposal
from dingkao.proposals.tables import Proposal
from dingkao.proposals.vocabulary import ProposalKind, ProposalState, ProposalView
from dingkao.results.annulling import propose_annulment
from dingkao.results.records import read_results
from dingkao.results.service import request_reexamination
from dingkao.results.vocabulary import ResultState
from dingkao.testing.clock import START, SettableClock
from dingkao.testing.refusals import refused_access, refused_fields, refused_state
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.two_people import confirmed

from .conftest import Office

WHY = "经查存在替考行为。"


async def propose(office: Office, doctor: SampleDoctor, caller: Caller | None = None) -> int:
    return await propose_annulment(office.environment, caller or office.province.authority, doctor.assessment_id, WHY)


async def state_of(doctor: SampleDoctor) -> ResultState:
    return (await read_results([doctor.assessment_id]))[doctor.assessment_id].state


async def shown_to(office: Office, caller: Caller, view: ProposalView = ProposalView.TO_DECIDE) -> list[int]:
    return [row.id for row in await list_proposals(office.environment, caller, view, 0, 100)]


async def test_nothing_happens_before_the_second_officer_confirms(office: Office) -> None:
    environment, first, second = office.environment, office.province.authority, office.province.second_authority
    doctor = await office.with_certificate()
    before = await everything()
    key = await propose(office, doctor)
    assert await everything() == before
    assert await state_of(doctor) is ResultState.FILED
    assert (await shown_to(office, first), await shown_to(office, second)) == ([], [key])
    assert await shown_to(office, first, ProposalView.OWN) == await shown_to(office, first, ProposalView.ALL) == [key]
    preview = await preview_proposal(environment, second, key)
    assert preview.performed is not None
    assert preview.digest == preview.record.digest
    assert len(preview.performed.effect["revoked"]) == 1
    assert await everything() == before
    own = decide_proposal(environment, first, key, confirm=True, digest=preview.digest)
    assert await refused_state(own) == ("PROPOSER_CANNOT_DECIDE", "OPEN")
    blind = decide_proposal(environment, second, key, confirm=True)
    assert await refused_fields(blind) == [("digest", "REQUIRED")]
    assert await everything() == before

    await decide_proposal(environment, second, key, confirm=True, digest=preview.digest, note="经核实")
    assert await state_of(doctor) is ResultState.ANNULLED
    record = await read_proposal(environment, first, key)
    assert (record.state, record.decider, record.note) == (ProposalState.CONFIRMED, second.name, "经核实")
    entries = (
        await AuditEntry.select()
        .where(AuditEntry.object_type.is_in(["Proposal", "Assessment"]))
        .order_by(AuditEntry.id)
    )
    told = [(entry["action"], entry["account"]) for entry in entries][-3:]
    assert told == [
        ("PROPOSE_ANNUL_RESULT", first.account_id),
        ("ANNUL_RESULT", second.account_id),
        ("CONFIRM_PROPOSAL", second.account_id),
    ]
    assert json.loads(entries[-1]["detail"])["proposedBy"] == first.account_id
    assert (await verify_chain(environment)).broken is None
    again = decide_proposal(environment, second, key, confirm=False)
    assert await refused_state(again) == ("PROPOSAL_NOT_OPEN", "CONFIRMED")


async def everything() -> dict[str, list[str]]:
    """What an annulment changes."""
    tables = ("result", "result_document", "assessment", "state_transition")
    return {name: sorted(str(dict(row)) for row in await fetch(f'SELECT * FROM "{name}"')) for name in tables}


async def test_what_has_moved_since_it_was_shown_is_not_done(office: Office) -> None:
    environment, second = office.environment, office.province.second_authority
    doctor = await office.notified()
    key = await propose(office, doctor)
    shown = (await preview_proposal(environment, second, key)).digest
    await request_reexamination(environment, doctor.caller, doctor.assessment_id, "有异议")
    before = await everything()
    moved = decide_proposal(environment, second, key, confirm=True, digest=shown)
    assert await refused_state(moved) == ("PROPOSAL_MOVED", "OPEN")
    assert await everything() == before
    looked = await preview_proposal(environment, second, key)
    assert (looked.digest != shown, looked.performed and looked.performed.effect["state"]) == (
        True,
        "REEXAMINATION_REQUESTED",
    )
    await decide_proposal(environment, second, key, confirm=True, digest=looked.digest)
    assert (await read_proposal(environment, second, key)).effect["state"] == "REEXAMINATION_REQUESTED"
    # What cannot be done any more is told to who looks, and refused to who proposes.
    assert (await refused_state(propose(office, doctor)))[0] == "NOT_IN_THIS_STATE"


async def test_refusing_withdrawing_and_proposing_anew(office: Office, clock: SettableClock) -> None:
    environment, first, second = office.environment, office.province.authority, office.province.second_authority
    doctor = await office.filed()
    refused = await propose(office, doctor)
    assert (await refused_state(propose(office, doctor, second)))[0] == "PROPOSED_ALREADY"
    await decide_proposal(environment, second, refused, confirm=False, note="证据不足")
    assert await state_of(doctor) is ResultState.FILED
    withdrawn = await propose(office, doctor)
    assert await refused_access(withdraw_proposal(environment, second, withdrawn)) == "FORBIDDEN"
    await withdraw_proposal(environment, first, withdrawn)
    assert await refused_state(withdraw_proposal(environment, first, withdrawn)) == ("PROPOSAL_NOT_OPEN", "WITHDRAWN")

    late = await propose(office, doctor)
    clock.advance(timedelta(days=7))
    assert (await read_proposal(environment, first, late)).state is ProposalState.EXPIRED
    assert await shown_to(office, second) == []
    looked = await preview_proposal(environment, second, late)
    assert (looked.digest, looked.obstacle and looked.obstacle.code) == (None, "PROPOSAL_NOT_OPEN")
    over = decide_proposal(environment, second, late, confirm=True, digest=looked.record.digest)
    assert await refused_state(over) == ("PROPOSAL_NOT_OPEN", "EXPIRED")
    # Any officer may take it up again, and then the first one may decide.
    await confirmed(environment, first, propose(office, doctor, second))
    assert await state_of(doctor) is ResultState.ANNULLED
    states = [row["state"] for row in await Proposal.select(Proposal.state).order_by(Proposal.id)]
    assert states == ["REFUSED", "WITHDRAWN", "EXPIRED", "CONFIRMED"]


async def test_an_authority_with_one_officer_is_confirmed_by_the_one_above(office: Office) -> None:
    province, environment = office.province, office.environment
    county = await province.add_organisation("示范区卫生健康局", "990101", authority=True)
    elsewhere = await province.add_organisation("邻区卫生健康局", "990202", authority=True)
    lone = await province.add_officer(Role.AUTHORITY_OFFICER, county, "区经办人")
    neighbour = await province.add_officer(Role.AUTHORITY_OFFICER, elsewhere, "邻区经办人")
    above = await province.add_officer(Role.AUTHORITY_OFFICER, province.authority_id, "省经办人")
    doctor = await office.filed()
    region = await Region.select(Region.id).where(Region.code == "990101").first()
    assert region is not None
    await Assessment.update({Assessment.region: region["id"]}).where(Assessment.id == doctor.assessment_id)
    key = await propose(office, doctor, lone)
    assert await shown_to(office, lone) == await shown_to(office, neighbour) == []
    assert await shown_to(office, above) == [key]
    with pytest.raises(NotFound):
        await decide_proposal(environment, neighbour, key, confirm=False)
    for caller in (doctor.caller, province.body, province.institution):
        assert await refused_access(decide_proposal(environment, caller, key, confirm=False)) == "FORBIDDEN"
        assert await refused_access(shown_to(office, caller)) == "FORBIDDEN"
    await confirmed(environment, above, _already(key))
    assert await state_of(doctor) is ResultState.ANNULLED


async def _already(key: int) -> int:
    return key


async def test_both_show_who_they_are(office: Office) -> None:
    first, second = (
        replace(caller, confirmed_until=None)
        for caller in (office.province.authority, office.province.second_authority)
    )
    doctor = await office.filed()
    with pytest.raises(StepUpRequired):
        await propose(office, doctor, first)
    key = await propose(office, doctor)
    with pytest.raises(StepUpRequired):
        await decide_proposal(office.environment, second, key, confirm=False)


async def test_the_database_refuses_one_person_for_both(office: Office) -> None:
    doctor = await office.filed()
    key = await propose(office, doctor)
    by_hand = {Proposal.state: "CONFIRMED", Proposal.decided_by: office.province.authority.account_id}
    with pytest.raises(Exception, match="two_people"):
        await Proposal.update(by_hand).where(Proposal.id == key)
    with pytest.raises(Exception, match="decided_by_somebody"):
        await Proposal.update({Proposal.state: "CONFIRMED"}).where(Proposal.id == key)


def test_expiry_is_computed_when_it_is_looked_at() -> None:
    last = timedelta(days=7) - timedelta(microseconds=1)
    assert state_at(ProposalState.OPEN, START, 7, START + last) is ProposalState.OPEN
    assert state_at(ProposalState.OPEN, START, 7, START + timedelta(days=7)) is ProposalState.EXPIRED
    assert state_at(ProposalState.OPEN, START, 30, START + timedelta(days=7)) is ProposalState.OPEN
    assert state_at(ProposalState.REFUSED, START, 7, START + timedelta(days=70)) is ProposalState.REFUSED


def test_the_digest_covers_input_reason_effect_and_every_single_change() -> None:
    shown = (ProposalKind.VOID_QUESTION, {"cycle": 1}, "题干有误", {"attempts": 2}, "a")
    digests = {digest_of(*shown)}
    for place, other in enumerate((ProposalKind.SET_PASS_MARK, {"cycle": 2}, "题干有误。", {"attempts": 3}, "b")):
        digests.add(digest_of(*shown[:place], other, *shown[place + 1 :]))  # type: ignore[arg-type]
    assert len(digests) == 6
