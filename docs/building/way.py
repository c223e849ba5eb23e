"""The way that the pages for client developers show: the demo's doctors and staff, from login to certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from building import pictures, way_of_staff, way_of_wechat
from building.recorder import Exchange, Person, Server, demo_server
from dingkao.demo import people as demo
from dingkao.messaging.outbox import read_outbox
from dingkao.tour.questions import demo_banks

STATEMENT = "本人在考核周期内依法执业，完成门诊、病房和带教任务，无医疗事故。\n今后将继续提高业务水平。"
FIRST_LOG_IN = "mutation LogIn($input: LogInInput!) { logIn(input: $input) { ... on SessionStarted { token } } }"
FIRST_HOME = "{ viewer { name assessment { stage { title sentence } actions { title allowed reasons { message } } } } }"
# The demo's doctors by their serial: what each is there to show stands in dingkao.demo.people.
SIMPLE, FAILED, GENERAL, NEWCOMER = 101, 102, 103, 104


@dataclass
class Doctor:
    """A doctor of the demo as a client: the account and the assessment's id."""

    person: Person
    assessment: str

    @property
    def identity(self) -> dict[str, str]:
        """What most inputs begin with."""
        return {"assessmentId": self.assessment}


async def walk() -> Mapping[str, Exchange]:
    """Walk the whole way; returns every exchange by its name. Raises ValueError where an answer is another than the
    pages tell."""
    async with demo_server() as server:
        await first_queries(server)
        await log_in(server)
        staff = await way_of_staff.log_in(server)
        general = await enter(server, GENERAL)
        await way_of_staff.open_enrolment(staff, general.person, general.assessment)
        await way_of_staff.look_around(server, staff)
        await fill_in_with_refusals(general)
        await offers(general)
        await submit_with_refusals(general)
        await exempt(staff, general)
        simple, failed = await enter(server, SIMPLE), await enter(server, FAILED)
        await choose_simple(simple)
        await fill_in(failed)
        await failed.person.do("ChooseProcedure", input={**failed.identity, "procedure": "GENERAL"})
        await submit(failed)
        await way_of_staff.review(staff, simple.assessment, general.assessment, failed.assessment)
        await consent(simple)
        await sit(server, simple)
        await run_out_of_time(server, general)
        await way_of_staff.announce(staff, [simple.assessment, failed.assessment])
        await results(simple, failed, staff)
        await way_of_staff.show_step_up(server, staff, simple.assessment)
        await way_of_staff.end(server, staff, simple.assessment)
        await way_of_wechat.show(server, SIMPLE, GENERAL)
        return server.recorder.exchanges


def _demo_doctor(serial: int) -> demo.DemoDoctor:
    return next(doctor for doctor in demo.DOCTORS if doctor.serial == serial)


async def first_queries(server: Server) -> None:
    """What a newcomer pastes into a terminal: the first account that `dingkao demo` prints."""
    person = server.person()
    credentials = {"documentNumber": _demo_doctor(SIMPLE).document_number, "password": demo.PASSWORD}
    started = await person.post(FIRST_LOG_IN, name="first.logIn", variables={"input": credentials})
    person.token = started["token"]
    await person.post(FIRST_HOME, name="first.home")


async def log_in(server: Server) -> None:
    """The first login of a doctor on the initial password, and what refuses it."""
    number = _demo_doctor(NEWCOMER).document_number
    person = server.person()
    await person.ask("Home", name="Home.unauthenticated")
    await person.refused("LogIn", "LogIn.refused", input={"documentNumber": number, "password": "123456"})
    await person.ask(
        "LogIn", name="LogIn.english", language="en", input={"documentNumber": number, "password": "123456"}
    )
    await person.log_in(number, demo.INITIAL_PASSWORD, name="LogIn.first")
    await person.ask("Home", name="Home.firstLogin")
    await person.refused("SendPhoneCode", "SendPhoneCode.fixed", input={"phone": "13900000000"})
    await person.do("SendPhoneCode", input={})
    await person.ask("SendPhoneCode", name="SendPhoneCode.limited", input={})
    await person.refused(
        "CompleteFirstLogin", "CompleteFirstLogin.refused", input={"newPassword": "666666", "code": "000000"}
    )
    code = (await read_outbox(1))[0].text.split("验证码")[1][:6]
    completed = await person.do(
        "CompleteFirstLogin", input={"newPassword": "麦田里的三只白鹭飞过东湖的水面", "code": code}
    )
    person.token = completed["token"]
    refreshed = await person.do("RefreshSession", input={"refreshToken": completed["refreshToken"]})
    person.token = refreshed["token"]
    await person.do("Sessions")
    await person.do("EndOtherSessions")
    await person.do("LogOut")


async def enter(server: Server, serial: int) -> Doctor:
    """A doctor who has set a password logs in and looks at the home page."""
    person = server.person()
    await person.log_in(_demo_doctor(serial).document_number, demo.PASSWORD, name="LogIn")
    home = await person.do("Home")
    await person.do("LocalGuidance", id=home["assessment"]["id"])
    return Doctor(person, home["assessment"]["id"])


async def fill_in_with_refusals(doctor: Doctor) -> None:
    """Form, photo, histories and self-evaluation, each with what is refused."""
    person, identity = doctor.person, doctor.identity
    shown = await person.do("Registration", name="Registration.empty", id=doctor.assessment)
    await person.refused(
        "SaveRegistrationForm",
        "SaveRegistrationForm.refused",
        input={**identity, "email": "nobody", "startedWorkOn": "1900-01-01"},
    )
    await fill_in(doctor, expected=shown["revision"])
    await person.refused(
        "SaveRegistrationForm",
        "SaveRegistrationForm.conflict",
        input={**identity, "expectedRevision": shown["revision"], "department": "外科"},
    )
    square = pictures.photo(413, 413)
    await person.upload("photo.refused", doctor.assessment, "PHOTO", "photo.jpg", square)
    filed = await person.do(
        "SaveInstitutionFiling", input={**identity, "institutionName": "示范市第二医院", "filedOn": "2025-03-01"}
    )
    entry = filed["institutionFilings"][0]["id"]
    await person.do("RemoveHistoryEntry", input={**identity, "entryId": entry})
    await person.do(
        "SavePracticeHistory",
        input={**identity, "institutionName": "示范市第一人民医院", "department": "儿科", "beganOn": "2023-08-01"},
    )
    await person.refused(
        "SaveSelfEvaluation",
        "SaveSelfEvaluation.refused",
        input={**identity, "dimension": "WORK_PERFORMANCE", "scores": [{"code": "WORKLOAD", "score": 41}]},
    )
    await person.do("Registration", id=doctor.assessment)


async def fill_in(doctor: Doctor, expected: int | None = None) -> None:
    """What every doctor fills in."""
    person, identity = doctor.person, doctor.identity
    form = {"contactPhone": "13900001234", "ethnicity": "汉族", "highestEducation": "本科", "degree": "学士"}
    work = {"startedWorkOn": "2021-07-01", "department": "儿科", "professionalTitle": "住院医师"}
    await person.do("SaveRegistrationForm", input={**identity, "expectedRevision": expected, **form, **work})
    await person.upload("photo", doctor.assessment, "PHOTO", "photo.jpg", pictures.photo())
    await person.do(
        "SaveEducation",
        input={**identity, "school": "示范医科大学", "major": "临床医学", "education": "本科", "degree": "学士"},
    )
    shown = await person.do("Registration", name="Registration.items", id=doctor.assessment)
    link = shown["form"]["photo"]["url"]
    await person.open_link("link", link)
    await person.open_link("link.expired", link.replace("expires=1", "expires=0"))
    for dimension in ("WORK_PERFORMANCE", "PROFESSIONAL_ETHICS"):
        items = [item for item in shown["evaluationItems"] if item["dimension"] == dimension]
        scores = [{"code": item["code"], "score": item["maximum"] - 2} for item in items]
        evaluation = {"dimension": dimension, "scores": scores, "summary": "按要求完成各项工作。"}
        await person.do("SaveSelfEvaluation", input={**identity, **evaluation, "verdict": "QUALIFIED"})


async def offers(doctor: Doctor) -> None:
    """Three years of practice: the simple procedure is not open, the general one is."""
    person, identity = doctor.person, doctor.identity
    await person.do("ProcedureOffers", id=doctor.assessment)
    await person.refused("ChooseProcedure", "ChooseProcedure.notEligible", input={**identity, "procedure": "SIMPLE"})
    await person.do("PreviewSubmission", name="PreviewSubmission.incomplete", id=doctor.assessment)
    await person.do("ChooseProcedure", name="ChooseProcedure.general", input={**identity, "procedure": "GENERAL"})


async def submit(doctor: Doctor, name: str | None = None) -> int:
    """Confirm and submit; returns the revision that was confirmed."""
    shown = await doctor.person.do("PreviewSubmission", id=doctor.assessment)
    revision = int(shown["revision"])
    await doctor.person.do("SubmitAssessment", name=name, input={**doctor.identity, "expectedRevision": revision})
    return revision


async def submit_with_refusals(doctor: Doctor) -> None:
    """Submit, try to change what is submitted, take it back, submit again."""
    person, identity = doctor.person, doctor.identity
    shown = await person.do("PreviewSubmission", id=doctor.assessment)
    await person.refused(
        "SubmitAssessment",
        "SubmitAssessment.conflict",
        input={**identity, "expectedRevision": int(shown["revision"]) - 1},
    )
    await submit(doctor)
    await person.refused(
        "SaveRegistrationForm", "SaveRegistrationForm.closed", input={**identity, "position": "科主任"}
    )
    await person.do("WithdrawAssessment", input=identity)
    await submit(doctor)


async def choose_simple(doctor: Doctor) -> None:
    """Twenty years of practice: the simple procedure, with a proof and a statement."""
    await fill_in(doctor)
    person, identity = doctor.person, doctor.identity
    await person.do("ProcedureOffers", name="ProcedureOffers.simple", id=doctor.assessment)
    await person.refused(
        "ChooseProcedure",
        "ChooseProcedure.tooLong",
        input={**identity, "procedure": "SIMPLE", "statement": "述" * 2001},
    )
    proof = await person.upload("proof", doctor.assessment, "PROCEDURE_PROOF", "执业证书.png", pictures.proof())
    await person.do(
        "ChooseProcedure",
        input={**identity, "procedure": "SIMPLE", "statement": STATEMENT, "proofIds": [proof]},
    )
    await submit(doctor)


async def exempt(staff: way_of_staff.Staff, doctor: Doctor) -> None:
    """The general procedure lets the professional paper be waived: asked, decided at two levels."""
    person, identity = doctor.person, doctor.identity
    await person.do("ExemptionConditions", id=doctor.assessment)
    condition = {"conditions": ["RESIDENCY_TRAINING"]}
    await person.refused("RequestExemption", "RequestExemption.refused", input={**identity, **condition, "proofs": []})
    proof = await person.upload(
        "exemptionProof", doctor.assessment, "EXEMPTION_PROOF", "住培合格证书.png", pictures.proof()
    )
    asked = await person.do(
        "RequestExemption",
        input={**identity, **condition, "proofs": [{"file": proof, "kind": "RESIDENCY_CERTIFICATE"}]},
    )
    await way_of_staff.decide_exemption(staff, asked["id"])
    await person.do("Exemption", id=asked["id"])


async def consent(doctor: Doctor) -> None:
    """Before the first test: consent to face capture, and the capture."""
    person = doctor.person
    shown = await person.do("Papers", name="Papers.before", id=doctor.assessment)
    paper = shown["papers"][0]["id"]
    await person.refused("StartAttempt", "StartAttempt.refused", input={"paperId": paper})
    await person.do("GiveFaceConsent", input={**doctor.identity, "textVersion": shown["faceConsent"]["textVersion"]})
    await person.do("WithdrawFaceConsent", input=doctor.identity)
    await person.refused("StartAttempt", "StartAttempt.declined", input={"paperId": paper})
    await person.do(
        "GiveFaceConsent",
        name="GiveFaceConsent.again",
        input={**doctor.identity, "textVersion": shown["faceConsent"]["textVersion"]},
    )
    await person.upload("face", doctor.assessment, "FACE_CAPTURE", "face.jpg", pictures.photo(480, 640))


async def sit(server: Server, doctor: Doctor) -> None:
    """One paper, answered right: saved one by one, a late save that does not win, a crash, submission."""
    person = doctor.person
    paper = (await person.do("Papers", id=doctor.assessment))["papers"][0]["id"]
    attempt = await person.do("StartAttempt", input={"paperId": paper})
    identity = {"attemptId": attempt["id"]}
    bank = demo_banks()["HUMANITIES"]
    choices = {}
    for question in attempt["questions"]:
        options = {option["text"]: option["key"] for option in question["options"]}
        choices[question["position"]] = options[bank.right_option(question["stem"], list(options))]
    server.clock.advance(timedelta(seconds=48))
    await person.do("SaveAnswers", input={**identity, "answers": [_answer(1, choices[1], 2)]})
    other = next(option["key"] for option in attempt["questions"][0]["options"] if option["key"] != choices[1])
    await person.do("SaveAnswers", name="SaveAnswers.late", input={**identity, "answers": [_answer(1, other, 1)]})
    await person.refused(
        "SaveAnswers",
        "SaveAnswers.refused",
        input={**identity, "answers": [_answer(1, "Z", 3), _answer(99, "A", 3)]},
    )
    await person.do("Attempt", id=attempt["id"])
    await person.do("TakeOverAttempt", input=identity)
    await person.do("Papers", name="Papers.running", id=doctor.assessment)
    await person.refused("SubmitAttempt", "SubmitAttempt.asks", input=identity)
    server.clock.advance(timedelta(minutes=11))
    rest = [_answer(position, choice, 10) for position, choice in choices.items()]
    await person.do("SaveAnswers", name="SaveAnswers.rest", input={**identity, "answers": rest})
    await person.do("SubmitAttempt", input=identity)
    await person.do("Home", name="Home.concluded")


def _answer(position: int, choice: str, sequence: int) -> dict[str, object]:
    return {"position": position, "choice": choice, "sequence": sequence}


async def run_out_of_time(server: Server, doctor: Doctor) -> None:
    """One attempt, begun and left: time submits what is there."""
    await consent(doctor)
    person = doctor.person
    shown = await person.do("Papers", name="Papers.general", id=doctor.assessment)
    attempt = await person.do("StartAttempt", input={"paperId": shown["papers"][0]["id"]})
    server.clock.advance(timedelta(minutes=32))
    await person.refused(
        "SaveAnswers", "SaveAnswers.timeIsUp", input={"attemptId": attempt["id"], "answers": [_answer(1, "A", 1)]}
    )
    await person.do("Papers", name="Papers.failed", id=doctor.assessment)
    await person.do("Attempt", name="Attempt.timedOut", id=attempt["id"])


async def results(simple: Doctor, failed: Doctor, staff: way_of_staff.Staff) -> None:
    """The doctors' own results: notice and certificate, and an objection."""
    person = simple.person
    await person.do("IssueNotice", input=simple.identity)
    await person.do("IssueCertificate", input=simple.identity)
    await failed.person.refused("IssueCertificate", "IssueCertificate.refused", input=failed.identity)
    await way_of_staff.seal(staff, simple.assessment)
    await person.do("Result", id=simple.assessment)
    await failed.person.do("Result", name="Result.failed", id=failed.assessment)
    await failed.person.do("RequestReexamination", input={**failed.identity, "reason": "对职业道德评定有异议。"})
    await way_of_staff.answer_objection(staff, failed.assessment)
