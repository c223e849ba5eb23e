"""Finding the uploads of an assessment."""

from dataclasses import dataclass
from datetime import datetime

from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.storage.tables import StoredFile

_COLUMNS = (
    StoredFile.id,
    StoredFile.assessment,
    StoredFile.purpose,
    StoredFile.name,
    StoredFile.title,
    StoredFile.media_type,
    StoredFile.size,
    StoredFile.digest,
    StoredFile.uploaded_at,
)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A stored file; `size` in bytes, `digest` is its SHA-256."""

    id: int
    assessment: int
    purpose: str
    name: str
    title: str
    media_type: str
    size: int
    digest: str
    uploaded_at: datetime


_of_assessment = Statement(
    lambda p: (
        StoredFile.select(*_COLUMNS)
        .where((StoredFile.assessment == p.assessment) & (StoredFile.purpose == p.purpose))
        .order_by(StoredFile.id)
    )
)
_by_ids = Statement(lambda p: StoredFile.select(*_COLUMNS).where(StoredFile.id.is_in(p.ids)))


async def files_of_assessment(assessment_id: int, purpose: FilePurpose) -> dict[int, FileRecord]:
    """The uploads of one purpose, by key, oldest first. The caller has checked the scope."""
    rows = await _of_assessment.run(assessment=assessment_id, purpose=purpose.value)
    return {row["id"]: FileRecord(**row) for row in rows}


async def files_by_ids(ids: list[int]) -> dict[int, FileRecord]:
    """The files with these keys that exist. The caller has checked the scope of what refers to them."""
    return {row["id"]: FileRecord(**row) for row in await _by_ids.run(ids=ids)}
