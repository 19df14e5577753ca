"""A conference: everybody may speak, and the network keeps room for two at a time.

    python conference.py 239.1.2.3:5004                                   # two of whoever speaks (WF)
    python conference.py 239.1.2.3:5004 --panel 10.0.1.1 10.0.4.1         # two of these (SE)

Each member announces its voice and reserves twice that, once. Who speaks is then their own affair: Enter
turns the microphone on and off, and no reservation changes. Who is not on the panel is best effort.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys

from g711 import join, sounds, voice

import rsvp
from rsvp.flows import read_place
from rsvp.paths import CONTROL

AT_ONCE = 2


async def reserve(session: rsvp.aio.Session, group: tuple, addresses: list[str]) -> None:
    """Announce one voice, and reserve for two of those that are listed, or of all."""
    tspec = voice(group[0].version)
    me = (await session.send(tspec, port=group[1])).template
    room = rsvp.controlled_load(
        rsvp.Tspec(AT_ONCE * tspec.rate, AT_ONCE * tspec.bucket, m=tspec.m, M=tspec.M)
    )
    panel = [(one, group[1]) for one in addresses if one != str(me.address)]
    await session.reserve(rsvp.SE if panel else rsvp.WF, room, panel)


async def take_part(sock: socket.socket) -> None:
    """Tell who is heard, and speak while the microphone is on."""
    loop, heard, on = asyncio.get_running_loop(), set[str](), asyncio.Event()

    def hear() -> None:
        _, (speaker, *_) = sock.recvfrom(1500)
        if speaker not in heard:
            heard.add(speaker)
            print("hears", speaker, flush=True)

    def toggle() -> None:
        sys.stdin.readline()
        turn = on.clear if on.is_set() else on.set
        turn()
        print("speaks" if on.is_set() else "is silent", flush=True)

    loop.add_reader(sock, hear)
    loop.add_reader(sys.stdin, toggle)
    for packet in sounds(sock.getsockname()[1]):
        await on.wait()
        sock.sendto(packet, sock.getsockname())
        await asyncio.sleep(0.020)


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("group", type=read_place, help="GROUP:PORT")
    parser.add_argument("--panel", nargs="*", default=[], metavar="ADDRESS", help="who shares the room")
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, asyncio.current_task().cancel)
    with join(options.group) as sock:
        async with (
            await rsvp.connect(options.control) as client,
            await client.session(*options.group) as session,
        ):
            await reserve(session, options.group, options.panel)
            await take_part(sock)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        print("left")
