"""Three senders, six receivers, a diamond of four routers: FF, SE and WF under a tenfold overload.

      s1 - r1 - e5          Every router runs smcroute and every node an RSVP daemon, each in a
          /  \\              network namespace of its own: no root is needed. The links between
  s2 - r2    r3 - s3        routers and towards receivers carry 400 kbit/s. Each receiver joins three
   e3 /  \\  /  \\ e4          groups and reserves in each: 20 kbit/s for every sender (FF), 20 kbit/s
          r4                that the three share (SE), 20 kbit/s for whoever sends (WF). Then
       e1 e2 e6             best effort asks ten times of every link what it carries.

    apt-get install smcroute
    python diamond.py [--ipv6] [--seconds 6] [--json]

First the senders keep to what is reserved, and what is lost of it is counted. Then they send three times
as much: no reservation may get more than its share, and best effort keeps its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diamond_traffic import OVERLOAD_PACKET, PACKET, Flow, Load, member, overload, receive, send, sink

import rsvp
from rsvp.lab import SCRATCH, End, Lab, Sandbox

LINK = 50_000.0
"""Bytes/s of the links that are overloaded: 400 kbit/s."""
FAST = 5_000_000.0
SHARE = 2_500.0
"""Bytes/s that a reservation is for: 20 kbit/s."""
TIMES = 10
GREED = 3
PORT = 5000

ROUTERS = ("r1", "r2", "r3", "r4")
SENDERS = {"s1": "r1", "s2": "r2", "s3": "r3"}
RECEIVERS = {"e1": "r4", "e2": "r4", "e3": "r2", "e4": "r3", "e5": "r1", "e6": "r4"}
SIDES = (("r1", "r2"), ("r1", "r3"), ("r2", "r4"), ("r3", "r4"))

TREES = {
    "s1": {"r1": ("r2", "r3"), "r2": ("r4",)},
    "s2": {"r2": ("r1", "r4"), "r4": ("r3",)},
    "s3": {"r3": ("r1", "r4"), "r1": ("r2",)},
}
"""The way of each sender's data from router to router; each serves its own receivers as well."""

OVERLOADS = (
    *(("s1", "e3"), ("s1", "e4"), ("s2", "e1"), ("s2", "e5"), ("s3", "e2"), ("s3", "e5")),
    *(("e6", "e4"), ("s2", "e3"), ("s3", "e4"), ("s1", "e5"), ("e6", "e1"), ("e6", "e2"), ("e1", "e6")),
)
"""Who floods whom: each link between routers, both ways, and each towards a receiver."""

STYLES = {"FF": rsvp.FF, "SE": rsvp.SE, "WF": rsvp.WF}
GROUPS = {4: {"FF": "239.1.1.1", "SE": "239.1.1.2", "WF": "239.1.1.3"}}
GROUPS[6] = {"FF": "ff1e::1", "SE": "ff1e::2", "WF": "ff1e::3"}
BEST_EFFORT = 0x2E0003
ETHERNET = 14
"""Bytes that each packet has more on a link than IP counts."""
RESERVED = SHARE * (PACKET + ETHERNET) / PACKET
"""Bytes/s on the link of what is reserved."""
CONTROL = 0.02
"""The share of a link that RSVP keeps for its own messages."""
SINK = 9
TRIES = 3
LATE = 0.05
"""Seconds; a sender that was late by more was held up by other work on this machine."""


@dataclass(frozen=True)
class Reading:
    """One link's counters: when, of each reservation and of best effort."""

    time: float
    reservations: dict[str, dict[str, Any]]
    best_effort: tuple[int, int]
    """Packets sent and dropped."""


class Diamond:
    """The network, its daemons, and the sessions of its hosts."""

    def __init__(self, version: int, runner: asyncio.Runner) -> None:
        self.version = version
        self.runner = runner
        self.groups = GROUPS[version]
        self.lab = Lab()
        for name in (*SENDERS, *RECEIVERS):
            self.lab.add_host(name)
        for name in ROUTERS:
            self.lab.add_router(name)
        for one, other in (*SIDES, *SENDERS.items(), *RECEIVERS.items()):
            self.lab.connect(one, other)
        self.lab.start()
        self.clients: dict[str, rsvp.Client] = {}
        self.sessions: list[rsvp.aio.Session] = []
        self.sockets: dict[tuple[str, str], socket.socket] = {}
        self.sinks: list[socket.socket] = []
        self.runs = 0

    def address(self, name: str) -> str:
        node = self.lab[name]
        return str(node.address if self.version == 4 else node.address6)

    # --- routing: who forwards whose data where ------------------------------------------------------

    def outgoing(self, router: str, sender: str) -> list[str]:
        """A router's neighbours that get a sender's data from it."""
        near = [name for name, at in RECEIVERS.items() if at == router]
        return [*TREES[sender].get(router, ()), *near]

    def incoming(self, router: str, sender: str) -> str:
        """The neighbour that a router gets a sender's data from."""
        if SENDERS[sender] == router:
            return sender
        return next(above for above, below in TREES[sender].items() if router in below)

    def branches(self) -> Iterator[tuple[End, list[str]]]:
        """Every link that reserved data takes, by the end it leaves from, with its senders."""
        for router in ROUTERS:
            for end in self.lab[router].ends:
                far = end.name.removeprefix("to-")
                senders = [sender for sender in SENDERS if far in self.outgoing(router, sender)]
                if senders:
                    yield end, senders

    def begin_sinks(self) -> None:
        """Somewhere for the overload to go: ICMP would answer it otherwise."""
        for name in RECEIVERS:
            with self.lab[name]:
                self.sinks.append(sink((self.address(name), SINK)))

    def start_routing(self, daemon: str) -> None:
        for router in ROUTERS:
            node = self.lab[router]
            lines = [f"phyint {end.name} enable ttl-threshold 1" for end in node.ends]
            for sender in SENDERS:
                came = node.toward(self.incoming(router, sender)).name
                to = " ".join(node.toward(name).name for name in self.outgoing(router, sender))
                for group in self.groups.values():
                    source = self.address(sender)
                    lines.append(f"mroute from {came} group {group} source {source} to {to}")
            file = SCRATCH / f"{router}.smcroute"
            file.write_text("\n".join(lines) + "\n")
            words = ["-n", "-N", "-f", str(file), "-P", f"{file}.pid", "-u", f"{file}.sock"]
            node.popen([daemon, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # --- RSVP ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """A daemon in every node; returns when all of them answer."""
        for name, node in self.lab.nodes.items():
            lines = [f'control = "{SCRATCH}/{name}.rsvp"']
            for end in node.ends:
                slow = node.router and end.name.removeprefix("to-") not in SENDERS
                lines += [f'[interfaces."{end.name}"]', f"bandwidth = {LINK if slow else FAST}"]
            file = SCRATCH / f"{name}.toml"
            file.write_text("\n".join(lines) + "\n")
            with (SCRATCH / f"{name}.log").open("w") as log:
                node.python("-m", "rsvp", "daemon", "--config", str(file), stdout=log, stderr=log)
        for name in self.lab.nodes:
            while name not in self.clients:
                try:
                    self.clients[name] = await rsvp.connect(SCRATCH / f"{name}.rsvp")
                except rsvp.RsvpError:
                    await asyncio.sleep(0.1)
            await self.clients[name].show("interfaces")

    def join(self) -> None:
        """Every receiver joins the groups, with the sockets that it is to get the data from."""
        for name in RECEIVERS:
            node = self.lab[name]
            for style, group in self.groups.items():
                with node:
                    self.sockets[name, style] = member((group, PORT), node.ends[0].index)

    async def reserve(self) -> float:
        """Announce nine flows, reserve for them at six receivers; seconds until all was confirmed."""
        began = time.monotonic()
        tspec = rsvp.Tspec(rate=SHARE, bucket=10 * PACKET, m=PACKET, M=PACKET)
        for name in SENDERS:
            for group in self.groups.values():
                session = await self.clients[name].session(group, PORT)
                self.sessions.append(session)
                await session.send(tspec, source=self.address(name), port=PORT)
        await asyncio.gather(*(self._reserve(name, tspec) for name in RECEIVERS))
        return time.monotonic() - began

    async def _reserve(self, receiver: str, tspec: rsvp.Tspec) -> None:
        asked = []
        for style, group in self.groups.items():
            session = await self.clients[receiver].session(group, PORT)
            self.sessions.append(session)
            while len(session.senders) < len(SENDERS):
                await anext(session)
            senders = [(self.address(name), PORT) for name in SENDERS] if style != "WF" else []
            wanted = rsvp.controlled_load(tspec)
            asked.append(await session.reserve(STYLES[style], wanted, senders, confirm=True))
        for reservation in asked:
            await reservation.confirmed(60.0)

    def settle(self) -> None:
        """Wait until every branch of every tree has its reservations, no more and no less."""
        for end, senders in self.branches():
            while len(self.read(end).reservations) != len(senders) + 2:
                time.sleep(0.1)

    def read(self, end: End) -> Reading:
        """What has left through an interface so far."""
        shown = self.runner.run(self.clients[end.node.name].show("installed"))
        reservations = {}
        for one in shown:
            if one["interface"] == end.name:
                style = next(s for s, g in self.groups.items() if g == one["session"]["destination"])
                who = " ".join(f["address"] for f in one["filters"]) if style == "FF" else "all"
                reservations[f"{style} {who}"] = one
        with end.node.iproute() as ipr:
            (found,) = [c for c in ipr.get_classes(end.index) if c["handle"] == BEST_EFFORT]
            stats = found.get_attr("TCA_STATS2")
            sent = stats.get_attr("TCA_STATS_BASIC")["packets"]
            dropped = stats.get_attr("TCA_STATS_QUEUE")["drops"]
        return Reading(time.monotonic(), reservations, (sent, dropped))


# --- what is measured ----------------------------------------------------------------------------------


def flows(diamond: Diamond, greed: float) -> list[Flow]:
    """The nine flows; `greed` is how much of what is reserved they send together."""
    made = []
    for style, group in diamond.groups.items():
        rate = greed * SHARE / (1 if style == "FF" else len(SENDERS))
        for name in SENDERS:
            with diamond.lab[name]:
                index = diamond.lab[name].ends[0].index
                made.append(Flow.open(style, name, (diamond.address(name), PORT), (group, PORT), index, rate))
    return made


def measure(diamond: Diamond, greed: float, seconds: float) -> dict[str, Any]:
    """Send for a while, once more where this machine itself stood in the way."""
    for _ in range(TRIES):
        result = measure_once(diamond, greed, seconds)
        if not result["disturbed"]:
            break
    return result


def measure_once(diamond: Diamond, greed: float, seconds: float) -> dict[str, Any]:
    """Flows with their losses, and links with what they carried."""
    diamond.runs += 1
    run, home, crowded = diamond.runs, diamond.lab["r1"], crowded_out()
    with ExitStack() as opened:
        sending = flows(diamond, greed)
        loads = [load(diamond, source, to) for source, to in OVERLOADS]
        for one in (*sending, *loads):
            opened.enter_context(one.sock)
        flood = home.spawn(lambda: overload(loads))
        time.sleep(0.5)
        receiver = home.spawn(lambda: receive(diamond.sockets, run, seconds + 2.0))
        sender = home.spawn(lambda: send(sending, run, seconds))
        time.sleep(seconds / 4)
        before = [(end, senders, diamond.read(end)) for end, senders in diamond.branches()]
        time.sleep(seconds / 2)
        after = [diamond.read(end) for end, _ in diamond.branches()]
        sent = json.loads(sender.result())
        flood.stop()
        received = json.loads(receiver.result())
    links = [link(*old, new) for old, new in zip(before, after, strict=True)]
    idle = any(one["best_effort"]["offered"] < TIMES / 2 * LINK for one in links)
    return {
        "flows": [
            {"style": style, "sender": name, "receiver": to}
            | {
                "sent": sent["packets"][f"{style} {name}"],
                "received": received.get(f"{to} {style} {name}", 0),
            }
            for style in diamond.groups
            for to in RECEIVERS
            for name in SENDERS
        ],
        "links": links,
        "disturbed": idle or sent["late"] > LATE or crowded_out() > crowded,
    }


def crowded_out() -> int:
    """Packets that this machine's processors had no time for."""
    lines = Path("/proc/net/softnet_stat").read_text().splitlines()
    return sum(int(line.split()[1], 16) for line in lines)


def load(diamond: Diamond, source: str, to: str) -> Load:
    with diamond.lab[source]:
        return Load.open((diamond.address(source), 0), (diamond.address(to), SINK), TIMES * LINK)


def link(end: End, senders: list[str], old: Reading, new: Reading) -> dict[str, Any]:
    """What one link carried between two readings, in bytes/s on the link."""
    seconds = new.time - old.time
    reservations = {}
    for name, now in new.reservations.items():
        packets = now["packets"] - old.reservations[name]["packets"]
        reservations[name] = {"reserved": RESERVED, "rate": packets * (PACKET + ETHERNET) / seconds}
    sent, dropped = (b - a for a, b in zip(old.best_effort, new.best_effort, strict=True))
    return {
        "node": end.node.name,
        "interface": end.name,
        "rate": LINK,
        "senders": senders,
        "reservations": reservations,
        "best_effort": {
            "share": LINK * (1 - CONTROL) - RESERVED * len(reservations),
            "rate": sent * (OVERLOAD_PACKET + ETHERNET) / seconds,
            "offered": (sent + dropped) * (OVERLOAD_PACKET + ETHERNET) / seconds,
        },
    }


def story(diamond: Diamond, seconds: float) -> dict[str, Any]:
    run = diamond.runner.run
    diamond.join()
    diamond.begin_sinks()
    tell("starting a daemon in each of 13 nodes")
    run(diamond.start())
    tell("Path and Resv")
    setup = run(diamond.reserve())
    diamond.settle()
    tell("senders keep to what is reserved")
    modest = measure(diamond, 0.9, seconds)
    tell(f"senders send {GREED} times that")
    greedy = measure(diamond, GREED, seconds)
    for session in diamond.sessions:
        run(session.close())
    return {"version": diamond.version, "setup_seconds": setup, "modest": modest, "greedy": greedy}


# --- what is told ---------------------------------------------------------------------------------------


def tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def show(result: dict[str, Any]) -> None:
    reservations = len(STYLES) * len(RECEIVERS)
    print(f"IPv{result['version']}: {reservations} reservations confirmed in {result['setup_seconds']:.1f} s")
    print("\nLost of flows that keep to what is reserved, on the way to six receivers:")
    for style in STYLES:
        mine = [one for one in result["modest"]["flows"] if one["style"] == style]
        sent, received = sum(one["sent"] for one in mine), sum(one["received"] for one in mine)
        print(f"  {style}: {sent - received} of {sent} packets, {100 * (1 - received / sent):.2f} %")
    for kind, title in (("modest", "keep to what is reserved"), ("greedy", f"send {GREED} times that")):
        print(f"\nLinks while senders {title}, kbit/s:")
        print(f"  {'from':5}{'to':5}{'overload':>9}{'best effort':>13}{'its share':>11}", end="")
        print(f"   reservations of {kbit(RESERVED)}")
        for one in result[kind]["links"]:
            best = one["best_effort"]
            print(
                f"  {one['node']:5}{one['interface'].removeprefix('to-'):5}{best['offered'] / LINK:8.1f}x"
                f"{kbit(best['rate']):>13}{kbit(best['share']):>11}  ",
                *(f"{name.split()[0]} {kbit(each['rate'])}" for name, each in one["reservations"].items()),
            )
        if result[kind]["disturbed"]:
            print("This machine was busy with other work meanwhile: that may be its own doing.")


def kbit(rate: float) -> str:
    return f"{rate * 8 / 1000:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ipv6", action="store_true")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    daemon = shutil.which("smcrouted", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if daemon is None:
        print("the routers need smcroute: apt-get install smcroute", file=sys.stderr)
        return 1

    def inside() -> int:
        with asyncio.Runner() as runner:
            diamond = Diamond(6 if options.ipv6 else 4, runner)
            diamond.start_routing(daemon)
            result = story(diamond, options.seconds)
        print(json.dumps(result)) if options.json else show(result)
        return 0

    return Sandbox(inside).wait()


if __name__ == "__main__":
    sys.exit(main())
