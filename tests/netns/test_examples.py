"""The examples that need hosts, run as their users would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rsvp.lab import Lab, chain
from tests.patience import PATIENCE

from .running import Running

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_host_send_and_host_receive():
    lab = chain("h1", "r1", "r2", "h2")
    with Running(lab).start_all() as running:
        talk(lab, running)


def talk(lab: Lab, running: Running) -> None:
    to = [str(lab["h2"].address), "5000"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    receiver = lab["h2"].python(
        str(EXAMPLES / "host_receive.py"), *to, f"--control={running.control('h2')}", **options
    )
    sender = lab["h1"].python(
        str(EXAMPLES / "host_send.py"), *to, "--seconds=2", f"--control={running.control('h1')}", **options
    )
    heard, _ = receiver.communicate(timeout=PATIENCE)
    said, _ = sender.communicate(timeout=PATIENCE)
    assert f"reserved, confirmed by {lab['h1'].address}" in heard
    assert "reserved: 125000 bytes/s" in said
    (count,) = re.findall(r"received (\d+) packets", heard)
    assert int(count) == 500, "2 s of 250 packets/s, none lost"
    assert receiver.returncode == sender.returncode == 0


def test_namespaces():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "namespaces.py")], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert "confirmed by 10.0.1.1" in done.stdout
    assert "received 500 packets" in done.stdout
