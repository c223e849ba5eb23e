"""Showing a doctor's numbers in full: an act of its own, for few, with a reason, written down and counted."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum

from dingkao.access.rules import authority_grant
from dingkao.accounts.step_up import step_up
from dingkao.accounts.tables import Account
from dingkao.audit.tables import AuditEntry
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.doctors.records import read_doctors
from dingkao.environment import Environment
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import FieldProblem, NotFound, TooManyRequests, ValidationFailed
from dingkao.plugin.text import Text

REASON_MINIMUM = 10
REASON_MAXIMUM = 500

_ACTION = "REVEAL_PERSONAL_NUMBERS"
_WINDOW = timedelta(hours=1)

_revealed = Statement(
    lambda p: (
        AuditEntry.select(AuditEntry.at)
        .where((AuditEntry.account == p.account) & (AuditEntry.action == _ACTION) & (AuditEntry.at > p.since))
        .order_by(AuditEntry.at)
    )
)
_bound_phone = Statement(lambda p: Account.select(Account.phone).where(Account.doctor == p.doctor))


class PersonalNumber(StrEnum):
    """身份信息 that is masked everywhere else."""

    DOCUMENT_NUMBER = "DOCUMENT_NUMBER"
    QUALIFICATION_NUMBER = "QUALIFICATION_NUMBER"
    REGISTRY_PHONE = "REGISTRY_PHONE"
    BOUND_PHONE = "BOUND_PHONE"


@step_up("REVEAL_PERSONAL_NUMBERS", Text("查看医师完整身份信息", "show a doctor's numbers in full"))
async def reveal_personal_numbers(
    environment: Environment, caller: Caller | None, doctor_id: int, numbers: Collection[PersonalNumber], reason: str
) -> Mapping[PersonalNumber, str | None]:
    """The doctor's numbers that are named, in full; None for a phone that there is not.

    By an authority officer who governs the doctor's institution; `reason` (10 to 500 characters) and which numbers were
    shown go into the audit (security.md 3.3: own permission and audit row). Raises ValidationFailed, TooManyRequests
    after DINGKAO_REVEALS_PER_HOUR doctors in an hour, NotFound, Forbidden, NotLoggedIn, StepUpRequired.
    """
    async with begin(environment, caller) as work:
        doctor = (await read_doctors([doctor_id])).get(doctor_id)
        work.acting = authority_grant(work.caller, *([doctor.region_id] if doctor else []))
        if doctor is None:
            raise NotFound
        problems = _problems(numbers, reason)
        if problems:
            raise ValidationFailed(problems)
        await _check_rate(work, environment.settings.reveals_per_hour)
        bound = await _bound_phone.first(doctor=doctor_id)
        everything = {
            PersonalNumber.DOCUMENT_NUMBER: doctor.document_number,
            PersonalNumber.QUALIFICATION_NUMBER: doctor.qualification_number,
            PersonalNumber.REGISTRY_PHONE: doctor.phone,
            PersonalNumber.BOUND_PHONE: bound["phone"] if bound else None,
        }
        detail = {"numbers": sorted(numbers), "reason": " ".join(reason.split())}
        await work.record(_ACTION, "Doctor", doctor_id, detail)
    return {number: everything[number] for number in numbers}


def _problems(numbers: Collection[PersonalNumber], reason: str) -> list[FieldProblem]:
    problems = []
    if not numbers:
        text = Text("请选择要查看的信息。", "Say which numbers to show.")
        problems.append(FieldProblem("numbers", "REQUIRED", text))
    if not REASON_MINIMUM <= len(" ".join(reason.split())) <= REASON_MAXIMUM:
        text = Text(
            f"请填写查看原因（{REASON_MINIMUM}至{REASON_MAXIMUM}个字）。",
            f"Give the reason, in {REASON_MINIMUM} to {REASON_MAXIMUM} characters.",
        )
        problems.append(FieldProblem("reason", "REASON_LENGTH", text))
    return problems


async def _check_rate(work: UnitOfWork, most: int) -> None:
    earlier = await _revealed.run(account=work.caller.account_id, since=work.now - _WINDOW)
    if len(earlier) >= most:
        raise TooManyRequests(int((earlier[-most]["at"] + _WINDOW - work.now).total_seconds()) + 1)
