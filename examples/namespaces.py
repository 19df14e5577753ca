"""h1 - r1 - h2 in namespaces: the two host examples talk, a daemon in each node, no root needed.

pip install netns
python namespaces.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from netns import NetNS

from rsvp.lab import SCRATCH, Sandbox, chain

HERE = Path(__file__).parent
NODES = ("h1", "r1", "h2")


def start(node: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Python in a node's namespace."""
    with NetNS(nsname=node):
        return subprocess.Popen([sys.executable, *arguments])


def main() -> int:
    lab = chain(*NODES)
    address = str(lab["h2"].address)
    daemons = []
    for name in NODES:
        config = SCRATCH / f"{name}.toml"
        rates = [f'[interfaces."{end.name}"]\nbandwidth = "10mbit"\n' for end in lab[name].ends]
        config.write_text(f'control = "{SCRATCH}/{name}.sock"\n' + "".join(rates))
        daemons.append(start(name, "-m", "rsvp", "daemon", "--config", str(config)))
    while not all((SCRATCH / f"{name}.sock").exists() for name in NODES):
        time.sleep(0.05)

    receiver = start(
        "h2",
        str(HERE / "host_receive.py"),
        address,
        "5000",
        f"--control={SCRATCH}/h2.sock",
    )
    sender = start(
        "h1", str(HERE / "host_send.py"), address, "5000", "--seconds=2", f"--control={SCRATCH}/h1.sock"
    )
    status = receiver.wait() or sender.wait()
    for daemon in daemons:
        daemon.terminate()
        daemon.wait()
    return status


if __name__ == "__main__":
    sys.exit(Sandbox(main).wait())
