"""The doctor's files and documents: what there is, and where it is had. An export holds texts; these come apart."""

from typing import Any

from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.ids import encode_id
from dingkao.results.tables import ResultDocument
from dingkao.storage.tables import StoredFile
from dingkao.subject_access.reading import Subject

_files = Statement(
    lambda p: (
        StoredFile.select(
            StoredFile.id, StoredFile.purpose, StoredFile.title, StoredFile.media_type, StoredFile.size,
            StoredFile.uploaded_at,
        )
        .where(StoredFile.assessment.is_in(p.assessments))
        .order_by(StoredFile.id)
    )
)  # fmt: skip
_documents = Statement(
    lambda p: (
        ResultDocument.select(
            ResultDocument.id, ResultDocument.kind, ResultDocument.number, ResultDocument.issued_at
        )
        .where(ResultDocument.result.assessment.is_in(p.assessments))
        .order_by(ResultDocument.id)
    )
)  # fmt: skip
_BY_TOKEN = "GET with the header Authorization: Bearer and the access token of a login"  # noqa: S105 - says how
_BY_LINK = "ask for downloadUrl of this Document: a link that works for some minutes"


async def list_files(environment: Environment, subject: Subject) -> list[dict[str, Any]]:
    """Each upload and each printed document of the doctor: its opaque id, what it is, and how it is downloaded."""
    assessments = list(subject.assessment_ids)
    root = environment.settings.public_url.rstrip("/")
    listed: list[dict[str, Any]] = []
    for row in await _files.run(assessments=assessments):
        opaque = encode_id("File", row["id"])
        listed.append(
            {
                "id": opaque,
                "kind": row["purpose"],
                "title": row["title"],
                "media_type": row["media_type"],
                "size": row["size"],
                "at": row["uploaded_at"].isoformat(),
                "url": f"{root}/files/{opaque}",
                "how": _BY_TOKEN,
            }
        )
    for row in await _documents.run(assessments=assessments):
        listed.append(
            {
                "id": encode_id("Document", row["id"]),
                "kind": row["kind"],
                "title": row["number"],
                "media_type": "application/pdf",
                "at": row["issued_at"].isoformat(),
                "how": _BY_LINK,
            }
        )
    return listed
