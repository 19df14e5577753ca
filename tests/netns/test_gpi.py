"""An IPsec flow through whole daemons and real HTB, told by its SPI (RFC 2207): h1 - r1 - r2 - h2."""

from __future__ import annotations

import asyncio
import socket
import struct

from rsvp.control.client import connect
from rsvp.engine.outputs import PathEvent, ResvConfirmed
from rsvp.iana import Protocol
from rsvp.intserv import Tspec, controlled_load
from rsvp.lab import Lab
from rsvp.messages import Flow
from rsvp.objects import FF, GpiFilter, GpiSession
from tests.patience import until

from . import judge
from .running import Running

TSPEC = Tspec(125_000.0, 12_500.0, M=1000)


def test_an_encrypted_flow_has_what_was_reserved_for_its_spi(lab: Lab) -> None:
    source, to = lab["h1"].address, lab["h2"].address
    session, one = GpiSession(to, Protocol.ESP, 5000), GpiFilter(source, 0x80001234)
    with Running(lab) as running:
        running.start_all()
        asyncio.run(story(running, lab, session, one))


async def story(running: Running, lab: Lab, session: GpiSession, one: GpiFilter) -> None:
    async with await connect(running.control("h1")) as h1, await connect(running.control("h2")) as h2:
        await h1.add_sender(await h1.open_session(session), one, TSPEC)
        receiving = await h2.open_session(session)
        events = h2.events(receiving)
        path = await anext(events)
        assert isinstance(path, PathEvent)
        assert (path.session, path.sender.template) == (session, one)
        await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (one,)),), confirm=True)
        while not isinstance(await anext(events), ResvConfirmed):
            pass
        for name in ("r1", "r2"):
            async with await connect(running.control(name)) as router:
                (view,) = await router.show("installed")
            assert view["session"] == {"destination": str(session.destination), "protocol": 50, "gpi": 5000}
            assert view["filters"] == [{"address": str(one.address), "gpi": one.gpi}]
        end, handle = lab["r2"].toward("h2"), view["handle"]
        with lab["h1"], socket.socket(socket.AF_INET, socket.SOCK_RAW, Protocol.ESP) as sock:
            for spi in (one.gpi, one.gpi + 1, one.gpi):
                sock.sendto(struct.pack("!II", spi, 1) + bytes(24), (str(session.destination), 0))
        until(lambda: judge.classes(end)[handle].packets >= 2, "the packets with the SPI in its class")
        assert judge.classes(end)[handle].packets == 2
