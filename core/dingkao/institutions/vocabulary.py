"""Words of regions."""

from enum import StrEnum


class RegionLevel(StrEnum):
    """行政层级"""

    PROVINCE = "PROVINCE"
    PREFECTURE = "PREFECTURE"
    COUNTY = "COUNTY"
