"""What other policies would change for the doctors of a cycle: every assessment asked under both, page by page."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from dingkao.access.rules import authority_grant
from dingkao.assessments.access import gather_facts_of, policy_with_digest
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import logged_in
from dingkao.cycles.pinning import PolicySet, resolve_policies
from dingkao.cycles.service import CycleRecord, read_cycles
from dingkao.cycles.tables import Cycle
from dingkao.cycles.vocabulary import CycleState
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.service import regions_below
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import NotFound
from dingkao.plugin.national import PapersPolicy
from dingkao.plugin.policy import Policy, PolicyError, PolicyLayer, PolicySection
from dingkao.plugin.vocabulary import AssessmentKind, AssessmentState
from dingkao.policies import PolicyBook
from dingkao.policy.rules import Change, PolicyChangeKind, RuleSet, ValueChange, changes, outlook, value_changes

# Assessments that are in memory at once.
PAGE = 1000

_A = Assessment
_COLUMNS = {
    "id": _A.id,
    "doctor_id": _A.doctor,
    "cycle_id": _A.cycle,
    "kind": _A.kind,
    "state": _A.state,
    "institution_id": _A.institution,
    "institution_name": _A.institution.name,
    "body_id": _A.body,
    "region_id": _A.region,
    "procedure": _A.procedure,
    "submissions": _A.submissions,
    "category": _A.registration.category,
    "scope": _A.registration.scope,
    "level": _A.registration.level,
    "practising_since": _A.registration.practising_since,
    "policy_digest": _A.policy.digest,
    "policy_version": _A.policy.version,
}


def _selected() -> list[Any]:
    return [column.copy().as_alias(name) for name, column in _COLUMNS.items()]


_page = Statement(
    lambda p: (
        Assessment.select(*_selected())
        .where((Assessment.cycle == p.cycle) & (Assessment.id > p.after))
        .order_by(Assessment.id)
        .limit(p.limit)
    ),
    constants=("limit",),
)

_some = Statement(
    lambda p: (
        Assessment.select(*_selected())
        .where((Assessment.cycle == p.cycle) & Assessment.id.is_in(p.ids))
        .order_by(Assessment.id)
    )
)
_running = Statement(
    lambda p: (
        Cycle.select(Cycle.id)
        .where((Cycle.region == p.region) & (Cycle.state == p.state))
        .order_by(Cycle.id, ascending=False)
        .limit(1)
    )
)


class SimulatedAssessment(NamedTuple):
    """An assessment as far as rules and lists need it: a tenth of what is read elsewhere."""

    id: int
    doctor_id: int
    cycle_id: int
    kind: AssessmentKind
    state: AssessmentState
    institution_id: int
    institution_name: str
    body_id: int | None
    region_id: int
    procedure: str | None
    submissions: int
    category: str
    scope: str
    level: str
    practising_since: date | None
    policy_digest: str
    policy_version: str
    cycle_starts_on: date
    cycle_ends_on: date


@dataclass(frozen=True, slots=True)
class TouchedAssessment:
    """An assessment that would come under another policy, what that changes for it, and the values that differ."""

    assessment: SimulatedAssessment
    changes: Sequence[Change]
    values: Sequence[ValueChange]


@dataclass
class Tally:
    """Sums over the whole cycle. `concluded` ones keep their policy whatever happens; `touched` would come under
    another one; `kinds` counts assessments by kind of change, `details` by the change itself, `values` by key."""

    assessments: int = 0
    concluded: int = 0
    touched: int = 0
    kinds: Counter[PolicyChangeKind] = field(default_factory=Counter)
    details: Counter[Change] = field(default_factory=Counter)
    values: Counter[ValueChange] = field(default_factory=Counter)


class Simulation:
    """A cycle and the policies that it would be under. `pages` walks it once and fills `tally`."""

    def __init__(
        self, environment: Environment, cycle: CycleRecord, policies: PolicySet, places: Mapping[int, Policy]
    ) -> None:
        self.cycle = cycle
        self.policies = policies
        self.tally = Tally()
        self._environment = environment
        self._places = places
        self._institutions = {
            scope.organisation_id: policy
            for scope, policy in policies.scopes.items()
            if scope.organisation_id is not None
        }
        self._ruleset = RuleSet(tuple(environment.registry.procedures.values()), tuple(environment.registry.actions))
        self._values: dict[tuple[str, str], list[ValueChange]] = {}
        self._paper_rules: dict[str, dict[str, str]] = {}

    async def pages(self, size: int | None = None) -> AsyncIterator[list[TouchedAssessment]]:
        """The touched assessments of each page of `size` (PAGE), in the order of their keys; a page may have none."""
        now = self._environment.clock.now()
        after = 0
        while True:
            rows = await _page.run(cycle=self.cycle.id, after=after, limit=size or PAGE)
            if not rows:
                return
            after = rows[-1]["id"]
            page = [self._assessment(row) for row in rows]
            touched = await self._touched(page, now)
            self._count(page, touched)
            yield touched

    async def about(self, assessment_ids: Sequence[int]) -> list[TouchedAssessment]:
        """The same for some assessments of the cycle, in the order of their keys; counts nothing."""
        rows = await _some.run(cycle=self.cycle.id, ids=list(assessment_ids))
        return await self._touched([self._assessment(row) for row in rows], self._environment.clock.now())

    def _assessment(self, row: Mapping[str, Any]) -> SimulatedAssessment:
        values = dict(row)
        values["kind"] = AssessmentKind(values["kind"])
        values["state"] = AssessmentState(values["state"])
        calendar = self.cycle.calendar
        return SimulatedAssessment(**values, cycle_starts_on=calendar.starts_on, cycle_ends_on=calendar.ends_on)

    async def _touched(self, page: Sequence[SimulatedAssessment], now: datetime) -> list[TouchedAssessment]:
        open_ones = [one for one in page if one.state is not AssessmentState.CONCLUDED]
        differing = [(one, self._after(one)) for one in open_ones if one.policy_digest != self._after(one).digest]
        facts = await gather_facts_of([one for one, _ in differing], now) if differing else {}
        touched = []
        for one, after in differing:
            before = await policy_with_digest(self._environment, one.policy_digest, one.policy_version)
            values = self._values_of(before, after)
            about = facts[one.id]
            found = changes(
                about,
                outlook(about, before, self._ruleset, self._rules_of(before)),
                outlook(about, after, self._ruleset, self._rules_of(after)),
                values,
            )
            touched.append(TouchedAssessment(one, found, values))
        return touched

    def _after(self, one: SimulatedAssessment) -> Policy:
        own = self._institutions.get(one.institution_id)
        # A concluded assessment may stand in a region that has left the cycle's; every other one lies in it.
        return own or self._places.get(one.region_id) or next(iter(self.policies.scopes.values()))

    def _values_of(self, before: Policy, after: Policy) -> list[ValueChange]:
        key = before.digest, after.digest
        if key not in self._values:
            self._values[key] = value_changes(before, after)
        return self._values[key]

    def _rules_of(self, policy: Policy) -> dict[str, str]:
        if policy.digest not in self._paper_rules:
            self._paper_rules[policy.digest] = {
                subject.value: json.dumps(to_jsonable_python(rule), sort_keys=True)
                for subject, rule in policy.section(PapersPolicy).rules.items()
            }
        return self._paper_rules[policy.digest]

    def _count(self, page: Sequence[SimulatedAssessment], touched: Sequence[TouchedAssessment]) -> None:
        tally = self.tally
        tally.assessments += len(page)
        tally.concluded += sum(one.state is AssessmentState.CONCLUDED for one in page)
        tally.touched += len(touched)
        for one in touched:
            tally.kinds.update({change.kind for change in one.changes})
            tally.details.update(one.changes)
            tally.values.update(one.values)


def with_proposed(
    book: PolicyBook, layers: Sequence[PolicyLayer], sections: Sequence[type[PolicySection]] = ()
) -> PolicyBook:
    """The policies as they would be with `layers` (and `sections` of their plugin) installed. A layer takes the place
    of an installed one with its source and place. Raises PolicyError for what would refuse the start."""
    names = {_identity(layer) for layer in layers}
    kept = [layer for layer in book.layers if _identity(layer) not in names]
    owners: dict[tuple[str, str | None, str], PolicyLayer] = {}
    for layer in [*kept, *layers]:
        for key in layer.values:
            other = owners.setdefault((layer.region, layer.organisation, key), layer)
            if other is not layer:
                raise PolicyError(f"{layer.title} sets {key}, which {other.title} has set for the same place")
    known = {section.name for section in book.sections}
    new = [*book.sections, *(section for section in sections if section.name not in known)]
    ready = [layer for layer in layers if {section.name for section in new}.issuperset(layer.needs)]
    proposed = PolicyBook(new, [*kept, *ready])
    proposed.check()
    return proposed


def _identity(layer: PolicyLayer) -> tuple[str, str, str | None]:
    return layer.source, layer.region, layer.organisation


async def simulate(
    environment: Environment,
    caller: Caller | None,
    cycle_id: int,
    layers: Sequence[PolicyLayer] = (),
    sections: Sequence[type[PolicySection]] = (),
) -> Simulation:
    """What would change for the doctors of a cycle if `layers` were installed and the cycle pinned anew; without
    layers, what pinning anew would change now. Nothing is changed.

    By the system or an authority officer who governs the cycle's region. Raises NotLoggedIn, NotFound, Forbidden,
    PolicyError for a layer that the server would refuse.
    """
    asking = logged_in(caller)
    cycle = (await read_cycles([cycle_id])).get(cycle_id)
    authority_grant(asking, *([cycle.region_id] if cycle else []))
    if cycle is None:
        raise NotFound
    book = with_proposed(environment.policies, layers, sections) if layers or sections else environment.policies
    policies = await resolve_policies(book, cycle.region_id)
    return Simulation(environment, cycle, policies, await _places(policies, cycle.region_id))


async def _places(policies: PolicySet, region_id: int) -> dict[int, Policy]:
    """The policy of every region of the cycle: its own, else that of the region above it."""
    own = {scope.region_id: policy for scope, policy in policies.scopes.items() if scope.organisation_id is None}
    found: dict[int, Policy] = {}
    for region in await regions_below(region_id):
        above = found.get(region.parent_id) if region.parent_id is not None else None
        policy = own.get(region.id) or above
        if policy is not None:
            found[region.id] = policy
    return found


async def running_cycle_of(region_id: int) -> int | None:
    """The newest running cycle of the region itself, or None."""
    row = await _running.first(region=region_id, state=CycleState.RUNNING.value)
    return int(row["id"]) if row else None
