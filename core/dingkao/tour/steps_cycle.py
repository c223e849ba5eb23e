"""考核周期: what the authority may not do to a running cycle, its bodies, and the live view of a sitting."""

from typing import Any

from dingkao.tour.live import first_event, refused_event
from dingkao.tour.people import Doctor, World

REGION = "990000"
_ENDS_BEFORE_IT_STARTS = {
    "regionCode": REGION,
    "name": "2001-2003年度",
    "startsOn": "2003-12-31",
    "endsOn": "2001-01-01",
    "enrolmentFrom": "2003-01-01T00:00:00+08:00",
    "enrolmentUntil": "2003-06-30T23:59:59+08:00",
    "testsFrom": "2003-03-01T00:00:00+08:00",
    "testsUntil": "2003-12-31T23:59:59+08:00",
}


def refuse_changes(world: World, doctor: Doctor) -> None:
    """The demo's cycle runs on: it is neither opened again nor closed before its time, and no bad one comes beside it.
    The body that is appointed already is appointed again, which changes nothing."""
    authority, cycle_id = world.authority, _running(world)
    authority.refused("CreateCycle", "ENDS_BEFORE_START", input=_ENDS_BEFORE_IT_STARTS)
    doctor.account.refused("CreateCycle", "FORBIDDEN", input=_ENDS_BEFORE_IT_STARTS)
    authority.refused("OpenCycle", "NOT_IN_THIS_STATE", input={"cycleId": cycle_id})
    authority.refused("CloseCycle", "TESTS_NOT_OVER", input={"cycleId": cycle_id})
    appointed = {"cycleId": cycle_id, "institutionId": world.hospital_id, "bodyId": world.body_id}
    authority.refused("AppointBody", "NO_BODY", input={**appointed, "bodyId": world.other_hospital_id})
    authority.do("AppointBody", "CycleSuccess", "委托考核机构（与原委托相同）", input=appointed)
    decided = {"assessmentId": doctor.assessment_id, "excused": False, "reason": "无正当理由未参加测评"}
    doctor.account.refused("DecideAbsence", "FORBIDDEN", input=decided)
    world.body.refused("DecideAbsence", "NOT_ABSENT", input=decided)


def watch(world: World, doctor: Doctor) -> None:
    """实时监考: the body is told of every doctor of the sitting; a doctor of none."""
    sitting = {"cycleId": _running(world), "bodyId": world.body_id, "subject": "HUMANITIES", "first": 100}
    told = first_event(world, world.body, "SittingChanged", "实时监考", **sitting)
    asked = world.body.read("Sitting", lambda value: f"监考名单{len(_doctors(value))}人", **sitting)
    world.body.equal("SittingChanged", "who is in it", [one["paperId"] for one in told["doctors"]], _papers(asked))
    world.body.read("SittingProctoring", "本场抓拍情况", **sitting)
    refused_event(world, doctor.account, "SittingChanged", "FORBIDDEN", **sitting)
    account = world.authority
    account.read("ApiVersion", lambda value: f"系统版本{value}")
    account.read("Ping", "连通检查")


def _running(world: World) -> str:
    found = world.authority.read("Cycles", "正在进行的考核周期", first=100)["edges"]
    return next(str(edge["node"]["id"]) for edge in found if edge["node"]["state"] == "RUNNING")


def _doctors(sitting: Any) -> list[Any]:
    return [edge["node"] for edge in sitting["edges"]]


def _papers(sitting: Any) -> list[str]:
    return [one["paperId"] for one in _doctors(sitting)]
