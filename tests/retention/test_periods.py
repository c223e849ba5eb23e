"""Every table says how long its rows are kept, or why they are: generated from the tables: none is forgotten."""

from datetime import UTC, datetime

import pytest

from dingkao.migrations import CORE_TABLES
from dingkao.retention.due import RULES
from dingkao.retention.rules import KEPT, KINDS, End
from dingkao.settings import BadSettings, Settings, load_settings

TABLES = {table._meta.tablename: table for table in CORE_TABLES}
NOW = datetime(2028, 2, 29, 12, tzinfo=UTC)


def test_every_table_of_the_core_has_its_period_or_a_reason() -> None:
    ending = [table for kind in KINDS for table in kind.tables]
    assert len(set(ending)) == len(ending)
    assert set(ending) | set(KEPT) == set(TABLES)
    assert not set(ending) & set(KEPT)
    assert all(entry.because for entry in KEPT.values())
    # Of what ends in part, the rest has an entry of its own.
    assert {table for kind in KINDS for table in kind.parts} <= set(TABLES)


def test_every_kind_says_from_where_its_period_is() -> None:
    for kind in KINDS:
        assert kind.source, kind.code
        field = Settings.model_fields[kind.setting]
        assert any(hasattr(limit, "ge") for limit in field.metadata), f"{kind.setting} has no floor"
        assert kind.before(Settings(_env_file=None), NOW) < NOW  # type: ignore[call-arg]


def test_what_is_deleted_by_rules_is_declared_so() -> None:
    by_rule = {rule.code for rule in RULES} | {"uploads"}
    assert by_rule == {kind.code for kind in KINDS if kind.end is End.DELETED}
    for rule in RULES:
        kind = next(kind for kind in KINDS if kind.code == rule.code)
        below = {rule.below[0]} if rule.below else set()
        assert {rule.table, *below} == {*kind.tables, *kind.parts}


def test_what_only_ever_grows_is_deleted_by_no_rule() -> None:
    touched = {rule.table for rule in RULES} | {rule.below[0] for rule in RULES if rule.below}
    assert not touched & {"audit_entry", "audit_retention", "state_transition", "answer_save"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("session_keep_days", 89), ("record_keep_years", 5), ("audit_days", 182), ("code_keep_days", 1)],
)
def test_no_period_is_set_below_its_floor(setting: str, value: int) -> None:
    with pytest.raises(BadSettings, match=f"DINGKAO_{setting.upper()}"):
        load_settings(**{setting: value})


def test_years_end_on_a_day_that_there_is() -> None:
    records = next(kind for kind in KINDS if kind.code == "records")
    assert records.before(Settings(_env_file=None), NOW).date().isoformat() == "2018-02-28"  # type: ignore[call-arg]
