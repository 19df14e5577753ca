"""The traffic control messages of rtnetlink that HTB needs, and the one way to send them.

They are packed here as linux/pkt_sched.h has them: thousands of reservations may come and go at a
time, and pyroute2 takes longer to put one together than the kernel to carry it out. What is asked
once for an interface is asked with pyroute2's frames.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_REPLACE
from pyroute2.netlink.rtnl import (
    RTM_DELQDISC,
    RTM_DELTCLASS,
    RTM_GETLINK,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    TC_H_ROOT,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from ..errors import TrafficControlError
from ..netlink import HEADER, Netlink, NetlinkError, Request, attribute, attributes, find
from . import Counters

ROOT = TC_H_ROOT
MAX_U32 = 0xFFFFFFFF
TCMSG = struct.Struct("=BxxxiII4x")
"""struct tcmsg: family, interface, handle, parent."""
U32, U64 = struct.Struct("=I"), struct.Struct("=Q")
TCA_KIND, TCA_OPTIONS, TCA_STATS2 = 1, 2, 7
TCA_HTB_PARMS, TCA_HTB_INIT, TCA_HTB_RATE64, TCA_HTB_CEIL64 = 1, 2, 6, 7
# Where a class's struct tcmsg and its statistics (linux/gen_stats.h) keep what is counted.
CLASS_NUMBER_AT = 8
CLASS_TOLD_AT = HEADER.size + TCMSG.size
"""Where the attributes of a class begin, in a whole message."""
TCA_STATS_BASIC, TCA_STATS_QUEUE = 1, 3
BASIC = struct.Struct("=QI")
DROPS_AT = 8
TICK = 64e-9
"""Seconds of one unit of the kernel's packet scheduler clock (PSCHED_SHIFT)."""

RATE = "BBHhHI"
"""struct tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, rate."""
RATE_AT = 8
HTB_CLASS = struct.Struct(f"={RATE}{RATE}5I")
"""struct tc_htb_opt: rate, ceil, and their buckets in ticks; quantum, level, prio."""
HTB_ROOT = struct.Struct("=5I")
"""struct tc_htb_glob: version, rate2quantum, the default class's minor, debug, direct packets."""
ETHERNET = 1
"""A rate of this link layer is computed by the kernel, which then wants no rate table."""


class Kernel:
    """Sends traffic control requests; a refusal is a TrafficControlError that says what and why."""

    def __init__(self) -> None:
        self._netlink = Netlink()

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def send(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        """Carry out one request after the other; for each why it was refused, or None."""
        return self._netlink.pipeline(requests)

    def require(self, what: str, *requests: Request) -> None:
        """Carry out requests that are all needed. Raises TrafficControlError for the first refused."""
        for problem in self.send(requests):
            if problem is not None:
                raise TrafficControlError(f"the kernel refused {what}: {problem.strerror}") from problem

    def root_qdisc(self, index: int) -> Any | None:
        """The root queueing discipline of an interface as a tcmsg; None where it has none."""
        for message in self._ask(self._netlink.dump, index, RTM_GETQDISC):
            if message["parent"] == ROOT and message["index"] == index:
                return message
        return None

    def rates(self, index: int) -> dict[int, float]:
        """Each class's own rate in bytes/s, by its number."""
        found: dict[int, float] = {}
        for number, message in self._classes(index):
            start, end = find(message, TCA_OPTIONS, CLASS_TOLD_AT, len(message))
            options = attributes(message[start:end])
            (rate,) = U32.unpack_from(options[TCA_HTB_PARMS], RATE_AT)
            if TCA_HTB_RATE64 in options:
                (rate,) = U64.unpack(options[TCA_HTB_RATE64])
            found[number] = float(rate)
        return found

    def counters(self, index: int) -> dict[int, Counters]:
        """What each class of an interface carried, by its number."""
        found: dict[int, Counters] = {}
        for number, message in self._classes(index):
            stats = find(message, TCA_STATS2, CLASS_TOLD_AT, len(message))
            at, _ = find(message, TCA_STATS_BASIC, *stats)
            bytes_, packets = BASIC.unpack_from(message, at)
            at, _ = find(message, TCA_STATS_QUEUE, *stats)
            (dropped,) = U32.unpack_from(message, at + DROPS_AT)
            found[number] = Counters(bytes_, packets, dropped)
        return found

    def _classes(self, index: int) -> list[tuple[int, bytes]]:
        """Every class by its number, and the message that tells of it: pyroute2 is slow by the thousand."""
        messages = self._ask(self._netlink.dump_bytes, index, RTM_GETTCLASS)
        return [(U32.unpack_from(one, HEADER.size + CLASS_NUMBER_AT)[0], one) for one in messages]

    def _ask(self, dump: Callable[[Any, int], list[Any]], index: int, kind: int) -> list[Any]:
        message = tcmsg()
        message["family"] = socket.AF_UNSPEC
        message["index"] = index
        try:
            return dump(message, kind)
        except NetlinkError as problem:
            raise TrafficControlError(
                f"the kernel does not tell its classes: {problem.strerror}"
            ) from problem

    def link(self, index: int) -> Any:
        """The interface as an ifinfmsg."""
        message = ifinfmsg()
        message["index"] = index
        try:
            return self._netlink.request(message, RTM_GETLINK)[0]
        except NetlinkError as problem:
            raise TrafficControlError(f"there is no interface {index}: {problem.strerror}") from problem


# --- what can be asked -----------------------------------------------------------------------------


def _tcmsg(index: int, handle: int, parent: int, *attributes: bytes) -> bytes:
    return b"".join((TCMSG.pack(socket.AF_UNSPEC, index, handle, parent), *attributes))


def _kind(name: str) -> bytes:
    return attribute(TCA_KIND, name.encode(), b"\0")


def put_qdisc(index: int, parent: int, handle: int, kind: str, options: bytes) -> Request:
    """Create a queueing discipline, or change it in place where it exists with this handle."""
    message = _tcmsg(index, handle, parent, _kind(kind), attribute(TCA_OPTIONS, options))
    return message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE


def delete_qdisc(index: int, parent: int, handle: int) -> Request:
    """Delete a queueing discipline with all its classes and filters."""
    return _tcmsg(index, handle, parent), RTM_DELQDISC, 0


def put_class(index: int, parent: int, handle: int, options: bytes) -> Request:
    """Create an HTB class, or change it in place; its queue stays as it is."""
    message = _tcmsg(index, handle, parent, _kind("htb"), attribute(TCA_OPTIONS, options))
    return message, RTM_NEWTCLASS, NLM_F_CREATE


def delete_class(index: int, handle: int) -> Request:
    """Delete a class with its queue."""
    return _tcmsg(index, handle, 0), RTM_DELTCLASS, 0


def fifo(limit: float) -> bytes:
    """Options of a pfifo, whose limit is in packets, or a bfifo, whose limit is in bytes."""
    return U32.pack(min(int(limit), MAX_U32))


def ticks(size: float, rate: float) -> int:
    """The time that `size` bytes take at `rate` bytes/s, in the scheduler's clock."""
    return max(1, min(round(size / rate / TICK), MAX_U32))


def htb_class(
    rate: float, ceil: float, burst: float, cburst: float, quantum: int, prio: int, overhead: int
) -> bytes:
    """Options of an HTB class: rates in bytes/s, buckets and quantum in bytes.

    `overhead` is what every packet costs beyond the bytes that the kernel counts.
    """
    whole, whole_ceil = max(1, round(rate)), max(1, round(ceil))
    options = attribute(
        TCA_HTB_PARMS,
        HTB_CLASS.pack(
            *(0, ETHERNET, overhead, 0, 0, min(whole, MAX_U32)),
            *(0, ETHERNET, overhead, 0, 0, min(whole_ceil, MAX_U32)),
            *(ticks(burst, whole), ticks(cburst, whole_ceil), quantum, 0, prio),
        ),
    )
    if whole > MAX_U32:
        options += attribute(TCA_HTB_RATE64, U64.pack(whole))
    if whole_ceil > MAX_U32:
        options += attribute(TCA_HTB_CEIL64, U64.pack(whole_ceil))
    return options


def htb_root(default: int, signature: int) -> bytes:
    """Options of an HTB qdisc: the default class's minor, and an r2q, which nothing else here uses."""
    return attribute(TCA_HTB_INIT, HTB_ROOT.pack(3, signature, default, 0, 0))
