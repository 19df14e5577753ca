"""A node's numbers as Prometheus reads them in its text format, version 0.0.4."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from .counts import Histogram, Tally
from .engine import Engine
from .show import Names

Sample = tuple[Mapping[str, str], float]
"""Labels and a value."""


def page(tally: Tally, engine: Engine, names: Names) -> str:
    """All of it."""
    return "".join(f"{line}\n" for line in _lines(tally, engine, names))


def _lines(tally: Tally, engine: Engine, names: Names) -> Iterator[str]:
    yield from _family(
        "rsvp_messages_total",
        "counter",
        "RSVP messages received (in) and sent (out).",
        (
            ({"type": name, "dir": direction, "interface": names(index) or ""}, number)
            for index, counts in sorted(tally.interfaces.items())
            for direction, counter in (("in", counts.received), ("out", counts.sent))
            for name, number in counter.items()
        ),
    )
    errors: Counter[str] = sum((one.errors for one in tally.interfaces.values()), Counter())
    yield from _family(
        "rsvp_errors_total",
        "counter",
        "Messages that were not acted on or not sent, by reason.",
        (({"kind": kind}, number) for kind, number in errors.items()),
    )
    sessions, senders, reservations = engine.size()
    for name, text, number in (
        ("rsvp_sessions", "Sessions.", sessions),
        ("rsvp_path_states", "Path state blocks: senders.", senders),
        ("rsvp_reservations", "Reservation state blocks.", reservations),
    ):
        yield from _family(name, "gauge", text, [({}, number)])
    interfaces = engine.interfaces()
    for what, text in (
        ("reserved", "Promised to reservations."),
        ("limit", "What reservations may take together."),
    ):
        yield from _family(
            f"rsvp_interface_{what}_bytes_per_second",
            "gauge",
            text,
            (({"interface": one.name}, getattr(one, what)) for one in interfaces),
        )
    yield from _family(
        "rsvp_admission_total",
        "counter",
        "Reservations, and changes of them, accepted and refused.",
        (({"result": result, "reason": why}, number) for (result, why), number in tally.admissions.items()),
    )
    yield from _family(
        "rsvp_state_timeouts_total",
        "counter",
        "State that was not refreshed in time.",
        (({"kind": kind}, number) for kind, number in tally.timeouts.items()),
    )
    yield from _histogram(
        "rsvp_refresh_lag_seconds", "How late refreshes and timeouts were looked after.", tally.lag
    )


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _histogram(name: str, text: str, histogram: Histogram) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} histogram"
    total = 0
    for bound, number in zip((*histogram.BOUNDS, math.inf), histogram.numbers, strict=True):
        total += number
        yield _sample(f"{name}_bucket", {"le": _number(bound)}, total)
    yield _sample(f"{name}_sum", {}, histogram.sum)
    yield _sample(f"{name}_count", {}, total)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return "+Inf" if value == math.inf else repr(value)
