"""Which socket a Path is for, and the style it reserves in: the two tables of sections 2.3 and 3.4."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rsvp.gqos.matching import Address, Place, default_style, matches, sessions
from rsvp.objects import FF, WF, FilterSpec, FlowLabelFilterSpec, Session

from .world import TCP, UDP

ANY = Address(ip_address("0.0.0.0"), 5150)
HERE = Address(ip_address("10.0.3.2"), 5150)
ELSEWHERE = Address(ip_address("10.9.9.9"), 5150)
PEER = Address(ip_address("10.0.1.1"), 4000)
GROUP = Address(ip_address("239.1.2.3"), 5150)
OWN = (HERE.address, ELSEWHERE.address, ip_address("2001:db8::1"))


def says(place: Place, to: Address = HERE, port: int = 5150, sender: Address = PEER) -> bool:
    return matches(place, Session(to.address, place.protocol, port), FilterSpec(*sender))


TABLE = {
    "TCP unbound": (Place(TCP, 4), ()),
    "TCP not connected": (Place(TCP, 4, HERE, HERE), ()),
    "TCP bound and connected": (Place(TCP, 4, HERE, HERE, PEER), (HERE.address,)),
    "TCP bound to any and connected": (Place(TCP, 4, ANY, HERE, PEER), (HERE.address,)),
    "UDP unbound": (Place(UDP, 4), ()),
    "UDP bound to any, unconnected": (Place(UDP, 4, ANY, ANY), OWN[:2]),
    "UDP bound to an address, unconnected": (Place(UDP, 4, HERE, HERE), (HERE.address,)),
    "UDP bound to any, connected": (Place(UDP, 4, ANY, HERE, PEER), OWN[:2]),
    "UDP bound to an address, connected": (Place(UDP, 4, HERE, HERE, PEER), (HERE.address,)),
    "UDP multicast, joined": (Place(UDP, 4, ANY, ANY, groups=(GROUP,)), (GROUP.address,)),
}


@pytest.mark.parametrize("row", TABLE)
def test_the_sessions_of_a_socket(row: str):
    """3.4: a session that no Path could match is not taken part in."""
    place, addresses = TABLE[row]
    assert tuple(one.destination for one in sessions(place, OWN)) == addresses
    assert all(one.port == 5150 and one.protocol == place.protocol for one in sessions(place, OWN))


@pytest.mark.parametrize(
    ("row", "here", "elsewhere", "port", "other"),
    [
        ("TCP unbound", 0, 0, 0, 0),
        ("TCP not connected", 0, 0, 0, 0),
        ("TCP bound and connected", 1, 0, 0, 0),
        ("TCP bound to any and connected", 1, 0, 0, 0),
        ("UDP unbound", 0, 0, 0, 0),
        ("UDP bound to any, unconnected", 1, 1, 0, 1),
        ("UDP bound to an address, unconnected", 1, 0, 0, 1),
        ("UDP bound to any, connected", 1, 1, 0, 0),
        ("UDP bound to an address, connected", 1, 0, 0, 0),
    ],
)
def test_the_table_of_matches(row: str, here: bool, elsewhere: bool, port: bool, other: bool):
    """3.4, row by row: this address, another of this host, another port, another sender."""
    place, _ = TABLE[row]
    assert says(place) == here
    assert says(place, ELSEWHERE) == elsewhere
    assert says(place, port=5151) == port
    for sender in (Address(PEER.address, 4001), ELSEWHERE):
        assert says(place, sender=sender) == other


def test_groups():
    """3.4: the name under which it was joined counts, the bound address does not."""
    assert not says(Place(UDP, 4, ANY, ANY), GROUP), "not joined"
    for bound in (None, ANY, ELSEWHERE):
        place = Place(UDP, 4, bound, bound, groups=(GROUP,))
        assert says(place, GROUP)
        assert says(place, GROUP, sender=ELSEWHERE)
        assert not says(place, GROUP, port=5151)
        assert not says(place)


def test_the_protocol_counts():
    place = Place(UDP, 4, HERE, HERE)
    assert not matches(place, Session(HERE.address, TCP, 5150), FilterSpec(*PEER))


def test_a_sender_by_flow_label_has_no_port():
    place = Place(UDP, 6, Address(OWN[2], 5150), Address(OWN[2], 5150))
    assert matches(place, Session(OWN[2], UDP, 5150), FlowLabelFilterSpec(OWN[2], 7))


@pytest.mark.parametrize(
    ("row", "style"),
    [
        ("TCP bound and connected", FF),
        ("UDP bound to an address, connected", FF),
        ("UDP bound to any, connected", FF),
        ("UDP bound to an address, unconnected", WF),
        ("UDP multicast, joined", WF),
    ],
)
def test_the_default_style(row: str, style: object):
    """2.3."""
    assert default_style(TABLE[row][0]) == style
