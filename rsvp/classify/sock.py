"""A socket whose messages are classified: it keeps what was said of its connection, and marks.

Marks are set on the socket before each message. A datagram is built within the call and so bears its
own mark; a stream's bytes may still wait in the kernel when the next mark is set, and bear that one.
"""

from __future__ import annotations

import errno
import logging
import socket
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self, TypeAlias

from .. import ancillary, blocking
from ..errors import ClassificationError, RsvpError
from .policy import UNCLASSIFIED, Action, Address, Classification, Policy, Priority

log = logging.getLogger("rsvp.classify")

Bytes: TypeAlias = bytes | bytearray | memoryview
SocketAddress: TypeAlias = tuple[Any, ...]

PROTOCOLS = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}


class Scope(StrEnum):
    """How long a classification holds: for one message, or until the connection gets another."""

    MESSAGE = "message"
    CONNECTION = "connection"


class ClassifiedSocket:
    """A TCP or UDP socket of IPv4 or IPv6 that sends classified messages.

    `via` is the daemon's client for rules that reserve, by default that of this host. Receiving, closing
    and all else is done on the socket itself; `close` gives back the reservation, and not the socket.
    """

    def __init__(
        self, sock: socket.socket, policy: Policy | None = None, *, via: blocking.Client | None = None
    ) -> None:
        """Raises ClassificationError (EOPNOTSUPP) for another kind of socket."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type not in PROTOCOLS:
            raise ClassificationError(errno.EOPNOTSUPP, "only TCP and UDP over IP can be classified")
        self.socket = sock
        self.policy = policy or Policy()
        self.connection: Classification | None = None
        """What was last said of the connection; None where nothing was."""
        self.reservation: blocking.Attachment | None = None
        """What a rule has reserved for the connection."""
        self._via = via
        self._own = (ancillary.traffic_class(sock), sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY))
        self._set = self._own
        self._reserved: tuple[float, SocketAddress | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was reserved."""
        self._reserve(None, None)

    def sendmsg(
        self,
        data: Bytes,
        to: SocketAddress | None = None,
        *,
        token: str | bytes | None = None,
        priority: Priority | None = None,
        scope: Scope = Scope.MESSAGE,
        flags: int = 0,
    ) -> int:
        """Send data, classified by a token, a priority or both; how many bytes were taken.

        Without either it inherits: what was last said of the connection, else what the policy says of
        such a flow when nothing is said. A stream takes its peer from `connect`, `to` is for datagrams.
        Raises ClassificationError (EINVAL), and OSError as `socket.sendmsg` does.
        """
        said = self._said(token, priority)
        effective = said or self.connection or UNCLASSIFIED
        action = self._action(effective, to)
        self._mark(action)
        sent = self.socket.sendmsg([data], [], flags, to) if to else self.socket.sendmsg([data], [], flags)
        if said is not None and scope is Scope.CONNECTION:
            self.connection = said
        if said is None or scope is Scope.CONNECTION:
            self._reserve(action.reserve, to)
        return sent

    def sendall(
        self,
        data: Bytes,
        *,
        token: str | bytes | None = None,
        priority: Priority | None = None,
        scope: Scope = Scope.MESSAGE,
    ) -> None:
        """Send all of a stream's data under one classification; for blocking sockets."""
        rest = memoryview(data)
        while True:
            sent = self.sendmsg(rest, token=token, priority=priority, scope=scope)
            rest = rest[sent:]
            if not rest:
                return

    @staticmethod
    def _said(token: str | bytes | None, priority: Priority | None) -> Classification | None:
        if token is None and priority is None:
            return None
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        return Classification(text, priority)

    def _action(self, effective: Classification, to: SocketAddress | None) -> Action:
        address, port = self._destination(to)
        return self.policy.find(effective, PROTOCOLS[self.socket.type], address, port)

    def _destination(self, to: SocketAddress | None) -> tuple[Address | None, int]:
        if to is None:
            try:
                to = self.socket.getpeername()
            except OSError:  # not connected; the send says so
                return None, 0
        try:
            address = ip_address(str(to[0]).partition("%")[0])
        except ValueError:  # a name; the rules are about addresses
            return None, int(to[1])
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return mapped or address, int(to[1])

    def _mark(self, action: Action) -> None:
        """Set what differs. The kernel changes the priority along with TOS, so that comes last."""
        marks = self._own[0] if action.dscp is None else action.dscp << 2
        wanted = (marks, self._own[1] if action.so_priority is None else action.so_priority)
        if wanted == self._set:
            return
        ancillary.set_traffic_class(self.socket, marks)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, wanted[1])
        self._set = wanted

    def _reserve(self, rate: float | None, to: SocketAddress | None) -> None:
        """Announce the connection's flow to RSVP, or end that; what fails is told in the log only."""
        wanted = None if rate is None else (rate, to)
        if wanted == self._reserved:
            return
        if self.reservation is not None:
            self.reservation.close()
            self.reservation = None
        self._reserved = wanted
        if rate is None:
            return
        place = None if to is None else (str(to[0]), int(to[1]))
        try:
            self.reservation = blocking.attach(self.socket, send=rate, to=place, via=self._via)
        except RsvpError as error:
            log.warning("a rule reserves, but %s", error)
