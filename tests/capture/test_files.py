"""pcap and pcapng files: every variant, every place to be cut off, every kind of damage."""

from __future__ import annotations

import io
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.capture import Capture
from rsvp.capture.files import LARGEST, Record, read_records
from rsvp.errors import CaptureError
from tests.oracles.tshark import need

from . import build

FRAMES = [build.ethernet(build.ipv4(build.path_message(port))) for port in (5000, 5001, 5002)]


def read(data: bytes) -> list[Record]:
    return list(read_records(io.BytesIO(data), "x.pcap"))


def read_so_far(data: bytes) -> tuple[list[Record], CaptureError | None]:
    """The records before an error, and the error."""
    records = []
    try:
        for record in read_records(io.BytesIO(data), "x.pcap"):
            records.append(record)
    except CaptureError as error:
        return records, error
    return records, None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tick", [1000, 1])
def test_pcap_in_both_byte_orders_and_both_clocks(order: str, tick: int) -> None:
    records = read(build.pcap(FRAMES, order=order, tick=tick))
    assert [record.number for record in records] == [1, 2, 3]
    assert [record.data for record in records] == FRAMES
    assert [record.time_ns for record in records] == [n * 1_000_000_000 + n * tick for n in (1, 2, 3)]
    assert {record.link_type for record in records} == {1}


def test_pcap_of_the_variant_with_longer_record_headers() -> None:
    data = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    for frame in FRAMES:
        data += struct.pack("<IIIIIHBB", 7, 8, len(frame), len(frame), 2, 0x800, 0, 0) + frame
    assert [record.data for record in read(data)] == FRAMES


def test_pcap_link_type_without_the_frame_check_bits() -> None:
    assert read(build.pcap(FRAMES, link_type=0x54000001))[0].link_type == 1


def test_pcap_keeps_the_length_on_the_wire_of_a_cut_packet() -> None:
    record = read(build.pcap(FRAMES, snap=60))[0]
    assert (len(record.data), record.wire_length) == (60, len(FRAMES[0]))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_every_kind_of_packet_block(order: str) -> None:
    data = (
        build.section(order)
        + build.interface(order=order)
        + build.block(5, bytes(12), order)  # interface statistics: passed over
        + build.enhanced(FRAMES[0], ticks=1_700_000_000_123_456, order=order)
        + build.obsolete(FRAMES[1], ticks=1_700_000_001_000_000, order=order)
        + build.simple(FRAMES[2], order=order)
    )
    records = read(data)
    assert [record.data for record in records] == FRAMES
    assert [record.time_ns for record in records] == [
        1_700_000_000_123_456_000,
        1_700_000_001_000_000_000,
        None,
    ]


@pytest.mark.parametrize(
    ("options", "ticks", "expected"),
    [
        (b"", 1_500_000, 1_500_000_000),
        (build.option(9, b"\x09"), 1_500_000_001, 1_500_000_001),
        (build.option(9, b"\x03"), 1_500, 1_500_000_000),
        (build.option(9, b"\x8a"), 1_536, 1_500_000_000),  # 2^-10 seconds a tick
        (build.option(9, b"\x00"), 7, 7_000_000_000),
        (build.option(14, struct.pack("<q", 100)), 1_000_000, 101_000_000_000),
        (build.option(2, b"eth0") + build.option(9, b"\x09") + build.option(0, b""), 5, 5),
        (build.option(0, b"") + build.option(9, b"\x09"), 5, 5_000),  # nothing counts after the end
    ],
)
def test_pcapng_clock_of_an_interface(options: bytes, ticks: int, expected: int) -> None:
    data = build.section() + build.interface(options=options) + build.enhanced(FRAMES[0], ticks=ticks)
    assert read(data)[0].time_ns == expected


def test_pcapng_interfaces_have_their_own_link_type_and_clock() -> None:
    data = (
        build.section()
        + build.interface(1)
        + build.interface(101, options=build.option(9, b"\x09"))
        + build.enhanced(FRAMES[0], index=1, ticks=5)
        + build.enhanced(FRAMES[1], index=0, ticks=5)
    )
    assert [(r.link_type, r.time_ns, r.interface) for r in read(data)] == [(101, 5, 1), (1, 5000, 0)]


def test_pcapng_sections_start_over_with_interfaces_and_byte_order() -> None:
    data = (
        build.section("<")
        + build.interface(1)
        + build.enhanced(FRAMES[0])
        + build.section(">")
        + build.interface(101, ">")
        + build.enhanced(FRAMES[1], order=">")
    )
    records = read(data)
    assert [(r.number, r.link_type, r.data) for r in records] == [(1, 1, FRAMES[0]), (2, 101, FRAMES[1])]
    assert records[0].interface != records[1].interface


def test_pcapng_simple_packets_are_cut_by_their_interface() -> None:
    body = struct.pack("<I", 900) + FRAMES[0][:60]
    data = build.section() + build.interface(snap=60) + build.block(3, body)
    record = read(data)[0]
    assert (record.data, record.wire_length) == (FRAMES[0][:60], 900)


PCAP = build.pcap(FRAMES[:2])
PCAPNG = build.section() + build.interface() + build.enhanced(FRAMES[0]) + build.enhanced(FRAMES[1])


def ends(data: bytes) -> dict[int, int]:
    """Lengths at which a capture is whole -> how many packets it has then."""
    if data == PCAP:
        sizes = [24] + [16 + len(frame) for frame in FRAMES[:2]]
        return {sum(sizes[: n + 1]): n for n in range(3)}
    sizes = [len(build.section()), len(build.interface())] + [len(build.enhanced(f)) for f in FRAMES[:2]]
    return {sum(sizes[:n]): max(0, n - 2) for n in range(1, 5)}


@pytest.mark.parametrize("data", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
def test_a_file_cut_off_at_any_byte_gives_what_is_whole_and_one_sentence(data: bytes) -> None:
    whole = ends(data)
    for length in range(len(data) + 1):
        records, error = read_so_far(data[:length])
        expected = max((n for end, n in whole.items() if end <= length), default=0)
        assert len(records) == expected, length
        assert (error is None) == (length in whole), length
        assert error is None or str(error).startswith("x.pcap is "), length


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "x.pcap is empty: give a pcap or pcapng file"),
        (b"GIF89a--------------------", "x.pcap is no packet capture: give a pcap or pcapng file"),
        (b"\x1f\x8b\x08\x00" + bytes(40), "x.pcap is compressed"),
        (PCAP[:24] + struct.pack("<IIII", 0, 0, LARGEST + 1, 60), "damaged before its first packet"),
        (PCAP + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 60), "damaged after packet 2"),
        (build.section(major=2), "pcapng of version 2"),
        (build.block(build.SECTION, struct.pack("<IHHq", 0x11111111, 1, 0, -1)), "without byte order"),
        (build.section() + build.enhanced(FRAMES[0]), "interface 0, which is not described"),
        (build.section() + build.simple(FRAMES[0]), "interface 0, which is not described"),
        (PCAPNG + build.enhanced(FRAMES[0], index=7), "damaged after packet 2"),
        (PCAPNG + build.block(6, bytes(16)), "a packet block that is too short"),
        (PCAPNG + build.block(1, bytes(4)), "an interface description that is too short"),
        (PCAPNG + build.block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + bytes(8)), "packet of 99 bytes"),
        (PCAPNG + struct.pack("<III", 6, 8, 8), "a block of 8 bytes"),
        (PCAPNG + struct.pack("<III", 6, 13, 13), "a block of 13 bytes"),
        (PCAPNG + struct.pack("<III", 6, 0xFFFFFFFC, 0), "a block of 4294967292 bytes"),
        (PCAPNG + struct.pack("<III", 5, 12, 16), "a block whose two lengths differ"),
    ],
)
def test_what_is_no_capture_or_damaged_is_named(data: bytes, words: str) -> None:
    _, error = read_so_far(data)
    assert error is not None
    assert words in str(error)
    assert ": " in str(error)  # every sentence ends in what to do
    assert "\n" not in str(error)


HEADS = st.sampled_from(
    [b"", PCAP[:24], PCAP, PCAPNG, build.section() + build.interface(), build.section(">")]
)


@given(HEADS, st.binary(max_size=200))
def test_any_bytes_give_records_or_a_capture_error(head: bytes, tail: bytes) -> None:
    records, _ = read_so_far(head + tail)
    assert [record.number for record in records] == list(range(1, len(records) + 1))


@given(st.sampled_from([PCAP, PCAPNG]), st.integers(0, 400), st.integers(0, 255))
def test_any_byte_changed_gives_records_or_a_capture_error(data: bytes, at: int, value: int) -> None:
    changed = bytearray(data)
    changed[at % len(data)] = value
    numbers = []
    with suppress(CaptureError):
        for frame in Capture(io.BytesIO(bytes(changed))):
            numbers.append(frame.number)
    assert numbers in ([], [1], [2], [1, 2])


# --- other programs' files -----------------------------------------------------------------------


CONVERSIONS = ["pcapng", "pcap", "nsecpcap", "modpcap"]


@pytest.mark.parametrize("kind", CONVERSIONS)
def test_files_that_editcap_writes(kind: str, tmp_path: Path) -> None:
    first = tmp_path / "a.pcap"
    first.write_bytes(build.pcap(FRAMES))
    second = tmp_path / "b"
    subprocess.run([need("editcap"), "-F", kind, first, second], check=True, capture_output=True)
    records = read(second.read_bytes())
    assert [record.data for record in records] == FRAMES
    assert [record.time_ns for record in records] == [n * 1_000_001_000 for n in (1, 2, 3)]


def test_a_merged_file_of_two_link_types(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(build.pcap(FRAMES[:1]))
    (tmp_path / "b").write_bytes(build.pcap([FRAMES[1][14:]], link_type=101))
    subprocess.run(
        [need("mergecap"), "-F", "pcapng", "-w", "c", "a", "b"], check=True, cwd=tmp_path, capture_output=True
    )
    frames = list(Capture(tmp_path / "c"))
    assert {frame.data for frame in frames} == {build.path_message(5000), build.path_message(5001)}


# --- files that cannot be opened -----------------------------------------------------------------


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(CaptureError, match=r"^/no/such does not exist: check the path$"):
        list(Capture("/no/such"))


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"is a directory: name a file in it$"):
        list(Capture(tmp_path))


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root may read everything, so the refusal is the kernel's only as an ordinary user.
    path = tmp_path / "a.pcap"
    path.write_bytes(PCAP)
    path.chmod(0)
    if os.geteuid() == 0:
        monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(CaptureError, match="may not be read"):
        list(Capture(path))


def test_a_disk_that_fails() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(CaptureError, match="cannot be read"):
        list(Capture(Failing()))


def test_a_pipe_delivers_each_packet_as_it_comes() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as tap:
        frames: Iterator[object] = iter(Capture(stream))
        tap.write(PCAP[:-1])
        assert getattr(next(frames), "number", None) == 1  # though the second one is not whole yet
        tap.write(PCAP[-1:])
        assert getattr(next(frames), "number", None) == 2
        tap.close()
        assert next(frames, None) is None
