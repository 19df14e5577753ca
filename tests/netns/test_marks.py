"""Reserved packets that keep to their Tspec are marked, others pass as they came (RFC 2998 section 2.3.2)."""

from __future__ import annotations

import math
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from rsvp.iana import Service
from rsvp.intserv import Flowspec, Tspec, controlled_load, guaranteed
from rsvp.lab import Lab
from rsvp.objects import FilterSpec, IPAddress, Session
from rsvp.tc import Flow
from tests.patience import PATIENCE

from . import judge
from .verbs import HtbTrafficControl

EF, AF41 = 46, 34
MARKS = {Service.GUARANTEED: EF, Service.CONTROLLED_LOAD: AF41}
ECT = 1
"""What the sender puts into the bits beside the DSCP, which are not ours to change."""
SIZE = 100


@pytest.fixture
def traffic(lab: Lab) -> Iterator[HtbTrafficControl]:
    end = lab["r1"].toward("r2")
    with lab["r1"]:
        control = HtbTrafficControl()
        control.open_interface(end.index, end.name, 1.25e6, 1500, marks=MARKS)
    yield control
    control.close()


def address(lab: Lab, name: str, version: int) -> IPAddress:
    return lab[name].address if version == 4 else lab[name].address6


def marks(lab: Lab, version: int, port: int, count: int, source_port: int = 4000) -> Counter[int]:
    """The DSCPs with which packets of 100 bytes from h1 arrive at h2. Not one of them may be lost."""
    if version == 4:
        family, level, ask, tos = socket.AF_INET, socket.IPPROTO_IP, socket.IP_RECVTOS, socket.IP_TOS
    else:
        family, level = socket.AF_INET6, socket.IPPROTO_IPV6
        ask, tos = socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS
    source, to = (str(address(lab, name, version)) for name in ("h1", "h2"))
    found: Counter[int] = Counter()
    with lab["h2"], socket.socket(family, socket.SOCK_DGRAM) as sink:
        sink.settimeout(PATIENCE)
        sink.setsockopt(level, ask, 1)
        sink.bind((to, port))
        with lab["h1"], socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(level, tos, ECT)
            sock.bind((source, source_port))
            for _ in range(count):
                sock.sendto(bytes(SIZE - (28 if version == 4 else 48)), (to, port))
        for _ in range(count):
            ((_, _, value),) = sink.recvmsg(SIZE, 64)[1]
            assert value[0] & 3 == ECT
            found[value[0] >> 2] += 1
    return found


def reserve(
    lab: Lab,
    control: HtbTrafficControl,
    version: int,
    port: int,
    flowspec: Flowspec,
    dscp: int | None = None,
) -> None:
    session = Session(address(lab, "h2", version), 17, port)
    sender = FilterSpec(address(lab, "h1", version), 4000)
    flow = Flow(port, session, (sender,), flowspec, dscp=dscp)
    control.add_flow(lab["r1"].toward("r2").index, flow)


@pytest.mark.parametrize("version", [4, 6])
def test_by_service(lab: Lab, traffic: HtbTrafficControl, version: int) -> None:
    reserve(lab, traffic, version, 5000, controlled_load(125_000.0, m=SIZE, M=SIZE))
    reserve(lab, traffic, version, 5001, guaranteed(125_000.0, m=SIZE, M=SIZE))
    assert marks(lab, version, 5000, 5) == {AF41: 5}
    assert marks(lab, version, 5001, 5) == {EF: 5}
    assert marks(lab, version, 5002, 5) == {0: 5}
    traffic.delete_flow(lab["r1"].toward("r2").index, 5000)
    assert marks(lab, version, 5000, 5) == {0: 5}


def test_what_exceeds_the_tspec_is_not_marked_and_not_dropped(lab: Lab, traffic: HtbTrafficControl) -> None:
    """A bucket of three packets, and one that may lag behind; with one packet in 100 s no more come in."""
    reserve(lab, traffic, 4, 5000, controlled_load(Tspec(1.0, 3.0 * SIZE, m=SIZE, M=SIZE)))
    assert marks(lab, 4, 5000, 30) == {AF41: 4, 0: 26}
    end = lab["r1"].toward("r2")
    traffic.modify_flow(end.index, 5000, controlled_load(Tspec(1.0, 9.0 * SIZE, m=SIZE, M=SIZE)), None)
    assert marks(lab, 4, 5000, 30) == {AF41: 10, 0: 20}


def test_marks_come_and_go_with_the_configuration(lab: Lab, traffic: HtbTrafficControl) -> None:
    reserve(lab, traffic, 4, 5000, controlled_load(125_000.0, m=SIZE, M=SIZE))
    end = lab["r1"].toward("r2")
    for told in ({}, {Service.CONTROLLED_LOAD: 10}, {Service.GUARANTEED: EF}, MARKS):
        traffic.open_interface(end.index, end.name, 1.25e6, 1500, marks=told)
        traffic.settle()
        assert marks(lab, 4, 5000, 3) == {told.get(Service.CONTROLLED_LOAD, 0): 3}


@pytest.mark.parametrize("told", [{}, MARKS])
def test_a_flow_s_own_mark_comes_before_that_of_its_service(
    lab: Lab, traffic: HtbTrafficControl, told: dict[int, int]
) -> None:
    end, load = lab["r1"].toward("r2"), controlled_load(125_000.0, m=SIZE, M=SIZE)
    traffic.open_interface(end.index, end.name, 1.25e6, 1500, marks=told)
    for dscp in (10, 12, None, 0):
        reserve(lab, traffic, 4, 5000, load, dscp)
        traffic.settle()
        assert marks(lab, 4, 5000, 3) == {told.get(Service.CONTROLLED_LOAD, 0) if dscp is None else dscp: 3}


def test_marks_go_with_the_interface_s_name(lab: Lab, traffic: HtbTrafficControl) -> None:
    """Renamed while it is up, its tables bear its new name; given back, none is left."""
    end, load = lab["r1"].toward("r2"), controlled_load(125_000.0, m=SIZE, M=SIZE)
    reserve(lab, traffic, 4, 5000, load)
    assert marks(lab, 4, 5000, 3) == {AF41: 3}
    lab["r1"].run(["ip", "link", "set", end.name, "name", "uplink"], check=True)
    traffic.open_interface(end.index, "uplink", 1.25e6, 1500, marks=MARKS)
    reserve(lab, traffic, 4, 5001, load, EF)
    traffic.settle()
    assert judge.tables(lab["r1"]) == {"rsvp-uplink", "rsvp-mark-uplink"}
    assert (marks(lab, 4, 5000, 3), marks(lab, 4, 5001, 3)) == ({AF41: 3}, {EF: 3})
    traffic.close_interface(end.index)
    assert not judge.tables(lab["r1"])


def test_queues_that_are_left_alone_are_no_reason_not_to_mark(lab: Lab, traffic: HtbTrafficControl) -> None:
    """Nor do priorities change there, which would choose another queue."""
    end = lab["r1"].toward("r2")
    traffic.open_interface(end.index, end.name, 1.25e6, 1500, shape=False, marks=MARKS)
    root = judge.root(end)
    for version in (4, 6):
        reserve(lab, traffic, version, 5000, controlled_load(125_000.0, m=SIZE, M=SIZE))
        reserve(lab, traffic, version, 5001, guaranteed(125_000.0, m=SIZE, M=SIZE), 10)
        assert marks(lab, version, 5000, 3) == {AF41: 3}
        assert marks(lab, version, 5001, 3) == {10: 3}
        assert marks(lab, version, 5002, 3) == {0: 3}
        assert traffic.counters(end.index)[5000].packets == 3
        traffic.delete_flow(end.index, 5000)
        assert marks(lab, version, 5000, 3) == {0: 3}
    assert judge.root(end) == root
    traffic.open_interface(end.index, end.name, 1.25e6, 1500, marks=MARKS)
    traffic.settle()
    assert marks(lab, 6, 5001, 3) == {10: 3}
    traffic.open_interface(end.index, end.name, math.inf, 1500, marks=MARKS)
    traffic.settle()
    assert marks(lab, 6, 5001, 3) == {10: 3}
    traffic.close_interface(end.index)
    assert not judge.tables(lab["r1"])


def test_senders_that_share_a_reservation_share_its_meter(lab: Lab, traffic: HtbTrafficControl) -> None:
    end = lab["r1"].toward("r2")
    session = Session(address(lab, "h2", 4), 17, 5000)
    one, other = (FilterSpec(address(lab, "h1", 4), port) for port in (4000, 4002))
    for shape in (True, False):
        traffic.open_interface(end.index, end.name, 1.25e6, 1500, shape=shape, marks=MARKS)
        flowspec = controlled_load(Tspec(1.0, 3.0 * SIZE, m=SIZE, M=SIZE))
        traffic.add_flow(end.index, Flow(7, session, (one,), flowspec))
        assert marks(lab, 4, 5000, 3, 4002) == {0: 3}
        traffic.add_filter(end.index, 7, session, other)
        assert marks(lab, 4, 5000, 6, 4002) == {AF41: 4, 0: 2}
        assert marks(lab, 4, 5000, 6) == {0: 6}
        traffic.delete_flow(end.index, 7)
