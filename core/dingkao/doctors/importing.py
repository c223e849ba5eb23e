"""Importing a roster of doctors: every bad line told, all or nothing unless asked otherwise."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dingkao.access.rules import authority_grant
from dingkao.accounts.tables import Account
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.clock import china_date
from dingkao.cycles.service import ensure_assessments_after
from dingkao.db.bulk import insert_many
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.sealed import index_to_value
from dingkao.db.statement import LARGEST_LIST, Statement
from dingkao.doctors import rules
from dingkao.doctors.numbers import parse_qualification_number
from dingkao.doctors.roster import COLUMNS, RefusedLine, RosterLine, read_roster
from dingkao.doctors.tables import Doctor, PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.tables import Organisation
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# As many as one look-up takes; the progress moves on as often.
BATCH = 1000

Progress = Callable[[int, int], None]

_institutions = Statement(
    lambda p: Organisation.select(
        Organisation.code, Organisation.id, Organisation.region, Organisation.is_institution
    ).where(Organisation.code.is_in(p.codes))
)
_logins = Statement(lambda p: Account.select(Account.login_index).where(Account.login_index.is_in(p.indexes)))
_documents = Statement(
    lambda p: Doctor.select(Doctor.document_index).where(
        (Doctor.document_type == p.document_type) & Doctor.document_index.is_in(p.indexes)
    )
)

_DOCTOR = (
    Doctor.name,
    Doctor.document_type,
    Doctor.document_number,
    Doctor.sex,
    Doctor.birth_date,
    Doctor.qualification_number,
    Doctor.phone,
    Doctor.created_at,
)
_REGISTRATION = (
    PracticeRegistration.doctor,
    PracticeRegistration.institution,
    PracticeRegistration.practice_number,
    PracticeRegistration.category,
    PracticeRegistration.scope,
    PracticeRegistration.level,
    PracticeRegistration.practising_since,
    PracticeRegistration.valid_from,
)
# Every column without a default of the database: the table's own defaults are Piccolo's, not the row's.
_ACCOUNT = (Account.login_name, Account.name, Account.doctor, Account.created_at)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `imported` is 0 where it was all or nothing and a line was refused. `refused` holds every
    reason in the order of the lines; `remarks` what is doubtful in lines that were taken."""

    lines: int
    imported: int
    refused: tuple[RefusedLine, ...]
    remarks: tuple[RefusedLine, ...]

    @property
    def refused_lines(self) -> int:
        """How many lines were refused; one may have several reasons."""
        return len({entry.line for entry in self.refused})


async def import_doctors(
    environment: Environment,
    caller: Caller | None,
    text: str,
    *,
    columns: Mapping[str, str] = COLUMNS,
    skip_bad: bool = False,
    progress: Progress = lambda done, total: None,
) -> ImportReport:
    """Enter the doctors of a roster, each with an open registration, an account and, in a running cycle, an assessment.

    `text` is CSV, `columns` the names of its columns (`roster.resolve_columns`).
    Every refused line is reported. Where one was, nothing is entered, unless `skip_bad` takes the others. Accounts
    answer to the policy's initial password, so that nothing is hashed (manual 2.2.2). `progress` is told the steps
    done and their number: two for each line, reading and entering.

    By the system, or an authority officer for the institutions of his regions. Raises ValidationFailed for a file of
    another form, StateConflict where somebody enters one of the doctors at the same moment, Forbidden, NotLoggedIn.
    """
    authority_grant(logged_in(caller))
    steps = text.count("\n") + 1
    # Read before the transaction begins: on SQLite it keeps all other writers waiting.
    taken, refused = _read(text, columns, china_date(environment.clock.now()), progress, steps)
    async with begin(environment, caller) as work:
        work.acting = authority_grant(work.caller)
        found = await _check(work, taken, columns)
        bad = {entry.line for entry in found}
        good = [line for line in taken if line.line not in bad]
        refused = sorted([*refused, *found], key=lambda entry: entry.line)
        total = len(taken) + len({entry.line for entry in refused} - bad)
        if refused and not skip_bad:
            good = []
        if good:
            await _enter(work, good, progress, steps)
        report = ImportReport(total, len(good), tuple(refused), tuple(_remarks(good, columns)))
        detail = {"imported": report.imported, "refused": report.refused_lines}
        await work.record("IMPORT_DOCTORS", "Doctor", None, detail)
    progress(2 * steps, 2 * steps)
    return report


def _read(
    text: str, columns: Mapping[str, str], today: date, progress: Progress, steps: int
) -> tuple[list[RosterLine], list[RefusedLine]]:
    taken: list[RosterLine] = []
    refused: list[RefusedLine] = []
    # Lines end as CSV's do; `str.splitlines` would also break them at signs that may stand in a cell.
    lines = io.StringIO(text, newline="")
    for number, entry in enumerate(read_roster(lines, today, columns), 1):
        if isinstance(entry, RosterLine):
            taken.append(entry)
        else:
            refused += entry
        if number % BATCH == 0:
            progress(number, 2 * steps)
    return taken, refused


async def _check(work: UnitOfWork, lines: Sequence[RosterLine], columns: Mapping[str, str]) -> list[RefusedLine]:
    """What only the database can tell: the institution, and whether the doctor is there already."""
    institutions = await _known_institutions(work, {line.institution_code for line in lines})
    numbers: set[str] = set()
    for batch in _batches(lines):
        numbers |= await _known_numbers(batch)
    refused = []
    for line in lines:
        if line.institution_code not in institutions:
            text = Text("没有该代码的医疗卫生机构。", "There is no medical institution with this code.")
            refused.append(RefusedLine(line.line, columns["institution_code"], "INSTITUTION_UNKNOWN", text))
        if line.doctor.document_number in numbers:
            problem = rules.document_taken()
            refused.append(RefusedLine(line.line, columns["document_number"], problem.code, problem.text))
    return refused


async def _known_institutions(work: UnitOfWork, codes: set[str]) -> dict[str, int]:
    """Institutions by code, within the caller's reach: others do not exist for an authority."""
    everywhere = work.acting.role is Role.SYSTEM
    reach = frozenset(work.caller.regions(Role.AUTHORITY_OFFICER))
    # PostgreSQL takes no NUL in a text.
    ordered = sorted(code for code in codes if "\x00" not in code)
    known = {}
    for start in range(0, len(ordered), LARGEST_LIST):
        for row in await _institutions.run(codes=ordered[start : start + LARGEST_LIST]):
            if row["is_institution"] and (everywhere or row["region"] in reach):
                known[row["code"]] = row["id"]
    return known


async def _known_numbers(lines: Sequence[RosterLine]) -> set[str]:
    """Those of the lines' document numbers that a doctor or an account has already."""
    logins = index_to_value(Account.login_name, (line.doctor.document_number for line in lines))
    known = {logins[row["login_index"]] for row in await _logins.run(indexes=list(logins))}
    for kind in {line.doctor.document_type for line in lines}:
        numbers = (line.doctor.document_number for line in lines if line.doctor.document_type is kind)
        documents = index_to_value(Doctor.document_number, numbers)
        rows = await _documents.run(document_type=kind.value, indexes=list(documents))
        known |= {documents[row["document_index"]] for row in rows}
    return known


async def _enter(work: UnitOfWork, lines: Sequence[RosterLine], progress: Progress, steps: int) -> None:
    if is_postgresql():
        # One statement enters the assessments of all, and takes longer than a request's statement is given.
        await fetch("SET LOCAL statement_timeout = '10min'")
    institutions = await _known_institutions(work, {line.institution_code for line in lines})
    newest = (
        await PracticeRegistration.select(PracticeRegistration.id)
        .order_by(PracticeRegistration.id, ascending=False)
        .limit(1)
    )
    done = 0
    for batch in _batches(lines):
        await _enter_batch(work, batch, institutions)
        done += len(batch)
        progress(steps + done, 2 * steps)
    await ensure_assessments_after(work, newest[0]["id"] if newest else 0)


async def _enter_batch(work: UnitOfWork, lines: Sequence[RosterLine], institutions: Mapping[str, int]) -> None:
    doctors = [line.doctor for line in lines]
    rows = [
        (
            doctor.name,
            doctor.document_type.value,
            doctor.document_number,
            doctor.sex.value if doctor.sex else None,
            doctor.birth_date,
            doctor.qualification_number,
            doctor.phone,
            work.now,
        )
        for doctor in doctors
    ]
    inserted = await insert_many(_DOCTOR, rows, returning=(Doctor.id, Doctor.document_index))
    numbers = index_to_value(Doctor.document_number, (doctor.document_number for doctor in doctors))
    ids = {numbers[row["document_index"]]: row["id"] for row in inserted}
    accounts = [(doctor.document_number, doctor.name, ids.get(doctor.document_number), work.now) for doctor in doctors]
    entered = await insert_many(_ACCOUNT, accounts, returning=(Account.id,))
    if len(ids) != len(doctors) or len(entered) != len(doctors):
        text = Text(
            "导入期间有其他人登记了文件中的医师，请重新导入。",
            "Somebody entered a doctor of this file meanwhile; import again.",
        )
        raise StateConflict("IMPORT_RACED", text, "")
    registrations = [
        (
            ids[line.doctor.document_number],
            institutions[line.institution_code],
            line.doctor.practice_number,
            line.doctor.category.value,
            line.doctor.scope,
            line.doctor.level.value,
            line.doctor.practising_since,
            work.today,
        )
        for line in lines
    ]
    await insert_many(_REGISTRATION, registrations)


def _remarks(lines: Iterable[RosterLine], columns: Mapping[str, str]) -> list[RefusedLine]:
    return [
        RefusedLine(line.line, columns["qualification_number"], remark.code.upper(), Text(remark.zh, remark.en))
        for line in lines
        for remark in parse_qualification_number(line.doctor.qualification_number, line.doctor.document_number).remarks
    ]


def _batches(lines: Sequence[RosterLine]) -> Iterable[Sequence[RosterLine]]:
    return (lines[start : start + BATCH] for start in range(0, len(lines), BATCH))
