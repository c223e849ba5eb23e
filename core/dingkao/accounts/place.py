"""Which rules of accounts hold for somebody."""

from dingkao.db.statement import Statement
from dingkao.doctors.tables import PracticeRegistration
from dingkao.environment import Environment
from dingkao.institutions.service import region_chain
from dingkao.plugin.national import AccountsPolicy

_doctor_region = Statement(
    lambda p: PracticeRegistration.select(PracticeRegistration.institution.region.as_alias("region")).where(
        (PracticeRegistration.doctor == p.doctor) & PracticeRegistration.valid_to.is_null()
    )
)


async def region_of_doctor(doctor_id: int) -> int | None:
    """The region of the institution where the doctor is registered; None where he is at none."""
    row = await _doctor_region.first(doctor=doctor_id)
    return None if row is None else int(row["region"])


async def accounts_policy(environment: Environment, doctor_id: int | None) -> AccountsPolicy:
    """The account rules of the place where the doctor is registered; the national ones for staff."""
    codes: tuple[str, ...] = ()
    if doctor_id is not None:
        region = await region_of_doctor(doctor_id)
        if region is not None:
            codes = await region_chain(region)
    return environment.policies.for_place(codes).section(AccountsPolicy)
