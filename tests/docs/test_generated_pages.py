"""The generated parts of the documentation are what the code says today."""

import asyncio
from pathlib import Path

import build
import pytest
from building import answers, codes, reference
from building.blocks import BadBlock, calls_in, fill, pages
from building.recorder import OPERATIONS

ROOT = Path(__file__).parents[2]


def test_pages_are_as_they_would_be_built_now() -> None:
    built = build.build(asyncio.run(build.all_makers()))
    assert set(built) == set(pages(ROOT))
    stale = [str(page.relative_to(ROOT)) for page, text in built.items() if page.read_text(encoding="utf-8") != text]
    assert stale == [], "run python docs/build.py"


def _calls(folder: str) -> set[str]:
    return {call for page in (ROOT / folder).rglob("*.md") for call in calls_in(page.read_text(encoding="utf-8"))}


def test_every_operation_stands_on_a_page_for_clients() -> None:
    shown = {call.partition(" ")[2] for call in _calls("docs/clients") if call.startswith("operation ")}
    assert shown == set(OPERATIONS)


def test_every_machine_has_its_diagram() -> None:
    assert {f"machine {name}" for name in reference.MACHINES} <= _calls("docs")


def test_every_machine_of_the_code_is_known_to_the_builder() -> None:
    declared = [
        path
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.endswith("= StateMachine(")
    ]
    assert len(declared) == len(reference.MACHINES)


def test_a_block_that_nothing_makes_is_refused() -> None:
    with pytest.raises(BadBlock, match="nothing makes 'weather'"):
        fill("<!-- generated: weather -->\n<!-- /generated -->\n", {}, "page.md")


def test_a_block_that_does_not_end_is_refused() -> None:
    with pytest.raises(BadBlock, match="1 blocks begin, 0 end"):
        fill("<!-- generated: settings -->\n", reference.makers(), "page.md")


def test_an_answer_that_was_not_given_is_refused() -> None:
    with pytest.raises(BadBlock, match="KeyError"):
        fill("<!-- generated: answer NoSuch -->\n<!-- /generated -->", answers.makers({}), "page.md")


def test_filling_twice_changes_nothing() -> None:
    makers = reference.makers()
    once = fill("text\n<!-- generated: settings -->\n<!-- /generated -->\nmore\n", makers, "page.md")
    assert "DINGKAO_DATABASE_URL" in once
    assert fill(once, makers, "page.md") == once


def test_codes_are_found_with_both_sentences() -> None:
    found = {(entry.shown_as, entry.code): entry for entry in codes.find_codes()}
    closed = found["StateProblem", "FORM_CLOSED"]
    assert closed.zh == "当前状态下不能修改报名信息。"
    assert closed.en == "The registration cannot be changed in the present state."
    overlap = found["StateProblem", "CYCLE_OVERLAPS"]
    assert "时间重叠" in overlap.zh
    assert ("field of ValidationProblem", "PASSWORD_TOO_SHORT") in found
    assert ("import of questions", "STEM_EMPTY") in found
