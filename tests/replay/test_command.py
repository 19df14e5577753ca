"""`rsvp replay` on the command line: moments, sessions, timelines, stories, and what people get wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from rsvp.cli import main
from rsvp.replay.asked import read_moment, read_session_test

CAPTURES = Path(__file__).parent.parent / "captures"
KOM = str(CAPTURES / "kom_ff-a.pcap")
TUNNEL = str(CAPTURES / "freertr_p2p.pcap")
SCENARIO = Path(__file__).parent.parent / "conformance" / "figure-06-fixed-filter" / "scenario.rsvp"


@pytest.fixture
def recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["sim", str(SCENARIO), "--record", str(tmp_path / "made")]) == 0
    capsys.readouterr()
    return str(tmp_path / "made" / "router.jsonl")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["replay", *arguments]) == 0
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(told(capsys, *arguments, "--json"))
    return found


def test_a_capture_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, KOM, "--at", "9")
    assert out.startswith("9.000000 s from the start, after packet 8, 2026-11-22 02:57:04.275912 UTC\n")
    senders, reservations = out.split("\n\n")[1:]
    assert senders.splitlines()[0] == "senders"
    assert "10.9.2.2:5001/udp  10.9.1.1:4711  10.9.1.1  10.9.1.2" in senders
    assert "guaranteed 10 Gbit/s" in reservations


def test_a_capture_at_a_time_of_day_and_after_a_packet(capsys: pytest.CaptureFixture[str]) -> None:
    by_frame = as_json(capsys, KOM, "--frame", "8", "--what", "reservations")
    by_day = as_json(capsys, KOM, "--at", "2026-11-22T02:57:04.275912", "--what", "reservations")
    assert by_day["frame"] == by_frame["frame"] == 8
    assert by_day["reservations"][0]["flowspec"] == by_frame["reservations"][0]["flowspec"]


def test_everything_as_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, TUNNEL)
    assert set(found) == {
        *("time", "frame", "sessions", "senders", "reservations", "requests"),
        *("installed", "refusals", "neighbors", "counters"),
    }
    assert found["counters"][0]["received"] == {"Path": 8, "Resv": 8, "PathTear": 2}


def test_only_sessions_that_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, TUNNEL, "--session", "2.2.2.2:0")
    assert [one["session"]["endpoint"] for one in found["senders"]] == ["2.2.2.2"]  # type: ignore[index]
    assert len(as_json(capsys, TUNNEL, "--session", "2.2.2.0/24")["senders"]) == 2
    out = told(capsys, TUNNEL, "--session", "2.2.2.2:0", "--events")
    assert "tunnel 0 to 2.2.2.2" in out
    assert "tunnel 0 to 2.2.2.1:" not in out


def test_a_timeline_ends_at_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, KOM, "--events", "--at", "1").splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "    0.000000      #1  10.9.2.2:5001/udp: new sender 10.9.1.1:4711 behind 10.9.1.1, "
        "10 Gbit/s, bucket 2500 MB, peak 12 Gbit/s (Path from 10.9.1.1)"
    )


def test_a_timeline_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in told(capsys, KOM, "--events", "--json").splitlines()]
    assert [(one["frame"], one["state"], one["change"]) for one in lines] == [
        (1, "sender", "new"),
        (2, "reservation", "new"),
        (3, "reservation", "changed"),
        (7, "reservation", "changed"),
        (8, "reservation", "changed"),
        (11, "reservation", "gone"),
        (13, "sender", "gone"),
    ]


def test_why(capsys: pytest.CaptureFixture[str], recording: str) -> None:
    out = told(capsys, KOM, "--frame", "2", "--what", "reservations", "--why")
    assert "  a Resv makes reservation state at 10.9.1.1, the hop that it is sent to, which lives" in out
    assert "    Resv in packet 2 of 10.9.1.2, 10.9.1.1:4711: controlled-load 10 Gbit/s" in out
    out = told(capsys, recording, "--what", "requests", "--why")
    assert "Resv of 10.0.5.2" in out


def test_what_was_not_understood_is_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(CAPTURES / "scapy_malformed.pcap")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "not understood: bad checksum (1: packet 3)" in lines
    assert "not understood: wrong length (6: packets 5, 6, 7, 8, 9, ...)" in lines


def test_a_recording_at_a_time_and_after_a_line(capsys: pytest.CaptureFixture[str], recording: str) -> None:
    out = told(capsys, recording, "--at", "0.5", "--what", "reservations")
    assert out == "0.500000 s from the start, after line 7\nno reservations\n"
    lines = Path(recording).read_text().splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if '"message":"Resv"' in line)
    found = as_json(capsys, recording, "--frame", str(first))
    assert {one["nhop"] for one in found["reservations"]} == {"10.0.5.2"}
    assert found["installed"][0]["bytes"] is None
    assert {one["name"] for one in found["interfaces"]} == {"a", "b", "c", "d"}
    assert found["neighbors"][0]["address"] == "10.0.1.1"


def test_a_timeline_of_a_recording_has_what_was_sent(
    capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    lines = told(capsys, recording, "--events").splitlines()
    assert any(" sent to 10.0.1.1 on a: Resv 239.0.0.1:5000/17 FF" in line for line in lines)
    assert any(
        ": new request to 10.0.1.1, FF for 10.0.1.1:4000: controlled-load 40 kbit/s" in x for x in lines
    )
    assert any(": new: installed on c for 10.0.1.1:4000: controlled-load 40 kbit/s" in line for line in lines)
    assert any("(routing to 239.0.0.1)" in line for line in lines)


def test_a_recording_that_is_damaged_shows_what_stands_before(
    capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    data = Path(recording).read_bytes().splitlines(keepends=True)
    Path(recording).write_bytes(b"".join([*data[:9], b"{}\n", *data[9:]]))
    assert main(["replay", recording, "--what", "senders"]) == 1
    out, err = capsys.readouterr()
    assert "10.0.1.1:4000" in out
    assert (
        err
        == f"rsvp: {recording}, line 10: no line of a recording ('at'): the file is damaged from there on\n"
    )


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(Path(KOM).read_bytes()))  # type: ignore[arg-type]

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Stdin())
    assert as_json(capsys, "-", "--frame", "2")["reservations"]


def test_a_file_becomes_a_story(capsys: pytest.CaptureFixture[str], tmp_path: Path, recording: str) -> None:
    assert "write into story.md" in told(capsys, recording, "--story", str(tmp_path / "three-receivers"))
    assert "write into story.md" in told(capsys, KOM, "--story", str(tmp_path / "kom"))
    for story, file in (("three-receivers", "recording.jsonl"), ("kom", "capture.pcap")):
        folder = tmp_path / story
        assert {one.name for one in folder.iterdir()} == {file, "story.md", "expected.txt"}
        events = told(capsys, str(folder / file), "--events")
        state = told(capsys, str(folder / file))
        assert (folder / "expected.txt").read_text() == events + state
    assert (tmp_path / "three-receivers" / "story.md").read_text().startswith("# Three receivers\n")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["/nowhere/x.jsonl"], 1, "/nowhere/x.jsonl: no such file or directory"),
        ([KOM, "--at", "soon"], 2, "'soon' is no time: write seconds from the start (12.5, 2min), or 2026-"),
        ([KOM, "--at", "1", "--frame", "1"], 2, "--at and --frame both name a moment: give one of them"),
        (
            [KOM, "--at", "2020-01-01"],
            1,
            "2020-01-01 is before the start, which was at 2026-11-22 02:56:55.275",
        ),
        ([KOM, "--frame", "0"], 2, "'0' is no whole number from 1"),
        ([KOM, "--what", "interfaces"], 1, "a capture does not tell of interfaces: one of sessions, senders"),
        ([KOM, "--what", "states"], 2, "there is nothing called 'states' in a recording: one of interfaces"),
        ([KOM, "--session", "here"], 2, "'here' is no filter"),
        ([KOM, "--story", str(CAPTURES)], 1, "is there already: name a folder that is not"),
        ([__file__], 1, "is no packet capture: give a pcap or pcapng file"),
    ],
)
def test_what_people_get_wrong_is_one_sentence(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *arguments]) == status
    out, err = capsys.readouterr()
    assert err.startswith("rsvp: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_recording_without_a_clock_has_no_time_of_day(
    capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert main(["replay", recording, "--at", "2026-01-01"]) == 1
    assert "no time of day is known for this file: write seconds from its start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds", "absolute"),
    [
        ("12.5", 12.5, False),
        ("2min", 120.0, False),
        ("99999999", 99999999.0, False),
        ("1413487592.25", 1413487592.25, True),
        ("1970-01-02", 86400.0, True),
        ("1970-01-01T00:00:01Z", 1.0, True),
        ("1970-01-01 01:00:00.5+01:00", 0.5, True),
    ],
)
def test_moments(text: str, seconds: float, absolute: bool) -> None:
    moment = read_moment(text)
    assert (moment.seconds, moment.absolute) == (seconds, absolute)
    assert moment.since(0.0) == seconds


@pytest.mark.parametrize(
    ("text", "session", "passes"),
    [
        ("10.0.0.1", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, True),
        ("10.0.0.0/8", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, True),
        ("10.0.0.1:5", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, True),
        ("10.0.0.1:5/udp", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, True),
        ("10.0.0.1:5/tcp", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, False),
        ("10.0.0.1:6", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, False),
        ("10.0.0.2", {"destination": "10.0.0.1", "protocol": 17, "port": 5}, False),
        ("[2001:db8::1]:5", {"destination": "2001:db8::1", "protocol": 17, "port": 5}, True),
        ("10.0.0.1:5", {"endpoint": "10.0.0.1", "tunnel_id": 5}, True),
        ("10.0.0.1", {"endpoint": "10.0.0.1", "tunnel_id": 5}, True),
        ("10.0.0.1", {"p2mp_id": 1, "tunnel_id": 5}, False),
    ],
)
def test_sessions(text: str, session: dict[str, object], passes: bool) -> None:
    assert read_session_test(text)(session) is passes


def test_how_much_there_was_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", KOM, "--frame", "2"]) == main(["replay", TUNNEL]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "2 RSVP messages up to packet 2",
        "18 RSVP messages in 32 packets",
    ]
