"""What HTB is asked for keeps the promise of guaranteed service: rate, bucket, C and D (RFC 2212)."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from rsvp.intserv import Excess, Flowspec, controlled_load, guaranteed
from rsvp.netlink import attributes
from rsvp.objects import Session
from rsvp.tc import Flow
from rsvp.tc.interface import BURST_TIME, FIRST, Reserved, Scheduled
from rsvp.tc.kernel import HTB_CLASS, TCA_HTB_PARMS, TCA_OPTIONS, TCMSG, TICK

LINK = 1.25e6
SESSION = Session(ip_address("10.0.3.2"), 17, 5000)


@pytest.fixture
def link() -> Iterator[Scheduled]:
    """10 Mbit/s of real Ethernet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        yield Scheduled(2, "eth0", LINK, 1500, True, lock, header=14, framing=24)


def asked(
    link: Scheduled, flowspec: Flowspec, excess: Excess = Excess.BORROW, policed: bool = True
) -> tuple[float, float]:
    """Rate, in bytes/s, and bucket, in bytes, of the class that a reservation gets."""
    reserved = Reserved(Flow(7, SESSION, (), flowspec, excess=excess, policed=policed), (None,), minor=FIRST)
    (message, _, _), _ = link.reservation(reserved)
    parameters = attributes(attributes(message, TCMSG.size)[TCA_OPTIONS])[TCA_HTB_PARMS]
    fields = HTB_CLASS.unpack(parameters)
    return fields[5], fields[12] * TICK * fields[5]


@pytest.mark.parametrize("m", [64, 500, 1500])
def test_the_smallest_packets_get_their_rate_with_all_that_ethernet_adds(link: Scheduled, m: int) -> None:
    rate, _ = asked(link, guaranteed(100_000.0, m=m))
    assert rate * m / (m + 14 + 24) == pytest.approx(100_000.0, rel=1e-4)


def test_a_guaranteed_bucket_leaves_at_its_rate_and_not_at_once(link: Scheduled) -> None:
    _, bucket = asked(link, guaranteed(100_000.0, bucket=50_000.0))
    assert bucket == pytest.approx(1538, abs=8)
    _, bucket = asked(link, controlled_load(100_000.0, bucket=50_000.0))
    assert bucket > 50_000


def test_inside_the_network_it_has_room_for_what_caught_up(link: Scheduled) -> None:
    """Controlled load for two buckets and a packet at once; guaranteed service leaves at its rate as ever."""
    load, rate = controlled_load(100_000.0, bucket=50_000.0, m=1000), guaranteed(100_000.0, bucket=50_000.0)
    (_, edge), (_, inside) = asked(link, load), asked(link, load, policed=False)
    assert inside - edge == pytest.approx(50_000.0 * 1038 / 1000, rel=1e-3)
    assert asked(link, rate, policed=False) == asked(link, rate)


def test_where_excess_is_discarded_the_class_has_room_for_the_bucket(link: Scheduled) -> None:
    _, bucket = asked(link, guaranteed(100_000.0, bucket=50_000.0), Excess.DISCARD)
    assert bucket > 50_000


def test_the_error_terms_count_what_may_be_ahead(link: Scheduled) -> None:
    terms = link.error_terms
    assert terms is not None
    assert terms.c == 2 * 1500
    # The buckets of the link, of best effort and of RSVP, what overdraws them, and best effort's own.
    packets = 2 + 2 + 4 + 3 + 1
    expected = packets * 1538 / (0.99 * LINK) + 2 * BURST_TIME
    assert terms.spare == pytest.approx(max(0.01, 4 * terms.turn))
    assert terms.d == pytest.approx((expected + terms.spare) * 1e6, abs=1)
    assert terms.turn == pytest.approx(2 * 1538 / (0.99 * LINK)), "a quantum, and what overdraws it"


def test_a_faster_link_delays_less_until_the_timers_weigh_more(link: Scheduled) -> None:
    delays = []
    for bandwidth in (1.25e5, 1.25e6, 1.25e7, 1.25e8):
        link.bandwidth = bandwidth
        assert link.error_terms is not None
        delays.append(link.error_terms.d)
    assert delays == sorted(delays, reverse=True)
    assert delays[-1] > 4 * BURST_TIME * 1e6


def test_where_nothing_is_shaped_nothing_is_promised(link: Scheduled) -> None:
    link.bandwidth = math.inf
    assert link.error_terms is None
    link.bandwidth, link.shape = LINK, False
    assert link.error_terms is None
