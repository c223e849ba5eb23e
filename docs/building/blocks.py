"""The generated blocks of a page: finding them, and putting what is made into them.

A block stands between two comments that no reader of the rendered page sees::

    <!-- generated: operation LogIn -->
    …what was made…
    <!-- /generated -->

The first word after the colon names the maker, the others are handed to it.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

Maker = Callable[..., str]

_BLOCK = re.compile(r"<!-- generated: (?P<call>[^>]+?) -->\n(?P<content>.*?)<!-- /generated -->", re.DOTALL)


class BadBlock(ValueError):
    """A block that cannot be made; the message names the page and the block."""


def fill(text: str, makers: Mapping[str, Maker], page: str) -> str:
    """`text` with every block made anew. Raises BadBlock for an unknown maker, or where a maker cannot make it."""

    def make(found: re.Match[str]) -> str:
        call = found["call"]
        name, *arguments = call.split()
        maker = makers.get(name)
        if maker is None:
            raise BadBlock(f"{page}: nothing makes {name!r}; there are {', '.join(sorted(makers))}")
        try:
            content = maker(*arguments).strip()
        except (KeyError, TypeError, ValueError) as error:
            raise BadBlock(f"{page}: {call}: {type(error).__name__}: {error}") from error
        return f"<!-- generated: {call} -->\n\n{content}\n\n<!-- /generated -->"

    opened, closed = text.count("<!-- generated:"), text.count("<!-- /generated -->")
    filled, made = _BLOCK.subn(make, text)
    if not opened == closed == made:
        raise BadBlock(f"{page}: {opened} blocks begin, {closed} end, {made} are whole")
    return filled


def calls_in(text: str) -> list[str]:
    """What the blocks of `text` ask for, in order: `operation LogIn`."""
    return [found["call"] for found in _BLOCK.finditer(text)]


def pages(root: Path) -> list[Path]:
    """The Markdown pages of the repository at `root`, in order: those at the top and all under docs."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]
