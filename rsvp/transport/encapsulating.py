"""RSVP in IP and, for hosts that cannot do that, in UDP: the other side of RFC 2205 appendix C.

A router, or a host with raw sockets, listens at port Pu, and where a host has spoken it lately sends
in UDP as well, to port Pu'. A neighbour is answered in what it was heard to speak, also from further
away than its link; links are not taken to speak UDP because of that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..errors import Unavailable
from ..iana import UDP_FROM_HOST, UDP_TO_HOST
from ..objects import IPAddress
from . import Encapsulation, Packet, Transport
from .udp import ON_LINK, FirstHop, UdpSocket, open_port

log = logging.getLogger("rsvp.transport")

LATELY = 600.0
"""Seconds for which a link or a neighbour that spoke UDP is taken to speak it: some lifetimes of state."""
MOST = 4096
"""Neighbours that are remembered to speak UDP."""


class EncapsulatingTransport:
    """A `Transport` over another one, raw sockets, that speaks UDP to those who need it.

    Where another process has the port, only the other transport is used, and a warning says so.
    """

    def __init__(self, raw: Transport, first_hop: FirstHop) -> None:
        self._raw = raw
        self._first_hop = first_hop
        self._links: Mapping[int, Encapsulation] = {}
        self._spoken: dict[tuple[int, IPAddress | None], float] = {}
        """(Interface, neighbour), and the interface with None: when UDP was last heard from there."""
        self._far: set[tuple[int, IPAddress]] = set()
        """Those of them that are not on the interface's link."""
        self._sockets: dict[int, UdpSocket] = {}
        try:
            self._sockets = open_port(UDP_FROM_HOST)
        except Unavailable as refusal:
            log.warning("hosts that speak RSVP in UDP are not heard: %s", refusal)

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""
        self._clock = asyncio.get_running_loop().time

        def raw(packet: Packet) -> None:
            if self._of(packet.interface) is Encapsulation.UDP:
                return
            if packet.interface is not None and packet.source is not None and not packet.router_alert:
                self._spoken.pop((packet.interface, packet.source), None)
            received(packet)

        def udp(packet: Packet) -> None:
            assert packet.interface is not None
            if self._of(packet.interface) is Encapsulation.RAW or packet.interface not in self._links:
                return
            self._note(packet.interface, packet.source)
            received(packet)

        self._raw.start(raw)
        for one in self._sockets.values():
            one.listen(udp)

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """Be a member of G* on these links, but where RSVP goes in IP only."""
        self._links = dict(links)
        self._raw.attend(links)
        for one in self._sockets.values():
            one.attend({index: how for index, how in links.items() if how is not Encapsulation.RAW})

    def send(self, packet: Packet) -> None:
        """Send one packet as those to whom it goes understand it. Raises OSError where the kernel refuses."""
        socket = self._sockets.get(packet.destination.version)
        in_ip, in_udp = self._ways(packet) if socket is not None else (True, False)
        if in_ip:
            self._raw.send(packet)
        if in_udp and socket is not None:
            # Not even a Path can bear another node's source address in UDP.
            far = (packet.interface, packet.destination) in self._far
            ttl = packet.ttl if far and packet.ttl is not None else ON_LINK
            socket.put(replace(packet, source=None), packet.destination, UDP_TO_HOST, ttl)

    def close(self) -> None:
        """Stop receiving, give back the sockets; packets that still wait to be sent are tried once."""
        self._raw.close()
        for one in self._sockets.values():
            one.close()
        self._first_hop.close()

    def _of(self, interface: int | None) -> Encapsulation:
        return self._links.get(interface or 0, Encapsulation.HEARD)

    def _ways(self, packet: Packet) -> tuple[bool, bool]:
        """Whether a packet goes in IP, and whether in UDP."""
        index, to = packet.interface, packet.destination
        how = self._of(index)
        if index is None or how is Encapsulation.RAW:
            return True, False
        if (index, to) in self._far and self._speaks(index, to):
            return packet.router_alert, True
        if how is Encapsulation.HEARD and not self._speaks(index, None):
            return True, False
        # In UDP nothing leaves the link, so what is for further away needs the next router in any case.
        if not to.is_multicast and self._first_hop(to, index) is not None:
            return True, False
        if how is not Encapsulation.HEARD:
            return how is Encapsulation.BOTH, True
        if packet.router_alert:
            return True, True  # there may be somebody who was never heard
        in_udp = self._speaks(index, to)
        return not in_udp, in_udp

    def _speaks(self, index: int, who: IPAddress | None) -> bool:
        """Whether a neighbour, or None for anybody on a link, has lately spoken UDP."""
        heard = self._spoken.get((index, who))
        return heard is not None and self._clock() - heard < LATELY

    def _note(self, index: int, who: IPAddress | None) -> None:
        now = self._clock()
        if len(self._spoken) >= MOST:
            self._spoken = {key: at for key, at in self._spoken.items() if now - at < LATELY}
            self._far &= self._spoken.keys()
        if who is not None and (index, who) not in self._spoken:
            self._far.discard((index, who))
            if self._first_hop(who, index) is not None:
                self._far.add((index, who))
        if len(self._spoken) < MOST:
            self._spoken[index, who] = now
        if (index, who) not in self._far:
            self._spoken[index, None] = now
