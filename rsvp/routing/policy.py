"""Whether this host's routes depend on more of a packet than its destination.

Policy rules may ask for the source, the interface it came in by, its ports and more; IPv6 routes may
hold for some sources only. The kernel is asked again only after it told of a change.
"""

from __future__ import annotations

import socket

from pyroute2.netlink.rtnl import RTM_GETROUTE, RTM_GETRULE
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ..netlink import HEADER, Netlink, attributes
from .questions import RTMSG

DST, GOTO, PRIORITY, SUPPRESS_PREFIXLEN, TABLE, PAD, PROTOCOL = 1, 4, 6, 14, 15, 18, 21
SAME_FOR_ALL = {DST, GOTO, PRIORITY, SUPPRESS_PREFIXLEN, TABLE, PAD, PROTOCOL}
"""Attributes of a rule (linux/fib_rules.h) that treat all packets to one destination alike."""


class Policy:
    """What the kernel's rules and its IPv6 routes look at, remembered until `forget`."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._known: dict[int, bool] = {}

    def forget(self) -> None:
        """Rules, or routes for some sources only, have changed or may have."""
        self._known.clear()

    def by_flow(self, version: int) -> bool:
        """Whether packets of one IP version to one destination may go different ways."""
        known = self._known.get(version)
        if known is None:
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            known = self._rules(family) or (version == 6 and self._source_routes(family))
            self._known[version] = known
        return known

    def _rules(self, family: int) -> bool:
        message = fibmsg()
        message["family"] = family
        for data in self._netlink.dump_bytes(message, RTM_GETRULE):
            _, _, source_bits, tos, *_ = RTMSG.unpack_from(data, HEADER.size)
            if source_bits or tos or attributes(data, HEADER.size + RTMSG.size).keys() - SAME_FOR_ALL:
                return True
        return False

    def _source_routes(self, family: int) -> bool:
        message = rtmsg()
        message["family"] = family
        at = HEADER.size + 2  # rtm_src_len
        return any(data[at] for data in self._netlink.dump_bytes(message, RTM_GETROUTE))
