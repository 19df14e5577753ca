"""A group that is joined on an application's behalf: its Paths, and its data, come only to members.

That is step H1 of RFC 2205 section 2.10. Applications that receive the data have joined the group by
themselves; `rsvp reserve`, which is none of these, does it here.
"""

from __future__ import annotations

import socket
import struct
from typing import Self

from .errors import LocalError
from .objects import IPAddress

REQUEST4 = struct.Struct("=4s4si")
"""struct ip_mreqn: group, our address, interface."""
REQUEST6 = struct.Struct("=16sI")


class Membership:
    """One group, joined on one interface until closed, or until the process ends."""

    def __init__(self, group: IPAddress, interface: str | None = None) -> None:
        """Join; without an interface where this host's route to the group leads. Raises LocalError."""
        try:
            index = socket.if_nametoindex(interface) if interface is not None else 0
        except OSError:
            raise LocalError(f"there is no interface {interface}: see 'rsvp show interfaces'") from None
        if group.version == 4:
            family, level, option = socket.AF_INET, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP
            request = REQUEST4.pack(group.packed, bytes(4), index)
        else:
            family, level, option = socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP
            request = REQUEST6.pack(group.packed, index)
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(level, option, request)
        except OSError as problem:
            self._socket.close()
            where = f"on {interface}" if interface is not None else "without a route to it"
            raise LocalError(
                f"{group} cannot be joined {where} ({problem.strerror}): name an interface for multicast"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group."""
        self._socket.close()
