"""One interface under HTB: its classes, what they promise, and who has which (RFC 2211, 2212).

    2e:         HTB, the interface's root
      2e:1      the whole link
        2e:4    what reservations leave of it
          2e:2  RSVP's own messages
          2e:3  best effort: what nothing else claims
        2e:10.. one class for each reservation

HTB serves leaves within their own rates first, by priority, then those that borrow from the class above,
then those that borrow from the one above that. Best effort has no rate to speak of: it borrows, from 2e:4
and, with a better priority than reservations, from the link. So each reservation has its rate before
best effort has anything, and best effort has all that nobody uses, RSVP's idle share and that of idle
reservations with it, before traffic beyond a Tspec has any: it goes on where the link has room, and takes
none from best effort (RFC 2211 sections 7 and 9). A controlled load keeps its bucket, and its bursts
leave at once; a guaranteed reservation has a bucket for timers only, so that a burst leaves at R, as its
delay bound has it, and adds nothing to what others wait.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..errors import TrafficControlError
from ..iana import Service
from ..intserv import ErrorTerms, Excess, effective
from ..netlink import Request
from ..objects import Filter
from . import Flow
from .classifier import Classifier
from .kernel import ROOT, delete_class, delete_qdisc, fifo, htb_class, htb_root, put_class, put_qdisc
from .maps import Key
from .marker import Marker, Meter

MAJOR = 0x2E
SIGNATURE = 46
"""With `MAJOR`, how a later start tells our HTB from another's: an r2q that nobody else would set."""

LINK, CONTROL, BEST_EFFORT, UNRESERVED, FIRST = 1, 2, 3, 4, 0x10
LAST = 0xEFFF
LEAVES = 0x1000
"""A class's queue is the major number LEAVES + its minor: fixed, to be changed in place."""

CONTROL_SHARE, LEAST_CONTROL = 0.01, 1000.0
"""RSVP's own share of the link, and no less than this many bytes/s."""
CONTROL_BURST = 4
"""How many of the largest packets RSVP may send at once, ahead of all."""
BEST_EFFORT_SHARE = 0.02
"""What best effort keeps of the link however much is reserved: it is never starved."""
QUEUE_TIME, LEAST_QUEUE, MOST_QUEUE = 0.2, 10, 1000
"""Seconds of the link that best effort may queue, and bounds of it in packets.

Packets and not bytes: small ones would slip into what room is left behind large ones.
"""
BURST_TIME = max(0.001, time.clock_getres(time.CLOCK_MONOTONIC))
"""Seconds of a class's rate that may leave at once: makes up for the kernel's timers that come late."""

SPARE_TIME, SPARE_TURNS = 0.01, 4
"""Seconds, or turns where these take longer, that D has for guaranteed reservations of a lower rate."""

CONTROL_PRIO, BEST_EFFORT_PRIO, GUARANTEED_PRIO, RESERVED_PRIO = 0, 1, 2, 3
"""Among classes within their own rates, where best effort hardly ever is, and among those that borrow."""
NEVER = 1.0
"""The rate, in bytes/s, and the bucket, in bytes, of a class that only borrows: one packet a minute."""

DISTORTED = 2.0
"""Buckets that may come at once inside the network."""
ETHERNET_LEAST = 46
"""The shortest IP packet that Ethernet does not pad."""
LEAST_RATE = 125.0
MOST_BYTES = 16 << 20
"""What a reservation's bucket and queue take at most, whatever its Tspec says."""


def class_id(minor: int) -> int:
    """A class's number as the kernel and packets' priorities have it."""
    return MAJOR << 16 | minor


def _keeps_to_its_rate(excess: Excess, service: int) -> bool:
    """Whether packets beyond the Tspec may take nothing of what others leave idle."""
    if excess is Excess.BY_SERVICE:
        return service == Service.GUARANTEED
    return excess in (Excess.SHAPE, Excess.DISCARD)


@dataclass
class Reserved:
    """A reservation: what it is to be, and what the kernel has of it.

    `matches` is what is classified into it (None: any sender) and `keys` where the maps say so; `minor`
    is its class's number, 0 where there is none, made for the flow `there`; `rate` is what it takes of
    the link, bytes/s.
    """

    flow: Flow
    matches: tuple[Filter | None, ...]
    keys: frozenset[Key] = frozenset()
    there: Flow | None = None
    minor: int = 0
    rate: float = 0.0

    @property
    def fresh(self) -> bool:
        """Whether its class has to be made, or made anew."""
        there, flow = self.there, self.flow
        return there is None or replace(there, filters=flow.filters) != flow

    def forget(self) -> None:
        """The kernel has nothing of it any more."""
        self.keys, self.there, self.minor, self.rate = frozenset(), None, 0, 0.0


@dataclass
class Scheduled:
    """One interface in our charge. `shape` False: its queues are not, and reservations only counted.

    `classifier` is None where not even that can be done, `marker` where nothing is to be marked. `left`
    are classes of an earlier run that no reservation has come back to, with their rates; `changed` the
    handles to be settled and `going` the reservations whose classes are to be removed; `told` the rate
    of what is not reserved that was asked for last.
    """

    index: int
    name: str
    bandwidth: float
    mtu: int
    shape: bool
    lock: socket.socket
    header: int = 0
    framing: int = 0
    classifier: Classifier | None = None
    marker: Marker | None = None
    flows: dict[int, Reserved] = field(default_factory=dict)
    left: dict[int, float] = field(default_factory=dict)
    changed: dict[int, None] = field(default_factory=dict)
    going: list[Reserved] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    next_minor: int = FIRST
    reserved: float = 0.0
    told: float | None = None

    @property
    def shaped(self) -> bool:
        """Whether reservations have classes; where nobody knows the link's rate they have none."""
        return self.shape and math.isfinite(self.bandwidth)

    @property
    def frame(self) -> int:
        """The largest packet as the kernel counts it, bytes."""
        return self.mtu + self.header

    @property
    def wire(self) -> int:
        """The same as a class is charged for it, bytes."""
        return self.frame + self.framing

    @property
    def control(self) -> float:
        """RSVP's own rate, bytes/s."""
        return max(self.bandwidth * CONTROL_SHARE, LEAST_CONTROL)

    @property
    def best_effort(self) -> float:
        """Best effort's share, bytes/s: the link less everybody else's."""
        left = self.bandwidth - self.control - self.reserved
        return max(left, self.bandwidth * BEST_EFFORT_SHARE, LEAST_RATE)

    def burst(self, rate: float) -> float:
        """The bucket of a class that is only to be paced, bytes."""
        return max(2.0 * self.wire, rate * BURST_TIME)

    @property
    def error_terms(self) -> ErrorTerms | None:
        """What a guaranteed reservation waits beyond b/R; None where it has no class (RFC 2212).

        C is what other guaranteed reservations send before its turn, each a quantum and the packet that
        overdraws it: of those that reserve no less there are no more than L/R, which makes twice the MTU
        of its own rate. For those of a lower rate D has some spare, and admission control lets no more
        of them in than that and C allow. The rest of D is what may be ahead on the wire, the buckets of
        the link, of what is not reserved and of RSVP with a packet each that overdraws them, the packet
        that best effort has of its own, and then the timers, and what they let the reservations' own
        buckets save up.
        """
        if not self.shaped:
            return None
        link = self.bandwidth
        free = max(link - self.control, LEAST_RATE)
        ahead = self.burst(link) + self.burst(link) + CONTROL_BURST * self.wire + 4 * self.wire
        turn = 2 * self.wire / free
        spare = max(SPARE_TIME, SPARE_TURNS * turn)
        seconds = ahead / free + 2.0 * BURST_TIME + spare
        return ErrorTerms(2 * self.mtu, math.ceil(seconds * 1e6), turn, spare)

    # --- who has which class ----------------------------------------------------------------------

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

    def take_up(self, classes: dict[int, float]) -> None:
        """Count in what an earlier run left: classes and their rates, by number."""
        for number, rate in classes.items():
            minor = number & 0xFFFF
            if FIRST <= minor <= LAST:
                self.left[minor] = rate
        self.reserved = sum(self.left.values())
        self.next_minor = max(self.left, default=FIRST - 1) + 1
        self.free = [minor for minor in range(FIRST, self.next_minor) if minor not in self.left]

    def claim(self, reserved: Reserved, keys: frozenset[Key]) -> None:
        """Give a reservation the class where an earlier run sent its packets, or else a new one."""
        assert self.classifier is not None
        for one in keys:
            minor = (self.classifier.left_behind(one) or 0) & 0xFFFF
            if minor in self.left:
                reserved.minor, reserved.rate = minor, self.left.pop(minor)
                return
        reserved.minor = self.take_minor()

    def give_back(self, reserved: Reserved) -> None:
        """A reservation's class is gone."""
        self._free(reserved.minor, reserved.rate)
        reserved.forget()

    def give_up(self) -> list[int]:
        """Reservations that have not come back never will: their classes."""
        gone = list(self.left)
        for minor in gone:
            self._free(minor, self.left.pop(minor))
        return gone

    def _free(self, minor: int, rate: float) -> None:
        self.free.append(minor)
        self.reserved -= rate
        if not self.flows and not self.left:
            self.reserved = 0.0  # what rounding left behind

    def forget(self) -> None:
        """Nothing of ours is on the interface any more."""
        self.classifier = self.marker = None
        self.left.clear()
        self.going.clear()
        self.free.clear()
        self.next_minor, self.reserved, self.told = FIRST, 0.0, None
        for reserved in self.flows.values():
            reserved.forget()
        self.changed = dict.fromkeys(self.flows)

    # --- what to ask the kernel for ---------------------------------------------------------------

    def root(self) -> Request:
        """HTB itself."""
        return put_qdisc(self.index, ROOT, class_id(0), "htb", htb_root(BEST_EFFORT, SIGNATURE))

    def no_root(self) -> Request:
        """No HTB, and with it no class."""
        return delete_qdisc(self.index, ROOT, class_id(0))

    def standing(self) -> Iterator[Request]:
        """The classes that are always there, made or adjusted in place."""
        whole, control = self.bandwidth, self.control
        yield self._class(LINK, whole, self.burst(whole), 0, parent=0)
        yield from self.rest()
        yield self._class(CONTROL, control, CONTROL_BURST * self.wire, CONTROL_PRIO, UNRESERVED)
        yield self._queue(CONTROL, "bfifo", 256 * self.frame)
        yield self._class(BEST_EFFORT, NEVER, NEVER, BEST_EFFORT_PRIO, UNRESERVED)
        packets = whole * QUEUE_TIME / self.frame
        yield self._queue(BEST_EFFORT, "pfifo", min(max(packets, LEAST_QUEUE), MOST_QUEUE))

    def rest(self) -> Iterator[Request]:
        """What is not reserved, if that has changed since it was asked for last."""
        rate = self.control + self.best_effort
        if rate != self.told:
            self.told = rate
            yield self._class(UNRESERVED, rate, self.burst(rate), 0)

    def reservation(self, reserved: Reserved) -> list[Request]:
        """A reservation's class and queue, made or adjusted in place; books its rate.

        Tspecs count IP bytes, HTB counts the link-layer header and framing with them, which weigh most on
        the smallest packets. The bucket has room for one packet more than b. Inside the network, where
        packets are not policed, it has room for b once more: those that were held up on the way for b/r
        arrive on top of a burst, and are to have the service all the same (RFC 2211 section 7). That of
        guaranteed service has only what late timers need: a burst waits b/R and so adds nothing to what
        other reservations wait; but its queue has that room (RFC 2212, "Policing").
        """
        flow = reserved.flow
        asked = effective(flow.flowspec, flow.tspec)
        smallest = max(asked.tspec.m, ETHERNET_LEAST)
        scale = (smallest + self.header + self.framing) / smallest
        rate = min(max(asked.rate * scale, LEAST_RATE), self.bandwidth)
        bucket = max(min(asked.tspec.bucket, float(MOST_BYTES)) * scale, self.wire)
        bucket = (bucket if flow.policed else DISTORTED * bucket) + self.wire
        guaranteed = asked.service == Service.GUARANTEED
        prio = GUARANTEED_PRIO if guaranteed else RESERVED_PRIO
        discards = flow.excess is Excess.DISCARD
        burst = max(self.wire, rate * BURST_TIME) if guaranteed and not discards else bucket
        self.reserved += rate - reserved.rate
        reserved.rate = rate
        queue = self.frame if discards else 2.0 * bucket + 8.0 * self.frame
        most = rate if _keeps_to_its_rate(flow.excess, asked.service) else None
        return [
            self._class(reserved.minor, rate, burst, prio, most=most),
            self._queue(reserved.minor, "bfifo", queue),
        ]

    def mark(self, reserved: Reserved) -> None:
        """Say what of a reservation is to be marked."""
        flow = reserved.flow
        if self.marker is not None:
            tspec = effective(flow.flowspec, flow.tspec).tspec
            meter = Meter.of(tspec, self.header, self.frame)
            number = class_id(reserved.minor)
            self.marker.want(number, flow.dscp, flow.flowspec.service, meter, reserved.keys)

    def no_class(self, minor: int) -> Request:
        """A class less."""
        return delete_class(self.index, class_id(minor))

    def _class(
        self, minor: int, rate: float, burst: float, prio: int, parent: int = LINK, most: float | None = None
    ) -> Request:
        """A class of `rate`, which borrows up to `most`, the whole link if that is None."""
        ceil, room = (self.bandwidth, self.burst(self.bandwidth)) if most is None else (most, burst)
        options = htb_class(rate, ceil, burst, room, self.frame, prio, self.framing)
        return put_class(self.index, class_id(parent), class_id(minor), options)

    def _queue(self, minor: int, kind: str, limit: float) -> Request:
        return put_qdisc(self.index, class_id(minor), LEAVES + minor << 16, kind, fifo(limit))
