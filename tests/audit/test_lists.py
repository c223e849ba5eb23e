"""The audit as audit administrators read it, and nobody else."""

from datetime import timedelta

import pytest

from dingkao.audit.lists import EntryFilter, list_entries
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.environment import Environment
from dingkao.plugin.errors import Forbidden, NotLoggedIn
from dingkao.plugin.vocabulary import Role
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample


async def test_it_is_found_by_account_action_object_time_and_result(
    environment: Environment, clock: SettableClock
) -> None:
    province = await build_sample(environment)
    auditor = await province.add_officer(Role.AUDIT_ADMINISTRATOR, None)
    begun = clock.now()
    for place in range(1, 7):
        clock.set(begun + timedelta(minutes=place))
        async with begin(environment, province.institution if place % 2 else SYSTEM_CALLER) as work:
            await work.record(f"TRY_{place % 3}", "Try", place, result="OK" if place < 5 else "FORBIDDEN")

    async def found(wanted: EntryFilter, after: int = 0, limit: int = 100) -> list[int | None]:
        rows = await list_entries(auditor, wanted, after=after, limit=limit)
        return [row.object_id for row in rows if row.object_type == "Try"]

    assert await found(EntryFilter()) == [6, 5, 4, 3, 2, 1]
    assert await found(EntryFilter(account=province.institution.account_id)) == [5, 3, 1]
    assert await found(EntryFilter(action="TRY_0")) == [6, 3]
    assert await found(EntryFilter(object_type="Try", object_id=4)) == [4]
    middle = EntryFilter(since=begun + timedelta(minutes=2), until=begun + timedelta(minutes=4))
    assert await found(middle) == [3, 2]
    assert await found(EntryFilter(refused=True)) == [6, 5]
    assert await found(EntryFilter(refused=False, action="TRY_0")) == [3]
    newest = await list_entries(auditor, EntryFilter(), after=0, limit=2)
    assert await found(EntryFilter(), after=newest[-1].id, limit=2) == [4, 3]


async def test_nobody_else_reads_it(environment: Environment) -> None:
    province = await build_sample(environment)
    doctor = await province.add_doctor()
    others = [
        await province.add_officer(role, None) for role in (Role.SECURITY_ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR)
    ]
    for caller in (doctor.caller, province.institution, province.body, province.authority, *others):
        with pytest.raises(Forbidden):
            await list_entries(caller, EntryFilter(), after=0, limit=1)
    with pytest.raises(NotLoggedIn):
        await list_entries(None, EntryFilter(), after=0, limit=1)
