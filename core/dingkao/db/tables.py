"""The base of every table, and the constraints they share."""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

from piccolo.columns import BigSerial, ForeignKey, Varchar
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.constraints import Check, Unique
from piccolo.query.methods.select import Select
from piccolo.table import Table

from dingkao.db.routing import ROUTER
from dingkao.db.sealed import opener, sealed_columns, sealed_values

__all__ = ["Record", "code_column", "one_of", "reference", "unique"]


class _OpeningSelect(Select[Any]):
    """Opens what is sealed in the rows it returns."""

    async def response_handler(self, response: Any) -> Any:
        """The rows with their sealed columns open."""
        handled = await super().response_handler(response)  # type: ignore[no-untyped-call]
        opened = opener(self.columns_delegate.selected_columns)
        return handled if opened is None or not handled or not isinstance(handled[0], dict) else opened(handled)


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
    # Of a plugin's table: what of it a doctor gets who asks for everything (dingkao.plugin.subject_access).
    _subject_access: ClassVar[object] = None

    def __init__(
        self, _data: Any = None, _ignore_missing: bool = False, _exists_in_db: bool = False, **kwargs: Any
    ) -> None:
        if not _exists_in_db and sealed_columns(self._meta.columns):
            stored = sealed_values(type(self), {**(_data or {}), **kwargs})
            _data, kwargs = None, {key if isinstance(key, str) else key._meta.name: stored[key] for key in stored}
        super().__init__(_data, _ignore_missing=_ignore_missing, _exists_in_db=_exists_in_db, **kwargs)

    @classmethod
    def select(cls, *columns: Any, exclude_secrets: bool = False) -> Any:
        """As Piccolo's; what is sealed comes open."""
        chosen = cls._process_column_args(*columns)
        return _OpeningSelect(table=cls, columns_list=chosen, exclude_secrets=exclude_secrets)

    @classmethod
    def update(cls, values: Any = None, force: bool = False, use_auto_update: bool = True, **kwargs: Any) -> Any:
        """As Piccolo's; values of sealed columns are sealed, and their indexes set."""
        stored = sealed_values(cls, {**(values or {}), **kwargs})
        return super().update(stored, force=force, use_auto_update=use_auto_update)


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
