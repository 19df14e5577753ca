"""`rsvp decode`: its JSON as others rely on it, its text for people, and what it says when it fails."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from rsvp._wire import checksum, encode
from rsvp.capture import Capture, Frame
from rsvp.capture.dissected import SNAPPED, dissect_frame
from rsvp.capture.report import KEPT, Reporter, time_text
from rsvp.capture.text import bit_rate, plain, summary, tree
from rsvp.commands.decode import decode
from rsvp.dissection import WireObject
from rsvp.errors import CaptureError
from rsvp.iana import LATENCY_UNKNOWN, ClassNum, CType, ErrorFlag
from rsvp.intserv import (
    DEFAULT_ADSPEC,
    Adspec,
    ControlledLoadAdvert,
    General,
    GuaranteedAdvert,
    OtherAdvert,
    Overrides,
    Tspec,
    controlled_load,
    guaranteed,
)
from rsvp.messages import Flow, Resv, ResvErr, Sender
from rsvp.messages import Path as PathMessage
from rsvp.objects import (
    FF,
    SE,
    ErrorSpec,
    FilterSpec,
    FlowLabelFilterSpec,
    Hop,
    Integrity,
    PolicyData,
    ResvConfirm,
    Scope,
    Session,
    TimeValues,
)

from . import build

CAPTURES = sorted((Path(__file__).parent.parent / "captures").glob("*.pcap"))

KEYS = [
    *("frame", "time", "source", "destination", "ip_ttl", "router_alert", "udp_encapsulated"),
    *("version", "flags", "type", "message", "send_ttl", "length", "checksum"),
    *("objects", "messages", "error"),
]

app = typer.Typer(add_completion=False)
app.command()(decode)


def run(*args: str | Path, input: bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], input=input)


def lines(path: str | Path, input: bytes | None = None) -> list[dict[str, Any]]:
    """The JSON objects that the command prints."""
    result = run("--json", path, input=input)
    assert result.exception is None, result.exception
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout_bytes.splitlines()]


def report(message: bytes, **fields: Any) -> dict[str, Any]:
    return json.loads(Reporter().line(frame(message, **fields)))  # type: ignore[no-any-return]


def frame(message: bytes, **fields: Any) -> Frame:
    one, two = IPv4Address("10.0.1.1"), IPv4Address("10.0.2.2")
    facts: dict[str, Any] = {"ip_ttl": 63, "router_alert": True, "udp_encapsulated": False}
    return Frame(1, 1_700_000_000_123_456_000, one, two, **(facts | fields), data=message)


def text(message: bytes, **fields: Any) -> str:
    one = frame(message, **fields)
    return plain(summary(one, dissect_frame(one), one.time_ns))


def verbose(message: bytes) -> str:
    one = frame(message)
    return "\n".join(plain(line) for line in tree(one, dissect_frame(one)))


SESSION = Session(IPv4Address("10.0.2.2"), 17, 5000)
HOP = Hop(IPv4Address("10.0.1.9"), 3)
SENDERS = [FilterSpec(IPv4Address(f"10.0.1.{n}"), 4000) for n in range(1, 9)]
TSPEC = Tspec(125000.0, 5000.0, 250000.0, 64, 1500)


def resv(**fields: Any) -> bytes:
    facts: dict[str, Any] = {
        "session": SESSION,
        "hop": HOP,
        "style": FF,
        "flows": (Flow(controlled_load(TSPEC), (SENDERS[0],)),),
        "time_values": TimeValues(30000),
    }
    return encode(Resv(send_ttl=63, **(facts | fields)))


def with_checksum(message: bytes) -> bytes:
    """The same bytes with the checksum that they ought to have."""
    zeroed = message[:2] + bytes(2) + message[4:]
    return zeroed[:2] + struct.pack(">H", checksum(zeroed)) + zeroed[4:]


def bundle(*messages: bytes) -> bytes:
    body = b"".join(messages)
    return with_checksum(struct.pack(">BBHBBH", 0x11, 12, 0, 63, 0, 8 + len(body)) + body)


# --- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures_print_what_lies_beside_them(path: Path) -> None:
    result = run("--json", path)
    assert result.exit_code == 0
    expected = path.with_suffix(".jsonl")
    if os.environ.get("RSVP_UPDATE"):
        expected.write_bytes(result.stdout_bytes)
    assert result.stdout_bytes.decode().splitlines() == expected.read_text().splitlines()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures_keep_the_contract(path: Path) -> None:
    packets = lines(path)
    assert packets
    assert [p["frame"] for p in packets] == sorted(p["frame"] for p in packets)
    for packet in packets:
        assert list(packet) == KEYS
        assert packet["checksum"] in ("ok", "bad", "absent")
        assert (packet["messages"] is None) == (packet["type"] != 12)
        for inner in packet["messages"] or ():
            assert list(inner) == KEYS[7:]
            assert inner["messages"] is None
        for entry in [*packet["objects"], *(o for m in packet["messages"] or () for o in m["objects"])]:
            known = entry["value"] is not None
            assert list(entry) == ["class", "ctype", "name", "length", "value"] + ["data"] * (not known)
            assert known or len(bytes.fromhex(entry["data"])) == entry["length"] - 4
        if packet["error"] is not None:
            assert list(packet["error"]) == ["reason", "offset", "class", "ctype"]


def test_a_path_in_json() -> None:
    message = encode(
        PathMessage(
            session=Session(IPv4Address("10.0.2.2"), 17, 5000, 1),
            hop=HOP,
            time_values=TimeValues(30000),
            sender=Sender(SENDERS[0], Tspec(125000.0, 5000.0), DEFAULT_ADSPEC),
            send_ttl=62,
        )
    )
    packet = report(message)
    objects = {entry["name"]: entry["value"] for entry in packet.pop("objects")}
    assert packet == {
        "frame": 1,
        "time": 1700000000.123456,
        "source": "10.0.1.1",
        "destination": "10.0.2.2",
        "ip_ttl": 63,
        "router_alert": True,
        "udp_encapsulated": False,
        "version": 1,
        "flags": 0,
        "type": 1,
        "message": "Path",
        "send_ttl": 62,
        "length": len(message),
        "checksum": "ok",
        "messages": None,
        "error": None,
    }
    assert objects["SESSION"] == {
        "destination": "10.0.2.2",
        "protocol": 17,
        "port": 5000,
        "flags": 1,
        "e_police": True,
    }
    assert objects["RSVP_HOP"] == {"address": "10.0.1.9", "lih": 3}
    assert objects["SENDER_TEMPLATE"] == {"address": "10.0.1.1", "port": 4000}
    assert objects["SENDER_TSPEC"] == {"r": 125000, "b": 5000, "p": "inf", "m": 64, "M": 1500}
    assert objects["ADSPEC"]["general"]["bandwidth"] == "inf"


def test_a_scope_in_json() -> None:
    message = resv(scope=Scope((IPv4Address("10.0.1.1"), IPv4Address("10.0.1.2"))))
    values = [entry["value"] for entry in report(message)["objects"] if entry["name"] == "SCOPE"]
    assert values == [{"addresses": ["10.0.1.1", "10.0.1.2"]}]


def test_an_unknown_object_is_hex() -> None:
    message = build.path_message() + b"\x00\x08\xf7\x4d\xde\xad\xbe\xef"
    message = with_checksum(message[:6] + struct.pack(">H", len(message)) + message[8:])
    packet = report(message)
    assert packet["objects"][-1] == {
        "class": 0xF7,
        "ctype": 0x4D,
        "name": "UNKNOWN",
        "length": 8,
        "value": None,
        "data": "deadbeef",
    }
    assert packet["error"] is None


def test_an_unknown_message_type_has_no_name() -> None:
    packet = report(with_checksum(b"\x10\x63" + build.path_message()[2:]))
    assert (packet["type"], packet["message"]) == (0x63, "UNKNOWN")
    assert len(packet["objects"]) == 5


def test_a_bundle_in_json() -> None:
    packet = report(bundle(build.path_message(5000), resv()))
    assert (packet["message"], packet["objects"], packet["error"]) == ("Bundle", [], None)
    assert [inner["message"] for inner in packet["messages"]] == ["Path", "Resv"]
    assert [inner["checksum"] for inner in packet["messages"]] == ["ok", "ok"]
    assert packet["messages"][0]["objects"] == report(build.path_message(5000))["objects"]


def test_a_broken_message_in_a_bundle_leaves_the_others() -> None:
    bad = with_checksum(build.path_message()[:8] + b"\x00\x05" + build.path_message()[10:])
    packet = report(bundle(build.path_message(), bad, resv()))
    assert [inner["error"] is None for inner in packet["messages"]] == [True, False, True]
    assert packet["error"] is None


@pytest.mark.parametrize(
    ("message", "inner", "reason", "offset"),
    [
        (bundle(), 0, "empty Bundle", 8),
        (bundle(b"\x10\x01\x00\x00\x3f\x00\x00\x00"), 0, "wrong length of a message in a Bundle", 8),
        (bundle(b"\x10\x01\x00\x00\x3f\x00\x00\x0a"), 0, "wrong length of a message in a Bundle", 8),
        (bundle(build.path_message(), bytes(4)), 1, "wrong length of a message in a Bundle", 96),
        (bundle(build.path_message())[:-4], 0, "wrong length", 6),
    ],
)
def test_bundles_that_do_not_add_up(message: bytes, inner: int, reason: str, offset: int) -> None:
    packet = report(message)
    assert len(packet["messages"]) == inner
    assert (packet["error"]["reason"], packet["error"]["offset"]) == (reason, offset)


def test_a_bundle_in_a_bundle_is_not_opened() -> None:
    packet = report(bundle(bundle(build.path_message())))
    (inner,) = packet["messages"]
    assert (inner["message"], inner["objects"], inner["messages"]) == ("Bundle", [], None)
    assert inner["error"]["reason"] == "Bundle inside a Bundle"


def test_a_cut_off_packet_says_who_cut_it() -> None:
    message = build.path_message()
    packet = report(message[:50], missing=38, snapped=True)
    assert packet["error"] == {"reason": SNAPPED, "offset": 50, "class": None, "ctype": None}
    assert [entry["name"] for entry in packet["objects"]] == ["SESSION", "RSVP_HOP", "TIME_VALUES"]
    assert "more bytes than were captured" in report(message[:50], missing=38)["error"]["reason"]


def test_a_packet_cut_after_its_message_is_whole() -> None:
    assert report(build.path_message(), missing=4, snapped=True)["error"] is None


def test_every_cut_of_every_packet_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    for capture in CAPTURES:
        for snap in (46, 61, 78, 94, 111, 150):
            data = [found.data[:snap] for found in Capture(capture)]
            path.write_bytes(build.pcap([build.ipv4(one) for one in data], 101, snap=snap))
            assert len(lines(path)) == len(data)


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (None, b"null"),
        (0, b"0.000000"),
        (1_700_000_000_123_456_000, b"1700000000.123456"),
        (1_700_000_000_123_456_789, b"1700000000.123456789"),
        (-1_500_000_000, b"-1.500000"),
    ],
)
def test_times_keep_their_decimals(time_ns: int | None, expected: bytes) -> None:
    assert time_text(time_ns) == expected


def test_more_distinct_objects_than_are_kept() -> None:
    reporter = Reporter()
    for port in range(1, KEPT + 10):
        line = json.loads(reporter.line(frame(build.path_message(port))))
        assert line["objects"][0]["value"]["port"] == port


# --- text ----------------------------------------------------------------------------------------


def test_a_path_on_a_line() -> None:
    assert text(build.path_message()) == (
        "    1     0.000000  10.0.1.1 > 10.0.2.2  "
        "Path 10.0.2.2:5000/17 from 10.0.1.1:4000, 1 Mbit/s, bucket 5000 bytes"
    )


def test_a_resv_on_a_line() -> None:
    assert text(resv()).endswith("Resv 10.0.2.2:5000/17 FF, controlled-load 1 Mbit/s, for 10.0.1.1:4000")
    shared = resv(
        style=SE,
        flows=(Flow(guaranteed(TSPEC, 150000.0), tuple(SENDERS)),),
        confirm=ResvConfirm(IPv4Address("10.0.2.2")),
    )
    assert text(shared).endswith(
        "confirm to 10.0.2.2, SE, guaranteed 1 Mbit/s, reserving 1.2 Mbit/s, "
        "for 10.0.1.1:4000, 10.0.1.2:4000, 10.0.1.3:4000 and 5 more"
    )


def test_an_error_on_a_line() -> None:
    message = encode(
        ResvErr(
            session=SESSION,
            hop=HOP,
            error=ErrorSpec(IPv4Address("10.0.1.9"), 1, 2),
            style=FF,
            flow=Flow(controlled_load(TSPEC), (SENDERS[0],)),
            send_ttl=63,
        )
    )
    words = "10.0.1.9 says: admission control failure: requested bandwidth unavailable, FF"
    assert words in text(message)
    assert (
        "error: admission control failure: requested bandwidth unavailable (code 1, value 2; RFC 2205)"
        in verbose(message)
    )


def test_what_is_odd_ends_the_line() -> None:
    message = build.path_message()
    assert text(message, ip_ttl=60).endswith("; IP TTL 60 but Send_TTL 63")
    assert text(message[:-1] + b"\x00").endswith("; checksum bad")
    assert text(message[:60]).endswith("; broken: wrong length at byte 6")
    assert text(message[:60], missing=28, snapped=True).endswith(f"; broken: {SNAPPED} at byte 60")
    bad = with_checksum(message[:8] + b"\x00\x05" + message[10:])
    assert text(bad).endswith("; broken: wrong object length (SESSION) at byte 8")


def test_a_bundle_on_a_line() -> None:
    assert "Bundle: Path 10.0.2.2:5000/17 from" in text(bundle(build.path_message(), resv()))
    assert " | Resv 10.0.2.2:5000/17 FF" in text(bundle(build.path_message(), resv()))


def test_a_packet_without_a_time_has_none() -> None:
    one = Frame(
        1, None, IPv4Address("10.0.1.1"), IPv4Address("10.0.2.2"), 63, True, False, build.path_message()
    )
    found = dissect_frame(one)
    assert plain(summary(one, found, None)).startswith("    1            -  ")
    assert "no time" in plain(next(tree(one, found)))
    assert json.loads(Reporter().line(one))["time"] is None


def test_the_tree_names_fields_units_and_sections() -> None:
    message = encode(
        PathMessage(
            session=SESSION,
            hop=HOP,
            time_values=TimeValues(30000),
            sender=Sender(SENDERS[0], Tspec(125000.0, 5000.0), DEFAULT_ADSPEC),
            send_ttl=63,
        )
    )
    assert verbose(message).splitlines() == [
        "Frame 1  2023-11-14 22:13:20.123456 UTC  10.0.1.1 > 10.0.2.2  IP TTL 63, Router Alert",
        f"  Path: version 1, flags 0x0, Send_TTL 63, {len(message)} bytes, checksum ok; RFC 2205 3.1",
        "    SESSION (class 1, C-Type 1 (IPv4), 12 bytes; RFC 2205 A.1)",
        "      destination: 10.0.2.2",
        "      protocol: 17 (UDP)",
        "      port: 5000",
        "      police at the first hop (E_Police): no",
        "    RSVP_HOP (class 3, C-Type 1 (IPv4), 12 bytes; RFC 2205 A.2)",
        "      neighbour: 10.0.1.9",
        "      logical interface handle: 0x3",
        "    TIME_VALUES (class 5, C-Type 1 (refresh period), 8 bytes; RFC 2205 A.4)",
        "      refresh period R: 30 seconds",
        "    SENDER_TEMPLATE (class 11, C-Type 1 (IPv4), 12 bytes; RFC 2205 A.10)",
        "      sender: 10.0.1.1",
        "      port: 4000",
        "    SENDER_TSPEC (class 12, C-Type 2 (integrated services), 36 bytes; RFC 2210 3.1)",
        "      token rate r: 125000 bytes/s (1 Mbit/s)",
        "      bucket depth b: 5000 bytes",
        "      peak rate p: infinite",
        "      minimum policed unit m: 64 bytes",
        "      largest packet M: 1500 bytes",
        "    ADSPEC (class 13, C-Type 2 (integrated services), 84 bytes; RFC 2210 3.3)",
        "      default general parameters",
        "        RSVP hops: 0",
        "        path bandwidth: infinite",
        "        least latency: 0 microseconds",
        "        path MTU: 65535 bytes",
        "        crossed a hop without RSVP: no",
        "      guaranteed service",
        "        C: 0 bytes in all, 0 bytes since the last reshaping",
        "        D: 0 microseconds in all, 0 microseconds since the last reshaping",
        "        crossed a hop without the service: no",
        "      controlled-load service",
        "        crossed a hop without the service: no",
    ]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_tree_tells_every_object_of_every_capture(path: Path) -> None:
    for found in Capture(path):
        dissected = dissect_frame(found)
        told = [plain(line) for line in tree(found, dissected)]
        inner = dissected.messages or ()
        entries = [*dissected.objects, *(entry for one in inner for entry in one.objects)]
        assert sum("(class " in line and " C-Type " in line for line in told) >= len(entries)
        assert all("object at 0x" not in line and "\n" not in line for line in told)
        assert plain(summary(found, dissected, None)).count("\n") == 0


def test_the_tree_of_an_adspec_with_all_it_may_hold() -> None:
    adspec = Adspec(
        General(3, 1.25e6, LATENCY_UNKNOWN, 1500, True),
        GuaranteedAdvert(broken=True, empty=True),
        ControlledLoadAdvert(overrides=Overrides(bandwidth=1000.0, mtu=600)),
        (OtherAdvert(77, True, b"\x01\x02\x03\x04"),),
    )
    entry = WireObject(ClassNum.ADSPEC, CType.INTSERV, 4, 8, adspec, b"")
    one = frame(build.path_message())
    found = dissect_frame(one)
    told = [plain(line).strip() for line in tree(one, replace(found, objects=(entry,)))]
    assert told[3:] == [
        "default general parameters",
        "RSVP hops: 3",
        "path bandwidth: 1250000 bytes/s (10 Mbit/s)",
        "least latency: unknown",
        "path MTU: 1500 bytes",
        "crossed a hop without RSVP: yes",
        "guaranteed service",
        "no terms: the sender does not implement it",
        "crossed a hop without the service: yes",
        "controlled-load service",
        "crossed a hop without the service: no",
        "in place of the general parameters",
        "path bandwidth: 1000 bytes/s (8 kbit/s)",
        "path MTU: 600 bytes",
        "another service",
        "service number: 77",
        "crossed a hop without the service: yes",
        "contents: 01020304",
    ]


def test_the_tree_of_a_message_with_every_other_object() -> None:
    by_label = FlowLabelFilterSpec(IPv6Address("2001:db8::1"), 0xABC)
    message = resv(
        flows=(Flow(guaranteed(TSPEC, 150000.0, 40), (by_label,)),),
        session=Session(IPv6Address("2001:db8::2"), 17, 5000),
        hop=Hop(IPv6Address("fe80::1"), 1),
        integrity=Integrity(0xABCDEF, 7, bytes(range(16)), 1),
        scope=Scope((IPv6Address("2001:db8::1"), IPv6Address("2001:db8::9"))),
        confirm=ResvConfirm(IPv6Address("2001:db8::2")),
        policy=(PolicyData(b"\x00\x08\x00\x01"),),
    )
    told = verbose(message)
    for words in (
        "key identifier: 000000abcdef",
        "digest: 000102030405060708090a0b0c0d0e0f (16 bytes)",
        "sender: 2001:db8::9",
        "receiver: 2001:db8::2",
        "contents: 00080001",
        "flow label: 0xabc",
        "reserved rate R: 150000 bytes/s (1.2 Mbit/s)",
        "slack S: 40 microseconds",
        "option vector: 0x00000a",
    ):
        assert f"      {words}\n" in told + "\n"


def test_a_time_that_no_calendar_has() -> None:
    one = msgspec.structs.replace(frame(build.path_message()), time_ns=10**24)
    assert "Frame 1  1000000000000000.000000  10.0.1.1" in plain(next(tree(one, dissect_frame(one))))


def test_the_flags_of_an_error_in_words() -> None:
    flows = Flow(controlled_load(TSPEC), (SENDERS[0],))
    spec = ErrorSpec(IPv4Address("10.0.1.9"), 1, 2, ErrorFlag.IN_PLACE | ErrorFlag.NOT_GUILTY)
    told = verbose(encode(ResvErr(session=SESSION, hop=HOP, error=spec, style=FF, flow=flows, send_ttl=63)))
    assert "flags: 0x3 (in place, not guilty)" in told


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.0, "0 bit/s"),
        (100.0, "800 bit/s"),
        (62500.0, "500 kbit/s"),
        (187500.0, "1.5 Mbit/s"),
        (1.25e9, "10 Gbit/s"),
        (float("inf"), "infinite"),
    ],
)
def test_rates_in_bits(rate: float, words: str) -> None:
    assert bit_rate(rate) == words


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "a.pcap"
    packets = [build.ipv4(build.path_message(port)) for port in range(5000, 5010)]
    path.write_bytes(build.pcap([*packets, build.ipv4(bytes(40), 6)], 101))
    return path


def test_people_get_a_line_each_and_a_count(capture: Path) -> None:
    result = run(capture)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 10
    assert result.stderr == "11 packets, 10 RSVP\n"
    assert "\x1b" not in result.stdout


def test_verbose_gives_the_tree(capture: Path) -> None:
    assert run("-v", capture).stdout.count("RFC 2205 A.1)") == 10


def test_programs_get_json_and_nothing_else(capture: Path) -> None:
    result = run("--json", capture)
    assert result.stderr == ""
    assert [json.loads(line)["frame"] for line in result.stdout.splitlines()] == list(range(1, 11))


def test_standard_input(capture: Path) -> None:
    assert len(lines("-", input=capture.read_bytes())) == 10
    result = run("-", input=capture.read_bytes()[:100])
    assert str(result.exception).startswith("standard input is cut off")


def test_a_cut_off_capture_gives_its_packets_and_then_fails(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-210])
    for args in ((), ("-v",), ("--json",)):
        result = run(*args, capture)
        assert isinstance(result.exception, CaptureError)
        assert result.stdout.count("10.0.1.1") >= 8
        assert str(result.exception) == f"{capture} is cut off in or before packet 9: copy or record it again"


def test_broken_packets_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(build.pcap([build.ipv4(build.path_message()[:-4]), build.ipv4(b"")], 101))
    result = run(path)
    assert result.exit_code == 0
    assert result.stderr == "2 packets, 2 RSVP, 2 broken\n"


def test_packets_of_a_foreign_link_type_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    packet = build.enhanced(build.ipv4(build.path_message()), index=1)
    path.write_bytes(
        build.section() + build.interface(220) + build.interface(101) + build.enhanced(bytes(40)) + packet
    )
    result = run("--json", path)
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "rsvp: 1 packet of link type 220 (USB) passed over\n"


def test_help_has_an_example() -> None:
    help_text = run("--help").stdout
    assert "rsvp decode path.pcap" in help_text
    assert "tcpdump" in help_text


@pytest.mark.parametrize("name", ["missing.pcap", ".", "no.pcap"])
def test_what_cannot_be_read_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "no.pcap").write_text("not a capture")
    for args in ([], ["--json"], ["-v"]):
        program = [sys.executable, "-m", "rsvp", "decode", *args, str(tmp_path / name)]
        result = subprocess.run(program, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("rsvp: ")
        assert len(result.stderr.splitlines()) == 1


PROGRAM = """
import sys, typer
from rsvp.commands.decode import decode
app = typer.Typer()
app.command()(decode)
app()
"""


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(build.pcap([build.ipv4(build.path_message())] * 20000, 101))
    for args in (["--json"], [], ["-v"]):
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *args, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        errors = program.stderr.read().decode()
        program.stderr.close()
        assert program.wait(30) == 0
        assert "Traceback" not in errors
        assert "Exception" not in errors


def test_a_terminal_gets_colours(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    decode(str(capture))
    assert screen.getvalue().count("\n") == 10
    assert "\x1b[" in screen.getvalue()


def test_a_terminal_is_no_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(CaptureError, match="standard input is a terminal: name a file"):
        list(Capture("-"))


def test_an_interrupt_ends_it_with_its_count(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Capture) -> Iterator[Frame]:
        self.packets = 1
        yield frame(build.path_message())
        raise KeyboardInterrupt

    monkeypatch.setattr(Capture, "__iter__", interrupted)
    result = run(capture)
    assert result.exit_code == 130
    assert result.stderr == "1 packet, 1 RSVP\n"
