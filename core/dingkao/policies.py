"""The policies in force: for a place, by stacking layers along the region tree; for a cycle, as it pinned them."""

from collections.abc import Sequence
from functools import lru_cache

from dingkao.plugin.policy import Policy, PolicyLayer, PolicySection, from_json, stack


class PolicyBook:
    """Looks policies up. Both answers are kept: policies are immutable and few."""

    def __init__(self, sections: Sequence[type[PolicySection]], layers: Sequence[PolicyLayer]) -> None:
        self._sections = tuple(sections)
        self._layers = tuple(layers)
        self._for_place = lru_cache(maxsize=1024)(self._stack)
        self._pinned: dict[str, Policy] = {}

    def check(self) -> None:
        """Lay every region's layer once. Raises PolicyError naming the layer that breaks the law's floor."""
        stack(self._sections, ())
        for layer in self._layers:
            stack(self._sections, (layer,))

    def for_place(self, region_codes: Sequence[str]) -> Policy:
        """The policy of a place; `region_codes` run from the province down to the place itself."""
        return self._for_place(tuple(region_codes))

    def pinned(self, digest: str, text: str, version: str) -> Policy:
        """The policy that a cycle pinned, from its JSON; kept under its digest."""
        found = self._pinned.get(digest)
        if found is None:
            found = from_json(text, self._sections, version)
            self._pinned[digest] = found
        return found

    def known(self, digest: str) -> Policy | None:
        """The pinned policy with `digest`, where it has been read before."""
        return self._pinned.get(digest)

    def _stack(self, region_codes: tuple[str, ...]) -> Policy:
        layers = [layer for code in region_codes for layer in self._layers if layer.region == code]
        return stack(self._sections, layers)
