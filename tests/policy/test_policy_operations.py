"""The policy over GraphQL: what is in force and pinned, simulating, pinning anew; for whom."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from policy_places import COUNTY, PROVINCE, Places, layer, with_layers

from dingkao.context import CoreContext
from dingkao.cycles.tables import CyclePolicy, PinnedPolicy
from dingkao.environment import Environment
from dingkao.host.services import CoreServices
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import BadArgument, Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role
from dingkao.testing.sample import caller_for
from dingkao.testing.shared import shared_schema
from dingkao.web.operations import load_operations

TEXTS = {operation.name: operation.text for operation in load_operations()}


@dataclass
class Client:
    """Asks the schema of a server in the process."""

    environment: Environment

    async def run(self, caller: Caller | None, name: str, **variables: Any) -> Any:
        """The one root field's value. Raises the refusal behind a top-level error."""
        services = CoreServices(self.environment)
        context = CoreContext(self.environment, caller, Language.CHINESE, services, "test", "127.0.0.1")
        schema = shared_schema(self.environment.registry)
        result = await schema.execute(TEXTS[name], variable_values=variables, context_value=context)
        for error in result.errors or ():
            raise error.original_error or error
        assert result.data is not None
        (value,) = result.data.values()
        return value


def staff(places: Places) -> Caller:
    return caller_for(0, "x", (RoleGrant(Role.INSTITUTION_OFFICER, places.hospitals["HX"]),))


async def test_every_value_with_layer_plugin_and_rule(places: Places) -> None:
    server = with_layers(
        places.environment,
        layer(PROVINCE, documents__objection_days=40),
        layer(COUNTY, "HY", documents__objection_days=60),
    )
    client = Client(server)

    async def days(region: str, organisation: str | None = None) -> Any:
        rows = await client.run(staff(places), "EffectivePolicy", regionCode=region, organisationCode=organisation)
        return next(row for row in rows if row["key"] == "documents.objection_days")

    shown = await days(COUNTY)
    assert (shown["value"], shown["nationalValue"], shown["source"]) == ("40", "30", f"test/{PROVINCE}")
    assert (shown["lowerLayers"], shown["lowerLayersRule"]) == ("TIGHTEN", "only tighten (higher)")
    assert (shown["regionCode"], shown["version"], shown["reason"]) == (PROVINCE, "1", f"{PROVINCE}通知")
    assert "Art. 24" in shown["basis"]
    own = await days(COUNTY, "HY")
    assert (own["value"], own["organisationCode"]) == ("60", "HY")
    assert (await days(PROVINCE, "HX"))["value"] == "40"
    for region, organisation in (("000000", None), (COUNTY, "NOWHERE"), (COUNTY, "HC")):
        with pytest.raises(NotFound):
            await days(region, organisation)


async def test_layers_that_do_not_go_together_are_said(places: Places) -> None:
    clash = (layer(PROVINCE, documents__objection_days=60), layer(COUNTY, documents__objection_days=45))
    with pytest.raises(BadArgument, match=r"documents.objection_days = 45"):
        await Client(with_layers(places.environment, *clash)).run(staff(places), "EffectivePolicy", regionCode=COUNTY)


async def test_what_was_pinned_is_shown_also_without_its_plugin(places: Places) -> None:
    await places.add_doctor("HX")
    cycle_id = await places.open(layer(COUNTY, documents__objection_days=50))
    # As if the county's plugin had had a section of its own, and were gone.
    row = await PinnedPolicy.objects().where(PinnedPolicy.version.like(f"%test/{COUNTY}%")).first()
    assert row is not None
    content, origins = json.loads(row.content), json.loads(row.origins)
    content["gone"] = {"spot_check_share": 5}
    origins["gone.spot_check_share"] = origins["documents.objection_days"]
    await PinnedPolicy.update(
        {PinnedPolicy.content: json.dumps(content), PinnedPolicy.origins: json.dumps(origins)}
    ).where(PinnedPolicy.id == row.id)
    cycle = await Client(places.environment).run(staff(places), "CyclePolicies", id=encode_id("Cycle", cycle_id))
    first, second = cycle["pinnedPolicies"]
    assert (first["regionCode"], second["regionCode"]) == (PROVINCE, COUNTY)
    assert cycle["policyVersion"] == first["version"] != second["version"]
    values = {value["key"]: value for value in second["values"]}
    assert values["documents.objection_days"]["value"] == "50"
    assert values["documents.objection_days"]["description"]
    gone = values["gone.spot_check_share"]
    assert (gone["value"], gone["description"], gone["reason"]) == ("5", "", f"{COUNTY}通知")
    with pytest.raises(Forbidden):
        await Client(places.environment).run(
            caller_for(0, "x", (RoleGrant(Role.DOCTOR, None),), 1), "CyclePolicies", id=encode_id("Cycle", cycle_id)
        )


async def test_the_authority_simulates_page_by_page_and_pins_anew(places: Places) -> None:
    for hospital in ("HX", "HY", "HX", "HC"):
        await places.add_doctor(hospital)
    cycle_id = await places.open()
    cycle = encode_id("Cycle", cycle_id)
    proposed = {"regionCode": COUNTY, "values": [{"key": "documents.objection_days", "value": "45"}]}
    client = Client(places.environment)
    seen: list[str] = []
    after = None
    while True:
        shown = await client.run(
            places.authority, "PolicySimulation", cycleId=cycle, layers=[proposed], first=2, after=after
        )
        assert (shown["assessments"], shown["touched"], shown["concluded"]) == (4, 3, 0)
        assert shown["kinds"] == [{"kind": "DOCUMENTS", "assessments": 3}]
        assert [(value["key"], value["assessments"]) for value in shown["values"]] == [("documents.objection_days", 3)]
        page = shown["touchedAssessments"]
        seen += [edge["node"]["assessment"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 3
    installed = Client(with_layers(places.environment, layer(COUNTY, documents__objection_days=45)))
    preview = await installed.run(places.authority, "PolicySimulation", cycleId=cycle, first=100)
    pinned = {"cycleId": cycle, "digest": preview["digest"], "reason": "通知"}
    done = await installed.run(places.authority, "RepinCyclePolicy", input=pinned)
    assert (done["__typename"], done["assessments"]) == ("CycleSuccess", 3)
    again = await installed.run(places.authority, "RepinCyclePolicy", input=pinned)
    assert (again["code"], again["currentState"]) == ("POLICY_UNCHANGED", "RUNNING")
    assert again["message"] == "现行政策与本周期采用的政策一致，无须调整。"
    bad = await installed.run(places.authority, "RepinCyclePolicy", input={**pinned, "reason": " "})
    assert [field["path"] for field in bad["fields"]] == ["reason"]
    assert await CyclePolicy.count().where(CyclePolicy.cycle == cycle_id) == 2


@pytest.mark.parametrize(
    ("key", "value", "path", "said"),
    [
        ("documents.objection_days", "many", "layers.0.values.0.value", "JSON"),
        ("documents.objection_days", "20", "layers", "documents.objection_days = 20"),
        ("documents.days", "20", "layers", "documents.days, which no section has"),
        ("documents.suspension_months", '{"least": 4, "most": 6}', "layers", "may not touch"),
    ],
)
async def test_a_bad_proposal_is_a_problem(places: Places, key: str, value: str, path: str, said: str) -> None:
    cycle = encode_id("Cycle", await places.open())
    proposed = {"regionCode": COUNTY, "values": [{"key": key, "value": value}]}
    shown = await Client(places.environment).run(places.authority, "PolicySimulation", cycleId=cycle, layers=[proposed])
    assert shown["__typename"] == "ValidationProblem"
    (field,) = shown["fields"]
    assert field["path"] == path
    assert said in field["message"]


async def test_nobody_else_simulates(places: Places) -> None:
    cycle = encode_id("Cycle", await places.open())
    client = Client(places.environment)
    for caller, refusal in ((staff(places), Forbidden), (None, NotLoggedIn)):
        with pytest.raises(refusal):
            await client.run(caller, "PolicySimulation", cycleId=cycle)
        with pytest.raises(refusal):
            await client.run(caller, "RepinCyclePolicy", input={"cycleId": cycle, "digest": "", "reason": "通知"})
