"""The entries of `rsvp show`: the engine's views with names for numbers and JSON inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ._json import json_text
from .counts import Counts
from .enforcement import Enforcement
from .engine import Engine
from .engine.admission import Limit
from .engine.interfaces import LOCAL
from .engine.views import Explanation, VerdictView
from .jsonform import Json, session, to_json
from .neighbors import Neighbor
from .objects import Session, Style
from .tc import Counters

UNITS: Mapping[str, str] = {
    Limit.MTU: "bytes",
    Limit.DELAY: "s",
    Limit.SESSIONS: "sessions",
    Limit.RESERVATIONS: "reservations",
    Limit.NEIGHBOR: "state blocks",
    Limit.STATE: "state blocks",
}
"""What limits count in; the others are rates."""


class Names:
    """Interface numbers -> names; null for an application on this node."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def __call__(self, index: int) -> str | None:
        return None if index == LOCAL else self._names.get(index, str(index))


def entries(views: list[Any], names: Names) -> list[dict[str, Json]]:
    """Each view as a JSON object; seconds are rounded to milliseconds."""
    return [_entry(view, names) for view in views]


def views(engine: Engine, what: str, now: float) -> list[Any]:
    """What the engine has of one of the words of `rsvp show`."""
    found: dict[str, Callable[[], list[Any]]] = {
        "interfaces": engine.interfaces,
        "sessions": engine.sessions,
        "senders": lambda: engine.senders(now),
        "reservations": lambda: engine.reservations(now),
        "requests": engine.requests,
        "installed": engine.installed,
        "refusals": engine.refusals,
    }
    return found[what]()


def standing(engine: Engine, session: Session | None, now: float) -> dict[str, int]:
    """How many senders and reservations there are, in one session or all, and how many are applications'."""
    senders = [
        one.phop is None for one in engine.senders(now) if session is None or one.session.key == session.key
    ]
    reservations = [
        one.nhop is None
        for one in engine.reservations(now)
        if session is None or one.session.key == session.key
    ]
    return {
        "senders": len(senders),
        "reservations": len(reservations),
        "own senders": sum(senders),
        "own reservations": sum(reservations),
    }


def neighbors(table: Iterable[Neighbor], names: Names, now: float) -> list[dict[str, Json]]:
    """Whom this node heard of, and how long ago."""
    return [
        {
            "address": str(one.address),
            "interface": names(one.interface),
            "encapsulation": one.encapsulation,
            "last_heard": round(now - one.last_heard, 3),
        }
        for one in table
    ]


def counters(counts: Mapping[int, Counts], names: Names) -> list[dict[str, Json]]:
    """The counters of each interface."""
    return [
        {
            "interface": names(index),
            "sent": dict(one.sent),
            "received": dict(one.received),
            "errors": dict(one.errors),
        }
        for index, one in sorted(counts.items())
    ]


def add_carried(entries: list[dict[str, Json]], installed: list[Any], enforcement: Enforcement) -> None:
    """Put what the kernel calls each installed reservation, and has counted for it, into its entry."""
    counted = enforcement.counters()
    for entry, view in zip(entries, installed, strict=True):
        carried = counted.get(view.interface, {}).get(view.handle, Counters())
        entry["handle"] = enforcement.kernel_handle(view.interface, view.handle) or str(view.handle)
        entry |= {"bytes": carried.bytes, "packets": carried.packets, "dropped": carried.dropped}


def add_proxies(entries: list[dict[str, Json]], found: list[Any], makers: Mapping[int | None, str]) -> None:
    """Put the kind of table in rsvp.toml that made a sender or reservation, if one did, into its entry."""
    for entry, view in zip(entries, found, strict=True):
        entry["proxy"] = makers.get(view.application)


def why(explanations: Iterable[Explanation], names: Names) -> list[dict[str, Json]]:
    """Each reason as a JSON object, with names for interfaces."""
    return [
        {
            "text": one.text,
            "section": one.section,
            "sources": [{**to_json(source), "interface": names(source.interface)} for source in one.sources],
        }
        for one in explanations
    ]


def verdicts(views: Iterable[VerdictView], names: Names) -> list[dict[str, Json]]:
    """What would become of a reservation, as `Api.admit` has it."""
    return [
        {
            "interface": names(one.interface),
            "accepted": one.accepted,
            "filters": to_json(one.filters),
            "flowspec": to_json(one.flowspec),
            "rate": one.rate,
            "held": one.held,
            "remains": to_json(one.remains),
            "reason": None if one.accepted else _reason(one),
        }
        for one in views
    ]


def _reason(one: VerdictView) -> dict[str, Json]:
    reason: dict[str, Json] = {key: getattr(one, key) for key in ("code", "value", "text", "section")}
    if one.limit is not None:
        unit = UNITS.get(one.limit, "bytes/s")
        reason |= {"limit": one.limit, "asked": one.asked, "available": one.available, "unit": unit}
    return reason


def _session(value: Any, names: Names) -> Json:
    return session(value) if isinstance(value, Session) else to_json(value)


def _style(value: Style | None, names: Names) -> Json:
    return None if value is None else value.name


def _expires_in(value: float | None, names: Names) -> Json:
    return None if value is None else round(value, 3)


FORMS: dict[str, Callable[[Any, Names], Json]] = {
    "interface": lambda index, names: names(index),
    "outgoing": lambda indexes, names: [names(index) for index in indexes],
    "session": _session,
    "style": _style,
    "expires_in": _expires_in,
}
"""What has another form here than in a recording."""


def _entry(view: Any, names: Names) -> dict[str, Json]:
    # Through compiled text and back: ten times as fast as `to_json`, of which this is the same.
    entry: dict[str, Json] = msgspec.json.decode(json_text(view))
    entry.pop("application", None)  # a number that means nothing to anybody else
    for key in FORMS.keys() & entry.keys():
        entry[key] = FORMS[key](getattr(view, key), names)
    return entry
