"""Refusals in the audit: an act that an account may not do, or that the rules refuse it, is written down like one that
it did.

The refused act's own transaction is undone, so this is one of its own. Bounded for each session, and for each address
of those who have none (an IPv6 network is one): nobody fills the disk by asking. Each worker process counts for
itself.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dingkao.addresses import address_group
from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.caller import Caller

_log = get_logger("dingkao.audit")

_WINDOW = timedelta(hours=1)
# So many sessions and addresses are counted at once; who was silent longest is forgotten first.
_MOST_COUNTED = 20_000
_LONGEST_ACTION = 60
# The role of who has none, or is not known.
NO_ROLE = "NONE"
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(slots=True)
class _Count:
    since: datetime
    number: int


def action_of(field: str) -> str:
    """The action's name for a field of the schema: submitAssessment is SUBMIT_ASSESSMENT."""
    return _WORD.sub("_", field).upper()[:_LONGEST_ACTION]


class RefusalLog:
    """Writes refusals of one application."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._counts: OrderedDict[tuple[str, int | str], _Count] = OrderedDict()
        self._known: OrderedDict[Hashable, datetime] = OrderedDict()

    async def note(
        self,
        caller: Caller | None,
        address: str,
        request_id: str,
        action: str,
        code: str,
        found: tuple[str, int] | None,
        detail: Mapping[str, Any] | None = None,
        *,
        once: bool = False,
    ) -> None:
        """Write one refusal with its `code`; `found` is the type and key of the object that was named, if any was.
        `detail` holds codes, no words. With `once` the same is written once an hour for a session or address.

        Never raises: the refusal is answered all the same, and an audit that cannot be written is in the log.
        """
        asker = ("session", caller.session_id) if caller is not None else ("address", address_group(address))
        if once and self._is_known((*asker, action, code, found)):
            return
        left = self._left(asker)
        if left < 0:
            return
        object_type, object_id = found or ("", None)
        said = {**(detail or {}), **({"further": "NOT_WRITTEN_FOR_AN_HOUR"} if left == 0 else {})}
        # Nobody is told more by an entry than who asked; without a session that is an address.
        who = caller or replace(SYSTEM_CALLER, address=address, request_id=request_id)
        try:
            # A refusal is no act of who was refused: what he still has to do first does not keep it out of the audit.
            async with begin(
                self._environment, who, first_login_allowed=True, second_factor_missing_allowed=True
            ) as work:
                role = NO_ROLE if caller is None or not caller.grants else None
                await work.record(action, object_type, object_id, said, result=code, role=role)
        except Exception as error:
            _log.error("refusal not written to the audit", request_id=request_id, code=code, exc_info=error)

    def _is_known(self, refusal: Hashable) -> bool:
        """Whether the same was written within the hour; from now on it was."""
        now = self._environment.clock.now()
        at = self._known.pop(refusal, None)
        known = at is not None and now - at < _WINDOW
        self._known[refusal] = at if known and at is not None else now
        if len(self._known) > _MOST_COUNTED:
            self._known.popitem(last=False)
        return known

    def _left(self, key: tuple[str, int | str]) -> int:
        """How many more may be written after this one; negative where this one is too many."""
        now = self._environment.clock.now()
        count = self._counts.pop(key, None)
        if count is None or now - count.since >= _WINDOW:
            count = _Count(now, 0)
        count.number += 1
        self._counts[key] = count
        if len(self._counts) > _MOST_COUNTED:
            self._counts.popitem(last=False)
        return self._environment.settings.audit_refusals - count.number
