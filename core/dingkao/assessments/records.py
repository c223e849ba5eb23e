"""Assessments as they are read: one joined row with doctor, registration, organisations, cycle and policy."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from dingkao.assessments.tables import Assessment
from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState

# Columns of the joined row, as (attribute of AssessmentRecord, column).
_A = Assessment
COLUMNS = {
    "id": _A.id,
    "doctor_id": _A.doctor,
    "cycle_id": _A.cycle,
    "kind": _A.kind,
    "state": _A.state,
    "institution_id": _A.institution,
    "body_id": _A.body,
    "region_id": _A.region,
    "revision": _A.revision,
    "procedure": _A.procedure,
    "procedure_title": _A.procedure_title,
    "statement": _A.statement,
    "submissions": _A.submissions,
    "return_reason": _A.return_reason,
    "conclusion": _A.conclusion,
    "changed_at": _A.changed_at,
    "doctor_name": _A.doctor.name,
    "document_type": _A.doctor.document_type,
    "document_number": _A.doctor.document_number,
    "sex": _A.doctor.sex,
    "birth_date": _A.doctor.birth_date,
    "qualification_number": _A.doctor.qualification_number,
    "registry_phone": _A.doctor.phone,
    "registration_id": _A.registration,
    "practice_number": _A.registration.practice_number,
    "category": _A.registration.category,
    "scope": _A.registration.scope,
    "level": _A.registration.level,
    "practising_since": _A.registration.practising_since,
    "institution_name": _A.institution.name,
    "body_name": _A.body.name,
    "cycle_name": _A.cycle.name,
    "cycle_state": _A.cycle.state,
    "cycle_starts_on": _A.cycle.starts_on,
    "cycle_ends_on": _A.cycle.ends_on,
    "enrolment_from": _A.cycle.enrolment_from,
    "enrolment_until": _A.cycle.enrolment_until,
    "tests_from": _A.cycle.tests_from,
    "tests_until": _A.cycle.tests_until,
    "policy_id": _A.policy,
    "policy_digest": _A.policy.digest,
    "policy_version": _A.policy.version,
}


# The names in the record of the assessment's own columns, by the database's names.
_OWN = {
    column._meta.db_column_name: name for name, column in COLUMNS.items() if not column._meta.call_chain
}  # fmt: skip


class AssessmentRecord(NamedTuple):
    """One assessment with what is read beside it. Instants are UTC; dates are days in China.

    A named tuple, because a page of a list makes a hundred of forty values each.
    """

    id: int
    doctor_id: int
    cycle_id: int
    kind: AssessmentKind
    state: AssessmentState
    institution_id: int
    body_id: int | None
    region_id: int
    revision: int
    procedure: str | None
    procedure_title: str
    statement: str
    submissions: int
    return_reason: str
    conclusion: str | None
    changed_at: datetime
    doctor_name: str
    document_type: str
    document_number: str
    sex: str
    birth_date: date
    qualification_number: str
    registry_phone: str | None
    registration_id: int
    practice_number: str
    category: str
    scope: str
    level: str
    practising_since: date | None
    institution_name: str
    body_name: str | None
    cycle_name: str
    cycle_state: str
    cycle_starts_on: date
    cycle_ends_on: date
    enrolment_from: datetime
    enrolment_until: datetime
    tests_from: datetime
    tests_until: datetime
    policy_id: int
    policy_digest: str
    policy_version: str


def selected_columns() -> list[Any]:
    """The joined row's columns under the record's names; copies, because Piccolo marks the alias on the column."""
    return [column.copy().as_alias(name) for name, column in COLUMNS.items()]


def own_columns(record: AssessmentRecord) -> dict[str, Any]:
    """The row of the assessment itself, by the database's names, without what is read beside it."""
    return {column: getattr(record, name) for column, name in _OWN.items()}


def to_record(row: Mapping[str, Any]) -> AssessmentRecord:
    """A row of `selected_columns()` as a record."""
    values = dict(row)
    values["kind"] = AssessmentKind(values["kind"])
    values["state"] = AssessmentState(values["state"])
    return AssessmentRecord(**values)


_by_ids = Statement(lambda p: Assessment.select(*selected_columns()).where(Assessment.id.is_in(p.ids)))


async def read_records(ids: list[int]) -> dict[int, AssessmentRecord]:
    """The records of `ids` that exist, by id. Applies no scope."""
    return {row["id"]: to_record(row) for row in await _by_ids.run(ids=ids)}
