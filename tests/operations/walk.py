"""Every documented operation once, in the order of the way, on a province with `size` of everything."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from dingkao.accounts.notices import all_sent
from dingkao.accounts.tables import Session
from dingkao.accounts.totp import code_of, secret_of, step_of
from dingkao.accounts.wechat_http import WeChatHttp
from dingkao.doctors.made_up import (
    made_up_document_number,
    made_up_practice_number,
    made_up_qualification_number,
)
from dingkao.environment import Environment
from dingkao.messaging.outbox import read_outbox
from dingkao.outgoing import CircuitBreaker, Outgoing
from dingkao.papers.drawing import forget_questions
from dingkao.papers.records import read_questions
from dingkao.papers.tables import AssessmentPaper, Question
from dingkao.plugin.ids import decode_id, encode_id
from dingkao.plugin.policy import PolicyLayer, stack
from dingkao.plugin.vocabulary import AssessmentState, Role, Sex, Verdict
from dingkao.testing.clock import SettableClock
from dingkao.testing.local_server import answer as given_answer
from dingkao.testing.local_server import local_server
from dingkao.testing.progress import bring_to_tests
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.tour import pictures

from .busy_province import (
    SMALL_PROOF,
    CountingClient,
    add_behaviour,
    add_doctors,
    add_organisations,
    add_waiting_papers,
    assessment_id,
    token_of,
)

# A request takes this many proofs at most.
MOST_PROOFS = 10
RATINGS = [
    {"dimension": "WORK_PERFORMANCE", "verdict": "QUALIFIED"},
    {"dimension": "PROFESSIONAL_ETHICS", "verdict": "QUALIFIED"},
]


class Walk:
    """The way on a province of one size; `client.counts` holds the statements of each operation afterwards."""

    def __init__(self, environment: Environment, clock: SettableClock, client: CountingClient, size: int) -> None:
        self.environment = environment
        self.clock = clock
        self.client = client
        self.run = client.run
        self.size = size

    async def play(self) -> dict[str, int]:
        """Run everything; returns the counts by operation."""
        self.province: SampleProvince = await build_sample(self.environment)
        self.institution = await token_of(self.environment, self.province.institution.account_id)
        self.body = await token_of(self.environment, self.province.body.account_id)
        self.authority = await token_of(self.environment, self.province.authority.account_id)
        self.second_authority = await token_of(self.environment, self.province.second_authority.account_id)
        await add_organisations(self.province, self.size)
        await self.log_in()
        await self.registry()
        await self.enrolment()
        await self.registration()
        await self.reviews()
        await self.exemptions()
        await self.tests()
        await self.results()
        await self.cycles()
        await self.staff_accounts()
        return self.client.counts

    async def log_in(self) -> None:
        """A first login; then logging out, with as many other sessions open."""
        newcomer = await self.province.add_doctor("初登录", phone="13800000001")
        credentials = {"documentNumber": newcomer.document_number, "password": "666666"}
        started = await self.run(None, "LogIn", input=credentials)
        await self.run(started["token"], "SendPhoneCode", input={})
        text = (await read_outbox(1))[0].text
        code = next(word for word in text.replace("，", "验证码").split("验证码") if word.isdigit())
        new = {"newPassword": "定考-own-password", "code": code}
        done = await self.run(started["token"], "CompleteFirstLogin", input=new)
        refreshed = await self.run(None, "RefreshSession", input={"refreshToken": done["refreshToken"]})
        await self.run(refreshed["token"], "Sessions")
        await self.run(refreshed["token"], "ConfirmIdentity", input={"password": new["newPassword"]})
        await self.run(refreshed["token"], "EndOtherSessions")
        await self.run(refreshed["token"], "LogOut")
        await self.second_factor()
        await self.credentials()
        tokens = [await token_of(self.environment, newcomer.account_id) for _ in range(self.size)]
        await self.run(tokens[0], "LogOutEverywhere")
        await self.run(None, "ApiVersion")
        await self.run(None, "Ping")

    async def credentials(self) -> None:
        """A forgotten password, a changed one, another phone, WeChat, codes on paper."""
        old, new = "correct horse battery", "seven storks above the fen"
        doctor = await self.province.add_doctor("改密码", phone="13800000003", password_hash="unused")
        reset = await self.run(None, "StartPasswordReset", input={"documentNumber": doctor.document_number})
        answer = {"flow": reset["flow"], "code": await self.sent_code(), "newPassword": old}
        await self.run(None, "CompletePasswordReset", input=answer)
        token = await token_of(self.environment, doctor.account_id)
        await self.run(token, "ChangePassword", input={"oldPassword": old, "newPassword": new})
        await self.run(token, "StartPhoneChange", input={"phone": "13800000004"})
        await self.run(token, "CompletePhoneChange", input={"code": await self.sent_code()})
        async with local_server(given_answer(200, {"openid": "o-1", "session_key": "k"})) as wechat:
            outgoing = Outgoing(seconds=5, tries=1, breaker=CircuitBreaker(5, 30))
            # The environment is made once; that of this server is given a WeChat of loopback here.
            mini_program = WeChatHttp(wechat.url, app_id="wx", secret="s", outgoing=outgoing)
            object.__setattr__(self.environment, "mini_program", mini_program)
            await self.run(token, "BindWechat", input={"code": "one"})
            await self.run(token, "Credentials")
            await self.run(None, "LogInWithWechat", input={"code": "two"})
        await self.run(token, "UnbindWechat")
        hospital = encode_id("Organisation", self.province.institution_id)
        await self.run(self.institution, "IssueActivationCodes", input={"institutionId": hospital})
        await all_sent()

    async def sent_code(self) -> str:
        """The code that was sent last."""
        await all_sent()
        texts = [message.text for message in await read_outbox(5) if "验证码" in message.text]
        return next(word for word in texts[0].replace("，", "验证码").split("验证码") if word.isdigit())

    async def second_factor(self) -> None:
        """An officer sets up an authenticator and takes it away again."""
        made = await self.run(self.second_authority, "EnrolSecondFactor")
        code = code_of(secret_of(made["secret"]), step_of(self.environment.clock.now()))
        await self.run(self.second_authority, "ConfirmSecondFactor", input={"code": code})
        await self.run(self.second_authority, "RenewRecoveryCodes")
        await self.run(self.second_authority, "RemoveSecondFactor")
        other = await token_of(self.environment, self.province.second_authority.account_id)
        last = (await Session.select(Session.id).order_by(Session.id, ascending=False).first()) or {}
        await self.run(other, "EndSession", input={"sessionId": encode_id("Session", last["id"])})

    async def staff_accounts(self) -> None:
        """As many accounts of staff as the lists are long, one of them with a role more."""
        province = self.province
        caller = await province.add_officer(Role.SECURITY_ADMINISTRATOR, province.authority_id)
        keeper = await token_of(self.environment, caller.account_id)
        for place in range(self.size):
            await province.add_officer(Role.INSTITUTION_OFFICER, province.institution_id, f"经办{place}")
        new = {"name": "新人", "role": "BODY_REVIEWER", "organisationId": encode_id("Organisation", province.body_id)}
        created = await self.run(keeper, "CreateStaffAccount", input={**new, "loginName": "new.one"})
        await self.run(keeper, "StaffAccounts", first=100)
        account = created["account"]["id"]
        given = {"loginName": "new.one", "role": "INVIGILATOR", "organisationId": new["organisationId"]}
        held = await self.run(keeper, "AssignRole", input=given)
        await self.run(keeper, "EndRole", input={"roleId": held["roles"][1]["id"]})
        await self.run(keeper, "RenewInitialSecret", input={"accountId": account})
        change = {"accountId": account, "change": "DISABLE", "reason": "离职"}
        await self.run(keeper, "ChangeAccount", input=change)
        system = await province.add_officer(Role.SYSTEM_ADMINISTRATOR, None)
        await self.run(await token_of(self.environment, system.account_id), "SystemInformation")
        auditor = await province.add_officer(Role.AUDIT_ADMINISTRATOR, None)
        await self.run(await token_of(self.environment, auditor.account_id), "AuditEntries", first=100)

    async def registry(self) -> None:
        """Doctors with behaviour records, organisations, the question bank."""
        doctors = [await self.province.add_doctor(f"医师{place}") for place in range(self.size)]
        for doctor in doctors:
            await add_behaviour(self.province, doctor, self.size)
        await self.run(self.authority, "Doctors", first=100)
        await self.run(self.authority, "Organisations", first=100)
        hospital = encode_id("Organisation", self.province.institution_id)
        other = (await self.run(self.authority, "Organisations", counted=False, search="H9000"))["edges"][0]["node"]
        number = made_up_document_number(400_000, date(1985, 5, 5), Sex.MALE)
        entry = {
            "institutionId": hospital,
            "name": "新登记",
            "documentNumber": number,
            "qualificationNumber": made_up_qualification_number(number, 2010),
            "practiceNumber": made_up_practice_number(400_000),
            "category": "CLINICAL",
            "scope": "内科专业",
            "level": "LICENSED",
        }
        registered = (await self.run(self.authority, "RegisterDoctor", input=entry))["doctor"]["id"]
        move = {"doctorId": registered, "institutionId": other["id"], "reason": "更正"}
        await self.run(self.authority, "TransferDoctor", input=move)
        shown = {
            "doctorId": registered,
            "numbers": ["DOCUMENT_NUMBER", "BOUND_PHONE"],
            "reason": "核对电子化注册系统信息",
        }
        await self.run(self.authority, "RevealPersonalNumbers", input=shown)
        await self.run(await token_of(self.environment, doctors[0].account_id), "ExportMyData")
        record = {"doctorId": encode_id("Doctor", doctors[0].doctor_id), "kind": "AWARD", "occurredOn": "2025-01-01"}
        await self.run(self.authority, "RecordBehaviour", input=record)
        bank = self._bank()
        done = await self.run(self.authority, "ImportQuestions", input={"subject": "HUMANITIES", "csv": bank})
        await self.run(self.authority, "BankQuestions", subject="HUMANITIES", state="DRAFT", first=100)
        await self.run(self.second_authority, "ApproveQuestions", input={"importId": done["importId"]})
        again = {"subject": "PROFESSIONAL", "csv": bank}
        done = await self.run(self.authority, "ImportQuestions", counted=False, input=again)
        approval = {"importId": done["importId"]}
        await self.run(self.second_authority, "ApproveQuestions", counted=False, input=approval)
        await self._retire_one()
        await self.run(self.authority, "QuestionBank", subject="HUMANITIES")

    async def _retire_one(self) -> None:
        page = await self.run(
            self.authority, "BankQuestions", counted=False, subject="HUMANITIES", state="APPROVED", first=1
        )
        gone = {"questionIds": [page["edges"][0]["node"]["id"]], "reason": "表述有误"}
        await self.run(self.authority, "RetireQuestions", input=gone)

    def _bank(self) -> str:
        """A paper's worth of questions, and as many more."""
        lines = [f"第{place}题,甲{place},乙,丙,丁,A" for place in range(21 + self.size)]
        return "\n".join(["Question,A,B,C,D,Answer", *lines])

    async def enrolment(self) -> None:
        """Home, and opening enrolment for as many doctors at once."""
        waiting = await add_doctors(self.province, self.size, AssessmentState.NOT_OPENED)
        await add_behaviour(self.province, waiting[0], self.size)
        doctor = await token_of(self.environment, waiting[0].account_id)
        await self.run(doctor, "Home")
        await self.run(doctor, "LocalGuidance", id=assessment_id(waiting[0]))
        await self.run(doctor, "Node", id=assessment_id(waiting[0]))
        await self.run(self.institution, "Assessments", states=None, first=100)
        ids = [assessment_id(each) for each in waiting]
        await self.run(self.institution, "OpenEnrolment", input={"assessmentIds": ids})
        await self.run(self.institution, "CloseEnrolment", input={"assessmentIds": ids})

    async def registration(self) -> None:
        """A form with as many entries in each history, and as many proofs."""
        self.simple = await self.province.add_doctor("简易")
        self.simple_token = token = await token_of(self.environment, self.simple.account_id)
        identity = {"assessmentId": assessment_id(self.simple)}
        await add_behaviour(self.province, self.simple, self.size)
        for place in range(self.size):
            counted = place == self.size - 1
            await self.run(token, "SaveEducation", counted=counted, input={**identity, "school": f"大学{place}"})
            practice = {**identity, "institutionName": f"医院{place}"}
            await self.run(token, "SavePracticeHistory", counted=counted, input=practice)
            filed = await self.run(token, "SaveInstitutionFiling", counted=counted, input=practice)
        spare = await self.run(
            token, "SaveInstitutionFiling", counted=False, input={**identity, "institutionName": "余"}
        )
        removed = {**identity, "entryId": spare["institutionFilings"][-1]["id"]}
        await self.run(token, "RemoveHistoryEntry", input=removed)
        assert len(filed["institutionFilings"]) == self.size
        fields = {"contactPhone": "13800000000", "ethnicity": "汉族", "highestEducation": "本科"}
        fields |= {"department": "内科", "professionalTitle": "主治医师"}
        await self.run(token, "SaveRegistrationForm", input={**identity, **fields})
        await self.client.upload(token, identity["assessmentId"], "PHOTO", pictures.photo())
        shown = await self.run(token, "Registration", id=identity["assessmentId"])
        for counted, dimension in ((False, "WORK_PERFORMANCE"), (True, "PROFESSIONAL_ETHICS")):
            await self._evaluate(token, identity, dimension, shown["evaluationItems"], counted=counted)
        await self.run(token, "ProcedureOffers", id=identity["assessmentId"])
        proofs = [
            await self.client.upload(token, identity["assessmentId"], "PROCEDURE_PROOF", SMALL_PROOF)
            for _ in range(min(self.size, MOST_PROOFS))
        ]
        choice = {**identity, "procedure": "SIMPLE", "statement": "述职", "proofIds": proofs}
        revision = (await self.run(token, "ChooseProcedure", input=choice))["revision"]
        await self.run(token, "PreviewSubmission", id=identity["assessmentId"])
        await self.run(token, "SubmitAssessment", input={**identity, "expectedRevision": revision})
        withdrawn = await self.run(token, "WithdrawAssessment", input=identity)
        again = {**identity, "expectedRevision": withdrawn["revision"]}
        await self.run(token, "SubmitAssessment", counted=False, input=again)

    async def _evaluate(
        self, token: str, identity: dict[str, str], dimension: str, items: Sequence[Any], *, counted: bool
    ) -> None:
        scores = [{"code": item["code"], "score": 1} for item in items if item["dimension"] == dimension]
        evaluation = {**identity, "dimension": dimension, "scores": scores, "verdict": "QUALIFIED"}
        await self.run(token, "SaveSelfEvaluation", counted=counted, input=evaluation)

    async def reviews(self) -> None:
        """Queues of as many at both levels, each with as many reviews before."""
        await add_doctors(self.province, self.size, AssessmentState.SUBMITTED)
        await add_doctors(self.province, self.size, AssessmentState.INSTITUTION_APPROVED)
        identity = {"assessmentId": assessment_id(self.simple), "submissionNumber": 2, "decision": "APPROVED"}
        await self.run(self.institution, "ReviewQueue", level="INSTITUTION", first=100)
        await self.run(self.institution, "ReadSubmission", id=identity["assessmentId"])
        await self.run(self.institution, "ReviewByInstitution", input={**identity, "ratings": RATINGS})
        await self.run(self.body, "ReviewByBody", input=identity)

    async def exemptions(self) -> None:
        """Requests of as many doctors, each with as many proofs."""
        doctors = await add_doctors(self.province, self.size, AssessmentState.SUBMITTED)
        requests = [await self._ask(doctor, counted=doctor is doctors[-1]) for doctor in doctors]
        token = await token_of(self.environment, doctors[0].account_id)
        await self.run(token, "ExemptionConditions", id=assessment_id(doctors[0]))
        await self.run(token, "Exemption", id=requests[0])
        await self.run(self.institution, "ExemptionQueue", level="INSTITUTION", first=100)
        decision = {"exemptionId": requests[0], "level": "INSTITUTION", "decision": "APPROVE"}
        await self.run(self.institution, "DecideExemption", input=decision)

    async def _ask(self, doctor: SampleDoctor, *, counted: bool) -> str:
        token = await token_of(self.environment, doctor.account_id)
        identity = assessment_id(doctor)
        proofs = [
            {"file": await self.client.upload(token, identity, "EXEMPTION_PROOF", SMALL_PROOF)}
            for _ in range(min(self.size, MOST_PROOFS if counted else 3))
        ]
        asked = {"assessmentId": identity, "conditions": ["RESIDENCY_TRAINING"], "proofs": proofs}
        return str((await self.run(token, "RequestExemption", counted=counted, input=asked))["id"])

    async def tests(self) -> None:
        """As many failed attempts before one that is counted, and as many answers saved at once."""
        token, identity = self.simple_token, assessment_id(self.simple)
        consent = {"assessmentId": identity, "textVersion": "2026-1"}
        await self.run(token, "GiveFaceConsent", input=consent)
        await self.run(token, "WithdrawFaceConsent", input={"assessmentId": identity})
        await self.run(self.body, "IdentifyInPerson", input={"assessmentId": identity, "reason": "本人持证核验"})
        await self.run(token, "GiveFaceConsent", counted=False, input=consent)
        await self.client.upload(token, identity, "FACE_CAPTURE", pictures.face())
        paper = (await self.run(token, "Papers", counted=False, id=identity))["papers"][0]["id"]
        for _ in range(self.size):
            attempt = (await self.run(token, "StartAttempt", counted=False, input={"paperId": paper}))["id"]
            await self.run(token, "SubmitAttempt", counted=False, input={"attemptId": attempt, "confirmed": True})
        # Questions that no paper was drawn with are read once; here as if none had been.
        forget_questions(self.environment.database)
        attempt = (await self.run(token, "StartAttempt", input={"paperId": paper}))["id"]
        answers = [{"position": 1 + place, "choice": "A", "sequence": 1} for place in range(min(self.size, 20))]
        await self.run(token, "SaveAnswers", input={"attemptId": attempt, "answers": answers})
        await self.run(token, "Attempt", id=attempt)
        second = await token_of(self.environment, self.simple.account_id)
        await self.run(second, "TakeOverAttempt", input={"attemptId": attempt})
        token = second
        await self.invigilate(paper, attempt)
        await self.run(token, "SubmitAttempt", input={"attemptId": attempt, "confirmed": True})
        await self.run(token, "Papers", id=identity)
        await self.void_question(attempt)
        request = {"attemptId": attempt, "consequence": "NEW_ATTEMPT", "reason": "考场断电"}
        await self.run(self.body, "RequestVoiding", input=request)
        await self.run(self.authority, "DecideVoiding", input={"attemptId": attempt, "confirm": True})
        missed = await self.province.add_doctor("缺考者")
        await bring_to_tests(self.province, missed)
        await AssessmentPaper.update({AssessmentPaper.state: "ABSENT"}).where(
            AssessmentPaper.assessment == missed.assessment_id
        )
        decision = {"assessmentId": assessment_id(missed), "excused": False, "reason": "无正当理由"}
        await self.run(self.authority, "DecideAbsence", input=decision)

    async def void_question(self, attempt: str) -> None:
        """A question that the one attempt was asked; then one that nobody was, so that counts depend on no draw."""
        asked = (await read_questions([decode_id("Attempt", attempt)]))[0][0]["question"]
        cycle = {"cycleId": encode_id("Cycle", self.province.cycle_id)}
        voided = {**cycle, "questionId": encode_id("Question", asked), "reason": "题干有误"}
        proposed = await self.run(self.authority, "VoidQuestion", counted=False, input=voided)
        await self.confirm(proposed["id"])
        unused = await Question.select(Question.id).where(Question.subject == "PROFESSIONAL").first()
        assert unused is not None
        voided["questionId"] = encode_id("Question", unused["id"])
        proposed = await self.run(self.authority, "VoidQuestion", input=voided)
        await self.run(self.authority, "WithdrawProposal", input={"proposalId": proposed["id"]})
        again = await self.run(self.authority, "VoidQuestion", counted=False, input=voided)
        await self.confirm(again["id"])
        await self.run(self.authority, "VoidedQuestions", **cycle)
        await self.run(self.authority, "MarkChanges", **cycle, first=100)

    async def confirm(self, proposal: str, *, counted: bool = False) -> None:
        """The second officer looks at what a proposal would do, and confirms it."""
        preview = await self.run(self.second_authority, "ProposalPreview", counted=counted, id=proposal)
        decision = {"proposalId": proposal, "confirm": True, "digest": preview["digest"], "note": "经核实"}
        await self.run(self.second_authority, "DecideProposal", counted=counted, input=decision)

    async def invigilate(self, paper: str, attempt: str) -> None:
        """A sitting of as many doctors, and what may be done to one of them."""
        await add_doctors(self.province, self.size, AssessmentState.BODY_APPROVED)
        sitting = {
            "cycleId": encode_id("Cycle", self.province.cycle_id),
            "bodyId": encode_id("Organisation", self.province.body_id),
            "subject": "HUMANITIES",
        }
        await self.run(self.body, "Sitting", **sitting, first=100)
        await self.run(self.body, "SittingProctoring", **sitting, first=100)
        await self.run(self.body, "AttemptProctoring", id=attempt)
        await self.run(self.body, "AttemptSaves", attemptId=attempt, first=100)
        why = {"attemptId": attempt, "reason": "设备故障"}
        await self.run(self.body, "PauseAttempt", input=why)
        await self.run(self.body, "ResumeAttempt", input=why)
        extra = {"minutes": 15, "reason": "考场断电"}
        await self.run(self.body, "GrantExtraTime", input={"paperId": paper, **extra})
        await self.run(self.body, "GrantSittingExtraTime", input={**sitting, **extra})

    async def results(self) -> None:
        """As many results at once: concluded, filed, notified; documents of one."""
        doctors = await add_doctors(self.province, self.size, AssessmentState.INSTITUTION_APPROVED, Verdict.UNQUALIFIED)
        for doctor in doctors:
            decision = {"assessmentId": assessment_id(doctor), "submissionNumber": 0, "reason": "评定不合格"}
            decision |= {"decision": "FAILURE_CONFIRMED"}
            await self.run(self.body, "ReviewByBody", counted=False, input=decision)
        ids = [assessment_id(doctor) for doctor in doctors]
        await self.run(self.body, "FileResults", input={"assessmentIds": ids})
        # By hand: the default SmsSender keeps each message with one statement, as a gateway takes each with one call.
        await self.run(self.body, "NotifyResults", input={"assessmentIds": ids, "bySms": False})
        await self.run(self.body, "Results", first=100)
        one = {"assessmentId": ids[0]}
        token = await token_of(self.environment, doctors[0].account_id)
        await self.run(token, "Result", id=ids[0])
        await self.run(token, "IssueNotice", input=one)
        await self.run(token, "RequestReexamination", input={**one, "reason": "有异议"})
        changed = {**one, "decision": "CHANGED", "reason": "更正"}
        another = await self.province.add_officer(Role.BODY_REVIEWER, self.province.body_id)
        reviewer = await token_of(self.environment, another.account_id)
        await self.run(reviewer, "DecideReexamination", input=changed)
        await self.run(token, "IssueCertificate", input=one)
        await self.run(self.authority, "SealCertificate", input=one)
        proposed = await self.run(self.authority, "AnnulResult", input={**one, "reason": "舞弊"})
        # As many proposals wait; one of them is counted.
        for each in ids[1 : self.size]:
            await self.run(self.authority, "AnnulResult", counted=False, input={"assessmentId": each, "reason": "舞弊"})
        await self.run(self.second_authority, "Proposals", view="TO_DECIDE", first=100)
        await self.confirm(proposed["id"], counted=True)

    async def _policy(self) -> None:
        """A cycle of as many doctors that has pinned something else than what is in force, and is pinned anew."""
        notice = PolicyLayer("990000", "before", "1", "旧通知", {"papers.grace_seconds": 90})
        await self.province.pin(stack(self.environment.registry.sections, [notice]))
        cycle = encode_id("Cycle", self.province.cycle_id)
        await self.run(self.authority, "CyclePolicies", id=cycle)
        previewed = await self.run(self.authority, "PolicySimulation", cycleId=cycle, layers=[], first=100)
        pinned = {"cycleId": cycle, "digest": previewed["digest"], "reason": "通知"}
        await self.run(self.authority, "RepinCyclePolicy", input=pinned)

    async def cycles(self) -> None:
        """As many cycles; one is opened for all the doctors there are, and closed again."""
        region = {"regionCode": "990000"}
        for place in range(self.size):
            calendar = {
                "name": f"周期{place}",
                "startsOn": "2027-01-01",
                "endsOn": "2029-12-31",
                "enrolmentFrom": "2027-02-01T00:00:00+08:00",
                "enrolmentUntil": "2027-03-01T00:00:00+08:00",
                "testsFrom": "2027-03-01T00:00:00+08:00",
                "testsUntil": "2027-04-01T00:00:00+08:00",
            }
            counted = place == self.size - 1
            created = await self.run(self.authority, "CreateCycle", counted=counted, input={**region, **calendar})
        cycle = created["cycle"]["id"]
        await self.run(self.authority, "Cycles", first=100)
        await self.run(self.authority, "Cycle", id=cycle)
        await self.run(self.authority, "OpenCycle", input={"cycleId": cycle})
        appointed = {
            "cycleId": cycle,
            "institutionId": encode_id("Organisation", self.province.institution_id),
            "bodyId": encode_id("Organisation", self.province.body_id),
        }
        await self.run(self.authority, "AppointBody", input=appointed)
        await self.run(self.authority, "EffectivePolicy", **region)
        await self._policy()
        await self.run(self.authority, "Plugins")
        self.clock.set(datetime(2027, 5, 1, tzinfo=UTC))
        later = await token_of(self.environment, self.province.authority.account_id)
        await self.run(later, "CloseCycle", input={"cycleId": cycle})
        await add_waiting_papers(self.province, self.size)
        sat = encode_id("Cycle", self.province.cycle_id)
        await self.run(later, "PassMarks", cycleId=sat)
        mark = {"cycleId": sat, "subject": "HUMANITIES", "passPercent": 60, "reason": "经研究确定"}
        proposed = await self.run(later, "SetPassMark", input=mark)
        self.second_authority = await token_of(self.environment, self.province.second_authority.account_id)
        await self.confirm(proposed["id"])
