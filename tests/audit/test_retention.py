"""Deleting entries after their time, on both databases: what is left is a whole chain."""

import json
from datetime import timedelta
from typing import Any

import pytest

from dingkao.audit.checkpoints import ChainBroken, read_checkpoint, verified_checkpoint
from dingkao.audit.retention import TooYoung, prune_entries
from dingkao.audit.signing import BadSignature
from dingkao.audit.tables import AuditEntry, AuditRetention
from dingkao.audit.verification import Expected, verify_chain
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.clock import china_date
from dingkao.db.database import fetch
from dingkao.environment import Environment
from dingkao.testing.clock import SettableClock

from .by_hand import Refused, by_hand

OLD, YOUNG = 3, 2


@pytest.fixture
async def chain(environment: Environment, clock: SettableClock) -> Environment:
    """Entries of two years ago, and of now."""
    now = clock.now()
    for place in range(OLD + YOUNG):
        clock.set(now - timedelta(days=800) if place < OLD else now)
        async with begin(environment, SYSTEM_CALLER) as work:
            await work.record("TRY", "Try", place)
    return environment


async def test_what_is_left_is_whole_and_says_what_went(chain: Environment, clock: SettableClock) -> None:
    kept: list[dict[str, Any]] = []
    before = china_date(clock.now() - timedelta(days=400))
    done = await prune_entries(chain, SYSTEM_CALLER, before, kept.append)
    assert done is not None
    assert (done.entries, done.last) == (OLD, OLD)
    (entry,) = await AuditEntry.select().where(AuditEntry.action == "PRUNE_AUDIT")
    assert entry["id"] == OLD + YOUNG + 1
    verified = await verify_chain(chain)
    assert (verified.broken, verified.first, verified.last) == (None, OLD + 1, OLD + YOUNG + 1)
    # The checkpoint is of before, and lies in what is left.
    (checkpoint,) = kept
    head = Expected(int(checkpoint["number"]), str(checkpoint["digest"]))
    assert head.number == OLD + YOUNG
    assert (await verify_chain(chain, expected=head)).broken is None
    with pytest.raises(Refused, match="only appended to"):
        await fetch(f"DELETE FROM audit_entry WHERE id = {OLD + 1}")
    assert await prune_entries(chain, SYSTEM_CALLER, before, kept.append) is None
    assert len(kept) == 1
    await by_hand(
        "DELETE FROM audit_entry WHERE action = 'TRY'", f"UPDATE audit_retention SET last_entry = {OLD + YOUNG}"
    )
    broken = (await verify_chain(chain)).broken
    assert broken is not None


async def test_what_is_young_or_broken_stays(chain: Environment, clock: SettableClock) -> None:
    with pytest.raises(TooYoung, match="183 days"):
        await prune_entries(chain, SYSTEM_CALLER, china_date(clock.now() - timedelta(days=182)), print)
    await by_hand("UPDATE audit_entry SET action = 'OTHER' WHERE id = 4")
    with pytest.raises(ChainBroken, match="entry 4"):
        await prune_entries(chain, SYSTEM_CALLER, china_date(clock.now() - timedelta(days=400)), print)
    assert await AuditEntry.count() == OLD + YOUNG
    assert await AuditRetention.count() == 0


async def test_a_checkpoint_is_read_back(chain: Environment) -> None:
    content = await verified_checkpoint(chain)
    assert read_checkpoint(chain, json.dumps(content)).number == OLD + YOUNG
    for text in ("", "[]", json.dumps({**content, "format": "x"})):
        with pytest.raises(BadSignature, match="no checkpoint"):
            read_checkpoint(chain, text)
    with pytest.raises(BadSignature, match="changed after"):
        read_checkpoint(chain, json.dumps({**content, "digest": "0" * 64}))
