"""Columns that are encrypted at rest: personal numbers, and texts that hold them.

A sealed column is written and read like any other: its values are sealed where a row is made or updated (`Record`,
`insert_many`) and opened where it is read (`Statement`, a table's `select`). The key is that of the database in use
(`dingkao.crypto.current`), for personal data or the `purpose` that the column names; the associated data is table and
column: a ciphertext that is copied into another column does not open. What the database cannot do with it is compare: a
column is found by its index beside it, a keyed digest (`index`). A comparison with a text is one of the index; a
Statement's parameter, which has no value yet, takes indexes:

    class Doctor(Record, db=ROUTER, tablename="doctor"):
        document_number = Sealed(index="document_index")
        document_index = blind_index()

    by_number = Statement(lambda p: Doctor.select(Doctor.id).where(Doctor.document_index.is_in(p.documents)))
    await by_number.run(documents=indexes_of(Doctor.document_number, number))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from piccolo.columns import Column, Text, Varchar

from dingkao.crypto.current import current_keys
from dingkao.crypto.purposes import Purpose

# A sealed number of 60 signs of three bytes, its nonce, its tag and its key's name.
_SEALED_LENGTH = 300
_INDEX_LENGTH = 60


class _SealedColumn(Column):
    """What both kinds have in common. `index` names the column of the keyed digest, where there is one."""

    index_name: str | None = None
    purpose: Purpose = Purpose.PERSONAL_DATA

    @property
    def place(self) -> str:
        """Table and column: the associated data of the encryption, and the kind of the index."""
        return f"{self._meta.table._meta.tablename}.{self._meta.db_column_name}"

    def seal(self, value: str | None) -> str | None:
        """The text that is stored. Nothing and the empty text stay as they are. Raises NoKeys."""
        return current_keys().seal(self.purpose, self.place, value) if value else value

    def open(self, stored: str | None) -> str | None:
        """The value of a stored text. Raises UnknownKey, SealBroken."""
        return current_keys().open(self.purpose, self.place, stored) if stored else stored

    def blind(self, value: str | None) -> str | None:
        """The index that is stored. Raises NoKeys."""
        return current_keys().blind(self.place, value) if value else None

    def _index(self) -> Any:
        chain = self._meta.call_chain
        return getattr(chain[-1] if chain else self._meta.table, str(self.index_name))

    def _found_by_index(self, values: Sequence[Any]) -> Any:
        if self.index_name is None or not all(isinstance(value, str) for value in values):
            raise TypeError(f"{self.place} is encrypted: compare its index (`indexes_of`)")
        return self._index().is_in([index for value in values for index in indexes_of(self, value)])

    def __eq__(self, value: object) -> Any:
        # Piccolo compares columns with columns, to find them in lists.
        return super().__eq__(value) if value is None or isinstance(value, Column) else self._found_by_index([value])

    __hash__ = Column.__hash__

    def is_in(self, values: Any) -> Any:
        """Rows with one of the values, by the index."""
        return self._found_by_index(values)

    def _incomparable(self, *_: object) -> NoReturn:
        raise TypeError(f"{self.place} is encrypted: it is equal to a value or it is not, and cannot be compared else")

    not_in = like = ilike = __lt__ = __gt__ = __le__ = __ge__ = _incomparable  # type: ignore[assignment]


class Sealed(_SealedColumn, Varchar):
    """A short text (up to 60 characters of Chinese, 180 of ASCII), encrypted; required unless `null`. With `index` it
    is found by that column. `purpose` where it is no personal number."""

    def __init__(
        self,
        *,
        index: str | None = None,
        null: bool = False,
        default: str | None = None,
        purpose: Purpose = Purpose.PERSONAL_DATA,
    ) -> None:
        Varchar.__init__(self, length=_SEALED_LENGTH, null=null, default=default)
        self.index_name = index
        self.purpose = purpose


class SealedText(_SealedColumn, Text):
    """A long text, encrypted, without an index."""

    # Piccolo would take the class's name for the type.
    column_type = "TEXT"

    def __init__(self) -> None:
        Text.__init__(self)


def blind_index(*, unique: bool = False, null: bool = False, index: bool = False) -> Varchar:
    """The column for the index of a sealed one."""
    return Varchar(length=_INDEX_LENGTH, null=null, default=None, unique=unique, index=index)


def indexes_of(column: Any, value: str) -> list[str]:
    """The indexes under which `value` may stand in the index beside a sealed column: one for each key of the ring."""
    return current_keys().blinds(column.place, value)


def index_to_value(column: Any, values: Iterable[str]) -> dict[str, str]:
    """Values by each index that they may have: for looking up many at once."""
    return {index: value for value in values for index in indexes_of(column, value)}


def sealed_columns(columns: Iterable[Any]) -> list[_SealedColumn]:
    """Those of `columns` that are sealed."""
    return [column for column in columns if isinstance(column, _SealedColumn)]


def opener(columns: Iterable[Any]) -> Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]] | None:
    """For the selected `columns` of a query: what opens the rows it returns; None where none is sealed."""
    sealed = sealed_columns(columns)
    named = {str(column._alias or column._meta.get_default_alias()): column for column in sealed}  # type: ignore[no-untyped-call]
    if not named:
        return None

    def opened(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        copies = [dict(row) for row in rows]
        for name, column in named.items():
            for copy in copies:
                copy[name] = column.open(copy[name])
        return copies

    return opened


def sealed_values(table: Any, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """`values` of an update, by column or its name, as they are stored: sealed, with the indexes that follow."""
    stored = dict(values)
    for column in sealed_columns(table._meta.columns):
        for key in [key for key in stored if (key if isinstance(key, str) else key._meta.name) == column._meta.name]:
            value = stored[key]
            stored[key] = column.seal(value)
            if column.index_name is not None:
                stored[getattr(table, column.index_name)] = column.blind(value)
    return stored


def sealed_rows(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
    """The columns and rows of an insertion as they are stored, the indexes behind."""
    places = [(place, column) for place, column in enumerate(columns) if isinstance(column, _SealedColumn)]
    if not places:
        return columns, rows
    indexed = [(place, column) for place, column in places if column.index_name is not None]
    stored = []
    for row in rows:
        values = [*row, *(column.blind(row[place]) for place, column in indexed)]
        for place, column in places:
            values[place] = column.seal(row[place])
        stored.append(values)
    added = [getattr(column._meta.table, str(column.index_name)) for _, column in indexed]
    return [*columns, *added], stored
