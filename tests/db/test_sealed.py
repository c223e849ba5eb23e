"""Sealed columns: written and read like others, found by their index, encrypted in the database."""

from datetime import date

import pytest

from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.crypto.current import use_keys
from dingkao.crypto.keys import new_key, read_keys
from dingkao.crypto.ring import KeyRing, SealBroken, UnknownKey
from dingkao.db.bulk import insert_many
from dingkao.db.database import fetch, is_postgresql
from dingkao.db.sealed import indexes_of
from dingkao.db.statement import Statement
from dingkao.doctors.tables import Doctor
from dingkao.environment import Environment
from dingkao.testing.keys import TEST_KEYS

NUMBER = "990000198001010098"
OTHER = "990000198001010178"

_by_number = Statement(
    lambda p: Doctor.select(Doctor.id, Doctor.phone.as_alias("mobile")).where(Doctor.document_index.is_in(p.documents))
)
COLUMNS = (
    Doctor.name, Doctor.document_type, Doctor.document_number, Doctor.sex, Doctor.birth_date,
    Doctor.qualification_number, Doctor.phone, Doctor.created_at,
)  # fmt: skip


async def enter(environment: Environment, *numbers: str) -> list[int]:
    now = environment.clock.now()
    rows = [("甲", "PASSPORT", number, "MALE", date(1980, 1, 1), f"q{number}", None, now) for number in numbers]
    return [row["id"] for row in await insert_many(COLUMNS, rows, returning=(Doctor.id,))]


async def stored(key: int) -> dict[str, str]:
    mark = "$1" if is_postgresql() else "?"
    (row,) = await fetch(f"SELECT document_number, document_index, phone FROM doctor WHERE id = {mark}", [key])
    return dict(row)


async def test_it_reads_and_finds_and_is_not_in_the_database(environment: Environment) -> None:
    first, second = sorted(await enter(environment, NUMBER, OTHER))
    await Doctor.update({Doctor.phone: "13800000000"}).where(Doctor.id == first)
    assert await _by_number.run(documents=indexes_of(Doctor.document_number, NUMBER)) == [
        {"id": first, "mobile": "13800000000"}
    ]
    rows = await Doctor.select(Doctor.document_number, Doctor.phone).order_by(Doctor.id)
    assert rows == [
        {"document_number": NUMBER, "phone": "13800000000"},
        {"document_number": OTHER, "phone": None},
    ]
    assert await Doctor.select(Doctor.id).where(Doctor.document_number == OTHER) == [{"id": second}]
    assert await Doctor.count().where(Doctor.document_number.is_in([NUMBER, OTHER, "none"])) == 2
    row = await stored(first)
    assert NUMBER not in str(row)
    assert "13800000000" not in str(row)


async def test_an_update_moves_the_index_along(environment: Environment) -> None:
    (key,) = await enter(environment, NUMBER)
    for values in ({Doctor.document_number: OTHER}, {"document_number": OTHER}):
        await Doctor.update(values).where(Doctor.id == key)
        assert await Doctor.exists().where(Doctor.document_number == OTHER)
        assert not await Doctor.exists().where(Doctor.document_number == NUMBER)


async def test_one_number_stands_once(environment: Environment) -> None:
    assert len(await enter(environment, NUMBER, NUMBER)) == 1


async def test_it_is_found_through_a_reference(environment: Environment) -> None:
    (key,) = await enter(environment, NUMBER)
    await Account.insert(
        Account(login_name="someone", name="甲", doctor=key, created_at=environment.clock.now(), phone="13800000000")
    )
    query = Account.select(Account.phone, Account.doctor.document_number).where(
        Account.doctor.document_number == NUMBER
    )
    assert await query == [{"phone": "13800000000", "doctor.document_number": NUMBER}]
    assert (await query.first())["phone"] == "13800000000"


async def test_a_ciphertext_of_another_column_or_key_does_not_open(environment: Environment) -> None:
    (key,) = await enter(environment, NUMBER)
    await fetch("UPDATE doctor SET phone = document_number")
    with pytest.raises(SealBroken, match=r"doctor\.phone"):
        await Doctor.select(Doctor.phone).where(Doctor.id == key)
    with use_keys(KeyRing([new_key()])), pytest.raises(UnknownKey):
        await Doctor.select(Doctor.document_number).where(Doctor.id == key)


async def test_while_a_key_is_replaced_both_indexes_are_found(environment: Environment) -> None:
    await enter(environment, NUMBER)
    with use_keys(KeyRing([*read_keys(TEST_KEYS), new_key()])):
        await enter(environment, OTHER)
        assert await Doctor.count().where(Doctor.document_number.is_in([NUMBER, OTHER])) == 2
        assert {row["document_number"] for row in await Doctor.select(Doctor.document_number)} == {NUMBER, OTHER}


def test_what_cannot_be_compared_says_so() -> None:
    for ask in (
        lambda: Doctor.document_number.like("99%"),
        lambda: Doctor.document_number > "9",
        lambda: Doctor.document_number == 9,
        lambda: Assessment.doctor.phone == "13800000000",
    ):
        with pytest.raises(TypeError, match="is encrypted"):
            ask()
