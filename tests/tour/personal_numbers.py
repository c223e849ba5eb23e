"""Looking for personal numbers where none may stand readable."""

import asyncio
import base64
from pathlib import Path

import asyncpg

from dingkao.accounts.tables import Account
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.crypto.ring import KeyRing
from dingkao.db.database import Database
from dingkao.doctors.tables import Doctor
from dingkao.testing.keys import TEST_KEYS


async def _numbers(url: str) -> set[str]:
    async with Database(url, KeyRing.of(TEST_KEYS)).session():
        found = [
            value
            for table, column in (
                (Doctor, Doctor.document_number),
                (Doctor, Doctor.qualification_number),
                (Doctor, Doctor.phone),
                (Account, Account.login_name),
                (Account, Account.phone),
                (RegistrationForm, RegistrationForm.contact_phone),
            )
            for row in await table.select(column)
            for value in row.values()
        ]
    # Login names of staff are words and no numbers.
    return {number for number in found if number and any(letter.isdigit() for letter in number) and len(number) >= 9}


def personal_numbers(url: str) -> set[str]:
    """Every document, qualification and phone number that the database holds, opened with its keys."""
    return asyncio.run(_numbers(url))


async def _rows(url: str) -> bytes:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = [row[0] for table in tables for row in await connection.fetch(f'SELECT t::text FROM "{table[0]}" t')]
    finally:
        await connection.close()
    return "\n".join(found).encode()


def stored_bytes(url: str) -> bytes:
    """What a thief of the database has: an SQLite file with its companions, every row of PostgreSQL as text."""
    if not url.startswith("sqlite:///"):
        return asyncio.run(_rows(url))
    path = Path(url.removeprefix("sqlite:///"))
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def readable(numbers: set[str], data: bytes) -> set[str]:
    """Those of `numbers` that stand in `data`, plainly or in base64."""
    return {
        number
        for number in numbers
        if number.encode() in data or base64.b64encode(number.encode()).rstrip(b"=")[:-1] in data
    }
