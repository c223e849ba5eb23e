"""How many SQL statements each documented operation takes: none takes more where there are more rows."""

from collections.abc import Mapping

import pytest

from dingkao.web.operations import load_operations

from .query_counts import DOCUMENT, SIZES, Counts, count, read_table


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def counts(
    database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[int, Counts]:
    databases = request.getfixturevalue(f"{database}_databases")
    folder = tmp_path_factory.mktemp("counts")
    return {size: count(databases, folder, size) for size in SIZES}


def test_every_documented_operation_is_counted(counts: Mapping[int, Counts]) -> None:
    documented = {operation.name for operation in load_operations() if operation.kind != "subscription"}
    assert {size: set(found) for size, found in counts.items()} == dict.fromkeys(SIZES, documented)


def test_no_count_grows_with_the_number_of_rows(counts: Mapping[int, Counts]) -> None:
    different = {
        operation: {size: counts[size][operation] for size in SIZES}
        for operation in counts[SIZES[0]]
        if len({counts[size][operation] for size in SIZES}) > 1
    }
    assert different == {}


def test_the_documents_table_is_what_was_counted(database: str, counts: Mapping[int, Counts]) -> None:
    told = read_table(DOCUMENT.read_text(encoding="utf-8"))
    assert told[database] == counts[SIZES[0]], "run python -m tests.operations.query_counts"
