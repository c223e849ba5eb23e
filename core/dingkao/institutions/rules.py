"""Which organisations there are, and how regions nest. Pure."""

import re
from enum import StrEnum

from dingkao.institutions.vocabulary import RegionLevel
from dingkao.plugin.errors import FieldProblem
from dingkao.plugin.text import Text

NAME_MAXIMUM = {"region": 60, "organisation": 120}

_REGION_CODE = re.compile(r"[0-9A-Z]{2,12}")
_ORGANISATION_CODE = re.compile(r"[0-9A-Za-z-]{2,40}")
_DEPTH = {RegionLevel.PROVINCE: 0, RegionLevel.PREFECTURE: 1, RegionLevel.COUNTY: 2}


class OrganisationKind(StrEnum):
    """机构类别. One hospital may be INSTITUTION and BODY at once (2007 measure, Art. 7)."""

    INSTITUTION = "INSTITUTION"
    BODY = "BODY"
    AUTHORITY = "AUTHORITY"


def region_problems(code: str, name: str, level: RegionLevel, parent_level: RegionLevel | None) -> list[FieldProblem]:
    """What is wrong with a new region; empty where it fits.

    The code is GB/T 2260's six digits where there is one; development zones have codes of their own. A province has no
    parent; any other stands below a region of a higher level (a county may stand directly below a province).
    """
    problems = []
    if not _REGION_CODE.fullmatch(code):
        text = Text(
            "行政区划代码应为2至12位数字或大写字母。", "A region's code has 2 to 12 digits or upper-case letters."
        )
        problems.append(FieldProblem("code", "REGION_CODE_FORMAT", text))
    problems += name_problems(name, NAME_MAXIMUM["region"])
    if level is RegionLevel.PROVINCE and parent_level is not None:
        text = Text("省级区划没有上级区划。", "A province has no region above it.")
        problems.append(FieldProblem("parent", "PROVINCE_HAS_NO_PARENT", text))
    if level is not RegionLevel.PROVINCE and parent_level is None:
        text = Text("请选择上级区划。", "Say which region it belongs to.")
        problems.append(FieldProblem("parent", "PARENT_REQUIRED", text))
    if parent_level is not None and level is not RegionLevel.PROVINCE and _DEPTH[level] <= _DEPTH[parent_level]:
        text = Text("下级区划的层级须低于上级区划。", "A region's level lies below that of the region above it.")
        problems.append(FieldProblem("level", "LEVEL_NOT_BELOW_PARENT", text))
    return problems


def organisation_problems(code: str, name: str, kinds: frozenset[OrganisationKind]) -> list[FieldProblem]:
    """What is wrong with a new organisation; empty where it fits."""
    problems = []
    if not _ORGANISATION_CODE.fullmatch(code):
        text = Text(
            "机构代码应为2至40位数字、字母或连字符。", "An organisation's code has 2 to 40 digits, letters, hyphens."
        )
        problems.append(FieldProblem("code", "ORGANISATION_CODE_FORMAT", text))
    problems += name_problems(name, NAME_MAXIMUM["organisation"])
    if not kinds:
        text = Text("请至少选择一种机构类别。", "Choose at least one kind of organisation.")
        problems.append(FieldProblem("kinds", "KIND_REQUIRED", text))
    return problems


def name_problems(name: str, maximum: int, path: str = "name") -> list[FieldProblem]:
    """What is wrong with a name: it is neither empty nor longer than `maximum` code points."""
    if not name.strip():
        return [FieldProblem(path, "NAME_REQUIRED", Text("请填写名称。", "Give a name."))]
    if len(name) > maximum:
        text = Text(f"名称不能超过{maximum}个字。", f"A name has at most {maximum} characters.")
        return [FieldProblem(path, "NAME_TOO_LONG", text)]
    return []


def code_taken(path: str = "code") -> FieldProblem:
    """The problem of a code that another object has already."""
    return FieldProblem(path, "CODE_TAKEN", Text("该代码已被使用。", "This code is in use already."))
