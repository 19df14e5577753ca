"""Announce a flow to the daemon of this host and send it, as long as somebody reserves for it.

python host_send.py 192.0.2.9 5000 --rate 125000 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import socket

import rsvp
from rsvp.paths import CONTROL

PAYLOAD = bytes(472)  # with 28 bytes of UDP and IP headers, packets of 500 bytes


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("destination")
    parser.add_argument("port", type=int)
    parser.add_argument("--source-port", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=125_000.0, help="bytes/s")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()

    client = await rsvp.connect(options.control)
    async with await client.session(options.destination, options.port) as session:
        tspec = rsvp.Tspec(rate=options.rate, bucket=options.rate / 10, m=500, M=500)
        sender = await session.send(tspec, port=options.source_port)
        print(f"announced {sender.template} -> {session.session}", flush=True)
        async for event in session:
            print(type(event).__name__, flush=True)
            if isinstance(event, rsvp.ResvEvent):
                print(f"reserved: {event.flowspec.rate:.0f} bytes/s", flush=True)
                break
            if isinstance(event, rsvp.PathError):
                raise SystemExit(f"{event.node} refused: code {event.code}, value {event.value}")
        await send(options)
    await client.close()


async def send(options: argparse.Namespace) -> None:
    """Send at the announced rate."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", options.source_port))
        sock.connect((options.destination, options.port))
        sock.setblocking(False)
        interval = 500 / options.rate
        began = loop.time()
        for number in range(int(options.seconds / interval)):
            await asyncio.sleep(max(0.0, began + number * interval - loop.time()))
            await loop.sock_sendall(sock, PAYLOAD)


if __name__ == "__main__":
    asyncio.run(main())
