"""The two levels' reviews: 医疗卫生机构审核 and 考核机构复核 (manual 2.2.3)."""

from collections.abc import Sequence

from dingkao.access.rules import require_role
from dingkao.assessments.access import lock_assessment, move, pinned_policy
from dingkao.assessments.records import AssessmentRecord, read_records
from dingkao.assessments.requirements import require_met
from dingkao.assessments.rules import Event
from dingkao.assessments.service.evaluation import put_rating
from dingkao.assessments.tables import Assessment, Rating
from dingkao.assessments.text import normalise_text
from dingkao.audit.work import UnitOfWork, begin
from dingkao.db.statement import Statement
from dingkao.environment import Environment
from dingkao.papers.planning import open_papers
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, StateConflict, ValidationFailed
from dingkao.plugin.national import ReviewPolicy
from dingkao.plugin.requirements import Step
from dingkao.plugin.text import Text
from dingkao.plugin.vocabulary import Dimension, RatedBy, ReviewLevel, Role, Verdict
from dingkao.results.service import conclude
from dingkao.results.vocabulary import ConclusionGround
from dingkao.reviews.rules import BODY_EVENTS, INSTITUTION_EVENTS, body_problems, institution_problems
from dingkao.reviews.tables import Review
from dingkao.reviews.vocabulary import Decision

_institution_verdicts = Statement(
    lambda p: Rating.select(Rating.verdict).where(
        (Rating.assessment == p.assessment) & (Rating.rated_by == RatedBy.INSTITUTION.value)
    )
)
_last_reviewer = Statement(
    lambda p: (
        Review.select(Review.reviewer)
        .where((Review.assessment == p.assessment) & (Review.level == p.level))
        .order_by(Review.id, ascending=False)
        .limit(1)
    )
)


async def review_by_institution(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    submission_number: int,
    decision: Decision,
    ratings: Sequence[tuple[Dimension, Verdict, str]],
    reason: str,
) -> None:
    """Rate both dimensions and approve, or return to the doctor with a reason.

    `submission_number` is the one the officer has read. Raises ValidationFailed, StateConflict (also where the doctor
    has submitted anew meanwhile), Forbidden.
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.INSTITUTION_OFFICER)
        problems = institution_problems(decision, ratings, reason)
        if problems:
            raise ValidationFailed(problems)
        _check_submission(record, submission_number)
        reason = normalise_text(reason)
        for dimension, verdict, comment in ratings:
            await put_rating(work, record.id, dimension, RatedBy.INSTITUTION, verdict, summary=normalise_text(comment))
        returned = decision is Decision.RETURNED_TO_DOCTOR
        await move(
            work,
            record,
            INSTITUTION_EVENTS[decision],
            reason,
            also={Assessment.return_reason: reason if returned else ""},
        )
        await _write_review(work, record, ReviewLevel.INSTITUTION, decision, reason)


async def review_by_body(
    environment: Environment,
    caller: Caller | None,
    assessment_id: int,
    submission_number: int,
    decision: Decision,
    reason: str,
) -> None:
    """Approve, return to the institution or the doctor, or confirm a failing rating.

    Approval opens the papers; a confirmed failure concludes the assessment as failed, with no test. Raises
    ValidationFailed, StateConflict, NotEligible (a plugin's requirement is not met), Forbidden (also where the same
    person decided for the institution and the policy wants two).
    """
    async with begin(environment, caller) as work:
        record = await lock_assessment(work, assessment_id)
        work.acting = require_role(work.caller, record, Role.BODY_REVIEWER)
        await _check_separation(environment, work, record)
        _check_submission(record, submission_number)
        verdicts = [Verdict(row["verdict"]) for row in await _institution_verdicts.run(assessment=record.id)]
        problems = body_problems(decision, verdicts, reason)
        if problems:
            raise ValidationFailed(problems)
        reason = normalise_text(reason)
        if decision is Decision.FAILURE_CONFIRMED:
            await require_met(environment, record, Step.CONCLUSION)
            await conclude(
                work, record, Verdict.UNQUALIFIED, ConclusionGround.RATING_FAILED, Event.BODY_CONFIRM_FAILURE
            )
        else:
            returned = decision is not Decision.APPROVED
            if not returned:
                await require_met(environment, record, Step.BODY_APPROVAL)
            await move(
                work,
                record,
                BODY_EVENTS[decision],
                reason,
                also={Assessment.return_reason: reason if returned else ""},
            )
        await _write_review(work, record, ReviewLevel.BODY, decision, reason)
        if decision is Decision.APPROVED:
            await open_papers(work, (await read_records([record.id]))[record.id])


def _check_submission(record: AssessmentRecord, submission_number: int) -> None:
    if record.submissions != submission_number:
        raise StateConflict(
            "SUBMISSION_OUTDATED",
            Text("医师已重新提交，请查看最新的报名信息。", "The doctor has submitted anew; read that."),
            record.state.value,
        )


async def _check_separation(environment: Environment, work: UnitOfWork, record: AssessmentRecord) -> None:
    policy = (await pinned_policy(environment, record)).section(ReviewPolicy)
    last = await _last_reviewer.first(assessment=record.id, level=ReviewLevel.INSTITUTION.value)
    if policy.separate_people and last is not None and last["reviewer"] == work.caller.account_id:
        raise Forbidden(Text("机构审核与考核机构复核不得为同一人。", "The same person may not decide at both levels."))


async def _write_review(
    work: UnitOfWork, record: AssessmentRecord, level: ReviewLevel, decision: Decision, reason: str
) -> None:
    await Review.insert(
        Review(
            assessment=record.id,
            submission_number=record.submissions,
            level=level.value,
            decision=decision.value,
            reason=reason,
            reviewer=work.caller.account_id,
            organisation=work.acting.organisation_id,
            decided_at=work.now,
        )
    )
    await work.record(f"REVIEW_BY_{level.value}", "Assessment", record.id, {"decision": decision.value})
