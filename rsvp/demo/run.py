"""The course of the demo: measure without a reservation, reserve, measure again.

`Demo` is the ordinary process: it holds the sandbox, hands on its progress and takes its result.
`conduct` is what runs inside.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from typing import Any

from ..errors import LocalError, RsvpError
from ..lab import Sandbox, Task
from .measure import Run, measure
from .network import Network, Plan
from .traffic import LINGER, Arrival, discard, listen, open_background, send_background

FILL = 0.5
"""Seconds for the overload to fill the slow link's queue."""
TRIES = 3
"""Times that a measurement is made in which the machine itself stood in the way."""

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Step:
    """Progress: what begins now, and how many seconds it will take."""

    text: str
    seconds: float


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
    return Run(**run | {"arrivals": [Arrival(*one) for one in run["arrivals"]]})


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
        lab = network.lab
        sink = (network.address("h2"), plan.background_port)
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
        without = _measure(network, step)
        step("Path and Resv", 0.5)
        setup = runner.run(network.reserve())
        hops = runner.run(network.hops())
        step("the same flow with its reservation", seconds)
        reserved = _measure(network, step)
    finally:
        for task in tasks:
            task.stop()
        for sock in sockets:
            sock.close()
        step("tearing down", 1.0)
        runner.run(network.close())
    return {"runs": [without, reserved], "setup_ms": setup * 1e3, "hops": hops}


def _measure(network: Network, step: Callable[[str, float], None]) -> dict[str, Any]:
    """Send the flow for its duration; what was sent and what arrived.

    Measured again, a few times at most, where the machine was busy with other work meanwhile.
    """
    plan, lab = network.plan, network.lab
    source = (network.address("h1"), plan.source_port)
    to = (network.address("h2"), plan.port)
    for again in reversed(range(TRIES)):
        before, began = network.background_sent(), time.monotonic()
        run = measure(lab["h1"], lab["h2"], source, to, plan.flow_rate, plan.packet_size, plan.duration)
        offered = (network.background_sent() - before) / (time.monotonic() - began)
        run = replace(run, overload=offered / plan.background_rate)
        if not (run.disturbed and again):
            break
        step("again: this machine was busy with other work", plan.duration + LINGER)
    return asdict(run) | {"arrivals": [astuple(one) for one in run.arrivals]}
