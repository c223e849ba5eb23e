"""A doctor's export of what is held about him or her (Personal Information Protection Law, Art. 45)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from dingkao.accounts.step_up import step_up
from dingkao.accounts.tables import Account
from dingkao.assessments.tables import Assessment
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, TooManyRequests
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Role
from dingkao.subject_access.files import list_files
from dingkao.subject_access.reading import Subject, read_core, read_plugins

_ACTION = "EXPORT_SUBJECT_DATA"
_WINDOW = timedelta(days=1)

_exported = Statement(
    lambda p: (
        AuditEntry.select(AuditEntry.at)
        .where(
            (AuditEntry.account == p.account)
            & (AuditEntry.action == _ACTION)
            & (AuditEntry.result == "OK")
            & (AuditEntry.at > p.since)
        )
        .order_by(AuditEntry.at)
    )
)
_phone = Statement(lambda p: Account.select(Account.phone).where(Account.id == p.account))
_assessments = Statement(lambda p: Assessment.select(Assessment.id).where(Assessment.doctor == p.doctor))


@dataclass(frozen=True, slots=True)
class SubjectData:
    """An export: when it was made (UTC), and it as JSON text: rows by table, in the words of the database."""

    generated_at: datetime
    json: str


@step_up("EXPORT_SUBJECT_DATA", Text("导出本人信息", "export what is held about oneself"))
async def export_subject_data(environment: Environment, caller: Caller | None) -> SubjectData:
    """Everything that the core and the plugins hold about the doctor who asks, his or her own numbers in full, marks
    and answers as the policy shows them (`dingkao.subject_access.rules`).

    Raises NotLoggedIn, StepUpRequired, Forbidden for an account that is no doctor's, and TooManyRequests after
    DINGKAO_SUBJECT_EXPORTS_PER_DAY exports in 24 hours.
    """
    async with begin(environment, caller) as work:
        asking = work.caller
        grant = next((grant for grant in asking.grants if grant.role is Role.DOCTOR), None)
        if grant is None or asking.doctor_id is None:
            raise Forbidden
        work.acting = grant
        await _check_rate(work, environment.settings.subject_exports_per_day)
        account = await _phone.first(account=asking.account_id)
        subject = Subject(
            asking.doctor_id,
            asking.account_id,
            account["phone"] if account else None,
            tuple(row["id"] for row in await _assessments.run(doctor=asking.doctor_id)),
        )
        records = await read_core(subject)
        of_plugins = await read_plugins(environment.registry.tables, subject)
        files = await list_files(environment, subject)
        content = {"generated_at": work.now.isoformat(), "records": records, "plugins": of_plugins, "files": files}
        rows = sum(map(len, (*records.values(), *of_plugins.values())))
        await work.record(_ACTION, "Doctor", asking.doctor_id, {"rows": rows})
    return SubjectData(work.now, json.dumps(content, ensure_ascii=False))


async def _check_rate(work: UnitOfWork, most: int) -> None:
    earlier = await _exported.run(account=work.caller.account_id, since=work.now - _WINDOW)
    if len(earlier) >= most:
        raise TooManyRequests(int((earlier[-most]["at"] + _WINDOW - work.now).total_seconds()) + 1)
