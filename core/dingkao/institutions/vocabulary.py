"""Words of regions, shared with plugins."""

from dingkao.plugin.vocabulary import RegionLevel

__all__ = ["RegionLevel"]
