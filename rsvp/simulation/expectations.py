"""What a scenario expects at some time, read into a look that says whether it holds."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from ..control.schema import upcall_to_json
from ..units import format_rate, parse_rate
from .lines import Words, is_number, read_whole
from .node import Node
from .simulation import Simulation

Look = Callable[[], tuple[bool, str]]
"""Whether it holds, and what was found."""

BOUNDS: dict[str, Callable[[int, int], bool]] = {"at-least": operator.ge, "at-most": operator.le}
COUNTED = ("sessions", "senders", "reservations", "requests", "installed", "refusals")
EVENTS = ("path", "path_gone", "path_error", "resv", "resv_gone", "resv_error", "confirm")


def read_expectation(words: Words, simulation: Simulation) -> Look:
    """Read what follows "expect": "empty", or a node with what it has. Raises ScenarioError."""
    if words.maybe("empty"):
        words.end()
        return lambda: _empty(simulation)
    name = words.take("a node, or empty")
    if name not in simulation.nodes:
        words.unknown(name, "node", ["empty", *simulation.nodes])
    node = simulation.nodes[name]
    what = words.maybe(*COUNTED, "heard", "reserved")
    if what is None:
        words.unknown(words.take("what it has"), "thing to expect", (*COUNTED, "heard", "reserved"))
    if what == "heard":
        return _heard(words, node)
    if what == "reserved":
        return _reserved(words, node)
    return _counted(words, node, what)


def _empty(simulation: Simulation) -> tuple[bool, str]:
    full = [node.name for node in simulation.nodes.values() if node.sessions() or node.ledger.flows]
    return not full, f"state on {', '.join(full)}" if full else "no state anywhere"


def _counted(words: Words, node: Node, what: str) -> Look:
    holds, number = _read_number(words)

    def look() -> tuple[bool, str]:
        found = len(getattr(node, what)())
        return holds(found, number), f"{found} {what}"

    return look


def _read_number(words: Words) -> tuple[Callable[[int, int], bool], int]:
    """ "2", "at-least 2" or "at-most 2": how what is found compares, and with what."""
    bound = words.maybe(*BOUNDS)
    number = words.read(read_whole, "a number")
    words.end()
    return BOUNDS[bound] if bound else operator.eq, number


def _heard(words: Words, node: Node) -> Look:
    """heard EVENT [NUMBER]: an application was told of it, so often, at least once if not said."""
    event = words.maybe(*EVENTS)
    if event is None:
        words.unknown(words.take("an event"), "event", EVENTS)
    holds, number = _read_number(words) if words.next is not None else (operator.ge, 1)

    def look() -> tuple[bool, str]:
        found = sum(upcall_to_json(upcall)["event"] == event for _, upcall in node.events)
        return holds(found, number), f"{event} {found} times"

    return look


def _reserved(words: Words, node: Node) -> Look:
    """reserved [INTERFACE] RATE: what reservations take on an interface, or on all together."""
    interface = None
    names = [port.name for port in node.ports.values()]
    if words.next in names or not is_number(words.next):
        interface = words.take("an interface or a rate")
        if interface not in names:
            words.unknown(interface, f"interface of {node.name}", names)
    rate = 0.0 if words.maybe("0") else words.read(parse_rate, "a rate")
    words.end()

    def look() -> tuple[bool, str]:
        views = [view for view in node.interfaces() if interface in (None, view.name)]
        found = sum(view.reserved for view in views)
        return math.isclose(found, rate, rel_tol=1e-6, abs_tol=1e-6), f"{format_rate(found)} reserved"

    return look
