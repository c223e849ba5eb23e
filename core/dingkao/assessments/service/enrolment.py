"""Opening and closing enrolment (开通报名): the institution admits its doctors to a running cycle."""

from collections.abc import Sequence

from dingkao.access.rules import OWN_ASSESSMENT, grant_on, in_own_cause
from dingkao.assessments.access import lock_records, move_all
from dingkao.assessments.form_tables import RegistrationForm
from dingkao.assessments.records import AssessmentRecord
from dingkao.assessments.rules import MACHINE, TITLES, Event
from dingkao.audit.work import begin
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, ValidationFailed
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role

# As many as one page of the institution's list holds.
MOST_AT_ONCE = 100

_forms = Statement(
    lambda p: RegistrationForm.select(RegistrationForm.assessment).where(
        RegistrationForm.assessment.is_in(p.assessments)
    )
)


async def open_enrolment(environment: Environment, caller: Caller | None, assessment_ids: Sequence[int]) -> list[int]:
    """Open enrolment for one or many doctors of the caller's institution: all, or none with every problem named.

    Raises ValidationFailed with a problem for each assessment that is not the institution's, not in a running cycle,
    past NOT_OPENED, or the caller's own; Forbidden for who is no institution officer.
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
        places = {assessment_id: place for place, assessment_id in enumerate(assessment_ids)}
        found = await lock_records(sorted(places))
        problems: list[FieldProblem] = []
        records: list[AssessmentRecord] = []
        for assessment_id in sorted(places):
            path = f"assessmentIds.{places[assessment_id]}"
            record = found.get(assessment_id)
            grant = grant_on(work.caller, record, Role.INSTITUTION_OFFICER) if record is not None else None
            if record is None or grant is None:
                problems.append(FieldProblem(path, "NOT_FOUND", NotFound.text))
            elif in_own_cause(work.caller, grant, record.doctor_id):
                problems.append(FieldProblem(path, OWN_ASSESSMENT.code, OWN_ASSESSMENT.text))
            elif record.cycle_state != CycleState.RUNNING.value:
                text = Text("考核周期未在进行中。", "The cycle is not running.")
                problems.append(FieldProblem(path, "CYCLE_NOT_RUNNING", text))
            elif MACHINE.find(record.state, event) is None:
                title = TITLES[event]
                text = Text(f"当前状态下不能{title.zh}。", f"Cannot {title.en} in state {record.state.value}.")
                problems.append(FieldProblem(path, "NOT_IN_THIS_STATE", text))
            else:
                work.acting = grant
                records.append(record)
        if problems:
            raise ValidationFailed(problems)
        await move_all(work, records, event)
        if event is Event.OPEN_ENROLMENT:
            await _ensure_forms(records)
        await work.record(event.value, "Assessment", None, {"assessments": [record.id for record in records]})
        return [record.id for record in records]


async def _ensure_forms(records: Sequence[AssessmentRecord]) -> None:
    """An empty form for each that has none: one that was closed and is opened again keeps its own."""
    ids = [record.id for record in records]
    present = {row["assessment"] for row in await _forms.run(assessments=ids)}
    missing = [RegistrationForm(assessment=key) for key in ids if key not in present]
    if missing:
        await RegistrationForm.insert(*missing)
