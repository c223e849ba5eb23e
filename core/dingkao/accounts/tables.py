"""Accounts, their roles, sessions and SMS codes."""

from piccolo.columns import Boolean, Date, Integer, Timestamptz, Varchar

from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed, blind_index
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.doctors.tables import Doctor
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import Role


class Account(Record, db=ROUTER, tablename="account"):
    """账户. A doctor's login name is the document number (manual 2.2.2). `password_hash` is null while the account is
    still on its initial password: 250,000 doctors are imported without 250,000 hashes."""

    _audited_as = "Account"

    login_name = Sealed(index="login_index")
    login_index = blind_index(unique=True)
    name = Varchar(60)
    password_hash = code_column(200, null=True)
    phone = Sealed(null=True)
    doctor = reference(Doctor, null=True, unique=True, index=False)
    failures = Integer(default=0)
    locked_until = Timestamptz(null=True, default=None)
    disabled = Boolean(default=False)
    created_at = Timestamptz(default=None)


class RoleAssignment(Record, db=ROUTER, tablename="role_assignment"):
    """A role that an account holds at an organisation, from one day to another."""

    account = reference(Account)
    role = code_column(30)
    organisation = reference(Organisation)
    valid_from = Date(default=None)
    valid_to = Date(null=True, default=None)

    role_known = one_of("role", Role)
    once = unique("account", "role", "organisation", "valid_from")


class Session(Record, db=ROUTER, tablename="session"):
    """A login. Only the token's SHA-256 is stored: the database gives nobody a session."""

    token_digest = code_column(64, unique=True)
    account = reference(Account)
    first_login = Boolean(default=False)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)


class PhoneCode(Record, db=ROUTER, tablename="phone_code"):
    """短信验证码: stored as an HMAC, bound to one session, one phone and one purpose."""

    session = reference(Session)
    phone = Sealed(index="phone_index")
    phone_index = blind_index(index=True)
    purpose = code_column(30)
    digest = code_column(64)
    sent_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    tries = Integer(default=0)
    used_at = Timestamptz(null=True, default=None)
