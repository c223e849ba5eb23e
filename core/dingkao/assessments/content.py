"""Everything the doctor filled in, read at once: for the preview, for the snapshot, for the reviewers."""

import json
from dataclasses import dataclass
from typing import Any

from dingkao.assessments.form_rules import FORM_TEXTS, HISTORY, HistoryKind, camel
from dingkao.assessments.form_tables import (
    Education,
    InstitutionFiling,
    PracticeHistory,
    ProcedureProof,
    RegistrationForm,
)
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.tables import Rating
from dingkao.db.statement import Statement
from dingkao.plugin.vocabulary import RatedBy
from dingkao.storage.lookup import FileRecord, files_by_ids

_FORM_COLUMNS = (*(rule.column for rule in FORM_TEXTS), "started_work_on", "photo")

form_of = Statement(
    lambda p: RegistrationForm.select(
        RegistrationForm.assessment, *(getattr(RegistrationForm, name) for name in _FORM_COLUMNS)
    ).where(RegistrationForm.assessment.is_in(p.assessments))
)
ratings_of = Statement(
    lambda p: (
        Rating.select(
            Rating.assessment, Rating.dimension, Rating.rated_by, Rating.verdict, Rating.items, Rating.summary,
            Rating.rated_at,
        )
        .where(Rating.assessment.is_in(p.assessments))
        .order_by(Rating.id)
    )
)  # fmt: skip
proofs_of = Statement(
    lambda p: (
        ProcedureProof.select(ProcedureProof.assessment, ProcedureProof.file)
        .where(ProcedureProof.assessment.is_in(p.assessments))
        .order_by(ProcedureProof.id)
    )
)
history_of = {
    kind: Statement(
        lambda p, table=table: (
            table.select(*table._meta.columns)  # type: ignore[misc]
            .where(table.assessment.is_in(p.assessments))
            .order_by(table.id)
        )
    )
    for kind, table in (
        (HistoryKind.INSTITUTION_FILING, InstitutionFiling),
        (HistoryKind.EDUCATION, Education),
        (HistoryKind.PRACTICE, PracticeHistory),
    )
}


@dataclass(frozen=True)
class FormContent:
    """The whole of what is submitted, as plain values; `proofs` and `photo` are uploads."""

    form: dict[str, Any]
    photo: FileRecord | None
    histories: dict[HistoryKind, list[dict[str, Any]]]
    ratings: list[dict[str, Any]]
    proofs: list[FileRecord]

    def self_ratings(self) -> list[dict[str, Any]]:
        """The doctor's own ratings."""
        return [rating for rating in self.ratings if rating["rated_by"] == RatedBy.DOCTOR.value]


async def read_content(assessment_id: int) -> FormContent:
    """Read it: seven queries, however much was filled in."""
    key = [assessment_id]
    form = await form_of.first(assessments=key)
    histories = {kind: [dict(row) for row in await history_of[kind].run(assessments=key)] for kind in HistoryKind}
    ratings = [dict(row) for row in await ratings_of.run(assessments=key)]
    proof_ids = [row["file"] for row in await proofs_of.run(assessments=key)]
    values = dict(form) if form is not None else {}
    photo_id = values.get("photo")
    files = await files_by_ids([*proof_ids, *([photo_id] if photo_id else [])])
    return FormContent(
        form={name: values.get(name) for name in _FORM_COLUMNS if name != "photo"},
        photo=files.get(photo_id) if photo_id else None,
        histories=histories,
        ratings=ratings,
        proofs=[files[file_id] for file_id in proof_ids],
    )


def _file(file: FileRecord) -> dict[str, Any]:
    return {"id": file.id, "title": file.title, "mediaType": file.media_type, "digest": file.digest}


def snapshot(record: AssessmentRecord, content: FormContent) -> str:
    """What the reviewers will judge, as canonical JSON; names as in the API, days as ISO dates."""

    def plain(value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else value

    def entry(kind: HistoryKind, row: dict[str, Any]) -> dict[str, Any]:
        rule = HISTORY[kind]
        names = [*(text.column for text in rule.texts), rule.began, rule.ended]
        return {camel(name): plain(row[name]) for name in names}

    document = {
        "doctor": {
            "name": record.doctor_name,
            "documentType": record.document_type,
            "documentNumber": record.document_number,
            "qualificationNumber": record.qualification_number,
            "sex": record.sex,
            "birthDate": plain(record.birth_date),
        },
        "registration": {
            "practiceNumber": record.practice_number,
            "category": record.category,
            "scope": record.scope,
            "level": record.level,
            "practisingSince": plain(record.practising_since),
            "institution": record.institution_name,
        },
        "form": {camel(name): plain(value) for name, value in content.form.items()},
        "photo": _file(content.photo) if content.photo else None,
        "institutionFilings": [
            entry(HistoryKind.INSTITUTION_FILING, row) for row in content.histories[HistoryKind.INSTITUTION_FILING]
        ],
        "education": [entry(HistoryKind.EDUCATION, row) for row in content.histories[HistoryKind.EDUCATION]],
        "practiceHistory": [entry(HistoryKind.PRACTICE, row) for row in content.histories[HistoryKind.PRACTICE]],
        "selfEvaluation": [
            {
                "dimension": rating["dimension"],
                "verdict": rating["verdict"],
                "scores": json.loads(rating["items"]),
                "summary": rating["summary"],
            }
            for rating in content.self_ratings()
        ],
        "procedure": {"code": record.procedure, "title": record.procedure_title},
        "statement": record.statement,
        "proofs": [_file(file) for file in content.proofs],
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
