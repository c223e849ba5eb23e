"""Writes the generated parts of the documentation: `python docs/build.py`.

Pages are written by hand; what the code can say better than a person stands in blocks that this script makes: the
operations of clients/operations with real answers of a demo province, the diagrams of the state machines, settings,
policy keys, hooks, commands. `--check` changes nothing and exits with 1 where a page is not what it would write.
"""

import asyncio
import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from building import answers, codes, commands, policy_items, reference, retention_items
from building.blocks import Maker, fill, pages
from building.example import walk_with_example
from building.way import walk

ROOT = Path(__file__).parents[1]


async def all_makers() -> Mapping[str, Maker]:
    """Everything that blocks may ask for. Walks the whole way on a demo in this process: some seconds."""
    exchanges = {**await walk(), **await walk_with_example()}
    return {
        **answers.makers(exchanges),
        **reference.makers(),
        **commands.makers(),
        **codes.makers(),
        **policy_items.makers(),
        **retention_items.makers(),
    }


def build(makers: Mapping[str, Maker]) -> dict[Path, str]:
    """Every page as it should be. Raises BadBlock."""
    return {path: fill(path.read_text(encoding="utf-8"), makers, str(path.relative_to(ROOT))) for path in pages(ROOT)}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; returns the exit code."""
    check = "--check" in arguments
    changed = 0
    for path, text in build(asyncio.run(all_makers())).items():
        present = path.read_text(encoding="utf-8")
        if present == text:
            continue
        changed += 1
        name = str(path.relative_to(ROOT))
        if check:
            lines = difflib.unified_diff(present.splitlines(), text.splitlines(), name, f"{name} (built)", lineterm="")
            sys.stdout.write("\n".join(lines) + "\n")
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    if check and changed:
        sys.stderr.write(f"docs: {changed} page(s) are out of date: run python docs/build.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
