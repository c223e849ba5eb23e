"""Ports: what reaches outside the process. Each is an object with async methods behind one of these protocols.

The core stands between a port and whoever needs it: `PORT_RULES` says how long a call may take in all and how often it
is tried. A plugin's port runs in a thread and an event loop of its own, so that one that blocks holds up nobody; it has
no database there. What is not PortFailed is a mistake in the port: it is logged, not tried again, and reaches the
caller as PortFailed too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from dingkao.plugin.vocabulary import ProctorFinding


class PortSlot(StrEnum):
    """The places a plugin may fill, each with one object; the bundled default serves where none does."""

    SMS_SENDER = "sms_sender"
    FACE_VERIFIER = "face_verifier"
    PROCTOR = "proctor"
    SEAL_PROVIDER = "seal_provider"
    FILE_STORE = "file_store"
    MINI_PROGRAM = "mini_program"


class PortFailed(Exception):
    """The system behind a port refused or could not be reached; nothing was done, so the call may be tried again."""


class PortTimedOut(PortFailed):
    """The port did not answer in time: what it was asked to do may have happened all the same. Raised by the core."""


class PortBroken(PortFailed):
    """The port raised something else, or answered what its protocol does not allow: a mistake in it. Raised by the
    core."""


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message by template: `template` names it, `parameters` fill it, `text` is what is read, `purpose` says why it
    is sent. Templates and their parameters stand in docs/operators/sms.md."""

    phone: str
    purpose: str
    template: str
    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class SmsSender(Protocol):
    """短信网关. 5 s, two tries; a failure is the problem SMS_NOT_SENT, and the person may ask again."""

    async def send(self, message: SmsMessage) -> str:
        """Hand the message over and return the gateway's reference. Raises PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What the face service says: accepted or not, its reference, a word for people where it is not, and how alike
    the faces are (0 to 1), where it says so."""

    accepted: bool
    reference: str
    remark: str = ""
    score: float | None = None


@runtime_checkable
class FaceVerifier(Protocol):
    """人脸核验. 10 s, two tries; after a failure the capture is kept unverified and the attempt that follows is flagged
    for the invigilator: nobody is kept from a test by a service that is down. `retire` is called again later until it
    succeeds, so that it has to bear being repeated."""

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        """Compare `image` (a checked JPEG) with what is known of `subject` (a random id, no personal number; the same
        person's is always the same). Raises PortFailed."""
        ...

    async def retire(self, subject: str) -> None:
        """Delete all that is held of a person, or see that nothing is: consent was withdrawn, or the time to keep it is
        over. Called again until it succeeds. Raises PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class ProctoredAttempt:
    """An attempt as a proctoring service is told of it. `session` and `subject` are random-looking names of this
    server's: the first of the attempt, the same in each call and in the verdict; the second of the person, the same in
    all that person's attempts. No name, number or mark is told."""

    session: str
    subject: str
    paper: str
    started_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class ProctorRegistration:
    """What registering answers: the service's own reference, and the address at which the doctor's client joins it
    (https, at most 500 characters), where it has one."""

    reference: str = ""
    join_url: str = ""


@dataclass(frozen=True, slots=True)
class ProctorVerdict:
    """What a proctoring service found in an attempt. `event` is the service's own id of this message, at most 80
    characters: the same event twice counts once. `at`: when it was found, with a time zone."""

    session: str
    event: str
    finding: ProctorFinding
    at: datetime
    remark: str = ""


@runtime_checkable
class Proctor(Protocol):
    """监考服务. 5 s, one try at once; register, start, stop and retire are called again later, so that each has to bear
    being repeated. They come after the attempt has begun or ended, never before: a failure is a flag on the attempt,
    shown to the invigilator, and holds up no start, no save and no submission."""

    async def register(self, attempt: ProctoredAttempt) -> ProctorRegistration:
        """An attempt that is to be watched. Raises PortFailed."""
        ...

    async def start(self, session: str) -> None:
        """The attempt runs (also: runs again, after extra time). Raises PortFailed."""
        ...

    async def frame(self, session: str, image: bytes, at: datetime) -> str:
        """A picture taken during the attempt (a checked JPEG or PNG); answers with the service's reference, at most 120
        characters. Not repeated. Raises PortFailed."""
        ...

    async def stop(self, session: str) -> None:
        """The attempt has ended. Raises PortFailed."""
        ...

    async def read_verdict(self, body: bytes) -> ProctorVerdict:
        """The verdict in the body of a callback whose signature the core has checked. `verdict_from_json` of
        `dingkao.plugin.proctoring` reads the form that the core's own page describes. Raises PortFailed where the body
        is no verdict."""
        ...

    async def retire(self, subject: str) -> None:
        """Delete all that is held of a person: consent was withdrawn, or the time to keep it is over. Called again
        until it succeeds. Raises PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """A sealed PDF and who sealed it."""

    pdf: bytes
    certificate_subject: str
    algorithm: str


@runtime_checkable
class SealProvider(Protocol):
    """电子印章. 30 s, two tries; a failure leaves the certificate unsealed (SEAL_UNAVAILABLE)."""

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """Apply the authority's seal to the finished page. Raises PortFailed."""
        ...


@runtime_checkable
class FileStore(Protocol):
    """文件存储: bytes under unguessable names. 20 s, three tries; a failure is FILES_UNAVAILABLE or, where no operation
    names that, the error EXTERNAL_SERVICE_FAILED; nothing is recorded that has no file."""

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        """Store durably. Raises PortFailed."""
        ...

    async def get(self, name: str) -> bytes:
        """Read back. Raises KeyError where there is none, PortFailed where the store is out of reach."""
        ...

    async def delete(self, name: str) -> None:
        """Remove; removing what is not there is no error."""
        ...


class MiniProgramRefusal(StrEnum):
    """Why a mini-program's platform does not say who somebody is."""

    CODE_INVALID = "CODE_INVALID"
    TOO_OFTEN = "TOO_OFTEN"
    BLOCKED = "BLOCKED"


class MiniProgramRefused(Exception):
    """The platform answered, and refused: an answer, no failure."""

    def __init__(self, refusal: MiniProgramRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@runtime_checkable
class MiniProgram(Protocol):
    """小程序登录. 5 s, one try (a code is good for one); a failure is the problem WECHAT_UNAVAILABLE, and the document
    number still logs in."""

    async def open_id(self, code: str) -> str:
        """Who the user of the login code is, in this mini-program: an opaque name. Raises MiniProgramRefused,
        PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class PortRule:
    """How the core treats a slot: its protocol; the seconds that a call may take, all tries and the pauses between them
    together; how often it is tried where it raises PortFailed (a call that ran out of time is never repeated)."""

    protocol: type[Any]
    seconds: float
    tries: int


PORT_RULES: Final[Mapping[PortSlot, PortRule]] = {
    PortSlot.SMS_SENDER: PortRule(SmsSender, seconds=5, tries=2),
    PortSlot.FACE_VERIFIER: PortRule(FaceVerifier, seconds=10, tries=2),
    # One try: what may be repeated is repeated later, and nobody waits for it.
    PortSlot.PROCTOR: PortRule(Proctor, seconds=5, tries=1),
    PortSlot.SEAL_PROVIDER: PortRule(SealProvider, seconds=30, tries=2),
    PortSlot.FILE_STORE: PortRule(FileStore, seconds=20, tries=3),
    PortSlot.MINI_PROGRAM: PortRule(MiniProgram, seconds=5, tries=1),
}
