"""Doctors whose enrolment is complete, for tests of exemptions."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from dingkao.plugin.caller import Caller
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import FilePurpose
from dingkao.storage.tables import StoredFile
from dingkao.testing.sample import SampleDoctor


@dataclass(frozen=True)
class Enrolled:
    """A doctor whose enrolment is complete, with untouched papers and uploads that prove something."""

    doctor: SampleDoctor
    files: tuple[str, ...]

    @property
    def assessment_id(self) -> int:
        return self.doctor.assessment_id

    @property
    def caller(self) -> Caller:
        return self.doctor.caller


Enrol = Callable[..., Awaitable[Enrolled]]


async def upload(
    doctor: SampleDoctor, number: int, now: datetime, purpose: FilePurpose = FilePurpose.EXEMPTION_PROOF
) -> str:
    """A stored file of the doctor's assessment; returns its opaque id."""
    inserted = await StoredFile.insert(
        StoredFile(
            assessment=doctor.assessment_id,
            purpose=purpose.value,
            name=secrets.token_hex(16),
            title=f"证书{number}.pdf",
            media_type="application/pdf",
            size=1000 + number,
            digest="0" * 64,
            uploaded_by=doctor.account_id,
            uploaded_at=now,
        )
    ).returning(StoredFile.id)
    return encode_id("File", inserted[0]["id"])
