"""`rsvp decode --filter` and `--write`: which packets are chosen, and what other tools read of them."""

from __future__ import annotations

import io
import json
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp._wire import encode
from rsvp.capture import Capture
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.filter import matches, read_filter
from rsvp.capture.write import LAST_SECOND, PcapWriter, wrap, write_pcap
from rsvp.cli import main
from tests.bench.wire import path, resv

from . import build

CAPTURES = Path(__file__).parent.parent / "captures"
ALL = sorted(CAPTURES.glob("*.pcap"))
IPV4 = CAPTURES / "scapy_rfc2205_ipv4.pcap"
IPV6 = CAPTURES / "scapy_rfc2205_ipv6.pcap"


def chosen(file: Path, *filters: str) -> list[int]:
    """Numbers of the packets that pass."""
    tests = [read_filter(text) for text in filters]
    return [frame.number for frame in Capture(file) if matches(tests, frame, dissect_frame(frame))]


def messages(file: Path) -> dict[int, str]:
    lines = (CAPTURES / f"{file.stem}.jsonl").read_text().splitlines()
    return {entry["frame"]: entry["message"] for entry in map(json.loads, lines)}


@pytest.mark.parametrize("word", ["Resv", "resv", "RESV", " Resv "])
def test_a_message_by_its_name(word):
    wanted = [number for number, name in messages(IPV4).items() if name == "Resv"]
    assert wanted
    assert chosen(IPV4, word) == wanted


def test_a_message_inside_a_bundle():
    file = CAPTURES / "scapy_base_extensions.pcap"
    bundles = [number for number, name in messages(file).items() if name == "Bundle"]
    assert bundles
    assert set(bundles) & set(chosen(file, "Path"))


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("10.9.9.9:5004", "10.9.9.9:5005"),
        ("10.9.9.9:5004/udp", "10.9.9.9:5004/tcp"),
        ("10.9.9.9:5004/17", "10.9.9.8:5004"),
    ],
)
def test_a_session(word, other):
    assert chosen(IPV4, word)
    assert not chosen(IPV4, other)


def test_a_session_of_ipv6():
    first = next(iter(Capture(IPV6)))
    session = dissect_frame(first).objects[0].value
    assert 1 in chosen(IPV6, f"[{session.destination}]:{session.port}")
    assert not chosen(IPV6, f"[{session.destination}]:{session.port + 1}")


def test_an_address_in_the_packet_or_in_an_object(tmp_path):
    file = tmp_path / "two.pcap"
    file.write_bytes(
        build.pcap(
            [
                build.ethernet(build.ipv4(encode(path(0)), source="192.0.2.1", destination="192.0.2.2")),
                build.ethernet(build.ipv4(encode(resv(5)), source="192.0.2.3", destination="192.0.2.4")),
            ]
        )
    )
    assert chosen(file, "192.0.2.1") == chosen(file, "10.1.0.1") == [1]
    assert chosen(file, "192.0.2.4") == chosen(file, str(resv(5).hop.address)) == [2]
    assert chosen(file, "192.0.2.0/24") == chosen(file, "10.0.0.0/8") == [1, 2]
    assert chosen(file, "192.0.2.0/30") == [1, 2]
    assert chosen(file, "192.0.2.4/30") == [2]
    assert chosen(file, "2001:db8::/32") == chosen(file, "11.0.0.0/8") == []


def test_all_filters_have_to_hold():
    both = chosen(IPV4, "Path", "10.9.9.9:5004")
    assert both == sorted(set(chosen(IPV4, "Path")) & set(chosen(IPV4, "10.9.9.9:5004")))
    assert chosen(IPV4, "Path", "Resv") == []


@pytest.mark.parametrize(
    "word",
    [
        "",
        "foo",
        "10.0.0",
        "10.0.0.1:",
        "10.0.0.1:x",
        "10.0.0.1:5/quic",
        "::1:5:z",
        "[::1]",
        "10.0.0.0/33",
        "Path,Resv",
    ],
)
def test_what_is_no_filter_is_wrong_usage(word, capsys):
    assert main(["decode", str(IPV4), "--filter", word]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "is no filter: write a message's name" in told.err


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
def test_what_is_written_reads_the_same(file, tmp_path):
    """All but the frames' numbers, their link layers and the shape of fragments comes back."""
    out = tmp_path / "out.pcap"
    before = list(Capture(file))
    assert write_pcap(out, before) == len(before)
    after = list(Capture(out))

    def told(frame):
        return frame.time_ns, frame.source, frame.destination, frame.ip_ttl, frame.data, frame.missing

    assert [told(frame) for frame in after] == [told(frame) for frame in before]
    assert [f.router_alert for f in after] == [f.router_alert for f in before]
    assert [f.udp_encapsulated for f in after] == [f.udp_encapsulated for f in before]


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
def test_tshark_and_tcpdump_read_what_is_written(file, tmp_path):
    out = tmp_path / "out.pcap"
    count = write_pcap(out, Capture(file))
    seen = subprocess.run(
        ["tshark", "-n", "-r", out, "-T", "fields", "-e", "frame.number"], capture_output=True
    )
    assert seen.returncode == 0
    assert len(seen.stdout.split()) == count
    read = subprocess.run(["tcpdump", "-n", "-r", out], capture_output=True)
    assert read.returncode == 0
    assert len([line for line in read.stdout.splitlines() if not line.startswith((b" ", b"\t"))]) >= count


def test_the_command_writes_what_it_shows(tmp_path, capsys):
    out = tmp_path / "out.pcap"
    assert main(["decode", str(IPV4), "--filter", "Resv", "--write", str(out)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(list(Capture(out))) == len(chosen(IPV4, "Resv"))


def test_a_capture_is_not_written_over_itself(tmp_path, capsys):
    file = tmp_path / "in.pcap"
    file.write_bytes(IPV4.read_bytes())
    assert main(["decode", str(file), "--write", str(file)]) == 1
    assert "write to another file" in capsys.readouterr().err
    assert file.read_bytes() == IPV4.read_bytes()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    assert main(["decode", str(IPV4), "--write", str(tmp_path / "none" / "out.pcap")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize("in_udp", [False, True])
@pytest.mark.parametrize("router_alert", [False, True])
@pytest.mark.parametrize("ends", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_headers_made_here_are_read_again(ends, router_alert, in_udp, tmp_path):
    source, destination = map(ip_address, ends)
    data = encode(path())
    stream = io.BytesIO()
    packet = wrap(data, source, destination, 7, router_alert=router_alert, in_udp=in_udp)
    PcapWriter(stream).write(1, packet)
    stream.seek(0)
    (frame,) = Capture(stream)
    assert (frame.source, frame.destination, frame.ip_ttl) == (source, destination, 7)
    assert (frame.router_alert, frame.udp_encapsulated, frame.data) == (router_alert, in_udp, data)


def test_a_message_too_long_for_a_packet_is_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        wrap(bytes(65530), ip_address("10.0.0.1"), ip_address("10.0.0.2"), 1)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, 0),
        (-1, 0),
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (1 << 70, LAST_SECOND * 10**9 + 999_999_999),
    ],
)
def test_times_that_pcap_cannot_say_become_the_nearest(given, read):
    stream = io.BytesIO()
    PcapWriter(stream).write(given, build.ipv4(encode(path())))
    stream.seek(0)
    (frame,) = Capture(stream)
    assert frame.time_ns == read
