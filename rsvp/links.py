"""An interface as the engine is told of it: what the kernel says of it, and what rsvp.toml does."""

from __future__ import annotations

import math

from . import engine as e
from .config import NodeConfig
from .iana import LATENCY_UNKNOWN
from .intserv import ErrorTerms
from .routing import Link
from .sessions import Dclass


def bandwidth(link: Link, config: NodeConfig) -> float:
    """The link's rate in bytes/s, infinite where nobody knows it."""
    return config.interface(link.name).bandwidth or link.rate or math.inf


def interface(link: Link, config: NodeConfig, *, controls: bool, terms: ErrorTerms | None) -> e.Interface:
    """The engine's view of a link; `controls` is whether its queues obey reservations.

    `terms` are C and D of guaranteed service there, None where the scheduler tells none.
    """
    told = config.interface(link.name)
    return e.Interface(
        link.index,
        link.name,
        link.addresses,
        link.mtu,
        bandwidth(link, config),
        told.reservable,
        told.per_flow,
        config.takes(link.name),
        refresh=told.refresh or config.refresh,
        keep=told.keep_multiplier or config.keep_multiplier,
        slew=told.slew_max or config.slew_max,
        blockade=told.blockade_multiplier or config.blockade_multiplier,
        route_delay=config.repair_wait if told.repair_wait is None else told.repair_wait,
        ttl=config.ttl,
        latency=LATENCY_UNKNOWN if told.latency is None else round(told.latency * 1e6),
        guaranteed=told.guaranteed,
        controlled_load=told.controlled_load,
        controls_traffic=controls,
        c=None if terms is None else terms.c,
        d=None if terms is None else terms.d,
        turn=0.0 if terms is None else terms.turn,
        spare=0.0 if terms is None else terms.spare,
        adds=tuple((service, Dclass.of(dscp)) for service, dscp in told.dclasses.items()),
    )
