"""Two hosts and three routers in memory: a reservation end to end, although a fifth of all messages is lost.

No root, no sockets, no kernel: the nodes are real, the network is a dict.

    python three_routers.py
"""

from __future__ import annotations

import asyncio
import itertools
from random import Random

import rsvp
from rsvp.tc.null import NullTrafficControl
from rsvp.transport.memory import Network

LINK = rsvp.InterfaceConfig(bandwidth=1_250_000)  # bytes/s: 10 Mbit/s


async def main() -> None:
    network = Network(seed=4)
    names = ["h1", "r1", "r2", "r3", "h2"]
    for number, (left, right) in enumerate(itertools.pairwise(names), start=1):
        network.link((left, f"10.0.{number}.1"), (right, f"10.0.{number}.2"), delay=0.002, loss=0.2)

    nodes = {}
    for name, host in network.hosts.items():
        config = rsvp.NodeConfig(refresh=0.5, interfaces={port.name: LINK for port in host.ports.values()})
        nodes[name] = rsvp.Node(
            config,
            transport=host.transport,
            routing=host.routing,
            traffic=NullTrafficControl(),
            rng=Random(name),
        )
        await nodes[name].start()

    receiving = await nodes["h2"].session("10.0.4.2", 5000)
    sending = await nodes["h1"].session("10.0.4.2", 5000)
    await sending.send(rsvp.Tspec(rate=125_000, bucket=20_000), port=4000)

    sender = await receiving.sender(timeout=30)
    print(f"{sender.template} sends {sender.tspec.rate:.0f} bytes/s,", end=" ")
    print(f"over {sender.adspec.general.is_hops} RSVP hops")
    flow = await receiving.reserve(
        rsvp.SE, rsvp.controlled_load(sender.tspec), [sender.template], confirm=True
    )
    print("confirmed by", (await flow.confirmed(timeout=30)).node)

    for name, node in nodes.items():
        for entry in await node.show("installed"):
            print(f"{name} {entry['interface']}: {entry['flowspec']['tspec']['r']} bytes/s")
    for node in nodes.values():
        await node.close()


if __name__ == "__main__":
    asyncio.run(main())
