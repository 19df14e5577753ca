"""Sockets as the kernel's tables have them (sock_diag(7)): for those that no duplicate may be made of.

They tell addresses and ports, but neither the multicast TTL nor which groups a socket has joined.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

from ..iana import Protocol
from ..netlink import HEADER, Netlink, NetlinkError
from ..objects import IPAddress
from .rules import OpenSocket

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
REQUEST = struct.Struct("=BBBxI48x")
"""struct inet_diag_req_v2: family, protocol, what else is asked for, states; no socket in particular."""
ANSWER = struct.Struct("=BBBx2s2s16s16sI8sIIIII")
"""struct inet_diag_msg."""

ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSED, CLOSE_WAIT = 1, 4, 5, 7, 8
WITH_PEER: Final = sum(1 << state for state in (ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT))
STATES: Final = {Protocol.TCP: WITH_PEER, Protocol.UDP: 1 << ESTABLISHED | 1 << CLOSED}
"""Of UDP, sockets that are connected are told to be established, others closed."""


class Tables:
    """Asks the kernel for the sockets of this network namespace; takes no right."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETLINK_SOCK_DIAG)

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def sockets(
        self, wanted: Mapping[int, frozenset[str]], joined: frozenset[IPAddress]
    ) -> Iterator[OpenSocket]:
        """Those of the numbers that are wanted, with their programs' names; each may have `joined` all."""
        for protocol, states in STATES.items():
            for family in (socket.AF_INET, socket.AF_INET6):
                request = REQUEST.pack(family, protocol, 0, states)
                try:
                    answers = self._netlink.dump_bytes(request, SOCK_DIAG_BY_FAMILY)
                except NetlinkError:  # a kernel without this table
                    continue
                for answer in answers:
                    yield from _read(answer, protocol, wanted, joined)


def _read(
    answer: bytes, protocol: int, wanted: Mapping[int, frozenset[str]], joined: frozenset[IPAddress]
) -> Iterator[OpenSocket]:
    told = ANSWER.unpack_from(answer, HEADER.size)
    family, number = told[0], told[-1]
    if number not in wanted:
        return
    length = 4 if family == socket.AF_INET else 16
    near, far = _address(told[5][:length]), _address(told[6][:length])
    port, to = int.from_bytes(told[3], "big"), int.from_bytes(told[4], "big")
    yield OpenSocket(
        number,
        wanted[number],
        protocol,
        (near, port),
        None if far is None else (far, to),
        frozenset({4} if family == socket.AF_INET else {4, 6}),
        joined,
    )


def _address(packed: bytes) -> IPAddress | None:
    """An address as the kernel tells it; None where it is left open, and IPv4 not mapped into IPv6."""
    address = ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address) if int(address) else None
