"""The names under which services know people: random-looking, the same for ever, and nothing without the secret."""

import hmac
import secrets
from hashlib import sha256
from typing import Any

from dingkao.db.database import in_transaction
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.proctoring.tables import SubjectSecret

# Of 256 bits as hexadecimal digits, half of them.
_LENGTH = 32
_FACES = "faces"

_secret = Statement(lambda p: SubjectSecret.select(SubjectSecret.secret).where(SubjectSecret.purpose == p.purpose))


async def subject_of(environment: Environment, doctor_id: int) -> str:
    """The name of a doctor towards the face service and the proctoring service; replacing the server's key does not
    change it. Raises NoKeys."""
    secret = environment.faces.subject_secret or await load_subject_secret(environment)
    return hmac.digest(secret, f"face:{doctor_id}".encode(), sha256).hex()[:_LENGTH]


async def load_subject_secret(environment: Environment) -> bytes:
    """The secret of the names: made by the first who asks, kept in the environment once it is there to stay."""
    found: Any = await _secret.first(purpose=_FACES)
    if found is not None:
        environment.faces.subject_secret = bytes.fromhex(found["secret"])
        return environment.faces.subject_secret
    await SubjectSecret.insert(SubjectSecret(purpose=_FACES, secret=secrets.token_hex(32))).on_conflict(
        action="DO NOTHING"
    )
    made: Any = await _secret.first(purpose=_FACES)
    secret = bytes.fromhex(made["secret"])
    if not in_transaction():
        # Else it may be undone, and with it this row.
        environment.faces.subject_secret = secret
    return secret
