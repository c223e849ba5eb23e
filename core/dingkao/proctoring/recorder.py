"""The bundled services: a face verifier that accepts and records, a proctor that keeps what it is given. Comparing
faces and watching people is what a province connects."""

import hashlib
from datetime import datetime

from dingkao.plugin.ports import FaceVerdict, ProctoredAttempt, ProctorRegistration, ProctorVerdict
from dingkao.plugin.proctoring import verdict_from_json


class RecordingFaceVerifier:
    """Accepts every checked image; the capture stays in the store of faces for the time that it is kept."""

    async def verify(self, subject: str, image: bytes) -> FaceVerdict:
        """Accept; the reference is the image's digest."""
        return FaceVerdict(accepted=True, reference=f"recorded:{hashlib.sha256(image).hexdigest()[:16]}")

    async def retire(self, subject: str) -> None:
        """The core deletes its images itself."""


class RecordingProctor:
    """Watches nobody: consent, captures and the pictures of an attempt are kept by the core, for people to look at. A
    verdict may be sent to the core's own address in the core's own form."""

    async def register(self, attempt: ProctoredAttempt) -> ProctorRegistration:
        """Nothing to tell anybody."""
        return ProctorRegistration(reference="recorded")

    async def start(self, session: str) -> None:
        """Nothing to do."""

    async def frame(self, session: str, image: bytes, at: datetime) -> str:
        """The core keeps the picture."""
        return f"recorded:{hashlib.sha256(image).hexdigest()[:16]}"

    async def stop(self, session: str) -> None:
        """Nothing to do."""

    async def read_verdict(self, body: bytes) -> ProctorVerdict:
        """The core's own form. Raises VerdictUnreadable."""
        return verdict_from_json(body)

    async def retire(self, subject: str) -> None:
        """The core deletes its images itself."""
