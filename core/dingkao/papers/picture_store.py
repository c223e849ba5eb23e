"""Keeping the pictures of questions: once each, in the file store before the rows that name them.

A file is durable before its row, so that a row never points at nothing. What an import has put there and does not use
(it was refused, or failed) is removed when it ends; what a killed server leaves behind, `remove_abandoned_pictures`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any

from dingkao.db.database import transaction
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.papers.pictures import PictureFile, QuestionPicture
from dingkao.papers.questions import NewQuestion
from dingkao.papers.tables import PictureWrite, StoredPicture
from dingkao.storage.files import new_file_name

_log = get_logger("dingkao.papers")

# An import that began so long ago is not finished any more.
ABANDONED_AFTER = timedelta(hours=24)
# Keys in one query, and files that are written at once.
_AT_ONCE = 1000
_WRITERS = 4

_FACTS = (
    StoredPicture.id, StoredPicture.digest, StoredPicture.media_type, StoredPicture.size, StoredPicture.width,
    StoredPicture.height,
)  # fmt: skip
_page = Statement(
    lambda p: StoredPicture.select(*_FACTS).where(StoredPicture.id > p.after).order_by(StoredPicture.id).limit(p.limit),
    constants=("limit",),
)
_by_digests = Statement(lambda p: StoredPicture.select(*_FACTS).where(StoredPicture.digest.is_in(p.digests)))
_named = Statement(lambda p: StoredPicture.select(StoredPicture.name).where(StoredPicture.name.is_in(p.names)))
_names = Statement(
    lambda p: StoredPicture.select(StoredPicture.id, StoredPicture.name).where(StoredPicture.id.is_in(p.ids))
)
_by_id = Statement(
    lambda p: StoredPicture.select(StoredPicture.name, StoredPicture.media_type).where(StoredPicture.id == p.id)
)
_abandoned = Statement(
    lambda p: PictureWrite.select(PictureWrite.id, PictureWrite.names).where(PictureWrite.begun_at <= p.before)
)


def _file(row: Any) -> PictureFile:
    return PictureFile(row["digest"], row["media_type"], row["size"], row["width"], row["height"], id=row["id"])


async def known_pictures() -> dict[str, PictureFile]:
    """The pictures that the bank holds, by digest, without their bytes."""
    found: dict[str, PictureFile] = {}
    after = 0
    while rows := await _page.run(after=after, limit=_AT_ONCE):
        found |= {row["digest"]: _file(row) for row in rows}
        after = rows[-1]["id"]
    return found


class PlacedPictures:
    """The pictures of an import, in the store under names of their own; their rows come with `adopt`."""

    def __init__(self, names: Mapping[str, str], files: Mapping[str, PictureFile]) -> None:
        self._names = names
        self._files = files

    async def adopt(self, now: datetime, questions: Iterable[NewQuestion]) -> dict[str, int]:
        """The key of each picture of `questions`, by digest, in the transaction that the caller has begun; what the
        bank did not hold gets its row. Nobody else changes the bank meanwhile (`lock_bank`)."""
        digests = sorted({picture.file.digest for question in questions for picture in question.pictures})
        keys = {digest: file.id for digest, file in (await _held(digests)).items()}
        missing = [digest for digest in digests if digest not in keys]
        for start in range(0, len(missing), _AT_ONCE // 10):
            rows = [self._row(digest, now) for digest in missing[start : start + _AT_ONCE // 10]]
            inserted = await StoredPicture.insert(*rows).returning(StoredPicture.id, StoredPicture.digest)
            keys |= {row["digest"]: row["id"] for row in inserted}
        return keys

    def _row(self, digest: str, now: datetime) -> StoredPicture:
        file = self._files[digest]
        return StoredPicture(
            digest=digest, media_type=file.media_type, size=file.size, width=file.width, height=file.height,
            name=self._names[digest], stored_at=now,
        )  # fmt: skip


@asynccontextmanager
async def placed_pictures(environment: Environment, questions: Iterable[NewQuestion]) -> AsyncIterator[PlacedPictures]:
    """Put the pictures of `questions` that the bank does not hold into the file store; at the end, however it comes,
    remove again what no row names. Raises PortFailed."""
    files = {picture.file.digest: picture.file for question in questions for picture in question.pictures}
    held = await _held(sorted(files))
    names = {digest: new_file_name() for digest in files if digest not in held}
    if not names:
        yield PlacedPictures(names, files)
        return
    write = PictureWrite(begun_at=environment.clock.now(), names=json.dumps(list(names.values())))
    async with transaction():
        write_id = int((await PictureWrite.insert(write).returning(PictureWrite.id))[0]["id"])
    try:
        await _put(environment, [(name, files[digest]) for digest, name in names.items()])
        yield PlacedPictures(names, files)
    finally:
        try:
            await _settle(environment, write_id, list(names.values()))
        except Exception as error:
            # Nothing is lost by it: the row of the write is there, and the job comes by.
            _log.warning("pictures of an import were not cleared", write=write_id, exc_info=error)


async def remove_abandoned_pictures(environment: Environment) -> int:
    """Remove the files of imports that were never finished, and that no row names; returns how many imports there were.
    One worker's turn, once in a while; safe to repeat. Raises PortFailed."""
    rows = await _abandoned.run(before=environment.clock.now() - ABANDONED_AFTER)
    for row in rows:
        await _settle(environment, row["id"], json.loads(row["names"]))
    return len(rows)


async def read_picture(environment: Environment, picture_id: int) -> tuple[str, bytes]:
    """The media type and the bytes of a picture. Who asks has been checked. Raises KeyError, PortFailed."""
    row = await _by_id.first(id=picture_id)
    if row is None:
        raise KeyError(picture_id)
    return row["media_type"], await environment.files.get(row["name"])


async def with_bytes(environment: Environment, questions: Sequence[NewQuestion]) -> list[NewQuestion]:
    """The questions with the bytes of their pictures, for an export. Raises PortFailed, KeyError."""
    ids = sorted({picture.file.id for question in questions for picture in question.pictures})
    data: dict[int, bytes] = {}
    for start in range(0, len(ids), _AT_ONCE):
        for row in await _names.run(ids=ids[start : start + _AT_ONCE]):
            data[row["id"]] = await environment.files.get(row["name"])

    def filled(picture: QuestionPicture) -> QuestionPicture:
        return replace(picture, file=replace(picture.file, data=data[picture.file.id]))

    return [
        replace(question, pictures=tuple(filled(picture) for picture in question.pictures))
        if question.pictures
        else question
        for question in questions
    ]


def pictures_json(pictures: Iterable[QuestionPicture], keys: Mapping[str, int]) -> str:
    """The pictures of a version as its row keeps them."""
    return json.dumps(
        [
            {
                "place": picture.place,
                "text": picture.alternative_text,
                "picture": keys[picture.file.digest],
                "digest": picture.file.digest,
                "type": picture.file.media_type,
                "size": picture.file.size,
                "width": picture.file.width,
                "height": picture.file.height,
            }
            for picture in pictures
        ],
        ensure_ascii=False,
    )


def pictures_of(kept: str) -> tuple[QuestionPicture, ...]:
    """The pictures of a version's row, without their bytes."""
    if kept == "[]":
        return ()
    return tuple(
        QuestionPicture(
            entry["place"],
            entry["text"],
            PictureFile(
                entry["digest"], entry["type"], entry["size"], entry["width"], entry["height"], id=entry["picture"]
            ),
        )
        for entry in json.loads(kept)
    )


async def _held(digests: Sequence[str]) -> dict[str, PictureFile]:
    found: dict[str, PictureFile] = {}
    for start in range(0, len(digests), _AT_ONCE):
        rows = await _by_digests.run(digests=list(digests[start : start + _AT_ONCE]))
        found |= {row["digest"]: _file(row) for row in rows}
    return found


async def _put(environment: Environment, files: Sequence[tuple[str, PictureFile]]) -> None:
    at_once = asyncio.Semaphore(_WRITERS)

    async def put(name: str, file: PictureFile) -> None:
        async with at_once:
            await environment.files.put(name, file.data, file.media_type)

    # All of them end before anything is removed again.
    failed = [each for each in await asyncio.gather(*starmap(put, files), return_exceptions=True) if each is not None]
    if failed:
        raise failed[0]


async def _settle(environment: Environment, write_id: int, names: list[str]) -> None:
    """Remove the files of a write that no row names, then the row of the write."""
    kept: set[str] = set()
    for start in range(0, len(names), _AT_ONCE):
        kept |= {row["name"] for row in await _named.run(names=names[start : start + _AT_ONCE])}
    for name in names:
        if name not in kept:
            await environment.files.delete(name)
    async with transaction():
        await PictureWrite.delete().where(PictureWrite.id == write_id)
