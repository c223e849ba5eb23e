"""POST /question-files and GET /question-pictures/{id}: bank files larger than an operation, and their pictures."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from tests.papers.drawn_pictures import jpeg, png, taken
from tests.papers.sittings import QUESTIONS, build_sittings

from dingkao.audit.tables import AuditEntry
from dingkao.papers.attempts import start_attempt
from dingkao.papers.formats import QuestionFormat, write_file
from dingkao.papers.questions import NewQuestion, RawQuestion, check_question
from dingkao.papers.tables import Question
from dingkao.plugin.ids import encode_id
from dingkao.plugin.vocabulary import Role
from dingkao.settings import Settings
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import SampleDoctor, SampleProvince, build_sample
from dingkao.testing.web import Client, running_app, token_for

ClientOf = Callable[..., Awaitable[Client]]
FIRST = """query { bankQuestions(subject: HUMANITIES, state: DRAFT, first: 1) {
  edges { node { stem pictures { url } } } } }"""
PICTURES = """query ($id: ID!) { attempt(id: $id) { questions { position
  pictures { place optionKey alternativeText mediaType width height url } } } }"""


def bank_file(number: int = 1) -> bytes:
    """A package with questions, each with a picture of its own and one that all share."""
    questions = []
    for place in range(number):
        pictures = [taken("STEM", png("red", 20 + place, 12), f"图{place}"), taken("A", jpeg())]
        found = check_question(RawQuestion(1, f"题{place}", ["甲", "乙"], "A", code=f"P{place}", pictures=pictures))
        assert isinstance(found, NewQuestion)
        questions.append(found)
    return write_file(QuestionFormat.QTI_3, questions)[0]


async def send(client: Client, data: bytes, name: str = "题库.zip", **fields: str) -> httpx.Response:
    form = {"subject": "HUMANITIES", **fields}
    return await client.http.post("/question-files", data=form, files={"file": (name, data)})


async def test_an_author_brings_a_file_and_another_person_approves_it(
    province: SampleProvince, client_of: ClientOf
) -> None:
    author = await client_of(province.authority)
    response = await send(author, bank_file(2), source="示范题", format="QTI_3")
    assert response.status_code == httpx.codes.CREATED, response.text
    report = response.json()
    assert (report["lines"], report["imported"], report["refused"]) == (2, 2, [])
    rows = await Question.select(Question.state, Question.source)
    assert [(row["state"], row["source"]) for row in rows] == [("DRAFT", "示范题")] * 2
    own = await author.operation("ApproveQuestions", input={"importId": report["importId"]})
    assert own["__typename"] == "NotEligibleProblem"
    other = await client_of(province.second_authority)
    assert (await other.operation("ApproveQuestions", input={"importId": report["importId"]}))["approved"] == 2
    entry = await AuditEntry.objects().get(AuditEntry.action == "IMPORT_QUESTIONS")
    assert entry.account == province.authority.account_id


async def test_the_report_lists_refused_lines(province: SampleProvince, client_of: ClientOf) -> None:
    author = await client_of(province.authority)
    table = "题干,甲,乙,答案\n好题,一,二,A\n坏题,一,二,C\n看图![](https://example.org/a.png),一,二,A\n"
    columns = {"stemColumn": "题干", "optionColumns": ["甲", "乙"], "answerColumn": "答案"}
    response = await author.http.post(
        "/question-files",
        data={"subject": "PROFESSIONAL", "skipBad": "true", **columns},
        files={"file": ("a.csv", table.encode())},
    )
    report = response.json()
    assert (response.status_code, report["imported"]) == (201, 1)
    assert [(line["line"], line["column"], line["code"]) for line in report["refused"]] == [
        (3, "答案", "ANSWER_NO_OPTION"),
        (4, "题干", "PICTURE_REMOTE"),
    ]
    assert [(remark["line"], remark["code"]) for remark in report["remarks"]] == [(2, "OPTIONS_UNUSUAL")]
    again = await author.http.post(
        "/question-files", data={"subject": "PROFESSIONAL", **columns}, files={"file": ("a.csv", table.encode())}
    )
    assert (again.status_code, again.json()["importId"], again.json()["imported"]) == (200, None, 0)


async def test_what_is_no_form_is_told_so(province: SampleProvince, client_of: ClientOf) -> None:
    author = await client_of(province.authority)

    def codes(response: httpx.Response) -> list[tuple[str, str]]:
        assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY, response.text
        return [(error["path"], error["code"]) for error in response.json()["errors"]]

    assert codes(await send(author, b"x", subject="NONSENSE", format="PDF")) == [
        ("subject", "NOT_ONE_OF"),
        ("format", "NOT_ONE_OF"),
    ]
    assert codes(await send(author, b"x", replace="vielleicht")) == [("replace", "NO_TRUTH")]
    assert codes(await send(author, b"PK\x03\x04 damaged")) == [("file", "BAD_ZIP")]
    nothing = await author.http.post("/question-files", data={"subject": "HUMANITIES"}, files={"other": b""})
    assert codes(nothing) == [("file", "FILE_MISSING")]
    assert (await author.http.post("/question-files", content=b"x")).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    broken = {"Content-Type": "multipart/form-data"}
    assert (await author.http.post("/question-files", content=b"x", headers=broken)).status_code == 400
    assert await Question.count() == 0


async def test_only_authors_bring_files(province: SampleProvince, doctor: SampleDoctor, client_of: ClientOf) -> None:
    approver = await province.add_officer(Role.BANK_APPROVER, province.authority_id)
    for caller, status in (
        (None, 401), (doctor.caller, 403), (province.body, 403), (province.institution, 403), (approver, 403),
    ):  # fmt: skip
        response = await send(await client_of(caller), b"never read")
        assert response.status_code == status
    first = await client_of(province.authority, first_login=True)
    assert (await send(first, b"never read")).json()["errors"][0]["code"] == "FIRST_LOGIN_REQUIRED"
    assert await Question.count() == 0


@pytest.fixture
async def small(settings: Settings, clock: SettableClock) -> AsyncIterator[Starlette]:
    async with running_app(settings.model_copy(update={"bank_file_megabytes": 1}), clock) as app:
        yield app


async def test_a_file_above_the_setting_is_refused_unread(small: Starlette) -> None:
    province = await build_sample(small.state.environment)
    author = Client(small, await token_for(small.state.environment, province.authority.account_id))
    response = await send(author, b"x" * (1024 * 1024 + 65 * 1024))
    assert (response.status_code, response.json()["errors"][0]["code"]) == (413, "FILE_TOO_LARGE")


async def test_an_attempt_shows_its_pictures_to_its_doctor_alone(
    app: Starlette, clock: SettableClock, client_of: ClientOf
) -> None:
    sittings = await build_sittings(app.state.environment)
    province = sittings.province
    author, approver = await client_of(province.authority), await client_of(province.second_authority)
    report = (await send(author, bank_file(QUESTIONS), replace="true")).json()
    in_bank = await approver.value(FIRST)
    (_, address) = (picture["url"] for picture in in_bank["edges"][0]["node"]["pictures"])
    nobody = await client_of(None)
    assert (await nobody.http.get(address)).headers["content-type"] == "image/jpeg"
    await approver.operation("ApproveQuestions", input={"importId": report["importId"]})
    doctor = await sittings.doctor()
    attempt = await start_attempt(app.state.environment, doctor.caller, (await sittings.papers(doctor))[0].id)
    opaque = encode_id("Attempt", attempt)
    candidate = await client_of(doctor.caller)
    questions = (await candidate.value(PICTURES, id=opaque))["questions"]
    stem, option = questions[0]["pictures"]
    assert (stem["place"], stem["optionKey"], stem["mediaType"], stem["height"]) == ("STEM", None, "image/png", 12)
    assert (option["place"], option["optionKey"] in ("A", "B"), option["width"]) == ("OPTION", True, 24)
    # The same address at each asking: a client keeps what it has loaded.
    assert (await candidate.value(PICTURES, id=opaque))["questions"] == questions
    shown = await nobody.http.get(stem["url"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["cache-control"].startswith("private, max-age=")
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "sandbox" in shown.headers["content-security-policy"]
    # Neither the address without its signature, nor another picture with it.
    path, _, query = stem["url"].partition("?")
    assert (await candidate.http.get(path)).status_code == 404
    assert (await nobody.http.get(f"{option['url'].partition('?')[0]}?{query}")).status_code == 403
    # Staff who watch the sitting see no question, and so no picture.
    watching = await client_of(province.body)
    assert (await watching.value(PICTURES, id=opaque))["questions"] is None
    # It opens as long as the attempt may run, and no longer.
    clock.advance(timedelta(minutes=29))
    assert (await nobody.http.get(stem["url"])).status_code == 200
    assert (await nobody.http.get(address)).status_code == 403
    clock.advance(timedelta(minutes=5))
    gone = await nobody.http.get(stem["url"])
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (403, "LINK_EXPIRED")
