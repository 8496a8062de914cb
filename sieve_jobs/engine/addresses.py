"""Which addresses the engine may send to. Judged by the address alone, whatever name or spelling led to it. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Our own table: Python's `is_global` is true for some of these, and differs from release to release.
_CLOSED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
"""Global unicast: loopback, link-local, site-local, unique local, multicast and NAT64 lie outside."""
_CLOSED_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Within it: Teredo and ORCHID, examples, 6to4, which carries any IPv4 address."""
_LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
_ALLOWANCE = re.compile(r"\[(?P<six>[^\]]+)\](?::(?P<port6>\d+))?|(?P<four>[0-9./]+)(?::(?P<port4>\d+))?|(?P<bare>.+)")


@dataclass(frozen=True, slots=True)
class Allowance:
    """Private addresses that may be sent to all the same; *port* None is every port."""

    network: Network
    port: int | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be sent to beside the public internet."""

    loopback: bool = False
    allowed: tuple[Allowance, ...] = ()


class AddressRefusedError(ValueError):
    """An address must not be sent to. The message names it."""


def parse_allowance(text: str) -> Allowance:
    """Reads `10.1.2.3`, `10.0.0.0/8`, `10.1.2.3:9000`, `fd00::/8`, `[fd00::1]:9000`. Raises ValueError."""
    match = _ALLOWANCE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no address")
    network = ipaddress.ip_network(match["six"] or match["four"] or match["bare"])
    written = match["port6"] or match["port4"]
    port = int(written) if written else None
    if port is not None and not 0 < port < 65_536:
        raise ValueError(f"'{text}' has no such port")
    return Allowance(network, port)


def require_open(addresses: Iterable[str], port: int, policy: Policy) -> None:
    """Every one of *addresses*: a name that also stands for a closed one is refused. Raises AddressRefusedError."""
    for text in addresses:
        address = _parsed(text)
        if not (_is_public(address) or _is_allowed(address, port, policy)):
            raise AddressRefusedError(f"{address} is not a public address")


def _parsed(text: str) -> Address:
    """The address that is meant: an IPv4 one inside an IPv6 one is itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


def _is_allowed(address: Address, port: int, policy: Policy) -> bool:
    if policy.loopback and any(address in network for network in _LOOPBACK):
        return True
    return any(address in item.network and item.port in {None, port} for item in policy.allowed)
