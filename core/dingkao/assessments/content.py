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
    """The content of one assessment."""
    return (await read_contents([assessment_id]))[0]


async def read_contents(assessment_ids: list[int]) -> list[FormContent]:
    """The contents of many, in the order of `assessment_ids`: seven queries, however many there are."""
    forms = {row["assessment"]: dict(row) for row in await form_of.run(assessments=assessment_ids)}
    histories: dict[HistoryKind, dict[int, list[dict[str, Any]]]] = {
        kind: _grouped(await history_of[kind].run(assessments=assessment_ids)) for kind in HistoryKind
    }
    ratings = _grouped(await ratings_of.run(assessments=assessment_ids))
    proofs = _grouped(await proofs_of.run(assessments=assessment_ids))
    file_ids = [row["file"] for rows in proofs.values() for row in rows]
    file_ids += [form["photo"] for form in forms.values() if form["photo"]]
    files = await files_by_ids(file_ids)
    return [
        FormContent(
            form={name: forms.get(key, {}).get(name) for name in _FORM_COLUMNS if name != "photo"},
            photo=files.get(forms.get(key, {}).get("photo") or 0),
            histories={kind: histories[kind].get(key, []) for kind in HistoryKind},
            ratings=ratings.get(key, []),
            proofs=[files[row["file"]] for row in proofs.get(key, [])],
        )
        for key in assessment_ids
    ]


def _grouped(rows: list[Any]) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["assessment"], []).append(dict(row))
    return groups


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
