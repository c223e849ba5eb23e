"""One simulated doctor: comes, starts, answers, changes devices, loses the network, goes on, submits."""

import asyncio
import contextlib
from typing import Any

from bench.exam.device import Device, Hall, NotAnswered, Timings
from bench.exam.habits import Chance
from bench.exam.hall import RIGHT, Seat
from bench.exam.ledger import Sheet

# A client waits longer after each failure, up to so many times its first wait.
_LONGEST_WAIT = 25
_FIRST_WAIT = 0.2
# Two, so that one may overtake the other.
_MOST_REQUESTS = 2
_MAY_NOT_WRITE = {"TAKEN_OVER", "ANOTHER_DEVICE_WRITES"}
# Seconds after the submission in which a mark may still come.
_LONGEST_MARKING = 60.0


class Refused(Exception):
    """The server said no to what must be possible; `code` is the problem's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Candidate:
    """A doctor with a session on each of two devices. The answers come at their own times, whether or not the server
    has acknowledged those before (an open loop)."""

    def __init__(self, hall: Hall, chance: Chance, seat: Seat) -> None:
        self._hall = hall
        self._chance = chance
        self._seat = seat
        self._devices = [Device(hall, chance, token) for token in seat.tokens]
        self._device = self._devices[0]
        self._sheet = Sheet("", {})
        self._sequence = 0
        # What is not acknowledged yet: sequence → (position, choice), when each was chosen, and which is on its way.
        self._pending: dict[int, tuple[int, str]] = {}
        self._chosen_at: dict[int, float] = {}
        self._flying: set[int] = set()
        self._saving: set[asyncio.Task[None]] = set()
        self._wait = _FIRST_WAIT
        # What the server gave the device that writes, so that it can save even when its session is over.
        self._token: str | None = None

    async def sit(self) -> None:
        """From the arrival to the mark. What must not happen is noted in the ledger."""
        try:
            await self._hall.until(self._chance.arrival())
            await self._start()
            await self._answer_until(self._chance.departure())
            await self._flush()
            await self._submit()
        except Refused as refusal:
            self._hall.ledger.refused[refusal.code] += 1
        finally:
            for device in self._devices:
                device.close()

    async def _start(self) -> None:
        asked = {"input": {"paperId": self._seat.paper_id}}
        devices = self._devices if self._chance.happens(self._hall.habits.both_devices) else self._devices[:1]
        begins = self._hall.now()
        answers = await asyncio.gather(
            *(self._insist(device, "StartAttempt", asked, self._hall.ledger.starts) for device in devices)
        )
        self._hall.ledger.start_waits.append((begins, self._hall.now() - begins))
        attempts = [_expect(answer["startAttempt"], "Attempt") for answer in answers]
        if len({attempt["id"] for attempt in attempts}) > 1:
            self._hall.ledger.find(f"{attempts[0]['id']}: two devices that started at once got two attempts")
        writing = [place for place, attempt in enumerate(attempts) if attempt["writing"]]
        if len(writing) != 1:
            self._hall.ledger.find(f"{attempts[0]['id']}: {len(writing)} of {len(attempts)} devices may write")
        # The other one may only read: the doctor puts it away.
        self._device = self._devices[writing[0] if writing else 0]
        attempt = attempts[writing[0] if writing else 0]
        self._token = attempt["writerToken"]
        key = {
            question["position"]: next(
                option["key"] for option in question["options"] if option["text"].startswith(RIGHT)
            )
            for question in attempt["questions"]
        }
        self._sheet = Sheet(attempt["id"], key)
        self._hall.ledger.sheets.append(self._sheet)

    async def _insist(
        self, device: Device, operation: str, variables: dict[str, Any], timings: Timings | None = None
    ) -> Any:
        """Ask until an answer comes."""
        wait = _FIRST_WAIT
        while True:
            try:
                return await device.ask(operation, variables, timings)
            except NotAnswered as failure:
                self._hall.ledger.retried[f"{operation}: {failure.kind}"] += 1
                await asyncio.sleep(max(failure.after, wait * self._chance.between(0.5, 1.5)))
                wait = min(wait * 2, _FIRST_WAIT * _LONGEST_WAIT)

    async def _answer_until(self, departure: float) -> None:
        habits, chance = self._hall.habits, self._chance
        moment = self._hall.now() + chance.between(0, habits.every)
        begins = self._hall.now()
        offline_at = chance.between(begins, departure) if chance.happens(habits.offline) else departure
        change_at = chance.between(begins, departure) if chance.happens(habits.change_device) else departure
        position = 0
        while moment < departure or position < min(habits.least_answers, len(self._sheet.key)):
            await self._hall.until(moment)
            if moment > offline_at:
                offline_at = departure
                self._device.offline_until = moment + chance.between(0, habits.offline_seconds)
            if moment > change_at:
                change_at = departure
                await self._change_device()
            if position and chance.happens(habits.revisit):
                self._choose(1 + chance.place(position))
            else:
                position = position % len(self._sheet.key) + 1
                self._choose(position)
                if chance.happens(habits.second_thought):
                    await asyncio.sleep(chance.between(0.02, min(1.0, habits.every)))
                    self._choose(position)
            moment += chance.thinking()
        await self._hall.until(departure)

    def _choose(self, position: int) -> None:
        """Answer a question, and send it without waiting."""
        habits, chance = self._hall.habits, self._chance
        if chance.happens(habits.clear):
            choice = ""
        elif chance.happens(habits.right):
            choice = self._sheet.key[position]
        else:
            choice = "ABCD"[chance.place(4)]
        self._sequence += 1
        self._sheet.sent.setdefault((position, self._sequence), set()).add(choice)
        self._pending[self._sequence] = (position, choice)
        self._chosen_at[self._sequence] = self._hall.now()
        self._save()

    def _save(self) -> None:
        """Send what is pending and not on its way, together; where two requests are on their way, once one is back."""
        waiting = {sequence: answer for sequence, answer in self._pending.items() if sequence not in self._flying}
        if not waiting or len(self._saving) >= _MOST_REQUESTS:
            return
        self._flying.update(waiting)
        task = asyncio.ensure_future(self._deliver(self._device, waiting))
        self._saving.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._saving.discard(task)
        if not task.cancelled():
            task.result()
            self._save()

    async def _deliver(self, device: Device, answers: dict[int, tuple[int, str]]) -> None:
        """Send these answers once. Where no acknowledgement comes, they wait, and go out again with what came since."""
        try:
            await self._send(device, answers, self._token)
        except NotAnswered as failure:
            self._hall.ledger.retried[f"SaveAnswers: {failure.kind}"] += 1
            await asyncio.sleep(max(failure.after, self._wait * self._chance.between(0.5, 1.5)))
            self._wait = min(self._wait * 2, _FIRST_WAIT * _LONGEST_WAIT)
        except Refused as refusal:
            self._hall.ledger.refused[refusal.code] += 1
            for sequence in answers:
                self._pending.pop(sequence, None)
        else:
            self._wait = _FIRST_WAIT
        finally:
            self._flying.difference_update(answers)

    async def _send(self, device: Device, answers: dict[int, tuple[int, str]], token: str | None) -> None:
        ledger, sheet = self._hall.ledger, self._sheet
        sent = [
            {"position": position, "choice": choice or None, "sequence": sequence}
            for sequence, (position, choice) in answers.items()
        ]
        variables = {"input": {"attemptId": sheet.attempt_id, "token": token, "answers": sent}}
        data = await device.ask("SaveAnswers", variables, ledger.saves)
        saved = _expect(data["saveAnswers"], "AnswersSaved")
        held = {answer["position"]: answer for answer in saved["answers"]}
        for sequence, (position, _choice) in answers.items():
            if position not in held or held[position]["sequence"] < sequence:
                ledger.find(f"{sheet.attempt_id} question {position}: {sequence} was acknowledged but is not held")
            self._pending.pop(sequence, None)
            sheet.saved.add((position, sequence))
            chosen_at = self._chosen_at.pop(sequence, None)
            if chosen_at is not None:
                ledger.answer_waits.append((chosen_at, self._hall.now() - chosen_at))
        ledger.answers_acknowledged += len(answers)
        for position, answer in held.items():
            ledger.acknowledge(sheet, position, answer["sequence"], answer["choice"] or "")

    async def _change_device(self) -> None:
        """The doctor goes on with the other phone, where the server says that he was; what the first had not sent is
        lost with it. The first must be refused from then on."""
        ledger, sheet = self._hall.ledger, self._sheet
        for task in self._saving:
            task.cancel()
        self._saving.clear()
        self._pending.clear()
        self._chosen_at.clear()
        acknowledged = dict(sheet.acknowledged)
        first, first_token = self._device, self._token
        self._device = next(device for device in self._devices if device is not first)
        asked = {"input": {"attemptId": sheet.attempt_id}}
        data = await self._insist(self._device, "TakeOverAttempt", asked)
        attempt = _expect(data["takeOverAttempt"], "Attempt")
        self._token = attempt["writerToken"]
        highest = 0
        for question in attempt["questions"]:
            position, answer = question["position"], question["answer"]
            sequence = answer["sequence"] if answer else 0
            highest = max(highest, sequence)
            if sequence < acknowledged.get(position, 0):
                ledger.find(
                    f"{sheet.attempt_id} question {position}: {acknowledged[position]} was acknowledged, "
                    f"the second device sees {sequence}"
                )
        self._sequence = highest
        ledger.changed_devices += 1
        await self._try_to_write(first, first_token)
        first.close()

    async def _try_to_write(self, device: Device, token: str | None) -> None:
        """From a device that may not write any more."""
        sheet = self._sheet
        sent = [{"position": 1, "choice": None, "sequence": 0}]
        variables = {"input": {"attemptId": sheet.attempt_id, "token": token, "answers": sent}}
        with contextlib.suppress(NotAnswered):
            saved = (await device.ask("SaveAnswers", variables))["saveAnswers"]
            if saved.get("code") not in _MAY_NOT_WRITE:
                self._hall.ledger.find(f"{sheet.attempt_id}: the first device still writes: {saved}")

    async def _flush(self) -> None:
        """Wait until everything is acknowledged."""
        while self._saving:
            await asyncio.wait(set(self._saving))
            await asyncio.sleep(0)  # what was delivered may have set out the next

    async def _submit(self) -> None:
        ledger, sheet = self._hall.ledger, self._sheet
        asked = {"input": {"attemptId": sheet.attempt_id, "token": self._token, "confirmed": True}}
        begins = self._hall.now()
        data = await self._insist(self._device, "SubmitAttempt", asked, ledger.submits)
        ledger.submit_waits.append((begins, self._hall.now() - begins))
        attempt = _expect(data["submitAttempt"], "Attempt")
        sheet.submitted = True
        until = self._hall.now() + _LONGEST_MARKING
        while attempt["scorePercent"] is None and self._hall.now() < until:
            # The server died between the submission and the mark: the mark comes by itself.
            ledger.marks_waited_for += 1
            await asyncio.sleep(1)
            attempt = (await self._insist(self._device, "Attempt", {"id": sheet.attempt_id}))["attempt"]
        sheet.percent = attempt["scorePercent"]


def _expect(answer: Any, name: str) -> Any:
    """The object of a union. Raises Refused for a problem."""
    if answer["__typename"] != name:
        raise Refused(str(answer.get("code", answer["__typename"])))
    return answer
