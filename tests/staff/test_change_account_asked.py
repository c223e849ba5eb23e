"""`changeAccount` as a client asks it: a doctor's account by the document number, which no answer repeats."""

from typing import Any

import pytest

from dingkao.accounts.tables import Account
from dingkao.plugin.vocabulary import Role
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import build_sample
from dingkao.testing.web import Client, operations, running_app, token_for


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_doctors_account_is_named_by_his_number(settings: Settings, clock: SettableClock) -> None:
    async with running_app(settings, clock) as app:
        environment = app.state.environment
        province = await build_sample(environment)
        doctor = await province.add_doctor("李四")
        changes: dict[Any, Any] = {Account.failures: 100, Account.last_failed_at: clock.now()}
        await Account.update(changes).where(Account.id == doctor.account_id)
        keeper = await province.add_officer(Role.SECURITY_ADMINISTRATOR, province.authority_id)
        client = Client(app, await token_for(environment, keeper.account_id))
        given = {"loginName": doctor.document_number, "reason": "来电核实"}
        disabled = await client.operation("ChangeAccount", input={**given, "change": "DISABLE"})
        assert (disabled["disabled"], disabled["locked"], disabled["lockedUntil"]) == (True, True, None)
        unlocked = await client.operation("ChangeAccount", input={**given, "change": "UNLOCK"})
        assert (unlocked["disabled"], unlocked["locked"]) == (True, False)
        assert doctor.document_number not in str(disabled)
        nameless = await client.operation("ChangeAccount", input={"change": "UNLOCK", "reason": "来电核实"})
        assert [field["code"] for field in nameless["fields"]] == ["ACCOUNT_REQUIRED"]
        # Nobody's number is answered as one of another region is.
        unknown = {"change": "UNLOCK", "reason": "来电核实", "loginName": "99000019000101001X"}
        assert await client.refusal(operations()["ChangeAccount"], input=unknown) == "NOT_FOUND"
        officer = Client(app, await token_for(environment, province.institution.account_id))
        assert await officer.refusal(operations()["ChangeAccount"], input={**given, "change": "UNLOCK"}) == "FORBIDDEN"
        # Who was named by his number is in no list of staff, nor found by his account's id.
        shown = await client.post("query($id: ID!) { node(id: $id) { __typename } }", {"id": disabled["id"]})
        assert shown["data"] is None or shown["data"]["node"] is None
