"""What institution, assessment body and authority do on the way that the pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from building import pictures
from building.recorder import Person, Server
from dingkao.accounts.totp import code_of, secret_of, step_of
from dingkao.demo import people as demo
from dingkao.doctors.made_up import made_up_document_number, made_up_practice_number, made_up_qualification_number
from dingkao.plugin.vocabulary import Sex

_QUALIFIED = (("WORK_PERFORMANCE", "QUALIFIED"), ("PROFESSIONAL_ETHICS", "QUALIFIED"))
_ETHICS_FAILED = (("WORK_PERFORMANCE", "QUALIFIED"), ("PROFESSIONAL_ETHICS", "UNQUALIFIED"))
_QUESTIONS = (
    "Question,A,B,C,D,Answer\n"
    "发现甲类传染病时，责任报告人应当在多长时间内报告？,2小时,12小时,24小时,48小时,A\n"
    "医师签署医学证明文件前应当做什么？,亲自诊查,询问同事,查阅网络,电话了解,E\n"
)


@dataclass(frozen=True)
class Staff:
    """The demo's staff, logged in."""

    institution: Person
    body: Person
    authority: Person
    bank_author: Person
    bank_approver: Person
    security_administrator: Person
    system_administrator: Person
    audit_administrator: Person


async def log_in(server: Server) -> Staff:
    """Staff log in with a login name instead of a document number."""
    members = []
    staff = (
        demo.INSTITUTION_OFFICER,
        demo.BODY_REVIEWER,
        demo.AUTHORITY_OFFICER,
        demo.BANK_AUTHOR,
        demo.BANK_APPROVER,
        demo.SECURITY_ADMINISTRATOR,
        demo.SYSTEM_ADMINISTRATOR,
        demo.AUDIT_ADMINISTRATOR,
    )
    for login_name in staff:
        member = server.person()
        await member.log_in(login_name, demo.PASSWORD, name="LogIn.staff")
        members.append(member)
    return Staff(*members)


async def open_enrolment(staff: Staff, doctor: Person, assessment: str) -> None:
    """Close what the demo has opened, look, open it again."""
    await doctor.do("Home")
    await staff.institution.do("CloseEnrolment", input={"assessmentIds": [assessment]})
    await doctor.do("Home", name="Home.notOpened")
    await staff.institution.do("Assessments", states=["NOT_OPENED"], first=50)
    await staff.institution.do("OpenEnrolment", input={"assessmentIds": [assessment]})
    await staff.institution.refused(
        "OpenEnrolment", "OpenEnrolment.refused", input={"assessmentIds": [assessment, "QXNzZXNzbWVudDo5OTk5"]}
    )


async def look_around(server: Server, staff: Staff) -> None:
    """What the authority sees and enters: organisations, doctors, cycles, the policy, questions."""
    authority = staff.authority
    first = await authority.do("Doctors", first=2)
    await authority.do("Doctors", name="Doctors.next", first=2, after=first["pageInfo"]["endCursor"])
    shown = await authority.do("Organisations", kind="INSTITUTION", first=50)
    places = {edge["node"]["code"]: edge["node"]["id"] for edge in shown["edges"]}
    born = next(doctor for doctor in demo.DOCTORS if doctor.serial == 113).born
    number = made_up_document_number(900, born, Sex.FEMALE)
    entered = await authority.do(
        "RegisterDoctor",
        input={
            "institutionId": places[demo.SECOND_HOSPITAL],
            "name": "魏清和",
            "documentNumber": number,
            "qualificationNumber": made_up_qualification_number(number, 2011),
            "practiceNumber": made_up_practice_number(900),
            "category": "CLINICAL",
            "scope": "内科专业",
            "level": "LICENSED",
            "practisingSince": "2012-07-01",
        },
    )
    doctor = entered["doctor"]["id"]
    await authority.do(
        "TransferDoctor",
        input={"doctorId": doctor, "institutionId": places[demo.FIRST_HOSPITAL], "reason": "登记机构有误，予以更正"},
    )
    await authority.do(
        "RevealPersonalNumbers",
        input={"doctorId": doctor, "numbers": ["DOCUMENT_NUMBER"], "reason": "核对电子化注册系统信息"},
    )
    await authority.do(
        "RecordBehaviour",
        input={"doctorId": doctor, "kind": "AWARD", "occurredOn": "2026-05-04", "description": "市级表彰"},
    )
    await authority.do("EffectivePolicy", regionCode="990101")
    await authority.do("Plugins")
    await authority.do("Node", id=doctor)
    author = staff.bank_author
    await author.do("QuestionBank", subject="HUMANITIES")
    imported = await author.do(
        "ImportQuestions", input={"subject": "PROFESSIONAL", "csv": _QUESTIONS, "source": "示范题", "skipBad": True}
    )
    waiting = await author.do("BankQuestions", subject="PROFESSIONAL", state="DRAFT", first=1)
    approval = {"importId": imported["importId"]}
    await author.refused("ApproveQuestions", "ApproveQuestions.refused", input=approval)
    await staff.bank_approver.do("ApproveQuestions", input=approval)
    fields = {"subject": "PROFESSIONAL", "source": "示范题"}
    await author.upload_questions("questionFile", fields, "bank.zip", pictures.bank_file())
    await author.do("BankQuestions", name="BankQuestions.pictures", subject="PROFESSIONAL", state="DRAFT", first=1)
    gone = {"questionIds": [waiting["edges"][0]["node"]["id"]], "reason": "表述有误"}
    await author.do("RetireQuestions", input=gone)
    await keep_accounts(staff, places[demo.FIRST_HOSPITAL], places[demo.SECOND_HOSPITAL])
    nobody = server.person()
    await nobody.do("ApiVersion")
    await nobody.do("Ping")


async def keep_accounts(staff: Staff, hospital: str, other_hospital: str) -> None:
    """The security administrator makes an account, gives and ends a role; the system's administrator looks."""
    keeper = staff.security_administrator
    created = await keeper.do(
        "CreateStaffAccount",
        input={
            "loginName": "zhou.min",
            "name": "周敏",
            "role": "INSTITUTION_OFFICER",
            "organisationId": hospital,
            "validTo": "2030-12-31",
        },
    )
    account = created["account"]["id"]
    await keeper.do("StaffAccounts", search="zhou.min", first=50)
    given = {"loginName": "zhou.min", "role": "INSTITUTION_OFFICER", "organisationId": other_hospital}
    held = await keeper.do("AssignRole", input=given)
    await keeper.refused("AssignRole", "AssignRole.refused", input={**given, "role": "AUDIT_ADMINISTRATOR"})
    await keeper.do("EndRole", input={"roleId": held["roles"][1]["id"]})
    await keeper.do("RenewInitialSecret", input={"accountId": account})
    await keeper.do("ChangeAccount", input={"accountId": account, "change": "DISABLE", "reason": "离职"})
    await staff.system_administrator.do("SystemInformation")
    await staff.audit_administrator.do("AuditEntries", first=2, action="END_ROLE")


async def prepare_next_cycle(staff: Staff) -> None:
    """The next cycle, from its calendar to its opening. (Last of all: the home page shows the newest running one.)"""
    authority = staff.authority
    await authority.do("Cycles", first=20)
    clinic = await authority.do("Organisations", name="Organisations.clinic", search=demo.CLINIC, first=1)
    found = await authority.do("Organisations", name="Organisations.body", kind="BODY", first=1)
    institution, body = clinic["edges"][0]["node"]["id"], found["edges"][0]["node"]["id"]
    prepared = await authority.do(
        "CreateCycle",
        input={
            "regionCode": "990000",
            "name": "2027—2029年度",
            "startsOn": "2027-01-01",
            "endsOn": "2029-12-31",
            "enrolmentFrom": "2029-01-01T00:00:00+08:00",
            "enrolmentUntil": "2029-07-01T00:00:00+08:00",
            "testsFrom": "2029-03-01T00:00:00+08:00",
            "testsUntil": "2030-01-01T00:00:00+08:00",
        },
    )
    cycle = prepared["cycle"]["id"]
    await authority.do("AppointBody", input={"cycleId": cycle, "institutionId": institution, "bodyId": body})
    await authority.do("OpenCycle", input={"cycleId": cycle})
    await authority.refused("CloseCycle", "CloseCycle", input={"cycleId": cycle})
    await authority.do("Cycle", id=cycle)
    await authority.do("PassMarks", cycleId=cycle)
    await authority.do("CyclePolicies", id=cycle)
    proposed = {"key": "documents.objection_days", "value": "45"}
    layer = {"regionCode": "990101", "values": [proposed]}
    previewed = await authority.do("PolicySimulation", cycleId=cycle, layers=[layer], first=1)
    pinned = {"cycleId": cycle, "digest": previewed["digest"], "reason": "区卫生健康局2029年通知"}
    await authority.refused("RepinCyclePolicy", "RepinCyclePolicy", input=pinned)
    mark = {"cycleId": cycle, "subject": "HUMANITIES", "passPercent": 58, "reason": "经统计分析研究确定。"}
    await authority.refused("SetPassMark", "SetPassMark", input=mark)


async def decide_exemption(staff: Staff, exemption: str) -> None:
    """The institution, then the body."""
    await staff.institution.do("ExemptionQueue", level="INSTITUTION", first=50)
    decision = {"exemptionId": exemption, "decision": "APPROVE"}
    await staff.institution.refused(
        "DecideExemption",
        "DecideExemption.refused",
        input={"exemptionId": exemption, "level": "INSTITUTION", "decision": "REJECT"},
    )
    await staff.institution.do("DecideExemption", input={**decision, "level": "INSTITUTION"})
    await staff.body.do("DecideExemption", name="DecideExemption.body", input={**decision, "level": "BODY"})


async def review(staff: Staff, simple: str, general: str, failed: str) -> None:
    """Both levels: approve two, return one on the way, fail one by a rating."""
    await staff.institution.do("ReviewQueue", level="INSTITUTION", first=50)
    await staff.institution.do("ReadSubmission", id=simple)
    await staff.institution.refused(
        "ReviewByInstitution",
        "ReviewByInstitution.refused",
        input={"assessmentId": simple, "submissionNumber": 1, "decision": "APPROVED"},
    )
    for assessment, number, ratings in ((simple, 1, _QUALIFIED), (general, 2, _QUALIFIED), (failed, 1, _ETHICS_FAILED)):
        rated = [{"dimension": dimension, "verdict": verdict} for dimension, verdict in ratings]
        decision = {"assessmentId": assessment, "submissionNumber": number, "decision": "APPROVED"}
        await staff.institution.do("ReviewByInstitution", input={**decision, "ratings": rated})
    await staff.body.do("ReviewQueue", name="ReviewQueue.body", level="BODY", first=50)
    for assessment, number in ((simple, 1), (general, 2)):
        decision = {"assessmentId": assessment, "submissionNumber": number, "decision": "APPROVED"}
        await staff.body.do("ReviewByBody", input=decision)
    decision = {"assessmentId": failed, "submissionNumber": 1}
    await staff.body.refused("ReviewByBody", "ReviewByBody.refused", input={**decision, "decision": "APPROVED"})
    await staff.body.do(
        "ReviewByBody",
        name="ReviewByBody.failed",
        input={**decision, "decision": "FAILURE_CONFIRMED", "reason": "评定依据充分"},
    )


async def announce(staff: Staff, assessments: Sequence[str]) -> None:
    """File, then notify."""
    await staff.body.do("Results", states=["CONCLUDED"], first=50)
    await staff.body.do("FileResults", input={"assessmentIds": list(assessments)})
    await staff.body.do("NotifyResults", input={"assessmentIds": list(assessments), "bySms": True})


async def seal(staff: Staff, assessment: str) -> None:
    """The authority seals the certificate."""
    await staff.body.ask("SealCertificate", name="SealCertificate.forbidden", input={"assessmentId": assessment})
    await staff.authority.do("SealCertificate", input={"assessmentId": assessment})


async def answer_objection(staff: Staff, assessment: str) -> None:
    """The body upholds the result."""
    answer = {"assessmentId": assessment, "decision": "UPHELD", "reason": "经复核，原评定依据充分，维持原结果。"}
    await staff.body.do("DecideReexamination", input=answer)


async def show_step_up(server: Server, staff: Staff, assessment: str) -> None:
    """Some minutes after the login an annulment asks for the password again."""
    answer = {"assessmentId": assessment, "reason": "经查存在替考行为。"}
    await staff.authority.log_in(demo.AUTHORITY_OFFICER, demo.PASSWORD)
    server.clock.advance(timedelta(minutes=6))
    await staff.authority.without_credentials("AnnulResult", name="AnnulResult.stepUp", input=answer)
    await staff.authority.do("ConfirmIdentity", input={"password": demo.PASSWORD})
    made = await staff.authority.do("EnrolSecondFactor")
    code = code_of(secret_of(made["secret"]), step_of(server.clock.now()))
    await staff.authority.do("ConfirmSecondFactor", input={"code": code})
    await staff.authority.refused(
        "LogIn", "LogIn.code", input={"documentNumber": demo.AUTHORITY_OFFICER, "password": demo.PASSWORD}
    )
    await staff.authority.do("RemoveSecondFactor")


async def annul(server: Server, staff: Staff, assessment: str) -> None:
    """One officer proposes, another looks and confirms."""
    annulment = {"assessmentId": assessment, "reason": "经查存在替考行为。"}
    taken_back = await staff.authority.do("AnnulResult", name="AnnulResult.first", input=annulment)
    await staff.authority.do("WithdrawProposal", input={"proposalId": taken_back["id"]})
    proposed = await staff.authority.do("AnnulResult", input=annulment)
    second = server.person()
    await second.log_in(demo.SECOND_AUTHORITY_OFFICER, demo.PASSWORD, name="LogIn.second")
    await second.do("Proposals", view="TO_DECIDE", first=20)
    preview = await second.do("ProposalPreview", id=proposed["id"])
    decision = {"proposalId": proposed["id"], "confirm": True, "digest": preview["digest"], "note": "经核实"}
    await staff.authority.refused("DecideProposal", "DecideProposal.refused", input=decision)
    await second.do("DecideProposal", input=decision)


async def end(server: Server, staff: Staff, assessment: str) -> None:
    """An annulment, the next cycle, and the end of all sessions."""
    await annul(server, staff, assessment)
    await prepare_next_cycle(staff)
    await staff.authority.do("LogOutEverywhere")
    await staff.authority.ask("Home", name="Home.ended")
