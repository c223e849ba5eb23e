"""Preview, submission and withdrawal (manual 2.2.3: 确认/提交报名信息和考核程序)."""

import json
from datetime import datetime

from dingkao.access.rules import require_role
from dingkao.assessments.access import gather_facts, lock_assessment, move, pinned_policy
from dingkao.assessments.content import FormContent, read_content, snapshot
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import INSTITUTION_HAS_ACTED, Event, institution_has_acted
from dingkao.assessments.service.editing import edit
from dingkao.assessments.submission_rules import submission_problems
from dingkao.assessments.submissions import snapshot_digest
from dingkao.assessments.tables import Assessment, Submission
from dingkao.audit.work import begin
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.planning import plan_papers
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, StateConflict, ValidationFailed
from dingkao.plugin.facts import AssessmentFacts
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import AssessmentState, Role

_last_submission = Statement(
    lambda p: (
        Submission.select(Submission.content)
        .where(Submission.assessment == p.assessment)
        .order_by(Submission.number, ascending=False)
        .limit(1)
    )
)


async def preview(
    environment: Environment, record: AssessmentRecord, facts: AssessmentFacts, content: FormContent
) -> list[FieldProblem]:
    """Everything that is missing or wrong before submission, at once; empty: it may be submitted."""
    policy = await pinned_policy(environment, record)
    procedure = environment.registry.procedures.get(record.procedure or "")
    return submission_problems(
        record,
        facts,
        content,
        policy,
        procedure.requirements(policy) if procedure else None,
        procedure.ineligibility(facts, policy) if procedure else (),
    )


async def submit(environment: Environment, caller: Caller | None, assessment_id: int, expected_revision: int) -> None:
    """Submit what the doctor has confirmed: revision `expected_revision`. Snapshots it for the reviewers and plans the
    papers. Submitting the same revision again changes nothing.

    Raises ValidationFailed with all that is missing or wrong, RevisionConflict, StateConflict (ENROLMENT_NOT_OPEN
    outside the cycle's window, FORM_CLOSED).
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        repeated = record.state is AssessmentState.SUBMITTED and record.revision == expected_revision
        if repeated and record.doctor_id == work.caller.doctor_id:
            await work.record("SUBMIT_REPEATED", "Assessment", record.id)
            return
        record = await edit(work, assessment_id, expected_revision)
        _check_window(record, work.now)
        facts = await gather_facts(record, work.now)
        content = await read_content(record.id)
        problems = await preview(environment, record, facts, content)
        if problems:
            raise ValidationFailed(problems)
        plans = environment.registry.procedures[record.procedure or ""].papers(
            facts, await pinned_policy(environment, record)
        )
        last = await _last_submission.first(assessment=record.id)
        changed = last is not None and json.loads(last["content"])["procedure"]["code"] != record.procedure
        text = snapshot(record, content)
        number = record.submissions + 1
        await Submission.insert(
            Submission(
                assessment=record.id,
                number=number,
                content=text,
                digest=snapshot_digest(text),
                submitted_at=work.now,
            )
        )
        await plan_papers(work, record, plans, procedure_changed=changed)
        await move(work, record, Event.SUBMIT, also={Assessment.submissions: number, Assessment.return_reason: ""})
        await work.record("SUBMIT", "Assessment", record.id, {"submission": number, "procedure": record.procedure})


def _check_window(record: AssessmentRecord, now: datetime) -> None:
    if record.cycle_state != CycleState.RUNNING.value:
        raise StateConflict(
            "CYCLE_NOT_RUNNING", Text("考核周期未在进行中。", "The cycle is not running."), record.state.value
        )
    # A returned registration was in time once; the reviewers sent it back.
    if record.state is not AssessmentState.RETURNED and not record.enrolment_from <= now <= record.enrolment_until:
        raise StateConflict(
            "ENROLMENT_NOT_OPEN",
            Text("当前不在报名时间内。", "Enrolment is not open at this time."),
            record.state.value,
        )


async def withdraw(environment: Environment, caller: Caller | None, assessment_id: int) -> None:
    """Take a submission back before the institution acts; the draft can be changed again. Raises StateConflict
    (INSTITUTION_HAS_ACTED also where the body has sent it back to the institution)."""
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.DOCTOR)
        if institution_has_acted(record.state, record.return_reason):
            raise StateConflict("INSTITUTION_HAS_ACTED", INSTITUTION_HAS_ACTED, record.state.value)
        await move(work, record, Event.WITHDRAW, also={Assessment.revision: record.revision + 1})
        await work.record("WITHDRAW", "Assessment", record.id)
