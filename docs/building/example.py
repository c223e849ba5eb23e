"""The example plugin of docs/plugins, loaded beside the bundled ones and asked."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from building.recorder import Exchange, demo_server
from dingkao.demo import people as demo
from dingkao.host.loading import FoundPlugin

FOLDER = Path(__file__).parents[1] / "plugins" / "example"
QUERY = "query { viewer { assessment { consultationOffice institution { name } } } }"


def example_plugin() -> FoundPlugin:
    """The example, found as if its distribution were installed."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    module = import_module("dingkao_provincial_notice.plugin")
    return FoundPlugin("provincial_notice", "dingkao-provincial-notice", "1.0", module.plugin)


async def walk_with_example() -> Mapping[str, Exchange]:
    """What the server answers with the example in force."""
    async with demo_server(example_plugin()) as server:
        authority = server.person()
        await authority.log_in(demo.AUTHORITY_OFFICER, demo.PASSWORD)
        shown = await authority.do("EffectivePolicy", regionCode="990000")
        changed = [entry for entry in shown if entry["source"] == "provincial_notice"]
        doctor = server.person()
        await doctor.log_in(demo.DOCTORS[0].document_number, demo.PASSWORD)
        await doctor.post(QUERY, name="example.field")
        policy = server.recorder.exchanges["EffectivePolicy"]
        return {
            "example.policy": replace(policy, answer={"data": {"effectivePolicy": changed}}),
            "example.field": server.recorder.exchanges["example.field"],
        }
