"""Every enumeration of the vocabulary is in the schema once, each of its values described."""

import re
from enum import StrEnum

import pytest

from dingkao.application import load_registry
from dingkao.plugin import enums, vocabulary
from dingkao.plugin.enums import described_enum
from dingkao.schema import assemble
from dingkao.settings import Settings


class Colour(StrEnum):
    RED = "RED"
    GREEN = "GREEN"


def test_every_value_needs_a_description() -> None:
    with pytest.raises(ValueError, match="Colour: no description for GREEN"):
        described_enum(Colour, "Colour. 颜色", {Colour.RED: "Red. 红"})


def test_an_enumeration_is_described_once() -> None:
    with pytest.raises(ValueError, match="registered already"):
        described_enum(vocabulary.Sex, "Sex", dict.fromkeys(vocabulary.Sex, "again"))


def test_vocabulary_is_registered_with_chinese_terms() -> None:
    kinds = [kind for kind in vars(vocabulary).values() if isinstance(kind, type) and issubclass(kind, StrEnum)]
    kinds.remove(StrEnum)
    assert len(kinds) >= 15
    for kind in kinds:
        assert getattr(enums, f"{kind.__name__}Enum") is kind
        definition = kind.__strawberry_definition__  # type: ignore[attr-defined]
        assert definition.name == kind.__name__
        for value in definition.values:
            assert re.search("[\u4e00-\u9fff]", value.description), f"{kind.__name__}.{value.name}"


def test_schema_prints_the_descriptions() -> None:
    printed = assemble(load_registry(Settings())).as_str()
    assert '"""Waived; counts as passed. 免考"""\n  EXEMPT' in printed
