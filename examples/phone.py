"""A telephone that asks the network before it talks: where there is no bandwidth left, the line is busy.

    python phone.py 10.0.3.2:5001                        # takes calls
    python phone.py 10.0.1.1:4001 10.0.3.2:5001          # calls; Ctrl-C hangs up

G.711 makes 64 kbit/s. In packets of 20 ms that is 50 times a second 160 bytes, behind 12 of RTP, 8 of UDP
and 20 of IPv4: 10,000 bytes/s, 80 kbit/s, each way. Each way is a session with a reservation of its own. A
Path rings. Who is called reserves only after the caller has: so the caller hears that the line is busy.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import socket
import struct
from collections.abc import Iterator

import rsvp
from rsvp.flows import read_place
from rsvp.iana import ErrorCode
from rsvp.paths import CONTROL

RTP = struct.Struct("!BBHII")
SOUND = bytes([0xFF]) * 160
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def voice(version: int) -> rsvp.Tspec:
    """What one end sends, in bytes of IP."""
    packet = {4: 20, 6: 40}[version] + 8 + RTP.size + len(SOUND)
    return rsvp.Tspec(rate=50 * packet, bucket=10 * packet, m=packet, M=packet)


async def call(client: rsvp.LastingClient, here: tuple, there: tuple | None) -> None:
    """Call somebody, or be called, until an end hangs up. Raises a group of EOFError and Rejected."""
    tspec = voice(here[0].version)
    async with await client.session(*here) as mine:
        to = there or ((other := (await mine.sender()).template).address, other.port)
        print("ringing", flush=True)
        async with await rsvp.send(to, tspec, source=here, via=client) as said, asyncio.TaskGroup() as tasks:
            tasks.create_task(hear_the_end(mine, rsvp.FilterSpec(*to)))
            if there is None:
                await said.ready()
            heard = await mine.reserve(rsvp.FF, rsvp.controlled_load(tspec), [to], confirm=True)
            await asyncio.gather(heard.confirmed(), said.ready())
            print("talking", flush=True)
            await talk(here, to)


async def hear_the_end(mine: rsvp.aio.Session, other: rsvp.FilterSpec) -> None:
    async for event in mine:
        if isinstance(event, rsvp.PathGone) and event.template == other:
            raise EOFError("the other end hung up")


def sounds(source: int) -> Iterator[bytes]:
    """RTP packets of 20 ms."""
    for number in itertools.count():
        yield RTP.pack(0x80, 0, number % 2**16, 160 * number % 2**32, source) + SOUND


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


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("here", type=read_place, help="this phone's ADDRESS:PORT")
    parser.add_argument("there", type=read_place, nargs="?", help="whom to call; takes calls without")
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, asyncio.current_task().cancel)
    async with await rsvp.connect(options.control) as client:
        while True:
            try:
                await call(client, options.here, options.there)
            except* EOFError as ended:
                print(*ended.exceptions, flush=True)
            except* rsvp.Rejected as refused:
                (why,) = refused.exceptions
                busy = why.code == ErrorCode.ADMISSION_CONTROL_FAILURE
                print("busy:" if busy else "no line:", why, flush=True)
            if options.there:
                break


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        print("hung up")
