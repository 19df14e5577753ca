"""Places and areas, as people write them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from rsvp.places import ALL_PORTS, Area, read_area


@pytest.mark.parametrize(
    ("text", "network", "ports"),
    [
        ("10.1.0.0/16:5000-5100", "10.1.0.0/16", range(5000, 5101)),
        ("10.1.0.2:5000", "10.1.0.2/32", range(5000, 5001)),
        ("10.1.0.0/16", "10.1.0.0/16", ALL_PORTS),
        (":0-65535", None, ALL_PORTS),
        ("[2001:db8::/32]:7", "2001:db8::/32", range(7, 8)),
        ("[2001:db8::]/32", None, None),
        ("2001:db8::/32", "2001:db8::/32", ALL_PORTS),
        ("[::1]", "::1/128", ALL_PORTS),
    ],
)
def test_an_area_is_a_network_and_ports(text: str, network: str | None, ports: range | None):
    if ports is None:
        with pytest.raises(ValueError, match="no network"):
            read_area(text)
        return
    assert read_area(text) == Area(None if network is None else ip_network(network), ports)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing"),
        (":", "no port"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("nowhere:5", "no network"),
        ("10.0.0.0/33", "no network"),
        (":5-4", "write 4-5"),
        (":65536", "too high"),
        (":http", "no port"),
        (":5-", "no port"),
    ],
)
def test_what_is_no_area_is_said_in_a_sentence(text: str, words: str):
    with pytest.raises(ValueError, match=words) as refusal:
        read_area(text)
    assert "\n" not in str(refusal.value)


def test_an_area_takes_what_is_in_it():
    area = read_area("10.1.0.0/16:5000-5001")
    assert area.takes(ip_address("10.1.2.3"), 5001)
    assert not area.takes(ip_address("10.1.2.3"), 5002)
    assert not area.takes(ip_address("10.2.0.1"), 5000)
    assert not area.takes(ip_address("2001:db8::1"), 5000)
    assert not area.takes(None, 5000), "who is not known is in no network"
    assert Area().takes(None, 0)
    assert (area.address, area.port) == (None, 0)
    assert (read_area("10.1.0.2:7").address, read_area("10.1.0.2:7").port) == (ip_address("10.1.0.2"), 7)
