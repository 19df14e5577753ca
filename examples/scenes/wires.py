"""What crosses the stage's links, as its router sees it: kept, written to captures, said once in a line.

A refresh says what was said before, and is not told again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import BinaryIO, TypeVar

from rsvp import Message, Path, PathTear, Resv, ResvTear, decode
from rsvp._wire import dissect
from rsvp.capture.text import gist, plain
from rsvp.capture.write import PcapWriter
from rsvp.ip.headers import read_ip, read_rsvp
from rsvp.lab import Node
from rsvp.objects import IPAddress

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Seen:
    """An RSVP message on the link of one host."""

    wire: str
    source: IPAddress
    destination: IPAddress
    ttl: int
    message: Message


class Wires:
    """A tap on all links of a router, each named after the host at its other end."""

    def __init__(self, router: Node, files: Mapping[str, BinaryIO], told: Iterable[str]) -> None:
        """`files` are where to write captures, and `told` the links whose messages are to be printed."""
        self.seen: list[Seen] = []
        self.packets: list[tuple[str, bytes]] = []
        """Every IP packet, RSVP or not, and the link that it was on."""
        self.changed = asyncio.Event()
        self._names = {end.name: end.name.removeprefix("to-") for end in router.ends}
        self._captures = {name: PcapWriter(file) for name, file in files.items()}
        self._told = frozenset(told)
        self._last: dict[object, bytes] = {}
        with router:  # without a link layer: every packet begins with its IP header
            self._tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._tap.setblocking(False)
        asyncio.get_running_loop().add_reader(self._tap, self.read)

    def read(self) -> None:
        """Take what has crossed the links by now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (interface, protocol, *_) = self._tap.recvfrom(65535)
                if interface in self._names and protocol in (ETH_P_IP, ETH_P_IPV6):
                    self._keep(self._names[interface], data)

    def close(self) -> None:
        """Take what is left, and let go."""
        self.read()
        asyncio.get_running_loop().remove_reader(self._tap)
        self._tap.close()

    def _keep(self, wire: str, data: bytes) -> None:
        self.packets.append((wire, data))
        if wire in self._captures:
            self._captures[wire].write(time.time_ns(), data)
        packet = read_ip(data, 0)
        found = packet and read_rsvp(packet.protocol, packet.payload, packet.missing)
        if packet and found:
            source, destination = ip_address(packet.source), ip_address(packet.destination)
            seen = Seen(wire, source, destination, packet.ttl, decode(found[0]))
            self.seen.append(seen)
            if wire in self._told and self._is_news(seen, found[0]):
                where = f"{wire}: " if len(self._told) > 1 else ""
                print(f"    {where}{source} > {destination}  {plain(gist(dissect(found[0])))}", flush=True)
        self.changed.set()

    def _is_news(self, seen: Seen, data: bytes) -> bool:
        message = seen.message
        about = (seen.wire, seen.source, message.session.key)
        match message:
            case PathTear() | ResvTear():
                self._last = {key: said for key, said in self._last.items() if key[:3] != about}
            case Path() | Resv():
                key = (*about, message.sender.template if isinstance(message, Path) else None)
                before, self._last[key] = self._last.get(key), data
                return before != data
        return True
