"""`dingkao check`: whether the server could start, and whether it should."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dingkao.cli.console import new_table, output, say, warn

if TYPE_CHECKING:
    from dingkao.environment import Environment
    from dingkao.host.deployment import Facts, Finding

# A server deletes every ten minutes; a store may be down for a night.
_FACES_OVERDUE = timedelta(days=1)


def check(
    deploy: Annotated[
        bool, typer.Option("--deploy", help="List what is unsafe in production; exit with 1 where something is.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that are to serve on each host.")] = 1,
    hosts: Annotated[int, typer.Option("--hosts", min=1, help="Machines that are to serve.")] = 1,
) -> None:
    """Look whether a server with these settings could start; with --deploy, whether it should. 部署检查

    Changes nothing. Run it where the server runs, as the account that runs it, with its settings. What is **unsafe** is
    not to be put before the public, and the command exits with 1; **advice** is a choice.
    """
    facts = asyncio.run(_gather(workers, hosts))
    say("settings, plugins and database are ready to serve")
    if not deploy:
        return
    from dingkao.host.deployment import Severity, find_unsafe

    findings = find_unsafe(facts)
    _show(findings)
    unsafe = sum(finding.severity is Severity.UNSAFE for finding in findings)
    if unsafe:
        warn(f"dingkao: {unsafe} unsafe, {len(findings) - unsafe} advice: not ready for production")
        raise typer.Exit(1)
    say(f"nothing unsafe was found, {len(findings)} advice")


def _show(findings: "list[Finding]") -> None:
    table = new_table("", "Code", "Found", "What to do")
    for finding in findings:
        table.add_row(finding.severity.value, finding.code, finding.found, finding.advice)
    if findings:
        output().print(table)


async def _gather(workers: int, hosts: int) -> "Facts":
    from dingkao.cli.opening import open_environment

    async with open_environment() as environment:
        return await gather_facts(environment, workers, hosts)


async def gather_facts(environment: "Environment", workers: int = 1, hosts: int = 1) -> "Facts":
    """What is known of the deployment behind `environment`, whose database is in use."""
    from dingkao.crypto.ring import KeyRing
    from dingkao.demo.province import PROVINCE
    from dingkao.documents.configured_seal import ConfiguredSeal
    from dingkao.host.deployment import Facts
    from dingkao.institutions.service import region_by_code
    from dingkao.messaging.outbox import OutboxSmsSender
    from dingkao.plugin.ports import PortSlot
    from dingkao.proctoring.deletion import count_due_faces
    from dingkao.proctoring.recorder import RecordingFaceVerifier
    from dingkao.retention.service import last_applied
    from dingkao.testing.keys import TEST_KEYS

    settings, ports = environment.settings, environment.registry.ports
    applied = await last_applied()
    overdue = await count_due_faces(environment, _FACES_OVERDUE)
    return Facts(
        settings,
        workers,
        hosts,
        sms_is_outbox=isinstance(getattr(environment.sms, "_port", None), OutboxSmsSender),
        face_is_accepted_unseen=isinstance(getattr(environment.face, "_port", None), RecordingFaceVerifier),
        has_seal=PortSlot.SEAL_PROVIDER in ports
        or isinstance(getattr(environment.seal, "_port", None), ConfiguredSeal),
        has_demo=await region_by_code(PROVINCE) is not None,
        keys=len(environment.keys.ids),
        has_published_keys=bool(set(environment.keys.ids) & set(KeyRing.of(TEST_KEYS).ids)),
        overdue_faces=overdue.time_over + overdue.withdrawn + overdue.not_used,
        private_paths=_private_paths(environment),
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        retention_days=None if applied is None else max(0, (environment.clock.now() - applied).days),
    )


def _private_paths(environment: "Environment") -> list[Path]:
    """What nobody else on this machine should read: the database's file, the files, `.env`, the seal's key."""
    settings = environment.settings
    paths = [Path(".env"), settings.keys_file, settings.seal_key, settings.audit_signing_key, environment.database.path]
    paths += [Path(url) for url in (settings.storage_url, settings.faces_url) if url is not None and "://" not in url]
    return [path for path in paths if path is not None and path.exists()]
