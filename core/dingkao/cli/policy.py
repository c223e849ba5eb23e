"""`dingkao policy`: what is in force in a region, and what a layer would change before it is installed."""

import asyncio
import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dingkao.cli.console import new_table, output, say, warn
from dingkao.cli.errors import WRONG_USE, CommandFailed

if TYPE_CHECKING:
    from dingkao.papers.filling import UnfilledPaper
    from dingkao.policy.effective import EffectiveValue
    from dingkao.policy.simulation import Simulation, TouchedAssessment

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The policy of a place: what is in force, and what a layer would change. 政策\n\nA policy comes with a "
    "plugin's version; no command changes one, and no plugin changes what a cycle has pinned.",
)

# A table shows the beginning of a longer value; `--json` gives it whole.
_LONGEST_VALUE = 60
# Different changes that the table of a simulation shows.
_MOST_CHANGES = 40

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


@app.command()
def papers(
    region: Annotated[str, typer.Argument(metavar="REGION", help="Code of the region.")],
    organisation: OrganisationOption = None,
) -> None:
    """Draw the papers of a region once for every kind of doctor, and tell what the bank lacks. 组卷检查

    Nothing is written. Exits with 1 where a paper cannot be filled.
    """
    found = asyncio.run(_unfilled(region, organisation))
    for paper in found:
        blueprint = f", blueprint {paper.blueprint}" if paper.blueprint else ""
        say(f"{paper.subject.value} for {', '.join(paper.candidate)}{blueprint}:")
        for reason in paper.reasons:
            say(f"  {reason.zh} {reason.en}")
    if found:
        warn("dingkao: the bank does not fill every paper: import questions, or change papers.blueprints")
        raise typer.Exit(1)
    say("the bank fills every paper")


async def _unfilled(region: str, organisation: str | None) -> "list[UnfilledPaper]":
    from dingkao.cli.opening import open_environment
    from dingkao.papers.filling import unfilled_papers
    from dingkao.plugin.errors import NotFound
    from dingkao.plugin.national import PapersPolicy
    from dingkao.policy.effective import policy_of_place

    async with open_environment() as environment:
        try:
            policy = await policy_of_place(environment, region, organisation)
        except NotFound as error:
            raise CommandFailed(f"the database has no region {region}, or no such institution there") from error
        return await unfilled_papers(environment, policy.section(PapersPolicy), region)


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
    return _cut(json.dumps(value, ensure_ascii=False))


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


@app.command()
def simulate(
    region: Annotated[str, typer.Argument(metavar="REGION", help="Region of the running cycle.")],
    layers: Annotated[
        str | None,
        typer.Argument(
            metavar="[LAYERS]",
            help="A .toml or .json file of layers, a plugin's .py file, or a module, as package.plugin:plugin. Without "
            "it: what pinning the cycle anew would change with the plugins that are installed.",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a line for each change of each assessment.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Show what layers would change for the doctors of a running cycle, before they are installed. 政策模拟

    Every assessment is asked under the policy it is under and under the one it would be under: which procedures the
    doctor may choose, requirements, papers, attempts, how papers are examined, actions, documents. Nothing is changed.
    A layer with the source and place of an installed one takes its place. Code of a plugin that is given is run.

    Exits with 1 where the region has no running cycle, or where the server would refuse a layer.
    """
    started = time.perf_counter()
    simulation = asyncio.run(_simulate(region, layers, csv_file))
    seconds = time.perf_counter() - started
    if as_json:
        json.dump(_counts(simulation), sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        _print_counts(simulation)
    warn(f"{simulation.tally.assessments:,} assessments in {seconds:.1f} s")


async def _simulate(region_code: str, given: str | None, csv_file: Path | None) -> "Simulation":
    from dingkao.audit.work import SYSTEM_CALLER
    from dingkao.cli.opening import open_environment
    from dingkao.institutions.service import region_by_code
    from dingkao.plugin.policy import PolicyError
    from dingkao.policy.proposed import BadProposal, Proposal, read_proposal
    from dingkao.policy.simulation import running_cycle_of, simulate

    try:
        proposal = Proposal(()) if given is None else read_proposal(given)
    except BadProposal as error:
        raise CommandFailed(str(error), WRONG_USE) from error
    async with open_environment() as environment:
        region = await region_by_code(region_code)
        cycle_id = await running_cycle_of(region.id) if region else None
        if cycle_id is None:
            raise CommandFailed(
                f"region {region_code} has no running cycle; give the region that a cycle was opened for"
            )
        try:
            simulation = await simulate(environment, SYSTEM_CALLER, cycle_id, proposal.layers, proposal.sections)
        except PolicyError as error:
            raise CommandFailed(f"the server would refuse this: {error}") from error
        with csv_file.open("w", encoding="utf-8-sig", newline="") if csv_file else nullcontext() as file:
            writer = csv.writer(file) if file else None
            if writer:
                writer.writerow(_CSV_HEAD)
            async for page in simulation.pages():
                if writer:
                    writer.writerows(_csv_rows(page))
        return simulation


_CSV_HEAD = (
    "考核标识", "机构", "状态", "考核程序", "变更类别", "对象", "变更前", "变更后", "生效",
)  # fmt: skip


def _csv_rows(page: "Sequence[TouchedAssessment]") -> "Iterator[tuple[str, ...]]":
    from dingkao.plugin.ids import encode_id

    for touched in page:
        one = touched.assessment
        for change in touched.changes:
            yield (
                encode_id("Assessment", one.id), one.institution_name, one.state.value, one.procedure or "",
                change.kind.value, change.subject, change.before, change.after, change.takes_effect.value,
            )  # fmt: skip


def _counts(simulation: "Simulation") -> dict[str, Any]:
    tally = simulation.tally
    return {
        "digest": simulation.policies.digest,
        "version": simulation.policies.version,
        "assessments": tally.assessments,
        "concluded": tally.concluded,
        "touched": tally.touched,
        "kinds": {kind.value: number for kind, number in sorted(tally.kinds.items())},
        "changes": [
            {
                "kind": change.kind.value,
                "subject": change.subject,
                "before": change.before,
                "after": change.after,
                "takesEffect": change.takes_effect.value,
                "assessments": number,
            }
            for change, number in tally.details.most_common()
        ],
        "values": [
            {"key": value.key, "before": value.before, "after": value.after, "assessments": number}
            for value, number in tally.values.most_common()
        ],
    }


def _print_counts(simulation: "Simulation") -> None:
    tally = simulation.tally
    say(
        f"{simulation.cycle.name}: {tally.assessments:,} assessments, {tally.touched:,} would come under another "
        f"policy; {tally.concluded:,} are concluded and keep theirs"
    )
    say(f"policy: {simulation.policies.version}")
    table = new_table("Key", "Before", "After", "Assessments", title="Values 参数")
    for value, number in tally.values.most_common():
        table.add_row(value.key, _cut(value.before), _cut(value.after), f"{number:,}")
    output().print(table)
    table = new_table("Kind", "Of", "Before", "After", "Takes effect", "Assessments", title="Changes 变更")
    for change, number in tally.details.most_common(_MOST_CHANGES):
        table.add_row(
            change.kind.value, change.subject, _cut(change.before), _cut(change.after), change.takes_effect.value,
            f"{number:,}",
        )  # fmt: skip
    output().print(table)
    if len(tally.details) > _MOST_CHANGES:
        say(f"… and {len(tally.details) - _MOST_CHANGES} more kinds of change: --json or --csv shows all")
    table = new_table("Kind", "Assessments", title="By kind 按类别")
    for kind, number in sorted(tally.kinds.items()):
        table.add_row(kind.value, f"{number:,}")
    output().print(table)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
