"""Pinning policies: which one counts where in a cycle, as it was when the cycle was opened."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piccolo.querystring import QueryString

from dingkao.cycles.tables import CyclePolicy, PinnedPolicy
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.institutions.service import organisations_by_codes, region_chains, regions_below
from dingkao.plugin.policy import Policy
from dingkao.policies import PolicyBook

# The policy for the doctors of `institution`, which lies in `place`, in the cycle `c`: the institution's own, else that
# of the nearest region at or above it. To stand in a larger statement that has these three names.
POLICY_OF_INSTITUTION = (
    "(SELECT counted.policy FROM cycle_policy AS counted JOIN region AS reach ON reach.id = counted.region "
    "WHERE counted.cycle = c.id AND (counted.organisation = institution.id "
    "OR (counted.organisation IS NULL AND place.path LIKE reach.path || '%')) "
    "ORDER BY CASE WHEN counted.organisation IS NULL THEN 1 ELSE 0 END, LENGTH(reach.path) DESC LIMIT 1)"
)
_at = Statement(
    lambda p: QueryString(
        f"SELECT {POLICY_OF_INSTITUTION} AS policy FROM cycle AS c "  # noqa: S608 - words of our own
        "JOIN organisation AS institution ON institution.id = {} JOIN region AS place ON place.id = institution.region "
        "WHERE c.id = {}",
        p.institution,
        p.cycle,
    )
)
_pinned_ids = Statement(
    lambda p: PinnedPolicy.select(PinnedPolicy.id, PinnedPolicy.digest, PinnedPolicy.version).where(
        PinnedPolicy.digest.is_in(p.digests)
    )
)
_of_cycles = Statement(
    lambda p: QueryString(
        "SELECT cp.cycle AS cycle, cp.policy AS policy, r.code AS region, r.path AS path, o.code AS organisation, "  # noqa: S608 - words of our own
        "pinned.digest AS digest, pinned.version AS version FROM cycle_policy AS cp "
        "JOIN region AS r ON r.id = cp.region JOIN pinned_policy AS pinned ON pinned.id = cp.policy "
        "LEFT JOIN organisation AS o ON o.id = cp.organisation "
        f"WHERE cp.cycle IN ({', '.join('{}' for _ in p.cycles)}) "
        "ORDER BY LENGTH(r.path), r.path, CASE WHEN o.code IS NULL THEN 0 ELSE 1 END, o.code",
        *p.cycles,
    )
)
_texts = Statement(
    lambda p: PinnedPolicy.select(
        PinnedPolicy.id, PinnedPolicy.digest, PinnedPolicy.version, PinnedPolicy.content, PinnedPolicy.origins
    ).where(PinnedPolicy.id.is_in(p.ids))
)


@dataclass(frozen=True, slots=True)
class PolicyScope:
    """Where a policy counts: a region of the cycle, or an organisation there. Codes are for people."""

    region_id: int
    region_code: str
    organisation_id: int | None = None
    organisation_code: str | None = None


@dataclass(frozen=True, slots=True)
class PinnedScope:
    """A policy that a cycle pinned, and where it counts."""

    policy_id: int
    region_code: str
    organisation_code: str | None
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class PinnedText:
    """A pinned policy as it is kept: readable without the plugins that it came from."""

    policy_id: int
    digest: str
    version: str
    content: str
    origins: str


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies of all places of a cycle, its own region's first."""

    scopes: Mapping[PolicyScope, Policy]

    @property
    def own(self) -> Policy:
        """The policy of the cycle's own region."""
        return next(iter(self.scopes.values()))

    @property
    def version(self) -> str:
        """The version of the cycle's own region."""
        return self.own.version

    @property
    def digest(self) -> str:
        """The digest of the one policy, or, where places differ, of all with their places."""
        digests = {policy.digest for policy in self.scopes.values()}
        if len(digests) == 1:
            return digests.pop()
        lines = sorted(
            f"{scope.region_code}/{scope.organisation_code or ''}={policy.digest}"
            for scope, policy in self.scopes.items()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


async def resolve_policies(book: PolicyBook, region_id: int) -> PolicySet:
    """The policies for the region and for each place below it that has a layer of its own: three queries at most.
    Raises PolicyError where two layers on a place's way do not go together."""
    below = [region for region in await regions_below(region_id) if region.code in book.region_codes]
    organisations = await organisations_by_codes(sorted(book.organisation_codes), region_id)
    wanted = [region_id, *(region.id for region in below), *(each.region_id for each in organisations)]
    chains = await region_chains(list(dict.fromkeys(wanted)))
    scopes: dict[PolicyScope, Policy] = {}
    for key in dict.fromkeys([region_id, *(region.id for region in below)]):
        scopes[PolicyScope(key, chains[key][-1])] = book.for_place(chains[key])
    for each in organisations:
        chain = chains[each.region_id]
        policy = book.for_place(chain, each.code)
        if policy.version != book.for_place(chain).version:  # the layer that names the code is of another region
            scopes[PolicyScope(each.region_id, chain[-1], each.id, each.code)] = policy
    return PolicySet(scopes)


async def pin(cycle_id: int, policies: PolicySet) -> dict[PolicyScope, int]:
    """Keep the policies, and let them count in the cycle in place of any before; the keys of what was pinned. To be
    called in a transaction that holds the cycle."""
    keys = await keep(list(policies.scopes.values()))
    await CyclePolicy.delete().where(CyclePolicy.cycle == cycle_id)
    await CyclePolicy.insert(
        *[
            CyclePolicy(
                cycle=cycle_id, region=scope.region_id, organisation=scope.organisation_id, policy=keys[_key(policy)]
            )
            for scope, policy in policies.scopes.items()
        ]
    )
    return {scope: keys[_key(policy)] for scope, policy in policies.scopes.items()}


async def keep(policies: Sequence[Policy]) -> dict[tuple[str, str], int]:
    """Keep the text of each policy for good; keys by digest and version."""
    different = {_key(policy): policy for policy in policies}
    await PinnedPolicy.insert(
        *[
            PinnedPolicy(
                digest=policy.digest,
                version=policy.version,
                content=policy.to_json(),
                origins=policy.origins_to_json(),
            )
            for policy in different.values()
        ]
    ).on_conflict(action="DO NOTHING")
    rows = await _pinned_ids.run(digests=sorted({digest for digest, _ in different}))
    return {(row["digest"], row["version"]): int(row["id"]) for row in rows}


def _key(policy: Policy) -> tuple[str, str]:
    return policy.digest, policy.version


async def policy_at(cycle_id: int, institution_id: int) -> int:
    """The key of the policy that the cycle pinned for the doctors of the institution. Raises LookupError where the
    cycle has pinned none that reaches it."""
    row = await _at.first(cycle=cycle_id, institution=institution_id)
    if row is None or row["policy"] is None:
        raise LookupError(f"cycle {cycle_id} has pinned no policy for institution {institution_id}")
    return int(row["policy"])


async def pinned_scopes(cycle_ids: Sequence[int]) -> dict[int, list[PinnedScope]]:
    """What each cycle pinned, and where it counts: its own region first, then down the tree."""
    found: dict[int, list[PinnedScope]] = {cycle_id: [] for cycle_id in cycle_ids}
    for row in await _of_cycles.run(cycles=list(cycle_ids)):
        found[row["cycle"]].append(
            PinnedScope(row["policy"], row["region"], row["organisation"], row["digest"], row["version"])
        )
    return found


async def pinned_texts(policy_ids: Sequence[int]) -> dict[int, PinnedText]:
    """The kept policies of `policy_ids`, by key."""
    return {row["id"]: _text(row) for row in await _texts.run(ids=list(policy_ids))}


async def current_policies(environment: Environment, region_id: int) -> PolicySet:
    """What a cycle of the region would pin if it were opened now. Raises PolicyError."""
    return await resolve_policies(environment.policies, region_id)


def _text(row: Mapping[str, Any]) -> PinnedText:
    return PinnedText(row["id"], row["digest"], row["version"], row["content"], row["origins"])
