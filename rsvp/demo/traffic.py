"""UDP traffic with a clock: a paced flow, an overload, and what arrived of the flow and when.

Each function is the whole life of a process, so that nothing else disturbs its pace. Times are
CLOCK_MONOTONIC nanoseconds, the same in all namespaces of one machine.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import time
from array import array
from dataclasses import dataclass
from typing import Protocol

HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}
"""Bytes of IP and UDP in front of a packet's payload."""
STAMP = struct.Struct("!QQ")
"""What a packet of the flow starts with: its number and when it was sent."""
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
TIMESPEC = struct.Struct("=qq")
SENT = struct.Struct("!Qd")
"""What `send_flow` returns: packets sent, and the 99th percentile of how late, in seconds."""
SO_MEMINFO, MEMINFO = 55, struct.Struct("=9I")
CATCH_UP = 0.02
"""Seconds that a sender may be late and still send what it missed at once."""
LINGER = 1.0
"""Seconds of silence after which nothing of a flow is still under way."""
BUFFER = 1 << 22
BACKGROUND_SOCKETS, BACKGROUND_BUFFER = 4, 212_992
"""Together they hold some 700 packets: a few less than the queue of a fast link takes."""

Address = tuple[str, int]


def family(address: Address) -> socket.AddressFamily:
    """The IP version of an address."""
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


class Selectable(Protocol):
    """What select can wait for."""

    def fileno(self) -> int: ...


def send_flow(local: Address, to: Address, rate: float, packet_size: int, duration: float) -> bytes:
    """Send `rate` bytes/s of IP packets of `packet_size` bytes; the result is `SENT`.

    A sender that was held up for longer than `CATCH_UP` goes on from there: it never sends a burst
    that its Tspec would not cover.
    """
    interval = packet_size / rate
    padding = bytes(packet_size - HEADERS[family(to)] - STAMP.size)
    lateness: list[float] = []
    with socket.socket(family(to), socket.SOCK_DGRAM) as sock:
        sock.bind(local)
        sock.connect(to)
        due = time.monotonic()
        end = due + duration
        while due < end:
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            late = time.monotonic() - due
            if late > CATCH_UP:
                due += late
            with contextlib.suppress(ConnectionRefusedError):  # a receiver that is not there yet
                sock.send(STAMP.pack(len(lateness), time.monotonic_ns()) + padding)
            lateness.append(late)
            due += interval
    return SENT.pack(len(lateness), percentile(lateness, 0.99))


def open_background(device: str, to: Address) -> list[socket.socket]:
    """Sockets for `send_background`, bound to the interface that paces them."""
    sockets = []
    for _ in range(BACKGROUND_SOCKETS):
        sock = socket.socket(family(to), socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BACKGROUND_BUFFER)
        sock.connect(to)
        sockets.append(sock)
    return sockets


def send_background(sockets: list[socket.socket], packet_size: int) -> bytes:
    """Keep an interface's queue filled with IP packets of `packet_size` bytes until killed.

    The interface's own traffic control sets the pace, in the kernel: a busy machine that lets this
    process wait makes no gaps in the traffic, through which a flow without reservation would slip.
    """
    payload = bytes(packet_size - HEADERS[sockets[0].family])
    for sock in itertools.cycle(sockets):
        with contextlib.suppress(ConnectionRefusedError):
            sock.send(payload)
    return b""


def listen(at: Address) -> socket.socket:
    """A socket for `discard` or `receive_flow`; made before anybody sends, so that no packet is early."""
    sock = socket.socket(family(at), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    with contextlib.suppress(PermissionError):  # beyond the system's limit, for who may
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(at)
    return sock


def discard(sock: socket.socket) -> bytes:
    """Take in what the overload sends, until killed; without a taker ICMP would answer each packet."""
    while True:
        sock.recv(1)


def receive_flow(sock: socket.socket, sender: Selectable) -> bytes:
    """Receive a flow until its sender has ended and silence follows; for `read_arrivals`.

    Arrival is the kernel's time stamp: how long this process waited to run is not the network's
    delay. Nor is what the socket had no room for meanwhile the network's loss: the number of those
    packets comes first.
    """
    arrivals = array("q")
    ended = False
    while True:
        waiting = [sock] if ended else [sock, sender]
        ready, _, _ = select.select(waiting, [], [], LINGER if ended else None)
        if sock in ready:
            data, ancillary, _, _ = sock.recvmsg(2048, 64)
            now, now_real = time.monotonic_ns(), time.time_ns()
            arrived = now
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(value) >= TIMESPEC.size:
                    seconds, nanoseconds = TIMESPEC.unpack_from(value)
                    arrived = now - (now_real - seconds * 1_000_000_000 - nanoseconds)
            if len(data) >= STAMP.size:
                arrivals.extend((*STAMP.unpack_from(data), arrived))
        elif ended:
            *_, dropped = MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))
            return (array("q", [dropped]) + arrivals).tobytes()
        else:
            ended = True


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet of the flow: its number, when it was sent (monotonic ns) and its delay in seconds."""

    number: int
    sent: int
    delay: float


def read_arrivals(data: bytes) -> tuple[list[Arrival], int]:
    """The packets that `receive_flow` took in, in order of arrival, and how many it had no room for."""
    overrun, *numbers = array("q", data)
    triples = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
    return [Arrival(number, sent, (arrived - sent) / 1e9) for number, sent, arrived in triples], overrun


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[min(len(ordered), int(rank)) - 1]
