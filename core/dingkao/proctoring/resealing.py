"""Sealing face images anew with the newest key, one at a time, while servers run.

The new file lies under a name of its own, and has a row from before it is written until the image's row points at it;
then that row names the old file until it is gone. Whatever ends it in between, each file has a row that nobody's
capture refers to, and the sweeper deletes it as an upload that was never finished. The purge notes an image as deleted
by the name that it deleted: of the two nobody undoes what the other did.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dingkao.db.database import transaction
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.ports import PortFailed
from dingkao.proctoring.tables import FaceImage
from dingkao.storage.faces import FaceStillThere

_log = get_logger("dingkao.faces")

# Rows that are read at once.
_PAGE = 100

_older = Statement(
    lambda p: (
        FaceImage.select(FaceImage.id, FaceImage.name, FaceImage.digest, FaceImage.size, FaceImage.sealed_by)
        .where(FaceImage.deleted_at.is_null() & (FaceImage.sealed_by != p.newest) & (FaceImage.id > p.after))
        .order_by(FaceImage.id)
        .limit(_PAGE)
    )
)


@dataclass(frozen=True, slots=True)
class ResealedFaces:
    """Images that were sealed anew; those of which there is no file (an upload that was never finished, or one that
    goes on now); those that the store did not give or take."""

    resealed: int = 0
    missing: int = 0
    failed: int = 0


async def count_older_faces(environment: Environment) -> int:
    """How many images an older key has sealed."""
    newest = environment.faces.newest_key
    return int(await FaceImage.count().where(FaceImage.deleted_at.is_null() & (FaceImage.sealed_by != newest)))


async def reseal_faces(
    environment: Environment, progress: Callable[[int], None] = lambda looked_at: None
) -> ResealedFaces:
    """Seal every image anew that an older key has sealed; the next call goes on with those that are left. `progress` is
    told how many were looked at. Raises UnknownKey where an image's key is not in the ring."""
    newest = environment.faces.newest_key
    resealed = missing = failed = looked_at = after = 0
    while rows := await _older.run(newest=newest, after=after):
        after = rows[-1]["id"]
        for row in rows:
            try:
                resealed += await _reseal(environment, row, newest)
            except KeyError:
                missing += 1
            except (PortFailed, FaceStillThere) as error:
                failed += 1
                _log.error("face image could not be sealed anew", image=row["id"], exc_info=error)
            looked_at += 1
            progress(looked_at)
    return ResealedFaces(resealed, missing, failed)


async def _reseal(environment: Environment, row: Any, newest: str) -> bool:
    """Whether the image was sealed anew; False where it was deleted meanwhile. Raises KeyError where it has no file,
    PortFailed, FaceStillThere, CryptoError."""
    image = await environment.faces.get(row["name"])
    name = environment.faces.new_name()
    spare = await FaceImage.insert(
        FaceImage(
            name=name, digest=row["digest"], size=row["size"], sealed_by=newest, stored_at=environment.clock.now()
        )
    ).returning(FaceImage.id)
    spare_id = int(spare[0]["id"])
    await environment.faces.put(name, image)
    swapped = await _swap(row, spare_id, name, newest)
    await environment.faces.delete(row["name"] if swapped else name)
    await FaceImage.delete().where((FaceImage.id == spare_id) & FaceImage.deleted_at.is_null())
    return swapped


async def _swap(row: Any, spare_id: int, name: str, newest: str) -> bool:
    """Let the image's row and the spare one change their files; False where the image was deleted meanwhile, or the
    spare row with its file."""
    async with transaction():
        spare = (
            await FaceImage.update({FaceImage.name: f"-{spare_id}"})
            .where((FaceImage.id == spare_id) & FaceImage.deleted_at.is_null())
            .returning(FaceImage.id)
        )
        if not spare:
            return False
        image = (
            await FaceImage.update({FaceImage.name: name, FaceImage.sealed_by: newest})
            .where((FaceImage.id == row["id"]) & (FaceImage.name == row["name"]) & FaceImage.deleted_at.is_null())
            .returning(FaceImage.id)
        )
        kept = {FaceImage.name: row["name"], FaceImage.sealed_by: row["sealed_by"]} if image else {FaceImage.name: name}
        await FaceImage.update(kept).where(FaceImage.id == spare_id)
        return bool(image)
