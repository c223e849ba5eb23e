"""Reads what the declarations say, table by table: one or two queries each, whatever there is."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Any

from piccolo.columns import BigInt, Boolean, ForeignKey
from piccolo.table import Table

from dingkao.db.tables import Record
from dingkao.migrations import CORE_TABLES
from dingkao.plugin.subject_access import HeldOfDoctor
from dingkao.subject_access.rules import DECLARATIONS, Held, reveal

_TABLES = {table._meta.tablename: table for table in CORE_TABLES}
# Shown by their names, which say more than their keys.
_NAMED = {"organisation", "region", "cycle"}
# How the tables of plugins point at what belongs to a doctor, the surest first (dingkao.plugin.tables).
_OWNERS = ("assessment", "doctor", "account")

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """The doctor whose rows are read: keys, and the phone that the account has bound."""

    doctor_id: int
    account_id: int
    phone: str | None
    assessment_ids: tuple[int, ...]


def column_at(table: type[Record], path: str) -> Any:
    """The column at the end of a dotted path. Raises AttributeError where there is none."""
    return reduce(getattr, path.split("."), table)


async def read_core(subject: Subject) -> dict[str, Rows]:
    """Rows by table, of the core's tables that hold something of a doctor."""
    return {
        name: await _read_held(_TABLES[name], held, subject)
        for name, held in DECLARATIONS.items()
        if isinstance(held, Held)
    }


async def read_plugins(tables: Iterable[type[Record]], subject: Subject) -> dict[str, Rows]:
    """Rows by table, of those of plugins that belong to the doctor as the table declares it
    (`dingkao.plugin.subject_access`). Of one that declares nothing, rows that say by a column `assessment`, `doctor` or
    `account` whose they are, or refer to one that does, without keys of other objects, digests and secrets: rather too
    much than what is held and not told."""
    found: dict[str, Rows] = {}
    for table in tables:
        declared = table._subject_access
        if isinstance(declared, HeldOfDoctor):
            shown = {"id", *declared.shown}
            columns = [column for column in table._meta.columns if column._meta.name in shown]
            belongs = _belongs(table, declared.owner, subject, declared.kind.value)
        elif declared is None and (owner := owner_of(table)) is not None:
            columns = [column for column in table._meta.columns if _is_for_people(column)]
            belongs = _belongs(table, owner, subject)
        else:
            continue
        rows = await table.select(*columns).where(belongs).order_by(table._meta.primary_key)
        found[table._meta.tablename] = [_plain(row, columns) for row in rows]
    return found


def owner_of(table: type[Table]) -> str | None:
    """The path from a plugin's table to whose its rows are; None where nothing says it."""
    own = {column._meta.name for column in table._meta.columns}
    for name in _OWNERS:
        if name in own:
            return name
        for key in table._meta.foreign_key_columns:
            target = key._foreign_key_meta.resolved_references
            further = owner_of(target) if target is not table else None
            if further is not None and further.split(".")[-1] == name:
                return f"{key._meta.name}.{further}"
    return None


def may_belong_to_somebody(table: type[Table]) -> bool:
    """Whether a plugin's table has a plain number that may be a key of the core's, or refers to one that has."""
    columns = [column for column in table._meta.columns if not column._meta.primary_key]
    if any(isinstance(column, BigInt) and not isinstance(column, ForeignKey) for column in columns):
        return True
    targets = [key._foreign_key_meta.resolved_references for key in table._meta.foreign_key_columns]
    return any(may_belong_to_somebody(target) for target in targets if target is not table)


def _is_for_people(column: Any) -> bool:
    name = column._meta.name
    if column._meta.primary_key or name in _OWNERS:
        return True
    key = isinstance(column, BigInt) and not isinstance(column, ForeignKey)
    return not (key or column._meta.secret or name.endswith(("_index", "digest")))


async def _read_held(table: type[Record], held: Held, subject: Subject) -> Rows:
    shown = [column_at(table, name) for name in held.shown]
    beside = [column_at(table, path).as_alias(f"beside_{place}") for place, path in enumerate(held.beside)]
    names = [column.name.as_alias(f"name_of_{column._meta.name}") for column in shown if _is_named(column)]
    query = table.select(*shown, *names, *beside).where(await _condition(table, held, subject))
    rows = []
    for row in await query.order_by(table._meta.primary_key):
        plain = _plain(row, shown)
        for name in held.json:
            plain[name] = json.loads(plain[name])
        further = {path: row[f"beside_{place}"] for place, path in enumerate(held.beside)}
        visible = reveal(table._meta.tablename, plain, further, subject.account_id)
        if visible is not None:
            rows.append(visible)
    return rows


async def _condition(table: type[Record], held: Held, subject: Subject) -> Any:
    if held.through:
        keys: set[int] = set()
        for name, column, owner in held.through:
            other = _TABLES[name]
            rows = await other.select(column_at(other, column)).where(_belongs(other, owner, subject))
            keys |= {row[column] for row in rows if row[column] is not None}
        return table._meta.primary_key.is_in([0, *sorted(keys)])
    condition = _belongs(table, held.owner, subject)
    if table._meta.tablename == "audit_entry":
        # What others did to the doctor's record too: whoever looked at the numbers, or moved the doctor.
        of_doctor = (column_at(table, "object_type") == "Doctor") & (column_at(table, "object_id") == subject.doctor_id)
        return condition | of_doctor
    return condition


def _belongs(table: type[Record], owner: str, subject: Subject, kind: str | None = None) -> Any:
    column = column_at(table, owner)
    match kind or owner.split(".")[-1]:
        case "account":
            return column == subject.account_id
        case "assessment":
            return column.is_in([0, *subject.assessment_ids])
        case "phone":
            # The empty text is nobody's phone.
            return column == (subject.phone or "")
    return column == subject.doctor_id


def _is_named(column: Any) -> bool:
    return isinstance(column, ForeignKey) and column._foreign_key_meta.resolved_references._meta.tablename in _NAMED


def _plain(row: Mapping[str, Any], columns: Sequence[Any]) -> dict[str, Any]:
    """The row in values of JSON, objects by their names where they have one."""
    plain: dict[str, Any] = {}
    for column in columns:
        name = column._meta.name
        value = row.get(f"name_of_{name}", row[name])
        if isinstance(value, datetime | date):
            value = value.isoformat()
        elif isinstance(column, Boolean) and value is not None:
            value = bool(value)
        plain[name] = value
    return plain
