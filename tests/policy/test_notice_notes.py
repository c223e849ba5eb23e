"""Sentences that a region has printed on the notice of the result."""

import pytest

from dingkao.plugin.national import CORE_SECTIONS, DocumentsPolicy
from dingkao.plugin.policy import PolicyError, PolicyLayer, stack


def with_notes(notes: list[str]) -> DocumentsPolicy:
    layer = PolicyLayer("990000", "test", "1", "test", {"documents.notice_notes": notes})
    return stack(CORE_SECTIONS, [layer]).section(DocumentsPolicy)


def test_there_are_none_unless_a_region_has_some() -> None:
    assert DocumentsPolicy().notice_notes == ()
    assert with_notes(["请妥善保管。"]).notice_notes == ("请妥善保管。",)


@pytest.mark.parametrize("notes", [[""], ["长" * 201], ["请妥善保管。"] * 6])
def test_neither_blank_nor_long_nor_many(notes: list[str]) -> None:
    with pytest.raises(PolicyError, match="notice_notes"):
        with_notes(notes)
