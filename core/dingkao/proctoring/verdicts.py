"""What a proctoring service found: a signed callback, kept as it came. It moves nothing; a person decides."""

import hashlib
from dataclasses import dataclass

from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.plugin.errors import BadArgument, NotFound, StateConflict
from dingkao.plugin.proctoring import EVENT_LENGTH, REMARK_LENGTH, signature_holds
from dingkao.plugin.text import Text
from dingkao.proctoring import rules
from dingkao.proctoring.tables import ProctorSession, ProctorVerdict

_session = Statement(
    lambda p: ProctorSession.select(ProctorSession.id, ProctorSession.attempt).where(ProctorSession.name == p.name)
)
_event = Statement(
    lambda p: ProctorVerdict.select(ProctorVerdict.digest).where(
        (ProctorVerdict.session == p.session) & (ProctorVerdict.event == p.event)
    )
)


class CallbackRefused(Exception):
    """A callback whose signature or time does not hold; `code` says which, nothing else is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """The attempt that a verdict is about, and whether it had been kept before."""

    attempt_id: int
    repeated: bool


def check_callback(environment: Environment, timestamp: str, signature: str, body: bytes) -> None:
    """Raises CallbackRefused: CALLBACKS_OFF without a secret, BAD_SIGNATURE (also where the headers are missing),
    STALE_TIMESTAMP outside of the window, in which a recorded request could be replayed; the event's id makes even that
    harmless."""
    settings = environment.settings
    secrets = [secret for secret in settings.proctor_secrets.get_secret_value().split(",") if secret.strip()]
    if not secrets:
        raise CallbackRefused("CALLBACKS_OFF")
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise CallbackRefused("BAD_SIGNATURE")
    # The signature first: whoever has no secret learns nothing of our clock.
    if not signature_holds([secret.strip() for secret in secrets], int(timestamp), body, signature):
        raise CallbackRefused("BAD_SIGNATURE")
    if not rules.callback_in_time(int(timestamp), environment.clock.now(), settings.proctor_callback_seconds):
        raise CallbackRefused("STALE_TIMESTAMP")


async def keep_verdict(environment: Environment, body: bytes) -> KeptVerdict:
    """Keep the verdict in a checked callback, whenever it comes: during the attempt, after it, after the result.

    Raises PortFailed where the body is no verdict, NotFound where there is no such session, StateConflict
    (EVENT_CONFLICT) where the event was kept with another content, BadArgument for a time that is still to come.
    """
    verdict = await environment.proctor.read_verdict(body)
    digest = hashlib.sha256(body).hexdigest()
    session = await _session.first(name=verdict.session[:40])
    if session is None:
        raise NotFound
    async with begin(environment, SYSTEM_CALLER) as work:
        if (verdict.at - work.now).total_seconds() > environment.settings.proctor_callback_seconds:
            raise BadArgument(
                Text("监考结论的时间晚于当前时间。", "The verdict was found at a time that is still to come.")
            )
        inserted = (
            await ProctorVerdict.insert(
                ProctorVerdict(
                    session=session["id"],
                    event=verdict.event[:EVENT_LENGTH],
                    finding=verdict.finding.value,
                    remark=verdict.remark[:REMARK_LENGTH],
                    found_at=verdict.at,
                    received_at=work.now,
                    digest=digest,
                )
            )
            .on_conflict(target=(ProctorVerdict.session, ProctorVerdict.event), action="DO NOTHING")
            .returning(ProctorVerdict.id)
        )
        attempt_id = int(session["attempt"])
        if not inserted:
            kept = await _event.first(session=session["id"], event=verdict.event[:EVENT_LENGTH])
            if kept is None or kept["digest"] != digest:
                text = Text("该事件已有不同内容的结论。", "This event was kept already, with another content.")
                raise StateConflict("EVENT_CONFLICT", text, "KEPT")
            await work.record("PROCTOR_VERDICT_REPEATED", "Attempt", attempt_id)
            return KeptVerdict(attempt_id, repeated=True)
        await work.record("PROCTOR_VERDICT", "Attempt", attempt_id, {"finding": verdict.finding.value})
    return KeptVerdict(attempt_id, repeated=False)
