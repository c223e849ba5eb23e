"""Queries whose SQL is composed once.

Piccolo composes a query's text anew at each call and its `freeze()` freezes the values too; for small queries that
costs more than the database (reference/speed.md). A `Statement` composes once for each database and remembers which
value goes where.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from piccolo.query.base import Query
from piccolo.querystring import QueryString

from dingkao.db.database import fetch
from dingkao.db.routing import current_engine
from dingkao.db.sealed import opener

# A list in a query is padded with its last value to one of these lengths, so that few texts are composed.
LARGEST_LIST = 4096


class Slot:
    """Stands for a value that comes when the statement runs."""

    __slots__ = ("index", "name")

    def __init__(self, name: str, index: int | None = None) -> None:
        self.name = name
        self.index = index

    def __repr__(self) -> str:
        return f"Slot({self.name!r}, {self.index!r})"


class Parameters:
    """What a statement's builder receives: `parameters.name` is a slot, or a list of slots for a list."""

    def __init__(self, lengths: Mapping[str, int], constants: Mapping[str, Any]) -> None:
        self._lengths = lengths
        self._constants = constants

    def __getattr__(self, name: str) -> Any:
        if name in self._constants:
            return self._constants[name]
        if name in self._lengths:
            return [Slot(name, index) for index in range(self._lengths[name])]
        return Slot(name)


def _padded_length(length: int) -> int:
    padded = 1
    while padded < length:
        padded *= 2
    if padded > LARGEST_LIST:
        raise ValueError(f"a list of {length} values in one query; the most is {LARGEST_LIST}")
    return padded


class Statement:
    """A query with named parameters.

    `build` receives `Parameters` and returns a Piccolo query or querystring. `constants` names the arguments whose
    value becomes part of the text (a LIMIT, a choice of columns): one text is kept for each of their values, so they
    must be few. `json_columns` are decoded in each row, sealed columns of a Piccolo query opened. Values go to the
    driver as they are: pass dates, numbers, text.
    """

    def __init__(
        self,
        build: Callable[[Parameters], Query[Any, Any] | QueryString],
        *,
        constants: Sequence[str] = (),
        json_columns: Sequence[str] = (),
    ) -> None:
        self._build = build
        self._constants = frozenset(constants)
        self._json_columns = tuple(json_columns)
        self._texts: dict[tuple[Any, ...], tuple[str, list[Any], Any]] = {}

    async def run(self, **values: Any) -> list[Any]:
        """Run with these values and return the rows as mappings. An empty list among the values gives no rows."""
        key: list[Any] = [current_engine().engine_type]
        for name, value in values.items():
            if name in self._constants:
                key.append((name, value))
            elif isinstance(value, list | tuple):
                if not value:
                    return []
                key.append((name, _padded_length(len(value))))
        text = self._texts.get(tuple(key))
        if text is None:
            text = self._compose(values)
            self._texts[tuple(key)] = text
        sql, slots, opened = text
        arguments = [_fill(slot, values) if isinstance(slot, Slot) else slot for slot in slots]
        rows = await fetch(sql, arguments)
        if opened is not None:
            rows = opened(rows)
        return self._decode(rows) if self._json_columns else rows

    async def first(self, **values: Any) -> Any | None:
        """The first row, or None."""
        rows = await self.run(**values)
        return rows[0] if rows else None

    def _compose(self, values: Mapping[str, Any]) -> tuple[str, list[Any], Any]:
        lengths = {
            name: _padded_length(len(value))
            for name, value in values.items()
            if isinstance(value, list | tuple) and name not in self._constants
        }
        constants = {name: value for name, value in values.items() if name in self._constants}
        query = self._build(Parameters(lengths, constants))
        querystring = query if isinstance(query, QueryString) else query.querystrings[0]
        sql, arguments = querystring.compile_string(engine_type=current_engine().engine_type)
        selected = getattr(query, "columns_delegate", None)
        return sql, list(arguments), opener(selected.selected_columns) if selected is not None else None

    def _decode(self, rows: list[Any]) -> list[dict[str, Any]]:
        decoded = []
        for row in rows:
            copy = dict(row)
            for name in self._json_columns:
                value = copy[name]
                if isinstance(value, str):
                    copy[name] = json.loads(value)
            decoded.append(copy)
        return decoded


def _fill(slot: Slot, values: Mapping[str, Any]) -> Any:
    value = values[slot.name]
    if slot.index is None:
        return value
    return value[slot.index] if slot.index < len(value) else value[-1]
