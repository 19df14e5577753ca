"""The demo's network: h1 - r1 - r2 - h2 with a daemon in each, and the reservation across it.

Runs inside a sandbox. The daemons are the command's own, started as an operator would; the
reservation is asked for over their control sockets, as an application would.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..aio import Session
from ..control.client import Client, NoDaemon, connect
from ..errors import LocalError
from ..intserv import Tspec, controlled_load
from ..lab import SCRATCH, Lab, chain
from ..messages import base_filter
from ..objects import FF

NODES = ("h1", "r1", "r2", "h2")
SLOW = ("r1", "r2")
ETHERNET_HEADER = 14
START_PATIENCE, SETUP_PATIENCE, END_PATIENCE = 120.0, 60.0, 30.0
"""Seconds; nothing takes so long, except on a machine that has a lot else to do."""


@dataclass(frozen=True)
class Plan:
    """What is sent through what, in which IP version.

    Rates are in bytes/s, sizes in bytes (of IP packets), times in seconds.
    """

    version: int = 4

    link_rate: float = 10e6 / 8
    access_rate: float = 1e9 / 8
    flow_rate: float = 1e6 / 8
    packet_size: int = 500
    background_rate: float = 50e6 / 8
    background_packet: int = 1500
    duration: float = 6.0
    source_port: int = 4000
    port: int = 5000
    background_port: int = 9

    @property
    def tspec(self) -> Tspec:
        """The flow's Tspec: a bucket of 100 ms, all packets of one size."""
        size = self.packet_size
        return Tspec(self.flow_rate, self.flow_rate / 10, m=size, M=size)


class Network:
    """Four nodes with their daemons; use it inside a sandbox, and `close` it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lab: Lab = chain(*NODES)
        self.background_device = add_background_cable(self.lab)
        self.daemons: dict[str, subprocess.Popen[Any]] = {}
        self.clients: dict[str, Client] = {}
        self._sessions: list[Session] = []

    def start_daemons(self) -> None:
        """Start `rsvp daemon` in each node, with its links' rates in its configuration."""
        for name in NODES:
            node = self.lab[name]
            lines = [f'control = "{_control(name)}"']
            for end in node.ends:
                lines += [f'[interfaces."{end.name}"]', f"bandwidth = {self._rate(name, end.name)}"]
            config = SCRATCH / f"{name}.toml"
            config.write_text("\n".join(lines) + "\n")
            with _log(name).open("wb") as log:
                self.daemons[name] = node.python(
                    "-m",
                    "rsvp",
                    "daemon",
                    "--config",
                    str(config),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def _rate(self, node: str, interface: str) -> float:
        plan = self.plan
        if interface == self.background_device and node == "h1":
            return plan.background_rate * (plan.background_packet + ETHERNET_HEADER) / plan.background_packet
        slow = node in SLOW and interface.removeprefix("to-") in SLOW
        return plan.link_rate if slow else plan.access_rate

    async def connect(self) -> None:
        """Wait until every daemon answers. Raises LocalError where one does not come up."""
        deadline = time.monotonic() + START_PATIENCE
        for name in NODES:
            while name not in self.clients:
                try:
                    self.clients[name] = await connect(_control(name))
                except NoDaemon:
                    if self.daemons[name].poll() is not None or time.monotonic() > deadline:
                        raise LocalError(f"the daemon of {name} did not start: {_last_words(name)}") from None
                    await asyncio.sleep(0.02)
        for client in self.clients.values():
            # The socket is there before the node is; an answer is only when it is ready.
            await client.show("interfaces")

    def check_traffic_control(self) -> None:
        """Raise LocalError where a daemon could not take charge of its links: nothing would be seen."""
        for name in NODES:
            node = self.lab[name]
            for end in node.ends:
                with node.iproute() as ipr:
                    kinds = [message.get_attr("TCA_KIND") for message in ipr.get_qdiscs(end.index)]
                if "htb" not in kinds:
                    raise LocalError(f"{name} schedules nothing on {end.name}: {_last_words(name, end.name)}")

    async def reserve(self) -> float:
        """Announce the flow at h1, reserve for it at h2; seconds from the first Path to the confirmation.

        Raises Rejected where a node refuses, LocalError where nothing comes back.
        """
        plan, destination = self.plan, self.address("h2")
        sending = await self.clients["h1"].session(destination, plan.port)
        receiving = await self.clients["h2"].session(destination, plan.port)
        self._sessions = [sending, receiving]
        began = time.monotonic()
        try:
            await sending.send(plan.tspec, source=self.address("h1"), port=plan.source_port)
            sender = await receiving.sender(SETUP_PATIENCE)
            wanted = controlled_load(sender.tspec or plan.tspec)
            reservation = await receiving.reserve(FF, wanted, [base_filter(sender.template)], confirm=True)
            await reservation.confirmed(SETUP_PATIENCE)
        except TimeoutError:
            raise LocalError(f"no reservation was confirmed within {SETUP_PATIENCE:g} s") from None
        return time.monotonic() - began

    async def hops(self) -> list[dict[str, Any]]:
        """How much of senders, reservations and installed flows each node shows."""
        return [
            {"node": name}
            | {what: len(await client.show(what)) for what in ("senders", "reservations", "installed")}
            for name, client in self.clients.items()
        ]

    def address(self, name: str) -> str:
        """Where a host of the demo is reached."""
        node = self.lab[name]
        return str(node.address if self.plan.version == 4 else node.address6)

    def background_sent(self) -> int:
        """IP bytes of the overload that have left h1."""
        with self.lab["h1"].iproute() as ipr:
            (link,) = ipr.link("get", ifname=self.background_device)
        stats = link.get_attr("IFLA_STATS64")
        return int(stats["tx_bytes"] - ETHERNET_HEADER * stats["tx_packets"])

    async def close(self) -> None:
        """Leave the sessions and end the daemons orderly."""
        for session in self._sessions:
            await session.close()
        for client in self.clients.values():
            await client.close()
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                await asyncio.to_thread(daemon.wait, END_PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()


def add_background_cable(lab: Lab) -> str:
    """A second cable from h1 to r1, for the overload alone; the interface of h1 that it is on.

    So the flow meets the overload on the slow link and nowhere else, and the interface's bandwidth
    is the overload's rate.
    """
    near, far = lab.connect("h1", "r1").ends
    with lab["h1"].iproute() as ipr:
        beyond = lab.cables[NODES.index("r2")]
        for network, gateway in ((beyond.network, far.address), (beyond.network6, far.address6)):
            ipr.route("add", dst=str(network), gateway=str(gateway), oif=near.index, priority=2000)
    return near.name


def _control(name: str) -> Path:
    return SCRATCH / f"{name}.sock"


def _last_words(name: str, about: str = "") -> str:
    """The last that a node's daemon said, of something that it names if it did."""
    said = _log(name).read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    return ([line for line in said if about in line] or said)[-1]


def _log(name: str) -> Path:
    return SCRATCH / f"{name}.log"
