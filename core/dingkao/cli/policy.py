"""`dingkao policy`: what is in force in a region, and what a layer would change before it is installed."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dingkao.cli.console import new_table, output
from dingkao.cli.errors import CommandFailed

if TYPE_CHECKING:
    from dingkao.policy.effective import EffectiveValue

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The policy of a place: what is in force, and what a layer would change. 政策\n\nA policy comes with a "
    "plugin's version; no command changes one, and no plugin changes what a cycle has pinned.",
)

# A table shows the beginning of a longer value; `--json` gives it whole.
_LONGEST_VALUE = 60

OrganisationOption = Annotated[
    str | None, typer.Option("--organisation", metavar="CODE", help="For the doctors of this institution there.")
]


@app.command()
def show(
    region: Annotated[str, typer.Argument(metavar="REGION", help="Code of the region.")],
    organisation: OrganisationOption = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not the national value.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, values whole.")] = False,
) -> None:
    """Show every value that a cycle opened now in a region would pin, with the layer it comes from and why. 现行政策

    Exits with 1 where there is no such region or institution in the database, or where layers do not go together.
    """
    rows = asyncio.run(_effective(region, organisation))
    if changed:
        rows = [row for row in rows if row.origin.source != "national"]
    if as_json:
        json.dump([_as_json(row) for row in rows], sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
        return
    table = new_table("Key", "Value", "Lower layers may", "From", "Plugin", "Reason")
    for row in rows:
        origin = row.origin
        place = "" if origin.source == "national" else f" ({origin.organisation or origin.region})"
        table.add_row(
            row.key.path,
            _shown(row.value),
            row.key.rule.in_words(),
            f"{origin.source}{' ' + origin.version if origin.version else ''}{place}",
            f"{origin.plugin} {origin.plugin_version}".strip(),
            origin.reason if origin.source != "national" else f"{origin.reason}: {row.key.source}",
        )
    output().print(table)


async def _effective(region: str, organisation: str | None) -> "list[EffectiveValue]":
    from dingkao.cli.opening import open_environment
    from dingkao.plugin.errors import BadArgument, NotFound
    from dingkao.policy.effective import effective_values, policy_of_place

    async with open_environment() as environment:
        try:
            policy = await policy_of_place(environment, region, organisation)
        except NotFound as error:
            place = f"institution {organisation} in region {region}" if organisation else f"region {region}"
            raise CommandFailed(f"the database has no {place}; give the code under which it was entered") from error
        except BadArgument as error:
            raise CommandFailed(error.text.en) from error
        return effective_values(environment, policy)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _as_json(row: "EffectiveValue") -> dict[str, Any]:
    return {
        "key": row.key.path,
        "value": row.value,
        "nationalValue": row.key.default,
        "type": row.key.type,
        "description": row.key.description,
        "basis": row.key.source,
        "lowerLayers": row.key.rule.in_words(),
        "source": row.origin.source,
        "version": row.origin.version,
        "reason": row.origin.reason,
        "plugin": row.origin.plugin,
        "pluginVersion": row.origin.plugin_version,
        "regionCode": row.origin.region,
        "organisationCode": row.origin.organisation,
    }
