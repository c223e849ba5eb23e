"""The registration form and its histories: drafts, saved apart from submission (manual 2.2.3 (1) and (2))."""

from collections.abc import Mapping
from typing import Any

from dingkao.assessments.form_rules import HISTORY, MOST_ENTRIES, HistoryKind, form_problems, history_problems
from dingkao.assessments.form_tables import Education, InstitutionFiling, PracticeHistory, RegistrationForm
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.service.editing import edit, touch
from dingkao.assessments.text import normalise_text
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.db.tables import Record
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.text import Text

TABLES: Mapping[HistoryKind, type[Record]] = {
    HistoryKind.INSTITUTION_FILING: InstitutionFiling,
    HistoryKind.EDUCATION: Education,
    HistoryKind.PRACTICE: PracticeHistory,
}

_entries = {
    kind: Statement(lambda p, table=table: table.select(table.id).where(table.assessment == p.assessment))  # type: ignore[misc]
    for kind, table in TABLES.items()
}


def _clean(values: Mapping[str, Any]) -> dict[Any, Any]:
    return {name: normalise_text(value) if isinstance(value, str) else value for name, value in values.items()}


async def save_registration_form(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    changes: Mapping[str, Any],
    expected_revision: int | None,
) -> None:
    """Save the given fields (by column) of the form as a draft; the others stay.

    Raises ValidationFailed with every bad field, StateConflict, RevisionConflict.
    """
    async with begin(environment, caller) as work:
        record = await edit(work, assessment_id, expected_revision)
        problems = form_problems(changes, work.today)
        if problems:
            raise ValidationFailed(problems)
        if changes:
            await RegistrationForm.update(_clean(changes)).where(RegistrationForm.assessment == record.id)
        await touch(work, record)
        await work.record("SAVE_REGISTRATION_FORM", "Assessment", record.id, {"fields": sorted(changes)})


async def set_photo(work: UnitOfWork, record: AssessmentRecord, file_id: int) -> None:
    """Put an upload that was checked as a photo into the form; part of the upload's use case."""
    await RegistrationForm.update({RegistrationForm.photo: file_id}).where(RegistrationForm.assessment == record.id)
    await touch(work, record)


async def save_history_entry(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    kind: HistoryKind,
    entry_id: int | None,
    values: Mapping[str, Any],
    expected_revision: int | None = None,
) -> int:
    """Add an entry to a history, or change the one with `entry_id`; returns its key.

    Raises ValidationFailed, NotFound for an entry that is not this assessment's, StateConflict, RevisionConflict.
    """
    table: Any = TABLES[kind]
    async with begin(environment, caller) as work:
        record = await edit(work, assessment_id, expected_revision)
        problems = history_problems(kind, values, work.today)
        existing = {row["id"] for row in await _entries[kind].run(assessment=record.id)}
        if entry_id is None and len(existing) >= MOST_ENTRIES:
            text = Text(f"最多填写{MOST_ENTRIES}条。", f"At most {MOST_ENTRIES} entries.")
            problems.append(FieldProblem("input", "TOO_MANY_ENTRIES", text))
        if problems:
            raise ValidationFailed(problems)
        if entry_id is None:
            row = await table.insert(table(assessment=record.id, **_clean(values))).returning(table.id)
            entry_id = int(row[0]["id"])
        elif entry_id in existing:
            await table.update(_clean(values)).where(table.id == entry_id)
        else:
            raise NotFound
        await touch(work, record)
        await work.record("SAVE_HISTORY_ENTRY", "Assessment", record.id, {"kind": kind.value, "entry": entry_id})
        return entry_id


async def remove_history_entry(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    kind: HistoryKind,
    entry_id: int,
    expected_revision: int | None = None,
) -> None:
    """Remove an entry. Raises NotFound where it is not this assessment's, StateConflict, RevisionConflict."""
    table: Any = TABLES[kind]
    async with begin(environment, caller) as work:
        record = await edit(work, assessment_id, expected_revision)
        existing = {row["id"] for row in await _entries[kind].run(assessment=record.id)}
        if entry_id not in existing:
            raise NotFound
        await table.delete().where(table.id == entry_id)
        await touch(work, record)
        await work.record("REMOVE_HISTORY_ENTRY", "Assessment", record.id, {"kind": kind.value, "entry": entry_id})


def history_columns(kind: HistoryKind) -> tuple[str, ...]:
    """The columns of an entry that a client fills."""
    rule = HISTORY[kind]
    return (*[text.column for text in rule.texts], rule.began, rule.ended)
