"""Reservations as classes of Linux's hierarchical token bucket (RFC 2205 section 3.11.2, RFC 2211, 2212).

    2e:         HTB, the interface's root
      2e:1      the whole link
        2e:2    RSVP's own messages
        2e:3    best effort: what nothing else claims
        2e:10.. one class for each reservation

A class is served first within its own rate, by priority; only what then is left of the link is lent.
Best effort's own rate is what reservations leave of the link, so that traffic beyond a Tspec can
borrow bandwidth that nobody uses, but takes none from best effort (RFC 2211 section 3), and a flow
that keeps to its Tspec waits for one packet in transmission and no more than that.
"""

from __future__ import annotations

import contextlib
import logging
import math
import socket
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import TrafficControlError
from ..iana import Service
from ..intserv import Flowspec, Tspec, effective
from ..objects import Filter, Session
from . import Counters, Flow
from .classifier import Classifier
from .kernel import ROOT, Kernel, htb_class, htb_root
from .nftables import Nftables

log = logging.getLogger("rsvp.tc")

MAJOR = 0x2E
SIGNATURE = 46
"""With `MAJOR`, how a later start tells our HTB from another's: an r2q that nobody else would set."""

LINK, CONTROL, BEST_EFFORT, FIRST = 1, 2, 3, 0x10
LAST = 0xEFFF
LEAVES = 0x1000
"""A class's queue is the major number LEAVES + its minor: fixed, to be changed in place."""

CONTROL_SHARE, LEAST_CONTROL = 0.01, 1000.0
"""RSVP's own share of the link, and no less than this many bytes/s."""
BEST_EFFORT_SHARE = 0.02
"""What best effort keeps of the link however much is reserved: it is never starved."""
QUEUE_TIME, LEAST_QUEUE, MOST_QUEUE = 0.2, 10, 1000
"""Seconds of the link that best effort may queue, and bounds of it in packets.

Packets and not bytes: small ones would slip into what room is left behind large ones.
"""
BURST_TIME = 0.001
"""Seconds of the link that may leave at once: makes up for timers that come late."""

CONTROL_PRIO, GUARANTEED_PRIO, RESERVED_PRIO, BEST_EFFORT_PRIO = 0, 1, 2, 7

ARPHRD_ETHER = 1
ETHERNET_HEADER = 14
ETHERNET_FRAMING = 24
"""Preamble, checksum and gap of real Ethernet: on the wire, but in no packet's length."""
ETHERNET_LEAST = 46
"""The shortest IP packet that Ethernet does not pad."""
LEAST_RATE = 125.0
MOST_BYTES = 16 << 20
"""What a reservation's bucket and queue take at most, whatever its Tspec says."""


@dataclass
class Reserved:
    """A reservation, what is classified into it (None: any sender), and its class.

    `minor` is the class's number, 0 where there is none; `rate` what it takes of the link, bytes/s.
    """

    flow: Flow
    matches: tuple[Filter | None, ...]
    minor: int = 0
    rate: float = 0.0


@dataclass
class Scheduled:
    """One interface in our charge. `classifier` is None where only books are kept."""

    index: int
    name: str
    bandwidth: float
    mtu: int
    lock: socket.socket
    header: int = 0
    framing: int = 0
    classifier: Classifier | None = None
    flows: dict[int, Reserved] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    next_minor: int = FIRST
    reserved: float = 0.0

    @property
    def frame(self) -> int:
        """The largest packet as the kernel counts it, bytes."""
        return self.mtu + self.header

    @property
    def control(self) -> float:
        """RSVP's own rate, bytes/s."""
        return max(self.bandwidth * CONTROL_SHARE, LEAST_CONTROL)

    @property
    def best_effort(self) -> float:
        """Best effort's own rate, bytes/s: the link less everybody else's."""
        left = self.bandwidth - self.control - self.reserved
        return max(left, self.bandwidth * BEST_EFFORT_SHARE, LEAST_RATE)

    def burst(self, rate: float) -> float:
        """The bucket of a class that is only to be paced, bytes."""
        return max(2.0 * self.frame, rate * BURST_TIME)

    def take_minor(self) -> int:
        """A minor number for a new class."""
        if self.free:
            return self.free.pop()
        if self.next_minor > LAST:
            raise TrafficControlError(
                f"{self.name} has no room for more than {LAST - FIRST + 1} reservations"
            )
        self.next_minor += 1
        return self.next_minor - 1


class HtbTrafficControl:
    """A `TrafficControl` that gives each reservation a class of an HTB at the interface's root.

    On interfaces whose rate nobody knows (infinite `bandwidth`) it only keeps the books. Packets'
    counts in `counters` are the kernel's: they include the link-layer header.
    """

    def __init__(self) -> None:
        """Open netlink sockets in the network namespace of the caller."""
        self._kernel = Kernel()
        self._nftables = Nftables()
        self._interfaces: dict[int, Scheduled] = {}

    # --- interfaces -------------------------------------------------------------------------------

    def open_interface(self, index: int, name: str, bandwidth: float, mtu: int) -> None:
        """Take charge of an interface of `bandwidth` bytes/s; clears what a crash left behind.

        For one that is open already, changes bandwidth and MTU and keeps its reservations. Raises
        TrafficControlError where somebody else's queueing discipline is at the root.
        """
        known = self._interfaces.get(index)
        if known is not None:
            self._reopen(known, name, bandwidth, mtu)
            return
        interface = Scheduled(index, name, bandwidth, mtu, _lock(index, name))
        try:
            self._establish(interface)
        except BaseException:
            interface.lock.close()
            raise
        self._interfaces[index] = interface

    def _reopen(self, interface: Scheduled, name: str, bandwidth: float, mtu: int) -> None:
        interface.name = name
        if (interface.bandwidth, interface.mtu) == (bandwidth, mtu):
            return
        interface.bandwidth, interface.mtu = bandwidth, mtu
        if math.isinf(bandwidth) == (interface.classifier is None):
            if interface.classifier is not None:
                self._shape(interface)
                for reserved in interface.flows.values():
                    self._put_flow(interface, reserved)
            return
        if interface.classifier is not None:
            self._remove_root(interface)
            interface.classifier = None
        interface.reserved = 0.0
        self._establish(interface)
        for reserved in interface.flows.values():
            self._install(interface, reserved)

    def _establish(self, interface: Scheduled) -> None:
        name = interface.name
        root = self._kernel.root_qdisc(interface.index)
        if root is not None and _is_ours(root):
            log.info("%s: removing the traffic control that an earlier run left behind", name)
            self._remove_root(interface)
        if math.isinf(interface.bandwidth):
            log.info("%s: its rate is not known; reservations are counted there, but not enforced", name)
            return
        # The kernel's own default has no handle; what somebody set up has one.
        if root is not None and root["handle"] and not _is_ours(root):
            kind, major = root.get_attr("TCA_KIND"), root["handle"] >> 16
            raise TrafficControlError(
                f"{name} has a {kind} queueing discipline ({major:x}:) that is not ours: remove it "
                f"with 'tc qdisc del dev {name} root', or set 'enabled = false' for {name}"
            )
        link = self._kernel.link(interface.index)
        if link["ifi_type"] == ARPHRD_ETHER:
            info = link.get_attr("IFLA_LINKINFO")
            virtual = info is not None and info.get_attr("IFLA_INFO_KIND")
            interface.header = ETHERNET_HEADER
            interface.framing = 0 if virtual else ETHERNET_FRAMING
        what = f"HTB on {name}"
        options = htb_root(BEST_EFFORT, SIGNATURE)
        self._kernel.put_qdisc(what, interface.index, ROOT, _id(0), "htb", options)
        try:
            self._shape(interface)
            classifier = Classifier(self._nftables, name)
            classifier.install(_id(CONTROL), _id(BEST_EFFORT))
        except TrafficControlError:
            with contextlib.suppress(TrafficControlError):
                self._remove_root(interface)
            raise
        interface.classifier = classifier

    def _shape(self, interface: Scheduled) -> None:
        """Make, or adjust in place, the classes that are always there."""
        whole, control = interface.bandwidth, interface.control
        self._put(interface, LINK, whole, interface.burst(whole), 0, parent=0)
        self._put(interface, CONTROL, control, 16.0 * interface.frame, CONTROL_PRIO)
        self._put_queue(interface, CONTROL, "bfifo", 256 * interface.frame)
        self._put_best_effort(interface)
        packets = whole * QUEUE_TIME / interface.frame
        self._put_queue(interface, BEST_EFFORT, "pfifo", min(max(packets, LEAST_QUEUE), MOST_QUEUE))

    def _put_best_effort(self, interface: Scheduled) -> None:
        rate = interface.best_effort
        self._put(interface, BEST_EFFORT, rate, interface.burst(rate), BEST_EFFORT_PRIO)

    def _put(
        self,
        interface: Scheduled,
        minor: int,
        rate: float,
        burst: float,
        prio: int,
        parent: int = LINK,
    ) -> None:
        whole = interface.bandwidth
        options = htb_class(
            rate, whole, burst, interface.burst(whole), interface.frame, prio, interface.framing
        )
        what = f"an HTB class on {interface.name}"
        self._kernel.put_class(what, interface.index, _id(parent), _id(minor), options)

    def _put_queue(self, interface: Scheduled, minor: int, kind: str, limit: float) -> None:
        what = f"a queue on {interface.name}"
        handle = LEAVES + minor << 16
        self._kernel.put_qdisc(what, interface.index, _id(minor), handle, kind, {"limit": int(limit)})

    def _remove_root(self, interface: Scheduled) -> None:
        what = f"to remove HTB from {interface.name}"
        Classifier(self._nftables, interface.name).uninstall()
        self._kernel.delete_qdisc(what, interface.index, ROOT, _id(0))

    def close_interface(self, index: int) -> None:
        """Remove our HTB; the kernel puts its own default back."""
        interface = self._interfaces.pop(index, None)
        if interface is None:
            return
        try:
            if interface.classifier is not None:
                self._remove_root(interface)
        except TrafficControlError as problem:  # the interface is gone, and so is all on it
            log.debug("%s", problem)
        finally:
            interface.lock.close()

    def close(self) -> None:
        """Give back every interface."""
        for index in tuple(self._interfaces):
            self.close_interface(index)
        self._kernel.close()
        self._nftables.close()

    # --- reservations -----------------------------------------------------------------------------

    def add_flow(self, interface: int, flow: Flow) -> None:
        """Install a reservation. Raises TrafficControlError where the kernel refuses; nothing stays then.

        For a handle that is known, brings flowspec and filters to what `flow` says.
        """
        at = self._at(interface)
        known = at.flows.get(flow.handle)
        if known is not None:
            self.modify_flow(interface, flow.handle, flow.flowspec, flow.tspec)
            self._classify(at, known, flow.filters or (None,))
            return
        reserved = Reserved(flow, flow.filters or (None,))
        at.flows[flow.handle] = reserved
        try:
            self._install(at, reserved)
        except BaseException:
            with contextlib.suppress(TrafficControlError):
                self.delete_flow(interface, flow.handle)
            raise

    def modify_flow(self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None) -> None:
        """Change a reservation's service in place: packets that wait in its queue stay there."""
        at = self._at(interface)
        reserved = self._reserved(at, handle)
        before = reserved.flow
        if (before.flowspec, before.tspec) == (flowspec, tspec):
            return
        reserved.flow = replace(before, flowspec=flowspec, tspec=tspec)
        if at.classifier is None:
            return
        try:
            self._put_flow(at, reserved)
        except TrafficControlError:
            reserved.flow = before
            raise

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Let one more sender's packets use the reservation."""
        at = self._at(interface)
        reserved = self._reserved(at, handle)
        if filter not in reserved.matches:
            self._classify(at, reserved, (*reserved.matches, filter))

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Take one sender's packets out of the reservation; the last one leaves it without packets."""
        at = self._at(interface)
        reserved = at.flows.get(handle)
        if reserved is not None:
            left = tuple(other for other in reserved.matches if other != filter)
            self._classify(at, reserved, left)

    def delete_flow(self, interface: int, handle: int) -> None:
        """Remove a reservation with its filters; an unknown handle is none of our business."""
        at = self._interfaces.get(interface)
        reserved = at.flows.pop(handle, None) if at is not None else None
        if at is None or reserved is None or at.classifier is None or not reserved.minor:
            return
        self._classify(at, reserved, ())
        what = f"to remove an HTB class on {at.name}"
        self._kernel.delete_class(what, at.index, _id(reserved.minor))
        at.free.append(reserved.minor)
        at.reserved -= reserved.rate
        self._put_best_effort(at)

    def counters(self, interface: int) -> dict[int, Counters]:
        """Counters of every reservation on an interface, by handle; zeroes where only books are kept."""
        at = self._interfaces.get(interface)
        if at is None:
            return {}
        found: dict[int, Counters] = {}
        if at.classifier is not None:
            found = self._kernel.counters(at.index)
        return {handle: found.get(_id(reserved.minor), Counters()) for handle, reserved in at.flows.items()}

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """The reservation's class as `tc` writes it, e.g. "2e:10"; None where only books are kept."""
        at = self._interfaces.get(interface)
        reserved = at.flows.get(handle) if at is not None else None
        if reserved is None or not reserved.minor:
            return None
        return f"{MAJOR:x}:{reserved.minor:x}"

    def _at(self, interface: int) -> Scheduled:
        try:
            return self._interfaces[interface]
        except KeyError:
            raise TrafficControlError(f"interface {interface} is not open for traffic control") from None

    def _reserved(self, at: Scheduled, handle: int) -> Reserved:
        try:
            return at.flows[handle]
        except KeyError:
            raise TrafficControlError(f"there is no reservation {handle} on {at.name}") from None

    def _install(self, at: Scheduled, reserved: Reserved) -> None:
        reserved.minor, reserved.rate = 0, 0.0
        if at.classifier is None:
            return
        reserved.minor = at.take_minor()
        self._put_flow(at, reserved)
        for one in reserved.matches:
            at.classifier.add(reserved.flow.session, one, _id(reserved.minor))

    def _put_flow(self, at: Scheduled, reserved: Reserved) -> None:
        """Make a reservation's class and queue, or adjust them in place, and best effort's beside it.

        Tspecs count IP bytes, HTB counts the link-layer header with them, which weighs most on the
        smallest packets. The bucket has room for one packet more than b: links before this one let
        packets catch up with each other.
        """
        flow = reserved.flow
        asked = effective(flow.flowspec, flow.tspec)
        smallest = max(asked.tspec.m, ETHERNET_LEAST)
        scale = (smallest + at.header) / smallest
        rate = max(asked.rate * scale, LEAST_RATE)
        rate = min(rate, at.bandwidth)
        burst = max(min(asked.tspec.bucket, float(MOST_BYTES)) * scale, at.frame) + at.frame
        prio = GUARANTEED_PRIO if asked.service == Service.GUARANTEED else RESERVED_PRIO
        at.reserved += rate - reserved.rate
        reserved.rate = rate
        self._put(at, reserved.minor, rate, burst, prio)
        self._put_queue(at, reserved.minor, "bfifo", 2.0 * burst + 8.0 * at.frame)
        self._put_best_effort(at)

    def _classify(self, at: Scheduled, reserved: Reserved, matches: tuple[Filter | None, ...]) -> None:
        if at.classifier is not None:
            session = reserved.flow.session
            for one in matches:
                at.classifier.add(session, one, _id(reserved.minor))
            for one in set(reserved.matches).difference(matches):
                at.classifier.remove(session, one)
        reserved.matches = matches


def _id(minor: int) -> int:
    return MAJOR << 16 | minor


def _is_ours(root: Any) -> bool:
    """Whether a root queueing discipline is one that this module made."""
    if root["handle"] != _id(0) or root.get_attr("TCA_KIND") != "htb":
        return False
    options = root.get_attr("TCA_OPTIONS")
    glob = options.get_attr("TCA_HTB_INIT") if options is not None else None
    return bool(glob and glob["rate2quantum"] == SIGNATURE and glob["defcls"] == BEST_EFFORT)


def _lock(index: int, name: str) -> socket.socket:
    """Be the one RSVP process that schedules this interface, as long as the socket is open.

    An abstract socket is its network namespace's, and goes with its process: no file stays.
    """
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        lock.bind(f"\0rsvp-tc-{index}")
    except OSError:
        lock.close()
        raise TrafficControlError(
            f"another RSVP process schedules {name} already: stop it, or leave {name} to it"
        ) from None
    return lock
