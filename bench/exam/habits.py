"""How the simulated doctors and their network behave: every number of the simulation, and what is drawn from it."""

import math
import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Habits:
    """Times are seconds, shares are of 1.

    Doctors arrive in `arrive` seconds, most in the middle (triangular); all sit for `sit` seconds; they leave in
    another `leave` seconds (uniform). Between two answers pass `every` seconds on average, log-normal with a median of
    0.73 of that (sigma 0.8): many short, some long. `patience`: how long a client waits for an answer.
    """

    arrive: float = 300.0
    sit: float = 180.0
    leave: float = 300.0
    every: float = 30.0
    patience: float = 5.0
    # Who comes late, because the server was gone, stays until so many questions are answered.
    least_answers: float = 5
    # The phone's way to the server, each direction: log-normal, median and sigma.
    delay: float = 0.040
    delay_sigma: float = 0.8
    # Requests that never arrive, answers that never come back, and connections cut while an answer is on its way.
    lost_request: float = 0.01
    lost_answer: float = 0.01
    cut: float = 0.005
    # Doctors who lose contact once, and for how long at most; what they answer meanwhile waits on the device.
    offline: float = 0.05
    offline_seconds: float = 30.0
    # Answers that are changed at once, while the first save is still on its way: the two may arrive in either order.
    second_thought: float = 0.15
    # Answers that go back to an earlier question, answers that are cleared, and answers that are right.
    revisit: float = 0.10
    clear: float = 0.01
    right: float = 0.75
    # Doctors who start on two devices at once, and doctors who change to another device in the middle.
    both_devices: float = 0.02
    change_device: float = 0.03

    @property
    def length(self) -> float:
        """From the first arrival to the last departure."""
        return self.arrive + self.sit + self.leave


SIGMA_OF_ANSWERS: Final = 0.8


class Chance:
    """What one doctor draws; the same seed draws the same."""

    def __init__(self, habits: Habits, seed: int) -> None:
        self._habits = habits
        self._random = random.Random(seed)

    def arrival(self) -> float:
        """Seconds after the doors open."""
        return self._random.triangular(0, self._habits.arrive)

    def departure(self) -> float:
        """Seconds after the doors open."""
        return self._habits.arrive + self._habits.sit + self._random.random() * self._habits.leave

    def thinking(self) -> float:
        """Seconds between two answers, `every` on average."""
        mean = math.log(self._habits.every) - SIGMA_OF_ANSWERS**2 / 2
        return self._random.lognormvariate(mean, SIGMA_OF_ANSWERS)

    def delay(self) -> float:
        """Seconds of one way over the network."""
        return self._random.lognormvariate(math.log(self._habits.delay), self._habits.delay_sigma)

    def happens(self, share: float) -> bool:
        """Whether something of this probability happens."""
        return self._random.random() < share

    def between(self, low: float, high: float) -> float:
        """A number between the two, each as likely."""
        return self._random.uniform(low, high)

    def place(self, count: int) -> int:
        """One of 0 … count - 1."""
        return int(self._random.random() * count)
