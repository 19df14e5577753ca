"""The examples that need hosts, run as their users would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.lab import Lab, chain
from tests.patience import PATIENCE

from . import smcroute
from .ordinary import become_ordinary
from .running import Running

pytestmark = pytest.mark.alone

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


@pytest.mark.parametrize("words", [(), ("--ipv6",)], ids=["IPv4", "IPv6"])
def test_the_diamond(words):
    """Three senders, six receivers, FF, SE and WF at once; every link is asked for ten times what it has.

    By an ordinary user, who needs no rights for it.
    """
    smcroute.require()
    command = [sys.executable, str(EXAMPLES / "diamond.py"), "--json", "--seconds", "4", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=4 * PATIENCE, preexec_fn=become_ordinary
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    modest, greedy = result["modest"], result["greedy"]
    for style in ("FF", "SE", "WF"):
        flows = [one for one in modest["flows"] if one["style"] == style]
        assert len(flows) == 3 * 6
        sent, received = (sum(one[what] for one in flows) for what in ("sent", "received"))
        assert sent - received <= sent * (0.05 if modest["disturbed"] else 0.001)
    assert len(modest["links"]) == len(greedy["links"]) == 13
    for one in (*modest["links"], *greedy["links"]):
        assert len(one["reservations"]) == len(one["senders"]) + 2, "FF for each sender, SE and WF for all"
    for one in greedy["links"]:
        if not greedy["disturbed"]:
            assert one["best_effort"]["offered"] > 5 * one["rate"]
            assert one["best_effort"]["rate"] > 0.9 * one["best_effort"]["share"]
        if len(one["senders"]) == 3:  # all that is reserved there is in use
            for reservation in one["reservations"].values():
                assert reservation["rate"] < 1.1 * reservation["reserved"]


def test_namespaces():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "namespaces.py")], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert "confirmed by 10.0.1.1" in done.stdout
    assert "received 500 packets" in done.stdout
