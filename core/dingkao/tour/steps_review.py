"""医疗卫生机构审核 and 考核机构复核 (manual 2.2.3)."""

from typing import Any

from dingkao.tour.client import Account
from dingkao.tour.people import Doctor, World

QUALIFIED = (("WORK_PERFORMANCE", "QUALIFIED"), ("PROFESSIONAL_ETHICS", "QUALIFIED"))
ETHICS_FAILED = (("WORK_PERFORMANCE", "QUALIFIED"), ("PROFESSIONAL_ETHICS", "UNQUALIFIED"))


def return_to_doctor(world: World, doctor: Doctor, reason: str) -> None:
    """The institution returns it with a reason; without one, and with half a rating, it is refused."""
    number = read_submission(world.institution, doctor, "INSTITUTION")
    review = {"assessmentId": doctor.assessment_id, "submissionNumber": number}
    doctor.account.refused("ReviewByInstitution", "FORBIDDEN", input={**review, "decision": "APPROVED"})
    world.body.refused("ReviewByInstitution", "FORBIDDEN", input={**review, "decision": "APPROVED"})
    world.other_institution.refused("ReviewByInstitution", "NOT_FOUND", input={**review, "decision": "APPROVED"})
    world.institution.refused("ReviewByInstitution", "RATING_MISSING", input={**review, "decision": "APPROVED"})
    returned = {**review, "decision": "RETURNED_TO_DOCTOR"}
    world.institution.refused("ReviewByInstitution", "REASON_REQUIRED", input=returned)
    world.institution.do(
        "ReviewByInstitution", "Assessment", f"退回医师：{reason}", input={**returned, "reason": reason}
    )
    shown = doctor.home(f"已退回：{reason}")
    doctor.account.equal("Home", "state and reason", (shown["state"], shown["returnReason"]), ("RETURNED", reason))


def approve_by_institution(
    world: World, doctor: Doctor, ratings: tuple[tuple[str, str], ...] = QUALIFIED, *, outdated: bool = False
) -> None:
    """The institution rates both dimensions and approves; `outdated`: first on a submission that is not the latest."""
    number = read_submission(world.institution, doctor, "INSTITUTION")
    review = {
        "assessmentId": doctor.assessment_id,
        "submissionNumber": number,
        "decision": "APPROVED",
        "ratings": [{"dimension": dimension, "verdict": verdict} for dimension, verdict in ratings],
    }
    if outdated:
        world.institution.refused(
            "ReviewByInstitution", "SUBMISSION_OUTDATED", input={**review, "submissionNumber": number - 1}
        )
    words = "、".join("合格" if verdict == "QUALIFIED" else "不合格" for _, verdict in ratings)
    approved = world.institution.do(
        "ReviewByInstitution", "Assessment", f"审核通过（工作成绩、职业道德：{words}）", input=review
    )
    world.institution.equal("ReviewByInstitution", "state", approved["state"], "INSTITUTION_APPROVED")


def return_to_institution(world: World, doctor: Doctor, reason: str) -> None:
    """The body returns it to the institution."""
    reviewed = _decide(world.body, doctor, "RETURNED_TO_INSTITUTION", f"退回医疗卫生机构：{reason}", reason)
    world.body.equal("ReviewByBody", "state", reviewed["state"], "SUBMITTED")


def approve_by_body(world: World, doctor: Doctor, *, with_refusals: bool = False) -> None:
    """The body approves: the papers open."""
    if with_refusals:
        review = {"assessmentId": doctor.assessment_id, "submissionNumber": 1, "decision": "APPROVED"}
        world.institution.refused("ReviewByBody", "FORBIDDEN", input=review)
    approved = _decide(world.body, doctor, "APPROVED", "复核通过")
    world.body.equal("ReviewByBody", "state", approved["state"], "BODY_APPROVED")


def confirm_failure(world: World, doctor: Doctor) -> None:
    """A failed rating cannot be approved; confirmed, it ends the assessment as 不合格, without a test."""
    number = read_submission(world.body, doctor, "BODY")
    review = {"assessmentId": doctor.assessment_id, "submissionNumber": number}
    world.body.refused("ReviewByBody", "RATING_FAILED", input={**review, "decision": "APPROVED"})
    world.body.refused("ReviewByBody", "REASON_REQUIRED", input={**review, "decision": "FAILURE_CONFIRMED"})
    confirmed = world.body.do(
        "ReviewByBody",
        "Assessment",
        "确认职业道德评定不合格，考核结果为不合格",
        input={**review, "decision": "FAILURE_CONFIRMED", "reason": "评定依据充分"},
    )
    world.body.equal(
        "ReviewByBody", "the end", (confirmed["state"], confirmed["conclusion"]), ("CONCLUDED", "UNQUALIFIED")
    )


def read_submission(account: Account, doctor: Doctor, level: str) -> int:
    """Find the assessment in the level's queue, read what was submitted; returns the submission's number."""
    after: str | None = None
    while True:
        page = account.read("ReviewQueue", "待审核列表", level=level, first=100, after=after)
        if any(edge["node"]["id"] == doctor.assessment_id for edge in page["edges"]):
            break
        if not page["pageInfo"]["hasNextPage"]:
            account.equal("ReviewQueue", f"{doctor.name} in the queue", False, True)
        after = page["pageInfo"]["endCursor"]
    shown = account.read("ReadSubmission", f"查看{doctor.name}的报名信息", id=doctor.assessment_id)
    submission = shown["latestSubmission"]
    account.equal("ReadSubmission", "no number in clear", doctor.document_number in submission["content"], False)
    for proof in shown["proofs"]:
        account.download(proof["url"], f"查看证明材料{proof['title']}", token=False)
    return int(submission["number"])


def _decide(account: Account, doctor: Doctor, decision: str, outcome: str, reason: str = "") -> Any:
    number = read_submission(account, doctor, "BODY")
    review = {"assessmentId": doctor.assessment_id, "submissionNumber": number, "decision": decision, "reason": reason}
    return account.do("ReviewByBody", "Assessment", outcome, input=review)
