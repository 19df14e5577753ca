"""Reservations as classes of Linux's hierarchical token bucket (RFC 2205 section 3.11.2, RFC 2211, 2212).

The verbs only write down what is wanted; `settle` makes the kernel's classes and maps equal to it,
as few requests as that takes, in an order in which no packet of a reservation goes elsewhere: classes
before the filters that lead to them, filters before the classes that they led to. What an earlier run
left behind when it was killed is one more state to start from: a reservation that comes back takes
its class up as it is, and `sweep` removes the rest.
"""

from __future__ import annotations

import contextlib
import logging
import math
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import TrafficControlError
from ..intserv import ErrorTerms, Flowspec, Tspec
from ..netlink import Request
from ..objects import Filter, Session
from . import NO_MARKS, Counters, Flow, Refused
from . import nftables as nft
from .classifier import TABLE as RULES
from .classifier import Classifier
from .interface import (
    BEST_EFFORT,
    CONTROL,
    LINK,
    MAJOR,
    SIGNATURE,
    UNRESERVED,
    Reserved,
    Scheduled,
    class_id,
)
from .kernel import Kernel
from .maps import Key, key
from .marker import TABLE as MARKS
from .marker import Marker
from .nftables import Nftables

log = logging.getLogger("rsvp.tc")

ARPHRD_ETHER = 1
ETHERNET_HEADER = 14
ETHERNET_FRAMING = 24
"""Preamble, checksum and gap of real Ethernet: on the wire, but in no packet's length."""


class HtbTrafficControl:
    """A `TrafficControl` that gives each reservation a class of an HTB at the interface's root.

    On interfaces whose rate nobody knows (infinite `bandwidth`), and on those that it is not to shape, it
    only counts and marks, in nftables. Counts are the kernel's: they include the link-layer header.
    """

    def __init__(self) -> None:
        """Open netlink sockets in the network namespace of the caller."""
        self._kernel = Kernel()
        self._nftables = Nftables()
        self._interfaces: dict[int, Scheduled] = {}

    # --- interfaces -------------------------------------------------------------------------------

    def open_interface(
        self,
        index: int,
        name: str,
        bandwidth: float,
        mtu: int,
        *,
        shape: bool = True,
        marks: Mapping[int, int] = NO_MARKS,
    ) -> ErrorTerms | None:
        """Take charge of an interface of `bandwidth` bytes/s, and of what an earlier run left there.

        For one that is open already, changes bandwidth and MTU and keeps its reservations. Returns C and
        D of guaranteed service there, None where nothing is enforced. Raises TrafficControlError where
        somebody else's queueing discipline is at the root.
        """
        known = self._interfaces.get(index)
        if known is not None:
            self._reopen(known, name, bandwidth, mtu, shape)
            self._mark(known, marks)
            return known.error_terms
        interface = Scheduled(index, name, bandwidth, mtu, shape, _lock(index, name))
        try:
            with contextlib.suppress(TrafficControlError):  # no nf_tables, no orphans
                self._remove_orphans()
            self._establish(interface)
            self._mark(interface, marks)
        except BaseException:
            interface.lock.close()
            raise
        self._interfaces[index] = interface
        return interface.error_terms

    def _reopen(self, interface: Scheduled, name: str, bandwidth: float, mtu: int, shape: bool) -> None:
        if name != interface.name:
            self._rename(interface, name)
        if (interface.bandwidth, interface.mtu, interface.shape) == (bandwidth, mtu, shape):
            return
        before = interface.shaped
        interface.bandwidth, interface.mtu, interface.shape = bandwidth, mtu, shape
        if not before and not interface.shaped:
            return
        if before and interface.shaped:
            interface.told = None
            for handle, reserved in interface.flows.items():
                reserved.there = None
                interface.changed[handle] = None
            self._kernel.require(f"HTB on {name}", *interface.standing())
            return
        self._vacate(interface, before)
        interface.forget()
        self._establish(interface)

    def _rename(self, interface: Scheduled, name: str) -> None:
        """Bind the rules to the new name; classes belong to the interface's number."""
        if interface.marker is not None:
            interface.marker.uninstall()
            interface.marker = None
        if interface.classifier is not None:
            interface.classifier = interface.classifier.renamed(
                name, class_id(CONTROL), class_id(BEST_EFFORT)
            )
        interface.name = name

    def _remove_orphans(self) -> None:
        """Remove the tables of interfaces that have gone or got another name since an earlier run."""
        names = {name for _, name in socket.if_nameindex()} | {at.name for at in self._interfaces.values()}
        known = {prefix + name for prefix in (RULES, MARKS) for name in names}
        orphans = [one for one in self._nftables.tables() if one.startswith(RULES) and one not in known]
        if orphans:
            log.info("removing the tables of interfaces that are gone: %s", ", ".join(orphans))
            self._nftables.commit("to remove a table", [nft.delete_table(name) for name in orphans])

    def _establish(self, interface: Scheduled) -> None:
        name = interface.name
        self._measure_header(interface)
        root = self._kernel.root_qdisc(interface.index)
        ours = root is not None and _is_ours(root)
        if not interface.shaped:
            if ours:
                self._remove_root(interface)
            self._only_count(interface)
            return
        # The kernel's own default has no handle; what somebody set up has one.
        if root is not None and root["handle"] and not ours:
            kind, major = root.get_attr("TCA_KIND"), root["handle"] >> 16
            raise TrafficControlError(
                f"{name} has a {kind} queueing discipline ({major:x}:) that is not ours: remove it "
                f"with 'tc qdisc del dev {name} root', or set 'enabled = false' for {name}"
            )
        if ours and self._adopt(interface):
            return
        if ours:
            log.info("%s: removing the traffic control that an earlier run left behind", name)
            self._remove_root(interface)
        self._kernel.require(f"HTB on {name}", interface.root())
        try:
            self._kernel.require(f"HTB on {name}", *interface.standing())
            classifier = Classifier(self._nftables, name)
            classifier.install(class_id(CONTROL), class_id(BEST_EFFORT))
        except TrafficControlError:
            with contextlib.suppress(TrafficControlError):
                self._remove_root(interface)
            raise
        interface.classifier = classifier

    def _only_count(self, interface: Scheduled) -> None:
        name = interface.name
        why = "it is not to be shaped" if math.isfinite(interface.bandwidth) else "its rate is not known"
        classifier = Classifier(self._nftables, name, counts=True)
        try:
            classifier.install(class_id(CONTROL), class_id(BEST_EFFORT))
        except TrafficControlError as problem:
            log.info("%s: %s, and reserved data cannot be counted there: %s", name, why, problem)
            return
        log.info("%s: %s; reservations are counted there, but not enforced", name, why)
        interface.classifier = classifier

    def _vacate(self, interface: Scheduled, shaped: bool) -> None:
        """Take what is ours off an interface."""
        if shaped and interface.classifier is not None:
            self._remove_root(interface)
        elif interface.classifier is not None:
            Marker(self._nftables, interface.name, NO_MARKS).uninstall()
            interface.classifier.uninstall()

    def _mark(self, interface: Scheduled, marks: Mapping[int, int]) -> None:
        """Mark reserved packets there from now on by these DSCPs, or by their own; where it fails, say so."""
        if interface.classifier is None or (interface.marker is not None and interface.marker.marks == marks):
            return
        interface.marker = None
        marker = Marker(self._nftables, interface.name, marks, interface.shaped)
        try:
            marker.uninstall()
        except TrafficControlError as problem:
            log.warning("%s: reserved packets are not marked: %s", interface.name, problem)
            return
        interface.marker = marker
        interface.changed |= dict.fromkeys(interface.flows)

    def _settle_marks(self, at: Scheduled, standing: Iterable[Reserved]) -> None:
        if at.marker is None:
            return
        for reserved in at.going:
            at.marker.unwant(class_id(reserved.minor))
        for reserved in standing:
            if reserved.minor:
                at.mark(reserved)
        try:
            at.marker.settle()
        except TrafficControlError as problem:
            log.warning("%s: not marked: %s", at.name, problem)

    def _measure_header(self, interface: Scheduled) -> None:
        link = self._kernel.link(interface.index)
        if link["ifi_type"] == ARPHRD_ETHER:
            info = link.get_attr("IFLA_LINKINFO")
            virtual = info is not None and info.get_attr("IFLA_INFO_KIND")
            interface.header = ETHERNET_HEADER
            interface.framing = 0 if virtual else ETHERNET_FRAMING

    def _adopt(self, interface: Scheduled) -> bool:
        """Go on with what an earlier run left, if it is whole; packets notice nothing."""
        name = interface.name
        rates = self._kernel.rates(interface.index)
        classifier = Classifier(self._nftables, name)
        whole = all(class_id(minor) in rates for minor in (LINK, CONTROL, BEST_EFFORT, UNRESERVED))
        if not whole or not classifier.adopt(class_id(CONTROL), class_id(BEST_EFFORT)):
            return False
        interface.take_up(rates)
        self._kernel.require(f"HTB on {name}", *interface.standing())
        interface.classifier = classifier
        log.info("%s: taking up %d classes that an earlier run left behind", name, len(interface.left))
        return True

    def _remove_root(self, interface: Scheduled) -> None:
        Marker(self._nftables, interface.name, NO_MARKS).uninstall()
        Classifier(self._nftables, interface.name).uninstall()
        self._kernel.require(f"to remove HTB from {interface.name}", interface.no_root())

    def sweep(self, interface: int) -> None:
        """Remove what an earlier run left and no reservation came back to."""
        at = self._interfaces.get(interface)
        if at is None or at.classifier is None or not at.shaped:
            return
        at.classifier.abandon()
        at.classifier.settle()
        gone = at.give_up()
        if gone:
            log.info("%s: removing %d classes that nobody came back to", at.name, len(gone))
        self._finish(at, [*map(at.no_class, gone), *at.rest()])

    def close_interface(self, index: int) -> None:
        """Remove our HTB; the kernel puts its own default back."""
        interface = self._interfaces.pop(index, None)
        if interface is None:
            return
        try:
            self._vacate(interface, interface.shaped)
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

    # --- what is wanted ---------------------------------------------------------------------------

    def add_flow(self, interface: int, flow: Flow) -> None:
        """Want a reservation; for a handle that is known, with flowspec and filters as `flow` says."""
        at = self._at(interface)
        matches = flow.filters or (None,)
        known = at.flows.get(flow.handle)
        if known is None:
            at.flows[flow.handle] = Reserved(flow, matches)
        else:
            known.flow, known.matches = flow, matches
        at.changed[flow.handle] = None

    def modify_flow(
        self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None, policed: bool = True
    ) -> None:
        """Want another service, in place: packets that wait in its queue stay there."""
        reserved = self._change(interface, handle)
        reserved.flow = replace(reserved.flow, flowspec=flowspec, tspec=tspec, policed=policed)

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Let one more sender's packets use the reservation."""
        reserved = self._change(interface, handle)
        if filter not in reserved.matches:
            reserved.matches = (*reserved.matches, filter)

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Take one sender's packets out of the reservation; the last one leaves it without packets."""
        at = self._at(interface)
        if handle in at.flows:
            reserved = self._change(interface, handle)
            reserved.matches = tuple(other for other in reserved.matches if other != filter)

    def delete_flow(self, interface: int, handle: int) -> None:
        """Want a reservation no more; an unknown handle is none of our business."""
        at = self._interfaces.get(interface)
        reserved = at.flows.pop(handle, None) if at is not None else None
        if at is not None and reserved is not None and reserved.minor:
            at.going.append(reserved)

    def _at(self, interface: int) -> Scheduled:
        try:
            return self._interfaces[interface]
        except KeyError:
            raise TrafficControlError(f"interface {interface} is not open for traffic control") from None

    def _change(self, interface: int, handle: int) -> Reserved:
        at = self._at(interface)
        try:
            reserved = at.flows[handle]
        except KeyError:
            raise TrafficControlError(f"there is no reservation {handle} on {at.name}") from None
        at.changed[handle] = None
        return reserved

    # --- making it so -----------------------------------------------------------------------------

    def settle(self) -> list[Refused]:
        """Have the kernel carry out what was wanted since the last time; what it refused."""
        return [one for at in self._interfaces.values() if at.changed or at.going for one in self._settle(at)]

    def _settle(self, at: Scheduled) -> list[Refused]:
        changed = [at.flows[handle] for handle in at.changed if handle in at.flows]
        at.changed.clear()
        if at.classifier is None:
            at.going.clear()
            return []
        refused = self._put_classes(at, changed)
        standing = [reserved for reserved in changed if reserved.minor]
        refused += self._classify(at, standing)
        self._settle_marks(at, standing)
        requests = [at.no_class(reserved.minor) for reserved in at.going]
        for reserved in at.going:
            at.give_back(reserved)
        at.going.clear()
        if not at.shaped:
            for one in refused:
                log.info("%s: not counted: %s", at.name, one.reason)
            return []
        self._finish(at, [*requests, *at.rest()])
        return refused

    def _put_classes(self, at: Scheduled, changed: Iterable[Reserved]) -> list[Refused]:
        """Make or adjust the classes of reservations; one that is refused keeps what it had."""
        requests: list[Request] = []
        putting: list[tuple[Reserved, float]] = []
        refused = []
        for reserved in changed:
            try:
                if not reserved.minor:
                    at.claim(reserved, _keys(reserved))
            except TrafficControlError as problem:
                refused.append(self._refuse(at, reserved, str(problem)))
                continue
            if at.shaped and reserved.fresh:
                putting.append((reserved, reserved.rate))
                requests += at.reservation(reserved)
        outcomes = self._kernel.send(requests)
        for number, (reserved, before) in enumerate(putting):
            outcome = next((one for one in outcomes[2 * number : 2 * number + 2] if one is not None), None)
            if outcome is None:
                reserved.there = reserved.flow
                continue
            at.reserved += before - reserved.rate
            reserved.rate = before
            what = f"the kernel refused an HTB class on {at.name}: {outcome.strerror}"
            refused.append(self._refuse(at, reserved, what))
        return refused

    def _refuse(self, at: Scheduled, reserved: Reserved, reason: str) -> Refused:
        """Go back to what stands of a reservation, or to none."""
        handle, standing = reserved.flow.handle, reserved.there
        if standing is not None:
            reserved.flow = replace(standing, filters=reserved.flow.filters)
        else:
            self._drop(at, reserved)
        return Refused(at.index, handle, standing is not None, reason)

    def _drop(self, at: Scheduled, reserved: Reserved) -> None:
        del at.flows[reserved.flow.handle]
        if reserved.minor:
            at.going.append(reserved)

    def _classify(self, at: Scheduled, changed: Iterable[Reserved]) -> list[Refused]:
        """Bring the maps up to date with reservations that changed or go."""
        classifier = at.classifier
        assert classifier is not None
        self._release(at)
        for reserved in changed:
            keys = _keys(reserved)
            number = class_id(reserved.minor)
            for one in reserved.keys - keys:
                classifier.unwant(one, number)
            for one in keys:
                classifier.want(one, number)
            reserved.keys = keys
        try:
            classifier.settle()
            return []
        except TrafficControlError as problem:
            log.debug("%s: filters one by one: %s", at.name, problem)
        refused = []
        for reserved in changed:
            try:
                classifier.settle(reserved.keys)
            except TrafficControlError as problem:
                if at.shaped:
                    self._drop(at, reserved)
                refused.append(Refused(at.index, reserved.flow.handle, False, str(problem)))
        self._release(at)
        with contextlib.suppress(TrafficControlError):
            classifier.settle()
        return refused

    def _release(self, at: Scheduled) -> None:
        """No more packets for the classes that go, whoever sent them there."""
        assert at.classifier is not None
        for reserved in at.going:
            for one in reserved.keys:
                at.classifier.unwant(one, class_id(reserved.minor))
            reserved.keys = frozenset()
        at.classifier.abandon({class_id(reserved.minor) for reserved in at.going})

    def _finish(self, at: Scheduled, requests: list[Request]) -> None:
        """Carry out what nobody waits for: a class that cannot be removed, say, because its link is gone."""
        for problem in filter(None, self._kernel.send(requests)):
            log.debug("%s: %s", at.name, problem.strerror)

    # --- looking at it ----------------------------------------------------------------------------

    def counters(self, interface: int) -> dict[int, Counters]:
        """Counters of every reservation on an interface, by handle; zeroes where nothing can be counted."""
        at = self._interfaces.get(interface)
        if at is None:
            return {}
        found: dict[int, Counters] = {}
        if at.classifier is not None:
            found = self._kernel.counters(at.index) if at.shaped else at.classifier.counters()
        return {
            handle: found.get(class_id(reserved.minor), Counters()) for handle, reserved in at.flows.items()
        }

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """The reservation's class as `tc` writes it, e.g. "2e:10"; None where it has none."""
        at = self._interfaces.get(interface)
        reserved = at.flows.get(handle) if at is not None and at.shaped else None
        if reserved is None or not reserved.minor:
            return None
        return f"{MAJOR:x}:{reserved.minor:x}"


def _keys(reserved: Reserved) -> frozenset[Key]:
    return frozenset(key(reserved.flow.session, one) for one in reserved.matches)


def _is_ours(root: Any) -> bool:
    """Whether a root queueing discipline is one that this module made."""
    if root["handle"] != class_id(0) or root.get_attr("TCA_KIND") != "htb":
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
