"""A region's bank beside the nation's and its neighbours': who writes and reads it, whose papers are drawn from it."""

import json

import pytest

from dingkao.access.rules import Kind, Place, grant_on
from dingkao.assessments.tables import Assessment
from dingkao.audit.work import SYSTEM_CALLER
from dingkao.db.counting import count_queries
from dingkao.environment import Environment
from dingkao.institutions.service import region_by_code
from dingkao.papers.approval import approve_import, approve_questions, retire_questions
from dingkao.papers.attempts import start_attempt
from dingkao.papers.bank import bank_size, import_questions
from dingkao.papers.bank_lists import export_questions, list_questions
from dingkao.papers.composition import Entry
from dingkao.papers.drawing import _Held, _joined
from dingkao.papers.tables import Attempt, Question
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.caller import Caller
from dingkao.plugin.contributions import PaperPlan
from dingkao.plugin.vocabulary import Role
from dingkao.testing.refusals import refused_access, refused_reasons
from dingkao.testing.sample import SampleProvince, build_sample

from .sittings import HUMANITIES, MINUTES, Sittings
from .test_bank import HEAD, detailed

NATION, PROVINCE, COUNTY, NEIGHBOUR = None, "990000", "990101", "990202"


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


async def fill(province: SampleProvince, region: str | None, *stems: str, code: str = "") -> None:
    text = HEAD + "".join(detailed(stem, code=code and f"{code}{place}") for place, stem in enumerate(stems))
    report = await import_questions(
        province.environment, SYSTEM_CALLER, HUMANITIES, text, region_code=region, source=region or "nation"
    )
    assert report.refused == ()


async def people(province: SampleProvince, region: str) -> tuple[Caller, Caller]:
    """An author and an approver of the region's bank."""
    authority = await province.add_organisation(f"{region}卫生健康局", region, authority=True)
    return (
        await province.add_officer(Role.BANK_AUTHOR, authority),
        await province.add_officer(Role.BANK_APPROVER, authority),
    )


async def drawn(sittings: Sittings, region: str) -> list[str]:
    """The stems of a paper that is drawn for a doctor whose assessment is in the region."""
    doctor = await sittings.doctor((PaperPlan(HUMANITIES, 1),))
    found = await region_by_code(region)
    assert found is not None
    await Assessment.update({Assessment.region: found.id}).where(Assessment.id == doctor.assessment_id)
    paper = (await sittings.papers(doctor))[0]
    key = await start_attempt(sittings.environment, doctor.caller, paper.id)
    row = await Attempt.select(Attempt.questions).where(Attempt.id == key).first()
    assert row is not None
    return sorted(question["stem"] for question in json.loads(row["questions"]))


async def test_a_paper_is_drawn_from_the_banks_above_and_from_no_neighbours(province: SampleProvince) -> None:
    sittings = Sittings(province, province.environment)
    for region in (COUNTY, NEIGHBOUR):
        await people(province, region)
    await fill(province, NATION, "全国甲", "同题")
    await fill(province, PROVINCE, "省甲", "同题", code="P")
    await fill(province, COUNTY, "区甲", "同题", code="C")
    await fill(province, NEIGHBOUR, "邻区甲", "同题", "邻区乙")

    async def rule(questions: int, **more: object) -> None:
        small = {"questions": questions, "minutes": MINUTES, "pass_percent": 60}
        await sittings.pin(rules={"HUMANITIES": small, "PROFESSIONAL": small}, face_capture=False, **more)

    await rule(4)
    # What four banks have under one text is asked once.
    assert await drawn(sittings, COUNTY) == sorted(["全国甲", "省甲", "区甲", "同题"])
    asked = await Question.select(Question.id).where((Question.stem == "同题") & (Question.source == COUNTY)).first()
    last = await Attempt.select(Attempt.questions).order_by(Attempt.id, ascending=False).first()
    assert asked is not None
    assert last is not None
    assert asked["id"] in {question["question"] for question in json.loads(last["questions"])}
    await rule(3)
    assert await drawn(sittings, PROVINCE) == sorted(["全国甲", "省甲", "同题"])
    # A change of a bank above is noticed, one of a neighbour's needs no reading.
    await fill(province, NEIGHBOUR, "邻区丙")
    assert await statements_of(sittings, COUNTY) == 0
    await fill(province, NATION, "全国乙")
    assert await statements_of(sittings, COUNTY) == 1
    assert await statements_of(sittings, COUNTY) == 0
    await rule(5)
    assert await drawn(sittings, COUNTY) == sorted(["全国甲", "全国乙", "省甲", "区甲", "同题"])

    await rule(2, upper_banks=False)
    assert await drawn(sittings, COUNTY) == sorted(["区甲", "同题"])
    # The county beside has none of its own: the nearest is the prefecture's, which has none, then the province's.
    await people(province, "990102")
    assert await drawn(sittings, "990102") == sorted(["省甲", "同题"])
    await rule(3, upper_banks=False)
    assert await refused_reasons(drawn(sittings, COUNTY)) == ["BANK_TOO_SMALL"]


async def statements_of(sittings: Sittings, region: str) -> int:
    with count_queries() as queries:
        await drawn(sittings, region)
    return sum("substr(digest" in str(sql) for sql in queries)


async def test_authors_and_approvers_work_in_their_region_and_read_what_is_above(province: SampleProvince) -> None:
    environment = province.environment
    author, approver = await people(province, COUNTY)
    _, neighbour = await people(province, NEIGHBOUR)
    above = await province.add_officer(Role.BANK_APPROVER, province.authority_id)
    nation = await province.add_officer(Role.BANK_APPROVER, None)
    await fill(province, NATION, "全国甲")
    await fill(province, PROVINCE, "省甲", code="Q")
    await fill(province, NEIGHBOUR, "邻区甲")
    report = await import_questions(environment, author, HUMANITIES, HEAD + detailed("区甲", code="Q0"))
    # The code is the province's too: codes are each bank's own.
    assert (report.imported, report.waiting) == (1, True)
    assert report.batch is not None
    named = import_questions(environment, author, HUMANITIES, HEAD + detailed("省乙"), region_code=PROVINCE)
    assert await refused_access(named) == "NOT_FOUND"
    assert await refused_access(approve_import(environment, neighbour, report.batch)) == "NOT_FOUND"

    async def shown(caller: Caller, state: QuestionState = QuestionState.APPROVED) -> set[str]:
        return {each.question.stem for each in await list_questions(caller, HUMANITIES, state, after=0, limit=100)}

    assert await shown(approver, QuestionState.DRAFT) == await shown(above, QuestionState.DRAFT) == {"区甲"}
    assert await shown(neighbour, QuestionState.DRAFT) == set()
    assert await approve_import(environment, approver, report.batch) == (1, 0)
    assert await shown(approver) == await shown(author) == {"全国甲", "省甲", "区甲"}
    assert await shown(neighbour) == {"全国甲", "省甲", "邻区甲"}
    assert await shown(above) == await shown(nation) == {"全国甲", "省甲", "区甲", "邻区甲"}
    sizes = [await bank_size(caller, HUMANITIES) for caller in (approver, neighbour, above, nation)]
    assert sizes == [3, 3, 4, 4]
    keys = {row["stem"]: row["id"] for row in await Question.select(Question.stem, Question.id)}
    for stem, code in (("省甲", "FORBIDDEN"), ("全国甲", "FORBIDDEN"), ("邻区甲", "NOT_FOUND")):
        assert await refused_access(retire_questions(environment, approver, [keys[stem]], "有误")) == code
        assert await refused_access(approve_questions(environment, approver, [keys[stem]])) == code
    assert await refused_access(retire_questions(environment, above, [keys["全国甲"]], "有误")) == "FORBIDDEN"
    exported = await export_questions(environment, author, HUMANITIES)
    assert [question.stem for question in exported] == ["区甲"]
    assert [question.stem for question in await export_questions(environment, nation, HUMANITIES)] == ["全国甲"]
    assert await refused_access(export_questions(environment, author, HUMANITIES, PROVINCE)) == "NOT_FOUND"
    # An approver of the authority above decides for a county that has none.
    assert await retire_questions(environment, above, [keys["区甲"]], "有误") == 1
    assert grant_on(above, Place(region_id=None), kind=Kind.BANK) is None


def test_a_group_of_which_one_question_is_nearer_by_stays_away_whole() -> None:
    def held(key: int, group: str, text: str) -> _Held:
        return _Held(Entry(key, "A3", None, "", "", None, group, key), text)

    near = [held(1, "", "同"), held(2, "1/g", "近")]
    far = [held(3, "g", "同"), held(4, "g", "远"), held(5, "h", "远二"), held(6, "", "近"), held(7, "", "远三")]
    assert [entry.id for entry in _joined([near, far])] == [1, 2, 5, 7]
