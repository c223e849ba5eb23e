"""The base of every table, and the constraints they share."""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

from piccolo.columns import BigSerial, ForeignKey, Varchar
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from dingkao.db.routing import ROUTER

__all__ = ["Record", "code_column", "one_of", "reference", "unique"]


class Record(Table, db=ROUTER):
    """A table of this software: a 64-bit key, and raw index statements beside Piccolo's own constraints.

    Subclass as `class Doctor(Record, db=ROUTER, tablename="doctor")`.
    """

    id = BigSerial(primary_key=True)

    # `CREATE [UNIQUE] INDEX …` in SQL that both databases read.
    _indexes: ClassVar[tuple[str, ...]] = ()
    # Statements after the table's own, in the SQL of one database each (`sqlite`, `postgres`): triggers, first rows.
    _further: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # What the audit calls an object of this table, and the columns whose values go into the digests of before and after
    # an act; none named: all of them.
    _audited_as: ClassVar[str] = ""
    _digested: ClassVar[tuple[str, ...]] = ()


def reference(table: Any, null: bool = False, index: bool = True, **options: Any) -> ForeignKey[Any]:
    """A foreign key that forbids deleting what it points at: records of an assessment are kept, never cascaded away."""
    return ForeignKey(
        references=table, null=null, index=index, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict, **options
    )


def code_column(length: int = 40, null: bool = False, **options: Any) -> Varchar:
    """A column for a state or code: ASCII words of our own, required by default."""
    options.setdefault("default", None)
    return Varchar(length=length, null=null, **options)


def one_of(column: str, values: type[enum.Enum]) -> Check:
    """A check that `column` holds one of the values of an enumeration (or null where the column may be)."""
    listed = ", ".join(f"'{member.value}'" for member in values)
    return Check(f'"{column}" IN ({listed})')


def unique(*columns: str) -> Unique:
    """A unique constraint over columns named as in the database."""
    return Unique(list(columns))
