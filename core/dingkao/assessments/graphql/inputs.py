"""Inputs of the mutations on an assessment."""

from datetime import date
from typing import Any

import strawberry

from dingkao.plugin.enums import DimensionEnum, VerdictEnum

_REVISION = "The revision the client has; where it is another by now, nothing is saved. 修订号"
_ASSESSMENT = "The assessment. 考核标识"
_ENTRY = "The entry to change; leave it out to add one. 条目标识（新增时不填）"


def given(input_object: Any, columns: tuple[str, ...]) -> dict[str, Any]:
    """The fields of an input that the client has sent, texts never null."""
    values = {}
    for column in columns:
        value = getattr(input_object, column)
        if value is strawberry.UNSET:
            continue
        is_day = column.endswith("_on") or column == "until"
        values[column] = value if is_day or value is not None else ""
    return values


@strawberry.input(description="Which assessments. 考核列表")
class AssessmentIdsInput:
    assessment_ids: list[strawberry.ID] = strawberry.field(description="1 to 100. 考核标识列表")


@strawberry.input(description="Fields of the registration form; what is left out stays. 报名信息")
class SaveRegistrationFormInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    expected_revision: int | None = strawberry.field(default=None, description=_REVISION)
    contact_phone: str | None = strawberry.field(default=strawberry.UNSET, description="Phone. 联系电话")
    email: str | None = strawberry.field(default=strawberry.UNSET, description="E-mail. 电子邮箱")
    address: str | None = strawberry.field(default=strawberry.UNSET, description="Postal address. 通讯地址")
    ethnicity: str | None = strawberry.field(default=strawberry.UNSET, description="Ethnicity. 民族")
    highest_education: str | None = strawberry.field(
        default=strawberry.UNSET, description="Highest education. 最高学历"
    )
    degree: str | None = strawberry.field(default=strawberry.UNSET, description="Degree. 学位")
    started_work_on: date | None = strawberry.field(
        default=strawberry.UNSET, description="First day of work. 参加工作日期"
    )
    department: str | None = strawberry.field(default=strawberry.UNSET, description="Department. 所在科室")
    professional_title: str | None = strawberry.field(
        default=strawberry.UNSET, description="Professional title. 专业技术职务"
    )
    position: str | None = strawberry.field(default=strawberry.UNSET, description="Post in administration. 行政职务")


@strawberry.input(description="An entry of multi-institution filings. 多机构备案")
class SaveInstitutionFilingInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    entry_id: strawberry.ID | None = strawberry.field(default=None, description=_ENTRY)
    institution_name: str = strawberry.field(description="Institution. 备案机构名称")
    filed_on: date | None = strawberry.field(default=None, description="Filed on. 备案日期")
    until: date | None = strawberry.field(default=None, description="Valid until. 截止日期")


@strawberry.input(description="An entry of education. 教育经历")
class SaveEducationInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    entry_id: strawberry.ID | None = strawberry.field(default=None, description=_ENTRY)
    school: str = strawberry.field(description="School. 毕业院校")
    major: str = strawberry.field(default="", description="Major. 专业")
    education: str = strawberry.field(default="", description="Education. 学历")
    degree: str = strawberry.field(default="", description="Degree. 学位")
    began_on: date | None = strawberry.field(default=None, description="Began on. 入学日期")
    graduated_on: date | None = strawberry.field(default=None, description="Graduated on. 毕业日期")


@strawberry.input(description="An entry of practice history. 执业经历")
class SavePracticeHistoryInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    entry_id: strawberry.ID | None = strawberry.field(default=None, description=_ENTRY)
    institution_name: str = strawberry.field(description="Institution. 执业机构名称")
    department: str = strawberry.field(default="", description="Department. 科室")
    post: str = strawberry.field(default="", description="Post. 职务")
    began_on: date | None = strawberry.field(default=None, description="Began on. 开始日期")
    ended_on: date | None = strawberry.field(default=None, description="Ended on. 结束日期")


@strawberry.input(description="The entry to remove. 删除经历条目")
class RemoveHistoryEntryInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    entry_id: strawberry.ID = strawberry.field(description="The entry, of any of the three histories. 条目标识")


@strawberry.input(description="Score for one item. 自评得分")
class ItemScoreInput:
    code: str = strawberry.field(description="The item's code. 项目代码")
    score: int = strawberry.field(description="From 0 to the item's maximum. 分值")


@strawberry.input(description="The doctor's own rating of one dimension, saved as a draft. 自评")
class SaveSelfEvaluationInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    expected_revision: int | None = strawberry.field(default=None, description=_REVISION)
    dimension: DimensionEnum = strawberry.field(description="Work performance or ethics. 考核内容")
    scores: list[ItemScoreInput] = strawberry.field(description="Scores by item. 各项得分")
    summary: str = strawberry.field(default="", description="In words. 自评说明")
    verdict: VerdictEnum | None = strawberry.field(default=None, description="Own verdict. 自评结论")


@strawberry.input(description="The procedure with what it asks for. 选择考核程序")
class ChooseProcedureInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    expected_revision: int | None = strawberry.field(default=None, description=_REVISION)
    procedure: str = strawberry.field(description="Code of the procedure. 程序代码")
    statement: str | None = strawberry.field(
        default=None, description="Personal statement; null keeps what was saved. 个人述职报告"
    )
    proof_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Uploads with purpose PROCEDURE_PROOF; null keeps what was saved. 证明材料"
    )


@strawberry.input(description="What the doctor has confirmed. 提交信息")
class SubmitInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
    expected_revision: int = strawberry.field(description="The revision that was confirmed. 修订号")


@strawberry.input(description="Which assessment to take back. 撤回报名")
class WithdrawInput:
    assessment_id: strawberry.ID = strawberry.field(description=_ASSESSMENT)
