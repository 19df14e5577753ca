"""What appeared, changed and went in the state of an engine, step by step (RFC 2209's state blocks)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .. import show
from ..engine import Engine
from ..jsonform import Json, to_json
from ..objects import Session
from ..show import Names

NEW, CHANGED, GONE, SENT = "new", "changed", "gone", "sent"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a timeline.

    `time` is seconds from the start; `frame` the packet, or the line of a recording, that did it,
    None for time alone. `state` is the singular of a word of `rsvp show`, or "message" for one that
    was sent; `change` is "new", "changed", "gone" or "sent". `entry` is what `rsvp show` has of it, and
    `why` a sentence.
    """

    time: float
    frame: int | None
    state: str
    change: str
    entry: Mapping[str, Json]
    why: str

    def as_json(self) -> dict[str, Json]:
        """{"time", "frame", "state", "change", "entry", "why"}."""
        return {
            "time": round(self.time, 6),
            "frame": self.frame,
            "state": self.state,
            "change": self.change,
            "entry": to_json(self.entry),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class _Watched:
    """One word of `rsvp show`: what tells its entries apart, and what of them only time changes."""

    state: str
    key: Callable[[Any], Hashable]
    ticks: bool = False


def _by_filters(view: Any) -> Hashable:
    """Distinct reservations are told apart by their sender, shared ones stay the same."""
    return None if view.style.shared else view.filters


WATCHED: Final[Mapping[str, _Watched]] = {
    "senders": _Watched("sender", lambda view: (view.session, view.sender, view.interface), True),
    "reservations": _Watched(
        "reservation", lambda view: (view.session, view.nhop, view.interface, _by_filters(view)), True
    ),
    "requests": _Watched(
        "request", lambda view: (view.session, view.phop, view.interface, _by_filters(view))
    ),
    "installed": _Watched("installed", lambda view: view.handle),
}

_Views = dict[Hashable, Any]


class Changes:
    """Compares an engine with itself, each time it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, _Views] = {what: {} for what in WATCHED}

    def since(self, now: float) -> Iterator[tuple[str, str, dict[str, Json], Session]]:
        """(state, change, entry, session) for all that is not as it was when this was asked last."""
        names = Names({view.index: view.name for view in self._engine.interfaces()})
        for what, watched in WATCHED.items():
            old = self._seen[what]
            new = self._seen[what] = self._views(what, watched, now)
            for key, view in new.items():
                if key not in old:
                    yield watched.state, NEW, self._entry(view, names), view.session
                elif view != old[key]:
                    yield watched.state, CHANGED, self._entry(view, names), view.session
            for key in old.keys() - new.keys():
                view = old[key]
                yield watched.state, GONE, self._entry(view, names), view.session

    def _views(self, what: str, watched: _Watched, now: float) -> _Views:
        views = show.views(self._engine, what, now)
        if watched.ticks:
            views = [replace(view, expires_in=None) for view in views]
        return {watched.key(view): view for view in views}

    def _entry(self, view: Any, names: Names) -> dict[str, Json]:
        return show.entries([view], names)[0]
