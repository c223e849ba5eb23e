"""The keys of the chain: one takes the place of another, and what the old one signed still holds."""

import json
from dataclasses import replace

import pytest

from dingkao.audit.checkpoints import read_checkpoint, verified_checkpoint
from dingkao.audit.signing import BadSignature
from dingkao.audit.verification import verify_chain
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.crypto.keys import MasterKey, new_key
from dingkao.crypto.ring import KeyRing
from dingkao.environment import Environment


async def act(environment: Environment) -> None:
    async with begin(environment, SYSTEM_CALLER) as work:
        await work.record("TRY", "Try", None)


async def test_a_chain_goes_on_under_a_new_key(environment: Environment) -> None:
    old, new = new_key(), new_key()

    def under(*keys: MasterKey) -> Environment:
        return replace(environment, keys=KeyRing(keys))

    await act(under(old))
    signed = json.dumps(await verified_checkpoint(under(old)))
    await act(under(old, new))
    assert (await verify_chain(under(old, new))).broken is None
    # Checkpoints of before are still known as the server's own.
    assert read_checkpoint(under(old, new), signed).number == 1
    # Without the old key nothing can be said of what it signed.
    found = (await verify_chain(under(new))).broken
    assert found is not None
    assert (found.number, found.code) == (1, "UNKNOWN_KEY")
    assert old.id in found.text
    with pytest.raises(BadSignature, match="another key"):
        read_checkpoint(under(new), signed)
