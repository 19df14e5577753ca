"""The scenarios that are shipped hold what they say, and a run is the same every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.capture import Capture
from rsvp.cli import main

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SCENARIOS = sorted(EXAMPLES.glob("*.rsvp"))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_a_shipped_scenario_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(file)]) == 0
    assert "expectations held" in capsys.readouterr().out


def test_scenarios_are_shipped() -> None:
    assert SCENARIOS


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_a_seed_gives_the_same_run_in_every_process(file: Path, tmp_path: Path) -> None:
    """Sets and dicts of addresses iterate in another order when strings hash differently."""
    runs = []
    for hash_seed in ("1", "2"):
        capture = tmp_path / f"{hash_seed}.pcap"
        done = subprocess.run(
            [sys.executable, "-m", "rsvp", "sim", file, "--json", "--messages", "--pcap", capture],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        runs.append((done.stdout, capture.read_bytes()))
    assert runs[0] == runs[1]
    assert len(runs[0][0].splitlines()) > 20


def test_another_seed_gives_another_run(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for seed in ("1", "2"):
        main(["sim", str(SCENARIOS[0]), "--json", "--messages", "--seed", seed])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] != outputs[1]


def test_the_capture_holds_the_messages_that_were_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.pcap"
    main(["sim", str(EXAMPLES / "multicast.rsvp"), "--json", "--messages", "--pcap", str(file)])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if line["event"] == "message"]
    frames = list(Capture(file))
    assert [frame.number for frame in frames] == [line["frame"] for line in told]
    assert [frame.time_ns for frame in frames] == [round(line["time"] * 1e9) for line in told]
    assert [str(frame.destination) for frame in frames] == [line["destination"] for line in told]
    assert [frame.router_alert for frame in frames] == [line["router_alert"] for line in told]
    assert [frame.ip_ttl for frame in frames] == [line["ip_ttl"] for line in told]
