"""`rsvp sim`: what it prints, its options, its exit status."""

from __future__ import annotations

import io
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from rsvp.cli import main
from rsvp.simulation import Scenario
from rsvp.simulation.actions import NETWORK, QUIET, VERBS
from rsvp.simulation.applications import RESERVE_WORDS, SEND_WORDS
from rsvp.simulation.expectations import BOUNDS, COUNTED, EVENTS
from rsvp.simulation.node import WHAT
from rsvp.simulation.plot import Samples
from rsvp.simulation.reading import LINK_WORDS, NODE_WORDS, STATEMENTS
from rsvp.simulation.scenario import SETTINGS, VERSIONS

EXAMPLE = str(Path(__file__).parent.parent.parent / "examples" / "multicast.rsvp")


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["sim", EXAMPLE, "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_the_forms_of_the_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys)
    kinds = {line["event"] for line in told}
    assert kinds >= {"action", "message", "path", "path_gone", "resv", "confirm", "traffic"}
    assert kinds >= {"check", "state", "end"}
    assert all(line["time"] <= after["time"] for line, after in itertools.pairwise(told))
    message = next(line for line in told if line["event"] == "message")
    assert {
        "at",
        "interface",
        "to",
        "lost",
        "refresh",
        "frame",
        "source",
        "ip_ttl",
        "objects",
    } <= message.keys()
    assert (message["at"], message["to"], message["message"]) == ("h1", ["r1"], "Path")
    confirm = next(line for line in told if line["event"] == "confirm")
    assert confirm["at"] == "h2"
    assert confirm["node"] == "10.0.1.1"
    assert confirm["session"] == {"destination": "239.1.1.1", "protocol": 17, "port": 5000}
    order = next(line for line in told if line["event"] == "traffic")
    assert order["order"] == "install"
    assert order["flowspec"]["service"] == "controlled-load"
    states = {line["at"]: line for line in told if line["event"] == "state"}
    assert list(states) == ["h1", "r1", "r2", "h2", "h3"]
    assert states["r2"]["reservations"][0]["interface"] == "eth2"
    assert states["r2"]["counters"][0]["received"]["Path"] > 0
    assert told[-1]["event"] == "end"
    assert told[-1]["failed"] == 0


def test_refreshes_are_told_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    few = [line for line in lines(capsys) if line["event"] == "message"]
    many = [line for line in lines(capsys, "--messages") if line["event"] == "message"]
    assert not any(line["refresh"] for line in few)
    assert [line for line in many if not line["refresh"]] == few
    assert len(many) > len(few)


def test_one_node_only(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "--node", "r1")
    assert {line.get("at") for line in told} == {None, "r1"}


def test_until_and_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, "--until", "1500ms")[-1]["time"] == 1.5
    assert lines(capsys, "--until", "10", "--seed", "4") != lines(capsys, "--until", "10", "--seed", "5")
    assert lines(capsys, "--seed", "3") == lines(capsys)


def test_people_get_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", EXAMPLE]) == 0
    out = capsys.readouterr().out
    assert "    1.000000  h2        reserve 239.1.1.1:5000 ff 20kbit confirm\n" in out
    assert "h2        239.1.1.1:5000/udp: confirmed by 10.0.1.1: FF for 10.0.1.1:4000" in out
    assert "*         ok: h2 heard confirm\n" in out
    assert "\ninstalled\nnode" in out
    assert out.endswith("expectations held\n")


def test_what_does_not_hold_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.rsvp"
    file.write_text("link h1 r1\nat 1 expect r1 senders 3\nat 2 check\nrun 3")
    assert main(["sim", str(file)]) == 1
    captured = capsys.readouterr()
    assert "    1.000000  *         NOT: r1 senders 3: 0 senders\n" in captured.out
    assert captured.err == f"rsvp: {file}: 1 of 2 expectations did not hold\n"


def test_the_state_at_some_time_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.rsvp"
    file.write_text("link h1 h2\nat 0 h1 send h2:1 20kbit\nat 1 show h2 senders\nat 1 drop Path\nrun 60")
    assert main(["sim", str(file)]) == 0
    out = capsys.readouterr().out
    assert "1.000000  h2        1 senders\nsession" in out
    assert main(["sim", str(file), "--messages"]) == 0
    assert "-> nobody (lost to h2): Path" in capsys.readouterr().out


def test_what_a_file_may_say_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--lines"]) == 0
    out = capsys.readouterr().out
    told = set(re.findall(r"[\w-]+", out))
    known = {*STATEMENTS, *SETTINGS, *LINK_WORDS, *NODE_WORDS, *VERBS, *NETWORK, *QUIET}
    known |= {*SEND_WORDS, *RESERVE_WORDS, *BOUNDS, *COUNTED, *EVENTS, *WHAT, *VERSIONS}
    assert known - told - {"rate"} == set()  # a word that may stand before a rate
    assert max(map(len, out.splitlines())) <= 110
    assert len(out.splitlines()) <= 48


def test_how_far_it_is_is_said_where_the_events_go_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count()
    monkeypatch.setattr("rsvp.commands.sim.monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["sim", EXAMPLE, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("\r0 s of 120 s\r")
    assert "\r60 s of 120 s" in captured.err
    assert captured.err.endswith("\r\x1b[K")
    told = [json.loads(line) for line in captured.out.splitlines()]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert lines(capsys) == told
    assert capsys.readouterr().err == ""


ADMISSION = str(Path(EXAMPLE).with_name("admission.rsvp"))


def test_why_it_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", ADMISSION, "--until", "30", "--why", "--node", "r1", "--node", "r2"]) == 0
    out = capsys.readouterr().out
    shown, state = out.split("\nsessions\n")
    # What the file shows at 25 s, and the state at the end, alike.
    for part in (shown, state):
        assert "\n  a Resv made it, and refreshes keep it (RFC 2205 section 3.1.4)\n" in part
        assert "ResvErr of 10.0.2.1 through eth1, 10.0.1.1:4000: controlled-load 4 Mbit/s" in part
    assert "\n  blockaded, and so left out of the merge (RFC 2205 section 3.5)\n" in state
    assert "\n\nrefusals\nnode  session" in state
    assert (
        "\n    Resv of 10.0.2.2 through eth2, 10.0.1.1:4000: controlled-load 4 Mbit/s, bucket 50 kB\n"
        in state
    )
    assert "\n\n\n" not in out


def test_reasons_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", ADMISSION, "--until", "30", "--why", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (state,) = (line for line in told if line["event"] == "state" and line["at"] == "r1")
    (refusal,) = state["refusals"]
    assert refusal["flowspec"]["tspec"]["r"] == 500_000
    assert [reason["section"] for reason in refusal["why"]] == [
        "RFC 2205 section 2.5",
        "RFC 2205 section 3.5",
    ]
    assert "why" not in state["interfaces"][0]
    shown = next(line for line in told if line["event"] == "show")
    assert shown["reservations"][0]["why"]


def test_a_scenario_asks_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "story.rsvp"
    file.write_text(
        "link h1 h2\nat 0 h1 send h2:1 20kbit\nat 1 show h2 senders sessions refusals why\nrun 2\n"
    )
    assert main(["sim", str(file)]) == 0
    out = capsys.readouterr().out
    assert "a Path made it, and refreshes keep it (RFC 2205 section 3.1.3)" in out
    assert "1.000000  h2        1 sessions\n" in out
    assert "1.000000  h2        0 refusals\n\nsessions\n" in out


def test_where_flows_are_policed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", ADMISSION, "--until", "30"]) == 0
    out = capsys.readouterr().out
    assert "h1        traffic control on eth1: 239.1.1.1:5000/udp for 10.0.1.1:4000 gets" in out
    assert "2 Mbit/s, bucket 25 kB, policed where it enters\n" in out
    assert "flow 1 gets controlled-load 2 Mbit/s, bucket 25 kB, policed where it branches\n" in out


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nowhere.rsvp"], 1, "rsvp: nowhere.rsvp: no such file or directory\n"),
        ([EXAMPLE, "--node", "r9"], 1, "rsvp: there is no node 'r9'\n"),
        ([EXAMPLE, "--until", "soon"], 2, "rsvp: invalid value for '--until': 'soon' is no time"),
        ([EXAMPLE, "--seed", "-1"], 2, "rsvp: invalid value for '--seed'"),
        ([EXAMPLE, "--plot", "x.txt"], 1, "rsvp: x.txt has to end in .png, .svg or .pdf\n"),
        ([EXAMPLE, "--pcap", "-"], 2, "rsvp: invalid value for '--pcap': it takes a file"),
        ([EXAMPLE, "--pcap", "/nowhere/x"], 1, "rsvp: /nowhere/x: no such file or directory\n"),
        ([], 2, "rsvp: missing argument 'FILE' (see rsvp sim --help)\n"),
    ],
)
def test_mistakes(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", *arguments]) == status
    assert capsys.readouterr().err.startswith(sentence)


def test_a_scenario_comes_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(EXAMPLE).read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["sim", "-", "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines(capsys)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"lnk a b")))
    assert main(["sim", "-"]) == 1
    assert capsys.readouterr().err.startswith("rsvp: standard input, line 1: unknown statement 'lnk'")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_picture(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"run.{suffix}"
    assert main(["sim", EXAMPLE, "--plot", str(file)]) == 0
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert file.read_bytes().startswith(magic[suffix])


def test_a_picture_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = tmp_path / "story.rsvp"
    story.write_text("link h1 r1\nrun 0")
    file = tmp_path / "run.png"
    assert main(["sim", str(story), "--plot", str(file)]) == 0
    assert file.exists()


def test_samples_follow_what_is_reserved() -> None:
    scenario = Scenario.load(EXAMPLE)
    simulation = scenario.simulation()
    samples = Samples()
    samples.watch(simulation, scenario.end, list(simulation.nodes.values()))
    simulation.run(scenario.end)
    assert samples.times[0] == 0
    assert samples.times[-1] == scenario.end
    rates = samples.reserved["r1", "eth2"]
    assert len(rates) == len(samples.times)
    # Down from 30 s to 60 s, where the interface is not there at all.
    by_time = dict(zip(samples.times, rates, strict=True))
    assert [by_time[min(by_time, key=lambda at: abs(at - t))] for t in (1, 20, 45, 120)] == [0, 2500, 0, 2500]
    assert samples.counts["installed"][-1] == len(
        [flow for node in simulation.nodes.values() for flow in node.installed()]
    )
