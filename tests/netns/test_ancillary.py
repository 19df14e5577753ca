"""rsvp.ancillary on the wire: RFC 3542 sections 6.2, 6.3 and 6.5, whatever the kernel does with wrong values.

The judge is what leaves the interface, read from the packets by offsets alone.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest

from rsvp import ancillary
from rsvp.errors import AncillaryError
from rsvp.lab import End, Lab

ETH_P_ALL = 3
PORT = 7000
VALUES = [0, 1, 63, 64, 127, 128, 184, 254, 255]
REFUSED = [-3, -2, 256, 257, 65_535, 2**31 - 1, -(2**31)]
LOCAL = {4: "127.0.0.1", 6: "::1"}


@contextmanager
def udp(version: int, address: str | None = None, port: int = 0, **options: int) -> Iterator[socket.socket]:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options.get("only", 1))
        sock.bind((address or ("0.0.0.0" if version == 4 else "::"), port))
        sock.settimeout(30)
        yield sock


class Wire:
    """What leaves an interface: (traffic class, hop limit, source) of each UDP packet to PORT."""

    def __init__(self, name: str) -> None:
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._sock.bind((name, ETH_P_ALL))
        self._sock.settimeout(30)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def next(self) -> tuple[int, int, str]:
        while True:
            data, address = self._sock.recvfrom(2048)
            if address[2] != socket.PACKET_OUTGOING:
                continue  # on the loopback interface everything comes twice
            if data[0] >> 4 == 4 and data[9] == socket.IPPROTO_UDP:
                port = struct.unpack_from("!H", data, (data[0] & 15) * 4 + 2)[0]
                found = (data[1], data[8], str(IPv4Address(data[12:16])))
            elif data[0] >> 4 == 6 and data[6] == socket.IPPROTO_UDP:
                port = struct.unpack_from("!H", data, 42)[0]
                tclass = (data[0] << 8 | data[1]) >> 4 & 0xFF
                found = (tclass, data[7], str(IPv6Address(data[8:24])))
            else:
                continue
            if port == PORT:
                return found


@pytest.fixture
def link() -> Iterator[tuple[End, End]]:
    """h1 - h2, and a way from h1 to groups."""
    lab = Lab()
    lab.add_host("h1")
    lab.add_host("h2")
    lab.connect("h1", "h2")
    lab.start()
    ends = (lab["h1"].ends[0], lab["h2"].ends[0])
    with lab["h1"]:
        yield ends


def to(end: End, version: int) -> tuple[Any, ...]:
    return (str(end.address if version == 4 else end.address6), PORT)


# --- values, message by message (D1) --------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_values_go_out_as_given_and_minus_one_is_the_sockets_own(link: tuple[End, End], version: int) -> None:
    with udp(version) as sock, Wire(link[0].name) as wire:
        there = to(link[1], version)
        ancillary.set_traffic_class(sock, 92)
        ancillary.set_hop_limit(sock, 33)
        own = str(link[0].address if version == 4 else link[0].address6)
        for value in VALUES:
            ancillary.send(sock, b"x", there, traffic_class=value)
            assert wire.next() == (value, 33, own)
            if value:  # with none left no packet leaves by an interface
                ancillary.send(sock, b"x", there, hop_limit=value)
                assert wire.next() == (92, value, own)
        ancillary.send(sock, b"x", there, traffic_class=-1, hop_limit=-1)
        assert wire.next() == (92, 33, own)
        ancillary.send(sock, b"x", there, traffic_class=7, hop_limit=9)
        assert wire.next() == (7, 9, own)
        ancillary.send(sock, b"x", there)
        assert wire.next() == (92, 33, own)  # what one message had is gone with it
        for option in (ancillary.set_traffic_class, ancillary.set_hop_limit):
            option(sock, -1)
        ancillary.send(sock, b"x", there, traffic_class=-1, hop_limit=-1)
        assert wire.next() == (0, 64, own)


@pytest.mark.parametrize("version", [4, 6])
def test_all_other_values_are_refused_before_the_kernel_sees_them(version: int) -> None:
    with udp(version) as sock:
        there = (LOCAL[version], PORT)
        for value in [*REFUSED, *([0] if version == 4 else [])]:
            with pytest.raises(AncillaryError) as refused:
                ancillary.send(sock, b"x", there, hop_limit=value)
            assert refused.value.errno == errno.EINVAL
        for value in REFUSED:
            with pytest.raises(AncillaryError) as refused:
                ancillary.send(sock, b"x", there, traffic_class=value)
            assert refused.value.errno == errno.EINVAL


def test_a_hop_limit_of_zero_stays_on_this_host() -> None:
    with udp(6, "::1", PORT) as ear, udp(6) as sock:
        ancillary.report(ear)
        ancillary.send(sock, b"x", ("::1", PORT), hop_limit=0)
        assert ancillary.receive(ear).hop_limit == 0


# --- the socket's own values (D2) -----------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_what_a_socket_is_set_to_and_back(version: int) -> None:
    with udp(version) as sock:
        settings: list[tuple[Any, Any, int, int]] = [
            (ancillary.set_traffic_class, ancillary.traffic_class, 0, 0),
            (ancillary.set_hop_limit, ancillary.hop_limit, 64, 1 if version == 4 else 0),
            (ancillary.set_multicast_hop_limit, ancillary.multicast_hop_limit, 1, 0),
        ]
        for put, get, default, least in settings:
            assert get(sock) == default
            for value in VALUES:
                if value >= least:
                    put(sock, value)
                    assert get(sock) == value
            for value in [*REFUSED, *range(least)]:
                with pytest.raises(AncillaryError) as refused:
                    put(sock, value)
                assert refused.value.errno == errno.EINVAL
            assert get(sock) == 255
            put(sock, -1)
            assert get(sock) == default


@pytest.mark.parametrize("version", [4, 6])
def test_over_tcp_the_kernel_keeps_the_two_bits_of_ecn(version: int) -> None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        for value, kept in ((0x03, 0x00), (0xBB, 0xB8), (0xFF, 0xFC)):
            ancillary.set_traffic_class(sock, value)
            assert ancillary.traffic_class(sock) == kept


# --- precedence (D3) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "group"), [(4, "239.1.1.1"), (6, "ff15::1:2")])
def test_to_a_group_the_multicast_hop_limit_counts_and_the_message_goes_before_it(
    link: tuple[End, End], version: int, group: str
) -> None:
    with udp(version) as sock, Wire(link[0].name) as wire:
        near = link[0].index
        ancillary.set_hop_limit(sock, 200)
        for given, seen in ((-1, 1), (63, 63)):
            ancillary.set_multicast_hop_limit(sock, given)
            ancillary.send(sock, b"x", (group, PORT), interface=near)
            assert wire.next()[1] == seen
        ancillary.send(sock, b"x", (group, PORT), interface=near, hop_limit=5)
        assert wire.next()[1] == 5
        ancillary.send(sock, b"x", (group, PORT), interface=near, hop_limit=-1)
        assert wire.next()[1] == 63


def test_an_ipv6_socket_speaks_ipv4_to_a_mapped_address(link: tuple[End, End]) -> None:
    there = (f"::ffff:{link[1].address}", PORT)
    with udp(6, only=0) as sock, Wire(link[0].name) as wire:
        ancillary.set_traffic_class(sock, 40)
        ancillary.set_hop_limit(sock, 41)
        ancillary.send(sock, b"x", there)
        assert wire.next() == (40, 41, str(link[0].address))
        ancillary.send(sock, b"x", there, traffic_class=184, hop_limit=9)
        assert wire.next() == (184, 9, str(link[0].address))
        with pytest.raises(AncillaryError):
            ancillary.send(sock, b"x", there, hop_limit=0)
        sock.connect(there)
        ancillary.send(sock, b"x", hop_limit=10)
        assert wire.next() == (40, 10, str(link[0].address))


@pytest.mark.parametrize("version", [4, 6])
def test_a_raw_socket_obeys_as_well(link: tuple[End, End], version: int) -> None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP) as sock, Wire(link[0].name) as wire:
        header = struct.pack("!HHHH", PORT, PORT, 8, 0)
        ancillary.set_traffic_class(sock, 3)
        ancillary.send(sock, header, (to(link[1], version)[0], 0), hop_limit=77)
        assert wire.next()[:2] == (3, 77)
        ancillary.send(sock, header, (to(link[1], version)[0], 0), traffic_class=255, hop_limit=-1)
        assert wire.next()[:2] == (255, 64)


# --- packet info (D3.6, RFC 3542 section 6.2) -----------------------------------------------------------


def test_packet_info_of_ipv6(link: tuple[End, End]) -> None:
    with udp(6) as sock:
        here, lo = ("::1", PORT), socket.if_nametoindex("lo")
        for source in (None, IPv6Address("::1")):
            for interface in (0, lo):
                assert ancillary.send(sock, b"x", here, source=source, interface=interface) == 1
        for source, interface, code in (
            (None, 9999, errno.ENODEV),
            (IPv6Address("2001:db8::99"), 0, errno.EINVAL),
            (IPv6Address("fe80::99"), 0, errno.EINVAL),
        ):
            with pytest.raises(OSError) as refused:
                ancillary.send(sock, b"x", here, source=source, interface=interface)
            assert refused.value.errno == code
        for wrong in (IPv4Address("10.0.0.1"), IPv4Address("127.0.0.1")):
            with pytest.raises(AncillaryError) as unfit:
                ancillary.send(sock, b"x", here, source=wrong)
            assert unfit.value.errno == errno.EINVAL


def test_packet_info_of_ipv4(link: tuple[End, End]) -> None:
    there = to(link[1], 4)
    with udp(4) as sock, Wire(link[0].name) as wire:
        ancillary.send(sock, b"x", there, source=link[0].address, interface=link[0].index)
        assert wire.next()[2] == str(link[0].address)
        for source, interface, code in (
            (None, 9999, errno.ENODEV),
            (IPv4Address("192.0.2.9"), 0, errno.ENETUNREACH),
        ):
            with pytest.raises(OSError) as refused:
                ancillary.send(sock, b"x", there, source=source, interface=interface)
            assert refused.value.errno == code
        with pytest.raises(AncillaryError) as unfit:
            ancillary.send(sock, b"x", there, source=IPv6Address("::1"))
        assert unfit.value.errno == errno.EINVAL
        with pytest.raises(AncillaryError) as none:
            ancillary.set_packet_info(sock, link[0].address)
        assert none.value.errno == errno.ENOPROTOOPT


def test_a_link_local_source_with_its_interface(link: tuple[End, End]) -> None:
    with link[0].node.iproute() as ipr:
        found = [
            IPv6Address(one.get_attr("IFA_ADDRESS")) for one in ipr.get_addr(index=link[0].index, family=10)
        ]
    (near,) = [one for one in found if one.is_link_local]
    with link[0].node.iproute() as ipr:
        ipr.addr("add", index=link[0].index, address="fe80::77", prefixlen=64, flags=2)
    with udp(6) as sock, Wire(link[0].name) as wire:
        there = ("ff02::1:1", PORT, 0, link[0].index)
        ancillary.send(sock, b"x", there, source=IPv6Address("fe80::77"), interface=link[0].index)
        assert wire.next()[2] == "fe80::77"
        assert near != IPv6Address("fe80::77")


def test_which_interface_is_chosen(link: tuple[End, End]) -> None:
    """The message's packet info, then the socket's, then IPV6_MULTICAST_IF, then routing."""
    lo, near = socket.if_nametoindex("lo"), link[0].index
    group = ("ff15::1:3", PORT)
    with udp(6) as sock, Wire(link[0].name) as wire:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, near)
        ancillary.send(sock, b"1", group, traffic_class=1)
        assert wire.next()[0] == 1
        ancillary.set_packet_info(sock, link[0].address6, near)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, 0)
        ancillary.send(sock, b"2", group, traffic_class=2)
        assert wire.next() == (2, 1, str(link[0].address6))
        with pytest.raises(OSError):  # there is no way to the group by lo
            ancillary.send(sock, b"3", group, traffic_class=3, interface=lo, source=IPv6Address("::1"))
        ancillary.set_packet_info(sock)
        with udp(6, "::1", PORT) as ear:
            ancillary.report(ear)
            ancillary.send(sock, b"4", ("::1", PORT))
            assert ancillary.receive(ear).interface == lo


# --- receiving (D3.5, D4) -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_received_are_plain_numbers(version: int) -> None:
    lo = socket.if_nametoindex("lo")
    with udp(version, LOCAL[version], PORT) as ear, udp(version, LOCAL[version]) as sock:
        ancillary.report(ear)
        for value in (0, 1, 64, 255):
            there = (LOCAL[version], PORT)
            ancillary.send(sock, b"data", there, traffic_class=value, hop_limit=value or 1)
            found = ancillary.receive(ear)
            assert (found.traffic_class, found.hop_limit, found.data) == (value, value or 1, b"data")
            assert (found.destination, found.interface) == (ip_address(LOCAL[version]), lo)
            assert found.address is not None
            assert found.address[:2] == sock.getsockname()[:2]
        ancillary.send(sock, b"too much", (LOCAL[version], PORT))
        cut = ancillary.receive(ear, 3)
        assert (cut.data, cut.truncated) == (b"too", True)
        ancillary.report(ear, False)
        ancillary.send(sock, b"data", (LOCAL[version], PORT), traffic_class=9)
        bare = ancillary.receive(ear)
        assert (bare.traffic_class, bare.hop_limit, bare.destination, bare.interface) == (None,) * 4


def test_a_socket_of_ipv6_receives_ipv4_with_its_numbers() -> None:
    with udp(6, port=PORT, only=0) as ear, udp(4) as sock:
        ancillary.report(ear)
        ancillary.send(sock, b"x", ("127.0.0.1", PORT), traffic_class=184, hop_limit=9)
        found = ancillary.receive(ear)
        assert (found.traffic_class, found.hop_limit, str(found.destination)) == (184, 9, "127.0.0.1")


@pytest.mark.parametrize("version", [4, 6])
def test_a_stream_is_asked_after_its_packets_and_has_no_messages(version: int) -> None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.create_server((LOCAL[version], 0), family=family) as server:
        ancillary.report(server)
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            ancillary.set_traffic_class(sock, 184)
            ancillary.set_hop_limit(sock, 255)
            sock.connect(server.getsockname())
            accepted, _ = server.accept()
            with accepted:
                sock.sendall(b"data")
                assert accepted.recv(4) == b"data"
                found = ancillary.received(accepted)
                assert found.interface == socket.if_nametoindex("lo")
                assert str(found.destination) == LOCAL[version]
                assert (found.traffic_class, found.hop_limit) == (184, 255)
            for given in ({"traffic_class": 1}, {"hop_limit": 1}, {"interface": 1}):
                with pytest.raises(AncillaryError) as refused:
                    ancillary.send(sock, b"x", **given)  # type: ignore[arg-type]
                assert refused.value.errno == errno.EOPNOTSUPP


def test_what_is_no_socket_of_ip_is_told_so() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(AncillaryError) as refused:
        ancillary.send(one, b"x", traffic_class=1)
    assert refused.value.errno == errno.EAFNOSUPPORT


# --- hop-by-hop options (D4, RFC 3542 section 8) ----------------------------------------------------------

ALERT = bytes.fromhex("0000050200000100")
"""Router Alert for RSVP, as applications give it: the kernel fills in what the next header is."""
PADDING = bytes.fromhex("0000010400000000")


def test_hop_by_hop_options_of_a_message_and_of_a_socket(link: tuple[End, End]) -> None:
    """tst_send_hhopt_data, tst_send_hhopt_setopt, tst_remove_hhopt, and that they are received."""
    there = to(link[1], 6)

    def sent() -> bytes | None:
        found = ancillary.receive(hears).hop_options
        return None if found is None else b"\0" + found[1:]

    with link[1].node, udp(6, port=PORT) as hears:
        ancillary.report(hears)
        with link[0].node, udp(6) as sock:
            ancillary.set_hop_options(sock, b"")  # none is there to be removed
            assert ancillary.hop_options(sock) == b""
            ancillary.send(sock, b"x", there, hop_options=ALERT)
            assert sent() == ALERT
            ancillary.send(sock, b"x", there)
            assert sent() is None
            ancillary.set_hop_options(sock, PADDING)
            assert ancillary.hop_options(sock) == PADDING
            ancillary.send(sock, b"x", there)
            assert sent() == PADDING
            ancillary.send(sock, b"x", there, hop_options=ALERT)
            assert sent() == ALERT
            ancillary.set_hop_options(sock, b"")
            assert ancillary.hop_options(sock) == b""
            ancillary.send(sock, b"x", there)
            assert sent() is None


def test_hop_by_hop_options_that_cannot_be() -> None:
    with udp(6) as six, udp(4) as four, udp(6, only=0) as both:
        for options in (b"\0", ALERT[:7], ALERT + bytes(1), b"\0\1" + bytes(6)):
            for call in (
                lambda: ancillary.send(six, b"x", ("::1", PORT), hop_options=options),  # noqa: B023
                lambda: ancillary.set_hop_options(six, options),  # noqa: B023
            ):
                with pytest.raises(AncillaryError, match="a whole extension header") as raised:
                    call()
                assert raised.value.errno == errno.EINVAL
        for sock, where in ((four, LOCAL[4]), (both, f"::ffff:{LOCAL[4]}")):
            with pytest.raises(AncillaryError, match="IPv4 has no hop-by-hop options"):
                ancillary.send(sock, b"x", (where, PORT), hop_options=ALERT)
        with pytest.raises(AncillaryError, match="IPv4 has no hop-by-hop options") as raised:
            ancillary.set_hop_options(four, ALERT)
        assert raised.value.errno == errno.ENOPROTOOPT
