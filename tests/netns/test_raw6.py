"""RawTransport over IPv6, checked against the kernel (RFC 2205 sections 3.3, 3.11.5; RFC 2711)."""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import IPv6Address

import pytest

from rsvp.errors import Unavailable
from rsvp.iana import DEFAULT_TTL
from rsvp.ip.fragments import Reassembler
from rsvp.lab import End, Lab
from rsvp.transport import Packet
from rsvp.transport.ipv6 import PKTINFO, IPv6Transport, read_near, read_transit

from .test_raw import converse, listen

H1, R1_LEFT, H2 = map(IPv6Address, ("fd00:1::1", "fd00:1::2", "fd00:3::2"))
GROUP = IPv6Address("ff15::1:2")


def path(data: bytes = b"path", **fields: object) -> Packet:
    values: dict[str, object] = {
        "data": data,
        "destination": H2,
        "source": H1,
        "interface": None,
        "ttl": 63,
        "router_alert": True,
    }
    return Packet(**{**values, **fields})  # type: ignore[arg-type]


def link_local(end: End) -> IPv6Address:
    with end.node.iproute() as ipr:
        found = [IPv6Address(one.get_attr("IFA_ADDRESS")) for one in ipr.get_addr(index=end.index, family=10)]
    (address,) = [one for one in found if one.is_link_local]
    return address


def test_a_router_takes_router_alert_packets_out_of_transit(lab: Lab) -> None:
    """And no other one on the same machine does: the kernel asks sockets of all namespaces."""
    ears = listen(lab, "h1", "r1", "r2", "h2")
    converse(ears, lambda: ears["h1"].transport.send(path(ttl=42)), r1=1)
    assert ears["r1"].packets == [path(ttl=42, interface=lab["r1"].toward("h1").index)]
    assert not ears["r2"].packets
    assert not ears["h2"].packets
    assert not ears["h1"].packets


def test_without_router_alert_a_packet_goes_through_to_its_destination(lab: Lab) -> None:
    ears = listen(lab, "h1", "r1", "r2", "h2")
    converse(ears, lambda: ears["h1"].transport.send(path(router_alert=False, ttl=42)), h2=1)
    assert not ears["r1"].packets
    assert not ears["r2"].packets
    (arrived,) = ears["h2"].packets
    assert (arrived.ttl, arrived.router_alert, arrived.source) == (40, False, H1)
    assert arrived.interface == lab["h2"].ends[0].index


def test_a_router_sends_on_with_the_senders_address_and_the_ttl_it_is_told(lab: Lab) -> None:
    ears = listen(lab, "r1", "r2")
    out = lab["r1"].toward("r2").index
    converse(ears, lambda: ears["r1"].transport.send(path(interface=out, ttl=17)), r2=1)
    assert ears["r2"].packets == [path(interface=lab["r2"].toward("r1").index, ttl=17)]


def test_the_last_router_reaches_the_destination_with_router_alert(lab: Lab) -> None:
    ears = listen(lab, "r2", "h2")
    converse(ears, lambda: ears["r2"].transport.send(path(interface=lab["r2"].toward("h2").index)), h2=1)
    assert ears["h2"].packets == [path(interface=lab["h2"].ends[0].index)]


def test_link_local_neighbours_talk_hop_by_hop(lab: Lab) -> None:
    ears = listen(lab, "r1", "r2")
    near, far = lab["r1"].toward("r2"), lab["r2"].toward("r1")
    resv = path(destination=link_local(far), source=None, ttl=None, router_alert=False, interface=near.index)
    converse(ears, lambda: ears["r1"].transport.send(resv), r2=1)
    (arrived,) = ears["r2"].packets
    assert (arrived.source, arrived.destination) == (link_local(near), link_local(far))
    assert (arrived.ttl, arrived.interface) == (DEFAULT_TTL, far.index)


@pytest.mark.parametrize("listener", ["r1", "h2"])
def test_what_exceeds_the_mtu_arrives_whole(lab: Lab, listener: str) -> None:
    """In transit the kernel hands the pieces over; at the destination it puts them together."""
    data = os.urandom(4321)
    ears = listen(lab, "h1", "r2", listener)
    sender = {"r1": "h1", "h2": "r2"}[listener]
    converse(ears, lambda: ears[sender].transport.send(path(data)), **{listener: 1})
    (arrived,) = ears[listener].packets
    assert arrived.data == data
    assert arrived.router_alert
    assert (arrived.source, arrived.destination) == (H1, H2)


def test_own_multicast_does_not_come_back(lab: Lab) -> None:
    members = []
    for name, toward in (("r1", "r2"), ("r2", "r1")):
        with lab[name]:
            member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        membership = GROUP.packed + struct.pack("=I", lab[name].toward(toward).index)
        member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        members.append(member)
    ears = listen(lab, "r1", "r2")
    out = lab["r1"].toward("r2").index
    converse(ears, lambda: ears["r1"].transport.send(path(destination=GROUP, interface=out, ttl=5)), r2=1)
    for member in members:
        member.close()
    assert not ears["r1"].packets
    (arrived,) = ears["r2"].packets
    assert (arrived.source, arrived.destination, arrived.ttl) == (H1, GROUP, 5)


def test_a_node_does_not_hear_itself(lab: Lab) -> None:
    ears = listen(lab, "r1")
    converse(ears, lambda: ears["r1"].transport.send(path(destination=R1_LEFT, source=None)))
    assert not ears["r1"].packets


def test_a_burst_is_taken_in_whole_and_in_order(lab: Lab) -> None:
    ears = listen(lab, "h1", "r1")

    def speak() -> None:
        for number in range(500):
            ears["h1"].transport.send(path(struct.pack("!I", number)))

    converse(ears, speak, r1=500)
    assert [packet.data for packet in ears["r1"].packets] == [struct.pack("!I", n) for n in range(500)]


def test_what_the_kernel_refuses_is_an_oserror(lab: Lab) -> None:
    ears = listen(lab, "h1")

    def speak() -> None:
        for refused, code in (
            (path(destination=IPv6Address("2001:db8::1")), errno.ENETUNREACH),
            (path(interface=4711), errno.ENODEV),
            (path(bytes(65530)), errno.EMSGSIZE),
        ):
            with pytest.raises(OSError) as caught:
                ears["h1"].transport.send(refused)
            assert caught.value.errno == code

    converse(ears, speak)


def test_without_ipv6_there_is_still_ipv4(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("RSVP cannot open a raw socket: Address family not supported by protocol")

    monkeypatch.setattr(IPv6Transport, "__init__", refuse)
    ears = listen(lab, "h1", "r1")
    assert "no RSVP over IPv6" in caplog.text
    four = Packet(b"path", lab["h2"].address, lab["h1"].address, None, 63, True)

    def speak() -> None:
        ears["h1"].transport.send(four)
        with pytest.raises(OSError, match="no IPv6") as caught:
            ears["h1"].transport.send(path())
        assert caught.value.errno == errno.EAFNOSUPPORT

    converse(ears, speak, r1=1)


# --- what is told of a packet, without a kernel -------------------------------------------------------

TOLD = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, PKTINFO.pack(H2.packed, 3))]
ALERT = bytes.fromhex("2e00050200010100")


def datagram(data: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(ALERT) + len(data), 0, 9) + H1.packed + H2.packed + ALERT + data


def test_a_transit_packet_is_read_from_its_headers() -> None:
    told = read_transit(datagram(b"path"), TOLD, Reassembler())
    assert told == path(interface=3, ttl=9)


def test_any_bytes_are_a_packet_or_nothing() -> None:
    sound = datagram(b"0123456789")
    for length in range(len(sound)):
        assert read_transit(sound[:length], TOLD, Reassembler()) is None
    for at in range(len(sound)):
        for value in (0, 1, 17, 44, 51, 0x45, 0x60, 0xFF):
            broken = sound[:at] + bytes([value]) + sound[at + 1 :]
            packet = read_transit(broken, TOLD, Reassembler())
            assert packet is None or packet.interface == 3
    for told in ([], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, b"\0")], [(0, 0, b"")]):
        assert read_transit(sound, told, Reassembler()) is None
        assert read_near(b"path", told, str(H1)) is None
