"""Cycles: entering, opening and closing them, appointing bodies, and who is assessed in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from piccolo.querystring import QueryString

from dingkao.access.rules import Kind, authority_grant, require_sight
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.cycles import rules
from dingkao.cycles.pinning import POLICY_OF_INSTITUTION, current_policies, pin
from dingkao.cycles.routing import appoint_by_level
from dingkao.cycles.rules import BEFORE_THE_BODY, MACHINE, Calendar, CycleEvent
from dingkao.cycles.tables import BodyAppointment, Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.statement import Parameters, Statement
from dingkao.environment import Environment
from dingkao.institutions.rules import OrganisationKind
from dingkao.institutions.service import read_organisations, read_regions, subtree
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.national import ReviewPolicy
from dingkao.plugin.policy import PolicyError
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState

_COLUMNS = (
    Cycle.id,
    Cycle.region,
    Cycle.name,
    Cycle.state,
    Cycle.starts_on,
    Cycle.ends_on,
    Cycle.enrolment_from,
    Cycle.enrolment_until,
    Cycle.tests_from,
    Cycle.tests_until,
    Cycle.policy_version,
    Cycle.policy_digest,
    Cycle.opened_at,
)
_by_ids = Statement(lambda p: Cycle.select(*_COLUMNS).where(Cycle.id.is_in(p.ids)))
_lock = Statement(lambda p: Cycle.select(Cycle.id).where(Cycle.id == p.id).lock_rows())
# Opening takes these rows for itself and entering a doctor shares them: of a registration and an opening at the same
# moment the later one sees the earlier, and of two openings the second sees the first.
_claim = Statement(lambda p: QueryString("SELECT id FROM cycle WHERE state <> 'CLOSED' ORDER BY id FOR UPDATE"))
_share = Statement(lambda p: QueryString("SELECT id FROM cycle WHERE state <> 'CLOSED' ORDER BY id FOR SHARE"))


def _seen(p: Parameters) -> QueryString:
    """The cycles that reach an organisation of the asking account: of a region at, above or below its own."""
    marks = ", ".join("{}" for _ in p.organisations)
    return QueryString(
        "SELECT c.id AS id FROM cycle AS c JOIN region AS cr ON cr.id = c.region WHERE c.id > {} AND EXISTS "  # noqa: S608 - words of our own
        f"(SELECT 1 FROM organisation AS o JOIN region AS r ON r.id = o.region WHERE o.id IN ({marks}) "
        "AND (r.path LIKE cr.path || '%' OR cr.path LIKE r.path || '%')) ORDER BY c.id LIMIT {}",
        p.after,
        *p.organisations,
        p.limit,
    )


_visible = Statement(_seen, constants=("limit",))
_overlapping = Statement(
    lambda p: QueryString(
        "SELECT COUNT(*) AS number FROM cycle AS here JOIN region AS hr ON hr.id = here.region "
        "JOIN cycle AS other ON other.state = 'RUNNING' AND other.id <> here.id "
        "JOIN region AS r ON r.id = other.region "
        "WHERE here.id = {} AND other.starts_on <= here.ends_on AND other.ends_on >= here.starts_on "
        "AND (r.path LIKE hr.path || '%' OR hr.path LIKE r.path || '%')",
        p.cycle,
    )
)


class Entered(StrEnum):
    """Whom a statement enters: all of one cycle, one doctor into running cycles, or every registration after one."""

    CYCLE = "CYCLE"
    DOCTOR = "DOCTOR"
    REGISTRATIONS = "REGISTRATIONS"


_CONDITIONS = {
    Entered.CYCLE: "c.id = {}",
    Entered.DOCTOR: "c.state = 'RUNNING' AND registration.doctor = {}",
    Entered.REGISTRATIONS: "c.state = 'RUNNING' AND registration.id > {}",
}


def _enter(p: Parameters) -> QueryString:
    """One assessment for each open registration at an institution in a cycle's region that has none yet."""
    # PostgreSQL takes a bare parameter in a list of columns for text.
    moment = "CAST({} AS TIMESTAMPTZ)" if is_postgresql() else "{}"
    condition = _CONDITIONS[p.whom]
    return QueryString(
        "INSERT INTO assessment (doctor, cycle, kind, state, registration, institution, body, region, policy, "  # noqa: S608 - words of our own
        "changed_at) "
        f"SELECT registration.doctor, c.id, '{AssessmentKind.REGULAR.value}', '{AssessmentState.NOT_OPENED.value}', "
        f"registration.id, institution.id, appointment.body, institution.region, {POLICY_OF_INSTITUTION}, {moment} "
        "FROM cycle AS c JOIN region AS top ON top.id = c.region "
        "JOIN region AS place ON place.path LIKE top.path || '%' "
        "JOIN organisation AS institution ON institution.region = place.id "
        "JOIN practice_registration AS registration "
        "ON registration.institution = institution.id AND registration.valid_to IS NULL "
        "LEFT JOIN body_appointment AS appointment "
        "ON appointment.cycle = c.id AND appointment.institution = institution.id "
        f"WHERE {condition} ORDER BY registration.id "
        "ON CONFLICT (doctor, cycle, kind) DO NOTHING",
        p.now,
        p.key,
    )


_enter_assessments = Statement(_enter, constants=("whom",))
_count = Statement(lambda p: QueryString("SELECT COUNT(*) AS number FROM assessment WHERE cycle = {}", p.cycle))


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """A cycle as it is read, without the text of its policy. Instants are UTC; dates are days in China."""

    id: int
    region_id: int
    name: str
    state: CycleState
    calendar: Calendar
    policy_version: str
    policy_digest: str
    opened_at: datetime | None


async def read_cycles(ids: Sequence[int]) -> dict[int, CycleRecord]:
    """The cycles of `ids` that exist, by id. Applies no scope: a cycle is announced to the public."""
    return {row["id"]: _record(row) for row in await _by_ids.run(ids=list(ids))}


async def list_cycles(caller: Caller | None, *, after: int, limit: int) -> list[CycleRecord]:
    """At most `limit` cycles with a key above `after`, by key: those of a region at, above or below that of an
    organisation where the caller holds a role. Raises NotLoggedIn, Forbidden for who is no staff."""
    asking = logged_in(caller)
    require_sight(asking, Kind.SYSTEM_INFORMATION)
    organisations = sorted({grant.organisation_id for grant in asking.grants if grant.organisation_id is not None})
    ids = [row["id"] for row in await _visible.run(organisations=organisations, after=after, limit=limit)]
    found = await read_cycles(ids)
    return [found[key] for key in ids]


async def create_cycle(
    environment: Environment, caller: Caller | None, *, region_id: int, name: str, calendar: Calendar
) -> int:
    """Prepare a cycle of a region; returns its id. By the system or an authority officer who governs the region.

    Raises ValidationFailed, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        work.acting = authority_grant(work.caller, region_id)
        problems = rules.cycle_problems(name, calendar)
        if problems:
            raise ValidationFailed(problems)
        if region_id not in await read_regions([region_id]):
            raise NotFound
        row = Cycle(
            region=region_id,
            name=name.strip(),
            state=MACHINE.initial.value,
            starts_on=calendar.starts_on,
            ends_on=calendar.ends_on,
            enrolment_from=calendar.enrolment_from.astimezone(UTC),
            enrolment_until=calendar.enrolment_until.astimezone(UTC),
            tests_from=calendar.tests_from.astimezone(UTC),
            tests_until=calendar.tests_until.astimezone(UTC),
        )
        # The database decides which of two with one name is first.
        inserted = await Cycle.insert(row).on_conflict(action="DO NOTHING").returning(Cycle.id)
        if not inserted:
            text = Text("本地区已有同名考核周期。", "The region has a cycle of this name already.")
            raise ValidationFailed([FieldProblem("name", "NAME_TAKEN", text)])
        cycle_id = int(inserted[0]["id"])
        await work.record("CREATE_CYCLE", "Cycle", cycle_id, {"region": region_id})
    return cycle_id


async def appoint_body(
    environment: Environment, caller: Caller | None, *, cycle_id: int, institution_id: int, body_id: int
) -> int:
    """委托考核机构: let the body assess the institution's doctors in the cycle (2007 measure, Art. 7 and 8).

    It takes the place of one appointed before. Returns how many assessments changed hands.

    While the cycle runs, assessments that the body's turn has not reached yet go to the new one; the others stay with
    the body that has begun. By the system or an authority officer who governs the cycle's region. Raises
    ValidationFailed, StateConflict, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        cycle = await lock_cycle(work, cycle_id)
        rules.require_appointable(cycle.state)
        organisations = await read_organisations([institution_id, body_id])
        reach = await subtree(cycle.region_id)
        problems = []
        institution = organisations.get(institution_id)
        if institution is None or institution.region_id not in reach:
            raise NotFound
        if OrganisationKind.INSTITUTION not in institution.kinds:
            text = Text("该机构不是医疗卫生机构。", "This organisation is no medical institution.")
            problems.append(FieldProblem("institutionId", "NO_INSTITUTION", text))
        body = organisations.get(body_id)
        if body is None:
            raise NotFound
        if OrganisationKind.BODY not in body.kinds:
            text = Text("该机构不是考核机构。", "This organisation is no assessment body.")
            problems.append(FieldProblem("bodyId", "NO_BODY", text))
        if problems:
            raise ValidationFailed(problems)
        row = BodyAppointment(cycle=cycle_id, institution=institution_id, body=body_id)
        await BodyAppointment.insert(row).on_conflict(
            target=(BodyAppointment.cycle, BodyAppointment.institution),
            action="DO UPDATE",
            values=[BodyAppointment.body],
        )
        moved = (
            await Assessment.update({Assessment.body: body_id, Assessment.changed_at: work.now})
            .where((Assessment.cycle == cycle_id) & (Assessment.institution == institution_id))
            .where(Assessment.body.is_null() | Assessment.state.is_in([state.value for state in BEFORE_THE_BODY]))
            .where(Assessment.state != AssessmentState.CONCLUDED.value)
            .returning(Assessment.id)
        )
        detail = {"institution": institution_id, "body": body_id, "assessments": len(moved)}
        await work.record("APPOINT_BODY", "Cycle", cycle_id, detail)
    return len(moved)


async def open_cycle(environment: Environment, caller: Caller | None, cycle_id: int) -> int:
    """启动考核周期: pin the policy of the cycle's place and enter its doctors, each with an assessment NOT_OPENED;
    where the policy routes by level, appoint a body to each institution that has none by hand.

    They are those with an open registration at an institution of its region. Returns how many there are. From now on
    the cycle's rules stay as they are, whatever plugins bring later (design: the plugin contract). Policies are
    stacked down to each institution, so that the layers of a county or of one hospital count in a cycle of the
    province as well. By the system or an authority officer who governs the region. Raises StateConflict (also where
    layers do not go together), NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        await claim_cycles()
        cycle = await lock_cycle(work, cycle_id)
        transition = MACHINE.require(cycle.state, CycleEvent.OPEN)
        rules.require_no_overlap(int((await _overlapping.run(cycle=cycle_id))[0]["number"]))
        try:
            policies = await current_policies(environment, cycle.region_id)
        except PolicyError as error:
            raise rules.policy_refused(cycle.state, error) from error
        await pin(cycle_id, policies)
        await Cycle.update(
            {
                Cycle.state: transition.target.value,
                Cycle.policy_version: policies.version,
                Cycle.policy_digest: policies.digest,
                Cycle.opened_at: work.now,
            }
        ).where(Cycle.id == cycle_id)
        if is_postgresql():
            # A province's 250,000 rows with their indexes may take longer than any request's statement is given.
            await fetch("SET LOCAL statement_timeout = '10min'")
        routes = policies.own.section(ReviewPolicy).body_of_level
        appointed = await appoint_by_level(cycle_id, cycle.region_id, routes)
        await _enter_assessments.run(whom=Entered.CYCLE, now=work.now, key=cycle_id)
        number = int((await _count.run(cycle=cycle_id))[0]["number"])
        await _write_down(work, cycle, CycleEvent.OPEN, policies.version)
        detail = {"assessments": number, "bodiesAppointed": appointed, "policy": policies.digest}
        await work.record("OPEN_CYCLE", "Cycle", cycle_id, detail)
    return number


async def close_cycle(environment: Environment, caller: Caller | None, cycle_id: int) -> None:
    """结束考核周期, after its time for tests. What is not concluded stays as it is, for a make-up or a later cycle.

    By the system or an authority officer who governs its region. Raises StateConflict, NotFound, Forbidden.
    """
    async with begin(environment, caller) as work:
        cycle = await lock_cycle(work, cycle_id)
        transition = MACHINE.require(cycle.state, CycleEvent.CLOSE)
        rules.require_tests_over(cycle.calendar.tests_until, work.now)
        await Cycle.update({Cycle.state: transition.target.value}).where(Cycle.id == cycle_id)
        await _write_down(work, cycle, CycleEvent.CLOSE, cycle.policy_version)
        await work.record("CLOSE_CYCLE", "Cycle", cycle_id)


async def ensure_assessment(work: UnitOfWork, doctor_id: int) -> None:
    """Enter the doctor into every running cycle that covers the institution of the open registration, where he or she
    is not in it yet: after a registration or a transfer while a cycle runs."""
    await _enter_shared(work, Entered.DOCTOR, doctor_id)


async def ensure_assessments_after(work: UnitOfWork, registration_id: int) -> None:
    """As `ensure_assessment`, for every open registration with a key above `registration_id`: after an import."""
    await _enter_shared(work, Entered.REGISTRATIONS, registration_id)


async def _enter_shared(work: UnitOfWork, whom: Entered, key: int) -> None:
    if is_postgresql():
        await _share.run()
    await _enter_assessments.run(whom=whom, now=work.now, key=key)


async def claim_cycles() -> None:
    """Keep doctors from being entered into any open cycle until the transaction ends."""
    if is_postgresql():
        await _claim.run()


async def lock_cycle(work: UnitOfWork, cycle_id: int) -> CycleRecord:
    """The cycle, locked until the transaction ends, and governed by the caller. Raises NotFound, Forbidden."""
    if is_postgresql():
        await _lock.run(id=cycle_id)
    cycle = (await read_cycles([cycle_id])).get(cycle_id)
    if cycle is None:
        # Who may not govern any cycle learns nothing about which exist.
        authority_grant(work.caller)
        raise NotFound
    work.acting = authority_grant(work.caller, cycle.region_id)
    await work.find("Cycle", cycle_id)
    return cycle


async def _write_down(work: UnitOfWork, cycle: CycleRecord, event: CycleEvent, policy_version: str) -> None:
    transition = MACHINE.require(cycle.state, event)
    await work.record_transition(
        machine=MACHINE.name,
        object_id=cycle.id,
        assessment_id=0,  # of no assessment
        source=transition.source.value,
        event=event.value,
        target=transition.target.value,
        policy_version=policy_version,
    )


def _record(row: Mapping[str, Any]) -> CycleRecord:
    calendar = Calendar(
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        enrolment_from=row["enrolment_from"],
        enrolment_until=row["enrolment_until"],
        tests_from=row["tests_from"],
        tests_until=row["tests_until"],
    )
    return CycleRecord(
        id=row["id"],
        region_id=row["region"],
        name=row["name"],
        state=CycleState(row["state"]),
        calendar=calendar,
        policy_version=row["policy_version"],
        policy_digest=row["policy_digest"],
        opened_at=row["opened_at"],
    )
