"""How much of its neighbours a node remembers and listens to."""

from __future__ import annotations

import math
from ipaddress import IPv4Address

import pytest

from rsvp import neighbors
from rsvp.neighbors import BURST, Neighbors

ONE, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def said(table: Neighbors, times: int, now: float, address: IPv4Address = ONE, interface: int = 1) -> int:
    """How many of so many messages at one moment are listened to."""
    return sum(table.heard(address, interface, "ip", now) for _ in range(times))


def test_a_burst_and_then_the_rate():
    table = Neighbors(10.0, 100.0)
    assert said(table, 1000, 0.0) == 10 * BURST
    assert said(table, 1000, 0.5) == 5
    assert said(table, 1000, 1000.0) == 10 * BURST, "silence saves up no more than a burst"
    assert said(table, 1, 1000.0, OTHER) == 1, "each has its own measure"
    assert said(table, 1, 1000.0, interface=2) == 1


def test_without_a_limit():
    assert said(Neighbors(math.inf, 100.0), 10_000, 0.0) == 10_000


def test_another_limit_holds_at_once():
    table = Neighbors(10.0, 100.0)
    table.rate = 1.0
    assert said(table, 1000, 0.0) == BURST


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Neighbors:
    """A full table of neighbours that were heard of at 0, ONE among them."""
    monkeypatch.setattr(neighbors, "MOST", 50)
    table = Neighbors(1.0, 100.0)
    for number in range(50):
        table.heard(ONE + number, 1, "ip", 0.0)
    return table


def test_invented_addresses_do_not_fill_memory_and_share_one_measure(crowded: Neighbors):
    listened = sum(crowded.heard(ONE + number, 1, "ip", 1.0) for number in range(50, 1000))
    assert listened == BURST
    assert len(list(crowded)) == 50
    assert crowded.heard(ONE, 1, "ip", 1.0), "who was there before is heard as ever"
    assert crowded.heard(ONE + 5000, 2, "ip", 1.0), "strangers elsewhere are not theirs to silence"


def test_who_is_silent_makes_room(crowded: Neighbors):
    crowded.heard(ONE, 1, "ip", 90.0)
    crowded.heard(ONE + 50, 1, "ip", 101.0)
    assert [one.address for one in crowded] == [ONE, ONE + 50]


def test_a_full_table_is_looked_through_once_a_second(crowded: Neighbors):
    assert not [one for one in crowded if one.address == ONE + 50]
    crowded.heard(ONE + 50, 1, "ip", 99.9)
    crowded.heard(ONE + 50, 1, "ip", 100.5)
    assert len(list(crowded)) == 50
    crowded.heard(ONE + 50, 1, "ip", 101.0)
    assert [one.address for one in crowded] == [ONE + 50]


def test_nobody_in_particular(crowded: Neighbors):
    assert sum(crowded.heard_stranger(1, 0.0) for _ in range(100)) == BURST
    assert not [one for one in crowded if one.address == OTHER + 100]
