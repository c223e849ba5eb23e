"""Accounts, their roles, sessions and SMS codes."""

from piccolo.columns import Boolean, Date, Integer, Timestamptz, Varchar
from piccolo.constraints import Check

from dingkao.access.rules import WITHOUT_ORGANISATION
from dingkao.accounts.credential_vocabulary import CodePurpose
from dingkao.accounts.vocabulary import SessionEnd
from dingkao.crypto.purposes import Purpose
from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed, blind_index
from dingkao.db.tables import Record, code_column, one_of, reference, unique
from dingkao.doctors.tables import Doctor
from dingkao.institutions.tables import Organisation
from dingkao.plugin.vocabulary import Role

_NOWHERE = ", ".join(f"'{role.value}'" for role in sorted(WITHOUT_ORGANISATION))


class Account(Record, db=ROUTER, tablename="account"):
    """账户. A doctor's login name is the document number (manual 2.2.2). `password_hash` is null while the account is
    still on its initial password: 250,000 doctors are imported without 250,000 hashes."""

    _audited_as = "Account"

    login_name = Sealed(index="login_index")
    login_index = blind_index(unique=True)
    name = Varchar(60)
    password_hash = code_column(200, null=True)
    # Set: the password is the secret that somebody else handed over, good until then for a first login.
    initial_until = Timestamptz(null=True, default=None)
    password_set_at = Timestamptz(null=True, default=None)
    phone = Sealed(null=True)
    doctor = reference(Doctor, null=True, unique=True, index=False)
    failures = Integer(default=0)
    last_failed_at = Timestamptz(null=True, default=None)
    locked_until = Timestamptz(null=True, default=None)
    second_factor = Boolean(default=False)
    disabled = Boolean(default=False)
    created_at = Timestamptz(default=None)


class RoleAssignment(Record, db=ROUTER, tablename="role_assignment"):
    """A role that an account holds at an organisation, from one day to another, both included (one that was ended on
    its first day ends before it). Administrators and the
    people of the national question bank may hold theirs at none: theirs is the whole country."""

    account = reference(Account)
    role = code_column(30)
    organisation = reference(Organisation, null=True)
    valid_from = Date(default=None)
    valid_to = Date(null=True, default=None)

    role_known = one_of("role", Role)
    somewhere = Check(f'"organisation" IS NOT NULL OR "role" IN ({_NOWHERE})')
    once = unique("account", "role", "organisation", "valid_from")


class Session(Record, db=ROUTER, tablename="session"):
    """登录会话: a login on one device, until it ends. `ends_at` is its absolute end, whatever is done in it.

    `confirmed_until`: how long the account counts as having shown who it is (step-up)."""

    account = reference(Account)
    first_login = Boolean(default=False)
    device = Varchar(200, default="")
    address = code_column(60, default="")
    created_at = Timestamptz(default=None)
    last_used_at = Timestamptz(default=None)
    ends_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)
    ended_because = code_column(30, null=True, default=None)
    confirmed_until = Timestamptz(null=True, default=None)

    reason_known = one_of("ended_because", SessionEnd)


class SessionToken(Record, db=ROUTER, tablename="session_token"):
    """令牌: an access token and the refresh token that follows it. Only their SHA-256 is stored: the database gives
    nobody a session. A rotated pair is kept while its session lives: who presents it again has stolen it, or was
    robbed (RFC 9700, 4.14.2)."""

    session = reference(Session)
    access_digest = code_column(64, unique=True)
    refresh_digest = code_column(64, unique=True)
    issued_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    rotated_at = Timestamptz(null=True, default=None)
    followers = Integer(default=0)


class SecondFactor(Record, db=ROUTER, tablename="second_factor"):
    """动态口令: the secret of an account's authenticator (RFC 6238), encrypted. `last_step` is the time step of the
    last code that was taken: a code opens once."""

    account = reference(Account, unique=True, index=False)
    secret = Varchar(500)
    created_at = Timestamptz(default=None)
    confirmed_at = Timestamptz(null=True, default=None)
    last_step = Integer(default=0)


class RecoveryCode(Record, db=ROUTER, tablename="recovery_code"):
    """恢复码: stands in for the authenticator once. Of it a digest alone is kept, encrypted."""

    account = reference(Account)
    digest = Sealed(purpose=Purpose.CODES)
    used_at = Timestamptz(null=True, default=None)


class Throttle(Record, db=ROUTER, tablename="throttle"):
    """登录限制: failures of an address, of a login name that no account has, or within a session. An account's own are
    in its row.

    An address is counted in windows of some minutes, by their number since 1970: `failures` in the last window that had
    one, `failures_before` in the window before that, `refusals` with those that count as no failure."""

    subject = code_column(80, unique=True)
    window_number = Integer(default=0)
    failures = Integer(default=0)
    failures_before = Integer(default=0)
    refusals = Integer(default=0)
    last_failed_at = Timestamptz(default=None)
    locked_until = Timestamptz(null=True, default=None)

    _indexes = ("CREATE INDEX throttle_last_failed_at ON throttle (last_failed_at)",)


class PhoneCode(Record, db=ROUTER, tablename="phone_code"):
    """短信验证码: of it a digest alone is kept, encrypted; bound to one flow (a session, or a reset's secret), one
    phone and one purpose.

    `phone_index`, `subject` and `address` are what the limits count by. Without a phone nothing was sent: it stands for
    an account that there is not."""

    account = reference(Account, null=True, index=False)
    flow = code_column(80, index=True)
    phone = Sealed(index="phone_index", null=True)
    phone_index = blind_index(null=True)
    subject = code_column(60, default="")
    address = code_column(60, default="")
    purpose = code_column(30)
    digest = Sealed(purpose=Purpose.CODES)
    sent_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    tries = Integer(default=0)
    used_at = Timestamptz(null=True, default=None)

    purpose_known = one_of("purpose", CodePurpose)
    _indexes = (
        'CREATE INDEX "phone_code_phone" ON "phone_code" ("phone_index", "sent_at")',
        'CREATE INDEX "phone_code_subject" ON "phone_code" ("subject", "sent_at")',
        'CREATE INDEX "phone_code_address" ON "phone_code" ("address", "sent_at")',
    )
