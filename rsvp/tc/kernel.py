"""The traffic control messages of rtnetlink that HTB needs, and the one way to send them.

pyroute2 has the frames; the options of HTB, the fifos and u32 are declared here as linux/pkt_sched.h
and linux/pkt_cls.h have them, because pyroute2 computes rate tables that the kernel stopped reading
with version 3.8, and cannot write u32 selectors that link to another table.
"""

from __future__ import annotations

import socket
from typing import Any

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, nla, nlmsg
from pyroute2.netlink.rtnl import (
    RTM_DELQDISC,
    RTM_DELTCLASS,
    RTM_DELTFILTER,
    RTM_GETLINK,
    RTM_GETQDISC,
    RTM_GETTCLASS,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    RTM_NEWTFILTER,
    TC_H_ROOT,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from ..errors import TrafficControlError
from ..netlink import Netlink, NetlinkError

ROOT = TC_H_ROOT
MAX_U32 = 0xFFFFFFFF
TICK = 64e-9
"""Seconds of one unit of the kernel's packet scheduler clock (PSCHED_SHIFT)."""


class htb_options(nla):  # type: ignore[misc]
    """TCA_OPTIONS of an HTB qdisc (`glob`) or class (`parms`)."""

    nla_map = (
        ("TCA_HTB_UNSPEC", "none"),
        ("TCA_HTB_PARMS", "parms"),
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

    class parms(nla):  # type: ignore[misc]
        """struct tc_htb_opt: two rates with their framing, two buckets in ticks."""

        fields = (
            ("rate_cell_log", "B"),
            ("rate_linklayer", "B"),
            ("rate_overhead", "H"),
            ("rate_cell_align", "h"),
            ("rate_mpu", "H"),
            ("rate", "I"),
            ("ceil_cell_log", "B"),
            ("ceil_linklayer", "B"),
            ("ceil_overhead", "H"),
            ("ceil_cell_align", "h"),
            ("ceil_mpu", "H"),
            ("ceil", "I"),
            ("buffer", "I"),
            ("cbuffer", "I"),
            ("quantum", "I"),
            ("level", "I"),
            ("prio", "I"),
        )


class fifo_options(nla):  # type: ignore[misc]
    """struct tc_fifo_qopt: packets for pfifo, bytes for bfifo."""

    fields = (("limit", "I"),)


class u32_options(nla):  # type: ignore[misc]
    """TCA_OPTIONS of a u32 filter; the selector is `u32.selector`'s bytes."""

    nla_map = (
        ("TCA_U32_UNSPEC", "none"),
        ("TCA_U32_CLASSID", "uint32"),
        ("TCA_U32_HASH", "uint32"),
        ("TCA_U32_LINK", "uint32"),
        ("TCA_U32_DIVISOR", "uint32"),
        ("TCA_U32_SEL", "cdata"),
    )


class tcrequest(nlmsg):  # type: ignore[misc]
    """A tcmsg of ours, with our own options (a subclass of pyroute2's would keep its layouts)."""

    prefix = "TCA_"
    fields = tcmsg.fields
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "get_options"))

    @staticmethod
    def get_options(self: Any, *_: Any, **__: Any) -> type[nla]:
        """The layout of TCA_OPTIONS, by TCA_KIND."""
        layouts = {"htb": htb_options, "pfifo": fifo_options, "bfifo": fifo_options, "u32": u32_options}
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
        message = _message(index, handle, parent, 0, kind, options)
        self._send(what, message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)

    def delete_qdisc(self, what: str, index: int, parent: int, handle: int) -> None:
        """Delete a queueing discipline with all its classes and filters."""
        self._send(what, _message(index, handle, parent), RTM_DELQDISC, 0)

    def put_class(self, what: str, index: int, parent: int, handle: int, options: Any) -> None:
        """Create an HTB class, or change it in place; its queue stays as it is."""
        message = _message(index, handle, parent, 0, "htb", options)
        self._send(what, message, RTM_NEWTCLASS, NLM_F_CREATE)

    def delete_class(self, what: str, index: int, handle: int) -> None:
        """Delete a class with its queue."""
        self._send(what, _message(index, handle, 0), RTM_DELTCLASS, 0)

    def add_filter(self, what: str, index: int, parent: int, handle: int, info: int, options: Any) -> None:
        """Add a u32 filter or table; `info` is its priority and protocol."""
        message = _message(index, handle, parent, info, "u32", options)
        self._send(what, message, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL)

    def delete_filter(self, what: str, index: int, parent: int, handle: int, info: int) -> None:
        """Delete one u32 filter."""
        self._send(what, _message(index, handle, parent, info, "u32"), RTM_DELTFILTER, 0)

    def root_qdisc(self, index: int) -> Any | None:
        """The root queueing discipline of an interface as a tcmsg; None where it has none."""
        for message in self._dump(index, RTM_GETQDISC):
            if message["parent"] == ROOT and message["index"] == index:
                return message
        return None

    def classes(self, index: int) -> list[Any]:
        """All classes of an interface as tcmsgs."""
        return self._dump(index, RTM_GETTCLASS)

    def _dump(self, index: int, kind: int) -> list[Any]:
        message = tcmsg()
        message["family"] = socket.AF_UNSPEC
        message["index"] = index
        try:
            return self._netlink.dump(message, kind)
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


def _message(index: int, handle: int, parent: int, info: int = 0, kind: str = "", options: Any = None) -> Any:
    message = tcrequest()
    message["family"] = socket.AF_UNSPEC
    message["index"] = index
    message["handle"] = handle
    message["parent"] = parent
    message["info"] = info
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
    parms = {
        "rate_linklayer": 1,  # Ethernet: the kernel computes, and wants no rate table
        "rate_overhead": overhead,
        "rate": min(whole, MAX_U32),
        "ceil_linklayer": 1,
        "ceil_overhead": overhead,
        "ceil": min(whole_ceil, MAX_U32),
        "buffer": ticks(burst, whole),
        "cbuffer": ticks(cburst, whole_ceil),
        "quantum": quantum,
        "prio": prio,
    }
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
