"""申请免考 and its two-level decision (manual 2.2.4)."""

from typing import Any

from dingkao.tour import pictures
from dingkao.tour.client import Account
from dingkao.tour.people import Doctor, World

CONDITION = "RESIDENCY_TRAINING"


def refuse_before_enrolment(doctor: Doctor) -> None:
    """Before enrolment is complete nothing can be ticked (医师报名完成后)."""
    account = doctor.account
    options = _options(doctor, "报名完成前不可勾选")
    account.equal("ExemptionConditions", "allowed", [option["allowed"] for option in options], [False] * len(options))
    account.refused("RequestExemption", "ENROLMENT_NOT_COMPLETE", input=_request(doctor, [CONDITION], []))


def see_what_simple_waives(doctor: Doctor) -> None:
    """简易程序 waives the humanities paper only."""
    subjects = {option["subject"] for option in _options(doctor, "简易程序只可免医学人文")}
    doctor.account.equal("ExemptionConditions", "subjects", subjects - {"HUMANITIES"}, set())
    doctor.account.refused("RequestExemption", "CONDITION_NOT_OFFERED", input=_request(doctor, [CONDITION], []))


def ask(doctor: Doctor) -> str:
    """Tick a condition, prove it; returns the request's id. 一般程序 waives the professional paper only."""
    account = doctor.account
    subjects = {option["subject"] for option in _options(doctor, "一般程序只可免业务水平")}
    account.equal("ExemptionConditions", "subjects", subjects, {"PROFESSIONAL"})
    account.refused(
        "RequestExemption",
        "CONDITION_NOT_OFFERED",
        "PROOF_REQUIRED",
        input=_request(doctor, ["HUMANITIES_EDUCATION"], []),
    )
    proof = account.upload(
        doctor.assessment_id, "EXEMPTION_PROOF", "住培合格证书.png", pictures.proof(), "上传免考证明材料"
    )
    asked = account.do(
        "RequestExemption",
        "Exemption",
        lambda value: f"申请免考：{value['conditions'][0]['title']}",
        input=_request(doctor, [CONDITION], [proof]),
    )
    account.equal("RequestExemption", "the paper", asked["subject"], "PROFESSIONAL")
    account.refused("RequestExemption", "EXEMPTION_OPEN", input=_request(doctor, [CONDITION], [proof]))
    return str(asked["id"])


def reject(world: World, doctor: Doctor, exemption: str) -> None:
    """The institution rejects with a reason; the doctor may ask again."""
    decision = {"exemptionId": exemption, "level": "INSTITUTION", "decision": "REJECT"}
    world.institution.refused("DecideExemption", "REASON_REQUIRED", input=decision)
    rejected = world.institution.do(
        "DecideExemption", "Exemption", "免考不通过：证书不清晰", input={**decision, "reason": "证书不清晰，请重新上传"}
    )
    world.institution.equal("DecideExemption", "state", rejected["state"], "REJECTED")
    seen = doctor.account.read("Exemption", "查看免考审核意见", id=exemption)
    doctor.account.equal("Exemption", "the opinion", seen["institutionOpinion"]["decision"], "REJECT")


def grant(world: World, doctor: Doctor, exemption: str, stranger: Doctor) -> None:
    """The institution approves, then the body, by whose approval the paper is waived."""
    decision = {"exemptionId": exemption, "decision": "APPROVE"}
    stranger.account.refused("Exemption", "NOT_FOUND", id=exemption)
    doctor.account.refused("DecideExemption", "FORBIDDEN", input={**decision, "level": "INSTITUTION"})
    _find_in_queue(world.institution, "INSTITUTION", exemption)
    first = world.institution.do(
        "DecideExemption", "Exemption", "免考机构审核通过", input={**decision, "level": "INSTITUTION"}
    )
    world.institution.equal("DecideExemption", "state", first["state"], "INSTITUTION_APPROVED")
    world.institution.refused("DecideExemption", "FORBIDDEN", input={**decision, "level": "BODY"})
    _find_in_queue(world.body, "BODY", exemption)
    second = world.body.do("DecideExemption", "Exemption", "免考复核通过", input={**decision, "level": "BODY"})
    world.body.equal("DecideExemption", "state", second["state"], "BODY_APPROVED")


def _find_in_queue(account: Account, level: str, exemption: str) -> None:
    after: str | None = None
    while True:
        page = account.read("ExemptionQueue", "待审核免考申请", level=level, first=100, after=after)
        for edge in page["edges"]:
            if edge["node"]["id"] == exemption:
                for proof in edge["node"]["proofs"]:
                    file = proof["file"]
                    account.download(file["url"], f"查看免考证明材料{file['title']}", token=False)
                return
        if not page["pageInfo"]["hasNextPage"]:
            account.equal("ExemptionQueue", "the request in the queue", False, True)
        after = page["pageInfo"]["endCursor"]


def _options(doctor: Doctor, outcome: str) -> list[Any]:
    shown = doctor.account.read("ExemptionConditions", outcome, id=doctor.assessment_id)
    return list(shown["exemptionConditions"])


def _request(doctor: Doctor, conditions: list[str], proofs: list[str]) -> dict[str, Any]:
    given = [{"file": proof} for proof in proofs]
    return {"assessmentId": doctor.assessment_id, "conditions": conditions, "proofs": given}
