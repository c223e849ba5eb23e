"""Opening enrolment, the form, histories, self-evaluation, procedure, submission (manual 2.2.3)."""

from typing import Any

from dingkao.tour import pictures
from dingkao.tour.client import Account
from dingkao.tour.people import Doctor, World

STATEMENT = "本人在考核周期内依法执业，完成门诊、病房和带教任务，无医疗事故。\n今后将继续提高业务水平。"


def see_closed(doctor: Doctor) -> None:
    """Home before the institution has opened enrolment: 未开通报名, and nothing may be filled in."""
    assessment = doctor.home("未开通报名，请联系单位定考负责人")
    _stage(doctor, assessment, "未开通报名", "单位定考负责人")
    _not_allowed(doctor, assessment, "EDIT_REGISTRATION", "ENROLMENT_NOT_OPENED")
    doctor.account.refused(
        "SaveRegistrationForm", "FORM_CLOSED", input={"assessmentId": doctor.assessment_id, "position": "主任"}
    )


def open_enrolment(world: World, doctors: list[Doctor]) -> None:
    """The institution opens enrolment for one, closes it again, and then opens it for all of them at once."""
    institution, one = world.institution, doctors[0]
    waiting = _all_ids(institution, ["NOT_OPENED"])
    missing = [doctor.name for doctor in doctors if doctor.assessment_id not in waiting]
    institution.equal("Assessments", "every doctor in the list", missing, [])
    one.account.refused("OpenEnrolment", "FORBIDDEN", input={"assessmentIds": [one.assessment_id]})
    world.other_institution.refused("OpenEnrolment", "NOT_FOUND", input={"assessmentIds": [one.assessment_id]})
    institution.do("OpenEnrolment", "AssessmentList", "开通报名（1人）", input={"assessmentIds": [one.assessment_id]})
    institution.refused("OpenEnrolment", "NOT_IN_THIS_STATE", input={"assessmentIds": [one.assessment_id]})
    institution.do("CloseEnrolment", "AssessmentList", "关闭报名（1人）", input={"assessmentIds": [one.assessment_id]})
    opened = institution.do(
        "OpenEnrolment",
        "AssessmentList",
        f"开通报名（{len(doctors)}人）",
        input={"assessmentIds": [doctor.assessment_id for doctor in doctors]},
    )
    institution.equal("OpenEnrolment", "states", {each["state"] for each in opened["assessments"]}, {"OPENED"})


def see_opened(doctor: Doctor) -> None:
    """Home afterwards: 已开通报名, and 我要报名 is open."""
    assessment = doctor.home("已开通报名")
    _stage(doctor, assessment, "已开通报名", "我要报名")
    allowed = {action["code"]: action["allowed"] for action in _actions(assessment)}
    doctor.account.equal("Home", "我要报名 allowed", allowed["EDIT_REGISTRATION"], True)
    doctor.account.equal("Home", "提交信息 not allowed yet", allowed["SUBMIT"], False)
    guidance = doctor.account.read("LocalGuidance", "填报指引", id=doctor.assessment_id)["localGuidance"]
    doctor.account.holds("LocalGuidance", "the guidance", "".join(guidance), "1寸", "教育经历信息可直接填最高学历")


def fill_form_with_refusals(world: World, doctor: Doctor, stranger: Doctor) -> None:
    """The form, with what goes wrong on the way: bad fields, another device, another doctor, a photo that is none."""
    account, identity = doctor.account, {"assessmentId": doctor.assessment_id}
    stranger.account.refused("Registration", "NOT_FOUND", id=doctor.assessment_id)
    stranger.account.refused("SaveRegistrationForm", "NOT_FOUND", input={**identity, "position": "主任"})
    world.other_institution.refused("Registration", "NOT_FOUND", id=doctor.assessment_id)
    shown = account.read(
        "Registration", "证件号码、资格证号、执业证号来自电子化注册，脱敏显示", id=doctor.assessment_id
    )
    account.equal(
        "Registration", "the number masked", doctor.document_number == shown["doctor"]["documentNumber"], False
    )
    account.refused(
        "SaveRegistrationForm",
        "EMAIL_FORMAT",
        "DATE_OUT_OF_RANGE",
        input={**identity, "email": "nobody", "startedWorkOn": "1900-01-01"},
    )
    old_revision = shown["revision"]
    fill_form(doctor)
    account.refused(
        "SaveRegistrationForm",
        "REVISION_CONFLICT",
        input={**identity, "expectedRevision": old_revision, "department": "外科"},
    )
    account.upload_refused(doctor.assessment_id, "PHOTO", "photo.jpg", pictures.photo_as_png(), "PHOTO_NOT_JPEG")
    account.upload_refused(doctor.assessment_id, "PHOTO", "photo.jpg", pictures.square_photo(), "PHOTO_PROPORTIONS")
    stranger.account.upload_refused(doctor.assessment_id, "PHOTO", "photo.jpg", pictures.photo(), "NOT_FOUND")


def fill_form(doctor: Doctor) -> None:
    """基本信息、执业信息 and the photo."""
    doctor.account.do(
        "SaveRegistrationForm",
        "Assessment",
        "报名信息已保存（草稿）",
        input={
            "assessmentId": doctor.assessment_id,
            "contactPhone": doctor.phone,
            "ethnicity": "汉族",
            "highestEducation": "本科",
            "degree": "学士",
            "startedWorkOn": doctor.practising_since.isoformat(),
            "department": "内科",
            "professionalTitle": "主治医师",
        },
    )
    photo = doctor.account.upload(doctor.assessment_id, "PHOTO", "证件照.jpg", pictures.photo(), "上传一寸照片")
    shown = doctor.account.read("Registration", "照片已入表", id=doctor.assessment_id)
    doctor.account.equal("Registration", "the photo", shown["form"]["photo"]["id"], photo)
    kept = doctor.account.download(shown["form"]["photo"]["url"], "下载照片，EXIF已去除", token=False)
    doctor.account.equal("GET /files", "a jpg without EXIF", (kept[:2], b"Exif" in kept), (b"\xff\xd8", False))


def fill_histories(doctor: Doctor, *, all_three: bool = False) -> None:
    """相关经历: education (the highest alone is enough), and for one doctor the other two, one entry removed again."""
    account, identity = doctor.account, {"assessmentId": doctor.assessment_id}
    education = {**identity, "school": "示范医科大学", "major": "临床医学", "education": "本科", "degree": "学士"}
    saved = account.do("SaveEducation", "Assessment", "教育经历已保存", input=education)
    if not all_three:
        return
    account.refused(
        "SaveEducation",
        "REQUIRED",
        "ENDS_BEFORE_IT_BEGINS",
        input={**identity, "school": " ", "beganOn": "2005-09-01", "graduatedOn": "2000-07-01"},
    )
    account.do(
        "SaveEducation",
        "Assessment",
        "教育经历已修改",
        input={**education, "entryId": saved["education"][0]["id"], "graduatedOn": "2004-07-01"},
    )
    account.do(
        "SavePracticeHistory",
        "Assessment",
        "执业经历已保存",
        input={**identity, "institutionName": "示范省人民医院", "department": "内科", "beganOn": "2005-08-01"},
    )
    filed = account.do(
        "SaveInstitutionFiling",
        "Assessment",
        "多机构备案已保存",
        input={**identity, "institutionName": "示范市第二医院", "filedOn": "2024-03-01"},
    )
    removed = account.do(
        "RemoveHistoryEntry",
        "Assessment",
        "多机构备案已删除",
        input={**identity, "entryId": filed["institutionFilings"][0]["id"]},
    )
    account.equal("RemoveHistoryEntry", "no filing left", removed["institutionFilings"], [])


def evaluate_self(doctor: Doctor, *, with_refusals: bool = False) -> None:
    """工作成绩、职业道德自评 by the items of the policy's form."""
    account = doctor.account
    items = account.read("Registration", "自评项目", id=doctor.assessment_id)["evaluationItems"]
    for dimension in ("WORK_PERFORMANCE", "PROFESSIONAL_ETHICS"):
        own = [item for item in items if item["dimension"] == dimension]
        evaluation = {
            "assessmentId": doctor.assessment_id,
            "dimension": dimension,
            "scores": [{"code": item["code"], "score": item["maximum"] - 1} for item in own],
            "summary": "按要求完成各项工作。",
            "verdict": "QUALIFIED",
        }
        if with_refusals:
            beyond = [{"code": own[0]["code"], "score": own[0]["maximum"] + 1}, {"code": "NO_SUCH_ITEM", "score": 1}]
            account.refused(
                "SaveSelfEvaluation", "SCORE_OUT_OF_RANGE", "UNKNOWN_ITEM", input={**evaluation, "scores": beyond}
            )
        account.do("SaveSelfEvaluation", "Assessment", f"自评已保存：{dimension}", input=evaluation)


def choose_simple_with_refusals(doctor: Doctor) -> None:
    """简易程序: a proof, and a statement typed in, of at most 2000 characters."""
    account, identity = doctor.account, {"assessmentId": doctor.assessment_id, "procedure": "SIMPLE"}
    simple = offer(doctor, "SIMPLE")
    account.equal("ProcedureOffers", "eligible", simple["eligible"], True)
    account.equal("ProcedureOffers", "proof and statement", _asked(simple), (1, 2000))
    account.refused("ChooseProcedure", "TEXT_TOO_LONG", input={**identity, "statement": "述" * 2001})
    account.do(
        "ChooseProcedure",
        "Assessment",
        "2000字的述职可以保存，换行不计",
        input={**identity, "statement": "述" * 1000 + "\n" + "职" * 1000},
    )
    preview(doctor, "proofs", "REQUIRED")
    proof = account.upload(doctor.assessment_id, "PROCEDURE_PROOF", "执业证书.png", pictures.proof(), "上传证明材料")
    account.do(
        "ChooseProcedure",
        "Assessment",
        "选择简易程序，附证明材料和个人述职",
        input={**identity, "statement": STATEMENT, "proofIds": [proof]},
    )


def choose_general(doctor: Doctor, *, simple_refused: str | None = None) -> None:
    """一般程序 asks for neither proof nor statement; `simple_refused`: why the other is not open to this doctor."""
    account = doctor.account
    identity = {"assessmentId": doctor.assessment_id}
    if simple_refused is not None:
        simple = offer(doctor, "SIMPLE")
        codes = [reason["code"] for reason in simple["reasons"]]
        account.equal("ProcedureOffers", f"reason {simple_refused}", simple_refused in codes, True)
        account.refused("ChooseProcedure", simple_refused, input={**identity, "procedure": "SIMPLE"})
    general = offer(doctor, "GENERAL")
    account.equal("ProcedureOffers", "neither proof nor statement", _asked(general), (0, None))
    account.equal(
        "ProcedureOffers",
        "papers",
        [(paper["subject"], paper["attempts"]) for paper in general["papers"]],
        [("HUMANITIES", 1), ("PROFESSIONAL", 1)],
    )
    account.refused(
        "ChooseProcedure",
        "STATEMENT_NOT_ASKED",
        input={**identity, "procedure": "GENERAL", "statement": STATEMENT},
    )
    account.do("ChooseProcedure", "Assessment", "选择一般程序", input={**identity, "procedure": "GENERAL"})


def offer(doctor: Doctor, code: str) -> Any:
    """The offer of one procedure."""
    offers = doctor.account.read("ProcedureOffers", "可选考核程序", id=doctor.assessment_id)["procedures"]
    return next(each for each in offers if each["code"] == code)


def preview(doctor: Doctor, path: str | None = None, code: str = "") -> int:
    """确认信息: ready, or not, with the problem `code` at `path`; returns the revision that was shown."""
    outcome = "信息完整，可以提交" if path is None else f"尚有待完善项：{path}"
    shown = doctor.account.read("PreviewSubmission", outcome, id=doctor.assessment_id)
    problems = {(problem["path"], problem["code"]) for problem in shown["submissionPreview"]["problems"]}
    if path is None:
        doctor.account.equal("PreviewSubmission", "problems", problems, set())
    elif (path, code) not in problems:
        doctor.account.equal("PreviewSubmission", "the problem", problems, {(path, code)})
    return int(shown["revision"])


def submit_incomplete(doctor: Doctor) -> None:
    """An empty form is refused with everything that is missing, at once."""
    revision = preview(doctor, "form.photo", "REQUIRED")
    body = doctor.account.refused(
        "SubmitAssessment", "REQUIRED", input={"assessmentId": doctor.assessment_id, "expectedRevision": revision}
    )
    paths = {field["path"] for field in body["data"]["submitAssessment"]["fields"]}
    expected = {"form.photo", "form.contactPhone", "education", "procedure", "selfEvaluation.WORK_PERFORMANCE"}
    doctor.account.equal("SubmitAssessment", "all that is missing", expected - paths, set())


def submit(doctor: Doctor, *, with_refusals: bool = False) -> None:
    """提交信息: once, however often it is sent; nothing can be changed afterwards; it may be withdrawn for now."""
    account = doctor.account
    revision = preview(doctor)
    confirmed = {"assessmentId": doctor.assessment_id, "expectedRevision": revision}
    if with_refusals:
        outdated = {**confirmed, "expectedRevision": revision - 1}
        account.refused("SubmitAssessment", "REVISION_CONFLICT", input=outdated)
    submitted = account.do("SubmitAssessment", "Assessment", _stage_title, input=confirmed)
    account.equal("SubmitAssessment", "state", submitted["state"], "SUBMITTED")
    if not with_refusals:
        return
    again = account.do("SubmitAssessment", "Assessment", "重复提交，仍为同一次", input=confirmed)
    account.equal("SubmitAssessment", "submissions", again["submissions"], submitted["submissions"])
    account.refused("SaveRegistrationForm", "FORM_CLOSED", input={**_identity(doctor), "position": "主任"})
    account.upload_refused(doctor.assessment_id, "PHOTO", "photo.jpg", pictures.photo(), "NOT_IN_THIS_STATE")
    account.do("WithdrawAssessment", "Assessment", "机构审核前撤回", input=_identity(doctor))
    confirmed["expectedRevision"] = preview(doctor)
    account.do("SubmitAssessment", "Assessment", _stage_title, input=confirmed)


def _identity(doctor: Doctor) -> dict[str, str]:
    return {"assessmentId": doctor.assessment_id}


def _asked(offered: Any) -> tuple[int, int | None]:
    return offered["minimumProofs"], offered["statementMaximum"]


def _stage_title(value: Any) -> str:
    return str(value["stage"]["title"])


def _actions(assessment: Any) -> list[dict[str, Any]]:
    return list(assessment["actions"])


def _stage(doctor: Doctor, assessment: Any, title: str, *words: str) -> None:
    doctor.account.equal("Home", "stage", assessment["stage"]["title"], title)
    doctor.account.holds("Home", "the stage's sentence", assessment["stage"]["sentence"], *words)


def _not_allowed(doctor: Doctor, assessment: Any, action: str, reason: str) -> None:
    found = next((each for each in _actions(assessment) if each["code"] == action), None)
    codes = [each["code"] for each in found["reasons"]] if found else []
    if found is None or found["allowed"] or reason not in codes:
        doctor.account.equal("Home", f"{action} not allowed for {reason}", found, None)


def _all_ids(account: Account, states: list[str]) -> set[str]:
    """The ids of every assessment in the account's list, page by page."""
    found: set[str] = set()
    after: str | None = None
    while True:
        page = account.read("Assessments", "待开通名单", states=states, first=100, after=after)
        found.update(edge["node"]["id"] for edge in page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
