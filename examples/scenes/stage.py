"""The stage of all scenes: hosts around one router, an RSVP daemon on each node, taps on the links.

    h1 - r - h2        senders' links come first: 10.0.1.0/24, 10.0.2.0/24 and so on (fd00:1::/64 ...);
                       a sender is .1 on its link, a receiver .2

It is all in namespaces and needs no root; nothing of it outlives the scene. A scene is a coroutine
that takes the stage, and a program by `play`: what is done, heard and captured is printed in its order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Self

from wires import M, Seen, Wires

import rsvp
from rsvp import gqos
from rsvp.daemon.service import Settings, serve
from rsvp.errors import LocalError, RsvpError
from rsvp.lab import SCRATCH, Lab, Sandbox, Task

PATIENCE = 120.0
"""Seconds until a scene gives up to wait; nothing takes so long."""
GROUPS = {4: "239.1.2.3", 6: "ff1e::123"}
ANY = {4: "0.0.0.0", 6: "::"}
SMCROUTE = shutil.which("smcrouted", path="/usr/sbin:/sbin:/usr/bin:/bin")

LOAD = gqos.FlowSpec(
    8500,
    680,
    17000,
    service_type=gqos.ServiceType.CONTROLLEDLOAD,
    max_sdu_size=340,
    minimum_policed_size=340,
)
"""What a sender says of a voice: bytes/s, bytes, and the sizes of its packets."""
WANT = gqos.FlowSpec(service_type=gqos.ServiceType.CONTROLLEDLOAD)
"""What a receiver says: the service; the rest is the sender's."""
LISTEN = gqos.FlowSpec(service_type=WANT.service_type | gqos.ServiceFlag.NO_QOS_SIGNALING)
"""What a receiver says that only wants to hear of senders."""
CONFIRM = gqos.ReserveInfo(confirm_request=1)


class Stage:
    """The network of one scene. Make it in a sandbox, outside of a loop, and enter it in one."""

    def __init__(
        self,
        senders: Collection[str] = ("h1",),
        receivers: Collection[str] = ("h2",),
        *,
        version: int = 4,
        multicast: bool = False,
        bandwidth: str | Mapping[str, str] = "10mbit",
        refresh: float = 30.0,
        told: Collection[str] = (),
        captures: Mapping[str, BinaryIO] | None = None,
    ) -> None:
        """`bandwidth` is that of the links, or of those to some hosts; `refresh` R in seconds.

        Of the links to `told`, by default the first receiver's, messages are printed.
        """
        self.version = version
        self.group = (GROUPS[version], 5150)
        self.any = ANY[version]
        self.refresh = refresh
        self._bandwidth, self._told, self._captures = bandwidth, told or tuple(receivers)[:1], captures or {}
        self.lab = Lab()
        self.router = self.lab.add_router("r")
        for name in (*senders, *receivers):
            self.lab.add_host(name)
            self.lab.connect(*((name, "r") if name in senders else ("r", name)))
        self.lab.start()
        self.clients: dict[str, rsvp.LastingClient] = {}
        self._providers: dict[str, gqos.Provider] = {}
        self._names: dict[gqos.Socket, str] = {}
        self._closing = contextlib.AsyncExitStack()
        self._daemons: dict[str, Task] = {}
        self._began = 0
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(os.environ.setdefault("NOTIFY_SOCKET", str(SCRATCH / "ready")))
        self.start(*self.lab.nodes)
        if multicast:
            self._route_group(senders, receivers)

    # --- nodes ------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start the daemons of these nodes, as `rsvp daemon` would, and wait until they are ready."""
        for name in names:
            settings = Settings(str(self.configure(name)))
            self._daemons[name] = self.lab[name].spawn(lambda told=settings: _serve(told))
        self._wait_ready(len(names))

    def configure(self, name: str, bandwidth: str | None = None) -> Path:
        """Write a node's rsvp.toml, with this bandwidth of every link instead of the stage's."""
        text = f'control = "{SCRATCH}/{name}.sock"\nrefresh = {self.refresh}\n'
        for end in self.lab[name].ends:
            host = end.name.removeprefix("to-") if name == "r" else name
            rates = self._bandwidth
            rate = bandwidth or (rates if isinstance(rates, str) else rates.get(host, "10mbit"))
            text += f'[interfaces."{end.name}"]\nbandwidth = "{rate}"\n'
        file = SCRATCH / f"{name}.toml"
        file.write_text(text)
        return file

    def kill(self, name: str) -> None:
        """End a node's daemon as a crash does; `start` begins another one."""
        self._daemons[name].stop()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Stop, continue or reload a node's daemon."""
        os.kill(self._daemons[name].pid, number)

    def _wait_ready(self, count: int) -> None:
        self._ready.settimeout(PATIENCE)
        while count:
            count -= b"READY=1" in self._ready.recv(4096)

    def _route_group(self, senders: Collection[str], receivers: Collection[str]) -> None:
        """Have the group go from every sender to every receiver, without any to all other senders."""
        if SMCROUTE is None:
            raise LocalError("smcroute is not installed: apt-get install smcroute")
        lines = [f"phyint {end.name} enable ttl-threshold 1" for end in self.router.ends]
        for one in senders:
            to = " ".join(f"to-{name}" for name in (receivers or senders) if name != one)
            lines.append(f"mroute from to-{one} group {self.group[0]} source {self[one]} to {to}")
        file = SCRATCH / "smcroute.conf"
        file.write_text("\n".join(lines) + "\n")
        words = ["-n", "-N", "-l", "err", "-f", file, "-P", f"{file}.pid", "-u", f"{file}.sock"]
        self.router.popen([SMCROUTE, *words])
        for name in (*senders, *receivers):  # what has no other way goes out here, groups too
            for default in ("0.0.0.0/0", "::/0"):
                with self.lab[name].iproute() as ipr:
                    ipr.route("add", dst=default, oif=self.lab[name].ends[0].index)
        self._wait_ready(1)

    async def __aenter__(self) -> Self:
        self.wires = Wires(self.router, self._captures, self._told)
        self._closing.callback(self.wires.close)
        for name in self.lab.nodes:
            client = await self._closing.enter_async_context(await rsvp.connect(SCRATCH / f"{name}.sock"))
            self.clients[name] = client
            self._providers[name] = await self._closing.enter_async_context(gqos.Provider(client))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    # --- what a scene does --------------------------------------------------------------------------

    def __getitem__(self, name: str) -> str:
        """A host's address."""
        node = self.lab[name]
        return str(node.address if self.version == 4 else node.address6)

    def socket(self, name: str, kind: int = socket.SOCK_DGRAM) -> gqos.Socket:
        """A new socket with QoS on a host, as `gqos.Provider.socket` makes it there."""
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        with self.lab[name]:
            made = self._providers[name].socket(family, kind)
        self._names[made] = name
        return made

    def name(self, made: gqos.Socket, host: str) -> None:
        """Whose a socket is that `accept` made."""
        self._names[made] = host

    async def speaker(self, name: str, spec: gqos.FlowSpec) -> gqos.Socket:
        """A socket on a host that announces what it sends from port 4000 to the group."""
        made = self.socket(name)
        await made.bind((self[name], 4000))
        await made.join_leaf(self.group, gqos.Qos(sending=spec), flags=gqos.Join.SENDER_ONLY)
        return made

    async def listener(self, name: str) -> gqos.Socket:
        """A socket on a host that has joined the group to receive, and reserves nothing before it is told."""
        made = self.socket(name)
        await made.bind((self.any, self.group[1]))
        await made.join_leaf(self.group, gqos.Qos(receiving=LISTEN), flags=gqos.Join.RECEIVER_ONLY)
        return made

    async def reserved(self, host: str) -> float:
        """Bytes/s that the router has reserved on its link to a host."""
        links = await self.clients["r"].show("interfaces")
        return next(float(str(one["reserved"])) for one in links if one["name"] == f"to-{host}")

    def filters(self, *hosts: str, port: int = 4000) -> tuple[gqos.FilterSpec, ...]:
        """The senders on some hosts, all at one port, as GQoS names them."""
        return tuple(gqos.filter_for(ip_address(self[host]), port) for host in hosts)

    def says(self, text: str) -> None:
        """Print what happens next, or what has come of it."""
        self.wires.read()
        self._began = len(self.wires.seen)
        print(f"* {text}", flush=True)

    async def hears(self, made: gqos.Socket, status: gqos.Status) -> gqos.QosEvent:
        """Wait for an indication of this status; print it, and those that it passes over."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await made.next_event()
                self.wires.read()
                print(f"    {self._names[made]} hears {_words(event)}", flush=True)
                if event.status == status:
                    return event

    async def sees(self, wire: str, kind: type[M], when: Callable[[M], bool] = lambda _: True) -> Seen:
        """Wait for a message on the link of a host; one that is there since the last `says` will do."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.wires.changed.clear()
                self.wires.read()
                for one in self.wires.seen[self._began :]:
                    if one.wire == wire and isinstance(one.message, kind) and when(one.message):
                        return one
                await self.wires.changed.wait()

    async def marks(self, data: bytes) -> int:
        """Wait for the packet that carries these data; its traffic class (TOS, in IPv4)."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.wires.changed.clear()
                self.wires.read()
                for _, packet in self.wires.packets:
                    if data in packet:
                        word = int.from_bytes(packet[:2], "big")
                        return word & 0xFF if self.version == 4 else word >> 4 & 0xFF
                await self.wires.changed.wait()


def _serve(settings: Settings) -> bytes:
    asyncio.run(serve(settings))
    return b""


def _words(event: gqos.QosEvent) -> str:
    text = event.status.name
    if event.flowspec.token_rate != gqos.QOS_NOT_SPECIFIED:
        text += f" {event.flowspec.token_rate} bytes/s"
    if event.senders:
        text += f" of {', '.join(map(str, event.senders))}"
    if any(event.extended):
        text += f" {event.extended[0]}/{event.extended[1]}"
    return text + (", the old one stands" if event.in_place else "")


def play(scene: Callable[[Stage], Awaitable[None]], *hosts: Collection[str], **options: Any) -> NoReturn:
    """Run a scene as a program; `hosts` and `options` are those of `Stage`."""
    about = sys.modules[scene.__module__].__doc__ or ""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--ipv6", action="store_true", help="IPv6 instead of IPv4")
    parser.add_argument("--captures", type=Path, metavar="DIR", help="write a capture of every link there")
    told = parser.parse_args()
    options |= dict(zip(("senders", "receivers"), hosts or (("h1",), ("h2",)), strict=True))
    if told.captures is not None:  # opened here: the sandbox has files of its own
        names = (*options["senders"], *options["receivers"])
        options["captures"] = {name: (told.captures / f"{name}.pcap").open("wb") for name in names}

    def inside() -> int:
        print(about.splitlines()[0], flush=True)
        try:
            asyncio.run(perform(Stage(version=6 if told.ipv6 else 4, **options)))
        except RsvpError as error:
            print(f"{sys.argv[0]}: {error}", file=sys.stderr)
            return 1
        for file in options.get("captures", {}).values():
            file.close()
        return 0

    async def perform(stage: Stage) -> None:
        async with stage:
            await scene(stage)
            stage.says("all leave")

    try:
        with Sandbox(inside) as sandbox:
            sys.exit(sandbox.wait())
    except RsvpError as error:
        sys.exit(f"{sys.argv[0]}: {error}")
