"""Earlier passwords, activation codes, bindings to WeChat."""

from piccolo.columns import BigInt, Timestamptz

from dingkao.accounts.tables import Account
from dingkao.crypto.purposes import Purpose
from dingkao.db.routing import ROUTER
from dingkao.db.sealed import Sealed, blind_index
from dingkao.db.tables import Record, code_column, reference
from dingkao.institutions.tables import Organisation


class EarlierPassword(Record, db=ROUTER, tablename="earlier_password"):
    """历史密码: kept where the region's policy forbids to take them again, and no more of them than it asks for."""

    account = reference(Account)
    password_hash = code_column(200)
    replaced_at = Timestamptz(default=None)


class ActivationCode(Record, db=ROUTER, tablename="activation_code"):
    """激活码: opens its account once, until it expires or another is issued. A digest alone is kept, encrypted: the
    database opens no account. `used_by_session` is the session that it opened."""

    account = reference(Account)
    institution = reference(Organisation, index=False)
    issued_by = reference(Account, index=False)
    digest = Sealed(purpose=Purpose.CODES)
    issued_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    used_by_session = BigInt(null=True, default=None)

    _indexes = (
        'CREATE UNIQUE INDEX "activation_code_one_open" ON "activation_code" ("account") '
        'WHERE "used_at" IS NULL AND "revoked_at" IS NULL',
    )


class WeChatBinding(Record, db=ROUTER, tablename="wechat_binding"):
    """微信绑定: one account of WeChat to one account here. Of the openid a digest alone is kept, encrypted,
    with an index by which it is found: nobody need ever read it; the session_key is not kept at all."""

    account = reference(Account, unique=True, index=False)
    open_id_digest = Sealed(index="open_id_index", purpose=Purpose.IDENTITIES)
    open_id_index = blind_index(unique=True)
    bound_at = Timestamptz(default=None)
