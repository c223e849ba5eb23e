"""Doctors as they are read: the person with the open registration, within the asking account's scope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dingkao.access.rules import Kind, Place, Side, grant_on, reach_in, require_sight
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import logged_in
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Parameters, Statement
from dingkao.doctors.numbers import normalise_number
from dingkao.doctors.tables import BehaviourRecord, Doctor, PracticeRegistration
from dingkao.institutions.service import contains_pattern
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound
from dingkao.plugin.vocabulary import BehaviourPolarity, PracticeCategory, PracticeLevel, Role, Sex

_R = PracticeRegistration
# Whose list of doctors there is; a body sees the doctors whom it assesses one by one.
_LISTING = (Role.INSTITUTION_OFFICER, Role.AUTHORITY_OFFICER, Role.SYSTEM)
_COLUMNS = {
    "id": _R.doctor,
    "name": _R.doctor.name,
    "document_type": _R.doctor.document_type,
    "document_number": _R.doctor.document_number,
    "sex": _R.doctor.sex,
    "qualification_number": _R.doctor.qualification_number,
    "phone": _R.doctor.phone,
    "registration_id": _R.id,
    "practice_number": _R.practice_number,
    "category": _R.category,
    "scope": _R.scope,
    "level": _R.level,
    "practising_since": _R.practising_since,
    "institution_id": _R.institution,
    "institution_name": _R.institution.name,
    "region_id": _R.institution.region,
}


@dataclass(frozen=True, slots=True)
class DoctorRecord:
    """A doctor with the open registration."""

    id: int
    name: str
    document_type: str
    document_number: str
    sex: Sex
    qualification_number: str
    phone: str | None
    registration_id: int
    practice_number: str
    category: PracticeCategory
    scope: str
    level: PracticeLevel
    practising_since: date | None
    institution_id: int
    institution_name: str
    region_id: int


@dataclass(frozen=True, slots=True)
class BehaviourEntry:
    """A behaviour record as it is read."""

    id: int
    polarity: BehaviourPolarity
    kind: str
    occurred_on: date
    description: str


def _selected() -> list[Any]:
    # Copies, because Piccolo marks the alias on the column.
    return [column.copy().as_alias(name) for name, column in _COLUMNS.items()]


def _open_registrations() -> Any:
    return PracticeRegistration.select(*_selected()).where(PracticeRegistration.valid_to.is_null())


def _list(p: Parameters) -> Any:
    query = _open_registrations().where(_R.doctor > p.after)
    scope: Any = _R.institution.is_in(p.institutions) if p.by_institution else None
    if p.by_region:
        regions = _R.institution.region.is_in(p.regions)
        scope = regions if scope is None else scope | regions
    if scope is not None:
        query = query.where(scope)
    if p.searching:
        numbers = _R.doctor.document_index.is_in(p.documents) | (_R.practice_number == p.number)
        query = query.where(_R.doctor.name.like(p.pattern) | numbers)
    return query.order_by(_R.doctor).limit(p.limit)


_by_ids = Statement(lambda p: _open_registrations().where(_R.doctor.is_in(p.ids)))
_listed = Statement(_list, constants=("by_institution", "by_region", "searching", "limit"))
_assessed = Statement(
    lambda p: Assessment.select(Assessment.body).where(
        (Assessment.doctor == p.doctor) & Assessment.body.is_in(p.bodies)
    )
)
_BEHAVIOUR_COLUMNS = (
    BehaviourRecord.id,
    BehaviourRecord.doctor,
    BehaviourRecord.polarity,
    BehaviourRecord.kind,
    BehaviourRecord.occurred_on,
    BehaviourRecord.description,
)
_behaviour = Statement(
    lambda p: (
        BehaviourRecord.select(*_BEHAVIOUR_COLUMNS)
        .where(BehaviourRecord.doctor.is_in(p.doctors))
        .order_by(BehaviourRecord.id)
    )
)
_behaviour_by_id = Statement(lambda p: BehaviourRecord.select(*_BEHAVIOUR_COLUMNS).where(BehaviourRecord.id == p.id))


async def read_doctors(ids: Sequence[int]) -> dict[int, DoctorRecord]:
    """The doctors of `ids` that have an open registration, by id. Applies no scope."""
    return {row["id"]: _record(row) for row in await _by_ids.run(ids=list(ids))}


async def read_doctor(caller: Caller | None, doctor_id: int) -> DoctorRecord:
    """A doctor in the caller's scope: himself or herself; one of the institution's; one that the body assesses; one
    whose institution stands in the authority's regions. Raises NotFound, NotLoggedIn."""
    asking = logged_in(caller)
    record = (await read_doctors([doctor_id])).get(doctor_id)
    if record is None:
        raise NotFound
    place = Place(doctor_id, record.institution_id, None, record.region_id)
    if grant_on(asking, place, kind=Kind.DOCTOR) is None:
        bodies = asking.organisations(Role.BODY_REVIEWER)
        assessed = await _assessed.first(doctor=doctor_id, bodies=list(bodies)) if bodies else None
        if assessed is None or grant_on(asking, Place(body_id=assessed["body"]), kind=Kind.DOCTOR) is None:
            raise NotFound
    return record


async def list_doctors(caller: Caller | None, *, search: str | None, after: int, limit: int) -> list[DoctorRecord]:
    """At most `limit` doctors with a key above `after`, by key: those of the officer's institution, those of the
    authority's regions. `search` is part of the name, or a whole document or practice certificate number.

    Raises NotLoggedIn, Forbidden for who holds neither role.
    """
    asking = logged_in(caller)
    require_sight(asking, Kind.DOCTOR, *_LISTING)
    held = [reach_in(asking, role, Kind.DOCTOR) for role in _LISTING if asking.has(role)]
    whole = any(reach.everywhere for reach in held)
    institutions = [key for reach in held if reach.side is Side.INSTITUTION for key in reach.keys]
    regions = [key for reach in held if reach.side is Side.REGION for key in reach.keys]
    number = normalise_number(search or "")
    rows = await _listed.run(
        by_institution=bool(institutions) and not whole,
        by_region=bool(regions) and not whole,
        searching=bool(number),
        limit=limit,
        after=after,
        institutions=institutions or None,
        regions=regions or None,
        pattern=contains_pattern(search or ""),
        number=number,
        # An empty list would be a query without rows.
        documents=indexes_of(Doctor.document_number, number) if number else None,
    )
    return [_record(row) for row in rows]


async def read_behaviour(doctor_ids: Sequence[int]) -> dict[int, list[BehaviourEntry]]:
    """The behaviour records of each doctor, oldest entry first. Applies no scope."""
    found: dict[int, list[BehaviourEntry]] = {}
    for row in await _behaviour.run(doctors=list(doctor_ids)):
        found.setdefault(row["doctor"], []).append(_entry(row))
    return found


async def read_behaviour_record(record_id: int) -> tuple[int, BehaviourEntry] | None:
    """The doctor's id and the behaviour record with this id, or None. Applies no scope."""
    row = await _behaviour_by_id.first(id=record_id)
    return None if row is None else (row["doctor"], _entry(row))


def _entry(row: Mapping[str, Any]) -> BehaviourEntry:
    return BehaviourEntry(
        row["id"], BehaviourPolarity(row["polarity"]), row["kind"], row["occurred_on"], row["description"]
    )


def _record(row: Mapping[str, Any]) -> DoctorRecord:
    values = dict(row)
    values["sex"] = Sex(values["sex"])
    values["category"] = PracticeCategory(values["category"])
    values["level"] = PracticeLevel(values["level"])
    return DoctorRecord(**values)
