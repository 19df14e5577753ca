"""Link layers: each one around the same IPv4 and IPv6 packet, by hand and by scapy."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.capture import Capture, Frame
from rsvp.capture.link import LINKS, NO_IP
from rsvp.errors import CaptureError
from tests.oracles.tshark import read as read_with_tshark

from . import build

MESSAGE = build.path_message()
V4 = build.ipv4(MESSAGE)
V6 = build.ipv6(MESSAGE)
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
MACS = bytes(12)


def frames(link_type: int, *packets: bytes) -> list[Frame]:
    return list(Capture(io.BytesIO(build.pcap(packets, link_type))))


def vlan(tag: int, inner: bytes, number: int = 7) -> bytes:
    return struct.pack(">HH", tag, 0x6000 | number) + inner


def label(number: int, bottom: bool) -> bytes:
    return struct.pack(">I", number << 12 | bottom << 8 | 254)


LAYERS = {
    "ethernet": (1, MACS, b""),
    "ethernet padded": (1, MACS, bytes(40)),
    "802.1Q": (1, MACS + vlan(0x8100, b""), b""),
    "802.1ad": (1, MACS + vlan(0x88A8, vlan(0x8100, b"")), b""),
    "three tags": (1, MACS + vlan(0x9100, vlan(0x8100, vlan(0x8100, b""))), b""),
    "SNAP": (1, MACS + struct.pack(">H", 120) + b"\xaa\xaa\x03\x00\x00\x00", b""),
    "Linux cooked": (113, struct.pack(">HHH8x", 4, 1, 6), b""),
    "Linux cooked with tag": (113, struct.pack(">HHH8x", 4, 1, 6) + vlan(0x8100, b""), b""),
}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("link_type", "before", "after"), LAYERS.values(), ids=LAYERS.keys())
def test_layers_that_end_in_an_ethernet_type(
    link_type: int, before: bytes, after: bytes, version: int
) -> None:
    packet = V4 if version == 4 else V6
    (frame,) = frames(link_type, before + ETHERTYPE[version] + packet + after)
    assert frame.data == MESSAGE
    assert str(frame.source) == ("10.0.1.1" if version == 4 else "2001:db8::1")
    assert str(frame.destination) == ("10.0.2.2" if version == 4 else "2001:db8::2")
    assert frame.ip_ttl == 63


PPP = {4: b"\x00\x21", 6: b"\x00\x57"}

OTHERS = {
    "Linux cooked 2": (276, lambda v: ETHERTYPE[v] + struct.pack(">HIHBB8x", 0, 2, 1, 4, 6)),
    "Linux cooked 2 with tag": (
        276,
        lambda v: b"\x81\x00" + struct.pack(">HIHBB8x", 0, 2, 1, 4, 6) + b"\x00\x07" + ETHERTYPE[v],
    ),
    "raw 101": (101, lambda v: b""),
    "raw 12": (12, lambda v: b""),
    "raw 14": (14, lambda v: b""),
    "raw 228": (228, lambda v: b""),
    "raw 229": (229, lambda v: b""),
    "null, little endian": (0, lambda v: struct.pack("<I", 2 if v == 4 else 24)),
    "null, big endian": (0, lambda v: struct.pack(">I", 2 if v == 4 else 30)),
    "loop": (108, lambda v: struct.pack(">I", 2 if v == 4 else 28)),
    "one label": (1, lambda v: MACS + b"\x88\x47" + label(29, True)),
    "three labels": (
        1,
        lambda v: MACS + b"\x88\x47" + label(3, False) + label(0, False) + label(29, True),
    ),
    "PPPoE": (1, lambda v: MACS + b"\x88\x64" + struct.pack(">BBHH", 0x11, 0, 1, 130) + PPP[v]),
    "PPP": (9, lambda v: b"\xff\x03" + PPP[v]),
    "PPP without address": (50, lambda v: PPP[v]),
    "PPP compressed": (9, lambda v: PPP[v][1:]),
    "PPP with a label": (9, lambda v: b"\xff\x03\x02\x81" + label(29, True)),
}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", OTHERS)
def test_other_layers(name: str, version: int) -> None:
    link_type, head = OTHERS[name]
    (frame,) = frames(link_type, head(version) + (V4 if version == 4 else V6))
    assert frame.data == MESSAGE
    assert frame.source.version == version


@pytest.mark.parametrize(
    ("link_type", "packet"),
    [
        (1, MACS + b"\x08\x06" + V4),  # ARP
        (1, MACS + struct.pack(">H", 120) + V4),  # 802.3 without SNAP
        (1, MACS + b"\x88\x47" + label(29, False)),  # labels without a bottom
        (1, MACS + b"\x88\x47" + label(29, True) + bytes(40)),  # a pseudowire
        (1, MACS + b"\x88\x64" + struct.pack(">BBHHH", 0x11, 0, 1, 2, 0xC021)),  # PPP's own
        (1, MACS + b"\x81\x00"),
        (1, b"\x00"),
        (1, b""),
        (0, b"\x02\x00"),
        (9, b"\xff\x03\x00"),
        (101, b""),
        (113, bytes(14)),
        (276, b"\x08\x00"),
    ],
)
def test_what_is_not_ip_is_counted_and_passed_over(link_type: int, packet: bytes) -> None:
    capture = Capture(io.BytesIO(build.pcap([packet], link_type)))
    assert list(capture) == []
    assert capture.packets == 1
    assert not capture.foreign


@pytest.mark.parametrize("link_type", sorted(LINKS))
def test_no_cut_off_packet_is_read_past_its_end(link_type: int) -> None:
    longest = MACS + vlan(0x88A8, vlan(0x8100, b"")) + b"\x88\x47" + label(3, False) + label(29, True)
    for packet in (longest, V4, bytes(40), b"\xff" * 40):
        for length in range(len(packet)):
            at = LINKS[link_type](packet[:length])
            assert at == NO_IP or at >= 0
            assert frames(link_type, packet[:length]) == [] or length >= 20


def test_a_foreign_link_type_is_named() -> None:
    with pytest.raises(
        CaptureError, match=r"link type 127 \(802.11 with radiotap\), which is not read: record"
    ):
        frames(127, bytes(40))
    with pytest.raises(CaptureError, match="link type 149, which"):
        frames(149, bytes(40))


def test_a_foreign_link_type_beside_others_is_counted() -> None:
    data = (
        build.section()
        + build.interface(127)
        + build.interface(1)
        + build.enhanced(bytes(40), index=0)
        + build.enhanced(build.ethernet(V4), index=1)
    )
    capture = Capture(io.BytesIO(data))
    assert [frame.number for frame in capture] == [2]
    assert capture.foreign == {127: 1}


def test_a_capture_without_packets_is_no_error() -> None:
    assert frames(127) == []


# --- the same by other programs ------------------------------------------------------------------

SCAPY = """
import sys
from pathlib import Path
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback, SNAP, LLC
from scapy.contrib.mpls import MPLS
from scapy.layers.ppp import PPP, PPPoE
from scapy.utils import wrpcap

message = bytes.fromhex(sys.argv[1])
folder = Path(sys.argv[2])
for name, ip in (("4", IP(src="10.0.1.1", dst="10.0.2.2", proto=46, ttl=63)),
                 ("6", IPv6(src="2001:db8::1", dst="2001:db8::2", nh=46, hlim=63))):
    ip = ip / message
    kind = {"4": 0x800, "6": 0x86dd}[name]
    for layer, packet, link in (
        ("ether", Ether() / ip, 1),
        ("vlan", Ether() / Dot1Q(vlan=7) / ip, 1),
        ("qinq", Ether() / Dot1AD(vlan=5) / Dot1Q(vlan=7) / ip, 1),
        ("mpls", Ether(type=0x8847) / MPLS(label=17, s=0) / MPLS(label=29, s=1) / ip, 1),
        ("pppoe", Ether() / PPPoE(sessionid=1) / PPP(proto={"4": 0x21, "6": 0x57}[name]) / ip, 1),
        ("cooked", CookedLinux(proto=kind) / ip, 113),
        ("cooked2", CookedLinuxV2(proto=kind) / ip, 276),
        ("loopback", Loopback(type={"4": 2, "6": 24}[name]) / ip, 0),
        ("raw", ip, 101),
    ):
        wrpcap(str(folder / f"{layer}{name}.pcap"), [packet], linktype=link)
"""


def test_layers_that_scapy_builds_and_tshark_reads(tmp_path: Path) -> None:
    # In a process of its own: importing scapy warns of what it misses, and here warnings are errors.
    run = [sys.executable, "-c", SCAPY, MESSAGE.hex(), str(tmp_path)]
    subprocess.run(run, check=True, capture_output=True)
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 18
    for path in paths:
        (frame,) = Capture(path)
        assert frame.data == MESSAGE, path.name
        (seen,) = read_with_tshark(path)
        assert (seen.source, seen.destination) == (str(frame.source), str(frame.destination)), path.name
        assert (seen.frame, seen.ip_ttl) == (frame.number, frame.ip_ttl), path.name
