"""Programs on the hosts of a stage: what they say is printed and waited for; and what the kernel counts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stage import PATIENCE, Stage

from rsvp.lab import SCRATCH, End

EXAMPLES = Path(__file__).parent.parent
BEST_EFFORT = "2e:3"
"""The class of what is not reserved."""
LINK = "256kbit"
"""Three quarters of it may be reserved: 24,000 bytes/s. A voice takes 10,000 (IPv6: 11,000)."""
FLOOD = 96_000.0
"""Bytes/s of best effort: three times what that carries."""
DISCARD = 9
LARGE = bytes(1000)


class Program:
    """One of the examples as a process on a host, told of its daemon."""

    def __init__(self, stage: Stage, host: str, file: str, *words: str) -> None:
        self._stage, self._host, self._file = stage, host, file
        control = f"--control={SCRATCH}/{host}.sock"
        self._process = stage.lab[host].python(
            *(str(EXAMPLES / file), *words, control),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        )
        self._lines = asyncio.StreamReader()
        self._reading: Awaitable[object] | None = asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._lines), self._process.stdout
        )

    async def says(self, word: str) -> str:
        """Wait for a line that begins with a word, and print those that come."""
        if self._reading is not None:
            await self._reading
            self._reading = None
        async with asyncio.timeout(PATIENCE):
            while line := (await self._lines.readline()).decode():
                self._stage.wires.read()
                print(f"    {self._host}: {line}", end="", flush=True)
                if line.startswith(word):
                    return line.strip()
        raise EOFError(f"{self._file} on {self._host} ended and did not say {word!r}")

    def hears(self, line: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class Count:
    """Packets of one class of an interface: sent, dropped, and waiting at this moment."""

    sent: int = 0
    dropped: int = 0
    waiting: int = 0


def count(end: End) -> dict[str, Count]:
    """What the kernel has counted on an interface, class by class."""
    found = {}
    with end.node.iproute() as ipr:
        for one in ipr.get_classes(end.index):
            stats = one.get_attr("TCA_STATS2")
            sent, queue = stats.get_attr("TCA_STATS_BASIC"), stats.get_attr("TCA_STATS_QUEUE")
            name = f"{one['handle'] >> 16:x}:{one['handle'] & 0xFFFF:x}"
            found[name] = Count(sent["packets"], queue["drops"], queue["qlen"])
    return found


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not await ask():
            await asyncio.sleep(0.05)


async def counted(end: End, true: Callable[[dict[str, Count]], object]) -> dict[str, Count]:
    """Wait until the kernel's counters are as wanted."""
    async with asyncio.timeout(PATIENCE):
        while not true(found := await asyncio.to_thread(count, end)):
            await asyncio.sleep(0.05)
    return found


def tell(classes: Mapping[str, str], before: Mapping[str, Count], after: Mapping[str, Count]) -> None:
    """Print what some classes have sent and dropped between two readings, and what waited at the last."""
    print(f"    {'packets':20}{'sent':>8}{'dropped':>9}{'waiting':>9}")
    for name, which in classes.items():
        then, now = before[which], after[which]
        print(f"    {name:20}{now.sent - then.sent:8}{now.dropped - then.dropped:9}{now.waiting:9}")


@asynccontextmanager
async def overload(stage: Stage, source: str, to: str, rate: float) -> AsyncIterator[None]:
    """Best effort at a rate, bytes/s, from one host to another that throws it away."""
    family = socket.AF_INET6 if stage.version == 6 else socket.AF_INET
    with stage.lab[source]:
        sending = socket.socket(family, socket.SOCK_DGRAM)
    with stage.lab[to]:
        sink = socket.socket(family, socket.SOCK_DGRAM)

    async def send() -> None:
        while True:
            sending.sendto(LARGE, (stage[to], DISCARD))
            await asyncio.sleep(len(LARGE) / rate)

    with sending, sink:
        sink.bind((stage[to], DISCARD))
        task = asyncio.create_task(send())
        try:
            yield
        finally:
            task.cancel()


async def judge(stage: Stage, classes: Mapping[str, str], source: str, to: str, packets: int = 50) -> None:
    """Ask three times of the link to a host what it carries, and print what some classes on it have then.

    Each has sent so many packets meanwhile, and as many of best effort were dropped.
    """
    link = stage.router.toward(to)
    async with overload(stage, source, to, FLOOD):
        before = await counted(link, lambda now: now[BEST_EFFORT].dropped)
        after = await counted(
            link,
            lambda now: (
                all(now[one].sent > before[one].sent + packets for one in classes.values())
                and now[BEST_EFFORT].dropped > before[BEST_EFFORT].dropped + packets
                and now[BEST_EFFORT].waiting
            ),
        )
    tell({**classes, "best effort": BEST_EFFORT}, before, after)


def place(stage: Stage, where: str, port: int) -> str:
    """A host's address, or that of a group, with a port."""
    address = stage[where] if where in stage.lab.nodes else where
    return f"[{address}]:{port}" if stage.version == 6 else f"{address}:{port}"
