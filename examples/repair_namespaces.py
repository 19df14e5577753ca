"""A link is pulled and the reservation follows the route: a diamond of four routers in namespaces.

           r2
    h1 - r1  r4 - h2        h1 sends to h2 by way of r2; then r1 loses its link to r2
           r3

After W = 2 s (RFC 2205 section 3.6), in which routing may settle, r1 sends a Path along the new way;
a Resv answers it. What stands on the old way is not torn: it goes when it is no longer refreshed.

pip install netns
python repair_namespaces.py
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

from netns import NetNS

import rsvp
from rsvp.lab import SCRATCH, Lab, Sandbox

LINKS = (("h1", "r1"), ("r1", "r2"), ("r1", "r3"), ("r2", "r4"), ("r3", "r4"), ("r4", "h2"))
NODES = ("h1", "r1", "r2", "r3", "r4", "h2")
REFRESH = 2.0


def run(node: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command in a node's namespace."""
    with NetNS(nsname=node):
        return subprocess.Popen(arguments, stdout=subprocess.DEVNULL)


def command(node: str, *words: str) -> subprocess.Popen[bytes]:
    """Start the rsvp command in a node's namespace."""
    return run(node, sys.executable, "-m", "rsvp", *words, f"--control={SCRATCH}/{node}.sock")


def diamond() -> Lab:
    """The network, with a way around over r3 that the kernel of r1 takes once the better one is gone."""
    lab = Lab()
    for name in NODES:
        (lab.add_host if name.startswith("h") else lab.add_router)(name)
    for one, other in LINKS:
        lab.connect(one, other)
    lab.start()
    around = lab["r1"].toward("r3")
    with lab["r1"].iproute() as ipr:
        gateway = str(lab["r3"].toward("r1").address)
        ipr.route("add", dst=str(lab.cables[-1].network), gateway=gateway, oif=around.index, priority=900)
    return lab


def start_daemons(lab: Lab) -> list[subprocess.Popen[bytes]]:
    """One daemon in each node, every link 10 Mbit/s."""
    daemons = []
    for name in NODES:
        config = SCRATCH / f"{name}.toml"
        rates = [f'[interfaces."{end.name}"]\nbandwidth = "10mbit"\n' for end in lab[name].ends]
        config.write_text(f"refresh = {REFRESH}\n" + "".join(rates))
        daemons.append(command(name, "daemon", "--config", str(config)))
    while not all((SCRATCH / f"{name}.sock").exists() for name in NODES):
        time.sleep(0.05)
    return daemons


async def installed(node: str) -> list[str]:
    """The interfaces on which a node has the reservation installed."""
    async with await rsvp.connect(f"{SCRATCH}/{node}.sock") as client:
        return [str(entry["interface"]) for entry in await client.show("installed")]


async def when(node: str, true: Callable[[list[str]], bool]) -> float:
    """Wait until what a node has installed is as wanted; the time of that."""
    while not true(await installed(node)):
        await asyncio.sleep(0.02)
    return time.monotonic()


async def story(lab: Lab) -> None:
    """Pull the link, and say when what happened."""
    await when("r1", lambda on: on == ["to-r2"])
    print("reserved by way of r2")
    began = time.monotonic()
    run("r1", "ip", "link", "set", "to-r2", "down").wait()
    around = await when("r1", lambda on: "to-r3" in on)
    print(f"the link is pulled: reserved by way of r3 after {around - began:.2f} s")
    gone = await when("r2", lambda on: not on)
    print(f"r2 has forgotten it after {gone - began:.2f} s: it was refreshed every {REFRESH:g} s")
    with NetNS(nsname="r2"):
        classes = subprocess.run(["tc", "class", "show", "dev", "to-r4"], capture_output=True, text=True)
    left = [line for line in classes.stdout.splitlines() if " 2e:1" in line and " 2e:1 " not in line]
    print(f"classes for reservations left in r2: {len(left)}")


def main() -> int:
    lab = diamond()
    daemons = start_daemons(lab)
    to = f"{lab['h2'].address}:5000"
    sender = command("h1", "send", to, f"--source={lab['h1'].address}:4000", "--rate=1mbit")
    receiver = command("h2", "reserve", to, "--style=ff", f"--sender={lab['h1'].address}:4000")
    asyncio.run(story(lab))
    for process in (receiver, sender, *daemons):
        process.terminate()
        process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(Sandbox(main).wait())
