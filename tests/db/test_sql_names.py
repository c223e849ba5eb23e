"""Which tables an SQL text names: every way in which plugins' queries and migrations could name one."""

import pytest

from dingkao.db.sql_names import tables_in, words_in
from dingkao.migrations import CORE_MIGRATIONS, CORE_TABLES


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ('SELECT "a"."id" FROM "night_shift" "a" WHERE "a"."doctor" = 1', {"night_shift"}),
        ("select * from doctor", {"doctor"}),
        ("SELECT * FROM night_shift, doctor d, region", {"night_shift", "doctor", "region"}),
        ("SELECT * FROM night_shift n JOIN doctor d ON d.id = n.doctor", {"night_shift", "doctor"}),
        ("SELECT * FROM night_shift n JOIN doctor d ON d.id = n.doctor, region r", {"night_shift", "doctor", "region"}),
        ("SELECT * FROM (doctor CROSS JOIN region)", {"doctor", "region"}),
        ("SELECT * FROM (SELECT * FROM doctor) x, night_shift", {"doctor", "night_shift"}),
        ("SELECT (SELECT count(*) FROM session), 1 FROM night_shift", {"session", "night_shift"}),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM account)", {"account"}),
        ('SELECT * FROM public."doctor"', {"doctor"}),
        ("SELECT * FROM main.doctor", {"doctor"}),
        ("SELECT * FROM [doctor]", {"doctor"}),
        ("SELECT * FROM `doctor`", {"doctor"}),
        ("SELECT * FROM/**/doctor", {"doctor"}),
        ("SELECT * FROM -- comment\n doctor", {"doctor"}),
        ("SELECT 'FROM doctor', \"from\" FROM night_shift", {"night_shift"}),
        ("INSERT INTO night_shift (doctor, region) VALUES (1, 2)", {"night_shift"}),
        ("INSERT INTO night_shift SELECT * FROM doctor", {"night_shift", "doctor"}),
        ("INSERT OR REPLACE INTO doctor VALUES (1)", {"doctor"}),
        ("UPDATE doctor SET name = 'x'", {"doctor"}),
        ("UPDATE ONLY doctor SET name = 'x'", {"doctor"}),
        ("UPDATE night_shift SET a = d.a FROM doctor d", {"night_shift", "doctor"}),
        ("DELETE FROM doctor", {"doctor"}),
        ("DELETE FROM night_shift USING doctor WHERE 1 = 1", {"night_shift", "doctor"}),
        ("MERGE INTO night_shift USING doctor ON 1 = 1", {"night_shift", "doctor"}),
        ("TRUNCATE doctor", {"doctor"}),
        ("TRUNCATE TABLE doctor, region", {"doctor", "region"}),
        ("DROP TABLE IF EXISTS doctor", {"doctor"}),
        ("DROP TABLE night_shift, doctor", {"night_shift", "doctor"}),
        ("ALTER TABLE doctor ADD COLUMN x INTEGER", {"doctor"}),
        ("CREATE TABLE IF NOT EXISTS night_shift (doctor BIGINT REFERENCES doctor (id))", {"night_shift", "doctor"}),
        ("CREATE UNIQUE INDEX x ON doctor (id)", {"doctor"}),
        ("CREATE TRIGGER x AFTER UPDATE ON doctor BEGIN DELETE FROM region; END", {"doctor", "region"}),
        ("CREATE TABLE n (a INT REFERENCES m (a) ON DELETE RESTRICT ON UPDATE RESTRICT)", {"n", "m"}),
        ("CREATE VIEW night_view AS SELECT * FROM doctor", {"night_view", "doctor"}),
        ("LOCK TABLE doctor IN ACCESS EXCLUSIVE MODE", {"doctor"}),
        ("TABLE doctor", {"doctor"}),
        ("WITH x AS (SELECT * FROM doctor) SELECT * FROM x", {"doctor"}),
        ("SELECT 1 UNION SELECT id FROM doctor", {"doctor"}),
        ("SELECT * FROM night_shift FOR UPDATE", {"night_shift"}),
        ("INSERT INTO n VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1", {"n"}),
        ("SELECT EXTRACT(YEAR FROM at), a IS DISTINCT FROM b FROM night_shift", {"at", "night_shift"}),
        ("SELECT * FROM json_each(night_shift.proofs), doctor", {"doctor"}),
        ("DO $$ BEGIN DELETE FROM doctor; END $$", {"doctor"}),
        ("SELECT assessment, doctor FROM night_shift WHERE result IN (1, 2) ORDER BY region, doctor", {"night_shift"}),
    ],
)
def test_tables(sql: str, named: set[str]) -> None:
    assert tables_in(sql) == named


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_cores_own_migrations_name_the_cores_tables_and_no_others(engine: str) -> None:
    from dingkao.db.migrations import scripts

    found = {table for _, sql in scripts(CORE_MIGRATIONS, engine) for table in tables_in(sql)}
    assert found == {table._meta.tablename for table in CORE_TABLES}


def test_words_are_those_outside_of_texts_and_names() -> None:
    assert words_in("attach 'copy' AS \"grant\" -- execute") == {"ATTACH", "AS"}
