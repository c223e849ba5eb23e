"""The one mutation whose answer holds personal numbers in full."""

from typing import Annotated, TypeAlias

import strawberry

from dingkao.context import CoreInfo
from dingkao.doctors.revealing import PersonalNumber, reveal_personal_numbers
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.plugin.enums import described_enum
from dingkao.plugin.graphql import ValidationProblem
from dingkao.plugin.ids import decode_id

described_enum(
    PersonalNumber,
    "A number of a doctor that is masked everywhere else. 身份信息",
    {
        PersonalNumber.DOCUMENT_NUMBER: "Document number. 证件号码",
        PersonalNumber.QUALIFICATION_NUMBER: "Qualification certificate number. 医师资格证书编码",
        PersonalNumber.REGISTRY_PHONE: "Phone in the registry. 注册系统登记的手机号",
        PersonalNumber.BOUND_PHONE: "Phone that the doctor has bound. 本人绑定的手机号",
    },
)
PersonalNumberEnum: TypeAlias = PersonalNumber


@strawberry.input(description="Whose numbers to show in full, which, and why. 查看完整身份信息")
class RevealPersonalNumbersInput:
    doctor_id: strawberry.ID = strawberry.field(description="The doctor. 医师")
    numbers: list[PersonalNumberEnum] = strawberry.field(description="Which numbers. 查看哪些信息")
    reason: str = strawberry.field(description="Why, in 10 to 500 characters; kept in the audit. 查看原因")


@strawberry.type(description="A number in full. 完整信息")
class RevealedNumber:
    number: PersonalNumberEnum = strawberry.field(description="Which number. 类别")
    value: str | None = strawberry.field(description="It, in full; null where there is none. 完整内容")


@strawberry.type(description="The numbers that were asked for; do not keep them. 完整身份信息，请勿留存")
class PersonalNumbersRevealed:
    numbers: list[RevealedNumber] = strawberry.field(description="In the order of the question. 信息列表")


RevealPersonalNumbersResult = Annotated[
    PersonalNumbersRevealed | ValidationProblem,
    strawberry.union("RevealPersonalNumbersResult", description="The numbers, or why not. 查看结果"),
]


@strawberry.type
class RevealingMutation:
    @strawberry.mutation(
        description="Show a doctor's numbers in full; by the authority, audited, few an hour. 查看医师完整身份信息"
    )
    async def reveal_personal_numbers(
        self,
        info: CoreInfo,
        input: Annotated[RevealPersonalNumbersInput, strawberry.argument(description="Whose, which, why. 查看内容")],
    ) -> RevealPersonalNumbersResult:
        chosen = list(dict.fromkeys(input.numbers))
        doctor_id = decode_id("Doctor", input.doctor_id)
        shown = await reveal_personal_numbers(
            info.context.environment, info.context.caller, doctor_id, chosen, input.reason
        )
        return PersonalNumbersRevealed(numbers=[RevealedNumber(number=each, value=shown[each]) for each in chosen])


CONTRIBUTION = GraphQLContribution(mutation=RevealingMutation)
