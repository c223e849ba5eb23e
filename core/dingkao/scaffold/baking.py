"""A new plugin's files, from the templates: names checked first, the folder written whole or not at all."""

import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

from dingkao.host.finding import GROUP
from dingkao.plugin import PLUGIN_API

# GB/T 2260: the provinces, autonomous regions, municipalities and special regions; 99 is the demo's own.
_PROVINCE_RANGES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82), (99, 99))
PROVINCES = frozenset(str(code) for first, last in _PROVINCE_RANGES for code in range(first, last + 1))
# The longest name whose migrations and tables still have short names in PostgreSQL (63 bytes).
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NAME_LENGTH = range(3, 31)


class CannotBake(ValueError):
    """The name, the region or the folder cannot be used; the message says why and what to do."""


def bake(name: str, region: str, folder: Path, taken: Mapping[str, str]) -> list[Path]:
    """Write a plugin `name` for the region `region` into the new folder `folder`; the paths written, in order.

    `taken` maps what begins with words that others own (core tables and GraphQL types) to the owner. Raises CannotBake
    and OSError; then nothing is left behind.
    """
    check_name(name, taken)
    check_region(region)
    if folder.exists():
        raise CannotBake(f"{folder} is there already: nothing is overwritten; name another place with --folder")
    values = _values(name, region)
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        written = []
        for place, text in sorted(_templates(values)):
            path = half / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(values), encoding="utf-8")
            written.append(folder / place)
        half.chmod(0o777 & ~_umask())
        half.rename(folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return written


def check_name(name: str, taken: Mapping[str, str]) -> None:
    """Refuse a name that cannot be a plugin's, or that somebody has. Raises CannotBake."""
    if not _NAME.fullmatch(name) or len(name) not in _NAME_LENGTH or keyword.iskeyword(name):
        raise CannotBake(
            f"{name!r} cannot be a plugin's name: 3 to 30 lower-case letters, digits and single underscores, a letter "
            "first, as sichuan or night_shift"
        )
    if name in {point.name for point in entry_points(group=GROUP)} | {"core", "dingkao", "national"}:
        raise CannotBake(f"there is a plugin {name} already, and a name is one plugin's: choose another")
    starts = (f"{name}_", camel(name))
    for found, owner in taken.items():
        if found == name or found.startswith(starts):
            raise CannotBake(f"{found} of {owner} begins with what would be this plugin's prefix: choose another name")


def check_region(code: str) -> None:
    """Refuse what is no code of GB/T 2260. Raises CannotBake. Whether the operator's region tree has it, only his
    database knows."""
    advice = "give the six digits of GB/T 2260, as 510000 for a province, 510100 for a prefecture, 510104 for a county"
    if not re.fullmatch(r"[0-9]{6}", code):
        raise CannotBake(f"{code!r} is no region's code: {advice}")
    if code[:2] not in PROVINCES:
        raise CannotBake(f"no province's code begins with {code[:2]}: {advice}")
    if code[2:4] == "00" and code[4:] != "00":
        raise CannotBake(f"{code} names a county of no prefecture: {advice}")


def camel(name: str) -> str:
    """`night_shift` as GraphQL types begin with it: `NightShift`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _values(name: str, region: str) -> dict[str, str]:
    prefix = camel(name)
    return {
        "name": name,
        "package": f"dingkao_{name}",
        "distribution": f"dingkao-{name.replace('_', '-')}",
        "prefix": prefix,
        "field": prefix[0].lower() + prefix[1:],
        "mutation": f"keep{prefix}Note",
        "region": region,
        "plugin_api": str(PLUGIN_API),
        "dingkao": version("dingkao"),
    }


def _templates(values: Mapping[str, str]) -> Iterator[tuple[PurePosixPath, str]]:
    def walk(folder: Traversable, place: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
        for entry in folder.iterdir():
            if entry.is_dir():
                yield from walk(entry, place / entry.name.replace("PACKAGE", values["package"]))
            elif entry.name.endswith(".tmpl"):
                name = entry.name.removesuffix(".tmpl").replace("dot-", ".", 1)
                yield place / name, entry.read_text(encoding="utf-8")

    return walk(files("dingkao.scaffold") / "template", PurePosixPath())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
