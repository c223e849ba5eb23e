"""Ports: what reaches outside the process. Each is an object with async methods behind one of these protocols."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class PortSlot(StrEnum):
    """The places a plugin may fill, each with one object; the bundled default serves where none does."""

    SMS_SENDER = "sms_sender"
    FACE_VERIFIER = "face_verifier"
    SEAL_PROVIDER = "seal_provider"
    FILE_STORE = "file_store"


class PortFailed(Exception):
    """The system behind a port refused or could not be reached; nothing was done."""


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message by template: `template` names it, `text` is what is read, `purpose` says why it is sent."""

    phone: str
    purpose: str
    template: str
    text: str


@runtime_checkable
class SmsSender(Protocol):
    """短信网关. Time limit 5 s; a failure is shown as a problem and may be tried again."""

    async def send(self, message: SmsMessage) -> str:
        """Hand the message over and return the gateway's reference. Raises PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What the face service says: accepted or not, its reference, and a word for people where it is not."""

    accepted: bool
    reference: str
    remark: str = ""


@runtime_checkable
class FaceVerifier(Protocol):
    """人脸核验. Time limit 10 s; a failure is a flag on the capture, never a lost attempt."""

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        """Compare `image` (a checked JPEG) with what is known of `subject` (a random id, no personal number).
        Raises PortFailed."""
        ...


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """A sealed PDF and who sealed it."""

    pdf: bytes
    certificate_subject: str
    algorithm: str


@runtime_checkable
class SealProvider(Protocol):
    """电子印章. Time limit 30 s; a failure leaves the certificate unsealed and may be tried again."""

    async def seal(self, pdf: bytes, *, authority_name: str, reason: str, at: datetime) -> SealedDocument:
        """Apply the authority's seal to the finished page. Raises PortFailed."""
        ...


@runtime_checkable
class FileStore(Protocol):
    """文件存储: bytes under unguessable names."""

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        """Store durably. Raises PortFailed."""
        ...

    async def get(self, name: str) -> bytes:
        """Read back. Raises KeyError where there is none, PortFailed where the store is out of reach."""
        ...

    async def delete(self, name: str) -> None:
        """Remove; removing what is not there is no error."""
        ...
