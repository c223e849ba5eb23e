"""CPU time of four operations on 100,000 made-up doctors, beside the same JSON from hand-written SQL.

    python bench/requests.py                    on SQLite
    python bench/requests.py --postgresql       on PostgreSQL, started here and ended again
    python bench/requests.py --database-url postgresql://user:password@host/name

bench/README.md says what is measured and how. Ends by itself; listens on the loopback alone.
"""

import sys
from pathlib import Path

# Run as a script, this file's folder comes first on the path: any library's `import requests` would find this file.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
