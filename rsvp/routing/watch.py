"""News of the kernel's interfaces, addresses, routes, rules and neighbours (RFC 2205 section 3.11.4).

Little is read of what is told, as everything is asked anew; news that come close together are told
once. Where the kernel had more to tell than the socket could hold, that is news of everything.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from collections import Counter
from collections.abc import Callable

from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_MROUTE,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV6_MROUTE,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
    RTNLGRP_LINK,
    RTNLGRP_NEIGH,
)

from ..netlink import HEADER, SOL_NETLINK, attributes, messages
from .forwarding import FAMILIES, ForwardingCache
from .policy import Policy
from .questions import RTMSG

log = logging.getLogger("rsvp.routing")

NETLINK_ADD_MEMBERSHIP = 1
RTNLGRP_NEXTHOP = 32
GROUPS = (
    RTNLGRP_LINK,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV4_RULE,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV6_RULE,
    RTNLGRP_NEIGH,
    RTNLGRP_NEXTHOP,
    RTNLGRP_IPV4_MROUTE,
    RTNLGRP_IPV6_MROUTE,
)

SETTLE = 0.05
"""Seconds from the first word of a change to telling of it: routing daemons change many at once."""
BUFFER = 1 << 20
"""Bytes of news that may wait while the event loop is at something else."""
BATCH = 256
"""Datagrams taken in one turn of the event loop."""

RULES, ROUTES = (RTM_NEWRULE, RTM_DELRULE), (RTM_NEWROUTE, RTM_DELROUTE)
# struct ndmsg and struct ifinfomsg of linux/neighbour.h and linux/if_link.h.
NEIGHBOUR_LENGTH, NEIGHBOUR_INDEX, NEIGHBOUR_STATE = 12, slice(4, 8), slice(8, 10)
INTERFACE_INDEX = slice(4, 8)
NDA_DST = 1
NUD_FAILED = 0x20


class Watch:
    """One netlink socket that hears of changes in the network namespace it is made in.

    `births` counts how many interfaces of a number have gone: the next one of that number is another.
    """

    def __init__(self, policy: Policy, forwarding: ForwardingCache) -> None:
        """`policy` and `forwarding` are told what may have changed. Raises OSError without netlink."""
        self.births: Counter[int] = Counter()
        self._policy = policy
        self._forwarding = forwarding
        self._lost: set[tuple[int, bytes]] = set()
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            socket.NETLINK_ROUTE,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, changed: Callable[[], None], buffer: int = BUFFER) -> None:
        """Begin to watch; `changed` is called on the event loop, once for changes that come together."""
        self._loop = asyncio.get_running_loop()
        self._changed = changed
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.bind((0, 0))
        for group in GROUPS:
            try:
                self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
            except OSError as problem:
                log.warning("changes of one kind will not be heard of, group %d: %s", group, problem)
        self._loop.add_reader(self._socket, self._readable)
        self._forwarding.watched = True

    def close(self) -> None:
        """Stop watching and give back the socket."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        news = False
        for _ in range(BATCH):
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:
                    log.warning("watching routes: %s", problem.strerror)
                    break
                log.info("more changed at once than could be told: all interfaces and routes are asked anew")
                self._policy.forget()
                self._forwarding.forget()
                news = True
                continue
            for kind, _, _, message in messages(data):
                news |= self._note(kind, message[HEADER.size :])
        if news and self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(SETTLE, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._changed()

    def _note(self, kind: int, body: bytes) -> bool:
        """Whether a message is news at all; what it says of the past and of policy is kept."""
        if kind in (RTM_NEWNEIGH, RTM_DELNEIGH):
            return self._note_neighbour(kind, body)
        if kind in ROUTES and body[0] in FAMILIES:
            return self._forwarding.note(kind, body)
        if kind == RTM_DELLINK and body[0] == socket.AF_UNSPEC:  # others are ports that leave a bridge
            self.births[int.from_bytes(body[INTERFACE_INDEX], sys.byteorder)] += 1
        elif kind in RULES or (kind in ROUTES and RTMSG.unpack_from(body)[2]):  # rtm_src_len
            self._policy.forget()
        return True

    def _note_neighbour(self, kind: int, body: bytes) -> bool:
        """A next hop that stopped or began to answer: the kernel may use another one now.

        The states in between come and go all the time and change no route.
        """
        index = int.from_bytes(body[NEIGHBOUR_INDEX], sys.byteorder)
        state = int.from_bytes(body[NEIGHBOUR_STATE], sys.byteorder)
        who = (index, attributes(body, NEIGHBOUR_LENGTH).get(NDA_DST, b""))
        known = who in self._lost
        if kind == RTM_NEWNEIGH and state & NUD_FAILED:
            self._lost.add(who)
            return not known
        self._lost.discard(who)
        return known
