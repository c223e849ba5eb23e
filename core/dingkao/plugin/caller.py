"""Who asks: an account with its roles, as services and rules see it."""

from dataclasses import dataclass
from datetime import datetime

from dingkao.plugin.errors import Forbidden
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import Role


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role at an organisation. `region_ids` is the organisation's region and all below it: an authority's reach."""

    role: Role
    organisation_id: int | None
    region_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """A logged-in account. `doctor_id` is set where the account is a doctor's.

    `confirmed_until`: how long the session counts as having shown who it is (step-up); None: it does not.
    `second_factor_open`: the account's role asks for a second factor that is not set up.
    """

    account_id: int
    session_id: int
    name: str
    doctor_id: int | None
    grants: tuple[RoleGrant, ...]
    first_login: bool
    language: Language
    request_id: str
    address: str
    confirmed_until: datetime | None = None
    second_factor_open: bool = False

    def has(self, role: Role) -> bool:
        """Whether any grant carries `role`."""
        return any(grant.role == role for grant in self.grants)

    def organisations(self, role: Role) -> tuple[int, ...]:
        """The organisations at which the account holds `role`."""
        return tuple(grant.organisation_id for grant in self.grants if grant.role == role and grant.organisation_id)

    def regions(self, role: Role) -> tuple[int, ...]:
        """The regions that `role` reaches."""
        return tuple({region: None for grant in self.grants if grant.role == role for region in grant.region_ids})

    def require(self, *roles: Role) -> RoleGrant:
        """The first grant with one of `roles`. Raises Forbidden."""
        for grant in self.grants:
            if grant.role in roles:
                return grant
        raise Forbidden
