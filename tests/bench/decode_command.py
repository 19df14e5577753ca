"""How fast `rsvp decode --json` gets through a capture, beside tcpdump, tshark and scapy, in one run.

`python -m tests.bench.decode_command` writes two captures of `--packets` packets, half Path with
ADSPEC, half guaranteed Resv, and times whole processes, start included, on one core: `rsvp decode
--json`, `tcpdump -vvv -r`, `tshark -V -r` and, on a hundredth of the packets because it is that
slow, scapy. The programs take turns, `--rounds` times, and each one's best counts, in packets for a
second of processor time. The `refreshes` are of 500 flows, which is what soft state looks like; in
`changing` no two packets are alike, in addresses, ports, rates and times. A program that is not
installed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from rsvp._wire import encode
from rsvp.capture.write import RAW_IP, PcapWriter, wrap
from tests.bench.messages import path, resv

FLOWS = 500
SCAPY_SHARE = 100
"""scapy gets one packet of so many."""

SCAPY = """
import sys
from scapy.contrib.rsvp import RSVP
from scapy.utils import RawPcapReader
from scapy.layers.inet import IP
for data, _ in RawPcapReader(sys.argv[1]):
    IP(data).show2(dump=True)
"""


def spread(address: IPv4Address) -> IPv4Address:
    """Another address for each, anywhere: tcpdump is slow at telling apart those that begin alike."""
    return IPv4Address(int(address) * 0x9E3779B1 & 0xFFFFFFFF)


def packet(n: int) -> bytes:
    """The n-th different IPv4 packet: Path and Resv in turn."""
    of = path(n)
    session = replace(of.session, destination=spread(of.session.destination))
    hop = replace(of.hop, address=spread(of.hop.address))
    sender = replace(of.sender.template, address=spread(of.sender.template.address))
    if n % 2:
        message = resv(n)
        flow = replace(message.flows[0], filters=(sender,))
        data = encode(replace(message, session=session, hop=hop, flows=(flow,)))
        return wrap(data, hop.address, spread(hop.address), 63)
    data = encode(replace(of, session=session, hop=hop, sender=replace(of.sender, template=sender)))
    return wrap(data, sender.address, session.destination, 63, router_alert=True)


def packets(count: int, different: int) -> Iterator[bytes]:
    """So many packets, the first `different` of them again and again."""
    known = [packet(n) for n in range(min(count, different))]
    for n in range(count):
        yield known[n % different]


def write(file: Path, count: int, different: int) -> None:
    """Write a capture."""
    with open(file, "wb") as out:
        writer = PcapWriter(out, RAW_IP)
        for n, packet in enumerate(packets(count, different)):
            writer.write(1_700_000_000_000_000_000 + n * 1_000_000, packet)


def commands(file: Path, part: Path) -> dict[str, tuple[list[str], int]]:
    """Program -> its command line, and of how many packets it gets one."""
    found = {"rsvp decode --json": ([sys.executable, "-m", "rsvp", "decode", "--json", str(file)], 1)}
    if shutil.which("tcpdump"):
        found["tcpdump -vvv"] = (["tcpdump", "-n", "-vvv", "-r", str(file)], 1)
    if shutil.which("tshark"):
        found["tshark -V"] = (["tshark", "-n", "-V", "-r", str(file)], 1)
    found["scapy"] = ([sys.executable, "-c", SCAPY, str(part)], SCAPY_SHARE)
    return found


def run(command: list[str]) -> float:
    """Seconds of processor time that a process takes, start included, its output thrown away.

    The clock on the wall would also measure whatever else the machine does.
    """
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return used.ru_utime + used.ru_stime


def measure(count: int, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """{"refreshes": {program: packets/s}, "changing": {...}}."""
    results = {}
    for name, different in (("refreshes", 2 * FLOWS), ("changing", count)):
        file, part = folder / f"{name}.pcap", folder / f"{name}-part.pcap"
        write(file, count, different)
        write(part, max(1, count // SCAPY_SHARE), different)
        best: dict[str, float] = {}
        for _ in range(rounds):
            for program, (command, share) in commands(file, part).items():
                rate = max(1, count // share) / run(command)
                best[program] = max(rate, best.get(program, 0.0))
        results[name] = best
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decode_command", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the best counts")
    parser.add_argument("--packets", type=int, default=100_000, help="packets in each capture")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options.packets, options.rounds, Path(folder))
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
        return
    out = io.StringIO()
    for name, rates in results.items():
        own = rates["rsvp decode --json"]
        print(f"{name}: {options.packets:,} packets", file=out)
        for program, rate in rates.items():
            print(f"  {program:20} {rate:12,.0f} packets/s   rsvp is {own / rate:6.2f} x", file=out)
        missing = {"tcpdump -vvv", "tshark -V"} - rates.keys()
        for program in sorted(missing):
            print(f"  {program:20} not installed", file=out)
    print(out.getvalue(), end="")


if __name__ == "__main__":
    main()
