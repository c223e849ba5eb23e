"""Signed links: what they are bound to, how they end, and the key ring's rotation."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from dingkao.crypto.keys import new_key
from dingkao.crypto.ring import KeyRing
from dingkao.storage.signed_links import LinkRefused, is_link, open_link, sign_link

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=300)
OLD, NEW = new_key(), new_key()


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing([OLD])


@pytest.fixture
def query(keys: KeyRing) -> dict[str, str]:
    return query_of(sign_link(keys, "/files/x", "File", 17, 4, UNTIL))


def test_a_link_tells_its_account_until_its_last_second(keys: KeyRing, query: dict[str, str]) -> None:
    assert open_link(keys, "File", 17, query, NOW) == 4
    assert open_link(keys, "File", 17, query, UNTIL) == 4
    with pytest.raises(LinkRefused) as refused:
        open_link(keys, "File", 17, query, UNTIL + timedelta(seconds=1))
    assert refused.value.expired


def test_a_link_keeps_its_path(keys: KeyRing) -> None:
    link = sign_link(keys, "/files/x", "File", 17, 4, UNTIL)
    assert urlsplit(link).path == "/files/x"
    assert is_link(query_of(link))
    assert not is_link({})


@pytest.mark.parametrize(("kind", "object_id"), [("File", 18), ("Document", 17), ("File:1", 7)])
def test_a_link_opens_nothing_else(keys: KeyRing, query: dict[str, str], kind: str, object_id: int) -> None:
    with pytest.raises(LinkRefused) as refused:
        open_link(keys, kind, object_id, query, NOW)
    assert not refused.value.expired


@pytest.mark.parametrize(
    "change",
    [
        {"account": "QWNjb3VudDo1"},
        {"account": "RmlsZTo0"},
        {"account": ""},
        {"expires": str(int(UNTIL.timestamp()) + 1)},
        {"expires": "１"},
        {"expires": "-1"},
        {"expires": "9" * 40},
        {"signature": "0" * 64},
        {"signature": "é"},
        {"signature": ""},
    ],
)
def test_nothing_of_a_link_can_be_changed(keys: KeyRing, query: dict[str, str], change: dict[str, str]) -> None:
    with pytest.raises(LinkRefused) as refused:
        open_link(keys, "File", 17, {**query, **change}, NOW)
    assert not refused.value.expired


@pytest.mark.parametrize("missing", ["account", "expires", "signature"])
def test_no_part_of_a_link_can_be_left_out(keys: KeyRing, query: dict[str, str], missing: str) -> None:
    del query[missing]
    with pytest.raises(LinkRefused):
        open_link(keys, "File", 17, query, NOW)


def test_a_link_outlives_the_rotation_of_its_key_and_not_the_keys_removal(query: dict[str, str]) -> None:
    assert open_link(KeyRing([OLD, NEW]), "File", 17, query, NOW) == 4
    with pytest.raises(LinkRefused):
        open_link(KeyRing([NEW]), "File", 17, query, NOW)
