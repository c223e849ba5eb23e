"""参加测评: consent and face capture, papers in their order, attempts, answers saved one by one (manual 2.2.5)."""

from typing import Any

from dingkao.tour import pictures
from dingkao.tour.people import Doctor, World
from dingkao.tour.questions import Bank

TITLES = {"HUMANITIES": "医学人文测评", "PROFESSIONAL": "业务水平测评"}


def papers(doctor: Doctor, outcome: str) -> Any:
    """The assessment with its papers and the consent."""
    return doctor.account.read("Papers", outcome, id=doctor.assessment_id)


def paper(doctor: Doctor, subject: str) -> Any:
    """One paper by its subject."""
    found = papers(doctor, f"查看试卷：{TITLES[subject]}")["papers"]
    return next(each for each in found if each["subject"] == subject)


def refuse_before_approval(doctor: Doctor) -> None:
    """No test before both reviews: neither the paper nor the consent is open."""
    first = papers(doctor, "复核通过前试卷不开放")["papers"][0]
    doctor.account.equal("Papers", "state", first["state"], "LOCKED")
    doctor.account.refused("StartAttempt", "TESTS_NOT_OPEN", input={"paperId": first["id"]})


def consent(doctor: Doctor, *, with_refusals: bool = False) -> None:
    """初次进入测评须进行人脸信息采集授权: consent to a text, then a capture; without them no paper begins."""
    account = doctor.account
    shown = papers(doctor, "首次测评须人脸信息采集授权")
    asked, first = shown["faceConsent"], shown["papers"][0]
    account.equal("Papers", "consent asked for", (asked["required"], asked["givenAt"]), (True, None))
    account.holds("Papers", "the text", asked["text"], "人脸")
    if with_refusals:
        account.refused("StartAttempt", "FACE_CONSENT_MISSING", "FACE_CAPTURE_MISSING", input={"paperId": first["id"]})
        account.refused(
            "GiveFaceConsent",
            "CONSENT_TEXT_OUTDATED",
            input={"assessmentId": doctor.assessment_id, "textVersion": "1999-1"},
        )
        account.upload_refused(
            doctor.assessment_id, "FACE_CAPTURE", "face.jpg", pictures.face(), "FACE_CONSENT_MISSING"
        )
    given = account.do(
        "GiveFaceConsent",
        "FaceConsent",
        lambda value: f"已授权（授权书{value['textVersion']}）",
        input={"assessmentId": doctor.assessment_id, "textVersion": asked["textVersion"]},
    )
    account.equal("GiveFaceConsent", "the time of consent", bool(given["givenAt"]), True)
    file = account.upload(doctor.assessment_id, "FACE_CAPTURE", "face.jpg", pictures.face(), "人脸采集")
    captured = papers(doctor, "人脸采集已通过")["faceConsent"]["capturedAt"]
    account.equal("Papers", "the time of the capture", bool(captured), True)
    hidden = account.get(f"/files/{file}")
    account.equal("GET /files", "a capture is nobody's download", hidden.status_code, 404)


def be_identified_in_person(world: World, doctor: Doctor) -> None:
    """Who declines face capture begins nothing until an invigilator has identified him in person."""
    account, identity = doctor.account, {"assessmentId": doctor.assessment_id}
    declined = account.do(
        "WithdrawFaceConsent", "FaceConsent", "不同意人脸信息采集，由监考人员现场核验", input=identity
    )
    shown = (declined["identity"], declined["inPersonOffered"])
    account.equal("WithdrawFaceConsent", "where it stands", shown, ("DECLINED", True))
    refuse_start(doctor, "HUMANITIES", "FACE_CONSENT_DECLINED")
    account.refused("IdentifyInPerson", "FORBIDDEN", input={**identity, "reason": "自行核验"})
    world.body.refused("IdentifyInPerson", "REASON_REQUIRED", input={**identity, "reason": " "})
    identified = world.body.do(
        "IdentifyInPerson", "FaceConsent", "监考人员现场核验身份", input={**identity, "reason": "本人持医师证现场核验"}
    )
    world.body.equal("IdentifyInPerson", "where it stands", identified["identity"], "IDENTIFIED")


def sit(doctor: Doctor, subject: str, bank: Bank, *, right: bool, with_refusals: bool = False) -> Any:
    """Begin a paper, save the answers, submit; returns the attempt. `right`: choose right options, or wrong ones."""
    account = doctor.account
    paper_id = paper(doctor, subject)["id"]
    attempt = account.do(
        "StartAttempt",
        "Attempt",
        lambda value: (
            f"开始{TITLES[subject]}（第{value['number']}次，{len(value['questions'])}题，剩余{value['secondsLeft']}秒）"
        ),
        input={"paperId": paper_id},
    )
    account.equal("StartAttempt", "time left", attempt["secondsLeft"] > 0, True)
    choices = [_choice(question, bank, right=right) for question in attempt["questions"]]
    if with_refusals:
        _save_with_refusals(doctor, paper_id, attempt, choices)
    _save(doctor, attempt, choices, first=1)
    submitted = account.do(
        "SubmitAttempt",
        "Attempt",
        lambda value: f"交卷：{value['scorePercent']}分，{'合格' if value['passed'] else '不合格'}",
        input={"attemptId": attempt["id"]},
    )
    account.equal("SubmitAttempt", "the mark", _mark(submitted), (100, True) if right else (0, False))
    if with_refusals:
        again = account.do("SubmitAttempt", "Attempt", "重复交卷，结果不变", input={"attemptId": attempt["id"]})
        account.equal("SubmitAttempt", "the mark", _mark(again), _mark(submitted))
        account.refused("SaveAnswers", "ATTEMPT_CLOSED", input=_answers(attempt, [(1, choices[0][1], 99)]))
        seen = account.read("Attempt", "交卷后不再显示试题", id=attempt["id"])
        account.equal("Attempt", "questions", seen["questions"], None)
    return submitted


def see_saves(world: World, doctor: Doctor, attempt: Any) -> None:
    """作答记录: the body reads every save of an attempt, those that came too late to count too; the doctor not yet."""
    asked = {"attemptId": attempt["id"], "first": 100}
    doctor.account.refused("AttemptSaves", "FORBIDDEN", **asked)
    told = world.body.read("AttemptSaves", lambda value: f"作答记录：保存{len(value['edges'])}次", **asked)
    taken = [answer["taken"] for edge in told["edges"] for answer in edge["node"]["answers"]]
    world.body.equal("AttemptSaves", "answers that came too late to count", taken.count(False), 1)


def refuse_start(doctor: Doctor, subject: str, code: str) -> None:
    """A paper that must not begin."""
    doctor.account.refused("StartAttempt", code, input={"paperId": paper(doctor, subject)["id"]})


def state(doctor: Doctor, subject: str, expected: str, attempts_left: int | None) -> None:
    """Check a paper's state and the attempts that are left."""
    found = paper(doctor, subject)
    doctor.account.equal("Papers", TITLES[subject], (found["state"], found["attemptsLeft"]), (expected, attempts_left))


def _save_with_refusals(doctor: Doctor, paper_id: str, attempt: Any, choices: list[tuple[int, str]]) -> None:
    """One answer is saved, a crash loses nothing, an older save never wins, nobody else may look or write."""
    account = doctor.account
    position, choice = choices[0]
    other = next(option["key"] for option in attempt["questions"][0]["options"] if option["key"] != choice)
    account.refused(
        "SaveAnswers",
        "NO_SUCH_QUESTION",
        "NO_SUCH_OPTION",
        input=_answers(attempt, [(9999, "A", 1), (position, "Z", 1)]),
    )
    account.do("SaveAnswers", "AnswersSaved", "保存第1题", input=_answers(attempt, [(position, choice, 5)]))
    late = account.do(
        "SaveAnswers", "AnswersSaved", "迟到的旧答案不生效", input=_answers(attempt, [(position, other, 4)])
    )
    account.equal("SaveAnswers", "the newer answer held", late["answers"][0]["choice"], choice)
    resumed = account.do("StartAttempt", "Attempt", "断线后继续，仍为同一份答卷", input={"paperId": paper_id})
    account.equal("StartAttempt", "the attempt", resumed["id"], attempt["id"])
    account.equal("StartAttempt", "this session writes", resumed["writing"], True)
    watched = account.read("AttemptProctoring", "本次测评不抓拍", id=attempt["id"])["proctoring"]
    account.equal("AttemptProctoring", "pictures", (watched["frameSeconds"], watched["flags"]), (None, None))
    taken = account.do("TakeOverAttempt", "Attempt", "在本设备继续作答", input={"attemptId": attempt["id"]})
    account.equal(
        "TakeOverAttempt", "the device that writes keeps its token", taken["writerToken"], resumed["writerToken"]
    )
    nobody = {"attemptId": attempt["id"], "reason": "自行处置"}
    account.refused("PauseAttempt", "FORBIDDEN", input=nobody)
    account.refused("ResumeAttempt", "FORBIDDEN", input=nobody)
    account.refused("GrantExtraTime", "FORBIDDEN", input={"paperId": paper_id, "minutes": 60, "reason": "自行延长"})
    account.refused("RequestVoiding", "FORBIDDEN", input={**nobody, "consequence": "NEW_ATTEMPT"})
    account.refused("DecideVoiding", "FORBIDDEN", input={"attemptId": attempt["id"], "confirm": True})
    again = account.read("Attempt", "已保存的作答仍在", id=attempt["id"])
    account.equal("Attempt", "the answer kept", again["questions"][0]["answer"]["choice"], choice)
    account.equal("Attempt", "the questions", _stems(again), _stems(attempt))


def _save(doctor: Doctor, attempt: Any, choices: list[tuple[int, str]], *, first: int) -> None:
    """The first answers one by one, as they are chosen, and the others together."""
    one_by_one, rest = choices[:3], choices[3:]
    for number, (position, choice) in enumerate(one_by_one, start=first):
        doctor.account.do(
            "SaveAnswers",
            "AnswersSaved",
            f"保存第{position}题",
            input=_answers(attempt, [(position, choice, 10 + number)]),
        )
    if rest:
        doctor.account.do(
            "SaveAnswers",
            "AnswersSaved",
            f"保存其余{len(rest)}题",
            input=_answers(attempt, [(position, choice, 20) for position, choice in rest]),
        )


def _choice(question: Any, bank: Bank, *, right: bool) -> tuple[int, str]:
    options = {option["text"]: option["key"] for option in question["options"]}
    correct = options[bank.right_option(question["stem"], list(options))]
    wrong = next(key for key in options.values() if key != correct)
    return question["position"], correct if right else wrong


def _answers(attempt: Any, answers: list[tuple[int, str, int]]) -> dict[str, Any]:
    return {
        "attemptId": attempt["id"],
        "answers": [
            {"position": position, "choice": choice, "sequence": sequence} for position, choice, sequence in answers
        ],
    }


def _mark(attempt: Any) -> tuple[int, bool]:
    return attempt["scorePercent"], attempt["passed"]


def _stems(attempt: Any) -> list[str]:
    return [question["stem"] for question in attempt["questions"]]


def import_bank(world: World, bank: Bank) -> None:
    """An author imports a file of questions for its subject, an approver approves it in place of those before."""
    done = world.bank_author.do(
        "ImportQuestions",
        "QuestionImport",
        lambda value: (
            f"{TITLES[bank.subject]}题库：{bank.name}，导入{value['imported']}题待审定，"
            f"未导入{len({line['line'] for line in value['refused']})}行"
        ),
        input={"subject": bank.subject, "csv": bank.csv, "source": bank.name, "replace": True, "skipBad": True},
    )
    approval = {"importId": done["importId"]}
    world.bank_approver.read("BankQuestions", "另一人查看待审定试题", subject=bank.subject, state="DRAFT", first=100)
    world.bank_author.refused("ApproveQuestions", "OWN_QUESTION", input=approval)
    world.bank_approver.do(
        "ApproveQuestions",
        "QuestionBankChange",
        lambda value: f"另一人审定{value['approved']}题，停用{value['retired']}题",
        input=approval,
    )
    held = world.bank_author.read("QuestionBank", lambda value: f"可用试题{value['count']}道", subject=bank.subject)
    world.bank_author.equal("QuestionBank", "questions in use", held["count"], done["imported"])
    before = world.bank_author.read("BankQuestions", "原有试题已停用", subject=bank.subject, state="RETIRED", first=1)
    gone = {"questionIds": [edge["node"]["id"] for edge in before["edges"]], "reason": "表述有误"}
    world.bank_approver.refused("RetireQuestions", "ALREADY_RETIRED", input=gone)
