"""Running the real command in a process of its own."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).parent / "dingkao"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error; fails where there is another."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Run = Callable[..., Outcome]


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with no setting of Dingkao but `settings` (DATABASE_URL for DINGKAO_DATABASE_URL)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DINGKAO_")}
    # Wide, so that nothing a test looks for is folded.
    return {**kept, "COLUMNS": "200", **{f"DINGKAO_{name}": value for name, value in settings.items()}}
