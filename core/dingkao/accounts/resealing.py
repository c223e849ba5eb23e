"""Sealing the secrets of authenticators anew with the newest key.

They are no sealed columns: each is bound to its account, so that one which is copied into another row does not open.
"""

from typing import Any

from dingkao.accounts.second_factor import open_secret, seal_secret
from dingkao.accounts.tables import SecondFactor
from dingkao.crypto.purposes import Purpose
from dingkao.crypto.ring import key_id_of
from dingkao.db.database import transaction
from dingkao.db.resealing import BATCH
from dingkao.db.statement import Statement
from dingkao.environment import Environment

_page = Statement(
    lambda p: (
        SecondFactor.select(SecondFactor.id, SecondFactor.account, SecondFactor.secret)
        .where(SecondFactor.id > p.after)
        .order_by(SecondFactor.id)
        .limit(BATCH)
    )
)


async def reseal_second_factors(environment: Environment) -> int:
    """How many secrets were sealed anew: all that an older key has sealed, in batches, while servers run. Raises
    UnknownKey where a secret's key is not in the ring."""
    newest = environment.keys.newest(Purpose.SECOND_FACTOR)
    resealed = after = 0
    while True:
        async with transaction():
            rows: list[Any] = await _page.run(after=after)
            for row in rows:
                if key_id_of(row["secret"]) != newest:
                    secret = seal_secret(environment, row["account"], open_secret(environment, row["account"], row))
                    # Taken away and set up anew meanwhile: then it is another row, or another secret.
                    changed = (
                        await SecondFactor.update({SecondFactor.secret: secret})
                        .where((SecondFactor.id == row["id"]) & (SecondFactor.secret == row["secret"]))
                        .returning(SecondFactor.id)
                    )
                    resealed += len(changed)
        if len(rows) < BATCH:
            return resealed
        after = rows[-1]["id"]
