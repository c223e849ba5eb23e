"""Network addresses, as limits count them: logins, codes by SMS, connections, refusals in the audit. Pure."""

import ipaddress
from functools import lru_cache


def address_group(address: str) -> str:
    """The address as limits count it: an IPv6 network of 64 bits is one subscriber, who changes the rest at will."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        if mapped is not None:
            return str(mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


@lru_cache(maxsize=4096)
def is_hospital(networks: tuple[str, ...], address: str) -> bool:
    """Whether an address is one of a hospital's `networks`: many people stand behind it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network, strict=False) for network in networks)
