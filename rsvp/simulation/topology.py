"""Nodes and links of a simulated network, as plain values: what a file says and a `Simulation` runs.

A topology knows no time and no state; it can be written by hand, read from a file of lines or of
containerlab, or made by `line`, `tree`, `grid` and `random`.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from pathlib import Path
from random import Random

from ..errors import ScenarioError
from ..objects import IPAddress

STDIN = "-"
"""In place of a file's name."""


class Kind(Enum):
    """What a node does: hosts end paths, routers carry them, and plain routers know nothing of RSVP."""

    HOST = "host"
    ROUTER = "router"
    PLAIN = "plain"


@dataclass(slots=True)
class NodeSpec:
    """One node; `kind` None is a host where it has one interface and a router where it has more.

    `refresh` is R in seconds and `keep` K (RFC 2205 section 3.7), None for those of the simulation;
    `route_delay` W in seconds (section 3.6), `blockade` Kb (section 3.5) and `slew` Slew.Max (section
    3.7), None for what the RFC has.
    """

    name: str
    kind: Kind | None = None
    refresh: float | None = None
    keep: int | None = None
    route_delay: float | None = None
    blockade: int | None = None
    slew: float | None = None


@dataclass(slots=True)
class End:
    """One node's interface on a link; without addresses or a name the simulation gives it some."""

    node: str
    interface: str | None = None
    addresses: tuple[IPAddress, ...] = ()


@dataclass(slots=True)
class LinkSpec:
    """What joins two or more nodes.

    `bandwidth` in bytes/s; `reservable` the share of it that reservations may take together and
    `per_flow` the most one may take, bytes/s; `delay` and `jitter` in seconds; `loss`,
    `duplication` and `reordering` are probabilities for each packet. A reordered packet is held
    back by up to `held` seconds while others pass it; jitter alone never changes the order. `cost`
    is what routing adds up, `mtu` in bytes.
    """

    ends: tuple[End, ...]
    bandwidth: float = math.inf
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    held: float = 0.1
    reservable: float = 0.75
    per_flow: float = math.inf
    mtu: int = 1500
    cost: float = 1.0


@dataclass(slots=True)
class Topology:
    """Nodes and links, in the order in which they were named."""

    nodes: dict[str, NodeSpec] = field(default_factory=dict)
    links: list[LinkSpec] = field(default_factory=list)

    # --- made by hand -----------------------------------------------------------------------------

    def node(self, name: str, kind: Kind | str | None = None) -> NodeSpec:
        """The node of that name, made where there is none; `kind` if given is set."""
        spec = self.nodes.setdefault(name, NodeSpec(name))
        if kind is not None:
            spec.kind = Kind(kind)
        return spec

    def host(self, *names: str) -> None:
        """Declare hosts: they have applications, and nothing is routed through them."""
        for name in names:
            self.node(name, Kind.HOST)

    def router(self, *names: str) -> None:
        """Declare routers."""
        for name in names:
            self.node(name, Kind.ROUTER)

    def plain(self, *names: str) -> None:
        """Declare routers that do not know RSVP and forward its messages like any packet."""
        for name in names:
            self.node(name, Kind.PLAIN)

    def link(
        self,
        *ends: End | str,
        bandwidth: float = math.inf,
        delay: float = 0.0,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        reservable: float = 0.75,
        mtu: int = 1500,
        cost: float = 1.0,
    ) -> LinkSpec:
        """Join two or more nodes, which are made as they are named; see `LinkSpec`."""
        spec = LinkSpec(
            tuple(End(end) if isinstance(end, str) else end for end in ends),
            bandwidth,
            delay,
            jitter,
            loss,
            duplication,
            reordering,
            reservable=reservable,
            mtu=mtu,
            cost=cost,
        )
        return self.add(spec)

    def add(self, spec: LinkSpec) -> LinkSpec:
        """Add a link. Raises ValueError where its ends cannot be joined."""
        names = [end.node for end in spec.ends]
        if len(names) < 2:
            raise ValueError("a link has at least two ends")
        if len(set(names)) < len(names):
            raise ValueError(f"a link joins different nodes, not {' and '.join(names)}")
        for name in names:
            self.node(name)
        self.links.append(spec)
        return spec

    # --- read -------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str, file: str = "topology") -> Topology:
        """Read lines such as "link h1 r1 10mbit 1ms"; `file` is its name in complaints.

        Raises ScenarioError with one sentence that names the line.
        """
        from .reading import read_topology

        return read_topology(text, file)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Topology:
        """Read a file of lines, or a containerlab file (.yml, .yaml). Raises ScenarioError."""
        from .reading import load_topology

        return load_topology(os.fspath(path))

    # --- generated --------------------------------------------------------------------------------

    @classmethod
    def line(cls, routers: int, *, bandwidth: float = math.inf, delay: float = 0.001) -> Topology:
        """h1 - r1 - r2 ... - h2."""
        topology = cls()
        names = ["h1", *(f"r{n}" for n in range(1, routers + 1)), "h2"]
        for left, right in pairwise(names):
            topology.link(left, right, bandwidth=bandwidth, delay=delay)
        topology.host("h1", "h2")
        topology.router(*names[1:-1])
        return topology

    @classmethod
    def tree(
        cls, routers: int, *, fan: int = 2, hosts: int = 1, bandwidth: float = math.inf, delay: float = 0.001
    ) -> Topology:
        """A tree of routers, each with up to `fan` below it and `hosts` receivers h1, h2 ... at it.

        The sender's host s is at the root r1.
        """
        topology = cls()
        topology.router(*(f"r{n}" for n in range(1, routers + 1)))
        topology.host("s")
        topology.link("s", "r1", bandwidth=bandwidth, delay=delay)
        for n in range(2, routers + 1):
            topology.link(f"r{(n - 2) // fan + 1}", f"r{n}", bandwidth=bandwidth, delay=delay)
        for n in range(routers * hosts):
            topology.host(f"h{n + 1}")
            topology.link(f"r{n // hosts + 1}", f"h{n + 1}", bandwidth=bandwidth, delay=delay)
        return topology

    @classmethod
    def grid(cls, rows: int, columns: int, *, bandwidth: float = math.inf, delay: float = 0.001) -> Topology:
        """Routers r1-1, r1-2 ... joined to those beside and below, with a host h1-1 ... at each."""
        topology = cls()
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                here = f"{row}-{column}"
                topology.router(f"r{here}")
                topology.host(f"h{here}")
                topology.link(f"h{here}", f"r{here}", bandwidth=bandwidth, delay=delay)
                if column > 1:
                    topology.link(f"r{row}-{column - 1}", f"r{here}", bandwidth=bandwidth, delay=delay)
                if row > 1:
                    topology.link(f"r{row - 1}-{column}", f"r{here}", bandwidth=bandwidth, delay=delay)
        return topology

    @classmethod
    def random(
        cls,
        routers: int,
        *,
        seed: int = 0,
        extra: float = 0.5,
        bandwidth: float = math.inf,
        delay: float = 0.001,
    ) -> Topology:
        """A connected network: a random tree of routers and `extra` links more for each of them.

        A host h1, h2 ... is at each router. The same seed makes the same network.
        """
        rng = Random(f"topology/{seed}")
        topology = cls()
        joined = set()
        for n in range(1, routers + 1):
            topology.router(f"r{n}")
            topology.host(f"h{n}")
            topology.link(f"h{n}", f"r{n}", bandwidth=bandwidth, delay=delay)
            if n > 1:
                other = rng.randint(1, n - 1)
                joined.add((other, n))
                topology.link(f"r{other}", f"r{n}", bandwidth=bandwidth, delay=delay)
        for _ in range(round(extra * routers)):
            left, right = sorted((rng.randint(1, routers), rng.randint(1, routers)))
            if left != right and (left, right) not in joined:
                joined.add((left, right))
                topology.link(f"r{left}", f"r{right}", bandwidth=bandwidth, delay=delay)
        return topology

    # --- what the simulation asks -----------------------------------------------------------------

    def kind(self, name: str) -> Kind:
        """What a node is, said or by its number of interfaces."""
        kind = self.nodes[name].kind
        if kind is not None:
            return kind
        interfaces = sum(end.node == name for link in self.links for end in link.ends)
        return Kind.ROUTER if interfaces > 1 else Kind.HOST


def subnet_addresses(number: int, versions: tuple[int, ...]) -> Iterator[tuple[IPAddress, ...]]:
    """Addresses for the ends of link `number`: 10.0.1.1, 10.0.1.2 ... for the first one.

    IPv6 ones are fd00:0:1::1 and so on. `versions` are the IP versions that are wanted.
    """
    for host in range(1, 255):
        addresses: list[IPAddress] = []
        if 4 in versions:
            addresses.append(IPv4Address((10 << 24) + (number << 8) + host))
        if 6 in versions:
            addresses.append(IPv6Address((0xFD00 << 112) + (number << 80) + host))
        yield tuple(addresses)


def read_end(text: str) -> End:
    """An end as it is written: NODE, NODE:INTERFACE, NODE@ADDRESS or NODE:INTERFACE@ADDRESS,ADDRESS.

    Raises ValueError.
    """
    place, at, listed = text.partition("@")
    name, colon, interface = place.partition(":")
    if not name or (colon and not interface):
        raise ValueError(f"{text!r} is no end of a link: write r1, r1:eth1, r1@10.0.1.1 or r1:eth1@10.0.1.1")
    try:
        addresses = tuple(ip_address(one) for one in listed.split(",")) if at else ()
    except ValueError:
        raise ValueError(f"{listed!r} is no IPv4 or IPv6 address: write r1@10.0.1.1") from None
    return End(read_name(name), interface or None, addresses)


def read_name(text: str) -> str:
    """A node's name: letters, digits, and - _ . between them. Raises ValueError."""
    if not text[0].isalpha() or not all(one.isalnum() or one in "-_." for one in text):
        raise ValueError(f"{text!r} is no name: it begins with a letter and has letters, digits, - _ . only")
    return text


def load_text(file: str) -> str:
    """The text of a file, or of standard input. Raises ScenarioError with one sentence."""
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return data.decode()
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file}: not UTF-8 text at byte {error.start}") from None
    except OSError as error:
        raise ScenarioError(f"{file}: {(error.strerror or str(error)).lower()}") from None
