"""Routing over netlink: the kernel's interfaces and routes, and word of their changes (RFC 2205 3.11.4).

Everything is asked of the kernel of the network namespace that the object is made in; /sys would
tell of the mount namespace's.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.rtnl import RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_UP, ifinfmsg

from ..netlink import Netlink, NetlinkError
from ..objects import IPAddress
from . import Flow, Link, Route
from .forwarding import ForwardingCache
from .policy import Policy
from .questions import FIB_MATCH, LOCAL, MULTICAST, UNICAST, Answer, Arrival, question, read_answer
from .watch import Watch

log = logging.getLogger("rsvp.routing")

IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x08, 0x40
UNUSABLE = IFA_F_DADFAILED | IFA_F_TENTATIVE
TRUTHFUL_KINDS = (None, "vlan", "bond", "team")
"""Kinds of link whose driver tells a real speed; a veth says 10 Gbit/s and a tun 10 Mbit/s of nothing."""

SIOCETHTOOL = 0x8946
ETHTOOL_GSET = 1
SPEED = struct.Struct("=IIIHBBBBBBIIHBBIII")
"""struct ethtool_cmd: command, supported, advertising, speed ..., speed_hi ..."""
SPEED_UNKNOWN = 0xFFFFFFFF


class NetlinkRouting:
    """A `Routing` that asks the kernel."""

    def __init__(self) -> None:
        """Open the sockets. Raises OSError where there is no netlink."""
        self._netlink = Netlink()
        self._policy = Policy(self._netlink)
        self._forwarding = ForwardingCache(self._netlink)
        self._watch = Watch(self._policy, self._forwarding)
        self._owners: dict[IPAddress, int] = {}
        self._ioctl = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    async def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch; `changed` is called once for changes that come close together."""
        self._watch.start(changed)

    async def close(self) -> None:
        """Stop watching and give back the sockets."""
        self._watch.close()
        self._ioctl.close()
        self._netlink.close()

    # --- interfaces -------------------------------------------------------------------------------

    async def links(self) -> tuple[Link, ...]:
        """All interfaces with their addresses, loopback included; `up` is what the operator set.

        An interface without carrier counts as up: state outlives a pulled cable as long as it is
        soft (RFC 2205 section 3.7).
        """
        addresses: dict[int, list[IPAddress]] = {}
        for message in self._netlink.dump(ifaddrmsg(), RTM_GETADDR):
            # Nothing can be sent from an IPv6 address before it is known that nobody else has it.
            if (message.get_attr("IFA_FLAGS") or 0) & UNUSABLE:
                continue
            # On a point-to-point link IFA_ADDRESS is the far end's.
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            if text:
                addresses.setdefault(message["index"], []).append(ip_address(text))
        self._owners = {address: index for index, owned in addresses.items() for address in owned}
        return tuple(
            self._link(message, tuple(addresses.get(message["index"], ())))
            for message in self._netlink.dump(ifinfmsg(), RTM_GETLINK)
        )

    def _link(self, message: Any, addresses: tuple[IPAddress, ...]) -> Link:
        name = str(message.get_attr("IFLA_IFNAME"))
        info = message.get_attr("IFLA_LINKINFO")
        kind = info.get_attr("IFLA_INFO_KIND") if info else None
        return Link(
            index=message["index"],
            name=name,
            addresses=addresses,
            mtu=int(message.get_attr("IFLA_MTU") or 0),
            up=bool(message["flags"] & IFF_UP),
            loopback=bool(message["flags"] & IFF_LOOPBACK),
            rate=self._rate(name) if kind in TRUTHFUL_KINDS else None,
            born=self._watch.births[message["index"]],
        )

    def _rate(self, name: str) -> float | None:
        """The speed that the driver tells, in bytes/s; None where it tells none."""
        answer = ctypes.create_string_buffer(SPEED.size)
        struct.pack_into("=I", answer, 0, ETHTOOL_GSET)
        request = struct.pack("16sP16x", name.encode(), ctypes.addressof(answer))
        try:
            fcntl.ioctl(self._ioctl, SIOCETHTOOL, request)
        except OSError:  # the driver has no such function
            return None
        fields = SPEED.unpack(answer.raw)
        megabits = fields[12] << 16 | fields[3]
        if megabits in (0, 0xFFFF, SPEED_UNKNOWN):
            return None
        return float(megabits * 1e6 / 8)

    # --- routes -----------------------------------------------------------------------------------

    async def lookup(
        self, destination: IPAddress, source: IPAddress | None = None, flow: Flow | None = None
    ) -> Route:
        """The kernel's route; an empty `Route` where it has none, or one that refuses.

        A `source` of this node's own chooses among routes, and for a multicast destination the
        interface. For a group that others send to, the answer is what multicast routing does with their
        data, and that this host may be a member. Where routes share a load, or rules look at more than
        the destination, the answer for a `flow` is the way that the kernel sends its packets.
        """
        if destination.is_multicast:
            return await self._look_up_group(destination, source)
        by_flow = self._depends_on_flow(destination)
        found = self._ask(destination, source, flow) if flow is not None and by_flow else None
        if found is None and source is not None and flow is None:
            found = self._ask(destination, source)
        if found is None:  # another node's source, of which the kernel will not hear
            found = self._ask(destination)
        return _route(found, source, by_flow)

    async def _look_up_group(self, group: IPAddress, source: IPAddress | None) -> Route:
        if source is None:
            return _route(self._ask(group), None, False)
        if source not in self._owners:
            await self.links()
        if source in self._owners:
            return Route((self._owners[source],), source=source)
        entry = self._forwarding.find(group, source)
        if entry is None:
            await self._have_it_routed(group, source)
            return Route(local=True)
        return Route(entry.outgoing, True, entry.incoming, thresholds=entry.thresholds)

    async def _have_it_routed(self, group: IPAddress, source: IPAddress) -> None:
        """Let the kernel ask the routing daemon, as it would when data came; the answer is a change.

        Over IPv6 the Path itself, which the kernel forwards like data for all that it knows, does it.
        """
        if group.version == 4:
            from_there = await self.lookup(source)
            for index in from_there.outgoing:
                self._ask(group, source, Arrival(index))

    def _depends_on_flow(self, destination: IPAddress) -> bool:
        if self._policy.by_flow(destination.version):
            return True
        entry = self._ask(destination, flags=FIB_MATCH)
        return entry is not None and entry.ways > 1

    def _ask(
        self,
        destination: IPAddress,
        source: IPAddress | None = None,
        flow: Flow | None = None,
        flags: int = 0,
    ) -> Answer | None:
        """What the kernel says; None where it has no route for such a packet."""
        if source is not None and source.version != destination.version:
            source = None
        try:
            data = self._netlink.ask(question(destination, source, flow, flags), RTM_GETROUTE)
        except NetlinkError as problem:
            log.debug("no route to %s: %s", destination, problem.strerror)
            return None
        return read_answer(data) if data else None


def _route(found: Answer | None, source: IPAddress | None, by_flow: bool) -> Route:
    if found is not None:
        chosen = found.source or source
        if found.kind == LOCAL:
            return Route(local=True, source=chosen, by_flow=by_flow)
        if found.kind in (UNICAST, MULTICAST) and found.outgoing:
            return Route((found.outgoing,), source=chosen, gateway=found.gateway, by_flow=by_flow)
    return Route(by_flow=by_flow)
