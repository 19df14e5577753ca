"""The traffic control messages of rtnetlink that HTB needs, and the one way to send them.

pyroute2 has the frames; the options of HTB and the fifos are declared here as linux/pkt_sched.h has
them, because pyroute2 computes rate tables that the kernel stopped reading with version 3.8.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_REPLACE, nla, nlmsg
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
from ..netlink import HEADER, Netlink, NetlinkError, attributes
from . import Counters

ROOT = TC_H_ROOT
MAX_U32 = 0xFFFFFFFF
# Where a class's struct tcmsg and its statistics (linux/gen_stats.h) keep what is counted.
TCMSG_SIZE, CLASS_NUMBER_AT = 20, 8
CLASS_NUMBER = struct.Struct("=I")
TCA_STATS2, TCA_STATS_BASIC, TCA_STATS_QUEUE = 7, 1, 3
BASIC = struct.Struct("=QI")
DROPS, DROPS_AT = struct.Struct("=I"), 8
TICK = 64e-9
"""Seconds of one unit of the kernel's packet scheduler clock (PSCHED_SHIFT)."""


RATE = "BBHhHI"
"""struct tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, rate."""
HTB_CLASS = struct.Struct(f"={RATE}{RATE}5I")
"""struct tc_htb_opt: rate, ceil, and their buckets in ticks; quantum, level, prio.

Packed here, not field by field by pyroute2, which takes longer than the kernel does.
"""
ETHERNET = 1
"""A rate of this link layer is computed by the kernel, which then wants no rate table."""


class htb_options(nla):  # type: ignore[misc]
    """TCA_OPTIONS of an HTB qdisc (`glob`) or class (`HTB_CLASS`)."""

    nla_map = (
        ("TCA_HTB_UNSPEC", "none"),
        ("TCA_HTB_PARMS", "cdata"),
        ("TCA_HTB_INIT", "glob"),
        ("TCA_HTB_CTAB", "hex"),
        ("TCA_HTB_RTAB", "hex"),
        ("TCA_HTB_DIRECT_QLEN", "uint32"),
        ("TCA_HTB_RATE64", "uint64"),
        ("TCA_HTB_CEIL64", "uint64"),
    )

    class glob(nla):  # type: ignore[misc]
        """struct tc_htb_glob."""

        fields = (
            ("version", "I"),
            ("rate2quantum", "I"),
            ("defcls", "I"),
            ("debug", "I"),
            ("direct_pkts", "I"),
        )


class fifo_options(nla):  # type: ignore[misc]
    """struct tc_fifo_qopt: packets for pfifo, bytes for bfifo."""

    fields = (("limit", "I"),)


class tcrequest(nlmsg):  # type: ignore[misc]
    """A tcmsg of ours, with our own options (a subclass of pyroute2's would keep its layouts)."""

    prefix = "TCA_"
    fields = tcmsg.fields
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "get_options"))

    @staticmethod
    def get_options(self: Any, *_: Any, **__: Any) -> type[nla]:
        """The layout of TCA_OPTIONS, by TCA_KIND."""
        layouts = {"htb": htb_options, "pfifo": fifo_options, "bfifo": fifo_options}
        return layouts[self.get_attr("TCA_KIND")]


class Kernel:
    """Sends traffic control requests; a refusal is a TrafficControlError that says what and why."""

    def __init__(self) -> None:
        self._netlink = Netlink()

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()

    def _send(self, what: str, message: Any, kind: int, flags: int) -> None:
        try:
            self._netlink.request(message, kind, flags)
        except NetlinkError as problem:
            raise TrafficControlError(f"the kernel refused {what}: {problem.strerror}") from problem

    def put_qdisc(self, what: str, index: int, parent: int, handle: int, kind: str, options: Any) -> None:
        """Create a queueing discipline, or change it in place where it exists with this handle."""
        message = _message(index, handle, parent, kind, options)
        self._send(what, message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)

    def delete_qdisc(self, what: str, index: int, parent: int, handle: int) -> None:
        """Delete a queueing discipline with all its classes and filters."""
        self._send(what, _message(index, handle, parent), RTM_DELQDISC, 0)

    def put_class(self, what: str, index: int, parent: int, handle: int, options: Any) -> None:
        """Create an HTB class, or change it in place; its queue stays as it is."""
        message = _message(index, handle, parent, "htb", options)
        self._send(what, message, RTM_NEWTCLASS, NLM_F_CREATE)

    def delete_class(self, what: str, index: int, handle: int) -> None:
        """Delete a class with its queue."""
        self._send(what, _message(index, handle, 0), RTM_DELTCLASS, 0)

    def root_qdisc(self, index: int) -> Any | None:
        """The root queueing discipline of an interface as a tcmsg; None where it has none."""
        for message in self._ask(self._netlink.dump, index, RTM_GETQDISC):
            if message["parent"] == ROOT and message["index"] == index:
                return message
        return None

    def counters(self, index: int) -> dict[int, Counters]:
        """What each class of an interface carried, by its number."""
        found: dict[int, Counters] = {}
        for message in self._ask(self._netlink.dump_bytes, index, RTM_GETTCLASS):
            (number,) = CLASS_NUMBER.unpack_from(message, HEADER.size + CLASS_NUMBER_AT)
            told = attributes(message, HEADER.size + TCMSG_SIZE)
            stats = attributes(told.get(TCA_STATS2, b""))
            bytes_, packets = BASIC.unpack_from(stats[TCA_STATS_BASIC])
            (dropped,) = DROPS.unpack_from(stats[TCA_STATS_QUEUE], DROPS_AT)
            found[number] = Counters(bytes_, packets, dropped)
        return found

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


def _message(index: int, handle: int, parent: int, kind: str = "", options: Any = None) -> Any:
    message = tcrequest()
    message["family"] = socket.AF_UNSPEC
    message["index"] = index
    message["handle"] = handle
    message["parent"] = parent
    message["attrs"] = []
    if kind:
        message["attrs"].append(["TCA_KIND", kind])
    if options is not None:
        message["attrs"].append(["TCA_OPTIONS", options])
    return message


def ticks(size: float, rate: float) -> int:
    """The time that `size` bytes take at `rate` bytes/s, in the scheduler's clock."""
    return max(1, min(round(size / rate / TICK), MAX_U32))


def htb_class(
    rate: float, ceil: float, burst: float, cburst: float, quantum: int, prio: int, overhead: int
) -> Any:
    """Options of an HTB class: rates in bytes/s, buckets and quantum in bytes.

    `overhead` is what every packet costs beyond the bytes that the kernel counts.
    """
    whole, whole_ceil = max(1, round(rate)), max(1, round(ceil))
    parms = HTB_CLASS.pack(
        *(0, ETHERNET, overhead, 0, 0, min(whole, MAX_U32)),
        *(0, ETHERNET, overhead, 0, 0, min(whole_ceil, MAX_U32)),
        *(ticks(burst, whole), ticks(cburst, whole_ceil), quantum, 0, prio),
    )
    attrs: list[list[Any]] = [["TCA_HTB_PARMS", parms]]
    if whole > MAX_U32:
        attrs.append(["TCA_HTB_RATE64", whole])
    if whole_ceil > MAX_U32:
        attrs.append(["TCA_HTB_CEIL64", whole_ceil])
    return {"attrs": attrs}


def htb_root(default: int, signature: int) -> Any:
    """Options of an HTB qdisc: the default class's minor, and an r2q, which nothing else here uses."""
    glob = {"version": 3, "rate2quantum": signature, "defcls": default, "debug": 0, "direct_pkts": 0}
    return {"attrs": [["TCA_HTB_INIT", glob]]}
