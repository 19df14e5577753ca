"""What appeared, changed and went in the state of an engine, step by step (RFC 2209's state blocks)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .. import show
from ..engine import Engine
from ..jsonform import Json, to_json
from ..objects import Session, SessionKey
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
    """One word of `rsvp show`: where it is, what tells entries apart, whether time alone changes them."""

    state: str
    look: Callable[[Engine, float, Session | None], Sequence[Any]]
    key: Callable[[Any], Hashable]
    ticks: bool = False


def _by_filters(view: Any) -> Hashable:
    """Distinct reservations are told apart by their sender, shared ones stay the same."""
    return None if view.style.shared else view.filters


WATCHED: Final[Mapping[str, _Watched]] = {
    "senders": _Watched("sender", Engine.senders, lambda view: (view.sender, view.interface), True),
    "reservations": _Watched(
        "reservation", Engine.reservations, lambda view: (view.nhop, view.interface, _by_filters(view)), True
    ),
    "requests": _Watched(
        "request",
        lambda engine, now, session: engine.requests(session),
        lambda view: (view.phop, view.interface, _by_filters(view)),
    ),
    "installed": _Watched(
        "installed", lambda engine, now, session: engine.installed(session), lambda view: view.handle
    ),
}

_Views = dict[SessionKey, dict[Hashable, Any]]


class Changes:
    """Compares an engine with itself, each time it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, _Views] = {what: {} for what in WATCHED}

    def since(
        self, now: float, sessions: Collection[Session] | None = None
    ) -> Iterator[tuple[str, str, dict[str, Json]]]:
        """(state, change, entry) for all that is not as it was when this was asked last.

        `sessions` are those where anything can have changed, None if it can be all.
        """
        names = Names({view.index: view.name for view in self._engine.interfaces()})
        for what, watched in WATCHED.items():
            seen = self._seen[what]
            found = self._views(what, now, sessions)
            all_of_them = (*seen, *found) if sessions is None else (session.key for session in sessions)
            for session in dict.fromkeys(all_of_them):
                old, new = seen.pop(session, {}), found.get(session, {})
                if new:
                    seen[session] = new
                for key, view in new.items():
                    if view != old.get(key):
                        yield watched.state, CHANGED if key in old else NEW, _entry(view, names)
                for key, view in old.items():
                    if key not in new:
                        yield watched.state, GONE, _entry(view, names)

    def _views(self, what: str, now: float, sessions: Collection[Session] | None) -> _Views:
        watched = WATCHED[what]
        found: _Views = {}
        for session in (None,) if sessions is None else sessions:
            for view in watched.look(self._engine, now, session):
                shown = replace(view, expires_in=None) if watched.ticks else view
                found.setdefault(view.session.key, {})[watched.key(view)] = shown
        return found


def _entry(view: Any, names: Names) -> dict[str, Json]:
    return show.entries([view], names)[0]
