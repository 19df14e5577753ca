"""How fast the codec is, beside scapy and the obvious decoder of the tests, in one run.

`python -m tests.bench.wire` prints a table, with `--json` one JSON object. The messages are a Path of
172 bytes with ADSPEC and a Resv of 108 bytes with one guaranteed FF flow. Checksums are verified. Each
figure is the best of `--rounds` rounds. In `changing` the packets differ from one to the next in
addresses, ports and rates, so that nothing can be had from what was decoded before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rsvp import _wire
from tests import reference
from tests.bench.messages import path, resv
from tests.oracles import scapy_rsvp

COUNT = 4000
"""Different messages in the changing runs: more than the codec keeps addresses for."""


def rate(function: Callable[[Any], Any], inputs: Sequence[Any], rounds: int) -> float:
    """Calls a second, the best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        for one in inputs:
            function(one)
        best = max(best, len(inputs) / (time.perf_counter() - started))
    return best


def scapy_decode(data: bytes) -> Any:
    """scapy's own way: header, objects and contents, all of them dissected."""
    return scapy_rsvp.take_apart(data)


def scapy_encode(parts: tuple[Any, list[tuple[Any, Any]]]) -> bytes:
    """Build the layers that `take_apart` gave, with a new checksum."""
    header, objects = parts
    for layer in (header, *(layer for pair in objects for layer in pair)):
        layer.raw_packet_cache = None
    body = b"".join(bytes(head) + bytes(contents) for head, contents in objects)
    built = bytes(header)[:2] + b"\0\0" + bytes(header)[4:] + body
    return built[:2] + scapy_rsvp.checksum(built).to_bytes(2, "big") + built[4:]


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Rates in messages/s: {"Path decode": {"rsvp", "changing", "reference", "scapy"}, ...}."""
    results = {}
    for make in (path, resv):
        message: Any = make()
        many: list[Any] = [replace(make(n)) for n in range(COUNT)]
        data = _wire.encode(message)
        name = f"{message.name} of {len(data)} bytes"
        assert _wire.decode(data) == reference.decode(data) == message
        results[f"{name}, decode"] = {
            "rsvp": rate(_wire.decode, [data] * 20000, rounds),
            "changing": rate(_wire.decode, [_wire.encode(one) for one in many] * 5, rounds),
            "reference": rate(reference.decode, [data] * 1000, rounds),
            "scapy": rate(scapy_decode, [data] * 100, rounds),
        }
        parts = scapy_rsvp.take_apart(data)
        assert scapy_encode(parts) == data
        results[f"{name}, encode"] = {
            "rsvp": rate(_wire.encode, [message] * 20000, rounds),
            "changing": rate(_wire.encode, many * 5, rounds),
            "scapy": rate(scapy_encode, [parts] * 100, rounds),
        }
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.wire", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which the best counts")
    options = parser.parse_args()
    results = measure(options.rounds)
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
        return
    print(f"{'':32} {'messages/s':>12} {'changing':>12} {'x reference':>12} {'x scapy':>9}")
    for name, rates in results.items():
        ratios = [
            rates["rsvp"] / rates[other] if other in rates else None for other in ("reference", "scapy")
        ]
        shown = [f"{ratio:,.1f}" if ratio else "-" for ratio in ratios]
        print(f"{name:32} {rates['rsvp']:12,.0f} {rates['changing']:12,.0f} {shown[0]:>12} {shown[1]:>9}")


if __name__ == "__main__":
    main()
