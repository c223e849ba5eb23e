"""The doctor's steps and the opening of enrolment: parse, call the service, show."""

import asyncio
from typing import Annotated, Any

import strawberry

from dingkao.assessments.form_rules import FORM_TEXTS, HistoryKind
from dingkao.assessments.graphql.assessment import Assessment, load_assessment
from dingkao.assessments.graphql.form_types import ENTRY_TYPES
from dingkao.assessments.graphql.inputs import (
    AssessmentIdsInput,
    ChooseProcedureInput,
    RemoveHistoryEntryInput,
    SaveEducationInput,
    SaveInstitutionFilingInput,
    SavePracticeHistoryInput,
    SaveRegistrationFormInput,
    SaveSelfEvaluationInput,
    SubmitInput,
    WithdrawInput,
    given,
)
from dingkao.assessments.graphql.results import (
    AssessmentList,
    AssessmentListResult,
    FormResult,
    ProcedureResult,
    SubmitResult,
    WithdrawResult,
)
from dingkao.assessments.service import enrolment, evaluation, form, procedure, submission
from dingkao.context import CoreInfo
from dingkao.plugin.errors import NotFound
from dingkao.plugin.ids import decode_id, split_id

_FORM_COLUMNS = (*(rule.column for rule in FORM_TEXTS), "started_work_on")
_KINDS = {name: kind for kind, name in ENTRY_TYPES.items()}


def _argument(description: str) -> Any:
    return strawberry.argument(description=description)


async def _after(info: CoreInfo, assessment_id: int) -> Assessment:
    info.context.forget_loaded()
    return await load_assessment(info, assessment_id)


async def _save_entry(info: CoreInfo, kind: HistoryKind, input: Any) -> Assessment:
    assessment_id = decode_id("Assessment", input.assessment_id)
    entry_id = decode_id(ENTRY_TYPES[kind], input.entry_id) if input.entry_id else None
    values = {name: getattr(input, name) for name in form.history_columns(kind)}
    context = info.context
    await form.save_history_entry(context.environment, context.caller, assessment_id, kind, entry_id, values)
    return await _after(info, assessment_id)


@strawberry.type
class AssessmentMutation:
    @strawberry.mutation(description="Open enrolment for one or many doctors: all or none. 开通报名")
    async def open_enrolment(
        self, info: CoreInfo, input: Annotated[AssessmentIdsInput, _argument("Which. 考核列表")]
    ) -> AssessmentListResult:
        keys = [decode_id("Assessment", opaque) for opaque in input.assessment_ids]
        await enrolment.open_enrolment(info.context.environment, info.context.caller, keys)
        info.context.forget_loaded()
        return AssessmentList(assessments=await asyncio.gather(*(load_assessment(info, key) for key in keys)))

    @strawberry.mutation(description="Close enrolment again while nothing is submitted: all or none. 关闭报名")
    async def close_enrolment(
        self, info: CoreInfo, input: Annotated[AssessmentIdsInput, _argument("Which. 考核列表")]
    ) -> AssessmentListResult:
        keys = [decode_id("Assessment", opaque) for opaque in input.assessment_ids]
        await enrolment.close_enrolment(info.context.environment, info.context.caller, keys)
        info.context.forget_loaded()
        return AssessmentList(assessments=await asyncio.gather(*(load_assessment(info, key) for key in keys)))

    @strawberry.mutation(description="Save fields of the registration form as a draft. 保存报名信息")
    async def save_registration_form(
        self, info: CoreInfo, input: Annotated[SaveRegistrationFormInput, _argument("The fields. 报名信息")]
    ) -> FormResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await form.save_registration_form(
            info.context.environment,
            info.context.caller,
            assessment_id,
            given(input, _FORM_COLUMNS),
            input.expected_revision,
        )
        return await _after(info, assessment_id)

    @strawberry.mutation(description="Add or change a multi-institution filing. 保存多机构备案")
    async def save_institution_filing(
        self, info: CoreInfo, input: Annotated[SaveInstitutionFilingInput, _argument("The entry. 多机构备案")]
    ) -> FormResult:
        return await _save_entry(info, HistoryKind.INSTITUTION_FILING, input)

    @strawberry.mutation(description="Add or change an education. 保存教育经历")
    async def save_education(
        self, info: CoreInfo, input: Annotated[SaveEducationInput, _argument("The entry. 教育经历")]
    ) -> FormResult:
        return await _save_entry(info, HistoryKind.EDUCATION, input)

    @strawberry.mutation(description="Add or change an entry of the practice history. 保存执业经历")
    async def save_practice_history(
        self, info: CoreInfo, input: Annotated[SavePracticeHistoryInput, _argument("The entry. 执业经历")]
    ) -> FormResult:
        return await _save_entry(info, HistoryKind.PRACTICE, input)

    @strawberry.mutation(description="Remove an entry of any of the three histories. 删除经历条目")
    async def remove_history_entry(
        self, info: CoreInfo, input: Annotated[RemoveHistoryEntryInput, _argument("Which. 条目")]
    ) -> FormResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        type_name, entry_id = split_id(input.entry_id)
        kind = _KINDS.get(type_name)
        if kind is None:
            raise NotFound
        await form.remove_history_entry(info.context.environment, info.context.caller, assessment_id, kind, entry_id)
        return await _after(info, assessment_id)

    @strawberry.mutation(description="Save the own rating of one dimension as a draft. 保存自评")
    async def save_self_evaluation(
        self, info: CoreInfo, input: Annotated[SaveSelfEvaluationInput, _argument("The rating. 自评")]
    ) -> FormResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await evaluation.save_self_evaluation(
            info.context.environment,
            info.context.caller,
            assessment_id,
            input.dimension,
            [(score.code, score.score) for score in input.scores],
            input.summary,
            input.verdict,
            input.expected_revision,
        )
        return await _after(info, assessment_id)

    @strawberry.mutation(description="Choose the procedure, with proofs and statement where it asks. 选择考核程序")
    async def choose_procedure(
        self, info: CoreInfo, input: Annotated[ChooseProcedureInput, _argument("The choice. 考核程序")]
    ) -> ProcedureResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await procedure.choose_procedure(
            info.context.environment,
            info.context.caller,
            assessment_id,
            input.procedure,
            input.statement,
            None if input.proof_ids is None else [decode_id("File", opaque) for opaque in input.proof_ids],
            input.expected_revision,
        )
        return await _after(info, assessment_id)

    @strawberry.mutation(description="Submit what was confirmed to the institution. 提交信息")
    async def submit_assessment(
        self, info: CoreInfo, input: Annotated[SubmitInput, _argument("What was confirmed. 提交信息")]
    ) -> SubmitResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await submission.submit(info.context.environment, info.context.caller, assessment_id, input.expected_revision)
        return await _after(info, assessment_id)

    @strawberry.mutation(description="Take the submission back before the institution acts. 撤回报名")
    async def withdraw_assessment(
        self, info: CoreInfo, input: Annotated[WithdrawInput, _argument("Which. 考核")]
    ) -> WithdrawResult:
        assessment_id = decode_id("Assessment", input.assessment_id)
        await submission.withdraw(info.context.environment, info.context.caller, assessment_id)
        return await _after(info, assessment_id)
