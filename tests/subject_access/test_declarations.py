"""Every table says what of it belongs to a doctor: generated from the tables, so that none can be forgotten."""

import pytest
from piccolo.columns import ForeignKey

from dingkao.db.tables import Record
from dingkao.migrations import CORE_TABLES
from dingkao.subject_access.reading import column_at
from dingkao.subject_access.rules import DECLARATIONS, Held, NotHeld

TABLES = {table._meta.tablename: table for table in CORE_TABLES}
SECRET_WORDS = ("password", "secret", "digest", "hash", "_index", "answer_key", "token")
# Says which text was agreed to.
HARMLESS = {("face_consent", "text_digest")}


def held() -> list[tuple[type[Record], Held]]:
    return [(TABLES[name], held) for name, held in DECLARATIONS.items() if isinstance(held, Held)]


def test_every_table_of_the_core_is_declared() -> None:
    assert set(DECLARATIONS) == set(TABLES)
    assert all(entry.because for entry in DECLARATIONS.values() if isinstance(entry, NotHeld))


@pytest.mark.parametrize(("table", "entry"), held(), ids=lambda value: getattr(value, "__name__", ""))
def test_every_column_is_shown_or_left_out_for_a_reason(table: type[Record], entry: Held) -> None:
    columns = {column._meta.name for column in table._meta.columns}
    assert set(entry.shown) | set(entry.left_out) == columns
    assert not set(entry.shown) & set(entry.left_out)
    assert all(entry.left_out.values())
    shown = {
        name
        for name in entry.shown
        if any(word in name for word in SECRET_WORDS) and (table._meta.tablename, name) not in HARMLESS
    }
    assert shown - {"password_set_at"} == set()


@pytest.mark.parametrize(("table", "entry"), held(), ids=lambda value: getattr(value, "__name__", ""))
def test_the_ways_lead_to_a_doctor(table: type[Record], entry: Held) -> None:
    ways = [(TABLES[name], owner) for name, _, owner in entry.through] or [(table, entry.owner)]
    for start, owner in ways:
        column = column_at(start, owner)
        if isinstance(column, ForeignKey):
            assert column._foreign_key_meta.resolved_references._meta.tablename == "doctor"
        else:
            assert owner in {"id", "account", "assessment", "phone"}
    for path in entry.beside:
        column_at(table, path)


@pytest.mark.parametrize("name", [name for name, entry in DECLARATIONS.items() if isinstance(entry, NotHeld)])
def test_what_holds_nothing_points_at_nobody(name: str) -> None:
    """A table that refers to a doctor, an assessment or an attempt is one of a doctor."""
    targets = {
        key._foreign_key_meta.resolved_references._meta.tablename for key in TABLES[name]._meta.foreign_key_columns
    }
    assert not targets & {"doctor", "assessment", "assessment_paper", "attempt", "session", "result"}
