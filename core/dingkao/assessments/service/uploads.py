"""Taking an upload: whose assessment, what it is for, whether its content is what it should be."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from piccolo.query.functions.aggregate import Sum

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment, pinned_policy, read_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import EDITABLE, ENROLLED
from dingkao.assessments.service.form import set_photo
from dingkao.audit.work import UnitOfWork, begin, logged_in
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, StateConflict, ValidationFailed
from dingkao.plugin.national import FormPolicy
from dingkao.plugin.policy import Policy
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, FilePurpose, Role
from dingkao.storage.files import new_file_name
from dingkao.storage.lookup import FileRecord, files_by_ids
from dingkao.storage.photo import PhotoProfile, check_photo
from dingkao.storage.proof import check_proof
from dingkao.storage.refusals import FileProblem, FileRefused
from dingkao.storage.tables import StoredFile

UPLOAD_MAXIMUM = 10 * 1024 * 1024
# A quota: more files than any honest registration needs.
MOST_FILES = 60
TITLE_MAXIMUM = 120

_STATES: dict[FilePurpose, frozenset[AssessmentState]] = {
    FilePurpose.PHOTO: EDITABLE,
    FilePurpose.PROCEDURE_PROOF: EDITABLE,
    FilePurpose.EXEMPTION_PROOF: ENROLLED,
}


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload that was kept, with advice that its owner may heed."""

    id: int
    media_type: str
    size: int
    advice: Sequence[FileProblem]


@dataclass(frozen=True, slots=True)
class _Checked:
    data: bytes
    media_type: str
    advice: Sequence[FileProblem] = ()


def _check(purpose: FilePurpose, data: bytes, policy: Policy) -> _Checked:
    if purpose is FilePurpose.PHOTO:
        form = policy.section(FormPolicy)
        photo = check_photo(
            data,
            PhotoProfile(
                advised_width=form.photo_width,
                advised_height=form.photo_height,
                most_bytes=form.photo_maximum_bytes,
            ),
        )
        return _Checked(photo.data, photo.media_type, photo.advice)
    proof = check_proof(data)
    return _Checked(proof.data, proof.media_type)


async def upload_file(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    purpose: FilePurpose,
    title: str,
    data: bytes,
) -> StoredUpload:
    """Check the content, keep it under an unguessable name, and put a photo into the form.

    Faces are not for here: see `dingkao.proctoring.capturing`. Raises ValidationFailed with every problem of the file,
    StateConflict where the purpose does not fit the state, NotFound, Forbidden.
    """
    record = await _own(logged_in(caller), assessment_id)
    _check_state(record, purpose)
    policy = await pinned_policy(environment, record)
    checked = await _in_thread(lambda: _check(purpose, data, policy))
    name = new_file_name()
    # The bytes are durable before the row that names them; a row never points at nothing.
    await environment.files.put(name, checked.data, checked.media_type)
    try:
        async with begin(environment, caller) as work:
            record = await lock_assessment(work, assessment_id)
            work.acting = require_role(work.caller, record, Role.DOCTOR)
            _check_state(record, purpose)
            await _check_quota(environment, work.caller, record, len(checked.data))
            file_id = await _insert(work, record, purpose, name, title, checked)
            if purpose is FilePurpose.PHOTO:
                await set_photo(work, record, file_id)
            await work.record("UPLOAD", "File", file_id, {"purpose": purpose.value, "assessment": record.id})
    except BaseException:
        await environment.files.delete(name)
        raise
    return StoredUpload(file_id, checked.media_type, len(checked.data), checked.advice)


async def _own(caller: Caller, assessment_id: int) -> AssessmentRecord:
    record = await read_assessment(caller, assessment_id)
    require_role(caller, record, Role.DOCTOR)
    return record


async def _in_thread(check: Callable[[], _Checked]) -> _Checked:
    try:
        return await asyncio.to_thread(check)
    except FileRefused as refused:
        raise ValidationFailed(
            [FieldProblem("file", problem.code.upper(), problem.text) for problem in refused.problems]
        ) from None


def _check_state(record: AssessmentRecord, purpose: FilePurpose) -> None:
    if record.state not in _STATES.get(purpose, frozenset()):
        raise StateConflict(
            "NOT_IN_THIS_STATE",
            Text("当前状态下不能上传该类文件。", "This kind of file cannot be uploaded in the present state."),
            record.state.value,
        )


async def _check_quota(environment: Environment, caller: Caller, record: AssessmentRecord, size: int) -> None:
    if await StoredFile.count().where(StoredFile.assessment == record.id) >= MOST_FILES:
        text = Text(f"每次考核最多上传{MOST_FILES}个文件。", f"At most {MOST_FILES} files for one assessment.")
        raise ValidationFailed([FieldProblem("file", "TOO_MANY_FILES", text)])
    most = environment.settings.upload_megabytes
    kept = await StoredFile.select(Sum(StoredFile.size)).where(StoredFile.uploaded_by == caller.account_id).first()
    if ((kept or {}).get("sum") or 0) + size > most * 1024 * 1024:
        text = Text(f"您上传的文件合计不得超过{most}MB。", f"The files of one account come to {most} MB at most.")
        raise ValidationFailed([FieldProblem("file", "QUOTA_EXCEEDED", text)])


async def _insert(
    work: UnitOfWork, record: AssessmentRecord, purpose: FilePurpose, name: str, title: str, checked: _Checked
) -> int:
    inserted = await StoredFile.insert(
        StoredFile(
            assessment=record.id,
            purpose=purpose.value,
            name=name,
            title="".join(letter for letter in title if letter.isprintable())[:TITLE_MAXIMUM],
            media_type=checked.media_type,
            size=len(checked.data),
            digest=hashlib.sha256(checked.data).hexdigest(),
            uploaded_by=work.caller.account_id,
            uploaded_at=work.now,
        )
    ).returning(StoredFile.id)
    return int(inserted[0]["id"])


async def read_file(environment: Environment, caller: Caller | None, file_id: int) -> tuple[FileRecord, bytes]:
    """A file of an assessment in the caller's scope; faces are not among them. Raises NotFound, NotLoggedIn."""
    asking = logged_in(caller)
    record = await _stored(file_id)
    await read_assessment(asking, record.assessment)
    return record, await _bytes_of(environment, record)


async def read_linked_file(environment: Environment, file_id: int) -> tuple[FileRecord, bytes]:
    """A file whose signed link has been found good: the rights were looked at when it was made. Raises NotFound."""
    record = await _stored(file_id)
    return record, await _bytes_of(environment, record)


async def _stored(file_id: int) -> FileRecord:
    record = (await files_by_ids([file_id])).get(file_id)
    if record is None:
        raise NotFound
    return record


async def _bytes_of(environment: Environment, record: FileRecord) -> bytes:
    try:
        return await environment.files.get(record.name)
    except KeyError:
        raise NotFound from None
