"""The traffic of `diamond.py`: paced flows to groups, what arrives of them, and the overload.

`send`, `receive` and `overload` are each the whole life of a process. Sockets are made before, in the
network namespaces that they belong to.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

PACKET, OVERLOAD_PACKET = 100, 1400
"""Bytes of an IP packet of a flow, and of the overload."""
TTL = 16
TICK = 0.01
HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}
NAME = struct.Struct("!8sHI")
"""What a packet starts with: who sent it, in which run, and its number."""
BUFFER = 1 << 22

Address = tuple[str, int]


def datagrams(address: Address) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)


@dataclass(frozen=True)
class Flow:
    """One sender's data to a group, `rate` in bytes/s of IP."""

    style: str
    sender: str
    sock: socket.socket
    rate: float

    @classmethod
    def open(cls, style: str, sender: str, source: Address, group: Address, index: int, rate: float) -> Self:
        """A socket that sends to the group through one interface (IP_MULTICAST_IF)."""
        sock = datagrams(group)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one for each group
        sock.bind(source)
        if sock.family == socket.AF_INET:
            interface = struct.pack("=4s4si", bytes(4), bytes(4), index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, TTL)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, TTL)
        sock.connect(group)
        return cls(style, sender, sock, rate)


def member(group: Address, index: int) -> socket.socket:
    """A socket that has joined a group on an interface."""
    sock = datagrams(group)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.bind(group)
    if sock.family == socket.AF_INET:
        request = struct.pack("=4s4si", socket.inet_aton(group[0]), bytes(4), index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    else:
        request = struct.pack("=16sI", socket.inet_pton(socket.AF_INET6, group[0]), index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    return sock


def sink(at: Address) -> socket.socket:
    """A socket that takes in everything and gives it to nobody."""
    sock = datagrams(at)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.bind(at)
    return sock


def send(flows: list[Flow], run: int, seconds: float) -> bytes:
    """Send all flows, packets evenly spaced; a sender that is late makes up for nothing.

    Returns JSON: packets by style and sender, and by how many seconds the latest was late.
    """
    began = time.monotonic()
    counts = [0] * len(flows)
    due = [began + number * 0.003 for number in range(len(flows))]
    late = 0.0
    while (now := time.monotonic()) < began + seconds:
        number = min(range(len(flows)), key=due.__getitem__)
        if due[number] > now:
            time.sleep(due[number] - now)
            continue
        flow = flows[number]
        head = NAME.pack(flow.sender.encode(), run, counts[number])
        flow.sock.send(head.ljust(PACKET - HEADERS[flow.sock.family], b"\0"))
        counts[number] += 1
        late = max(late, now - due[number])
        due[number] = max(due[number], now - 0.001) + PACKET / flow.rate
    packets = {f"{flow.style} {flow.sender}": count for flow, count in zip(flows, counts, strict=True)}
    return json.dumps({"packets": packets, "late": late}).encode()


def receive(sockets: dict[tuple[str, str], socket.socket], run: int, seconds: float) -> bytes:
    """Count what arrives of a run; JSON of packets by receiver, style and sender, each counted once."""
    until = time.monotonic() + seconds
    owners = {sock: who for who, sock in sockets.items()}
    counts: Counter[str] = Counter()
    seen: set[tuple[str, int]] = set()
    while (left := until - time.monotonic()) > 0:
        for sock in select.select(list(owners), [], [], left)[0]:
            name, its, number = NAME.unpack_from(sock.recv(2048))
            receiver, style = owners[sock]
            what = f"{receiver} {style} {name.rstrip(bytes(1)).decode()}"
            if its == run and (what, number) not in seen:
                seen.add((what, number))
                counts[what] += 1
    return json.dumps(counts).encode()


@dataclass(frozen=True)
class Load:
    """A best-effort flow of `rate` bytes/s of IP."""

    sock: socket.socket
    rate: float

    @classmethod
    def open(cls, source: Address, to: Address, rate: float) -> Self:
        sock = datagrams(to)
        sock.bind(source)
        sock.setblocking(False)
        sock.connect(to)
        return cls(sock, rate)


def overload(loads: list[Load]) -> bytes:
    """Send as much as every load says, until killed."""
    due = [time.monotonic()] * len(loads)
    while True:
        now = time.monotonic()
        for number, load in enumerate(loads):
            due[number] = max(due[number], now - 5 * TICK)
            while due[number] <= now:
                with contextlib.suppress(OSError):  # nobody listens there, says ICMP; or no room is left
                    load.sock.send(bytes(OVERLOAD_PACKET - HEADERS[load.sock.family]))
                due[number] += OVERLOAD_PACKET / load.rate
        time.sleep(TICK)
