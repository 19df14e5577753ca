"""Routing over netlink: the kernel's interfaces and routes, and word of their changes (RFC 2205 3.11.4).

Everything is asked of the kernel of the network namespace that the object is made in; /sys would
tell of the mount namespace's.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import logging
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.rtnl import (
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
    RTNLGRP_LINK,
    rt_type,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_UP, ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ..netlink import SOL_NETLINK, Netlink, NetlinkError
from ..objects import IPAddress
from . import Link, Route

log = logging.getLogger("rsvp.routing")

NETLINK_ADD_MEMBERSHIP = 1
IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x08, 0x40
UNUSABLE = IFA_F_DADFAILED | IFA_F_TENTATIVE
GROUPS = (
    RTNLGRP_LINK,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
)
SETTLE = 0.05
"""Seconds from the first word of a change to telling of it: routing daemons change many at once."""

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
        self._events = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            socket.NETLINK_ROUTE,
        )
        self._ioctl = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch; `changed` is called once for changes that come close together."""
        self._loop = asyncio.get_running_loop()
        self._changed = changed
        self._events.bind((0, 0))
        for group in GROUPS:
            self._events.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self._loop.add_reader(self._events, self._readable)

    async def close(self) -> None:
        """Stop watching and give back the sockets."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None and self._events.fileno() >= 0:
            self._loop.remove_reader(self._events)
        for sock in (self._events, self._ioctl, self._netlink):
            sock.close()

    def _readable(self) -> None:
        """Something changed; what it was does not matter, as everything is asked anew."""
        while True:
            try:
                self._events.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:  # news was lost: that is news, too
                    log.warning("watching routes: %s", problem.strerror)
                    break
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(SETTLE, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._changed is not None:
            self._changed()

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

    async def lookup(self, destination: IPAddress, source: IPAddress | None = None) -> Route:
        """The kernel's route; an empty `Route` where it has none, or one that refuses.

        A `source` of this node's own chooses among routes, and for a multicast destination the
        interface. For a group that others send to, the answer is that this host may be a member.
        """
        group = destination.is_multicast
        try:
            found = self._ask(destination, source)
        except NetlinkError as problem:
            if source is None:
                log.debug("no route to %s: %s", destination, problem.strerror)
                return Route()
            if group:
                return Route(local=True)
            return await self.lookup(destination)  # another node's source: the kernel will not hear of it
        if found is None:
            return Route()
        kind = found["type"]
        preferred = found.get_attr("RTA_PREFSRC")
        chosen = ip_address(preferred) if preferred else source
        out = found.get_attr("RTA_OIF")
        if kind == rt_type["local"]:
            return Route(local=True, source=chosen)
        if kind in (rt_type["unicast"], rt_type["multicast"]) and out:
            return Route(outgoing=(out,), source=chosen)
        return Route()

    def _ask(self, destination: IPAddress, source: IPAddress | None) -> Any | None:
        message = rtmsg()
        message["family"] = socket.AF_INET if destination.version == 4 else socket.AF_INET6
        message["dst_len"] = destination.max_prefixlen
        message["attrs"] = [["RTA_DST", str(destination)]]
        if source is not None and source.version == destination.version:
            message["src_len"] = source.max_prefixlen
            message["attrs"].append(["RTA_SRC", str(source)])
        answers = self._netlink.request(message, RTM_GETROUTE)
        return answers[0] if answers else None
