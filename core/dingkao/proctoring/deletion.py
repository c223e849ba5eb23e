"""Deleting faces: when the time to keep them is over, when consent is withdrawn, when an upload was never finished.

An image is removed from the store first and noted as deleted after it was seen to be gone: a crash between the two
makes the next turn do it again, and no proof is written for what is still there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from piccolo.querystring import QueryString

from dingkao.audit.work import SYSTEM_CALLER, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.logs import get_logger
from dingkao.plugin.ports import PortFailed
from dingkao.proctoring.retiring import ask_to_retire
from dingkao.proctoring.tables import FaceImage
from dingkao.proctoring.vocabulary import ConsentEnd, DeletionGround
from dingkao.storage.faces import FaceStillThere

_log = get_logger("dingkao.faces")

# Images that are deleted between two transactions.
_PAGE = 100
# An upload that was begun so long ago is not finished any more.
UNFINISHED_AFTER = timedelta(hours=1)

# Whose an image is, by either table that says so.
_OWNED = (
    "FROM face_image AS image "
    "LEFT JOIN face_capture AS capture ON capture.image = image.id "
    "LEFT JOIN face_consent AS consent ON consent.id = capture.consent "
    "LEFT JOIN proctor_frame AS frame ON frame.image = image.id "
    "LEFT JOIN proctor_session AS session ON session.id = frame.session "
    "LEFT JOIN attempt ON attempt.id = session.attempt "
    "LEFT JOIN assessment_paper AS paper ON paper.id = attempt.paper "
    "LEFT JOIN assessment ON assessment.id = COALESCE(capture.assessment, paper.assessment) "
)
# Pictures of an attempt lie under whatever consent the assessment had: withdrawn where none is in force any more.
_WITHDRAWN = (
    f"(consent.ended_because = '{ConsentEnd.WITHDRAWN.value}' OR (frame.id IS NOT NULL AND EXISTS "  # noqa: S608 - words of our own
    "(SELECT 1 FROM face_consent AS over WHERE over.assessment = assessment.id "
    f"AND over.ended_because = '{ConsentEnd.WITHDRAWN.value}') AND NOT EXISTS "
    "(SELECT 1 FROM face_consent AS good WHERE good.assessment = assessment.id AND good.ended_at IS NULL)))"
)
# Announced, and no objection open any more; or never announced, long after the tests.
_TIME_OVER = (
    "(EXISTS (SELECT 1 FROM result WHERE result.assessment = assessment.id AND result.notified_at <= {} "
    "AND result.state NOT IN ('CONCLUDED', 'FILED', 'NOTIFIED', 'REEXAMINATION_REQUESTED')) "
    "OR (EXISTS (SELECT 1 FROM cycle WHERE cycle.id = assessment.cycle AND cycle.tests_until <= {}) AND NOT EXISTS "
    "(SELECT 1 FROM result WHERE result.assessment = assessment.id AND result.notified_at IS NOT NULL)))"
)
# A court or an inquiry needs them (`dingkao retention hold`). Of those whose consent is withdrawn it keeps none.
_NOT_HELD = (
    "NOT EXISTS (SELECT 1 FROM legal_hold AS hold JOIN account AS owner ON owner.id = hold.account "
    "WHERE hold.lifted_at IS NULL AND owner.doctor = assessment.doctor)"
)
_SELECT = "SELECT image.id AS id, image.name AS name, image.digest AS digest, image.size AS size "
_KEPT = "image.deleted_at IS NULL"


def _page_of(p: Any, condition: str, *values: Any) -> QueryString:
    return QueryString(
        f"{_SELECT}{_OWNED}WHERE {_KEPT} AND image.id > {{}} AND {condition} ORDER BY image.id LIMIT {_PAGE}",
        p.after,
        *values,
    )


_withdrawn = Statement(lambda p: _page_of(p, _WITHDRAWN))
_withdrawn_of = Statement(lambda p: _page_of(p, f"assessment.id = {{}} AND {_WITHDRAWN}", p.assessment))
_time_over = Statement(lambda p: _page_of(p, f"{_TIME_OVER} AND {_NOT_HELD}", p.notified, p.tested))
_not_used = Statement(
    lambda p: _page_of(p, "capture.id IS NULL AND frame.id IS NULL AND image.stored_at <= {}", p.before)
)
# Whom a service knows by an assessment whose time is over, and by none that goes on: neither is he being watched, nor
# does this server itself keep a picture of him.
_known_still = Statement(
    lambda p: QueryString(
        "SELECT DISTINCT doctor FROM ("  # noqa: S608 - words of our own
        "SELECT assessment.doctor AS doctor FROM proctor_session AS session "
        "JOIN attempt ON attempt.id = session.attempt JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "JOIN assessment ON assessment.id = paper.assessment "
        f"WHERE session.retired_at IS NULL AND session.closed_at IS NOT NULL AND {_TIME_OVER} AND {_NOT_HELD} "
        "UNION SELECT assessment.doctor FROM face_disclosure AS disclosure "
        "JOIN assessment ON assessment.id = disclosure.assessment "
        f"WHERE disclosure.retired_at IS NULL AND {_TIME_OVER} AND {_NOT_HELD}) AS known WHERE NOT EXISTS ("
        "SELECT 1 FROM proctor_session AS session "
        "JOIN attempt ON attempt.id = session.attempt JOIN assessment_paper AS paper ON paper.id = attempt.paper "
        "JOIN assessment ON assessment.id = paper.assessment "
        "WHERE session.closed_at IS NULL AND assessment.doctor = known.doctor) AND NOT EXISTS ("
        "SELECT 1 FROM face_capture AS capture JOIN face_image AS image ON image.id = capture.image "
        "JOIN assessment ON assessment.id = capture.assessment "
        "WHERE image.deleted_at IS NULL AND assessment.doctor = known.doctor) "
        f"ORDER BY 1 LIMIT {_PAGE}",
        p.notified,
        p.tested,
        p.notified_too,
        p.tested_too,
    )
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many images were deleted, by ground, and how many could not be."""

    time_over: int = 0
    withdrawn: int = 0
    not_used: int = 0
    left: int = 0

    @property
    def images(self) -> int:
        """All that were deleted."""
        return self.time_over + self.withdrawn + self.not_used


@dataclass(frozen=True, slots=True)
class Due:
    """How many images are to be deleted now, by ground."""

    time_over: int
    withdrawn: int
    not_used: int


async def delete_due_faces(environment: Environment) -> Deleted:
    """Delete every image whose time is over, whose consent is withdrawn, or whose upload was never finished; and ask
    the services to forget people whose time is over. The sweeper's turn, and `dingkao faces purge`; safe to
    repeat and to run twice at once. What the store does not let go is logged, counted in `left` and tried again."""
    now = environment.clock.now()
    limits = _limits(environment, now)
    over, over_left = await _delete_all(environment, _time_over, limits, DeletionGround.TIME_OVER)
    gone, gone_left = await _delete_all(environment, _withdrawn, {}, DeletionGround.CONSENT_WITHDRAWN)
    unfinished = {"before": now - UNFINISHED_AFTER}
    unused, unused_left = await _delete_all(environment, _not_used, unfinished, DeletionGround.NOT_USED)
    await _forget_people(environment, limits)
    return Deleted(over, gone, unused, over_left + gone_left + unused_left)


async def count_due_faces(environment: Environment, since: timedelta = timedelta()) -> Due:
    """What `delete_due_faces` would delete now, and would have deleted so long ago already."""
    now = environment.clock.now() - since
    return Due(
        time_over=await _count(_time_over, _limits(environment, now)),
        withdrawn=await _count(_withdrawn, {}),
        not_used=await _count(_not_used, {"before": now - UNFINISHED_AFTER}),
    )


async def delete_faces_of(environment: Environment, assessment_id: int) -> int:
    """Delete the images of an assessment whose consent is withdrawn; returns how many."""
    values = {"assessment": assessment_id}
    deleted, _ = await _delete_all(environment, _withdrawn_of, values, DeletionGround.CONSENT_WITHDRAWN)
    return deleted


def _limits(environment: Environment, now: datetime) -> dict[str, datetime]:
    settings = environment.settings
    return {
        "notified": now - timedelta(days=settings.face_keep_days),
        "tested": now - timedelta(days=settings.face_keep_days_without_result),
    }


async def _count(statement: Statement, values: dict[str, Any]) -> int:
    total, after = 0, 0
    while rows := await statement.run(after=after, **values):
        total += len(rows)
        after = rows[-1]["id"]
    return total


async def _delete_all(
    environment: Environment, statement: Statement, values: dict[str, Any], ground: DeletionGround
) -> tuple[int, int]:
    """(deleted, left): page by page; an image that cannot be deleted keeps no other waiting."""
    deleted, left, after = 0, 0, 0
    while rows := await statement.run(after=after, **values):
        after = rows[-1]["id"]
        gone = []
        for row in rows:
            try:
                await environment.faces.delete(row["name"])
            except (PortFailed, FaceStillThere) as error:
                left += 1
                _log.error("face image could not be deleted", image=row["id"], exc_info=error)
            else:
                gone.append(row)
        if gone:
            deleted += await _note(environment, gone, ground)
    return deleted, left


async def _note(environment: Environment, rows: Sequence[Any], ground: DeletionGround) -> int:
    """Write the proof of images that are gone: the row of each, and an audit entry."""
    noted = 0
    async with begin(environment, SYSTEM_CALLER) as work:
        for row in rows:
            changed = (
                await FaceImage.update({FaceImage.deleted_at: work.now, FaceImage.deleted_because: ground.value})
                # Sealed anew under another name meanwhile: what was removed is the old file, and the next turn comes
                # back for the new one.
                .where((FaceImage.id == row["id"]) & (FaceImage.name == row["name"]) & FaceImage.deleted_at.is_null())
                .returning(FaceImage.id)
            )
            detail = {"because": ground.value, "digest": row["digest"], "size": row["size"]}
            # Another process may have been here meanwhile: it wrote the proof.
            await work.record(
                "DELETE_FACE_IMAGE" if changed else "FACE_IMAGE_DELETED_ALREADY", "FaceImage", row["id"], detail
            )
            noted += bool(changed)
    return noted


async def _forget_people(environment: Environment, limits: dict[str, datetime]) -> None:
    """Ask the services to forget those whose time is over, and who are not being watched again."""
    again = {f"{name}_too": value for name, value in limits.items()}
    while rows := await _known_still.run(**limits, **again):
        async with begin(environment, SYSTEM_CALLER) as work:
            for row in rows:
                await ask_to_retire(work, row["doctor"])
                await work.record("RETIRE_PERSON", "Doctor", row["doctor"])
