"""What staff look up besides their queues: doctors, cycles, the policy in force, the plugins behind it."""

import json

from dingkao.tour.people import Doctor, World

REGION = "990000"


def look_up(world: World, doctor: Doctor) -> None:
    """The authority's view of the demo province; none of it is a doctor's."""
    authority = world.authority
    found = authority.read("Doctors", f"查找医师{doctor.name}", search=doctor.document_number)["edges"]
    authority.equal("Doctors", "found by the whole number", [edge["node"]["id"] for edge in found], [doctor.doctor_id])
    shown = doctor.account.read("Node", "按标识查询本人的考核", id=doctor.assessment_id)
    doctor.account.equal("Node", "the type", shown["__typename"], "Assessment")
    world.other_institution.refused("Node", "NOT_FOUND", id=doctor.assessment_id)

    running = [edge["node"] for edge in authority.read("Cycles", "考核周期列表", first=100)["edges"]]
    running = [cycle for cycle in running if cycle["state"] == "RUNNING"]
    authority.equal("Cycles", "a running cycle", bool(running), True)
    authority.read("Cycle", lambda value: f"{value['name']}，政策版本已固定", id=running[0]["id"])
    # The demo's mark is fixed before the sitting, so that nothing waits for one.
    waiting = authority.read("PassMarks", "没有待划定合格线的试卷", cycleId=running[0]["id"])
    authority.equal("PassMarks", "papers that wait", sum(mark["pending"] for mark in waiting), 0)
    mark = {"cycleId": running[0]["id"], "subject": "HUMANITIES", "passPercent": 60, "reason": "经统计分析研究确定。"}
    authority.refused("SetPassMark", "TESTS_NOT_OVER", input=mark)
    doctor.account.refused("SetPassMark", "FORBIDDEN", input=mark)
    bodies = [edge["node"] for edge in authority.read("Organisations", "考核机构列表", first=100)["edges"]]
    sitting = {"cycleId": running[0]["id"], "subject": "HUMANITIES", "bodyId": bodies[0]["id"]}
    doctor.account.refused("Sitting", "FORBIDDEN", first=100, **sitting)
    doctor.account.refused("SittingProctoring", "FORBIDDEN", first=100, **sitting)
    extra = {**sitting, "minutes": 60, "reason": "自行延长"}
    doctor.account.refused("GrantSittingExtraTime", "FORBIDDEN", input=extra)
    own = {"cycleId": running[0]["id"]}
    broken = {**own, "questionId": running[0]["id"], "reason": "题干有误"}
    authority.refused("VoidQuestion", "NOT_FOUND", input=broken)
    voided = authority.read("VoidedQuestions", "没有作废试题", **own)
    changed = authority.read("MarkChanges", "没有成绩更正", **own, first=100)["edges"]
    authority.equal("MarkChanges", "marks made anew without a voided question", bool(changed), bool(voided))

    doctor.account.refused("EffectivePolicy", "FORBIDDEN", regionCode=REGION)
    values = {each["key"]: each for each in authority.read("EffectivePolicy", "现行政策及其来源", regionCode=REGION)}
    initial = values["accounts.initial_password"]
    authority.equal("EffectivePolicy", "the initial password", json.loads(initial["value"]), "666666")
    authority.holds("EffectivePolicy", "its source", initial["source"] + initial["reason"], "local_policy", "手册")
    _look_into_policies(world, doctor, running[0]["id"])
    plugins = {plugin["name"] for plugin in authority.read("Plugins", "已启用插件")}
    missing = {"simple_procedure", "general_procedure", "exemptions", "local_policy"} - plugins
    authority.equal("Plugins", "bundled plugins that are missing", missing, set())


def _look_into_policies(world: World, doctor: Doctor, cycle: str) -> None:
    """What the cycle has pinned, and what a layer would change; nothing is changed."""
    authority = world.authority
    pinned = authority.read("CyclePolicies", "考核周期固定的政策", id=cycle)["pinnedPolicies"]
    keys = {value["key"] for value in pinned[0]["values"]}
    authority.equal("CyclePolicies", "the days for objections are pinned", "documents.objection_days" in keys, True)
    layer = {"regionCode": REGION, "values": [{"key": "documents.objection_days", "value": "45"}]}
    told = authority.read(
        "PolicySimulation", lambda value: f"模拟延长异议期限，涉及{value['touched']}人", cycleId=cycle, layers=[layer]
    )
    changed = {value["key"] for value in told["values"]}
    authority.equal("PolicySimulation", "what would change", changed, {"documents.objection_days"})
    doctor.account.refused("PolicySimulation", "FORBIDDEN", cycleId=cycle)
    now = authority.read("PolicySimulation", "现行政策与固定政策一致", cycleId=cycle)
    anew = {"cycleId": cycle, "digest": now["digest"], "reason": "核对固定政策"}
    authority.refused("RepinCyclePolicy", "POLICY_UNCHANGED", input=anew)
