"""A link is pulled under daemons: the reservation follows the route (RFC 2205 section 3.6)."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from rsvp.engine.interfaces import ROUTE_DELAY
from rsvp.lab import Lab
from tests.patience import PATIENCE, until

from .running import Running

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NEVER = 6 * PATIENCE
"""A refresh period so long that no refresh is sent during a test: 0.5 R is longer than any wait."""


def way_around(lab: Lab) -> None:
    """What the kernel of r1 falls back to when its link to r2 is gone."""
    out = lab["r1"].toward("r3")
    with lab["r1"].iproute() as ipr:
        gateway = str(lab["r3"].toward("r1").address)
        ipr.route("add", dst=str(lab.cables[-1].network), gateway=gateway, oif=out.index, priority=900)


def installed(running: Running, name: str) -> list[str]:
    return [entry["interface"] for entry in running.show(name, "installed")]


def test_a_flow_is_reserved_along_the_new_route_and_stays_so_downstream(diamond: Lab) -> None:
    """No refresh is due for minutes, so nothing but the repair after W can have brought it about."""
    way_around(diamond)
    with Running(diamond, refresh=NEVER).start_all() as running:
        running.reserved()
        assert installed(running, "r1") == ["to-r2"]
        (before,) = running.show("r4", "installed")
        began = time.monotonic()
        diamond["r1"].run(["ip", "link", "set", "to-r2", "down"], check=True)
        until(lambda: installed(running, "r1") == ["to-r3"], "reserved over r3, and on the lost link no more")
        assert time.monotonic() - began >= ROUTE_DELAY, "routing is given the time to settle"
        assert installed(running, "r3") == ["to-r4"]
        (after,) = running.show("r4", "installed")
        assert after["handle"] == before["handle"], "downstream the same class, never removed"
        assert running.received("r3", "Path") == 1, "one Path, along the new way"
        assert running.received("h2", "PathTear") == 0
        link = diamond["r1"].toward("r2")
        classes = ["tc", "class", "show", "dev", link.name]
        assert "2e:10" not in diamond["r1"].run(classes, capture_output=True, text=True).stdout


def test_the_example() -> None:
    """With the times it takes; what stood on the old way goes with its state."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "repair_namespaces.py")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"reserved by way of r3 after \d+\.\d\d s", done.stdout)
    assert "classes for reservations left in r2: 0" in done.stdout
