"""The course of the demo: measure without a reservation, reserve, measure again.

`Demo` is the ordinary process: it holds the sandbox, hands on its progress and takes its result.
`conduct` is what runs inside.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import LocalError, RsvpError
from ..lab import Sandbox, Task
from .network import Network, Plan
from .traffic import (
    Arrival,
    discard,
    listen,
    open_background,
    percentile,
    read_arrivals,
    receive_flow,
    send_background,
    send_flow,
)

FILL = 0.5
"""Seconds for the overload to fill the slow link's queue."""
LINGER = 0.7
"""Seconds for the flow's last packets to arrive."""

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Step:
    """Progress: what begins now, and how many seconds it will take."""

    text: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """One measurement: packets sent, and those that arrived, as `Arrival`s in order of arrival."""

    sent: int
    arrivals: list[Arrival]

    @property
    def began(self) -> int:
        """When the first packet that arrived was sent, monotonic ns."""
        return min((one.sent for one in self.arrivals), default=0)

    @property
    def loss(self) -> float:
        """The share that did not arrive."""
        return 1.0 - len(self.arrivals) / self.sent if self.sent else 0.0

    def delay_ms(self, share: float) -> float | None:
        """A percentile of the delay in milliseconds; None where nothing arrived."""
        return percentile([one.delay for one in self.arrivals], share) * 1e3 if self.arrivals else None

    def delay_text(self, share: float) -> str:
        """The same for people, "-" where nothing arrived."""
        delay = self.delay_ms(share)
        return "-" if delay is None else f"{delay:.0f} ms" if delay >= 100 else f"{delay:.2g} ms"

    def to_json(self) -> dict[str, Any]:
        """{"sent", "received", "loss", "delay_ms"}."""
        delays = {"p50": self.delay_ms(0.50), "p99": self.delay_ms(0.99)}
        return {"sent": self.sent, "received": len(self.arrivals), "loss": self.loss, "delay_ms": delays}


@dataclass(frozen=True)
class Result:
    """What the demo found: both runs, how long the reservation took, what each node showed."""

    plan: Plan
    without: Run
    reserved: Run
    setup_ms: float
    hops: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The object that `rsvp demo --json` prints."""
        plan = self.plan
        return {
            "flow": {"rate": plan.flow_rate, "packet_size": plan.packet_size},
            "link": {"rate": plan.link_rate},
            "background": {"rate": plan.background_rate},
            "without": self.without.to_json(),
            "with": self.reserved.to_json(),
            "setup_ms": self.setup_ms,
            "hops": self.hops,
        }


class Demo:
    """The demo in its sandbox; iterate it for `Step`s and the final `Result`.

    Leaving the `with` block ends it at once, whatever it does: the kernel takes back its processes,
    namespaces and files.
    """

    def __init__(self, plan: Plan) -> None:
        """Raises Unavailable where this system allows no namespaces."""
        self.plan = plan
        readable, writable = os.pipe()

        def inside() -> int:
            os.close(readable)
            os.dup2(2, 1)  # standard output is for the result
            with os.fdopen(writable, "w") as out:
                return _conduct(plan, out)

        self._sandbox = Sandbox(inside)
        os.close(writable)
        self._news = os.fdopen(readable)

    def __enter__(self) -> Demo:
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.kill()
        self._news.close()

    def __iter__(self) -> Iterator[Step | Result]:
        """Steps as they begin, then the result. Raises LocalError where the demo fails."""
        for line in self._news:
            news = json.loads(line)
            if "error" in news:
                raise LocalError(news["error"])
            if "step" in news:
                yield Step(news["step"], news["seconds"])
            else:
                without, reserved = (_read_run(run) for run in news["runs"])
                yield Result(self.plan, without, reserved, news["setup_ms"], news["hops"])
                return
        raise LocalError("the demo's network ended before there was a result")


def _read_run(run: dict[str, Any]) -> Run:
    return Run(run["sent"], [Arrival(*one) for one in run["arrivals"]])


def _conduct(plan: Plan, out: Any) -> int:
    def tell(news: dict[str, Any]) -> None:
        print(json.dumps(news), file=out, flush=True)

    try:
        with asyncio.Runner() as runner:
            tell(conduct(plan, tell, runner))
    except RsvpError as error:
        tell({"error": str(error)})
        return 1
    return 0


def conduct(plan: Plan, tell: Tell, runner: asyncio.Runner) -> dict[str, Any]:
    """Build the network, measure, reserve, measure; tells each step, returns the raw result."""

    def step(text: str, seconds: float) -> None:
        tell({"step": text, "seconds": seconds})

    step("starting two hosts, two routers, four daemons", 3.0)
    network = Network(plan)
    tasks: list[Task] = []
    sockets: list[socket.socket] = []
    try:
        network.start_daemons()
        runner.run(network.connect())
        network.check_traffic_control()
        lab, destination = network.lab, str(network.lab["h2"].address)
        sink = (destination, plan.background_port)
        with lab["h2"]:
            sockets.append(listen(sink))
        with lab["h1"]:
            background = open_background(network.background_device, sink)
        sockets += background
        tasks.append(lab["h2"].spawn(partial(discard, sockets[0])))
        tasks.append(lab["h1"].spawn(partial(send_background, background, plan.background_packet)))
        seconds = plan.duration + LINGER
        step("overload, and a flow without reservation", FILL + seconds)
        time.sleep(FILL)
        without = _measure(network)
        step("Path and Resv", 0.5)
        setup = runner.run(network.reserve())
        hops = runner.run(network.hops())
        step("the same flow with its reservation", seconds)
        reserved = _measure(network)
    finally:
        for task in tasks:
            task.stop()
        for sock in sockets:
            sock.close()
        step("tearing down", 1.0)
        runner.run(network.close())
    return {"runs": [without, reserved], "setup_ms": setup * 1e3, "hops": hops}


def _measure(network: Network) -> dict[str, Any]:
    """Send the flow for its duration; what was sent and what arrived."""
    plan, lab = network.plan, network.lab
    source = (str(lab["h1"].address), plan.source_port)
    to = (str(lab["h2"].address), plan.port)
    with lab["h2"], listen(to) as sock:
        receiver = lab["h2"].spawn(partial(receive_flow, sock, plan.duration + LINGER))
    sender = lab["h1"].spawn(partial(send_flow, source, to, plan.flow_rate, plan.packet_size, plan.duration))
    (sent,) = struct.unpack("!Q", sender.result())
    arrivals = read_arrivals(receiver.result())
    return {"sent": sent, "arrivals": [(one.number, one.sent, one.delay) for one in arrivals]}
