"""Opening and closing enrolment (开通报名): the institution admits its doctors to a running cycle."""

from collections.abc import Sequence

from dingkao.assessments.access import lock_assessment, move
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import MACHINE, TITLES, Event
from dingkao.assessments.scope import grant_on
from dingkao.audit.work import UnitOfWork, begin
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# As many as one page of the institution's list holds.
MOST_AT_ONCE = 100

_form = Statement(
    lambda p: RegistrationForm.select(RegistrationForm.id).where(RegistrationForm.assessment == p.assessment)
)


async def open_enrolment(environment: Environment, caller: Caller | None, assessment_ids: Sequence[int]) -> list[int]:
    """Open enrolment for one or many doctors of the caller's institution: all, or none with every problem named.

    Raises ValidationFailed with a problem for each assessment that is not the institution's, not in a running cycle,
    or past NOT_OPENED; Forbidden for who is no institution officer.
    """
    return await _change_all(environment, caller, assessment_ids, Event.OPEN_ENROLMENT)


async def close_enrolment(environment: Environment, caller: Caller | None, assessment_ids: Sequence[int]) -> list[int]:
    """Close it again, while nothing was submitted. Raises as `open_enrolment`."""
    return await _change_all(environment, caller, assessment_ids, Event.CLOSE_ENROLMENT)


async def _change_all(
    environment: Environment, caller: Caller | None, assessment_ids: Sequence[int], event: Event
) -> list[int]:
    async with begin(environment, caller) as work:
        work.caller.require(Role.INSTITUTION_OFFICER)
        if not 1 <= len(assessment_ids) <= MOST_AT_ONCE:
            text = Text(f"一次请选择1至{MOST_AT_ONCE}名医师。", f"Give 1 to {MOST_AT_ONCE} doctors at once.")
            raise ValidationFailed([FieldProblem("assessmentIds", "NUMBER_OF_DOCTORS", text)])
        problems: list[FieldProblem] = []
        records: list[AssessmentRecord] = []
        # In the order of their keys, so that two officers with overlapping lists never wait for each other in a ring.
        places = {assessment_id: place for place, assessment_id in enumerate(assessment_ids)}
        for assessment_id in sorted(places):
            path = f"assessmentIds.{places[assessment_id]}"
            record = await _own(work, assessment_id)
            if record is None:
                problems.append(FieldProblem(path, "NOT_FOUND", NotFound.text))
            elif record.cycle_state != CycleState.RUNNING.value:
                text = Text("考核周期未在进行中。", "The cycle is not running.")
                problems.append(FieldProblem(path, "CYCLE_NOT_RUNNING", text))
            elif MACHINE.find(record.state, event) is None:
                title = TITLES[event]
                text = Text(f"当前状态下不能{title.zh}。", f"Cannot {title.en} in state {record.state.value}.")
                problems.append(FieldProblem(path, "NOT_IN_THIS_STATE", text))
            else:
                records.append(record)
        if problems:
            raise ValidationFailed(problems)
        for record in records:
            await move(work, record, event)
            if event is Event.OPEN_ENROLMENT and await _form.first(assessment=record.id) is None:
                await RegistrationForm.insert(RegistrationForm(assessment=record.id))
        await work.record(event.value, "Assessment", None, {"assessments": [record.id for record in records]})
        return [record.id for record in records]


async def _own(work: UnitOfWork, assessment_id: int) -> AssessmentRecord | None:
    try:
        record = await lock_assessment(work, assessment_id)
    except NotFound:
        return None
    grant = grant_on(work.caller, record, Role.INSTITUTION_OFFICER)
    if grant is None:
        return None
    work.acting = grant
    return record
