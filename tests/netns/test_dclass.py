"""A router asks for a DSCP, and on the link the packets of the sender's host bear it (RFC 2996)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rsvp.control.client import connect
from rsvp.engine.outputs import PathEvent, ResvConfirmed
from rsvp.intserv import Tspec, controlled_load
from rsvp.lab import Lab
from rsvp.messages import Flow
from rsvp.objects import FF, FilterSpec, Session
from tests.patience import PATIENCE

from .running import Running

AF41, AF11 = 34, 10
ECT = 1
"""What the sender puts into the bits beside the DSCP, which are not ours to change."""
TSPEC = Tspec(125_000.0, 12_500.0, m=100, M=1000)
COUNT = 5


class Told(Running):
    """r1 asks for AF41 on behalf of what goes on to r2; h1 would mark with AF11 if nobody asked."""

    def config(self, name: str) -> str:
        more = {
            "r1": ("to-r2", f"dclass_controlled_load = {AF41}"),
            "h1": ("to-r1", f"mark_controlled_load = {AF11}"),
        }
        text = super().config(name)
        for interface, line in (more[name],) if name in more else ():
            text = text.replace(f'[interfaces."{interface}"]\n', f'[interfaces."{interface}"]\n{line}\n')
        return text


@pytest.mark.parametrize("version", [4, 6])
def test_packets_bear_what_the_resv_asked_for(lab: Lab, version: int) -> None:
    with Told(lab) as running:
        running.start_all()
        asyncio.run(story(running, lab, version))


async def story(running: Running, lab: Lab, version: int) -> None:
    source, to = ((n.address, n.address6)[version == 6] for n in (lab["h1"], lab["h2"]))
    session, one = Session(to, socket.IPPROTO_UDP, 5000), FilterSpec(source, 4000)
    async with await connect(running.control("h1")) as h1, await connect(running.control("h2")) as h2:
        await h1.add_sender(await h1.open_session(session), one, TSPEC)
        receiving = await h2.open_session(session)
        events = h2.events(receiving)
        assert isinstance(await anext(events), PathEvent)
        await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (one,)),), confirm=True)
        while not isinstance(await anext(events), ResvConfirmed):
            pass
        await h1.show("installed")  # which waits for the kernel, as the confirmation does not
        with on_the_link(lab, version) as seen:
            for port in (one.port, one.port + 1):
                send(lab, one, session, port)
            assert [next(seen) for _ in range(2 * COUNT)] == [
                *[(one.port, AF41 << 2 | ECT)] * COUNT,
                *[(one.port + 1, ECT)] * COUNT,
            ]


def send(lab: Lab, one: FilterSpec, session: Session, port: int) -> None:
    """Packets of the flow, or of another one."""
    six = one.address.version == 6
    level, option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
    with lab["h1"], socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(level, option, ECT)
        sock.bind((str(one.address), port))
        for _ in range(COUNT):
            sock.sendto(bytes(52), (str(session.destination), session.port))


@contextmanager
def on_the_link(lab: Lab, version: int) -> Iterator[Iterator[tuple[int, int]]]:
    """(source port, TOS or traffic class) of each UDP packet that r1 gets from h1."""
    protocol = 0x0800 if version == 4 else 0x86DD
    with lab["r1"]:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
    with sock:
        sock.bind(("to-h1", protocol))
        sock.settimeout(PATIENCE)
        yield packets(sock, version)


def packets(sock: socket.socket, version: int) -> Iterator[tuple[int, int]]:
    while True:
        packet = sock.recv(2000)
        if packet[9 if version == 4 else 6] != socket.IPPROTO_UDP:
            continue
        header = (packet[0] & 15) * 4 if version == 4 else 40
        bits = packet[1] if version == 4 else (packet[0] & 15) << 4 | packet[1] >> 4
        yield int.from_bytes(packet[header : header + 2], "big"), bits
