"""Daemons for a long time: sessions that come and go, messages that are lost; and then nothing may be left.

`python -m tests.soak --minutes 20` needs no root. Two hosts and two routers in namespaces of their own, a
daemon in each, R = 1 s; `--sessions` sessions are made, changed and given up at random, some by applications
that just die, while nft drops `--loss` of all RSVP packets that arrive anywhere. At the end no state, class,
filter or file descriptor may be there too many, and the daemons' memory may not have grown since the second
quarter; a run of less than ten minutes is too short to tell. It prints what it saw, with `--json` as one JSON
object, and ends with status 1 where anything was left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from rsvp.control.client import Client, connect
from rsvp.errors import RsvpError
from rsvp.intserv import Flowspec, Tspec, controlled_load, guaranteed
from rsvp.lab import Lab, Sandbox, chain
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF, FilterSpec, Session
from tests.netns import judge
from tests.netns.running import Running, proc
from tests.patience import until

NODES = ("h1", "r1", "r2", "h2")
LINK = 125e6
"""Bytes/s of every link: 1 Gbit/s."""
PAIRS = 10
"""Applications at each end; each takes part in many sessions."""
GROWTH = 0.05
"""How much more memory a daemon may have in the last quarter than in the second, as a share."""
WARM = 10.0
"""Minutes that a run has to take for its second quarter to say what a daemon needs in the long run."""


class Soaked(Running):
    """Daemons on fast links."""

    def config(self, name: str) -> str:
        """The text of a node's rsvp.toml."""
        text = f'control = "{self.control(name)}"\nrefresh = {self.refresh}\n'
        for end in self.lab[name].ends:
            text += f'[interfaces."{end.name}"]\nbandwidth = {LINK}\n'
        return text


def lose(lab: Lab, share: float) -> None:
    """Let every node lose this share of the RSVP packets that arrive."""
    rules = f"""
add table ip soak
add chain ip soak arriving {{ type filter hook prerouting priority -500; }}
add rule ip soak arriving ip protocol 46 numgen random mod 1000 < {round(share * 1000)} counter drop
"""
    for name in NODES:
        lab[name].run([str(judge.NFT), "-f", "-"], input=rules, text=True, check=True)


def lost(lab: Lab) -> int:
    """How many packets were."""
    number = 0
    for name in NODES:
        words = [str(judge.NFT), "-j", "list", "table", "ip", "soak"]
        listed = json.loads(lab[name].run(words, capture_output=True, text=True, check=True).stdout)
        for entry in listed["nftables"]:
            for part in entry.get("rule", {}).get("expr", ()):
                number += part.get("counter", {}).get("packets", 0)
    return number


@dataclass
class Pair:
    """An application that sends and one that receives."""

    sending: Client
    receiving: Client


@dataclass
class Churn:
    """Sessions that come and go until `over`."""

    running: Running
    lab: Lab
    rng: Random
    pairs: list[Pair] = field(default_factory=list)
    over: bool = False
    lives: int = 0
    deaths: int = 0

    async def run(self, sessions: int, seconds: float) -> None:
        """Let them live, and end in order."""
        self.pairs = [await self._pair() for _ in range(PAIRS)]
        lives = [asyncio.create_task(self._lives(number)) for number in range(sessions)]
        death = asyncio.create_task(self._deaths())
        await asyncio.sleep(seconds)
        self.over = True
        await asyncio.gather(*lives)
        death.cancel()
        for pair in self.pairs:
            await pair.sending.close()
            await pair.receiving.close()

    async def _pair(self) -> Pair:
        return Pair(
            await connect(self.running.control("h1")),
            await connect(self.running.control("h2")),
        )

    async def _deaths(self) -> None:
        """Now and then an application dies without a word."""
        while True:
            await asyncio.sleep(self.rng.uniform(5, 20))
            number = self.rng.randrange(PAIRS)
            dead, self.pairs[number] = self.pairs[number], await self._pair()
            dead.sending._writer.transport.abort()
            dead.receiving._writer.transport.abort()
            self.deaths += 1

    async def _lives(self, number: int) -> None:
        """One session after the other on the same port."""
        await asyncio.sleep(self.rng.uniform(0, 10))
        while not self.over:
            with contextlib.suppress(RsvpError):  # the application died meanwhile
                await self._life(self.pairs[number % PAIRS], number)
            self.lives += 1
            await self._rest(self.rng.uniform(0, 5))

    async def _life(self, pair: Pair, number: int) -> None:
        session = Session(self.lab["h2"].address, 17, 10_000 + number)
        sender = FilterSpec(self.lab["h1"].address, 4000)
        style = self.rng.choice((FF, SE, WF))
        filters = (sender,) if style.explicit else ()
        receiving = await pair.receiving.open_session(session)
        sending = await pair.sending.open_session(session)
        await pair.sending.add_sender(sending, sender, Tspec(self.rng.uniform(5e3, 2e4), 3000.0, M=1000))
        for _ in range(self.rng.randint(1, 3)):
            flow = Flow(self._flowspec(number), filters)
            await pair.receiving.reserve(receiving, style, (flow,), confirm=self.rng.random() < 0.5)
            await self._rest(self.rng.uniform(1, 10))
        first, second = self.rng.sample(
            [(pair.receiving, receiving), (pair.sending, sending)], 2
        )  # either end may leave first
        for client, handle in (first, second):
            await client.close_session(handle)

    def _flowspec(self, number: int) -> Flowspec:
        tspec = Tspec(self.rng.uniform(5e3, 2e4), 3000.0, M=1000)
        return guaranteed(tspec, tspec.rate) if number % 5 == 0 else controlled_load(tspec)

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until all is over."""
        until = time.monotonic() + seconds
        while not self.over and time.monotonic() < until:
            await asyncio.sleep(min(0.5, seconds))


@dataclass
class Witness:
    """What the daemons take of the machine, as time goes by."""

    running: Running
    memory: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    async def watch(self, seconds: float, tell: bool, churn: Churn) -> None:
        """Look every few seconds."""
        began = time.monotonic()
        while (gone := time.monotonic() - began) < seconds:
            await asyncio.sleep(seconds / 80)
            for name in NODES:
                self.memory[name].append(self.resident(name))
            if tell and len(self.memory["r1"]) % 8 == 0:
                standing = len(await self._show("r1", "installed"))
                told = ", ".join(f"{name} {one[-1] / 1e6:.1f} MB" for name, one in self.memory.items())
                print(
                    f"{gone / 60:5.1f} min: {churn.lives} lives, {standing} installed; {told}",
                    file=sys.stderr,
                )

    async def _show(self, name: str, what: str) -> list[dict[str, Any]]:
        async with await connect(self.running.control(name)) as client:
            return await client.show(what)

    def resident(self, name: str) -> int:
        """Bytes of memory that a daemon has."""
        status = (proc(self.running.daemons[name].pid) / "status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024

    def descriptors(self, name: str) -> int:
        """Files that a daemon has open."""
        return len(list((proc(self.running.daemons[name].pid) / "fd").iterdir()))

    def processor_time(self, name: str) -> float:
        """Seconds that a daemon has computed."""
        words = (proc(self.running.daemons[name].pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100

    def growth(self, name: str) -> float:
        """How much more memory there was in the last quarter than in the second, as a share."""
        samples = self.memory[name]
        quarter = len(samples) // 4
        before = statistics.median(samples[quarter : 2 * quarter])
        return statistics.median(samples[-quarter:]) / before - 1


def left_over(running: Running, lab: Lab) -> dict[str, object]:
    """What is there that should not be, once everybody has gone."""
    found: dict[str, object] = {}
    for name in NODES:
        for what in ("sessions", "senders", "reservations", "requests", "installed"):
            if there := running.show(name, what):
                found[f"{name}: {what}"] = len(there)
        for end in lab[name].ends:
            if there := set(judge.classes(end)) - judge.STANDING:
                found[f"{name}: classes of {end.name}"] = sorted(there)
        if there := judge.filters(lab[name].ends[0]):
            found[f"{name}: filters"] = there
        log = running.log(name)
        for word in ("Traceback", "internal error"):
            if word in log:
                found[f"{name}: log"] = log[max(0, log.index(word) - 300) :][:3000]
    return found


def soak(minutes: float, sessions: int, loss: float, seed: int, as_json: bool) -> int:
    """Run it in this sandbox; the result is the exit status."""
    lab = chain(*NODES)
    with Soaked(lab) as running:
        running.start_all()
        witness = Witness(running)
        descriptors = {name: witness.descriptors(name) for name in NODES}
        lose(lab, loss)
        churn = Churn(running, lab, Random(seed))

        async def both() -> None:
            watching = asyncio.create_task(witness.watch(minutes * 60, not as_json, churn))
            await churn.run(sessions, minutes * 60)
            await watching

        asyncio.run(both())
        until(lambda: not any(running.show(name, "sessions") for name in NODES), "all state is gone")
        until(
            lambda: all(witness.descriptors(name) <= descriptors[name] for name in NODES), "files are closed"
        )
        faults = left_over(running, lab)
        for name in NODES:
            if minutes >= WARM and (growth := witness.growth(name)) > GROWTH:
                faults[f"{name}: memory"] = f"{growth:+.1%}"
        figures = {
            "minutes": minutes,
            "lives": churn.lives,
            "deaths": churn.deaths,
            "messages_lost": lost(lab),
            "messages": {name: received(running, name) for name in NODES},
            "processor_seconds": {name: witness.processor_time(name) for name in NODES},
            "memory": {name: round(statistics.median(witness.memory[name][-20:])) for name in NODES},
            "growth": {name: round(witness.growth(name), 4) for name in NODES},
            "descriptors": descriptors,
            "drops": {name: dropped(running, name) for name in NODES},
        }
        for name in NODES:
            if (status := running.end(name)) != 0:
                faults[f"{name}: exit status"] = status
            for end in lab[name].ends:
                if not judge.root(end).startswith("noqueue"):
                    faults[f"{name}: {end.name}"] = judge.root(end)
    print(json.dumps({**figures, "left": faults}) if as_json else words(figures, faults))
    return 1 if faults else 0


def received(running: Running, name: str) -> int:
    """Messages that a daemon has received."""
    return sum(sum(one["received"].values()) for one in running.show(name, "counters"))


def dropped(running: Running, name: str) -> dict[str, int]:
    """What a daemon has dropped, by reason."""
    errors = [one["errors"] for one in running.show(name, "counters")]
    return dict(sum((Counter(one) for one in errors), Counter()))


def words(figures: dict[str, Any], faults: dict[str, object]) -> str:
    """The figures for people."""
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in figures.items()]
    return "\n".join([*lines, f"left over: {faults or 'nothing'}"])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--loss", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    if judge.NFT is None:
        print("the soak needs nft, to lose packets: install nftables", file=sys.stderr)
        return 1
    with Sandbox(lambda: soak(told.minutes, told.sessions, told.loss, told.seed, told.json)) as sandbox:
        return sandbox.wait()


if __name__ == "__main__":
    sys.exit(main())
