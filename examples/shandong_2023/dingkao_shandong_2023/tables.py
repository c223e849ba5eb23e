"""Draws, and the spot checks that came of them."""

from piccolo.columns import BigInt, Integer, Text, Timestamptz
from piccolo.constraints import Check

from dingkao.plugin.subject_access import INTERNAL, OF_STAFF, HeldOfDoctor, NothingOfDoctors
from dingkao.plugin.tables import ROUTER, Record, code_column, one_of, reference, unique
from dingkao_shandong_2023.rules import Shandong2023SpotCheckState


class Draw(Record, db=ROUTER, tablename="shandong_2023_draw"):
    """抽取: one draw of an assessment body among an institution's doctors. `seed` fixes it: with the checks of the draw
    it can be repeated. Keys of the core's objects are plain numbers."""

    institution = BigInt(default=None)
    body = BigInt(null=True, default=None)
    pool = Integer(default=None)
    drawn = Integer(default=None)
    percent = Integer(default=None)
    seed = BigInt(default=None)
    account = BigInt(default=None)
    drawn_at = Timestamptz(default=None)

    _subject_access = NothingOfDoctors("how many were drawn of how many; whom it drew is a spot check")

    drawn_of_pool = Check('"drawn" <= "pool"')

    _indexes = ('CREATE INDEX "shandong_2023_draw_institution" ON "shandong_2023_draw" ("institution", "id")',)


class SpotCheck(Record, db=ROUTER, tablename="shandong_2023_spot_check"):
    """抽查核查 of one submission: drawn or spared in a draw, or ordered by the authority (`order_reason`)."""

    draw = reference(Draw, null=True, index=False)
    assessment = BigInt(default=None)
    submission_number = Integer(default=None)
    body = BigInt(null=True, default=None)
    state = code_column(20)
    order_reason = Text(default="")
    ordered_by = BigInt(null=True, default=None)
    finding = Text(default="")
    decided_by = BigInt(null=True, default=None)
    decided_at = Timestamptz(null=True, default=None)

    _subject_access = HeldOfDoctor(
        "assessment",
        shown=("draw", "assessment", "submission_number", "state", "order_reason", "finding", "decided_at"),
        left_out={"body": INTERNAL, "ordered_by": OF_STAFF, "decided_by": OF_STAFF},
    )

    state_known = one_of("state", Shandong2023SpotCheckState)
    once = unique("assessment", "submission_number")
    drawn_or_ordered = Check('"draw" IS NOT NULL OR "ordered_by" IS NOT NULL')
    decided_is_signed = Check(
        '("state" IN (\'CONFIRMED\', \'NOT_CONFIRMED\')) = ("decided_by" IS NOT NULL AND "decided_at" IS NOT NULL)'
    )

    _indexes = (
        'CREATE INDEX "shandong_2023_spot_check_queue" ON "shandong_2023_spot_check" ("body", "state", "id")',
        'CREATE INDEX "shandong_2023_spot_check_draw" ON "shandong_2023_spot_check" ("draw")',
    )


TABLES = (Draw, SpotCheck)
