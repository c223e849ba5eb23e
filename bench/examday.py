"""A day of tests: simulated doctors sit a paper at once, and no acknowledged answer may be lost.

    python bench/examday.py                                        1,000 doctors on SQLite
    python bench/examday.py --doctors 10000 --postgresql --workers 2
    python bench/examday.py --doctors 500 --kill server            kill -9 at random moments

bench/README.md says what is simulated and what the figures mean. Ends by itself; listens on the loopback alone.
"""

import sys
from pathlib import Path

# Run as a script, this file's folder comes first on the path: `import requests` would find the bench beside it.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.exam.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
