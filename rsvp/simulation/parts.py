"""Links and ports of a running simulation, with what they are right now."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from ..engine import Interface
from ..objects import IPAddress
from .topology import LinkSpec

if TYPE_CHECKING:
    from .node import Node


@dataclass(slots=True, eq=False)
class Link:
    """One link; `spec` is its own and may be changed while the simulation runs."""

    spec: LinkSpec
    rng: Random
    up: bool = True
    ends: list[Port] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes that it joins."""
        return tuple(port.node.name for port in self.ends)

    def __str__(self) -> str:
        return " - ".join(self.names)


@dataclass(slots=True, eq=False)
class Port:
    """One node's interface; `others` are the other ends of its link."""

    node: Node
    link: Link
    index: int
    name: str
    addresses: tuple[IPAddress, ...]
    others: tuple[Port, ...] = ()
    latest: float = 0.0
    """When the last packet sent from here arrives: the next one does not overtake it."""

    def address(self, version: int) -> IPAddress | None:
        """This interface's first address of an IP version."""
        return next((one for one in self.addresses if one.version == version), None)

    def interface(self, **timing: Any) -> Interface:
        """The interface as the engine is told of it; `timing` are more of its fields."""
        spec = self.link.spec
        return Interface(
            self.index,
            self.name,
            self.addresses,
            spec.mtu,
            spec.bandwidth,
            spec.reservable,
            spec.per_flow,
            latency=round(spec.delay * 1e6),
            **timing,
        )
