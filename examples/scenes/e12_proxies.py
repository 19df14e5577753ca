"""E12. Reservations from the command line, for programs that know nothing of RSVP."""

from __future__ import annotations

import signal
import subprocess
import sys

from stage import Stage, play

from rsvp import Path, PathTear, Resv, ResvTear
from rsvp.lab import SCRATCH


def run(stage: Stage, host: str, line: str) -> subprocess.Popen[bytes]:
    """Run the command on a host, as somebody would who works there."""
    stage.says(f"{host}$ {line}")
    words = [*line.split(), f"--control={SCRATCH}/{host}.sock"]
    return stage.lab[host].python("-m", *words, stdout=subprocess.DEVNULL, stderr=sys.stdout)


async def scene(stage: Stage) -> None:
    flow = f"{stage.group[0]} {stage['h1']} udp 5150 5150"

    sender = run(stage, "h1", f"rsvp sender-host {flow} 20 5")
    await stage.sees("h2", Path)

    receiver = run(stage, "h2", f"rsvp reservation-host {flow} ff load 20 5")
    await stage.sees("h1", Resv)
    stage.says(f"reserved to h2: {await stage.reserved('h2') * 8 / 1000:g} kbit/s")

    stage.says("h2: Ctrl-C")
    receiver.send_signal(signal.SIGINT)
    await stage.sees("h1", ResvTear)

    stage.says("h1: Ctrl-C")
    sender.send_signal(signal.SIGINT)
    await stage.sees("h2", PathTear)
    stage.says(f"they end with {receiver.wait()} and {sender.wait()}")


if __name__ == "__main__":
    play(scene, multicast=True, refresh=1)
