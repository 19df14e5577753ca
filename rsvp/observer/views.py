"""What an observer knows as entries of `rsvp show`, with what only a link shows besides.

The keys are those of `rsvp show`; there are no interfaces, and nobody counts packets. Seconds are rounded
to milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ..iana import CLASS_NAMES, ClassNum, error_text
from ..intserv import Flowspec, merge, same_service
from ..jsonform import Json, session, to_json
from ..messages import AnySession
from ..objects import AnyObject, Session
from .blocks import Cause, History, SeenError, SeenNeighbor, SeenPath, SeenReservation
from .observer import Observer, session_id

WHAT: Final[tuple[str, ...]] = (
    "sessions",
    "senders",
    "reservations",
    "requests",
    "installed",
    "refusals",
    "neighbors",
    "counters",
)
"""The words that `entries` knows."""


def entries(observer: Observer, what: str, now: float, *, why: bool = False) -> list[dict[str, Json]]:
    """One of `WHAT`, each entry with a `why` if that is asked for and there is one."""
    return [{**entry, "why": reasons} if why else entry for entry, reasons in _VIEWS[what](observer, now)]


_Entries = Iterator[tuple[dict[str, Json], list[dict[str, Json]]]]


def entry_of(block: object, now: float) -> dict[str, Json]:
    """A sender, an error or a neighbour as its entry, for a timeline."""
    if isinstance(block, SeenPath):
        return _sender(block, now)
    if isinstance(block, SeenError):
        return _refusal(block)
    assert isinstance(block, SeenNeighbor)
    return _neighbor(block, now)


# --- parts ----------------------------------------------------------------------------------------------


def about(value: AnySession) -> Json:
    """A session: {"destination", "protocol", "port"}, or what a tunnel or an aggregate has instead."""
    return session(value) if isinstance(value, Session) else to_json(value)


def _left(until: float, now: float) -> float:
    return round(max(0.0, until - now), 3)


def _filters(group: Iterable[SeenReservation]) -> list[Json]:
    return [to_json(one.filter) for one in group if one.filter is not None]


def _label(attached: tuple[AnyObject, ...]) -> Json:
    found = next((one for one in attached if one.class_num == ClassNum.LABEL), None)
    if found is None:
        return None
    return to_json(getattr(found, "label", found))


def _extensions(extra: tuple[AnyObject, ...]) -> dict[str, Json]:
    """Objects of the extensions by their class's name; of several of one class the last."""
    return {CLASS_NAMES.get(one.class_num, str(one.class_num)): to_json(one) for one in extra}


def _name(extra: tuple[AnyObject, ...]) -> str | None:
    return next((one.session_name for one in extra if hasattr(one, "session_name")), None)


def _history(history: History) -> dict[str, Json]:
    return {
        "since": round(history.made.time, 6),
        "made_by": history.made.frame,
        "changed_by": history.changed.frame,
        "refreshed_by": history.heard.frame,
        "heard": history.times,
    }


def _reasons(history: History, entry: dict[str, Json], rule: str, section: str) -> list[dict[str, Json]]:
    spec = entry.get("flowspec") or entry.get("tspec")
    filters = entry.get("filters") or [one for one in (entry.get("sender"),) if one]
    causes = {cause.frame: cause for cause in (history.made, history.changed, history.heard)}

    def source(cause: Cause) -> dict[str, Json]:
        return {
            "message": f"{cause.message} in packet {cause.frame}",
            "neighbor": str(cause.node),
            "interface": None,
            "filters": filters,
            "spec": spec if cause.frame >= history.changed.frame else None,
            "frame": cause.frame,
        }

    times = "once" if history.times == 1 else f"{history.times} times"
    text = f"{rule}; heard {times}"
    return [{"text": text, "section": section, "sources": [source(one) for one in causes.values()]}]


# --- path state -----------------------------------------------------------------------------------------


def _sender(path: SeenPath, now: float) -> dict[str, Json]:
    sender = path.path.sender
    return {
        "session": about(path.session),
        "sender": to_json(sender.template),
        "phop": str(path.phop),
        "interface": None,
        "outgoing": [],
        "tspec": to_json(sender.tspec),
        "adspec": to_json(sender.adspec),
        "expires_in": _left(path.until, now),
        "refresh": path.refresh,
        "name": _name(path.path.extra),
        "extensions": _extensions(path.path.extra),
        **_history(path.history),
    }


def _next_hops(observer: Observer, path: SeenPath) -> list[Json]:
    """Who has reserved for a sender at this previous hop: the Path's next hops, as far as they show."""
    about_, template = path.key[0], path.path.sender.template
    found = [
        str(one.nhop)
        for one in observer.reservations.values()
        if one.key[0] == about_ and one.phop == path.phop and one.filter in (None, template)
    ]
    return _unique(found)


def _senders(observer: Observer, now: float) -> _Entries:
    for path in observer.paths.values():
        entry = _sender(path, now)
        entry["nhops"] = _next_hops(observer, path)
        rule = f"a Path makes path state at the next hop, which lives (K + 0.5) * 1.5 * {path.refresh:g} s"
        yield entry, _reasons(path.history, entry, rule, "RFC 2205 sections 3.1.3, 3.7")


# --- reservation state ----------------------------------------------------------------------------------


def _together(observer: Observer) -> list[list[SeenReservation]]:
    """Filters that share one reservation of one next hop at one previous hop."""
    found: dict[object, list[SeenReservation]] = {}
    for one in observer.reservations.values():
        alone = None if one.style.shared else one.filter
        key = (session_id(one.session), one.nhop, one.phop, one.style, one.flowspec, alone)
        found.setdefault(key, []).append(one)
    return list(found.values())


def reservation_of(group: list[SeenReservation], now: float) -> dict[str, Json]:
    """The entry of filters that share one reservation of one next hop."""
    first = group[0]
    latest = max(group, key=lambda one: one.history.heard.frame)
    oldest = min(group, key=lambda one: one.history.made.frame)
    labels = [_label(one.attached) for one in group]
    confirmed = [one.confirmed.frame for one in group if one.confirmed is not None]
    return {
        "session": about(first.session),
        "style": first.style.name,
        "nhop": str(first.nhop),
        "phop": str(first.phop),
        "interface": None,
        "filters": _filters(group),
        "labels": labels if any(label is not None for label in labels) else None,
        "flowspec": to_json(first.flowspec),
        "expires_in": min(_left(one.until, now) for one in group),
        "refresh": first.refresh,
        "confirmed_by": max(confirmed, default=None),
        "extensions": [_extensions(one.attached) for one in group],
        **_history(latest.history),
        "since": round(oldest.history.made.time, 6),
        "made_by": oldest.history.made.frame,
    }


def _reservations(observer: Observer, now: float) -> _Entries:
    for group in _together(observer):
        entry = reservation_of(group, now)
        rule = (
            f"a Resv makes reservation state at {group[0].phop}, the hop that it is sent to, "
            f"which lives (K + 0.5) * 1.5 * {group[0].refresh:g} s"
        )
        yield entry, _reasons(group[0].history, entry, rule, "RFC 2205 sections 3.1.4, 3.7")


def _requests(observer: Observer, now: float) -> _Entries:
    """The same from the next hop's side: what it asks for, and what it may not ask for at present."""
    for group in _together(observer):
        blockade = next((one.blockade for one in group if one.blockade and one.blockade.until > now), None)
        first = group[0]
        entry: dict[str, Json] = {
            "session": about(first.session),
            "style": first.style.name,
            "phop": str(first.phop),
            "nhop": str(first.nhop),
            "interface": None,
            "filters": _filters(group),
            "flowspec": to_json(first.flowspec),
            "blockaded": None if blockade is None else to_json(blockade.flowspec),
            "blockaded_for": None if blockade is None else _left(blockade.until, now),
        }
        rule = f"{first.nhop} asks {first.phop} for what is reserved behind it"
        yield entry, _reasons(first.history, entry, rule, "RFC 2205 section 3.1.4")


def _installed(observer: Observer, now: float) -> _Entries:
    """What each previous hop has to hold on the link: the merge of what its next hops reserved."""
    found: dict[object, list[SeenReservation]] = {}
    for one in observer.reservations.values():
        alone = None if one.style.shared else one.filter
        found.setdefault((session_id(one.session), one.phop, alone), []).append(one)
    for group in found.values():
        for flowspec, members in _merged(group):
            first = members[0]
            entry: dict[str, Json] = {
                "session": about(first.session),
                "node": str(first.phop),
                "interface": None,
                "filters": _unique(_filters(members)),
                "flowspec": to_json(flowspec),
                "handle": None,
                "bytes": None,
                "packets": None,
                "dropped": None,
            }
            hops = len({one.nhop for one in members})
            rule = f"merged from what {hops} next hops reserve, if it was granted"
            yield entry, _reasons(first.history, entry, rule, "RFC 2205 section 2.2")


def _merged(group: list[SeenReservation]) -> Iterator[tuple[Flowspec, list[SeenReservation]]]:
    """Reservations of one service make one; what is left makes others, which no node would do."""
    while group:
        flowspec, members, others = group[0].flowspec, [group[0]], []
        for one in group[1:]:
            if same_service(flowspec, one.flowspec):
                flowspec = merge(flowspec, one.flowspec)
                members.append(one)
            else:
                others.append(one)
        yield flowspec, members
        group = others


def _unique(values: list[Json]) -> list[Json]:
    return [one for number, one in enumerate(values) if one not in values[:number]]


# --- the rest -------------------------------------------------------------------------------------------


def _sessions(observer: Observer, now: float) -> _Entries:
    found: dict[object, tuple[AnySession, set[object], list[SeenReservation]]] = {}
    for path in observer.paths.values():
        entry = found.setdefault(session_id(path.session), (path.session, set(), []))
        entry[1].add(path.path.sender.template)
    for group in _together(observer):
        entry = found.setdefault(session_id(group[0].session), (group[0].session, set(), []))
        entry[2].append(group[0])
    for one, senders, reservations in found.values():
        styles = {group.style.name for group in reservations}
        yield (
            {
                "session": about(one),
                "senders": len(senders),
                "reservations": len(reservations),
                "style": ", ".join(sorted(styles)) or None,
            },
            [],
        )


def _refusal(one: SeenError) -> dict[str, Json]:
    error = one.error
    return {
        "session": about(one.session),
        "message": one.message,
        "node": str(one.node),
        "neighbor": str(one.neighbor),
        "interface": None,
        "filters": [to_json(filter_) for filter_ in one.filters],
        "flowspec": to_json(one.flowspec),
        "code": error.code,
        "value": error.value,
        "text": error_text(error.code, error.value),
        "times": one.history.times,
        **_history(one.history),
    }


def _refusals(observer: Observer, now: float) -> _Entries:
    for one in observer.errors.values():
        entry = _refusal(one)
        rule = f"{one.node} found the error, and tells {one.neighbor}"
        yield entry, _reasons(one.history, entry, rule, "RFC 2205 sections 3.1.7, 3.1.8")


def _neighbor(one: SeenNeighbor, now: float) -> dict[str, Json]:
    return {
        "address": str(one.address),
        "interface": None,
        "encapsulation": one.encapsulation,
        "last_heard": round(now - one.last_heard, 3),
        "instance": one.instance,
        "sent": dict(one.sent),
    }


def _neighbors(observer: Observer, now: float) -> _Entries:
    for one in observer.neighbors.values():
        yield _neighbor(one, now), []


def _counters(observer: Observer, now: float) -> _Entries:
    yield (
        {
            "interface": None,
            "sent": {},
            "received": dict(observer.received),
            "errors": dict(observer.unread_count),
            "idle": dict(observer.idle),
        },
        [],
    )


_VIEWS: Final[dict[str, Callable[[Observer, float], _Entries]]] = {
    "sessions": _sessions,
    "senders": _senders,
    "reservations": _reservations,
    "requests": _requests,
    "installed": _installed,
    "refusals": _refusals,
    "neighbors": _neighbors,
    "counters": _counters,
}
