"""Whose word is believed about where a request comes from."""

import pytest

from dingkao.proxies import Origin, TrustedProxies, host_name
from dingkao.settings import BadSettings, load_settings

PROXIES = TrustedProxies(["10.0.0.0/24", "2001:db8::1", "192.0.2.7"])


def origin(peer: str, *forwarded: str, **headers: str) -> Origin:
    sent = [(b"host", b"dingkao.example"), *((b"x-forwarded-for", each.encode("latin-1")) for each in forwarded)]
    sent += [(f"x-forwarded-{name}".encode(), value.encode()) for name, value in headers.items()]
    return PROXIES.origin(peer, "http", sent)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        # Nobody stands between, or nobody who is trusted: nothing is believed.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("", ["198.51.100.1"], ""),
        ("testclient", ["198.51.100.1"], "testclient"),
        # A trusted proxy tells whom it saw.
        ("10.0.0.5", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.5", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::1", ["2001:db8:9::3"], "2001:db8:9::3"),
        # What the client itself had written stands to the left of that.
        ("10.0.0.5", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.5", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.5", ["10.0.0.9, 198.51.100.1"], "198.51.100.1"),
        # A chain of trusted proxies is walked through.
        ("10.0.0.5", ["1.2.3.4, 198.51.100.1, 192.0.2.7, 10.0.0.6"], "198.51.100.1"),
        ("10.0.0.5", ["10.0.0.7, 10.0.0.6"], "10.0.0.7"),
        # With ports, and in brackets.
        ("10.0.0.5", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.5", ["[2001:db8:9::3]:4711"], "2001:db8:9::3"),
        # What is no address ends the reading where it stands.
        ("10.0.0.5", ["198.51.100.1, unknown"], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.1, _hidden, 10.0.0.6"], "10.0.0.6"),
        ("10.0.0.5", [""], "10.0.0.5"),
        ("10.0.0.5", ["' OR 1=1 --"], "10.0.0.5"),
    ],
)
def test_the_address_of_the_client(peer: str, forwarded: list[str], address: str) -> None:
    assert origin(peer, *forwarded).address == address


def test_scheme_and_host() -> None:
    told = origin("10.0.0.5", "198.51.100.1", proto="https", host="evil.example, portal.example")
    assert told == Origin("198.51.100.1", "https", "portal.example")
    assert origin("10.0.0.5", proto="gopher") == Origin("10.0.0.5", "http", "dingkao.example")
    assert origin("203.0.113.9", proto="https", host="evil.example") == Origin("203.0.113.9", "http", "dingkao.example")


def test_without_a_list_nobody_is_believed() -> None:
    headers = [(b"host", b"a.example"), (b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-host", b"b.example")]
    for peer in ("127.0.0.1", "::1", "10.0.0.5"):
        assert TrustedProxies([]).origin(peer, "http", headers) == Origin(peer, "http", "a.example")


def test_names_of_hosts() -> None:
    names = ["dingkao.example", "DingKao.Example:8443", "dingkao.example."]
    assert {host_name(name) for name in names} == {"dingkao.example"}
    assert host_name("[2001:db8::1]:8000") == "2001:db8::1"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("nginx", "'nginx' is no address or network; write 10.0.0.5 or 10.0.0.0/24"),
        ("10.0.0.0/40", "'10.0.0.0/40' is no address or network"),
        ("*", "'*' is no address or network"),
        ("10.0.0.1,0.0.0.0/0", "0.0.0.0/0 is every address there is; name the proxies"),
        ("::/0", "::/0 is every address there is"),
    ],
)
def test_a_list_that_cannot_be_used(value: str, complaint: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load_settings(trusted_proxies=value)
    assert "DINGKAO_TRUSTED_PROXIES" in str(refused.value)
    assert complaint in str(refused.value)
