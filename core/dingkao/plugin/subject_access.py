"""What of a plugin's table is a doctor's: for the copy of everything that is held about him or her (`exportMyData`;
Personal Information Protection Law, Art. 45).

A table says it beside its columns:

    class Note(Record, db=ROUTER, tablename="sichuan_note"):
        assessment = BigInt(default=None)
        text = Varchar(200)
        kept_by = BigInt(default=None)

        _subject_access = HeldOfDoctor("assessment", shown=("assessment", "text"), left_out={"kept_by": OF_STAFF})

and one that holds nothing of any doctor says why not (`NothingOfDoctors`). The start refuses a declaration that does
not fit its table; the contract suite reports a table with keys of the core that declares nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

OF_STAFF: Final = "says who of the staff acted; the export is about the doctor"
"""A reason to leave a column out."""
INTERNAL: Final = "the server's own bookkeeping"
"""A reason to leave a column out."""


class KeyOf(StrEnum):
    """What a key of the core's names, by which rows belong to a doctor."""

    ASSESSMENT = "assessment"
    DOCTOR = "doctor"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class HeldOfDoctor:
    """Rows that belong to a doctor.

    `owner` is the column that says whose they are, or the way to it over references (`request.assessment`); `key_of`
    what its number names, where its name is not `assessment`, `doctor` or `account`. `shown` are the columns that the
    doctor gets, sealed ones in clear; `left_out` all others but the key `id`, each with the reason.
    """

    owner: str
    shown: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    key_of: KeyOf | None = None

    @property
    def kind(self) -> KeyOf:
        """What the owner's number names. Raises ValueError where neither `key_of` nor its name says it."""
        return self.key_of or KeyOf(self.owner.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class NothingOfDoctors:
    """A table that holds nothing of a doctor, and why."""

    because: str
