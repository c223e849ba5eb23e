"""Checkpoints: signed heads of the chain, kept out of reach of whoever writes to the database (security.md 3.5)."""

import json
from typing import Any

from dingkao.audit.signing import BadSignature, check_signed, own_public_keys, sign, signing_key
from dingkao.audit.verification import Broken, Expected, verify_chain
from dingkao.environment import Environment

FORMAT = "dingkao-audit-checkpoint-1"


class ChainBroken(RuntimeError):
    """Something was asked for that only a whole chain can give; carries the first entry that does not hold."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(f"entry {broken.number} of the audit does not hold: {broken.text} [{broken.code}]")
        self.broken = broken


def make_checkpoint(environment: Environment, head: Expected) -> dict[str, Any]:
    """The signed head: number, digest, the moment."""
    content = {
        "format": FORMAT,
        "number": head.number,
        "digest": head.digest,
        "at": environment.clock.now().isoformat(),
    }
    return sign(signing_key(environment), content)


async def verified_checkpoint(environment: Environment, progress: Any = lambda entries: None) -> dict[str, Any]:
    """Walk the whole chain and sign its head. Raises ChainBroken: what is not whole is not signed."""
    verified = await verify_chain(environment, progress=progress)
    if verified.broken is not None:
        raise ChainBroken(verified.broken)
    return make_checkpoint(environment, Expected(verified.last, verified.digest))


def read_checkpoint(environment: Environment, text: str, public_key: str | None = None) -> Expected:
    """The head that a checkpoint's text signs, checked with `public_key` or else with this server's own. Raises
    BadSignature."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadSignature("it is no checkpoint: `dingkao audit checkpoint` writes one")
    check_signed(content, *([public_key] if public_key else own_public_keys(environment)))
    return Expected(int(content["number"]), str(content["digest"]))
