"""A lab with an `rsvp daemon` in each node, and the command run beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rsvp.control.client import connect
from rsvp.lab import SCRATCH, Lab
from tests.patience import PATIENCE, until

BANDWIDTH = 1_250_000
"""Bytes/s of every link: 10 Mbit/s."""


def proc(pid: int) -> Path:
    """/proc/PID of a process of this PID namespace, also where /proc is that of an outer one."""
    if os.readlink("/proc/self") == str(os.getpid()):
        return Path(f"/proc/{pid}")
    for found in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for line in (found / "status").read_text().splitlines():
                if line.startswith("NSpid:") and len(line.split()) > 2 and line.split()[-1] == str(pid):
                    return found
    raise FileNotFoundError(f"/proc of process {pid}")


class Running:
    """Daemons of a lab, and the command line in its nodes; `with` ends them all."""

    def __init__(self, lab: Lab, refresh: float = 1.0) -> None:
        self.lab = lab
        self.refresh = refresh
        self.daemons: dict[str, subprocess.Popen[str]] = {}
        self.applications: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self.applications, *self.daemons.values()):
            process.kill()
            process.communicate()

    def start_all(self) -> Self:
        """Start a daemon in every node."""
        self.start(*self.lab.nodes)
        return self

    def config(self, name: str) -> str:
        """The text of a node's rsvp.toml."""
        text = f'control = "{self.control(name)}"\nrefresh = {self.refresh}\n'
        for end in self.lab[name].ends:
            text += f'[interfaces."{end.name}"]\nbandwidth = {BANDWIDTH}\n'
        return text

    def control(self, name: str) -> str:
        """Where a node's daemon listens."""
        return str(SCRATCH / f"{name}.sock")

    def log(self, name: str) -> str:
        """What a node's daemon has said."""
        return (SCRATCH / f"{name}.log").read_text()

    def start(self, *names: str) -> None:
        """Start these nodes' daemons and wait until they are ready."""
        for name in names:
            self._launch(name)
        for name in names:
            log = SCRATCH / f"{name}.log"
            until(lambda log=log: "ready" in log.read_text(), f"{name} ready, see {log}")

    def _launch(self, name: str) -> None:
        file = SCRATCH / f"{name}.toml"
        file.write_text(self.config(name))
        log = SCRATCH / f"{name}.log"
        with log.open("w") as out:
            if name in self.daemons:
                self.daemons[name].wait()
            self.daemons[name] = self.lab[name].python(
                "-m",
                "rsvp",
                "daemon",
                "--config",
                str(file),
                stdout=out,
                stderr=out,
                text=True,
                preexec_fn=self._preparation(name),
            )

    def _preparation(self, name: str) -> Callable[[], None] | None:
        """What a node's daemon does before it begins."""
        return None

    def end(self, name: str, how: int = signal.SIGTERM) -> int:
        """Signal a node's daemon and wait for it; its exit status."""
        self.daemons[name].send_signal(how)
        return self.daemons[name].wait(PATIENCE)

    def cli(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command in a node."""
        arguments = [sys.executable, "-m", "rsvp", *words, "--control", self.control(name)]
        return self.lab[name].run(arguments, capture_output=True, text=True, timeout=PATIENCE)

    def show(self, name: str, what: str) -> list[dict[str, Any]]:
        """What `rsvp show` shows, without the price of a new process each time."""

        async def ask() -> list[dict[str, Any]]:
            client = await connect(self.control(name))
            try:
                return await client.show(what)
            finally:
                await client.close()

        return asyncio.run(ask())

    def received(self, name: str, message: str) -> int:
        """How many messages of a kind a node has received."""
        return sum(one["received"].get(message, 0) for one in self.show(name, "counters"))

    def application(self, name: str, *words: str) -> subprocess.Popen[str]:
        """Start `rsvp send` or `rsvp reserve` with --json in a node; its output is text."""
        process = self.lab[name].python(
            *("-m", "rsvp", *words, "--json", "--control", self.control(name)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.applications.append(process)
        return process

    def send(self, *words: str) -> subprocess.Popen[str]:
        """h1 announces 1 Mbit/s from port 4000 to h2's port 5000."""
        to = f"{self.lab['h2'].address}:5000"
        return self.application("h1", "send", to, "--source", "4000", "--rate", "1mbit", *words)

    def reserve(self, *words: str) -> subprocess.Popen[str]:
        """h2 reserves for what comes to port 5000 and asks for a confirmation."""
        to = f"{self.lab['h2'].address}:5000"
        return self.application("h2", "reserve", to, "--style", "ff", "--confirm", *words)

    def reserved(self) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
        """Sender and receiver, once the reservation is confirmed."""
        sending, receiving = self.send(), self.reserve()
        assert receiving.stdout is not None
        for line in receiving.stdout:
            if json.loads(line)["event"] == "confirm":
                return sending, receiving
        raise AssertionError(f"no confirmation: {receiving.stderr and receiving.stderr.read()}")


def stop(*processes: subprocess.Popen[str]) -> None:
    """Interrupt applications, as Ctrl-C does."""
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        process.wait(PATIENCE)
