"""What the mutations on an assessment may answer."""

from typing import Annotated, Any

import strawberry

from dingkao.assessments.graphql.assessment import Assessment, load_assessment
from dingkao.plugin.errors import RevisionConflict
from dingkao.plugin.graphql import NotEligibleProblem, Problem, StateProblem, ValidationProblem
from dingkao.plugin.text import Text


@strawberry.type(description="Another device changed the form; here is the present state. 报名信息已在其他设备上更改")
class ConflictProblem(Problem):
    revision: int = strawberry.field(description="The revision it is at now. 当前修订号")
    assessment: Assessment = strawberry.field(description="As it is now. 当前考核信息")


class RevisionHandler(strawberry.ExceptionHandler[RevisionConflict, ConflictProblem]):
    """Shows RevisionConflict as ConflictProblem with the assessment as it is now."""

    async def handle(self, exception: RevisionConflict, *, field: Any, info: Any) -> ConflictProblem:
        info.context.forget_loaded()
        message = Text(
            "报名信息已在其他设备上更改，请核对最新内容。",
            "Another device changed the registration; see what it is now.",
        )
        return ConflictProblem(
            code="REVISION_CONFLICT",
            message=info.context.say(message),
            revision=exception.revision,
            assessment=await load_assessment(info, exception.assessment_id),
        )


@strawberry.type(description="The assessments that were changed. 已办理的考核")
class AssessmentList:
    assessments: list[Assessment] = strawberry.field(description="Each as it is now. 考核")


AssessmentListResult = Annotated[
    AssessmentList | ValidationProblem,
    strawberry.union("AssessmentListResult", description="Outcome for many at once: all or none. 批量办理结果"),
]
FormResult = Annotated[
    Assessment | ValidationProblem | StateProblem | ConflictProblem,
    strawberry.union("FormResult", description="Outcome of saving a part of the form. 保存结果"),
]
ProcedureResult = Annotated[
    Assessment | ValidationProblem | StateProblem | NotEligibleProblem | ConflictProblem,
    strawberry.union("ProcedureResult", description="Outcome of choosing a procedure. 选择程序结果"),
]
SubmitResult = Annotated[
    Assessment | ValidationProblem | StateProblem | ConflictProblem,
    strawberry.union("SubmitResult", description="Outcome of submitting. 提交结果"),
]
WithdrawResult = Annotated[
    Assessment | StateProblem,
    strawberry.union("WithdrawResult", description="Outcome of withdrawing. 撤回结果"),
]
