"""What the simulated doctors know: what they sent, what was acknowledged, what they were told. The truth to hold the
database against."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

# So many wrong findings are printed in words.
_MOST_FINDINGS: Final = 20


@dataclass(slots=True)
class Sheet:
    """One doctor's attempt as the doctor's devices know it. Positions count from 1."""

    attempt_id: str
    # position → the right choice, read from the options' words.
    key: dict[int, str]
    # (position, sequence) → the choices sent so: more than one only where two devices counted alike.
    sent: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    # position → the highest sequence that the server said it holds.
    acknowledged: dict[int, int] = field(default_factory=dict)
    # Every (position, sequence) of a save that was acknowledged, beaten or not: the history must hold them all.
    saved: set[tuple[int, int]] = field(default_factory=set)
    percent: int | None = None
    submitted: bool = False


@dataclass(slots=True)
class Ledger:
    """All sheets, and what was counted over all doctors."""

    sheets: list[Sheet] = field(default_factory=list)
    # What was refused for good, by the problem's code; nothing should be.
    refused: Counter[str] = field(default_factory=Counter)
    # What went wrong on the way and was tried again, by its kind.
    retried: Counter[str] = field(default_factory=Counter)
    # What must never be: an acknowledgement that contradicts what was sent, an attempt that lost an answer …
    wrong: list[str] = field(default_factory=list)
    # Of every request that was answered: the moment it reached the server, seconds after the doors opened, and the
    # seconds it took.
    saves: list[tuple[float, float]] = field(default_factory=list)
    starts: list[tuple[float, float]] = field(default_factory=list)
    submits: list[tuple[float, float]] = field(default_factory=list)
    # What a doctor waited in all, network, losses and trying again included: the moment at which an answer was chosen,
    # a start or a submission pressed, and the seconds until the device had the acknowledgement.
    answer_waits: list[tuple[float, float]] = field(default_factory=list)
    start_waits: list[tuple[float, float]] = field(default_factory=list)
    submit_waits: list[tuple[float, float]] = field(default_factory=list)
    answers_acknowledged: int = 0
    changed_devices: int = 0
    marks_waited_for: int = 0

    def find(self, finding: str) -> None:
        """Note what must never be."""
        if len(self.wrong) < _MOST_FINDINGS:
            self.wrong.append(finding)

    def acknowledge(self, sheet: Sheet, position: int, sequence: int, choice: str) -> None:
        """The server said that it holds `choice` with `sequence` for the question."""
        if choice not in sheet.sent.get((position, sequence), ()):
            self.find(f"{sheet.attempt_id} question {position}: holds {choice!r} ({sequence}), which was never sent")
        # Acknowledgements may overtake one another on the way back.
        sheet.acknowledged[position] = max(sheet.acknowledged.get(position, 0), sequence)
