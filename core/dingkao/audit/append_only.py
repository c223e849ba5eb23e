"""Triggers by which the database itself refuses to change what is only ever appended to (GB/T 22239-2019, 8.1.4.3 c).

They hold whoever writes: a mistake in the program, a statement typed by hand. Who owns the tables can take a trigger
away; what he then changes breaks the chain (`dingkao audit verify`).
"""

from collections.abc import Mapping

# An audit entry may go when a retention row covers it: `dingkao audit prune` writes that, with a signed checkpoint.
_UNLESS_RETIRED = 'NOT EXISTS (SELECT 1 FROM "audit_retention" WHERE "last_entry" >= OLD."id")'


def append_only(table: str, *, retired: bool = False) -> Mapping[str, tuple[str, ...]]:
    """The triggers that refuse UPDATE, DELETE (and TRUNCATE) on `table`, by database. `retired`: rows that a retention
    row covers may be deleted."""
    return {"sqlite": _sqlite(table, retired), "postgres": _postgresql(table, retired)}


def _message(table: str) -> str:
    return f"{table} is only appended to"


def _sqlite(table: str, retired: bool) -> tuple[str, ...]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_message(table)}'); END"
    when = f"WHEN {_UNLESS_RETIRED} " if retired else ""
    return (
        f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" {refuse}',
        f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" {when}{refuse}',
    )


def _postgresql(table: str, retired: bool) -> tuple[str, ...]:
    condition = f"IF TG_OP = 'DELETE' THEN IF NOT ({_UNLESS_RETIRED}) THEN RETURN OLD; END IF; END IF; "
    return (
        f'CREATE FUNCTION "{table}_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
        f"{condition if retired else ''}RAISE EXCEPTION '{_message(table)}'; END $$",
        f'CREATE TRIGGER "{table}_no_change" BEFORE UPDATE OR DELETE ON "{table}" '
        f'FOR EACH ROW EXECUTE FUNCTION "{table}_refuse"()',
        f'CREATE TRIGGER "{table}_no_truncate" BEFORE TRUNCATE ON "{table}" '
        f'FOR EACH STATEMENT EXECUTE FUNCTION "{table}_refuse"()',
    )
