"""Holding the database against what the simulated doctors know: every acknowledged answer, and every mark."""

import json
from dataclasses import dataclass

from bench.exam.ledger import Ledger, Sheet
from dingkao.db.statement import Statement
from dingkao.papers.tables import Answer, AnswerSave, Attempt
from dingkao.plugin.ids import decode_id

_SHEETS_AT_ONCE = 200

_attempts = Statement(
    lambda p: Attempt.select(Attempt.id, Attempt.paper, Attempt.state, Attempt.score_percent).where(
        Attempt.id.is_in(p.attempts)
    )
)
_saves = Statement(
    lambda p: (
        AnswerSave.select(AnswerSave.attempt, AnswerSave.revision, AnswerSave.answers)
        .where(AnswerSave.attempt.is_in(p.attempts))
        .order_by(AnswerSave.attempt, AnswerSave.revision)
    )
)
_answers = Statement(
    lambda p: Answer.select(Answer.attempt, Answer.position, Answer.choice, Answer.sequence).where(
        Answer.attempt.is_in(p.attempts)
    )
)


@dataclass(slots=True)
class Held:
    """What the comparison found. `lost`: acknowledged answers that are not stored, or stored otherwise. `foreign`:
    stored answers that nobody sent. `not_in_history`: acknowledged saves that the history does not know, and gaps in
    it. `wrong_marks`: marks that differ from the doctor's own marking of what is stored.
    """

    sheets: int = 0
    answers: int = 0
    lost: int = 0
    foreign: int = 0
    history: int = 0
    not_in_history: int = 0
    marks: int = 0
    wrong_marks: int = 0
    not_submitted: int = 0
    surplus_attempts: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing invented, and every mark is right."""
        return not (
            self.lost
            or self.foreign
            or self.not_in_history
            or self.wrong_marks
            or self.not_submitted
            or self.surplus_attempts
        )


async def hold_against(ledger: Ledger) -> Held:
    """Compare the database in use with the ledger, sheet by sheet."""
    held = Held()
    by_id = {decode_id("Attempt", sheet.attempt_id): sheet for sheet in ledger.sheets}
    held.surplus_attempts = int(await Attempt.count()) - len(by_id)
    keys = sorted(by_id)
    for start in range(0, len(keys), _SHEETS_AT_ONCE):
        some = keys[start : start + _SHEETS_AT_ONCE]
        stored: dict[int, dict[int, tuple[int, str]]] = {key: {} for key in some}
        for row in await _answers.run(attempts=some):
            stored[row["attempt"]][row["position"]] = (row["sequence"], row["choice"] or "")
        history: dict[int, list[str]] = {key: [] for key in some}
        for row in await _saves.run(attempts=some):
            history[row["attempt"]].append(row["answers"])
            if row["revision"] != len(history[row["attempt"]]):
                held.not_in_history += 1
        states = {row["id"]: row for row in await _attempts.run(attempts=some)}
        for key in some:
            _hold_sheet(held, by_id[key], stored[key])
            _hold_history(held, by_id[key], history[key])
            _hold_mark(held, by_id[key], stored[key], states[key]["state"], states[key]["score_percent"])
    return held


def _hold_sheet(held: Held, sheet: Sheet, stored: dict[int, tuple[int, str]]) -> None:
    held.sheets += 1
    for position, acknowledged in sheet.acknowledged.items():
        held.answers += 1
        sequence, choice = stored.get(position, (-1, ""))
        if sequence < acknowledged or choice not in sheet.sent.get((position, sequence), ()):
            held.lost += 1
    for position, (sequence, choice) in stored.items():
        if choice not in sheet.sent.get((position, sequence), ()):
            held.foreign += 1


def _hold_history(held: Held, sheet: Sheet, history: list[str]) -> None:
    known = {(answer[0], answer[2]) for answers in history for answer in json.loads(answers)}
    held.history += len(history)
    held.not_in_history += len(sheet.saved - known)


def _hold_mark(held: Held, sheet: Sheet, stored: dict[int, tuple[int, str]], state: str, percent: int | None) -> None:
    if not sheet.submitted or state != "MARKED":
        held.not_submitted += 1
        return
    held.marks += 1
    right = sum(stored.get(position, (0, ""))[1] == choice for position, choice in sheet.key.items())
    own = right * 100 // len(sheet.key)
    if not own == percent == sheet.percent:
        held.wrong_marks += 1
