"""Debian's smcroute in the nodes of a lab: a multicast routing daemon that does as it is told.

Where it is not installed the tests that need it are skipped, but under CI (CI=true) they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from types import TracebackType
from typing import Self

import pytest

from rsvp.lab import SCRATCH, Lab, Node
from tests.patience import PATIENCE, until

PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
DAEMON, CONTROL = (shutil.which(name, path=PATH) for name in ("smcrouted", "smcroutectl"))


def require() -> None:
    """Skip where there is no smcroute, unless this is CI."""
    if DAEMON is None or CONTROL is None:
        absent = "smcroute is not installed: apt-get install smcroute"
        pytest.fail(absent) if os.environ.get("CI") else pytest.skip(absent)


class Smcroute:
    """A daemon on each of a lab's nodes that were named; `with` ends them."""

    def __init__(self, lab: Lab, *names: str, thresholds: dict[str, int] | None = None) -> None:
        """`thresholds` are TTLs by interface name; the others' are 1."""
        self.lab = lab
        self.thresholds = thresholds or {}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in names:
            self._launch(name)
        for name in names:
            self._wait(name)

    def restart(self, name: str) -> None:
        """Kill a node's daemon, and start another, which routes nothing yet."""
        self.daemons[name].kill()
        self.daemons[name].wait()
        self._launch(name)
        self._wait(name)

    def _wait(self, name: str) -> None:
        until(lambda: self._ready(self.lab[name]), f"smcrouted of {name} ready")

    def _launch(self, name: str) -> None:
        node, file = self.lab[name], SCRATCH / f"{name}.smcroute"
        file.write_text(
            "".join(
                f"phyint {end.name} enable ttl-threshold {self.thresholds.get(end.name, 1)}\n"
                for end in node.ends
            )
        )
        words = ["-n", "-N", "-f", str(file), "-P", str(SCRATCH / f"{name}.pid"), "-u", self._socket(name)]
        self.daemons[name] = node.popen(
            [str(DAEMON), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _ready(self, node: Node) -> bool:
        done = self.tell(node.name, "show", "interfaces")
        return done.returncode == 0 and all(end.name in done.stdout for end in node.ends)

    def _socket(self, name: str) -> str:
        return str(SCRATCH / f"{name}.smcctl")

    def tell(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run smcroutectl on a node."""
        command = [str(CONTROL), "-u", self._socket(name), *words]
        return self.lab[name].run(command, capture_output=True, text=True, timeout=PATIENCE)

    def route(self, name: str, group: str, source: str | None, came_from: str, *to: str) -> None:
        """Have a node forward a sender's data, or anybody's, from one neighbour to others, too."""
        self._order(name, "add", group, source, came_from, to)

    def unroute(self, name: str, group: str, source: str | None, came_from: str, *to: str) -> None:
        """Have a node forward it to some neighbours no more, or to none if none is named."""
        self._order(name, "remove", group, source, came_from, to)

    def _order(
        self, name: str, order: str, group: str, source: str | None, came_from: str, to: tuple[str, ...]
    ) -> None:
        node = self.lab[name]
        way = [node.toward(came_from).name, *([source] if source else []), group]
        done = self.tell(name, order, *way, *(node.toward(one).name for one in to))
        assert done.returncode == 0, done.stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for daemon in self.daemons.values():
            daemon.kill()
            daemon.wait()
