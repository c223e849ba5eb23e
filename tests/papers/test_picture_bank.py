"""Pictures of questions in the bank: kept once, versions of their own, frozen into papers, and nothing left behind."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dingkao.audit.work import SYSTEM_CALLER
from dingkao.environment import Environment
from dingkao.papers.attempts import start_attempt
from dingkao.papers.bank import QuestionReport
from dingkao.papers.bank_files import import_question_file
from dingkao.papers.bank_lists import export_questions, list_questions
from dingkao.papers.formats import QuestionFormat, write_file
from dingkao.papers.picture_store import ABANDONED_AFTER, known_pictures, placed_pictures, remove_abandoned_pictures
from dingkao.papers.questions import NewQuestion, RawQuestion, check_question
from dingkao.papers.records import read_questions
from dingkao.papers.tables import PictureWrite, Question, StoredPicture
from dingkao.papers.vocabulary import QuestionState
from dingkao.plugin.ports import FileStore, PortFailed
from dingkao.testing.clock import SettableClock
from dingkao.testing.sample import REGION_CODE, SampleProvince, build_sample

from .drawn_pictures import jpeg, png, taken
from .sittings import HUMANITIES, QUESTIONS, Sittings


@pytest.fixture
async def province(environment: Environment) -> SampleProvince:
    return await build_sample(environment)


class WatchedStore:
    """The file store, with a list of what lies in it; after `room_for` writes it is full."""

    def __init__(self, store: FileStore, room_for: int = 100) -> None:
        self._store = store
        self.names: set[str] = set()
        self._room = room_for

    async def put(self, name: str, data: bytes, media_type: str) -> None:
        self._room -= 1
        if self._room < 0:
            raise PortFailed("full")
        await self._store.put(name, data, media_type)
        self.names.add(name)

    async def get(self, name: str) -> bytes:
        return await self._store.get(name)

    async def delete(self, name: str) -> None:
        await self._store.delete(name)
        self.names.discard(name)


def pictured(code: str, stem: str, *pictures: Any, answer: str = "A") -> NewQuestion:
    found = check_question(RawQuestion(1, stem, ["甲", "乙", "丙"], answer, code=code, pictures=pictures))
    assert isinstance(found, NewQuestion), found
    return found


async def take(environment: Environment, questions: Sequence[NewQuestion], **options: Any) -> QuestionReport:
    data, refused = write_file(QuestionFormat.QTI_3, questions)
    assert refused == []
    return await import_question_file(environment, SYSTEM_CALLER, HUMANITIES, data, **options)


async def rows() -> tuple[int, int]:
    """Pictures that are kept, and writes that are not finished."""
    return int(await StoredPicture.count()), int(await PictureWrite.count())


async def test_a_picture_is_kept_once_and_comes_back_unchanged(province: SampleProvince) -> None:
    store = WatchedStore(province.environment.files)
    environment = replace(province.environment, files=store)
    shared = taken("STEM", jpeg(), "心电图")
    questions = [pictured("P1", "问一", shared, taken("B", png(), "乙图")), pictured("P2", "问二", shared)]
    assert (await take(environment, questions)).imported == 2
    assert (await rows(), len(store.names)) == ((2, 0), 2)
    (kept,) = await StoredPicture.objects().where(StoredPicture.media_type == "image/jpeg")
    # What QTI brought was encoded anew: the bytes of the file are not those that are kept.
    assert (kept.width, kept.height, kept.size) == (24, 16, len(await store.get(kept.name)))
    listed = await list_questions(province.authority, HUMANITIES, QuestionState.APPROVED, after=0, limit=10)
    assert [[(each.place, each.alternative_text) for each in record.question.pictures] for record in listed] == [
        [("STEM", "心电图"), ("B", "乙图")],
        [("STEM", "心电图")],
    ]
    exported = await export_questions(environment, SYSTEM_CALLER, HUMANITIES)
    for kind in QuestionFormat:
        if kind is not QuestionFormat.AIKEN:
            data, _ = write_file(kind, exported)
            report = await import_question_file(environment, SYSTEM_CALLER, HUMANITIES, data)
            assert (report.lines, report.imported, report.unchanged, report.refused) == (2, 0, 2, ()), kind
    assert (await rows(), len(store.names)) == ((2, 0), 2)


async def test_another_picture_or_other_words_are_a_new_version(province: SampleProvince) -> None:
    environment = province.environment
    await take(environment, [pictured("P1", "问", taken("STEM", png(), "红"))])
    twin = await take(environment, [pictured("P9", "问", taken("STEM", png()))])
    assert [entry.code for entry in twin.refused] == ["DUPLICATE"]
    # Alike but for the picture is not alike.
    assert (await take(environment, [pictured("P2", "问", taken("STEM", png("blue")))])).imported == 1
    assert (await take(environment, [pictured("P1", "问", taken("STEM", png(), "红色"))])).imported == 1
    versions = await Question.select(Question.version, Question.pictures).where(Question.code == "P1").order_by(
        Question.version
    )  # fmt: skip
    assert [(row["version"], json.loads(row["pictures"])[0]["text"]) for row in versions] == [(1, "红"), (2, "红色")]
    assert await rows() == (2, 0)


async def test_a_refused_import_leaves_nothing_behind(province: SampleProvince) -> None:
    store = WatchedStore(province.environment.files)
    environment = replace(province.environment, files=store)
    good = pictured("P1", "问一", taken("STEM", png()))
    assert (await take(environment, [good])).imported == 1
    before = (await rows(), set(store.names))
    # Refused by what the bank holds, after the files were written.
    twin = pictured("P9", "问一", taken("STEM", png()))
    other = pictured("P3", "问三", taken("STEM", png("blue")))
    assert (await take(environment, [twin, other])).imported == 0
    assert (await rows(), store.names) == before
    # With the good lines alone, what the others brought is not kept either.
    late = pictured("P1", "问一", taken("STEM", png()), taken("A", png("green")))
    draft = await take(environment, [late], draft=True)
    assert draft.imported == 1
    report = await take(environment, [pictured("P1", "又", taken("STEM", png("black"))), other], skip_bad=True)
    assert (report.imported, [entry.code for entry in report.refused]) == (1, ["DRAFT_WAITING"])
    assert await rows() == (3, 0)
    assert len(store.names) == 3


async def test_a_store_that_is_full_leaves_nothing_behind(province: SampleProvince) -> None:
    store = WatchedStore(province.environment.files, room_for=1)
    environment = replace(province.environment, files=store)
    questions = [pictured(colour, colour, taken("STEM", png(colour))) for colour in ("red", "blue", "green")]
    with pytest.raises(PortFailed):
        await take(environment, questions)
    assert (await rows(), store.names, await Question.count()) == ((0, 0), set(), 0)


async def test_what_a_killed_server_leaves_is_removed_by_the_job(
    province: SampleProvince, clock: SettableClock
) -> None:
    store = WatchedStore(province.environment.files)
    environment = replace(province.environment, files=store)
    abandoned = placed_pictures(environment, [pictured("P1", "问", taken("STEM", png()))])
    await abandoned.__aenter__()
    assert (await rows(), len(store.names)) == ((0, 1), 1)
    assert await remove_abandoned_pictures(environment) == 0
    clock.advance(ABANDONED_AFTER + timedelta(seconds=1))
    assert await remove_abandoned_pictures(environment) == 1
    assert (await rows(), store.names) == ((0, 0), set())


async def test_pictures_are_frozen_with_the_paper_and_go_with_their_options(sittings: Sittings) -> None:
    environment = sittings.environment
    questions = [
        pictured(f"P{number}", f"图{number}", taken("C", png()), taken("STEM", jpeg(), "图"), answer="C")
        for number in range(QUESTIONS)
    ]
    assert (await take(environment, questions, replace=True, region_code=REGION_CODE)).imported == QUESTIONS
    doctor = await sittings.doctor()
    paper = (await sittings.papers(doctor))[0]
    attempt = await start_attempt(environment, doctor.caller, paper.id)
    frozen = (await read_questions([attempt]))[0]
    known = {file.id: file for file in (await known_pictures()).values()}
    places = set()
    for question in frozen:
        stem, option = question["pictures"]
        (key,) = [each["key"] for each in question["options"] if each["text"] == "丙"]
        assert (stem["place"], stem["text"], option["place"]) == ("STEM", "图", key)
        assert known[stem["picture"]].digest == stem["digest"]
        places.add(key)
    # By chance all options stay where they are once in three to the tenth.
    assert len(places) > 1
    assert "answer" not in json.dumps(frozen)
