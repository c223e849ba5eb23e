"""What `dingkao import doctors` takes: `python -m bench.import_doctors [--doctors 250000] [--database-url …]`.

Makes a province with 300 institutions and a running cycle, writes a roster of so many made-up doctors, and runs the
command on it as an operator does, in a process of its own. Prints its seconds by the wall and of CPU, and its greatest
resident memory. A quarter of the doctors first, into a database of its own: four times as many should take four times
as long. `--database-url` names an empty database instead of SQLite, and then there is no first quarter.
"""

import argparse
import asyncio
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr

from bench.province import make_province
from dingkao.application import build_environment
from dingkao.cli.opening import all_migrations
from dingkao.db.migrations import migrate
from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_phone,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.doctors.roster import COLUMNS
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import Sex
from dingkao.settings import Settings
from dingkao.testing.keys import TEST_KEYS

# Some who are there already: an import is seldom the first.
_THERE = 1000
_FIRST_DAY = date(1965, 1, 1)


async def prepare(url: str) -> list[str]:
    """A migrated database with a province in it; the codes of its institutions."""
    environment = build_environment(Settings(database_url=url, keys=SecretStr(TEST_KEYS)))
    async with environment.database.session():
        await migrate(all_migrations(environment.registry))
        await make_province(environment, _THERE)
        rows = await Organisation.select(Organisation.code).where(Organisation.is_institution.eq(True))
        return [row["code"] for row in rows]


def write_roster(path: Path, doctors: int, institutions: list[str]) -> None:
    """A roster as an authority exports it, every line good."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS.values())
        for serial in range(doctors):
            born, sex = _FIRST_DAY + timedelta(days=serial % 9000), Sex.FEMALE if serial % 2 else Sex.MALE
            document = made_up_document_number(1_000_000 + serial, born, sex)
            row = [
                f"医师{serial:06d}", "居民身份证", document, "女" if serial % 2 else "男", born.isoformat(),
                made_up_qualification_number(document, 2010), made_up_practice_number(50_000_000 + serial), "临床",
                "内科专业", "执业医师", "2011-07-01", institutions[serial % len(institutions)],
                made_up_phone(20_000_000 + serial),
            ]  # fmt: skip
            writer.writerow(row)


def measure(url: str, doctors: int, folder: Path) -> None:
    """Prepare, run the command, print one line."""
    institutions = asyncio.run(prepare(url))
    roster = folder / f"roster-{doctors}.csv"
    write_roster(roster, doctors, institutions)
    command = [str(Path(sys.executable).with_name("dingkao")), "import", "doctors", str(roster)]
    variables = {**os.environ, "DINGKAO_DATABASE_URL": url, "DINGKAO_KEYS": TEST_KEYS}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"the import failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{doctors:>9,} doctors  {wall:7.1f} s wall  {cpu:7.1f} s CPU  {after.ru_maxrss / 1024:7.0f} MiB  "
        f"{doctors / wall:7.0f}/s  {done.stdout.strip().splitlines()[-1]}",
        flush=True,
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doctors", type=int, default=250_000)
    parser.add_argument("--database-url", help="an empty database; SQLite in a folder of its own by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dingkao-import-") as name:
        folder = Path(name)
        if asked.database_url:
            measure(asked.database_url, asked.doctors, folder)
            return
        for number in (asked.doctors // 4, asked.doctors):
            measure(f"sqlite:///{folder / f'{number}.db'}", number, folder)


if __name__ == "__main__":
    main()
