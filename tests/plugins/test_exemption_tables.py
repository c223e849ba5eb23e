"""The plugin's tables: the migration is what the declarations say, and the database itself keeps the rules."""

import asyncio
import sqlite3
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from dingkao.db.database import fetch, transaction
from dingkao.db.ddl import create_statements
from dingkao.environment import Environment
from dingkao_exemptions.tables import TABLES, ExemptionProof, ExemptionRequest

REFUSED = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)


@pytest.mark.parametrize(("dialect", "ending"), [("sqlite", "sqlite"), ("postgres", "postgresql")])
def test_the_migration_is_what_the_tables_declare(dialect: str, ending: str) -> None:
    script = (files("dingkao_exemptions.migrations") / f"0001_initial.{ending}.sql").read_text(encoding="utf-8")
    assert script == ";\n\n".join(create_statements(TABLES, dialect)) + ";\n"


def row(environment: Environment, **changes: Any) -> ExemptionRequest:
    values = {
        "assessment": 1,
        "procedure": "GENERAL",
        "subject": "PROFESSIONAL",
        "conditions": "[]",
        "state": "REQUESTED",
        "institution": 1,
        "body": 2,
        "requested_by": 3,
        "requested_at": environment.clock.now(),
    }
    return ExemptionRequest(**{**values, **changes})


def approved(environment: Environment, level: str, decision: str = "APPROVE") -> dict[str, Any]:
    now = environment.clock.now()
    return {f"{level}_decision": decision, f"{level}_account": 7, f"{level}_decided_at": now}


async def insert(request: ExemptionRequest) -> int:
    async with transaction():
        inserted = await ExemptionRequest.insert(request).returning(ExemptionRequest.id)
    return int(inserted[0]["id"])


async def test_states_and_decisions_agree(environment: Environment) -> None:
    institution, body = approved(environment, "institution"), approved(environment, "body")
    bad: list[dict[str, Any]] = [
        {"state": "NONSENSE"},
        {"subject": "NONSENSE"},
        {"state": "INSTITUTION_APPROVED"},
        {"state": "BODY_APPROVED", **institution},
        {"state": "REQUESTED", **institution},
        {"state": "REJECTED", **body},
        {"state": "REJECTED", **institution, **body},
        {"state": "REJECTED", "institution_decision": "REJECT"},
        {"state": "INSTITUTION_APPROVED", **institution, "institution_account": None},
        {"state": "BODY_APPROVED", **institution, **body, "body_decided_at": None},
    ]
    for changes in bad:
        with pytest.raises(REFUSED):
            await insert(row(environment, **changes))
    for assessment, changes in enumerate(
        [
            {},
            {"state": "INSTITUTION_APPROVED", **institution},
            {"state": "BODY_APPROVED", **institution, **body},
            {"state": "REJECTED", **approved(environment, "institution", "REJECT")},
            {"state": "REJECTED", **institution, **approved(environment, "body", "REJECT")},
        ]
    ):
        await insert(row(environment, assessment=assessment, **changes))


async def test_one_open_request_for_a_paper(environment: Environment) -> None:
    rejected = {"state": "REJECTED", **approved(environment, "institution", "REJECT")}
    await insert(row(environment, **rejected))
    await insert(row(environment, **rejected))
    found = await asyncio.gather(*(insert(row(environment)) for _ in range(4)), return_exceptions=True)
    assert len([outcome for outcome in found if isinstance(outcome, int)]) == 1
    assert len([outcome for outcome in found if isinstance(outcome, REFUSED)]) == 3
    with pytest.raises(REFUSED):
        await insert(row(environment, state="INSTITUTION_APPROVED", **approved(environment, "institution")))
    await insert(row(environment, procedure="SIMPLE"))
    await insert(row(environment, assessment=2))


async def test_proofs_belong_to_a_request_once_each(environment: Environment) -> None:
    request = await insert(row(environment))
    await ExemptionProof.insert(ExemptionProof(request=request, position=1, file=5))
    for proof in ((request, 1, 6), (request, 2, 5), (request + 99, 1, 5)):
        with pytest.raises(REFUSED):
            await ExemptionProof.insert(ExemptionProof(request=proof[0], position=proof[1], file=proof[2]))
    with pytest.raises(REFUSED):
        await fetch("DELETE FROM exemptions_request")
