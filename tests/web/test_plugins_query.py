"""The query `plugins`: staff see what is in force, what each plugin brings and overrides; nobody else does."""

from collections.abc import Awaitable, Callable

import pytest

from dingkao.testing.sample import SampleDoctor, SampleProvince
from dingkao.testing.web import Client

ClientOf = Callable[..., Awaitable[Client]]

QUERY = """{ plugins {
  name version api distribution contributes contributions { hook names }
  overrides { regionCode organisationCode key value source reason }
} }"""


@pytest.mark.parametrize("staff", ["institution", "body", "authority"])
async def test_staff_see_what_each_plugin_brings(province: SampleProvince, client_of: ClientOf, staff: str) -> None:
    client = await client_of(getattr(province, staff))
    listed = {plugin["name"]: plugin for plugin in await client.value(QUERY)}
    exemptions = {one["hook"]: one["names"] for one in listed["exemptions"]["contributions"]}
    assert exemptions["tables"] == ["exemptions_request", "exemptions_proof"]
    assert "Mutation.requestExemption" in exemptions["graphql"]
    assert listed["exemptions"]["contributes"] == list(exemptions)
    assert (listed["exemptions"]["api"], listed["exemptions"]["distribution"]) == (1, "dingkao")
    assert listed["exemptions"]["overrides"] == []
    overrides = {(one["regionCode"], one["key"]): one for one in listed["local_policy"]["overrides"]}
    password = overrides["990000", "accounts.initial_password"]
    assert (password["value"], password["organisationCode"]) == ('"666666"', None)
    assert password["source"] == "local_policy/accounts"


async def test_nobody_else_does(province: SampleProvince, doctor: SampleDoctor, client_of: ClientOf) -> None:
    assert await (await client_of(None)).refusal(QUERY) == "UNAUTHENTICATED"
    assert await (await client_of(doctor.caller)).refusal(QUERY) == "FORBIDDEN"
    first = await client_of(province.authority, first_login=True)
    assert await first.refusal(QUERY) == "FIRST_LOGIN_REQUIRED"
