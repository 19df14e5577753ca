"""A reservation for a socket that a program already has (RFC 2205 section 3.11.1).

::

    sock.connect(("10.1.0.2", 5000))
    async with await rsvp.attach(sock, send="1mbit"):
        ...                                            # use the socket as ever

Addresses, protocol, peer and multicast TTL are read from the socket; nothing is changed in it.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Self

from . import flows
from .api import Api
from .errors import LocalError
from .flows import Place, ReceivedFlow, SentFlow, Status
from .iana import DEFAULT_TTL
from .intserv import Tspec
from .objects import FF, WF, IPAddress, Style

PROTOCOLS = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}
IP_VERSIONS = (socket.AF_INET, socket.AF_INET6)


@dataclass(frozen=True, slots=True)
class SocketEnds:
    """What a socket says of its flows. An address that it leaves to the system is None."""

    protocol: int
    local: tuple[IPAddress | None, int]
    peer: tuple[IPAddress, int] | None
    multicast_ttl: int


def read_socket(sock: socket.socket) -> SocketEnds:
    """Read a socket's protocol, addresses and multicast TTL. Raises LocalError for one without them."""
    if sock.family not in IP_VERSIONS:
        raise LocalError(f"a reservation is for an IPv4 or IPv6 socket, not for one of {sock.family.name}")
    try:
        protocol = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) or PROTOCOLS[sock.type]
        host, port = sock.getsockname()[:2]
        if sock.family == socket.AF_INET6:
            ttl = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS)
        else:
            ttl = sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL)
    except OSError as error:
        raise LocalError(f"the socket cannot be read: {(error.strerror or str(error)).lower()}") from None
    try:
        there = sock.getpeername()
        peer = (_address(there[0]), there[1])
    except OSError:
        peer = None
    local = _address(host)
    return SocketEnds(protocol, (local if int(local) else None, port), peer, ttl)


def _address(text: str) -> IPAddress:
    """An address as it is on the wire: without a zone, and IPv4 not mapped into IPv6."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


class Attachment:
    """What a socket's flows were given; leaving it, or `close`, tears it down. The socket stays open."""

    def __init__(self, sent: SentFlow | None, received: ReceivedFlow | None) -> None:
        self.sent = sent
        self.received = received

    @property
    def status(self) -> Status:
        """The worse of the two directions'."""
        return min((flow.status for flow in self._flows()), key=list(Status).index, default=Status.RED)

    async def ready(self, timeout: float | None = None) -> None:
        """Wait until all of it is green. Raises what turned it red, TimeoutError."""
        for flow in self._flows():
            await flow.ready(timeout)

    async def close(self) -> None:
        """Tear down what was asked for."""
        for flow in self._flows():
            await flow.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _flows(self) -> list[SentFlow | ReceivedFlow]:
        return [flow for flow in (self.sent, self.received) if flow is not None]


async def attach(
    sock: socket.socket,
    *,
    send: float | str | Tspec | None = None,
    receive: float | str | bool = False,
    to: Place | None = None,
    at: Place | None = None,
    style: Style | None = None,
    service: str | None = None,
    delay: float | None = None,
    wait: float = 0.0,
    via: Api | None = None,
) -> Attachment:
    """Announce what a socket sends, reserve for what it receives, or both.

    `send` is a rate (bytes/s or "1mbit") or a Tspec; the flow goes to the socket's peer, or `to`
    where it has none. `receive` is a rate, or True for what senders announce; the flow comes to the
    socket's own address, or to `at`: the group that it joined, or one of its addresses where it is
    bound to all. A connected socket reserves for its peer (FF), another for all senders (WF), unless
    `style` says otherwise. RSVP's messages get the socket's multicast TTL towards a group. `service`,
    `delay`, `wait` and `via` are those of `receive` and `send`.

    Raises LocalError for a socket that is not ready for that, NoDaemon, NoRoute.
    """
    if send is None and receive is False:
        raise LocalError("say what to attach: send= a rate or Tspec, receive= a rate or True, or both")
    ends = read_socket(sock)
    attachment = Attachment(None, None)
    try:
        if send is not None:
            attachment.sent = await _send(ends, send, to, via)
        if receive is not False:
            rate = None if receive is True else receive
            attachment.received = await _receive(ends, rate, at, style, service, delay, via)
        for flow in attachment._flows():
            if wait:
                await flow.wait(wait)
    except BaseException:
        await attachment.close()
        raise
    return attachment


async def _send(ends: SocketEnds, rate: float | str | Tspec, to: Place | None, via: Api | None) -> SentFlow:
    target = ends.peer if to is None else flows.read_place(to)
    if target is None:
        raise LocalError("the socket has no peer: connect it, or say to= where its flow goes")
    address, port = ends.local
    if not port:
        raise LocalError("the socket has no port yet: bind or connect it first")
    return await flows.send(
        target,
        rate,
        source=None if address is None else (address, port),
        port=port,
        protocol=ends.protocol,
        ttl=ends.multicast_ttl if target[0].is_multicast else DEFAULT_TTL,
        via=via,
    )


async def _receive(
    ends: SocketEnds,
    rate: float | str | None,
    at: Place | None,
    style: Style | None,
    service: str | None,
    delay: float | None,
    via: Api | None,
) -> ReceivedFlow:
    address, port = ends.local if at is None else flows.read_place(at)
    if address is None:
        raise LocalError("the socket is bound to all addresses: say at= which of them, or which group")
    if not port:
        raise LocalError("the socket has no port yet: bind or connect it first")
    return await flows.receive(
        (address, port),
        ends.peer,
        rate=rate,
        service=service,
        delay=delay,
        style=style or (WF if ends.peer is None else FF),
        protocol=ends.protocol,
        via=via,
    )
