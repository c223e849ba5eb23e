"""Who is asking, where a proxy stands between: its headers are believed of the proxies of a list, and of nobody else.

Whoever can write X-Forwarded-For without being asked who he is chooses the address that throttling counts and that the
audit keeps (ASVS 5.0, 4.1.3). So the list is empty until an operator writes one, loopback included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_SCHEMES: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the client's address, and the scheme and host that the client used."""

    address: str
    scheme: str
    host: str


class TrustedProxies:
    """The proxies whose X-Forwarded-For, -Proto and -Host are believed; `networks` are addresses or CIDR blocks."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in networks]

    def origin(self, peer: str, scheme: str, headers: Sequence[tuple[bytes, bytes]]) -> Origin:
        """What is true of a request that came from `peer`, the other end of the connection, with `headers`.

        X-Forwarded-For is read from the right, as each proxy appends whom it saw: the first address that is no trusted
        proxy is the client. What is no address ends the reading. Of -Proto and -Host the last value counts, which the
        nearest proxy wrote.
        """
        host = _last(headers, b"host")
        if not self._networks or not self._trusts(_address(peer)):
            return Origin(peer, scheme, host)
        forwarded = _last(headers, b"x-forwarded-proto").lower()
        return Origin(
            self._client(peer, headers),
            forwarded if forwarded in _SCHEMES else scheme,
            _last(headers, b"x-forwarded-host") or host,
        )

    def _client(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        hops = [value for name, values in headers if name == b"x-forwarded-for" for value in values.split(b",")]
        seen = peer
        for hop in reversed(hops):
            address = _address(_without_port(hop.decode("latin-1").strip()))
            if address is None:
                break
            seen = str(address)
            if not self._trusts(address):
                break
        return seen

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(_holds(network, address) for network in self._networks)


def host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    return _without_port(host).lower().rstrip(".")


def check_networks(networks: Sequence[str]) -> None:
    """Raises ValueError, with what to write, where one is no address or network, or is everybody."""
    for network in networks:
        try:
            parsed = ip_network(network, strict=False)
        except ValueError:
            raise ValueError(f"{network!r} is no address or network; write 10.0.0.5 or 10.0.0.0/24") from None
        if parsed.prefixlen == 0:
            raise ValueError(f"{network} is every address there is; name the proxies")


def _holds(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return address.version == network.version and address in network


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; an IPv4 one that an IPv6 socket shows as ::ffff:… is the IPv4 one. None: it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _last(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    found = [value for key, value in headers if key == name]
    return found[-1].decode("latin-1").split(",")[-1].strip() if found else ""
