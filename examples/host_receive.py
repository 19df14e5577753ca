"""Reserve bandwidth for whoever announces a flow to this host, and count what comes.

python host_receive.py 192.0.2.9 5000 --silence 10
"""

from __future__ import annotations

import argparse
import asyncio
import socket

import rsvp
from rsvp.paths import CONTROL


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="this host's own address, where the flow comes to")
    parser.add_argument("port", type=int)
    parser.add_argument("--silence", type=float, default=5.0, help="seconds of it end the count")
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()

    client = await rsvp.connect(options.control)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((options.address, options.port))
        sock.setblocking(False)
        async with await client.session(options.address, options.port) as session:
            sender = await session.sender(timeout=60)
            assert sender.tspec is not None
            print(f"{sender.template} sends {sender.tspec.rate:.0f} bytes/s", flush=True)
            flow = await session.reserve(
                rsvp.FF, rsvp.controlled_load(sender.tspec), [sender.template], confirm=True
            )
            confirmed = await flow.confirmed(timeout=60)
            print(f"reserved, confirmed by {confirmed.node}", flush=True)
            print(f"received {await count(sock, options.silence)} packets", flush=True)
    await client.close()


async def count(sock: socket.socket, silence: float) -> int:
    """How many packets come until there is silence."""
    loop = asyncio.get_running_loop()
    packets = 0
    while True:
        try:
            async with asyncio.timeout(silence):
                await loop.sock_recv(sock, 65535)
        except TimeoutError:
            return packets
        packets += 1


if __name__ == "__main__":
    asyncio.run(main())
