"""A telephone that asks the network before it talks: where there is no bandwidth left, the line is busy.

    python phone.py 10.0.3.2:5001                        # takes calls
    python phone.py 10.0.1.1:4001 10.0.3.2:5001          # calls; Ctrl-C hangs up

Each way is a session with a reservation of its own. A Path rings. Who is called reserves only after the
caller has: so the caller hears that the line is busy.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from g711 import talk, voice

import rsvp
from rsvp.flows import read_place
from rsvp.iana import ErrorCode
from rsvp.paths import CONTROL


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
