"""What the doctor fills in, as the API shows it: form, histories, self-evaluation, files."""

import json
from datetime import date, datetime
from typing import Any

import strawberry

from dingkao.assessments.content import FormContent
from dingkao.assessments.form_rules import HistoryKind
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.plugin.enums import DimensionEnum, RatedByEnum, VerdictEnum
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Dimension, RatedBy, Verdict
from dingkao.storage.lookup import FileRecord
from dingkao.storage.signed_links import link_to

ENTRY_TYPES = {
    HistoryKind.INSTITUTION_FILING: "InstitutionFiling",
    HistoryKind.EDUCATION: "Education",
    HistoryKind.PRACTICE: "PracticeHistory",
}


@strawberry.type(description="An uploaded file. 上传文件")
class UploadedFile:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    title: str = strawberry.field(description="What the uploader called it. 文件名")
    media_type: str = strawberry.field(description="Type found by content. 文件类型")
    size: int = strawberry.field(description="Bytes. 字节数")
    key: strawberry.Private[int]

    @strawberry.field(
        description="Where a browser or an <img> gets it, without a header: a path of this server, signed for the "
        "asking account and soon over (five minutes, unless the server is set otherwise); then ask again. 下载地址"
    )
    def url(self, info: CoreInfo) -> str:
        context = info.context
        account_id = logged_in(context.caller).account_id
        return link_to(context.environment, account_id, "File", self.key, f"/files/{self.id}")


def show_file(file: FileRecord) -> UploadedFile:
    """A stored file as the API shows it."""
    return UploadedFile(
        id=strawberry.ID(encode_id("File", file.id)),
        title=file.title,
        media_type=file.media_type,
        size=file.size,
        key=file.id,
    )


@strawberry.type(description="Basic and practice data that the doctor completes. 报名信息（基本信息、执业信息）")
class RegistrationForm:
    contact_phone: str | None = strawberry.field(description="Phone. 联系电话")
    email: str | None = strawberry.field(description="E-mail. 电子邮箱")
    address: str | None = strawberry.field(description="Postal address. 通讯地址")
    ethnicity: str | None = strawberry.field(description="Ethnicity. 民族")
    highest_education: str | None = strawberry.field(description="Highest education. 最高学历")
    degree: str | None = strawberry.field(description="Degree. 学位")
    started_work_on: date | None = strawberry.field(description="First day of work. 参加工作日期")
    department: str | None = strawberry.field(description="Department. 所在科室")
    professional_title: str | None = strawberry.field(description="Professional title. 专业技术职务")
    position: str | None = strawberry.field(description="Post in administration. 行政职务")
    photo: UploadedFile | None = strawberry.field(description="1-inch photo, printed on the notice. 照片")


@strawberry.type(description="Another institution where the doctor practises. 多机构备案")
class InstitutionFiling:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    institution_name: str = strawberry.field(description="Institution. 备案机构名称")
    filed_on: date | None = strawberry.field(description="Filed on. 备案日期")
    until: date | None = strawberry.field(description="Valid until. 截止日期")


@strawberry.type(description="An education; the highest alone is enough. 教育经历")
class Education:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    school: str = strawberry.field(description="School. 毕业院校")
    major: str = strawberry.field(description="Major. 专业")
    education: str = strawberry.field(description="Education. 学历")
    degree: str = strawberry.field(description="Degree. 学位")
    began_on: date | None = strawberry.field(description="Began on. 入学日期")
    graduated_on: date | None = strawberry.field(description="Graduated on. 毕业日期")


@strawberry.type(description="Where the doctor practised, and as what. 执业经历")
class PracticeHistory:
    id: strawberry.ID = strawberry.field(description="Opaque id. 标识")
    institution_name: str = strawberry.field(description="Institution. 执业机构名称")
    department: str = strawberry.field(description="Department. 科室")
    post: str = strawberry.field(description="Post. 职务")
    began_on: date | None = strawberry.field(description="Began on. 开始日期")
    ended_on: date | None = strawberry.field(description="Ended on. 结束日期")


@strawberry.type(description="A score for one item of the evaluation form. 自评得分")
class ItemScore:
    code: str = strawberry.field(description="The item's code. 项目代码")
    score: int = strawberry.field(description="From 0 to the item's maximum. 分值")


@strawberry.type(description="One item of the evaluation form. 评定项目")
class EvaluationItem:
    code: str = strawberry.field(description="Stable code. 项目代码")
    dimension: DimensionEnum = strawberry.field(description="What it belongs to. 考核内容")
    title: str = strawberry.field(description="What is judged. 项目名称")
    maximum: int = strawberry.field(description="Highest score. 满分")


@strawberry.type(description="A rating of one dimension. 评定")
class Rating:
    dimension: DimensionEnum = strawberry.field(description="What is rated. 考核内容")
    rated_by: RatedByEnum = strawberry.field(description="By whom. 评定层次")
    verdict: VerdictEnum | None = strawberry.field(description="Qualified or not. 评定结论")
    scores: list[ItemScore] = strawberry.field(description="Scores by item. 各项得分")
    summary: str = strawberry.field(description="In words. 说明")
    rated_at: datetime = strawberry.field(description="When. 评定时间")


def show_form(content: FormContent) -> RegistrationForm:
    """The form with its photo."""
    form = content.form
    return RegistrationForm(
        contact_phone=form["contact_phone"],
        email=form["email"],
        address=form["address"],
        ethnicity=form["ethnicity"],
        highest_education=form["highest_education"],
        degree=form["degree"],
        started_work_on=form["started_work_on"],
        department=form["department"],
        professional_title=form["professional_title"],
        position=form["position"],
        photo=show_file(content.photo) if content.photo else None,
    )


def show_rating(row: dict[str, Any]) -> Rating:
    """A rating's row as the API shows it."""
    return Rating(
        dimension=Dimension(row["dimension"]),
        rated_by=RatedBy(row["rated_by"]),
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        scores=[ItemScore(code=item["code"], score=item["score"]) for item in json.loads(row["items"])],
        summary=row["summary"],
        rated_at=row["rated_at"],
    )


def _entry_values(kind: HistoryKind, row: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name not in ("id", "assessment")}
    return {"id": strawberry.ID(encode_id(ENTRY_TYPES[kind], row["id"])), **values}


def show_filings(content: FormContent) -> list[InstitutionFiling]:
    """Multi-institution filings, oldest entry first."""
    kind = HistoryKind.INSTITUTION_FILING
    return [InstitutionFiling(**_entry_values(kind, row)) for row in content.histories[kind]]


def show_education(content: FormContent) -> list[Education]:
    """Educations, oldest entry first."""
    kind = HistoryKind.EDUCATION
    return [Education(**_entry_values(kind, row)) for row in content.histories[kind]]


def show_practice(content: FormContent) -> list[PracticeHistory]:
    """Practice history, oldest entry first."""
    kind = HistoryKind.PRACTICE
    return [PracticeHistory(**_entry_values(kind, row)) for row in content.histories[kind]]
