"""What a layer would change before it is installed, and pinning a running cycle anew."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from policy_places import CITY, COUNTY, PROVINCE, Places, layer, with_layers

from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry, StateTransition
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.cycles.pinning import pinned_scopes
from dingkao.cycles.service import close_cycle
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.papers.tables import AssessmentPaper
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn, StateConflict, ValidationFailed
from dingkao.plugin.policy import PolicyError, PolicyLayer
from dingkao.plugin.vocabulary import Role
from dingkao.policy.proposed import BadProposal, layers_of, read_proposal
from dingkao.policy.repinning import repin_cycle
from dingkao.policy.rules import Change, PolicyChangeKind, TakesEffect
from dingkao.policy.simulation import Simulation, TouchedAssessment, simulate
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import caller_for

STRICT = layer(
    COUNTY,
    simple_procedure__years_with_good_record=30,
    simple_procedure__years_without_bad_record=30,
    documents__objection_days=45,
)


async def walk(simulation: Simulation) -> list[TouchedAssessment]:
    return [touched async for page in simulation.pages() for touched in page]


async def simulated(
    environment: Environment, cycle_id: int, *layers: PolicyLayer
) -> tuple[Simulation, list[TouchedAssessment]]:
    simulation = await simulate(environment, SYSTEM_CALLER, cycle_id, layers)
    return simulation, await walk(simulation)


async def put(cycle_id: int, doctor: int, state: str, procedure: str | None = None) -> None:
    """Set an assessment as if it had come so far."""
    await Assessment.update(
        {
            Assessment.state: state,
            Assessment.procedure: procedure,
            Assessment.conclusion: "QUALIFIED" if state == "CONCLUDED" else None,
        }
    ).where((Assessment.cycle == cycle_id) & (Assessment.doctor == doctor))


async def test_only_the_doctors_of_the_layers_place_are_touched(places: Places) -> None:
    inside, outside = await places.add_doctor("HX"), await places.add_doctor("HC")
    cycle_id = await places.open()
    simulation, touched = await simulated(places.environment, cycle_id, STRICT)
    assert [one.assessment.doctor_id for one in touched] == [inside]
    at_once = TakesEffect.AT_ONCE
    assert set(touched[0].changes) == {
        Change(PolicyChangeKind.ELIGIBILITY, "SIMPLE", "ELIGIBLE", "TOO_FEW_YEARS, NO_GOOD_RECORD", at_once),
        Change(PolicyChangeKind.DOCUMENTS, "objection_days", "30", "45", at_once),
    }
    tally = simulation.tally
    assert (tally.assessments, tally.touched, tally.concluded) == (2, 1, 0)
    assert dict(tally.kinds) == {PolicyChangeKind.ELIGIBILITY: 1, PolicyChangeKind.DOCUMENTS: 1}
    assert {(value.key, value.before, value.after) for value in tally.values} == {
        ("simple_procedure.years_with_good_record", "5", "30"),
        ("simple_procedure.years_without_bad_record", "12", "30"),
        ("documents.objection_days", "30", "45"),
    }
    assert outside not in {one.assessment.doctor_id for one in touched}
    # Nothing was changed by asking.
    assert (await simulated(places.environment, cycle_id))[0].tally.touched == 0


async def test_papers_attempts_and_how_they_are_examined(places: Places) -> None:
    chosen, submitted = await places.add_doctor("HX"), await places.add_doctor("HX")
    cycle_id = await places.open()
    await put(cycle_id, chosen, "OPENED", "GENERAL")
    await put(cycle_id, submitted, "SUBMITTED", "GENERAL")
    rules = {"questions": 50, "minutes": 40, "pass_percent": 70}
    changed = layer(
        COUNTY,
        general_procedure__papers=("PROFESSIONAL",),
        general_procedure__professional_attempts=3,
        papers__rules={"HUMANITIES": rules, "PROFESSIONAL": rules},
    )
    _, touched = await simulated(places.environment, cycle_id, changed)
    by_doctor = {one.assessment.doctor_id: one.changes for one in touched}
    found = {(change.kind, change.subject): change for change in by_doctor[chosen]}
    papers = found[PolicyChangeKind.PAPERS, "GENERAL"]
    assert (papers.before, papers.after) == ("HUMANITIES > PROFESSIONAL", "PROFESSIONAL")
    attempts = found[PolicyChangeKind.ATTEMPTS, "GENERAL PROFESSIONAL"]
    assert (attempts.before, attempts.after, attempts.takes_effect) == ("1", "3", TakesEffect.AT_ONCE)
    assert json.loads(found[PolicyChangeKind.PAPER_RULES, "PROFESSIONAL"].after)["questions"] == 50
    # A paper that goes is told once, not again by its attempts and rules.
    assert (PolicyChangeKind.ATTEMPTS, "GENERAL HUMANITIES") not in found
    # The procedure that was not chosen has no say in papers.
    assert {subject for kind, subject in found if kind is PolicyChangeKind.PAPERS} == {"GENERAL"}
    effects = {change.kind: change.takes_effect for change in by_doctor[submitted]}
    assert effects[PolicyChangeKind.PAPERS] is effects[PolicyChangeKind.ATTEMPTS] is TakesEffect.ON_RESUBMISSION
    assert effects[PolicyChangeKind.PAPER_RULES] is TakesEffect.AT_ONCE


async def test_a_finished_paper_keeps_its_rules(places: Places) -> None:
    doctor = await places.add_doctor("HX")
    cycle_id = await places.open()
    await put(cycle_id, doctor, "TESTING", "GENERAL")
    assessment = (await places.records(cycle_id))[doctor].id
    for position, (subject, state) in enumerate((("HUMANITIES", "PASSED"), ("PROFESSIONAL", "AVAILABLE")), 1):
        await AssessmentPaper.insert(
            AssessmentPaper(
                assessment=assessment,
                subject=subject,
                position=position,
                state=state,
                attempts_allowed=1,
                changed_at=datetime(2026, 6, 1, tzinfo=UTC),
            )
        )
    rules = {"questions": 50, "minutes": 40, "pass_percent": 70}
    changed = layer(COUNTY, papers__rules={"HUMANITIES": rules, "PROFESSIONAL": rules})
    _, touched = await simulated(places.environment, cycle_id, changed)
    assert [(change.kind, change.subject) for change in touched[0].changes] == [
        (PolicyChangeKind.PAPER_RULES, "PROFESSIONAL")
    ]


async def test_a_value_that_changes_nothing_else_is_told(places: Places) -> None:
    await places.add_doctor("HX")
    cycle_id = await places.open()
    _, touched = await simulated(places.environment, cycle_id, layer(COUNTY, papers__grace_seconds=90))
    assert [(change.kind, change.subject) for change in touched[0].changes] == [
        (PolicyChangeKind.OTHER_VALUES, "papers.grace_seconds")
    ]


async def test_concluded_assessments_are_counted_and_left_alone(places: Places) -> None:
    doctor = await places.add_doctor("HX")
    cycle_id = await places.open()
    await put(cycle_id, doctor, "CONCLUDED", "GENERAL")
    simulation, touched = await simulated(places.environment, cycle_id, STRICT)
    assert touched == []
    assert (simulation.tally.assessments, simulation.tally.concluded, simulation.tally.touched) == (1, 1, 0)


async def test_pages_make_no_difference(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for hospital in ("HX", "HY", "HC", "HX", "HP", "HX", "HX"):
        await places.add_doctor(hospital)
    cycle_id = await places.open()
    whole, touched = await simulated(places.environment, cycle_id, STRICT)
    monkeypatch.setattr("dingkao.policy.simulation.PAGE", 2)
    paged, again = await simulated(places.environment, cycle_id, STRICT)
    assert touched == again
    assert whole.tally == paged.tally
    assert paged.tally.touched == 5


async def test_as_many_queries_for_many_doctors(places: Places) -> None:
    cycle_id = await places.open()
    counts = []
    for _ in range(2):
        for hospital in ("HX", "HY", "HC"):
            await places.add_doctor(hospital)
        server = with_layers(places.environment)
        with count_queries() as queries:
            await simulated(server, cycle_id, STRICT)
        counts.append(len(queries))
    assert counts[0] == counts[1]


async def test_an_installed_layer_is_replaced_by_its_next_version(places: Places) -> None:
    await places.add_doctor("HX")
    cycle_id = await places.open(layer(COUNTY, documents__objection_days=40))
    server = with_layers(places.environment, layer(COUNTY, documents__objection_days=40))
    _, touched = await simulated(server, cycle_id, layer(COUNTY, documents__objection_days=35))
    assert [(change.before, change.after) for change in touched[0].changes] == [("40", "35")]
    rival = layer(COUNTY, source="rival", documents__objection_days=50)
    with pytest.raises(PolicyError, match=r"layer rival .* sets documents.objection_days, which layer test/980101"):
        await simulated(server, cycle_id, rival)


async def test_a_layer_that_the_server_would_refuse(places: Places) -> None:
    cycle_id = await places.open(layer(PROVINCE, documents__objection_days=60))
    server = with_layers(places.environment, layer(PROVINCE, documents__objection_days=60))
    with pytest.raises(PolicyError, match=r"documents.objectiondays, which no section has"):
        await simulated(server, cycle_id, layer(COUNTY, documents__objectiondays=45))
    # Good for itself, and below what the province has given: only the tree tells.
    with pytest.raises(PolicyError, match="only tighten"):
        await simulated(server, cycle_id, layer(COUNTY, documents__objection_days=45))


async def test_only_the_authority_of_the_cycle_asks(places: Places) -> None:
    cycle_id = await places.open()
    elsewhere = caller_for(0, "x", (RoleGrant(Role.AUTHORITY_OFFICER, None, (places.regions[CITY],)),))
    hospital = caller_for(0, "x", (RoleGrant(Role.INSTITUTION_OFFICER, places.hospitals["HX"]),))
    callers: list[tuple[Caller | None, type[Exception]]] = [
        (None, NotLoggedIn),
        (elsewhere, NotFound),
        (hospital, Forbidden),
    ]
    for caller, refusal in callers:
        with pytest.raises(refusal):
            await simulate(places.environment, caller, cycle_id)
        with pytest.raises(refusal):
            await repin_cycle(places.environment, caller, cycle_id, digest="", reason="通知")
    with pytest.raises(NotFound):
        await simulate(places.environment, places.authority, 999)


async def previewed(environment: Environment, cycle_id: int) -> str:
    return (await simulate(environment, SYSTEM_CALLER, cycle_id)).policies.digest


async def test_pinning_anew_touches_the_unfinished_ones_alone_and_names_each(places: Places) -> None:
    doctors = {name: await places.add_doctor("HX") for name in ("open", "concluded")}
    doctors["elsewhere"] = await places.add_doctor("HC")
    cycle_id = await places.open()
    await put(cycle_id, doctors["concluded"], "CONCLUDED", "GENERAL")
    before = await places.records(cycle_id)
    server = with_layers(places.environment, STRICT)
    digest = await previewed(server, cycle_id)
    with count_queries() as queries:
        touched = await repin_cycle(server, places.authority, cycle_id, digest=digest, reason="高新区 2026 年通知")
    assert touched == 1
    assert len(queries) < 25
    after = await places.records(cycle_id)
    assert after[doctors["open"]].policy_digest != before[doctors["open"]].policy_digest
    for unchanged in ("concluded", "elsewhere"):
        assert after[doctors[unchanged]].policy_digest == before[doctors[unchanged]].policy_digest
    rows = await StateTransition.select().where(StateTransition.machine == "policy").order_by(StateTransition.id)
    one = after[doctors["open"]]
    assert [(row["assessment"], row["event"], row["role"], row["reason"]) for row in rows] == [
        (one.id, "REPIN", "AUTHORITY_OFFICER", "高新区 2026 年通知"),
        (0, "REPIN", "AUTHORITY_OFFICER", "高新区 2026 年通知"),
    ]
    assert one.policy_digest.startswith(rows[0]["target"])
    assert rows[0]["policy_version"] == one.policy_version
    entry = await AuditEntry.select().where(AuditEntry.action == "REPIN_CYCLE_POLICY").first()
    assert entry is not None
    assert json.loads(entry["detail"])["assessments"] == 1
    # Whoever comes now is under the new one, and nothing is left to do.
    newcomer = await places.add_doctor("HX")
    assert (await places.records(cycle_id))[newcomer].policy_digest == one.policy_digest
    simulation, left = await simulated(server, cycle_id)
    assert (left, simulation.tally.touched) == ([], 0)
    scopes = (await pinned_scopes([cycle_id]))[cycle_id]
    assert [scope.region_code for scope in scopes] == [PROVINCE, COUNTY]


async def test_a_changed_plugin_changes_nothing_by_itself(places: Places) -> None:
    await places.add_doctor("HX")
    cycle_id = await places.open()
    before = await places.records(cycle_id)
    server = with_layers(places.environment, STRICT)
    later = replace(places, environment=server)
    await later.add_doctor("HX")
    after = await places.records(cycle_id)
    assert len(after) == 2
    assert {record.policy_digest for record in after.values()} == {record.policy_digest for record in before.values()}


async def test_refusals_to_pin_anew(places: Places, clock: SettableClock) -> None:
    await places.add_doctor("HX")
    prepared = await places.prepare(CITY, "未启动")
    cycle_id = await places.open()
    server = with_layers(places.environment, STRICT)
    digest = await previewed(server, cycle_id)

    async def code(environment: Environment, cycle: int, given: str) -> str:
        with pytest.raises(StateConflict) as refused:
            await repin_cycle(environment, places.authority, cycle, digest=given, reason="通知")
        return refused.value.code

    assert await code(server, prepared, digest) == "CYCLE_NOT_OPEN"
    assert await code(places.environment, cycle_id, await previewed(places.environment, cycle_id)) == "POLICY_UNCHANGED"
    assert await code(server, cycle_id, "0" * 64) == "POLICY_CHANGED_SINCE"
    clash = with_layers(
        places.environment, layer(PROVINCE, documents__objection_days=60), layer(COUNTY, documents__objection_days=45)
    )
    assert await code(clash, cycle_id, digest) == "POLICY_REFUSED"
    for reason in ("", "  ", "长" * 501):
        with pytest.raises(ValidationFailed) as bad:
            await repin_cycle(server, places.authority, cycle_id, digest=digest, reason=reason)
        assert [problem.path for problem in bad.value.problems] == ["reason"]
    clock.set(datetime(2026, 12, 31, tzinfo=UTC))
    await close_cycle(places.environment, SYSTEM_CALLER, cycle_id)
    assert await code(server, cycle_id, digest) == "CYCLE_CLOSED"
    assert await StateTransition.count().where(StateTransition.machine == "policy") == 0


LAYER = {"region": COUNTY, "values": {"documents.objection_days": 45}}


def test_layers_are_read_from_toml_json_and_python(tmp_path: Path) -> None:
    toml = tmp_path / "layers.toml"
    toml.write_text(
        f'[[layer]]\nregion = "{COUNTY}"\norganisation = "HX"\nreason = "通知"\n'
        "[layer.values.documents]\nobjection_days = 45\n",
        encoding="utf-8",
    )
    (one,) = read_proposal(str(toml)).layers
    assert (one.region, one.organisation, one.reason, dict(one.values)) == (
        COUNTY,
        "HX",
        "通知",
        {"documents.objection_days": 45},
    )
    file = tmp_path / "layers.json"
    file.write_text(json.dumps(LAYER), encoding="utf-8")
    assert [dict(read.values) for read in read_proposal(str(file)).layers] == [LAYER["values"]]
    code = tmp_path / "notice.py"
    code.write_text(
        "from dingkao.plugin.policy import PolicyLayer\n"
        f"LAYERS = [PolicyLayer({COUNTY!r}, 'notice', '1', 'r', {{'documents.objection_days': 45}})]\n"
    )
    assert [read.source for read in read_proposal(str(code)).layers] == ["notice"]
    bundled = read_proposal("dingkao_local_policy.plugin")
    assert {read.region for read in bundled.layers} == {"990000"}
    assert [section.name for section in bundled.sections] == ["local_policy"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "no layer in it"),
        (["x"], "layer 1: a layer is a table"),
        ({"values": {}}, "layer 1: region missing"),
        ([LAYER, {"region": "1"}], "layer 2: values missing"),
        ({**LAYER, "valeus": 1}, "valeus is no part of a layer"),
        ({**LAYER, "region": 980000}, "region is a text in quotes, not 980000"),
        ({**LAYER, "values": 1}, "values maps keys to values"),
    ],
)
def test_what_is_wrong_with_a_proposal_is_said(data: object, said: str) -> None:
    with pytest.raises(BadProposal, match=said):
        layers_of(data, "file")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("region =")
    with pytest.raises(BadProposal, match="not readable as TOML"):
        read_proposal(str(broken))
    with pytest.raises(BadProposal, match="no such file"):
        read_proposal(str(tmp_path / "none.py"))
    with pytest.raises(BadProposal, match="No module named 'no_such_plugin'"):
        read_proposal("no_such_plugin:plugin")
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(BadProposal, match="neither an object `plugin`"):
        read_proposal(str(empty))


async def test_another_blueprint_is_another_paper(places: Places) -> None:
    """Only the doctors whom the blueprint is for get another paper by it."""
    inside = await places.add_doctor("HX")
    cycle_id = await places.open()
    part = {"questions": 100}
    dental = {"code": "DENTAL", "subject": "PROFESSIONAL", "categories": ["DENTAL"], "parts": [part]}
    clinical = {"code": "CLINICAL", "subject": "PROFESSIONAL", "categories": ["CLINICAL"], "parts": [part]}
    _, touched = await simulated(places.environment, cycle_id, layer(COUNTY, papers__blueprints=(dental,)))
    assert [change.kind for change in touched[0].changes] == [PolicyChangeKind.OTHER_VALUES]
    _, touched = await simulated(places.environment, cycle_id, layer(COUNTY, papers__blueprints=(dental, clinical)))
    assert touched[0].assessment.doctor_id == inside
    (change,) = touched[0].changes
    assert (change.kind, change.subject) == (PolicyChangeKind.PAPER_RULES, "PROFESSIONAL")
    assert change.after == f"{change.before} CLINICAL"
