"""PostgreSQL's own tools: pg_dump and pg_restore, which must be of the server's version or a newer one."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from dingkao.backups.manifest import BackupRefused


def dump(url: str, target: Path) -> None:
    """Write a snapshot of the database to `target`, while others go on writing. Raises BackupRefused."""
    _run("pg_dump", url, ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}"])


def load(url: str, source: Path) -> None:
    """Fill the empty database from a dump, all of it or nothing. Raises BackupRefused."""
    options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(source)]
    _run("pg_restore", url, options)


def _run(tool: str, url: str, options: list[str]) -> None:
    found = shutil.which(tool)
    if found is None:
        raise BackupRefused(f"{tool} is not on the PATH: install PostgreSQL's client programs of the server's version")
    parts = urlsplit(url)
    environment = dict(os.environ)
    if parts.password is not None:
        # Not on the command line, which everybody on the machine can read.
        environment["PGPASSWORD"] = unquote(parts.password)
        user = f"{parts.username or ''}@{parts.netloc.rpartition('@')[2]}"
        url = urlunsplit(parts._replace(netloc=user))
    done = subprocess.run(  # noqa: S603 - the program found above, and arguments of ours
        [found, f"--dbname={url}", "--no-password", *options],
        env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise BackupRefused(f"{tool} failed: {lines[0] if lines else f'exit code {done.returncode}'}")
