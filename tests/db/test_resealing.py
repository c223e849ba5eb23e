"""Replacing a key: every value is sealed anew in batches, and what was interrupted goes on."""

from datetime import date

import pytest

from dingkao.accounts.tables import Account
from dingkao.crypto.current import use_keys
from dingkao.crypto.keys import new_key, read_keys
from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import KeyRing, UnknownKey
from dingkao.db import resealing
from dingkao.db.bulk import insert_many
from dingkao.db.resealing import Use, count_uses, reseal
from dingkao.doctors.tables import Doctor
from dingkao.environment import Environment
from dingkao.testing.keys import TEST_KEYS

COUNT = 7


async def enter(environment: Environment) -> None:
    columns = (
        Doctor.name, Doctor.document_type, Doctor.document_number, Doctor.sex, Doctor.birth_date,
        Doctor.qualification_number, Doctor.phone, Doctor.created_at,
    )  # fmt: skip
    now = environment.clock.now()
    rows = [
        (
            "甲",
            "PASSPORT",
            f"E000{number}",
            "MALE",
            date(1980, 1, 1),
            f"q{number}",
            f"1380000000{number}"[:11] or None,
            now,
        )
        for number in range(COUNT)
    ]
    await insert_many(columns, rows)
    await Account.insert(Account(login_name="officer", name="officer", created_at=now))


async def test_all_is_sealed_anew_and_an_interruption_loses_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(environment)
    before = await Doctor.select(Doctor.id, Doctor.document_number, Doctor.phone).order_by(Doctor.id)
    old, new = read_keys(TEST_KEYS)[0], new_key()
    monkeypatch.setattr(resealing, "BATCH", 3)
    told: list[tuple[int, int]] = []

    class Interrupted(Exception):
        pass

    def stop_after_the_first(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 1:
            raise Interrupted

    with use_keys(KeyRing([old, new])):
        with pytest.raises(Interrupted):
            await reseal([Doctor, Account], stop_after_the_first)
        assert Use("doctor.phone", new.id, 3) in await count_uses([Doctor])
        assert Use("doctor.phone", old.id, COUNT - 3) in await count_uses([Doctor])
        assert await Doctor.count().where(Doctor.document_number.is_in([f"E000{n}" for n in range(COUNT)])) == COUNT
        assert await reseal([Doctor, Account], lambda *step: told.append(step)) == {"doctor": COUNT - 3, "account": 1}
        assert +(await reseal([Doctor, Account])) == {}
    assert told[-1] == (COUNT + 1, COUNT + 1)
    with use_keys(KeyRing([new])):
        assert await Doctor.select(Doctor.id, Doctor.document_number, Doctor.phone).order_by(Doctor.id) == before
        assert await Account.exists().where(Account.login_name == "officer")
        assert {use.key_id for use in await count_uses([Doctor, Account])} == {new.id}


async def test_a_key_that_is_missing_stops_it(environment: Environment) -> None:
    await enter(environment)
    with use_keys(KeyRing([new_key()])), pytest.raises(UnknownKey):
        await reseal([Doctor])
    assert {use.key_id for use in await count_uses([Doctor])} == {environment.keys.newest(Purpose.PERSONAL_DATA)}
