"""Sound over UDP, for the telephone and the conference: G.711 in RTP (RFC 3551), and nobody listens to it.

G.711 makes 64 kbit/s. In packets of 20 ms that is 50 times a second 160 bytes, behind 12 of RTP, 8 of UDP
and 20 of IPv4: 10,000 bytes/s, 80 kbit/s, each way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import Iterator

import rsvp

RTP = struct.Struct("!BBHII")
SOUND = bytes([0xFF]) * 160
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
GROUPS = {
    4: (socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.IP_MULTICAST_TTL, socket.IP_MULTICAST_LOOP),
    6: (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.IPV6_MULTICAST_HOPS, socket.IPV6_MULTICAST_LOOP),
}


def voice(version: int) -> rsvp.Tspec:
    """What one end sends, in bytes of IP."""
    packet = {4: 20, 6: 40}[version] + 8 + RTP.size + len(SOUND)
    return rsvp.Tspec(rate=50 * packet, bucket=10 * packet, m=packet, M=packet)


def sounds(source: int) -> Iterator[bytes]:
    """RTP packets of 20 ms."""
    for number in itertools.count():
        yield RTP.pack(0x80, 0, number % 2**16, 160 * number % 2**32, source) + SOUND


def join(group: tuple) -> socket.socket:
    """A socket that hears the group, and may speak to it."""
    level, membership, ttl, loop = GROUPS[group[0].version]
    sock = socket.socket(FAMILY[group[0].version], socket.SOCK_DGRAM)
    sock.bind((str(group[0]), group[1]))
    for option, value in ((membership, group[0].packed + bytes(4)), (ttl, 63), (loop, 0)):
        sock.setsockopt(level, option, value)
    return sock


async def talk(here: tuple, to: tuple) -> None:
    said = heard = 0
    with socket.socket(FAMILY[here[0].version], socket.SOCK_DGRAM) as sock:
        sock.bind((str(here[0]), here[1]))
        sock.setblocking(False)
        try:
            for packet in sounds(here[1]):
                sock.sendto(packet, (str(to[0]), to[1]))
                said += 1
                await asyncio.sleep(0.020)
                with contextlib.suppress(BlockingIOError):
                    while sock.recv(1500):
                        heard += 1
        finally:
            print(f"said {said} packets, heard {heard}", flush=True)
