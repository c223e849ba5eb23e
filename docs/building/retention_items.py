"""Blocks made of what is declared of every kind of record: period, source, end."""

from collections.abc import Mapping

from building.blocks import Maker
from dingkao.retention.rules import KEPT, KINDS, Kind
from dingkao.settings import PREFIX, Settings


def makers() -> Mapping[str, Maker]:
    """The makers `retention` and `kept`."""
    return {"retention": retention, "kept": kept}


def retention() -> str:
    """Every kind whose time ends."""
    lines = ["| kind | what | kept for | from | source | at the end |", "| --- | --- | --- | --- | --- | --- |"]
    for kind in KINDS:
        lines.append(
            f"| `{kind.code}` {kind.zh} | {kind.what} | {_period(kind)} | {kind.counted_from} | {_source(kind)} "
            f"| {kind.end.value} |"
        )
    return "\n".join(lines)


def _period(kind: Kind) -> str:
    field = Settings.model_fields[kind.setting]
    floor = next((int(limit.ge) for limit in field.metadata if hasattr(limit, "ge")), None)
    least = f", {floor} at least" if floor else ""
    return f"{field.default} {kind.unit.value} (`{PREFIX}{kind.setting.upper()}`{least})"


def _source(kind: Kind) -> str:
    return f"{kind.source}; **the number is our assumption**" if kind.assumed else kind.source


def kept() -> str:
    """Every table of which nothing is deleted, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for table, entry in KEPT.items():
        reasons.setdefault((entry.because, entry.source), []).append(f"`{table}`")
    lines = ["| tables | why |", "| --- | --- |"]
    for (because, source), tables in reasons.items():
        lines.append(f"| {', '.join(tables)} | {because}{f' ({source})' if source else ''} |")
    return "\n".join(lines)
