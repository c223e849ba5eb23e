"""What an account sees, and does, and in which of its roles: the one rule, asked by every service and list. Pure.

A grant is a role at an organisation, from one day to another; what has not begun or is over never becomes one. It
reaches an object where its role sees that kind of object at all (`SEES`), and where the object lies on the side that
the role looks from (`SIDE_OF`): a doctor his own, an institution that of its doctors, a body that of the doctors whom
it assesses, an authority that of its region and all below. Everything else is refused: a role or a kind that is added
and named in neither table sees nothing and is seen by nobody.

Who sees may not always act: nobody acts in office in his own cause (回避). A doctor's account that holds another role
beside it sees his own assessment in that role too, and does nothing with it there (`in_own_cause`); what a doctor does
with his own, he does as the doctor.

The three administrators are apart from the field's work and from each other (GB/T 22239-2019, 8.1.4.2: system, security
and audit): none of them sees a doctor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dingkao.plugin.caller import Caller, RoleGrant
from dingkao.plugin.errors import Forbidden, NotFound
from dingkao.plugin.text import Reason, Text
from dingkao.plugin.vocabulary import Role


class Kind(StrEnum):
    """What is seen. ASSESSMENT is an assessment with everything that hangs on it: the form, files, reviews, exemptions,
    papers, attempts with their marks, results and documents. SITTING is of a paper and its attempts what an invigilator
    needs: neither questions nor marks. ORGANISATION is the register of organisations, regions and cycles as it is kept;
    that they are there is public. PROPOSAL is an act that waits for a second person."""

    ASSESSMENT = "ASSESSMENT"
    SITTING = "SITTING"
    DOCTOR = "DOCTOR"
    ORGANISATION = "ORGANISATION"
    BANK = "BANK"
    PROPOSAL = "PROPOSAL"
    ACCOUNT = "ACCOUNT"
    AUDIT = "AUDIT"
    SYSTEM_INFORMATION = "SYSTEM_INFORMATION"


class Side(StrEnum):
    """From which side a role looks at an object."""

    SELF = "SELF"
    INSTITUTION = "INSTITUTION"
    BODY = "BODY"
    REGION = "REGION"
    EVERYWHERE = "EVERYWHERE"


SIDE_OF: Mapping[Role, Side] = {
    Role.DOCTOR: Side.SELF,
    Role.INSTITUTION_OFFICER: Side.INSTITUTION,
    Role.BODY_REVIEWER: Side.BODY,
    Role.INVIGILATOR: Side.BODY,
    Role.AUTHORITY_OFFICER: Side.REGION,
    Role.BANK_AUTHOR: Side.REGION,
    Role.BANK_APPROVER: Side.REGION,
    Role.SECURITY_ADMINISTRATOR: Side.REGION,
    Role.SYSTEM_ADMINISTRATOR: Side.EVERYWHERE,
    Role.AUDIT_ADMINISTRATOR: Side.EVERYWHERE,
    Role.SYSTEM: Side.EVERYWHERE,
}

SEES: Mapping[Kind, frozenset[Role]] = {
    Kind.ASSESSMENT: frozenset(
        {Role.DOCTOR, Role.INSTITUTION_OFFICER, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER, Role.SYSTEM}
    ),
    Kind.SITTING: frozenset({Role.BODY_REVIEWER, Role.INVIGILATOR, Role.AUTHORITY_OFFICER}),
    Kind.DOCTOR: frozenset(
        {Role.DOCTOR, Role.INSTITUTION_OFFICER, Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER, Role.SYSTEM}
    ),
    Kind.ORGANISATION: frozenset({Role.AUTHORITY_OFFICER, Role.SECURITY_ADMINISTRATOR, Role.SYSTEM}),
    Kind.BANK: frozenset({Role.BANK_AUTHOR, Role.BANK_APPROVER, Role.SYSTEM}),
    Kind.PROPOSAL: frozenset({Role.AUTHORITY_OFFICER}),
    Kind.ACCOUNT: frozenset({Role.SECURITY_ADMINISTRATOR, Role.SYSTEM}),
    Kind.AUDIT: frozenset({Role.AUDIT_ADMINISTRATOR}),
    Kind.SYSTEM_INFORMATION: frozenset(
        {
            Role.INSTITUTION_OFFICER,
            Role.BODY_REVIEWER,
            Role.AUTHORITY_OFFICER,
            Role.SYSTEM_ADMINISTRATOR,
            Role.SYSTEM,
        }
    ),
}

# Who keeps order among those who sit (监考).
INVIGILATORS = (Role.BODY_REVIEWER, Role.INVIGILATOR, Role.AUTHORITY_OFFICER)
# Who decides what an invigilator has asked for.
OVER_INVIGILATORS = (Role.BODY_REVIEWER, Role.AUTHORITY_OFFICER)
# As what an attempt is found by those who keep order: an act that is not theirs is refused to those who see it.
OF_A_SITTING = (Kind.ASSESSMENT, Kind.SITTING)
# Whose sight does not end at a region where the role is held at no organisation: the nation's.
_OF_NO_ORGANISATION = frozenset({Role.BANK_AUTHOR, Role.BANK_APPROVER, Role.SECURITY_ADMINISTRATOR})
ADMINISTRATORS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR})
WITHOUT_ORGANISATION = ADMINISTRATORS | _OF_NO_ORGANISATION


OWN_ASSESSMENT = Reason(
    "OWN_ASSESSMENT", Text("不得审核或办理本人的考核。", "Nobody acts in office on his own assessment.")
)


class Placed(Protocol):
    """Where an object lies. None: it has no such side, and nobody reaches it from there."""

    @property
    def doctor_id(self) -> int | None: ...
    @property
    def institution_id(self) -> int | None: ...
    @property
    def body_id(self) -> int | None: ...
    @property
    def region_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A `Placed` of its own, for what is no record with these columns."""

    doctor_id: int | None = None
    institution_id: int | None = None
    body_id: int | None = None
    region_id: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What a list in one role is cut to: the objects with one of `keys` on `side`; all of them where `everywhere`."""

    role: Role
    side: Side
    keys: tuple[int, ...]

    @property
    def everywhere(self) -> bool:
        """Whether nothing is cut off."""
        return self.side is Side.EVERYWHERE


def is_regional(role: Role) -> bool:
    """Whether a grant of `role` carries the regions that it reaches."""
    return SIDE_OF.get(role) is Side.REGION


def reaches(caller: Caller, grant: RoleGrant, place: Placed, kind: Kind = Kind.ASSESSMENT) -> bool:
    """Whether `grant` lets `caller` see an object of `kind` that lies at `place`."""
    role = grant.role
    if role not in SEES.get(kind, ()):
        return False
    match SIDE_OF.get(role):
        case Side.SELF:
            return place.doctor_id is not None and caller.doctor_id == place.doctor_id
        case Side.INSTITUTION:
            return place.institution_id is not None and grant.organisation_id == place.institution_id
        case Side.BODY:
            return place.body_id is not None and grant.organisation_id == place.body_id
        case Side.REGION:
            return _whole(grant) or (place.region_id is not None and place.region_id in grant.region_ids)
        case Side.EVERYWHERE:
            return True
    return False


def _whole(grant: RoleGrant) -> bool:
    return grant.organisation_id is None and grant.role in _OF_NO_ORGANISATION


def grant_on(caller: Caller, place: Placed, *roles: Role, kind: Kind = Kind.ASSESSMENT) -> RoleGrant | None:
    """The first grant that reaches the object (with one of `roles`, where given), or None."""
    for grant in caller.grants:
        if (not roles or grant.role in roles) and reaches(caller, grant, place, kind):
            return grant
    return None


def is_own(caller: Caller, doctor_id: int | None) -> bool:
    """Whether the doctor is the caller himself."""
    return doctor_id is not None and caller.doctor_id == doctor_id


def in_own_cause(caller: Caller, grant: RoleGrant, doctor_id: int | None) -> bool:
    """Whether by `grant` the caller would act in office on what is his own as a doctor."""
    return SIDE_OF.get(grant.role) is not Side.SELF and is_own(caller, doctor_id)


def acting_grant(caller: Caller, place: Placed, *roles: Role, kind: Kind = Kind.ASSESSMENT) -> RoleGrant | None:
    """The first grant (with one of `roles`, where given) that reaches the object and by which the caller may act on it:
    in no office where the doctor is himself. None: he may not act. For seeing there is `grant_on`."""
    for grant in caller.grants:
        fits = not roles or grant.role in roles
        if fits and reaches(caller, grant, place, kind) and not in_own_cause(caller, grant, place.doctor_id):
            return grant
    return None


def require_role(caller: Caller, place: Placed, *roles: Role, kind: Kind = Kind.ASSESSMENT) -> RoleGrant:
    """The grant with one of `roles` that reaches the object and that the caller may act by (`acting_grant`). Raises
    Forbidden where there is none: for who sees the object in another role it exists, the act is not his; where only his
    own cause stands against it, the refusal says so (OWN_ASSESSMENT's sentence)."""
    grant = acting_grant(caller, place, *roles, kind=kind)
    if grant is None:
        if is_own(caller, place.doctor_id) and grant_on(caller, place, *roles, kind=kind) is not None:
            raise Forbidden(OWN_ASSESSMENT.text)
        raise Forbidden
    return grant


def refuse_own(caller: Caller, doctor_id: int | None) -> None:
    """For acts in office that are asked for by a region (`authority_grant`) and concern a doctor. Raises Forbidden
    (OWN_ASSESSMENT's sentence) where the doctor is the caller himself."""
    if is_own(caller, doctor_id):
        raise Forbidden(OWN_ASSESSMENT.text)


def require_sight(caller: Caller, kind: Kind, *roles: Role) -> RoleGrant:
    """The first grant whose role sees objects of `kind` (and is one of `roles`, where given): asked before it is known
    which object is meant. Raises Forbidden."""
    for grant in caller.grants:
        if grant.role in SEES.get(kind, ()) and (not roles or grant.role in roles):
            return grant
    raise Forbidden


def reach_in(caller: Caller, role: Role, kind: Kind = Kind.ASSESSMENT) -> Reach:
    """What the caller's list in `role` is cut to. Raises Forbidden where he does not hold the role, or the role does
    not see objects of `kind`."""
    require_sight(caller, kind, role)
    side = SIDE_OF[role]
    if side is Side.SELF:
        return Reach(role, side, () if caller.doctor_id is None else (caller.doctor_id,))
    if side is Side.REGION:
        if any(_whole(grant) for grant in caller.grants if grant.role is role):
            return Reach(role, Side.EVERYWHERE, ())
        return Reach(role, side, caller.regions(role))
    return Reach(role, side, () if side is Side.EVERYWHERE else caller.organisations(role))


def reach_of(caller: Caller, kind: Kind = Kind.ASSESSMENT, *roles: Role) -> Reach:
    """As `reach_in`, in the first of the caller's roles that sees objects of `kind` (and is one of `roles`, where
    given). Raises Forbidden."""
    return reach_in(caller, require_sight(caller, kind, *roles).role, kind)


def authority_grant(caller: Caller, *region_ids: int) -> RoleGrant:
    """The grant by which `caller` governs every one of `region_ids`: an authority officer's, or the system's.

    Raises Forbidden for who holds no such role, NotFound where a region lies outside the reach: what another
    authority governs does not exist for this one.
    """
    grants = [grant for grant in caller.grants if grant.role in (Role.AUTHORITY_OFFICER, Role.SYSTEM)]
    if not grants:
        raise Forbidden
    for grant in grants:
        if all(reaches(caller, grant, Place(region_id=region), Kind.ORGANISATION) for region in region_ids):
            return grant
    raise NotFound
