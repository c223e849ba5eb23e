"""The chain of audit entries: without gaps and forks under load, refused by the database to whoever changes it, and
walked to the first entry that does not hold."""

import asyncio
import json
from typing import Any

import pytest

from dingkao.audit.tables import AuditEntry, AuditHead
from dingkao.audit.verification import Expected, chain_head, verify_chain
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.db.counting import count_queries
from dingkao.db.database import fetch
from dingkao.environment import Environment
from dingkao.logs import MASKED

from .by_hand import Refused, by_hand


async def act(environment: Environment, action: str = "TRY", number: int | None = None) -> None:
    """A use case that changes nothing but the audit."""
    async with begin(environment, SYSTEM_CALLER) as work:
        await work.record(action, "Try", number, {"数": number})


async def numbers() -> list[int]:
    return [int(row["id"]) for row in await AuditEntry.select(AuditEntry.id).order_by(AuditEntry.id)]


async def broken_at(environment: Environment, expected: Expected | None = None) -> tuple[int, str] | None:
    broken = (await verify_chain(environment, expected=expected)).broken
    return None if broken is None else (broken.number, broken.code)


async def test_twenty_writers_at_once_make_one_chain_without_gaps(environment: Environment) -> None:
    async def write(writer: int) -> None:
        for place in range(5):
            if place == 2:
                with pytest.raises(ValueError, match="undone"):
                    await undone(environment)
            await act(environment, number=writer * 10 + place)

    await asyncio.gather(*(write(writer) for writer in range(20)))
    assert await numbers() == list(range(1, 101))
    walked: list[int] = []
    verified = await verify_chain(environment, progress=walked.append)
    assert verified.broken is None
    assert (verified.first, verified.last, verified.entries, sum(walked)) == (1, 100, 100, 100)
    head = await chain_head()
    assert head == Expected(100, verified.digest)


async def test_a_reason_keeps_no_number_of_a_person(environment: Environment) -> None:
    async with begin(environment, SYSTEM_CALLER) as work:
        await work.record(
            "TRY", "Try", 1, {"reason": "本人手机15400000001，护照EO0000001，已核对", "ids": [15400000001]}
        )
    (entry,) = await AuditEntry.select(AuditEntry.detail)
    assert json.loads(entry["detail"]) == {
        "reason": f"本人手机{MASKED}，护照{MASKED}，已核对",
        # Of our own making: keys and codes are as they are.
        "ids": [15400000001],
    }


async def undone(environment: Environment) -> None:
    async with begin(environment, SYSTEM_CALLER) as work:
        await work.record("UNDONE", "Try", None)
        await work.write_entries()
        raise ValueError("undone")


async def test_an_act_that_is_killed_in_the_middle_leaves_no_gap(environment: Environment) -> None:
    await act(environment)
    written = asyncio.Event()

    async def killed() -> None:
        async with begin(environment, SYSTEM_CALLER) as work:
            await work.record("KILLED", "Try", None)
            await work.write_entries()
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(killed())
    await written.wait()
    later = asyncio.create_task(act(environment))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await later
    assert await numbers() == [1, 2]
    assert await AuditEntry.count().where(AuditEntry.action == "KILLED") == 0
    assert await broken_at(environment) is None


async def test_an_entry_costs_one_statement_more_than_its_row(environment: Environment) -> None:
    with count_queries() as queries:
        await act(environment)
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE audit_entry SET detail = '{}' WHERE id = 1", "only appended to"),
        ("DELETE FROM audit_entry WHERE id = 2", "only appended to"),
        ("UPDATE audit_head SET number = 0", "moves with the entries"),
        ("DELETE FROM audit_head", "moves with the entries"),
        (
            "INSERT INTO audit_entry (id, at, role, request_id, action, object_type, result, digest, previous) "
            "VALUES (3, '2026-01-01T00:00:00+00:00', 'SYSTEM', 'x', 'FORGED', 'Try', 'OK', 'x', 'y')",
            "continues the chain",
        ),
        (
            "INSERT INTO audit_retention (last_entry, digest, pruned_at, entries) "
            "VALUES (2, 'x', '2026-01-01T00:00:00+00:00', 2)",
            "at least 183 days",
        ),
    ],
)
async def test_the_database_refuses_what_is_no_next_entry(
    environment: Environment, statement: str, message: str
) -> None:
    await act(environment)
    await act(environment)
    with pytest.raises(Refused, match=message):
        await fetch(statement)
    assert await numbers() == [1, 2]
    assert await broken_at(environment) is None


async def test_transitions_are_only_appended_to(environment: Environment) -> None:
    await fetch(
        "INSERT INTO state_transition (at, machine, object_id, assessment, source, event, target, role) "
        "VALUES ('2026-01-01T00:00:00+00:00', 'x', 1, 1, 'x', 'x', 'x', 'SYSTEM')"
    )
    for statement in ("UPDATE state_transition SET reason = 'x'", "DELETE FROM state_transition"):
        with pytest.raises(Refused, match="state_transition is only appended to"):
            await fetch(statement)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE audit_entry SET account = 7 WHERE id = 3", (3, "CHANGED")),
        ("UPDATE audit_entry SET detail = '{}' WHERE id = 4", (4, "CHANGED")),
        ("UPDATE audit_entry SET digest = previous WHERE id = 3", (3, "CHANGED")),
        ("UPDATE audit_entry SET key = 'other' WHERE id = 3", (3, "UNKNOWN_KEY")),
        ("UPDATE audit_entry SET previous = 'x' WHERE id = 3", (3, "NOT_CONTINUED")),
        ("DELETE FROM audit_entry WHERE id = 3", (3, "MISSING")),
        ("DELETE FROM audit_entry WHERE id <= 2", (1, "MISSING")),
        ("DELETE FROM audit_entry WHERE id >= 5", (5, "TRUNCATED")),
        ("DELETE FROM audit_head", (6, "NO_HEAD")),
        ("UPDATE audit_head SET digest = 'x'", (6, "OTHER_HEAD")),
        ("UPDATE audit_head SET number = 5", (6, "OTHER_HEAD")),
    ],
)
async def test_the_first_broken_entry_is_named(
    environment: Environment, statement: str, expected: tuple[int, str]
) -> None:
    for number in range(6):
        await act(environment, number=number)
    await by_hand(statement)
    assert await broken_at(environment) == expected


async def test_a_checkpoint_tells_a_cut_chain_from_a_whole_one(environment: Environment) -> None:
    for number in range(4):
        await act(environment, number=number)
    head = await chain_head()
    assert head is not None
    assert await broken_at(environment, head) is None
    # The last entries with the head: without the checkpoint it would look like a whole chain.
    row = await AuditEntry.select(AuditEntry.digest).where(AuditEntry.id == 2).first()
    assert row is not None
    await by_hand(
        "DELETE FROM audit_entry WHERE id > 2", f"UPDATE audit_head SET number = 2, digest = '{row['digest']}'"
    )
    assert await broken_at(environment) is None
    assert await broken_at(environment, head) == (3, "TRUNCATED")
    # And chained anew to the same length, by somebody who has the key.
    for number in range(4):
        await act(environment, "FORGED", number)
    assert await broken_at(environment) is None
    assert await broken_at(environment, head) == (4, "CHAINED_ANEW")


async def test_before_and_after_tell_whether_the_object_changed(environment: Environment) -> None:
    from dingkao.institutions.service import create_region
    from dingkao.plugin.vocabulary import RegionLevel

    region = await create_region(environment, SYSTEM_CALLER, code="990000", name="示范省", level=RegionLevel.PROVINCE)

    async def look() -> Any:
        async with begin(environment, SYSTEM_CALLER) as work:
            await work.find("Region", region)
            await work.record("LOOK", "Region", region)
        return await AuditEntry.select().order_by(AuditEntry.id, ascending=False).first()

    created = await AuditEntry.select().where(AuditEntry.action == "CREATE_REGION").first()
    assert created is not None
    assert created["before"] == ""
    assert len(created["after"]) == 64
    looked = await look()
    assert looked["before"] == looked["after"] == created["after"]
    await fetch("UPDATE region SET name = 'x'")
    changed = await look()
    assert changed["before"] == changed["after"] != created["after"]


async def test_without_its_head_nothing_is_appended(environment: Environment) -> None:
    from dingkao.audit.appending import NoHead

    await by_hand("DELETE FROM audit_head")
    with pytest.raises(NoHead):
        await act(environment)
    assert await numbers() == []
    assert await AuditHead.count() == 0
