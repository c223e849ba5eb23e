"""Papers through the operations that clients copy: what is shown, to whom, and that no right answer is among it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from dingkao.audit.work import SYSTEM_CALLER
from dingkao.context import CoreContext
from dingkao.db.counting import count_queries
from dingkao.host.services import CoreServices
from dingkao.papers.answers import GivenAnswer, save_answers
from dingkao.papers.attempts import start_attempt
from dingkao.papers.bank import import_questions
from dingkao.papers.tables import Attempt
from dingkao.plugin.caller import Caller
from dingkao.plugin.errors import Forbidden, NotFound, NotLoggedIn
from dingkao.plugin.ids import encode_id
from dingkao.plugin.text import Language
from dingkao.plugin.vocabulary import PaperSubject
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor
from dingkao.testing.shared import shared_schema
from dingkao.web.execution import Executor
from dingkao.web.operations import load_operations

from .sittings import GRACE_SECONDS, MINUTES, QUESTIONS, Sittings
from .test_bank import file, row
from .test_question_file import written

OPERATIONS = {operation.name: operation.text for operation in load_operations()}
OVER = timedelta(minutes=MINUTES, seconds=GRACE_SECONDS, microseconds=1)
NODE = """query Node($id: ID!) { node(id: $id) { __typename id
  ... on Paper { subject paperState: state runningAttempt { id questions { stem } } attempts { questions { stem } } }
  ... on Attempt { state secondsLeft questions { position stem options { key text } answer { choice } } } } }"""


class Client:
    """Runs an operation as an account, as the HTTP view does."""

    def __init__(self, sittings: Sittings) -> None:
        self.environment = sittings.environment
        self.executor = Executor(shared_schema(sittings.environment.registry))

    async def run(
        self, caller: Caller | None, text: str, language: Language = Language.CHINESE, **variables: Any
    ) -> Any:
        """The one field's answer; a top-level error is raised as what it was."""
        services = CoreServices(self.environment)
        context = CoreContext(self.environment, caller, language, services, "test", "127.0.0.1")
        outcome = await self.executor.run(OPERATIONS.get(text, text), variables, None, context)
        for error in outcome.errors:
            raise error.original_error or error
        assert outcome.data is not None
        (answer,) = outcome.data.values()
        return answer


@pytest.fixture
def client(sittings: Sittings) -> Client:
    return Client(sittings)


def identity(doctor: SampleDoctor) -> str:
    return encode_id("Assessment", doctor.assessment_id)


def choices(attempt: Mapping[str, Any], right: int, sequence: int = 1) -> list[dict[str, Any]]:
    """An answer to every question of an attempt, `right` of them right."""
    return [
        {
            "position": question["position"],
            "choice": Sittings.choice(question, question["position"] <= right),
            "sequence": sequence,
        }
        for question in attempt["questions"]
    ]


async def test_a_paper_is_sat_by_the_operations_alone(sittings: Sittings, client: Client) -> None:
    doctor = await sittings.doctor()
    caller = doctor.caller
    shown = await client.run(caller, "Papers", id=identity(doctor))
    first, second = shown["papers"]
    assert (first["subject"], first["state"], first["attemptsLeft"]) == ("HUMANITIES", "AVAILABLE", 1)
    assert (first["minutes"], first["questionCount"], second["state"]) == (MINUTES, QUESTIONS, "LOCKED")
    started = await client.run(caller, "StartAttempt", input={"paperId": first["id"]})
    assert (started["__typename"], started["secondsLeft"], started["number"]) == ("Attempt", MINUTES * 60, 1)
    assert [question["answer"] for question in started["questions"]] == [None] * QUESTIONS
    saved = await client.run(caller, "SaveAnswers", input={"attemptId": started["id"], "answers": choices(started, 6)})
    assert (saved["__typename"], len(saved["answers"])) == ("AnswersSaved", QUESTIONS)
    again = await client.run(caller, "Attempt", id=started["id"])
    assert [q["answer"]["choice"] for q in again["questions"]] == [a["choice"] for a in choices(started, 6)]
    resumed = await client.run(caller, "StartAttempt", input={"paperId": first["id"]})
    assert resumed["id"] == started["id"]
    marked = await client.run(caller, "SubmitAttempt", input={"attemptId": started["id"]})
    assert (marked["state"], marked["scorePercent"], marked["passed"]) == ("MARKED", 60, True)
    assert await client.run(caller, "SubmitAttempt", input={"attemptId": started["id"]}) == marked
    after = await client.run(caller, "Papers", id=identity(doctor))
    assert [paper["state"] for paper in after["papers"]] == ["PASSED", "AVAILABLE"]
    assert (after["state"], after["papers"][0]["runningAttempt"]) == ("TESTING", None)


async def test_nothing_that_is_shown_depends_on_the_key(sittings: Sittings, client: Client) -> None:
    doctor = await sittings.doctor()
    (paper, _) = (await client.run(doctor.caller, "Papers", id=identity(doctor)))["papers"]
    started = await client.run(doctor.caller, "StartAttempt", input={"paperId": paper["id"]})
    answers = choices(started, 5)

    async def everything(sequence: int) -> str:
        """All that a client can be told while the paper is sat."""
        save = {
            "attemptId": started["id"],
            "answers": [{**answer, "sequence": sequence} for answer in answers],
        }
        told = [
            await client.run(doctor.caller, "StartAttempt", input={"paperId": paper["id"]}),
            await client.run(doctor.caller, "SaveAnswers", input=save),
            await client.run(doctor.caller, "Papers", id=identity(doctor)),
            await client.run(doctor.caller, "Attempt", id=started["id"]),
            await client.run(doctor.caller, "Home"),
            await client.run(doctor.caller, NODE, id=started["id"]),
            await client.run(doctor.caller, NODE, id=paper["id"]),
        ]
        told[1]["revision"] = None  # every save has a number of its own
        return json.dumps(told, ensure_ascii=False, default=str)

    await everything(7)
    before = await everything(7)
    (attempt,) = await Attempt.select(Attempt.id, Attempt.answer_key)
    moved = {place: "ABCD"[("ABCD".index(key) + 1) % 4] for place, key in json.loads(attempt["answer_key"]).items()}
    await Attempt.update({Attempt.answer_key: json.dumps(moved)}).where(Attempt.id == attempt["id"])
    assert await everything(7) == before


def test_no_type_has_a_place_for_a_right_answer(sittings: Sittings, client: Client) -> None:
    types = client.executor._schema.type_map
    fields = {
        name: set(kind.fields)
        for name, kind in types.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType)
        and not name.startswith("__")
    }
    assert fields["AttemptQuestion"] == {
        "position", "type", "group", "sharedStem", "stem", "options", "pictures", "answer",
    }  # fmt: skip
    assert fields["QuestionOption"] == {"key", "text"}
    assert fields["SavedAnswer"] == {"position", "choice", "sequence", "savedAt"}
    assert fields["QuestionBank"] == {"subject", "count"}
    # Only the import, which a client sends, speaks of right answers.
    words = ("correct", "right", "solution", "answerkey", "answercolumn")
    found = {
        (name, field) for name, names in fields.items() for field in names for word in words if word in field.lower()
    }
    assert found == {("ImportQuestionsInput", "answerColumn")}
    showing = {
        name
        for name, kind in types.items()
        if isinstance(kind, GraphQLObjectType) and {"stem", "options"} & set(kind.fields)
    }
    # The bank's own type, which has a key, is read by the authority alone; so is the stem of a question to be voided.
    assert showing == {"AttemptQuestion", "BankQuestion", "QuestionVoidingEffect"}
    assert "options" not in fields["QuestionVoidingEffect"]


async def test_questions_are_the_doctors_while_he_answers(sittings: Sittings, client: Client) -> None:
    doctor, other = await sittings.doctor(), await sittings.doctor()
    province = sittings.province
    paper = (await sittings.papers(doctor))[0]
    opaque = encode_id("Attempt", await start_attempt(sittings.environment, doctor.caller, paper.id))
    for staff in (province.institution, province.body, province.authority):
        seen = await client.run(staff, "Attempt", id=opaque)
        assert (seen["state"], seen["questions"]) == ("IN_PROGRESS", None)
        node = await client.run(staff, NODE, id=encode_id("Paper", paper.id))
        assert node["runningAttempt"]["questions"] is None
        assert [attempt["questions"] for attempt in node["attempts"]] == [None]
    for nothing in (opaque, encode_id("Attempt", 999_999), encode_id("Paper", paper.id), "nonsense"):
        with pytest.raises(NotFound):
            await client.run(other.caller, "Attempt", id=nothing)
    with pytest.raises(NotLoggedIn):
        await client.run(None, "Attempt", id=opaque)
    assert len((await client.run(doctor.caller, NODE, id=opaque))["questions"]) == QUESTIONS
    await client.run(doctor.caller, "SubmitAttempt", input={"attemptId": opaque, "confirmed": True})
    assert (await client.run(doctor.caller, "Attempt", id=opaque))["questions"] is None
    assert (await client.run(doctor.caller, NODE, id=opaque))["questions"] is None


@pytest.mark.parametrize("look", ["Papers", "Attempt"])
async def test_a_doctor_who_looks_finds_the_paper_submitted_when_time_is_up(
    sittings: Sittings, client: Client, clock: SettableClock, look: str
) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await sittings.answer(doctor, attempt, right=10)
    target = identity(doctor) if look == "Papers" else encode_id("Attempt", attempt)
    clock.advance(timedelta(minutes=MINUTES, seconds=GRACE_SECONDS))
    seen = await client.run(doctor.caller, look, id=target)
    running = seen["papers"][0]["runningAttempt"] if look == "Papers" else seen
    assert running["secondsLeft"] == 0
    assert await sittings.states(doctor) == ["IN_PROGRESS", "LOCKED"]
    clock.advance(timedelta(microseconds=1))
    # A colleague's look moves nothing.
    await client.run(sittings.province.body, look, id=target)
    assert await sittings.states(doctor) == ["IN_PROGRESS", "LOCKED"]
    seen = await client.run(doctor.caller, look, id=target)
    shown = seen["papers"][0]["attempts"][0] if look == "Papers" else seen
    assert (shown["state"], shown["timedOut"], shown["scorePercent"]) == ("MARKED", True, 100)
    assert await sittings.states(doctor) == ["PASSED", "AVAILABLE"]


async def test_refusals_are_data_in_both_languages(sittings: Sittings, client: Client, clock: SettableClock) -> None:
    doctor = await sittings.doctor()
    first, second = (encode_id("Paper", paper.id) for paper in await sittings.papers(doctor))
    locked = await client.run(doctor.caller, "StartAttempt", input={"paperId": second})
    assert (locked["__typename"], locked["code"], locked["currentState"]) == ("StateProblem", "PAPER_LOCKED", "LOCKED")
    assert locked["message"] == "请先完成前一张试卷，合格后方可作答本试卷。"
    english = await client.run(doctor.caller, "StartAttempt", Language.ENGLISH, input={"paperId": second})
    assert english["message"] == "Pass the paper before this one first."
    await sittings.pin(face_capture=True)
    missing = await client.run(doctor.caller, "StartAttempt", input={"paperId": first})
    assert missing["__typename"] == "NotEligibleProblem"
    assert [reason["code"] for reason in missing["reasons"]] == ["FACE_CONSENT_MISSING", "FACE_CAPTURE_MISSING"]
    consent = {"assessmentId": identity(doctor), "textVersion": "none"}
    outdated = await client.run(doctor.caller, "GiveFaceConsent", input=consent)
    assert [field["code"] for field in outdated["fields"]] == ["CONSENT_TEXT_OUTDATED"]
    asked = (await client.run(doctor.caller, "Papers", id=identity(doctor)))["faceConsent"]
    assert (asked["required"], asked["givenAt"]) == (True, None)
    consent["textVersion"] = asked["textVersion"]
    given = await client.run(doctor.caller, "GiveFaceConsent", input=consent)
    assert (given["__typename"], given["givenAt"] is not None, given["capturedAt"]) == ("FaceConsent", True, None)
    await sittings.pin(face_capture=False)
    started = await client.run(doctor.caller, "StartAttempt", input={"paperId": first})
    bad = [{"position": 1, "choice": "Z", "sequence": 1}, {"position": 99, "choice": None, "sequence": 1}]
    refused = await client.run(doctor.caller, "SaveAnswers", input={"attemptId": started["id"], "answers": bad})
    assert [(field["path"], field["code"]) for field in refused["fields"]] == [
        ("answers.0.choice", "NO_SUCH_OPTION"),
        ("answers.1.position", "NO_SUCH_QUESTION"),
    ]
    clock.advance(OVER)
    late = await client.run(
        doctor.caller, "SaveAnswers", input={"attemptId": started["id"], "answers": choices(started, 0)}
    )
    assert (late["code"], late["message"]) == ("TIME_IS_UP", "答题时间已到，试卷已自动提交。")


async def test_a_cleared_answer_is_empty(sittings: Sittings, client: Client) -> None:
    doctor = await sittings.doctor()
    attempt = await start_attempt(sittings.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    await save_answers(sittings.environment, doctor.caller, attempt, [GivenAnswer(1, "A", 1)])
    opaque = encode_id("Attempt", attempt)
    cleared = {"attemptId": opaque, "answers": [{"position": 1, "choice": None, "sequence": 2}]}
    saved = await client.run(doctor.caller, "SaveAnswers", input=cleared)
    assert [(answer["choice"], answer["sequence"]) for answer in saved["answers"]] == [("", 2)]
    assert (await client.run(doctor.caller, "Attempt", id=opaque))["questions"][0]["answer"]["choice"] == ""


async def test_no_operation_takes_more_queries_for_a_longer_paper(sittings: Sittings, client: Client) -> None:
    counts = []
    for questions in (10, 100):
        rule = {"questions": questions, "minutes": MINUTES, "pass_percent": 60}
        await sittings.pin(rules=dict.fromkeys(PaperSubject, rule))
        if questions == 100:
            await _more(sittings, client)
        doctor = await sittings.doctor()
        paper = encode_id("Paper", (await sittings.papers(doctor))[0].id)
        taken = {}
        # The cycle's new policy is read once, by whoever is first.
        await client.run(doctor.caller, "Papers", id=identity(doctor))
        with count_queries() as queries:
            started = await client.run(doctor.caller, "StartAttempt", input={"paperId": paper})
        taken["StartAttempt"] = len(queries)
        save = {"attemptId": started["id"], "answers": choices(started, 0)}
        for operation, variables in (
            ("SaveAnswers", {"input": save}),
            ("Attempt", {"id": started["id"]}),
            ("Papers", {"id": identity(doctor)}),
            ("SubmitAttempt", {"input": {"attemptId": started["id"]}}),
        ):
            with count_queries() as queries:
                await client.run(doctor.caller, operation, **variables)
            taken[operation] = len(queries)
        counts.append(taken)
    assert counts[0] == counts[1]
    assert counts[0]["SaveAnswers"] == 3
    assert counts[0]["Attempt"] <= 4


async def _more(sittings: Sittings, client: Client) -> None:
    text = file(*range(1000, 1100))
    await import_questions(sittings.environment, SYSTEM_CALLER, PaperSubject.HUMANITIES, text)


async def test_the_authority_imports_and_counts(sittings: Sittings, client: Client) -> None:
    authority = sittings.province.authority
    bank = await client.run(authority, "QuestionBank", subject="HUMANITIES")
    assert bank == {"subject": "HUMANITIES", "count": 25}
    text = written(row(1), row(2, "E"))
    done = await client.run(authority, "ImportQuestions", input={"subject": "HUMANITIES", "csv": text})
    assert (done["imported"], done["lines"]) == (0, 2)
    assert done["refused"] == [
        {"line": 3, "column": "Answer", "code": "ANSWER_NO_OPTION", "message": "答案不是任何一个选项。"}
    ]
    few = {"subject": "HUMANITIES", "csv": written(["3", "题", "甲", "乙", "", "", "A"])}
    few = await client.run(authority, "ImportQuestions", input=few)
    assert [(remark["line"], remark["code"]) for remark in few["remarks"]] == [(2, "OPTIONS_UNUSUAL")]
    skipping = {"subject": "HUMANITIES", "csv": text, "skipBad": True, "replace": True}
    done = await client.run(authority, "ImportQuestions", input=skipping)
    assert (done["imported"], done["lines"]) == (1, 2)
    # A draft until another officer approves it, which retires what it replaces.
    assert (await client.run(authority, "QuestionBank", subject="HUMANITIES"))["count"] == 25
    approval = {"importId": done["importId"]}
    own = await client.run(authority, "ApproveQuestions", input=approval)
    assert [reason["code"] for reason in own["reasons"]] == ["OWN_QUESTION"]
    approved = await client.run(sittings.province.second_authority, "ApproveQuestions", input=approval)
    assert (approved["approved"], approved["retired"]) == (1, 25)
    again = await client.run(sittings.province.second_authority, "ApproveQuestions", input=approval)
    assert (again["code"], again["currentState"]) == ("NOTHING_WAITS", "APPROVED")
    page = await client.run(authority, "BankQuestions", subject="HUMANITIES", state="APPROVED")
    (shown,) = [edge["node"] for edge in page["edges"]]
    assert (shown["stem"], shown["key"], shown["type"], shown["version"]) == ("第1题", "A", "A1", 1)
    assert (await client.run(authority, "QuestionBank", subject="HUMANITIES"))["count"] == 1
    # A file of another format, as Base64: recognised, or named.
    for more in ({"fileName": "bank.gift"}, {"format": "GIFT"}):
        gift = f"从文件来的题{next(iter(more))} {{=甲 ~乙 ~丙 ~丁}}\n\n只有一个选项的题 {{=甲}}\n"
        sent = {"subject": "HUMANITIES", "file": b64encode(gift.encode()).decode(), "skipBad": True}
        done = await client.run(authority, "ImportQuestions", input={**sent, **more})
        assert (done["imported"], len({entry["line"] for entry in done["refused"]})) == (1, 1)
    for bad, code in ((sent | {"csv": text}, "ONE_FILE"), ({"subject": "HUMANITIES"}, "ONE_FILE"),
                      (sent | {"file": "?"}, "BAD_BASE64"), (sent | {"format": "XLSX"}, "NO_WORKBOOK")):  # fmt: skip
        refused = await client.run(authority, "ImportQuestions", input=bad)
        assert [field["code"] for field in refused["fields"]] == [code]
    other = await client.run(authority, "ImportQuestions", input={"subject": "HUMANITIES", "csv": "题干,答案\n"})
    assert {field["code"] for field in other["fields"]} == {"COLUMN_MISSING"}
    for caller in (sittings.province.body, (await sittings.doctor()).caller):
        with pytest.raises(Forbidden):
            await client.run(caller, "QuestionBank", subject="HUMANITIES")
        with pytest.raises(Forbidden):
            await client.run(caller, "ImportQuestions", input=skipping)
        with pytest.raises(Forbidden):
            await client.run(caller, "BankQuestions", subject="HUMANITIES", state="APPROVED")
        with pytest.raises(Forbidden):
            await client.run(caller, "ApproveQuestions", input=approval)
        with pytest.raises(Forbidden):
            await client.run(caller, "RetireQuestions", input={"questionIds": [shown["id"]], "reason": "有误"})
