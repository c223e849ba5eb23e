"""Run by the interpreter of an installed environment: a doctor's way through a spot check (`play`), or what is read of
it afterwards (`read`). Arguments: which of the two, and a folder. Prints the API's answer as JSON."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from dingkao.db.migrations import migrate
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import ReviewLevel
from dingkao.settings import Settings, load_settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.plugins import installed_plugins, migrations_of
from dingkao.testing.progress import decide, submit_registration
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, running_app, token_for

ANSWER = """
query ($id: ID!) { assessment(id: $id) { state conclusion procedureTitle%s } }
"""
DRAW = (
    "mutation ($input: Shandong2023DrawInput!) { drawSpotChecks(input: $input) { ... on Shandong2023Draw { drawn } } }"
)
QUEUE = "query { spotCheckQueue { edges { node { id } } } }"
FINDING = """
mutation ($input: Shandong2023FindingInput!) {
  recordSpotCheck(input: $input) { ... on Shandong2023SpotCheck { state } }
}
"""


async def play(settings: Settings, folder: Path) -> Any:
    """Submit, approve, draw, check, approve; the assessment as the body sees it."""
    async with running_app(settings, SettableClock()) as app:
        environment = app.state.environment
        province = await build_sample(environment, region_code="370000")
        doctor = await province.add_doctor(password_hash="unused")
        await submit_registration(environment, doctor, "SIMPLE")
        await decide(province, doctor, ReviewLevel.INSTITUTION)
        body = Client(app, await token_for(environment, province.body.account_id))
        institution = encode_id("Organisation", province.institution_id)
        assert (await body.value(DRAW, input={"institutionId": institution})) == {"drawn": 1}
        (edge,) = (await body.value(QUEUE))["edges"]
        answer = {"spotCheckId": edge["node"]["id"], "confirmed": True}
        assert (await body.value(FINDING, input=answer)) == {"state": "CONFIRMED"}
        await decide(province, doctor, ReviewLevel.BODY)
        kept = {"account": province.body.account_id, "assessment": encode_id("Assessment", doctor.assessment_id)}
        (folder / "kept.json").write_text(json.dumps(kept), encoding="utf-8")
        return {"assessment": await body.value(ANSWER % " spotChecks { state }", id=kept["assessment"])}


async def read(settings: Settings, folder: Path) -> Any:
    """The same without the plugin."""
    kept = json.loads((folder / "kept.json").read_text(encoding="utf-8"))
    async with running_app(settings, SettableClock()) as app:
        body = Client(app, await token_for(app.state.environment, kept["account"]))
        return {"assessment": await body.value(ANSWER % "", id=kept["assessment"])}


async def main(what: str, folder: Path) -> None:
    settings = load_settings().model_copy(
        update={"storage_url": str(folder / "files"), "explorer": False, "sweep_seconds": 300, "log_level": "ERROR"}
    )
    if what == "play":
        from dingkao.db.database import Database

        async with Database(settings.database_url).session():
            await migrate(migrations_of(installed_plugins()))
    answer = await (play if what == "play" else read)(settings, folder)
    sys.stdout.write("\n" + json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
