"""Whose assessments an account sees: the one rule, denying by default."""

from dingkao.assessments.records import AssessmentRecord
from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden
from dingkao.plugin.vocabulary import Role


def reaches(caller: Caller, grant: RoleGrant, record: AssessmentRecord) -> bool:
    """Whether `grant` lets `caller` reach the assessment.

    A doctor reaches his own; an institution officer those of his institution; a body reviewer those his body assesses;
    an authority officer those of its region and below; the system all.
    """
    match grant.role:
        case Role.DOCTOR:
            return caller.doctor_id == record.doctor_id
        case Role.INSTITUTION_OFFICER:
            return grant.organisation_id == record.institution_id
        case Role.BODY_REVIEWER:
            return record.body_id is not None and grant.organisation_id == record.body_id
        case Role.AUTHORITY_OFFICER:
            return record.region_id in grant.region_ids
        case Role.SYSTEM:
            return True


def grant_on(caller: Caller, record: AssessmentRecord, *roles: Role) -> RoleGrant | None:
    """The first grant that reaches the assessment (with one of `roles`, where given), or None."""
    for grant in caller.grants:
        if (not roles or grant.role in roles) and reaches(caller, grant, record):
            return grant
    return None


def require_role(caller: Caller, record: AssessmentRecord, *roles: Role) -> RoleGrant:
    """The grant with one of `roles` that reaches the assessment. Raises Forbidden where the caller sees it in another
    role only: it exists for him, the act is not his."""
    grant = grant_on(caller, record, *roles)
    if grant is None:
        raise Forbidden
    return grant
