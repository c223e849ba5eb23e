"""What an account is told of how it is opened: phone, password, authenticator, WeChat (ASVS 5.0, 7.5.2, 6.3.7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dingkao.accounts.credential_tables import WeChatBinding
from dingkao.accounts.tables import Account, RecoveryCode, SecondFactor
from dingkao.audit.work import logged_in
from dingkao.db.statement import Statement
from dingkao.plugin.caller import Caller

_account = Statement(lambda p: Account.select(Account.phone, Account.password_set_at).where(Account.id == p.id))
_binding = Statement(lambda p: WeChatBinding.select(WeChatBinding.bound_at).where(WeChatBinding.account == p.id))
_factor = Statement(
    lambda p: SecondFactor.select(SecondFactor.confirmed_at).where(
        (SecondFactor.account == p.id) & SecondFactor.confirmed_at.is_not_null()
    )
)
_unused = Statement(
    lambda p: RecoveryCode.select(RecoveryCode.id).where(
        (RecoveryCode.account == p.id) & RecoveryCode.used_at.is_null()
    )
)


@dataclass(frozen=True, slots=True)
class OwnCredentials:
    """How an account is opened. Instants are UTC; None: there is no such thing, or for `password_set_at`, the password
    was set before this was written down. `phone` is in full."""

    phone: str | None
    password_set_at: datetime | None
    second_factor_since: datetime | None
    recovery_codes: int
    wechat_bound_at: datetime | None


async def read_own_credentials(caller: Caller | None) -> OwnCredentials:
    """The caller's own. Raises NotLoggedIn, FirstLoginOpen, SecondFactorOpen."""
    account_id = logged_in(caller).account_id
    account: Any = await _account.first(id=account_id)
    binding, factor = await _binding.first(id=account_id), await _factor.first(id=account_id)
    unused = await _unused.run(id=account_id) if factor else []
    return OwnCredentials(
        phone=account["phone"],
        password_set_at=account["password_set_at"],
        second_factor_since=factor["confirmed_at"] if factor else None,
        recovery_codes=len(unused),
        wechat_bound_at=binding["bound_at"] if binding else None,
    )
