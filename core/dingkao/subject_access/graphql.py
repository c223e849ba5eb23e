"""A doctor's export of what is held about him or her."""

from datetime import datetime

import strawberry

from dingkao.context import CoreInfo
from dingkao.plugin.contributions import GraphQLContribution
from dingkao.subject_access.service import export_subject_data


@strawberry.type(description="What is held about the doctor who asks. 本人信息副本")
class SubjectExport:
    generated_at: datetime = strawberry.field(description="When it was made. 生成时间")
    json: str = strawberry.field(
        description="A JSON text to keep as a file: rows by table, the core's (`records`) and those of plugins "
        "(`plugins`), and where the files are had (`files`). Marks and answers as the policy shows them. "
        "信息内容（JSON）"
    )


@strawberry.type
class SubjectAccessMutation:
    @strawberry.mutation(
        description="Export what is held about oneself; doctors alone, audited, few a day, with step-up. 导出本人信息"
    )
    async def export_my_data(self, info: CoreInfo) -> SubjectExport:
        made = await export_subject_data(info.context.environment, info.context.caller)
        return SubjectExport(generated_at=made.generated_at, json=made.json)


CONTRIBUTION = GraphQLContribution(mutation=SubjectAccessMutation)
