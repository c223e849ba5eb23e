"""Replacing a password: what it must not repeat, when it was set, when it is due to be changed."""

from datetime import datetime, timedelta
from typing import Any

from dingkao.accounts.credential_tables import EarlierPassword
from dingkao.accounts.passwords import verify_password
from dingkao.accounts.tables import Account
from dingkao.audit.work import UnitOfWork
from dingkao.db.statement import Statement
from dingkao.plugin.national import AccountsPolicy

_earlier = Statement(
    lambda p: (
        EarlierPassword.select(EarlierPassword.id, EarlierPassword.password_hash)
        .where(EarlierPassword.account == p.account)
        .order_by(EarlierPassword.id, ascending=False)
        .limit(p.count)
    ),
    constants=("count",),
)
_beyond = Statement(
    lambda p: (
        EarlierPassword.select(EarlierPassword.id)
        .where(EarlierPassword.account == p.account)
        .order_by(EarlierPassword.id, ascending=False)
    )
)


async def repeats_earlier(account_id: int, present_hash: str | None, password: str, policy: AccountsPolicy) -> bool:
    """Whether `password` is one of the last that the policy counts, the present one among them. One Argon2 check each;
    outside of any transaction."""
    if policy.history == 0 or present_hash is None:
        return False
    rows = await _earlier.run(account=account_id, count=policy.history - 1) if policy.history > 1 else []
    for stored in [present_hash, *(row["password_hash"] for row in rows)]:
        if await verify_password(stored, password):
            return True
    return False


async def store_password(
    work: UnitOfWork, account_id: int, present_hash: str | None, new_hash: str, policy: AccountsPolicy
) -> None:
    """Replace the account's hash, keeping as many earlier ones as the policy counts; in the caller's transaction."""
    await Account.update(
        {Account.password_hash: new_hash, Account.password_set_at: work.now, Account.initial_until: None}
    ).where(Account.id == account_id)
    kept = max(policy.history - 1, 0)
    if kept and present_hash is not None:
        await EarlierPassword.insert(
            EarlierPassword(account=account_id, password_hash=present_hash, replaced_at=work.now)
        )
    surplus = [row["id"] for row in await _beyond.run(account=account_id)][kept:]
    if surplus:
        await EarlierPassword.delete().where(EarlierPassword.id.is_in(surplus))


def is_due(account: Any, policy: AccountsPolicy, now: datetime) -> bool:
    """Whether the account's own password is older than the policy allows. `account` has `password_hash`,
    `password_set_at` and `created_at`."""
    if policy.maximum_days == 0 or account["password_hash"] is None:
        return False
    since: datetime = account["password_set_at"] or account["created_at"]
    return now >= since + timedelta(days=policy.maximum_days)
