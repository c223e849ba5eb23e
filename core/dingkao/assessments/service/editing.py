"""What every change of the form begins and ends with: lock, whose it is, the state, the revision."""

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import EDITABLE
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import UnitOfWork
from dingkao.plugin.errors import RevisionConflict, StateConflict
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role


async def edit(work: UnitOfWork, assessment_id: int, expected_revision: int | None) -> AssessmentRecord:
    """The doctor's own assessment, locked and open to changes.

    Raises NotFound, Forbidden, StateConflict (FORM_CLOSED) and, where the client expected another revision,
    RevisionConflict: another device has changed the form.
    """
    record = await lock_assessment(work, assessment_id)
    work.acting = require_role(work.caller, record, Role.DOCTOR)
    if record.state not in EDITABLE:
        raise StateConflict(
            "FORM_CLOSED",
            Text("当前状态下不能修改报名信息。", "The registration cannot be changed in the present state."),
            record.state.value,
        )
    if expected_revision is not None and expected_revision != record.revision:
        raise RevisionConflict(record.id, record.revision)
    return record


async def touch(work: UnitOfWork, record: AssessmentRecord) -> int:
    """Count the change: returns the new revision."""
    revision = record.revision + 1
    await Assessment.update({Assessment.revision: revision, Assessment.changed_at: work.now}).where(
        Assessment.id == record.id
    )
    return revision
