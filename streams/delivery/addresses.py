"""Which addresses a webhook may reach: public ones, and whatever the operator allows by the host's name.

Names are resolved here and the connection is made to what was checked, so a name that points somewhere else a moment
later (DNS rebinding) gains nothing. Redirects are not followed anywhere.
"""

import ipaddress
import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddressError(OSError):
    """A webhook's host lies at an address that nobody outside may reach."""


class GuardedResolver(AbstractResolver):
    """Resolves names as the system does, and refuses those with an address that is not public."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        self._allowed = allowed_hosts
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises ForbiddenAddressError when one is not public, OSError when there are none."""
        found = await self._system.resolve(host, port, family)
        for one in found:
            check_address(host, one["host"], self._allowed)
        return found

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._system.close()


def check_address(host: str, address: str, allowed_hosts: frozenset[str]) -> None:
    """Raises ForbiddenAddressError when `host` at `address` may not be reached."""
    if host.lower().rstrip(".") not in allowed_hosts and not is_public(address):
        raise ForbiddenAddressError(
            f"{host} is at {address}, which is not public; the operator may allow it in ANFANG_WEBHOOK_HOSTS"
        )


def check_literal(host: str, allowed_hosts: frozenset[str]) -> None:
    """The same for a host that is an address itself, which no resolver sees."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    check_address(host, host, allowed_hosts)


def is_public(address: str) -> bool:
    """Whether anybody on the internet may be at that address, and so at one that it carries inside it."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _is_global(ip) and all(_is_global(inner) for inner in _inside(ip))


def _is_global(ip: Address) -> bool:
    return ip.is_global and not ip.is_multicast and not ip.is_unspecified


def _inside(ip: Address) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    carried = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in NAT64:
        carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in carried if inner is not None]
