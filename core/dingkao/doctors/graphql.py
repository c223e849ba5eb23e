"""Doctors and their registrations in the schema; registering, transferring, recording behaviour."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, TypeAlias

import strawberry

from dingkao.assessments.records import AssessmentRecord
from dingkao.audit.work import logged_in
from dingkao.context import CoreInfo
from dingkao.doctors import service
from dingkao.doctors.numbers import mask_document_number, mask_phone, mask_practice_number, mask_qualification_number
from dingkao.doctors.records import (
    BehaviourEntry,
    DoctorRecord,
    list_doctors,
    read_behaviour,
    read_behaviour_record,
    read_doctor,
    read_doctors,
)
from dingkao.doctors.rules import BehaviourKind, NewDoctor
from dingkao.graphql_pages import after_key, keyset_page
from dingkao.institutions.graphql import Organisation
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import (
    BehaviourPolarityEnum,
    DocumentTypeEnum,
    PracticeCategoryEnum,
    PracticeLevelEnum,
    SexEnum,
    described_enum,
)
from dingkao.plugin.errors import NotFound
from dingkao.plugin.graphql import Connection, Node, StateProblem, ValidationProblem, page_size
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.vocabulary import DocumentType, PracticeCategory, PracticeLevel, Sex

described_enum(
    BehaviourKind,
    "Kind of a behaviour record (2007 measure, Art. 17 to 19). 行为记录类别",
    {
        BehaviourKind.AWARD: "Good: award or commendation. 良好：奖励、表彰",
        BehaviourKind.GOVERNMENT_TASK: "Good: task ordered by the government, done. 良好：完成政府指令性任务",
        BehaviourKind.TECHNICAL_ACHIEVEMENT: "Good: technical achievement. 良好：取得技术成果",
        BehaviourKind.ADMINISTRATIVE_PENALTY: "Bad: administrative penalty. 不良：行政处罚",
        BehaviourKind.DISCIPLINARY_SANCTION: "Bad: disciplinary sanction. 不良：行政处分、纪律处分",
        BehaviourKind.MEDICAL_ACCIDENT: "Bad: medical accident. 不良：医疗事故",
    },
)
BehaviourKindEnum: TypeAlias = BehaviourKind


async def load_doctors(keys: list[int]) -> list[DoctorRecord | None]:
    """For a request's loader: the doctors of `keys` with their open registrations, in their order."""
    found = await read_doctors(keys)
    return [found.get(key) for key in keys]


async def load_behaviour(keys: list[int]) -> list[list[BehaviourEntry]]:
    """For a request's loader: each doctor's behaviour records, in the order of `keys`."""
    found = await read_behaviour(keys)
    return [found.get(key, []) for key in keys]


@strawberry.type(description="A doctor's registration at an institution. 执业注册")
class Registration:
    practice_number: str = strawberry.field(description="Practice certificate number, masked. 执业证书编码")
    category: PracticeCategoryEnum = strawberry.field(description="Category of practice. 执业类别")
    scope: str = strawberry.field(description="Scope of practice. 执业范围")
    level: PracticeLevelEnum = strawberry.field(description="Level. 医师级别")
    practising_since: date | None = strawberry.field(description="Day of the first registration. 首次执业日期")
    institution: Organisation = strawberry.field(description="Where the doctor practises. 执业机构")

    @classmethod
    def from_record(cls, record: AssessmentRecord) -> "Registration":
        """The registration under which an assessment stands, from its joined row."""
        return cls(
            practice_number=mask_practice_number(record.practice_number),
            category=PracticeCategory(record.category),
            scope=record.scope,
            level=PracticeLevel(record.level),
            practising_since=record.practising_since,
            institution=Organisation.brief(record.institution_id, record.institution_name),
        )

    @classmethod
    def from_doctor(cls, record: DoctorRecord) -> "Registration":
        """The open registration."""
        return cls(
            practice_number=mask_practice_number(record.practice_number),
            category=record.category,
            scope=record.scope,
            level=record.level,
            practising_since=record.practising_since,
            institution=Organisation.brief(record.institution_id, record.institution_name),
        )


@strawberry.type(description="A good or bad behaviour record. 行为记录")
class BehaviourRecord(Node):
    polarity: BehaviourPolarityEnum = strawberry.field(description="Good or bad. 性质")
    kind: str = strawberry.field(description="Code of its kind, as in `BehaviourKind`. 类别")
    occurred_on: date = strawberry.field(description="Its day. 发生日期")
    description: str = strawberry.field(description="What happened. 说明")

    @classmethod
    def from_entry(cls, entry: BehaviourEntry) -> "BehaviourRecord":
        """The type from what was read."""
        return cls(
            id=strawberry.ID(encode_id("BehaviourRecord", entry.id)),
            polarity=entry.polarity,
            kind=entry.kind,
            occurred_on=entry.occurred_on,
            description=entry.description,
        )


@strawberry.type(description="Doctor: the person. 医师")
class Doctor(Node):
    name: str = strawberry.field(description="Name. 姓名")
    document_type: DocumentTypeEnum = strawberry.field(description="Kind of identity document. 身份证件种类")
    document_number: str = strawberry.field(description="Document number, masked. 证件号码")
    sex: SexEnum = strawberry.field(description="Sex. 性别")
    qualification_number: str = strawberry.field(
        description="Qualification certificate number, masked (it holds the document number). 医师资格证书编码"
    )
    phone: str | None = strawberry.field(description="Phone in the registry, masked. 手机号码")
    key: strawberry.Private[int]
    current: strawberry.Private[DoctorRecord | None] = None

    @strawberry.field(description="The registration that is open now; none for who has left practice. 当前执业注册")
    async def registration(self, info: CoreInfo) -> Registration | None:
        record = self.current or await info.context.loader(load_doctors).load(self.key)
        return None if record is None else Registration.from_doctor(record)

    @strawberry.field(description="Behaviour records, all of them, first entered first. 行为记录")
    async def behaviour_records(self, info: CoreInfo) -> list[BehaviourRecord]:
        entries = await info.context.loader(load_behaviour).load(self.key)
        return [BehaviourRecord.from_entry(entry) for entry in entries]

    @classmethod
    def from_record(cls, record: AssessmentRecord) -> "Doctor":
        """The doctor of an assessment, from its joined row: no query but for the fields with a resolver."""
        return cls(
            id=strawberry.ID(encode_id("Doctor", record.doctor_id)),
            name=record.doctor_name,
            document_type=DocumentType(record.document_type),
            document_number=mask_document_number(record.document_number),
            sex=Sex(record.sex),
            qualification_number=mask_qualification_number(record.qualification_number),
            phone=record.registry_phone and mask_phone(record.registry_phone),
            key=record.doctor_id,
        )

    @classmethod
    def from_doctor(cls, record: DoctorRecord) -> "Doctor":
        """From what the doctors' own queries read, the open registration with it."""
        return cls(
            id=strawberry.ID(encode_id("Doctor", record.id)),
            name=record.name,
            document_type=DocumentType(record.document_type),
            document_number=mask_document_number(record.document_number),
            sex=record.sex,
            qualification_number=mask_qualification_number(record.qualification_number),
            phone=record.phone and mask_phone(record.phone),
            key=record.id,
            current=record,
        )


async def load_doctor(info: CoreInfo, doctor_id: int) -> Doctor:
    """The doctor, in the asking account's scope. Raises NotFound, NotLoggedIn."""
    return Doctor.from_doctor(await read_doctor(info.context.caller, doctor_id))


async def load_behaviour_record(info: CoreInfo, record_id: int) -> BehaviourRecord:
    """A record of a doctor in the asking account's scope. Raises NotFound, NotLoggedIn."""
    caller = logged_in(info.context.caller)
    found = await read_behaviour_record(record_id)
    if found is None:
        raise NotFound
    doctor_id, entry = found
    await read_doctor(caller, doctor_id)
    return BehaviourRecord.from_entry(entry)


@strawberry.type
class DoctorsQuery:
    @strawberry.field(
        description="Doctors of the officer's institution, or of the regions that the authority governs. 医师列表"
    )
    async def doctors(
        self,
        info: CoreInfo,
        search: Annotated[
            str | None,
            strawberry.argument(description="Part of the name, or a whole document or practice number. 姓名或证件号码"),
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100. 每页条数")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before. 游标")] = None,
    ) -> Connection[Doctor]:
        size = page_size(first)
        rows = await list_doctors(info.context.caller, search=search, after=after_key("Doctor", after), limit=size + 1)
        return keyset_page("Doctor", [(row.id, Doctor.from_doctor(row)) for row in rows], size)


@strawberry.input(description="A doctor to enter, as the electronic registration system knows him or her. 医师注册信息")
class RegisterDoctorInput:
    institution_id: strawberry.ID = strawberry.field(description="Where the doctor practises. 执业机构")
    name: str = strawberry.field(description="Name. 姓名")
    document_number: str = strawberry.field(description="Document number. 证件号码")
    qualification_number: str = strawberry.field(description="Qualification certificate number. 医师资格证书编码")
    practice_number: str = strawberry.field(description="Practice certificate number. 医师执业证书编码")
    category: PracticeCategoryEnum = strawberry.field(description="Category of practice. 执业类别")
    scope: str = strawberry.field(description="Scope of practice. 执业范围")
    level: PracticeLevelEnum = strawberry.field(description="Level. 医师级别")
    document_type: DocumentTypeEnum = strawberry.field(
        description="Kind of identity document. 身份证件种类", default=DocumentType.RESIDENT_IDENTITY_CARD
    )
    sex: SexEnum | None = strawberry.field(
        description="Sex; may be left out with a resident identity card. 性别", default=None
    )
    birth_date: date | None = strawberry.field(
        description="Birth date; may be left out with a resident identity card. 出生日期", default=None
    )
    practising_since: date | None = strawberry.field(
        description="Day of the first registration. 首次执业日期", default=None
    )
    phone: str | None = strawberry.field(description="Mobile phone. 手机号码", default=None)


@strawberry.input(description="A doctor to move to another institution. 变更执业机构")
class TransferDoctorInput:
    doctor_id: strawberry.ID = strawberry.field(description="The doctor. 医师")
    institution_id: strawberry.ID = strawberry.field(description="The new institution. 新机构")
    reason: str = strawberry.field(description="Why; kept with the change. 变更原因")


@strawberry.input(description="A good or bad behaviour record. 登记行为记录")
class RecordBehaviourInput:
    doctor_id: strawberry.ID = strawberry.field(description="The doctor. 医师")
    kind: BehaviourKindEnum = strawberry.field(description="Its kind, which says whether it is good or bad. 类别")
    occurred_on: date = strawberry.field(description="Its day. 发生日期")
    description: str = strawberry.field(description="What happened. 说明", default="")


@strawberry.type(description="The doctor was changed. 医师信息已更新")
class DoctorSuccess:
    doctor: Doctor = strawberry.field(description="The doctor. 医师")


RegisterDoctorResult = Annotated[
    DoctorSuccess | ValidationProblem,
    strawberry.union("RegisterDoctorResult", description="The new doctor, or why not. 登记医师结果"),
]
TransferDoctorResult = Annotated[
    DoctorSuccess | ValidationProblem | StateProblem,
    strawberry.union("TransferDoctorResult", description="The doctor, or why not. 变更执业机构结果"),
]
RecordBehaviourResult = Annotated[
    DoctorSuccess | ValidationProblem,
    strawberry.union("RecordBehaviourResult", description="The doctor, or why not. 登记行为记录结果"),
]


@strawberry.type
class DoctorsMutation:
    @strawberry.mutation(description="Enter a doctor with an account; by the authority. 登记医师")
    async def register_doctor(
        self,
        info: CoreInfo,
        input: Annotated[RegisterDoctorInput, strawberry.argument(description="The doctor. 医师")],
    ) -> RegisterDoctorResult:
        doctor = NewDoctor(
            name=input.name,
            document_type=input.document_type,
            document_number=input.document_number,
            qualification_number=input.qualification_number,
            practice_number=input.practice_number,
            category=input.category,
            scope=input.scope,
            level=input.level,
            sex=input.sex,
            birth_date=input.birth_date,
            practising_since=input.practising_since,
            phone=input.phone,
        )
        institution_id = decode_id("Organisation", input.institution_id)
        doctor_id = await service.register_doctor(info.context.environment, info.context.caller, institution_id, doctor)
        return await _success(info, doctor_id)

    @strawberry.mutation(
        description="Move a doctor to another institution, unfinished assessments with him or her; by the authority of "
        "both. 变更执业机构"
    )
    async def transfer_doctor(
        self,
        info: CoreInfo,
        input: Annotated[TransferDoctorInput, strawberry.argument(description="Who, where to, why. 变更内容")],
    ) -> TransferDoctorResult:
        doctor_id = decode_id("Doctor", input.doctor_id)
        institution_id = decode_id("Organisation", input.institution_id)
        await service.transfer_doctor(
            info.context.environment, info.context.caller, doctor_id, institution_id, input.reason
        )
        return await _success(info, doctor_id)

    @strawberry.mutation(description="Enter a behaviour record of a doctor; by the authority. 登记行为记录")
    async def record_behaviour(
        self,
        info: CoreInfo,
        input: Annotated[RecordBehaviourInput, strawberry.argument(description="The record. 记录")],
    ) -> RecordBehaviourResult:
        doctor_id = decode_id("Doctor", input.doctor_id)
        await service.record_behaviour(
            info.context.environment,
            info.context.caller,
            doctor_id,
            kind=input.kind,
            occurred_on=input.occurred_on,
            description=input.description,
        )
        return await _success(info, doctor_id)


async def _success(info: CoreInfo, doctor_id: int) -> DoctorSuccess:
    info.context.forget_loaded()
    return DoctorSuccess(doctor=await load_doctor(info, doctor_id))


NODES: Mapping[str, Callable[[CoreInfo, int], Awaitable[object]]] = {
    "Doctor": load_doctor,
    "BehaviourRecord": load_behaviour_record,
}

CONTRIBUTION = GraphQLContribution(query=DoctorsQuery, mutation=DoctorsMutation)
