"""What is past its time goes, in batches, once and for all; what a form, a court or an objection needs stays."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from dingkao.accounts.credential_tables import ActivationCode
from dingkao.accounts.tables import PhoneCode, SecondFactor, Session, SessionToken, Throttle
from dingkao.assessments.tables import Submission
from dingkao.audit.retention import HoldInForce, prune_entries
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.cli.checking import gather_facts
from dingkao.clock import china_date
from dingkao.cycles.tables import Cycle
from dingkao.db.database import fetch
from dingkao.db.lease import take_lease
from dingkao.environment import Environment
from dingkao.messaging.tables import OutboxMessage
from dingkao.plugin.errors import NotFound
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.results.tables import Result
from dingkao.retention.due import BATCH
from dingkao.retention.service import (
    AlreadyHeld,
    AlreadyRunning,
    apply_due,
    count_due,
    lift_hold,
    place_hold,
    read_holds,
)
from dingkao.storage.files import new_file_name
from dingkao.storage.tables import StoredFile
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample

OLD = timedelta(days=400)


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


async def add_session(account_id: int, created: datetime, ends: datetime, ended: datetime | None = None) -> int:
    inserted: list[Any] = await Session.insert(
        Session(account=account_id, created_at=created, last_used_at=created, ends_at=ends, ended_at=ended)
    ).returning(Session.id)
    key = int(inserted[0]["id"])
    digests = {"access_digest": f"a{key}".ljust(64, "0"), "refresh_digest": f"r{key}".ljust(64, "0")}
    await SessionToken.insert(SessionToken(session=key, issued_at=created, expires_at=ends, **digests))
    return key


async def add_codes(doctor: SampleDoctor, province: SampleProvince, at: datetime) -> None:
    """What an account leaves behind when it logs in for the first time, each once."""
    account = doctor.account_id
    await PhoneCode.insert(
        PhoneCode(account=account, flow="x", purpose="FIRST_LOGIN", digest="0" * 64, sent_at=at, expires_at=at),
    )
    await ActivationCode.insert(
        ActivationCode(
            account=account,
            institution=province.institution_id,
            issued_by=province.institution.account_id,
            digest="0" * 64,
            issued_at=at,
            expires_at=at,
            used_at=at,
        )
    )
    await SecondFactor.insert(SecondFactor(account=account, secret="sealed", created_at=at))


async def add_upload(environment: Environment, doctor: SampleDoctor, at: datetime) -> int:
    """A proof that nothing names, with its bytes."""
    name = new_file_name()
    await environment.files.put(name, b"bytes", "image/png")
    inserted: list[Any] = await StoredFile.insert(
        StoredFile(
            assessment=doctor.assessment_id,
            purpose=FilePurpose.PROCEDURE_PROOF.value,
            name=name,
            media_type="image/png",
            size=5,
            digest="0" * 64,
            uploaded_by=doctor.account_id,
            uploaded_at=at,
        )
    ).returning(StoredFile.id)
    return int(inserted[0]["id"])


async def due(environment: Environment) -> dict[str, int]:
    return {each.kind.code: each.count for each in await count_due(environment) if each.count}


async def test_what_is_over_goes_and_the_rest_stays(province: SampleProvince, clock: SettableClock) -> None:
    environment, now = province.environment, clock.now()
    doctor, other = await province.add_doctor(), await province.add_doctor("李四")
    long_ago, lately = now - OLD, now - timedelta(days=1)
    for at in (long_ago, lately):
        await add_session(doctor.account_id, at, at + timedelta(hours=12))
        await OutboxMessage.insert(OutboxMessage(phone="13800000000", purpose="x", text="x", created_at=at))
        await Throttle.insert(Throttle(subject=f"address:{at}"[:80], last_failed_at=at))
        await add_upload(environment, doctor, at)
    # Ended long before its time was over, and long ago.
    await add_session(doctor.account_id, long_ago, now + timedelta(hours=1), ended=long_ago)
    await add_session(doctor.account_id, now, now + timedelta(hours=12))
    await add_codes(doctor, province, long_ago)
    await add_codes(other, province, lately)

    expected = {"sessions": 2, "sms-codes": 1, "activation-codes": 1, "second-factors": 1, "messages": 1}
    expected |= {"login-failures": 2, "uploads": 1}
    assert await due(environment) == expected
    assert (await gather_facts(environment)).retention_days is None
    told: list[str] = []
    applied = await apply_due(environment, lambda kind, done, total: told.append(f"{kind} {done}/{total}"))
    assert {code: number for code, number in applied.deleted.items() if number} == expected
    assert applied.left == 0
    assert "sessions 2/2" in told
    assert await due(environment) == {}
    counts = [await table.count() for table in (Session, SessionToken, PhoneCode, ActivationCode, SecondFactor)]
    assert counts == [2, 2, 1, 1, 1]
    assert [await table.count() for table in (OutboxMessage, Throttle, StoredFile)] == [1, 0, 1]
    assert (await gather_facts(environment)).retention_days == 0

    entries = await AuditEntry.select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)
    told_of = [row["detail"] for row in entries if row["action"] == "DELETE_EXPIRED"]
    assert '{"kind": "sessions", "rows": 2}' in told_of
    assert len(told_of) == len(expected)
    assert sum(row["action"] == "APPLY_RETENTION" for row in entries) == 1
    # A second run finds nothing, and says that it ran.
    assert not any((await apply_due(environment)).deleted.values())
    assert await AuditEntry.count().where(AuditEntry.action == "DELETE_EXPIRED") == len(expected)


async def test_an_upload_that_something_holds_stays(province: SampleProvince, clock: SettableClock) -> None:
    environment, long_ago = province.environment, clock.now() - OLD
    doctor, submitted = await province.add_doctor(), await province.add_doctor("李四")
    unused = await add_upload(environment, doctor, long_ago)
    of_plugin = await add_upload(environment, doctor, long_ago)
    in_snapshot = await add_upload(environment, submitted, long_ago)
    taken_back = await add_upload(environment, submitted, long_ago + timedelta(days=2))
    newest = await add_upload(environment, doctor, long_ago)
    await Submission.insert(
        Submission(
            assessment=submitted.assessment_id,
            number=1,
            content="{}",
            digest="0" * 64,
            submitted_at=long_ago + timedelta(days=1),
        )
    )
    name = (await StoredFile.select(StoredFile.name).where(StoredFile.id == unused))[0]["name"]
    # The table of a plugin that was installed once.
    await fetch('CREATE TABLE "night_proof" ("id" INTEGER PRIMARY KEY, "proof_file" BIGINT)')
    try:
        await fetch(f"INSERT INTO night_proof VALUES (1, {of_plugin})")
        assert await due(environment) == {"uploads": 2}
        assert (await apply_due(environment)).deleted["uploads"] == 2
    finally:
        await fetch("DROP TABLE night_proof")
    rows = await StoredFile.select(StoredFile.id).order_by(StoredFile.id)
    assert [row["id"] for row in rows] == [of_plugin, in_snapshot, newest]
    assert taken_back not in (of_plugin, in_snapshot, newest)
    with pytest.raises(KeyError):
        await environment.files.get(name)


async def test_a_hold_or_an_open_objection_keeps_what_is_the_accounts(
    province: SampleProvince, clock: SettableClock
) -> None:
    environment, long_ago = province.environment, clock.now() - OLD
    held, objecting, free = [await province.add_doctor(name) for name in ("张三", "李四", "王五")]
    for doctor in (held, objecting, free):
        await add_session(doctor.account_id, long_ago, long_ago)
        await add_codes(doctor, province, long_ago)
        await add_upload(environment, doctor, long_ago)
    newest = await add_session(free.account_id, clock.now(), clock.now())
    await add_upload(environment, free, clock.now())
    number = await place_hold(environment, encode_id("Doctor", held.doctor_id), "(2026)示01行初12号")
    await Result.insert(
        Result(
            assessment=objecting.assessment_id,
            verdict="UNQUALIFIED",
            ground="PAPER_FAILED",
            state="REEXAMINATION_REQUESTED",
            concluded_at=long_ago,
            filed_at=long_ago,
            notified_at=long_ago,
        )
    )
    one_each = {"sessions": 1, "sms-codes": 1, "activation-codes": 1, "second-factors": 1, "uploads": 1}
    assert await due(environment) == one_each
    assert {code: count for code, count in (await apply_due(environment)).deleted.items() if count} == one_each
    rows = await Session.select(Session.account).where(Session.id != newest).order_by(Session.account)
    assert {row["account"] for row in rows} == {held.account_id, objecting.account_id}

    with pytest.raises(AlreadyHeld):
        await place_hold(environment, encode_id("Account", held.account_id), "again")
    for unknown in ("nonsense", encode_id("Doctor", 10**9), encode_id("Assessment", held.assessment_id)):
        with pytest.raises(NotFound):
            await place_hold(environment, unknown, "x")
    assert [(hold.id, hold.account) for hold in await read_holds()] == [(number, held.account_id)]
    await lift_hold(environment, number)
    with pytest.raises(NotFound):
        await lift_hold(environment, number)
    assert (await apply_due(environment)).deleted["sessions"] == 1
    actions = await AuditEntry.select(AuditEntry.action).where(AuditEntry.action.like("%LEGAL_HOLD"))
    assert [row["action"] for row in actions] == ["PLACE_LEGAL_HOLD", "LIFT_LEGAL_HOLD"]


async def test_one_run_at_a_time_and_what_was_killed_goes_on(province: SampleProvince, clock: SettableClock) -> None:
    environment, long_ago = province.environment, clock.now() - OLD
    await Throttle.insert(
        *(Throttle(subject=f"address:{number}", last_failed_at=long_ago) for number in range(BATCH + 1))
    )

    class Killed(Exception):
        pass

    def kill(kind: str, done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await apply_due(environment, kill)
    # The batch that was committed is gone, with its entry; the rest waits.
    assert await Throttle.count() == 1
    assert await AuditEntry.count().where(AuditEntry.action == "DELETE_EXPIRED") == 1
    # A process that is killed outright leaves the lease behind, for two minutes.
    assert await take_lease("retention", "another", clock.now(), 120)
    with pytest.raises(AlreadyRunning):
        await apply_due(environment)
    assert await Throttle.count() == 1
    clock.advance(timedelta(seconds=121))
    assert (await apply_due(environment)).deleted["login-failures"] == 1


async def test_records_and_audit_entries_are_counted_and_left(province: SampleProvince, clock: SettableClock) -> None:
    environment, now = province.environment, clock.now()
    doctor = await province.add_doctor()
    clock.set(now - OLD)
    async with begin(environment, SYSTEM_CALLER) as work:
        await work.record("TRY", "Try", 1)
    clock.set(now)
    cycle = (await Cycle.select(Cycle.ends_on).first())["ends_on"]
    clock.set(now.replace(year=cycle.year + 11))
    counted = await due(environment)
    assert counted["records"] == 1
    assert counted["audit"] >= 1
    entries = await AuditEntry.count()
    await apply_due(environment)
    assert (await due(environment))["records"] == 1
    assert await AuditEntry.count() > entries
    # Of a chain no entry is left out: while a hold is in force, none goes.
    number = await place_hold(environment, encode_id("Account", doctor.account_id), "x")
    before = china_date(now - OLD + timedelta(days=1))
    with pytest.raises(HoldInForce, match="legal hold"):
        await prune_entries(environment, SYSTEM_CALLER, before, print)
    assert "records" not in await due(environment)
    await lift_hold(environment, number)
    assert await prune_entries(environment, SYSTEM_CALLER, before, print) is not None
