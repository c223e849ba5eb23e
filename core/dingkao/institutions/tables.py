"""Regions and organisations."""

from piccolo.columns import Boolean, Date, Varchar

from dingkao.db.routing import ROUTER
from dingkao.db.tables import Record, code_column, one_of, reference
from dingkao.institutions.vocabulary import RegionLevel


class Region(Record, db=ROUTER, tablename="region"):
    """行政区划: a tree. The code is GB/T 2260's where there is one; jurisdiction follows `parent`, not the prefix.

    `path` is the ids from the root, as `/1/4/9/`: a subtree is a prefix of it.
    """

    _audited_as = "Region"

    code = code_column(12, unique=True)
    name = Varchar(60)
    level = code_column(20)
    parent = reference("self", null=True)
    path = Varchar(200, index=True)
    valid_from = Date(null=True, default=None)
    valid_to = Date(null=True, default=None)

    level_known = one_of("level", RegionLevel)


class Organisation(Record, db=ROUTER, tablename="organisation"):
    """An institution (医疗卫生机构), assessment body (考核机构), authority (卫生健康行政部门), or several at once."""

    _audited_as = "Organisation"

    code = code_column(40, unique=True)
    name = Varchar(120)
    region = reference(Region)
    is_institution = Boolean(default=False)
    is_body = Boolean(default=False)
    is_authority = Boolean(default=False)
