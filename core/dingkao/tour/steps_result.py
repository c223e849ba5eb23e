"""备案, 通知, the doctor's own result, notice, certificate, seal, public check page, objection (manual 2.2.6)."""

from io import BytesIO
from typing import Any

from pypdf import PdfReader

from dingkao.tour.people import Doctor, World


def refuse_before_filing(doctor: Doctor) -> None:
    """Before the result is filed nothing is printed."""
    doctor.account.refused("IssueNotice", "RESULT_NOT_FILED", input=_identity(doctor))


def refuse_before_result(doctor: Doctor) -> None:
    """Before there is a result there is nothing to see or print."""
    shown = doctor.account.read("Result", "尚无考核结果", id=doctor.assessment_id)
    doctor.account.equal("Result", "result", shown["result"], None)
    doctor.account.refused("IssueNotice", input=_identity(doctor))


def announce(world: World, doctors: list[Doctor]) -> None:
    """The body files the results with the authority and notifies the doctors, all at once."""
    ids = [doctor.assessment_id for doctor in doctors]
    doctors[0].account.refused("FileResults", "FORBIDDEN", input={"assessmentIds": ids})
    _wait_in_results(world, "CONCLUDED", doctors)
    filed = world.body.do("FileResults", "FiledResults", f"考核结果备案（{len(ids)}人）", input={"assessmentIds": ids})
    world.body.equal("FileResults", "states", _states(filed), {"FILED"})
    world.body.refused("FileResults", "INVALID_INPUT", input={"assessmentIds": ids})
    _wait_in_results(world, "FILED", doctors)
    told = world.body.do(
        "NotifyResults", "NotifiedResults", f"短信通知考核结果（{len(ids)}人）", input={"assessmentIds": ids}
    )
    world.body.equal("NotifyResults", "failures", told["failures"], [])
    world.body.equal("NotifyResults", "states", _states(told), {"NOTIFIED"})


def see(doctor: Doctor, verdict: str, dimensions: tuple[str | None, str | None, str | None]) -> Any:
    """The doctor's own query: the verdict, and how each of the three dimensions ended."""
    words = {"QUALIFIED": "合格", "UNQUALIFIED": "不合格", None: "未测评"}
    account = doctor.account
    result = account.read(
        "Result",
        lambda value: f"考核结果：{words[value['result']['verdict']]}。{value['result']['groundText']}",
        id=doctor.assessment_id,
    )["result"]
    account.equal("Result", "verdict", result["verdict"], verdict)
    account.equal("Result", "dimensions", tuple(each["verdict"] for each in result["dimensions"]), dimensions)
    account.equal("Result", "a day for objections", bool(result["objectionUntil"]), True)
    return result


def print_notice(doctor: Doctor, stranger: Doctor, *words: str) -> None:
    """考核结果通知书: a PDF whose Chinese reads back, with the photo; printed again it is the same one."""
    account = doctor.account
    stranger.account.refused("IssueNotice", "NOT_FOUND", input=_identity(doctor))
    notice = account.do("IssueNotice", "Document", lambda value: f"通知书{value['number']}", input=_identity(doctor))
    again = account.do("IssueNotice", "Document", "再次打印，仍为同一份", input=_identity(doctor))
    account.equal("IssueNotice", "the number", again["number"], notice["number"])
    pdf = account.download(notice["downloadUrl"], "下载通知书PDF", token=False)
    text, pictures = _read_pdf(pdf)
    account.holds("GET notice", "the text", text, "考核结果通知书", doctor.name, notice["number"], *words)
    account.equal("GET notice", "a photo in it", pictures > 0, True)
    account.equal("GET notice", "no document number in clear", doctor.document_number in text, False)
    _check(doctor, notice["checkUrl"], notice["number"], "有效")
    tampered = account.get(notice["downloadUrl"][:-4] + "0000", token=False)
    account.equal("GET notice", "a forged link", tampered.status_code in (403, 404), True)


def refuse_certificate(world: World, doctor: Doctor) -> None:
    """There is no certificate of a failed assessment."""
    doctor.account.refused("IssueCertificate", "RESULT_NOT_QUALIFIED", input=_identity(doctor))
    world.authority.refused("SealCertificate", "RESULT_NOT_QUALIFIED", input=_identity(doctor))


def certify(world: World, doctor: Doctor) -> None:
    """合格证书: before the seal it says that it is not in force; the authority seals it, nobody else."""
    account = doctor.account
    world.authority.refused("SealCertificate", "CERTIFICATE_NOT_PRINTED", input=_identity(doctor))
    printed = account.do(
        "IssueCertificate",
        "Document",
        lambda value: f"合格证书{value['number']}（未盖章，未生效）",
        input=_identity(doctor),
    )
    account.equal("IssueCertificate", "state", (printed["state"], printed["inForce"]), ("UNSEALED", False))
    text, _ = _read_pdf(account.download(printed["downloadUrl"], "下载合格证书PDF（未盖章）", token=False))
    account.holds(
        "GET certificate",
        "the text",
        text,
        "合格证书",
        doctor.name,
        "加盖发证机关公章后生效",
        "未加盖公章的，不发生效力",
    )
    _check(doctor, printed["checkUrl"], printed["number"], "未盖章，未生效")
    account.refused("SealCertificate", "FORBIDDEN", input=_identity(doctor))
    world.institution.refused("SealCertificate", "FORBIDDEN", input=_identity(doctor))
    world.body.refused("SealCertificate", "FORBIDDEN", input=_identity(doctor))
    sealed = world.authority.do(
        "SealCertificate", "Document", lambda value: f"{value['sealedBy']}已加盖公章", input=_identity(doctor)
    )
    world.authority.equal("SealCertificate", "state", (sealed["state"], sealed["inForce"]), ("SEALED", True))
    world.authority.refused("SealCertificate", input=_identity(doctor))
    shown = account.read("Result", "合格证书已生效", id=doctor.assessment_id)["result"]["certificate"]
    account.equal("Result", "in force", (shown["inForce"], shown["number"]), (True, printed["number"]))
    pdf = account.download(shown["downloadUrl"], "下载合格证书PDF（已盖章）", token=False)
    text, _ = _read_pdf(pdf)
    account.holds("GET certificate", "the text", text, "合格证书", doctor.name, shown["sealedBy"])
    account.equal("GET certificate", "a signature in the PDF", b"/ByteRange" in pdf, True)
    account.equal("GET certificate", "words of an unsealed one", "未生效" in text, False)
    _check(doctor, shown["checkUrl"], shown["number"], "有效")


def object_and_uphold(world: World, doctor: Doctor) -> None:
    """申请复核 within the days for objections; the body answers with reasons."""
    account = doctor.account
    account.refused("RequestReexamination", "REQUIRED", input={**_identity(doctor), "reason": " "})
    account.do(
        "RequestReexamination", "Result", "申请复核", input={**_identity(doctor), "reason": "对职业道德评定有异议。"}
    )
    answer = {**_identity(doctor), "decision": "UPHELD", "reason": "评定依据充分，维持原结果。"}
    world.institution.refused("DecideReexamination", "FORBIDDEN", input=answer)
    upheld = world.body.do("DecideReexamination", "Result", "复核决定：维持", input=answer)
    world.body.equal("DecideReexamination", "state", upheld["state"], "UPHELD")


def annul(world: World, doctor: Doctor) -> None:
    """撤销: proposed by one officer, confirmed by another; what was printed is revoked, and the check page says so."""
    annulment = {**_identity(doctor), "reason": "经查存在替考行为。"}
    world.body.refused("AnnulResult", "FORBIDDEN", input=annulment)
    before = doctor.account.read("Result", "撤销前", id=doctor.assessment_id)["result"]["certificate"]
    officer, second = world.authority, world.second_authority
    withdrawn = officer.do("AnnulResult", "Proposal", "提出撤销考核结果，待另一人复核", input=annulment)["id"]
    officer.refused("AnnulResult", "PROPOSED_ALREADY", input=annulment)
    ended = officer.do("WithdrawProposal", "Proposal", "撤回", input={"proposalId": withdrawn})
    officer.equal("WithdrawProposal", "the state", ended["state"], "WITHDRAWN")
    proposal = officer.do("AnnulResult", "Proposal", "再次提出撤销考核结果", input=annulment)["id"]
    listed = second.read("Proposals", "待本人复核的事项", view="TO_DECIDE", first=100)["edges"]
    waits = [edge["node"]["effect"]["assessment"]["id"] for edge in listed if edge["node"]["id"] == proposal]
    second.equal("Proposals", "whose result", waits, [doctor.assessment_id])
    preview = second.read("ProposalPreview", "执行前核对", id=proposal)
    effect = preview["effect"]
    second.equal("ProposalPreview", "the verdict that falls", effect["verdictBefore"], "QUALIFIED")
    second.equal("ProposalPreview", "the certificate", before["number"] in effect["revokedDocuments"], True)
    decision = {"proposalId": proposal, "confirm": True, "digest": preview["digest"], "note": "经核实"}
    officer.refused("DecideProposal", "PROPOSER_CANNOT_DECIDE", input=decision)
    world.body.refused("DecideProposal", "FORBIDDEN", input=decision)
    second.refused("DecideProposal", "PROPOSAL_MOVED", input={**decision, "digest": "0" * 64})
    decided = second.do("DecideProposal", "Proposal", "由另一人确认，撤销考核结果", input=decision)
    second.equal("DecideProposal", "the state", decided["state"], "CONFIRMED")
    second.refused("DecideProposal", "PROPOSAL_NOT_OPEN", input=decision)
    annulled = doctor.account.read("Result", "考核结果已撤销，按不合格处理", id=doctor.assessment_id)["result"]
    doctor.account.equal("Result", "the verdict", annulled["verdict"], "UNQUALIFIED")
    _check(doctor, before["checkUrl"], before["number"], "已撤销")


def _check(doctor: Doctor, address: str, number: str, state: str) -> None:
    """The public page behind the QR code: no login, the name masked, the state in words."""
    page = doctor.account.download(address, f"公众查验页：{state}", token=False).decode()
    doctor.account.holds("GET check page", "the page", page, number, state)
    doctor.account.equal("GET check page", "the full name", doctor.name in page, False)


def _wait_in_results(world: World, state: str, doctors: list[Doctor]) -> None:
    missing = {doctor.assessment_id for doctor in doctors}
    after: str | None = None
    while missing:
        page = world.body.read("Results", "考核结果列表", states=[state], first=100, after=after)
        missing -= {edge["node"]["assessment"]["id"] for edge in page["edges"]}
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    world.body.equal("Results", f"everybody in state {state}", missing, set())


def _states(value: Any) -> set[str]:
    return {assessment["result"]["state"] for assessment in value["assessments"]}


def _read_pdf(pdf: bytes) -> tuple[str, int]:
    """The PDF's text without spaces and line breaks, and how many pictures it holds."""
    reader = PdfReader(BytesIO(pdf))
    text = "".join("".join(page.extract_text().split()) for page in reader.pages)
    return text, sum(len(page.images) for page in reader.pages)


def _identity(doctor: Doctor) -> dict[str, str]:
    return {"assessmentId": doctor.assessment_id}
