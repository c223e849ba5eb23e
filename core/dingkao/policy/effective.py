"""What is in force at a place, or was pinned for it: every value with where it comes from and what it means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dingkao.cycles.pinning import PinnedText
from dingkao.cycles.rules import policy_refused
from dingkao.cycles.vocabulary import CycleState
from dingkao.environment import Environment
from dingkao.institutions.service import (
    organisation_by_code,
    organisations_by_codes,
    region_by_code,
    region_chain,
    region_chains,
    regions_by_codes,
)
from dingkao.plugin.errors import BadArgument, NotFound
from dingkao.plugin.policy import NATIONAL, Origin, Policy, PolicyError
from dingkao.plugin.policy_keys import MAY_SET, KeyDescription, describe_keys
from dingkao.policies import PolicyBook


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One key at one place: its value as JSON data, what the key is, and where the value comes from. `known` is false
    for a key whose plugin (or whose version of it) is gone: value and origin stay readable, its meaning does not."""

    key: KeyDescription
    value: Any
    origin: Origin
    known: bool = True


async def policy_of_place(environment: Environment, region_code: str, organisation_code: str | None = None) -> Policy:
    """The policy in force in a region, or for an organisation in it or below it. Raises NotFound for codes that there
    are not, BadArgument where layers on the way there do not go together."""
    region = await region_by_code(region_code)
    if region is None:
        raise NotFound
    if organisation_code is None:
        return _for_place(environment, await region_chain(region.id))
    organisation = await organisation_by_code(organisation_code)
    if organisation is None:
        raise NotFound
    chain = await region_chain(organisation.region_id)
    if region.code not in chain:
        raise NotFound
    return _for_place(environment, chain, organisation.code)


def _for_place(environment: Environment, chain: tuple[str, ...], organisation: str | None = None) -> Policy:
    try:
        return environment.policies.for_place(chain, organisation)
    except PolicyError as error:
        raise BadArgument(policy_refused(CycleState.PREPARED, error).text) from error


def effective_values(environment: Environment, policy: Policy) -> list[EffectiveValue]:
    """Every value of the policy, by key."""
    described = _described(environment)
    return [EffectiveValue(described[path], value, origin) for path, value, origin in policy.items()]


def pinned_values(environment: Environment, text: PinnedText) -> list[EffectiveValue]:
    """Every value of a pinned policy as it is kept, by key, also those whose plugin is gone."""
    described = _described(environment)
    origins: Mapping[str, Any] = json.loads(text.origins)
    rows = []
    for section, values in sorted(json.loads(text.content).items()):
        for key, value in sorted(values.items()):
            path = f"{section}.{key}"
            origin = Origin(**origins[path]) if path in origins else NATIONAL
            found = described.get(path)
            rows.append(EffectiveValue(found or _unknown(path, value), value, origin, found is not None))
    return rows


def _described(environment: Environment) -> dict[str, KeyDescription]:
    return {key.path: key for key in describe_keys(environment.policies.sections)}


def _unknown(path: str, value: Any) -> KeyDescription:
    return KeyDescription(path, "", type(value).__name__, None, "", MAY_SET)


async def refuse_clashing_layers(book: PolicyBook) -> None:
    """Lay the layers of every place that has one on those above it in the region tree: what cannot be told before the
    database is open. Raises PolicyError naming the layer that sets what the one above does not leave to it."""
    known = await regions_by_codes(sorted(book.region_codes))
    chains = await region_chains([region.id for region in known]) if known else {}
    for region in known:
        book.for_place(chains[region.id])
    for organisation in await organisations_by_codes(sorted(book.organisation_codes)):
        chain = chains.get(organisation.region_id) or await region_chain(organisation.region_id)
        book.for_place(chain, organisation.code)
