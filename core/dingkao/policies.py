"""The policies in force: for a place, by stacking layers along the region tree; for a cycle, as it pinned them."""

from collections.abc import Sequence
from functools import lru_cache

from dingkao.plugin.policy import Policy, PolicyLayer, PolicySection, check_sections, from_json, stack


class PolicyBook:
    """Looks policies up. Both answers are kept: policies are immutable and few."""

    def __init__(self, sections: Sequence[type[PolicySection]], layers: Sequence[PolicyLayer]) -> None:
        self.sections = tuple(sections)
        self.layers = tuple(layers)
        self.region_codes = frozenset(layer.region for layer in self.layers if layer.organisation is None)
        self.organisation_codes = frozenset(layer.organisation for layer in self.layers if layer.organisation)
        self._for_place = lru_cache(maxsize=1024)(self._stack)
        self._pinned: dict[str, Policy] = {}

    def check(self) -> None:
        """Check the national layer, and lay those of each region and organisation on it: what can be told without the
        region tree. Raises PolicyError naming the layer."""
        check_sections(self.sections)
        for layer in self.layers:
            self.for_place((layer.region,), layer.organisation)

    def for_place(self, region_codes: Sequence[str], organisation: str | None = None) -> Policy:
        """The policy of a place; `region_codes` run from the province down to the place itself, `organisation` is the
        code of an institution there. Raises PolicyError where two layers on the way do not go together."""
        return self._for_place(tuple(region_codes), organisation)

    def pinned(self, digest: str, text: str, version: str, origins: str = "{}") -> Policy:
        """The policy that a cycle pinned, from its JSON; kept under its digest. Raises PolicyError."""
        found = self._pinned.get(digest)
        if found is None:
            found = from_json(text, self.sections, version, origins)
            self._pinned[digest] = found
        return found

    def known(self, digest: str) -> Policy | None:
        """The pinned policy with `digest`, where it has been read before."""
        return self._pinned.get(digest)

    def _stack(self, region_codes: tuple[str, ...], organisation: str | None) -> Policy:
        of_regions = [
            layer
            for code in region_codes
            for layer in self.layers
            if layer.region == code and layer.organisation is None
        ]
        own = [
            layer
            for code in region_codes
            for layer in self.layers
            if layer.region == code and layer.organisation is not None and layer.organisation == organisation
        ]
        return stack(self.sections, [*of_regions, *own])
