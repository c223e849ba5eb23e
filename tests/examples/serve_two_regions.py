"""Run by the interpreter of an installed environment: a sample in the zone's region and one in a district beside it,
served on a socket that was handed over, at the time that a file tells.

Arguments: a folder (database, files, `clock` with an instant in ISO 8601) and the socket's number. The first start
makes the samples and writes their accounts to `accounts.json`.
"""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from dingkao.accounts.passwords import hash_password
from dingkao.accounts.tables import Account
from dingkao.application import build_environment
from dingkao.db.database import transaction
from dingkao.db.migrations import migrate
from dingkao.environment import Environment
from dingkao.migrations import CORE_MIGRATIONS
from dingkao.plugin.ids import encode_id
from dingkao.settings import Settings
from dingkao.testing.keys import TEST_KEYS
from dingkao.testing.sample import build_sample
from dingkao.web.app import create_app

PASSWORD = "a-password-of-the-sample"
REGIONS = {"zone": ("510191", ""), "district": ("510104", "-2")}
DOCTORS = ("甄免考", "乔未过")


class FileClock:
    """Tells the instant that the file holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return datetime.fromisoformat(self._path.read_text(encoding="utf-8"))


async def make(environment: Environment) -> dict[str, object]:
    """Both samples; returns their accounts by region."""
    async with environment.database.session():
        await migrate([CORE_MIGRATIONS, *environment.registry.migrations])
        password = await hash_password(PASSWORD)
        accounts = {}
        for name, (code, suffix) in REGIONS.items():
            province = await build_sample(environment, code_suffix=suffix, region_code=code)
            doctors = []
            for doctor_name in DOCTORS:
                doctor = await province.add_doctor(doctor_name, password_hash=password)
                assessment = encode_id("Assessment", doctor.assessment_id)
                doctors.append({"name": doctor_name, "number": doctor.document_number, "assessment": assessment})
            staff = {role: f"{role}{suffix}" for role in ("institution", "body", "authority", "second-authority")}
            accounts[name] = {"staff": staff, "doctors": doctors}
        async with transaction():
            await Account.update({Account.password_hash: password}).where(Account.password_hash.is_null())
    return accounts


def main(folder: Path, socket_number: int) -> None:
    clock = FileClock(folder / "clock")
    settings = Settings(
        keys=SecretStr(TEST_KEYS),
        database_url=f"sqlite:///{folder}/dingkao.db",
        storage_url=str(folder / "files"),
        explorer=False,
    )
    written = folder / "accounts.json"
    if not written.exists():
        written.write_text(json.dumps(asyncio.run(make(build_environment(settings, clock=clock)))), encoding="utf-8")
    config = uvicorn.Config(create_app(settings, clock=clock), fd=socket_number, log_config=None, ws="none")
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
