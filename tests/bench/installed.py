"""What a whole router does with thousands of reservations on one interface, HTB and nftables included.

`python -m tests.bench.installed` prints a table, with `--json` one JSON object. Needs no root. A node in a
namespace of its own is given Paths from one neighbour and Resvs from the other as bytes, `TURN` of them
in one turn of its event loop; then `rsvp show installed --json` is run beside it, and all is torn down.
`install` and `remove` are reservations a second, by the clock, from the first Resv or ResvTear to the
kernel's last class: decoding, admission, messages upstream, classes and filters. `processor` is the same
by processor time, the kernel's included, for a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from rsvp import encode
from rsvp.config import InterfaceConfig, NodeConfig
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.intserv import Tspec, controlled_load
from rsvp.lab import SCRATCH, Lab, Sandbox, chain
from rsvp.messages import Flow, Path, Resv, ResvTear, Sender
from rsvp.node import Node
from rsvp.objects import FF, FilterSpec, Hop, IPAddress, Session, TimeValues
from rsvp.transport import Encapsulation, Packet
from tests.bench.classification import processor_time

TURN = 100
LINK = 1.25e9
TSPEC = Tspec(1000.0, 3000.0, M=1500)


class Mute:
    """A transport through which the bench speaks; what the node sends is only counted."""

    def __init__(self) -> None:
        self.sent = 0

    def start(self, received: Callable[[Packet], None]) -> None:
        self.receive = received

    def send(self, packet: Packet) -> None:
        self.sent += 1

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        pass

    def close(self) -> None:
        pass


def with_children() -> float:
    """Processor time of this process and those that it has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return processor_time() + used.ru_utime + used.ru_stime


def session(number: int, to: IPv4Address) -> Session:
    return Session(to, 17, 5000 + number % 50_000)


async def say(
    transport: Mute, interface: int, source: IPAddress, to: IPAddress, data: Iterable[bytes]
) -> None:
    """Let a neighbour speak, `TURN` messages in each turn of the node's loop."""
    for number, message in enumerate(data, 1):
        transport.receive(Packet(message, to, source, interface, 63, True))
        if number % TURN == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def measure(lab: Lab, many: int) -> dict[str, float]:
    inside, outside = lab["r1"].toward("h1"), lab["r1"].toward("h2")
    h1, h2 = lab["h1"].address, lab["h2"].address
    sender, flow = FilterSpec(h1, 4000), Flow(controlled_load(TSPEC), (FilterSpec(h1, 4000),))
    interfaces = {end.name: InterfaceConfig(bandwidth=LINK) for end in (inside, outside)}
    config = NodeConfig(refresh=600.0, max_message_rate=1e9, interfaces=interfaces)
    transport, figures = Mute(), {}
    hop, times = Hop(h2, outside.index), TimeValues(600_000)
    paths = [
        encode(
            Path(
                session=session(n, h2),
                hop=Hop(h1, 1),
                time_values=times,
                sender=Sender(sender, TSPEC),
                send_ttl=63,
            )
        )
        for n in range(many)
    ]
    ask = Resv(session=session(0, h2), hop=hop, time_values=times, style=FF, flows=(flow,), send_ttl=63)
    resvs = [encode(replace(ask, session=session(n, h2))) for n in range(many)]
    tears = [
        encode(
            ResvTear(
                session=session(n, h2), hop=hop, style=FF, flows=(Flow(None, flow.filters),), send_ttl=63
            )
        )
        for n in range(many)
    ]
    where = str(SCRATCH / "bench.sock")
    async with Node(config, transport=transport) as node:
        server = ControlServer(node, ControlSocket(where))
        await server.start()
        await say(transport, inside.index, h1, h2, paths)
        while transport.sent < many:  # all routes are known
            await asyncio.sleep(0.01)
        for name, data in (("install", resvs), ("remove", tears)):
            began, spent = time.perf_counter(), processor_time()
            await say(transport, outside.index, h2, outside.address, data)
            figures[name] = many / (time.perf_counter() - began)
            figures[f"{name}_processor"] = many / (processor_time() - spent)
            if name == "install":
                began, spent = time.perf_counter(), with_children()
                words = ("show", "installed", "--json", "--control", where)
                shown = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "rsvp", *words), stdout=subprocess.PIPE
                )
                out, _ = await shown.communicate()
                figures["show"] = time.perf_counter() - began
                figures["show_processor"] = with_children() - spent
                entries = json.loads(out)["installed"]
                assert len(entries) == many
                assert all(entry["handle"].startswith("2e:") for entry in entries)
        assert await node.show("installed") == []
        await server.close()
    return figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000, help="how many reservations")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()

    def inside() -> int:
        lab = chain("h1", "r1", "h2")
        with lab["r1"]:
            found = asyncio.run(measure(lab, options.flows))
        if options.json:
            print(json.dumps(found))
        else:
            for name, verb in (("install", "installed"), ("remove", "removed")):
                print(f"{verb} a second                {found[name]:8.0f}")
                print(f"  of processor time             {found[f'{name}_processor']:8.0f}")
            print(f"rsvp show installed               {found['show']:6.2f} s")
            print(f"  of processor time, of both      {found['show_processor']:6.2f} s")
        sys.stdout.flush()
        return 0

    with Sandbox(inside) as sandbox:
        sys.exit(sandbox.wait())


if __name__ == "__main__":
    main()
