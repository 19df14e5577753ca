"""RawTransport on real sockets: what RFC 2205 section 3.3 asks of IP, checked against the kernel."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address

import pytest

from rsvp.errors import Unavailable
from rsvp.iana import DEFAULT_TTL, ROUTER_ALERT, RSVP_PROTOCOL
from rsvp.lab import Lab, Node
from rsvp.transport import Packet
from rsvp.transport.ipv4 import has_router_alert, read_datagram, write_datagrams
from rsvp.transport.raw import RawTransport
from tests.patience import settled

H1, R1_LEFT, R1_RIGHT, R2_LEFT, H2 = map(
    IPv4Address, ("10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2", "10.0.3.2")
)
GROUP = IPv4Address("239.1.2.3")
QUIET = 0.15
"""Seconds for what must not come to come all the same; veth pairs deliver within the send."""


class Ear:
    """A transport on one node and what it heard."""

    def __init__(self, node: Node) -> None:
        with node:
            self.transport = RawTransport()
        self.packets: list[Packet] = []

    def start(self) -> None:
        self.transport.start(self.packets.append)


def listen(lab: Lab, *names: str) -> dict[str, Ear]:
    return {name: Ear(lab[name]) for name in names}


def converse(ears: dict[str, Ear], speak: Callable[[], Awaitable[None] | None], **expected: int) -> None:
    """Run `speak` with all ears open, and wait until each node has heard as much as is expected of it."""

    async def main() -> None:
        for ear in ears.values():
            ear.start()
        spoken = speak()
        if spoken is not None:
            await spoken
        await settled(lambda: all(len(ears[name].packets) >= count for name, count in expected.items()))
        await asyncio.sleep(QUIET)
        for ear in ears.values():
            ear.transport.close()

    asyncio.run(main())


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


def test_a_router_takes_router_alert_packets_out_of_transit(lab: Lab) -> None:
    ears = listen(lab, "h1", "r1", "r2", "h2")
    converse(ears, lambda: ears["h1"].transport.send(path(ttl=42)), r1=1)
    (taken,) = ears["r1"].packets
    assert taken == path(ttl=42, interface=lab["r1"].toward("h1").index)
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


def test_a_router_sends_on_with_the_senders_address_and_the_ttl_it_is_told(lab: Lab) -> None:
    ears = listen(lab, "r1", "r2")
    out = lab["r1"].toward("r2").index
    converse(ears, lambda: ears["r1"].transport.send(path(interface=out, ttl=17)), r2=1)
    (arrived,) = ears["r2"].packets
    assert (arrived.source, arrived.destination, arrived.ttl) == (H1, H2, 17)
    assert arrived.interface == lab["r2"].toward("r1").index


def test_source_and_ttl_left_open_are_the_kernels_and_the_default(lab: Lab) -> None:
    ears = listen(lab, "r1", "r2")
    resv = path(destination=R2_LEFT, source=None, ttl=None, router_alert=False)
    converse(ears, lambda: ears["r1"].transport.send(resv), r2=1)
    (arrived,) = ears["r2"].packets
    assert (arrived.source, arrived.ttl) == (R1_RIGHT, DEFAULT_TTL)


def test_a_forced_interface_overrules_the_route_and_uses_its_gateway(diamond: Lab) -> None:
    r1 = diamond["r1"]
    destination = diamond["h2"].address
    aside = r1.toward("r3")
    with r1.iproute() as ipr:
        gateway = str(diamond["r3"].toward("r1").address)
        ipr.route("add", dst=str(diamond.cables[-1].network), gateway=gateway, oif=aside.index, priority=900)
    ears = listen(diamond, "r1", "r2", "r3")
    sent = path(destination=destination, source=diamond["h1"].address)

    def speak() -> None:
        ears["r1"].transport.send(sent)
        ears["r1"].transport.send(path(b"side", destination=destination, interface=aside.index))

    converse(ears, speak, r2=1, r3=1)
    assert [packet.data for packet in ears["r2"].packets] == [b"path"]
    assert [packet.data for packet in ears["r3"].packets] == [b"side"]


@pytest.mark.parametrize("forced", [False, True])
def test_what_exceeds_the_mtu_arrives_whole(lab: Lab, forced: bool) -> None:
    data = os.urandom(4321)
    ears = listen(lab, "r1", "h1")
    interface = lab["h1"].toward("r1").index if forced else None
    converse(ears, lambda: ears["h1"].transport.send(path(data, interface=interface)), r1=1)
    (arrived,) = ears["r1"].packets
    assert arrived.data == data
    assert arrived.router_alert


def test_fragments_meet_the_mtu_of_the_forced_interface(lab: Lab) -> None:
    with lab["h1"].iproute() as ipr:
        ipr.link("set", index=lab["h1"].toward("r1").index, mtu=600)
    data = os.urandom(1400)
    ears = listen(lab, "r1", "h1")
    interface = lab["h1"].toward("r1").index
    converse(ears, lambda: ears["h1"].transport.send(path(data, interface=interface)), r1=1)
    assert [packet.data for packet in ears["r1"].packets] == [data]


def test_own_multicast_does_not_come_back(lab: Lab) -> None:
    r1 = lab["r1"]
    members = []
    for node in (r1, lab["r2"]):
        with node:
            member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end in node.ends:
            membership = GROUP.packed + end.address.packed
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        members.append(member)
    ears = listen(lab, "h1", "r1", "r2")
    out = r1.toward("r2").index
    converse(ears, lambda: ears["r1"].transport.send(path(destination=GROUP, interface=out)), r2=1)
    for member in members:
        member.close()
    assert not ears["r1"].packets
    assert not ears["h1"].packets
    assert [packet.destination for packet in ears["r2"].packets] == [GROUP]


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
    send = ears["h1"].transport.send

    def speak() -> None:
        for refused, code in (
            (path(destination=IPv4Address("203.0.113.1")), errno.ENETUNREACH),
            (path(interface=4711), errno.ENODEV),
            (path(bytes(65530)), errno.EMSGSIZE),
            (path(destination=IPv6Address("fd00:1::2")), errno.EAFNOSUPPORT),
        ):
            with pytest.raises(OSError) as caught:
                send(refused)
            assert caught.value.errno == code

    converse(ears, speak)


def test_a_receiver_that_fails_does_not_stop_reception(lab: Lab) -> None:
    ears = listen(lab, "h1", "r1")
    heard: list[bytes] = []

    def fail(packet: Packet) -> None:
        heard.append(packet.data)
        raise RuntimeError("on purpose")

    async def main() -> None:
        ears["r1"].transport.start(fail)
        for data in (b"one.", b"two."):
            ears["h1"].transport.send(path(data))
        await settled(lambda: len(heard) == 2)
        for ear in ears.values():
            ear.transport.close()

    asyncio.run(main())
    assert heard == [b"one.", b"two."]


def test_without_the_right_there_is_one_sentence_with_the_fix(lab: Lab) -> None:
    def attempt() -> bytes:
        os.setresuid(65534, 65534, 65534) if os.geteuid() == 0 and maps(65534) else drop_net_raw()
        try:
            RawTransport()
        except Unavailable as refusal:
            return str(refusal).encode()
        return b""

    answer = lab["h1"].spawn(attempt).result().decode()
    assert "CAP_NET_RAW" in answer
    assert "\n" not in answer


def maps(uid: int) -> bool:
    """Whether a user exists in this user namespace."""
    with open("/proc/self/uid_map") as lines:
        ranges = [tuple(map(int, line.split())) for line in lines]
    return any(first <= uid < first + count for first, _, count in ranges)


def drop_net_raw() -> None:
    """Give up all capabilities, by capset: an unmapped user cannot be switched to."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, data) == 0


# --- the header, without a kernel -------------------------------------------------------------------


def test_headers_read_back_as_written() -> None:
    for alert in (True, False):
        sent = path(b"x" * 10, router_alert=alert)
        (datagram,) = write_datagrams(sent, 7, 1500)
        assert read_datagram(datagram, []) == sent


def test_fragments_cover_the_message_and_keep_router_alert() -> None:
    data = os.urandom(3000)
    pieces = list(write_datagrams(path(data), 7, 1500))
    assert all(len(piece) <= 1500 and piece[20:24] == ROUTER_ALERT for piece in pieces)
    put_together = bytearray()
    for piece in pieces:
        offset = struct.unpack("!H", piece[6:8])[0]
        assert (offset & 0x1FFF) * 8 == len(put_together)
        assert bool(offset & 0x2000) == (piece is not pieces[-1])
        put_together += piece[24:]
    assert put_together == data


def test_any_bytes_are_a_packet_or_nothing() -> None:
    (sound,) = write_datagrams(path(b"0123456789"), 7, 1500)
    for length in range(len(sound)):
        assert read_datagram(sound[:length], []) is None
    for at in range(len(sound)):
        for value in (0, 1, 0x45, 0x4F, 0x60, 0xFF):
            broken = sound[:at] + bytes([value]) + sound[at + 1 :]
            packet = read_datagram(broken, [(socket.IPPROTO_IP, 8, b"\x01")])
            assert packet is None or packet.interface is None
    assert read_datagram(sound[:9] + bytes([RSVP_PROTOCOL + 1]) + sound[10:], []) is None


@pytest.mark.parametrize(
    ("options", "there"),
    [
        (ROUTER_ALERT, True),
        (b"\x01\x01" + ROUTER_ALERT + b"\x00\x00", True),
        (b"\x07\x03\x04" + ROUTER_ALERT + b"\x00", True),
        (b"\x00" + ROUTER_ALERT, False),
        (b"\x94\x02\x00\x00", False),
        (b"\x94", False),
        (b"\x07\x00" + ROUTER_ALERT, False),
        (b"\x07\x40" + ROUTER_ALERT, False),
        (b"", False),
    ],
)
def test_router_alert_is_found_among_options(options: bytes, there: bool) -> None:
    assert has_router_alert(options) is there
