"""QTI as another reads and writes it: a converter of others makes packages of 3.0 of our 2.1 and of 2.1 of our 3.0, and
the same questions come back."""

from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from qti_convert import downgrade_package, package_to_zip, read_package, upgrade_package

from dingkao.papers.formats import QuestionFormat, read_file, write_file
from dingkao.papers.pictures import PictureFile, PictureIntake
from dingkao.papers.question_groups import check_groups
from dingkao.papers.questions import NewQuestion

from .drawn_pictures import known
from .test_formats import content, questions


def packed(kind: QuestionFormat, made: list[NewQuestion]) -> bytes:
    data, refused = write_file(kind, made)
    assert refused == []
    return data


def read(files: Mapping[str, str | bytes], bank: Mapping[str, PictureFile]) -> list[object]:
    """The questions of a converted package, read by us where the bank holds the pictures."""
    found = list(read_file(QuestionFormat.QTI_3, package_to_zip(files), None, PictureIntake(bank)))
    assert all(isinstance(entry, NewQuestion) for entry in found), found
    return [content(entry) for entry in check_groups(entry for entry in found if isinstance(entry, NewQuestion))]


@given(made=questions())
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_up_and_down_again_gives_the_same_questions(made: list[NewQuestion]) -> None:
    same = [content(question) for question in made]
    bank = known(*(picture for question in made for picture in question.pictures))
    up = upgrade_package(read_package(packed(QuestionFormat.QTI_2, made))).files
    assert any(b"qti-choice-interaction" in _bytes(text) for text in up.values()) is bool(made)
    assert read(up, bank) == same
    for three in (up, read_package(packed(QuestionFormat.QTI_3, made))):
        down = downgrade_package(three)
        # On its way up the converter marks items of several questions for marking by hand, which 2.1 has no word for.
        assert {warning.code for warning in down.warnings} <= {"removed-attribute"}
        assert not any(b"qti-choice-interaction" in _bytes(text) for text in down.files.values())
        assert read(down.files, bank) == same


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
