"""Messages arrive at an observer, and state ends in time (RFC 2205 section 3, RFC 2961 section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from ..engine.interfaces import BLOCKADE, KEEP, REFRESH, lifetime
from ..iana import ErrorCode, ErrorFlag
from ..messages import (
    Ack,
    AnySession,
    BrokenMessage,
    Bundle,
    Flow,
    Hello,
    Message,
    Notify,
    Path,
    PathErr,
    PathTear,
    Resv,
    ResvConf,
    ResvErr,
    ResvTear,
    Srefresh,
)
from ..objects import IPAddress
from . import identifiers
from .blocks import (
    Block,
    Cause,
    History,
    News,
    PathKey,
    Refused,
    ReservationKey,
    SeenError,
    SeenNeighbor,
    SeenPath,
    SeenReservation,
    SessionId,
)
from .identifiers import Identifiers

NEW, CHANGED, GONE = "new", "changed", "gone"

FRAMES_NAMED: Final = 5
"""Of packets that say the same of themselves, as many are named as this."""

_FROM_NEIGHBORS: Final = (PathErr, Srefresh, Ack, Hello)
"""Without an RSVP_HOP, and yet from the last hop: what else has none may come from further away."""


def session_id(session: Any) -> SessionId:
    """What tells a session apart: all of it but its flags."""
    return replace(session, flags=0) if getattr(session, "flags", 0) else session


class Observer:
    """State as the messages on a link make it: `hear` each of them, and `pass_time` up to a moment.

    `paths`, `reservations`, `errors` and `neighbors` are what stands; `received` counts messages by
    name; `unread` those that the codec refused, by reason with their first packets' numbers; `idle`
    what made no state and tells nothing, by reason. `keep` is K (RFC 2205 section 3.7).
    """

    def __init__(self, keep: int = KEEP) -> None:
        self.now = 0.0
        self.paths: dict[PathKey, SeenPath] = {}
        self.reservations: dict[ReservationKey, SeenReservation] = {}
        self.errors: dict[tuple[object, ...], SeenError] = {}
        self.neighbors: dict[IPAddress, SeenNeighbor] = {}
        self.received: Counter[str] = Counter()
        self.unread: dict[str, list[int]] = {}
        self.unread_count: Counter[str] = Counter()
        self.idle: Counter[str] = Counter()
        self._keep = keep
        self._identifiers = Identifiers()
        self._ends: list[tuple[float, int, Block]] = []
        self._order = count()
        self._news: list[News] = []
        self._handlers: dict[type[Any], Callable[[Any, Cause, IPAddress], Iterable[Block] | None]] = {
            Path: self._path,
            PathTear: self._path_tear,
            PathErr: self._path_err,
            Resv: self._resv,
            ResvTear: self._resv_tear,
            ResvErr: self._resv_err,
            ResvConf: self._resv_conf,
            Notify: self._notify,
            Srefresh: self._srefresh,
            Hello: self._hello,
        }

    # --- what happens -----------------------------------------------------------------------------

    def hear(
        self,
        message: Message,
        source: IPAddress,
        destination: IPAddress,
        time: float,
        frame: int,
        encapsulation: str = "ip",
    ) -> list[News]:
        """A message crossed the link at `time`, in packet `frame`; returns what that changed.

        Times do not have to rise, but what time ends is looked at only where they do.
        """
        self._news = self.pass_time(time)
        if isinstance(message, Bundle):
            self.received[message.name] += 1
            for inner in message.messages:
                if isinstance(inner, BrokenMessage):
                    self.not_read(inner.reason, frame)
                else:
                    self._one(inner, source, destination, frame, encapsulation)
        else:
            self._one(message, source, destination, frame, encapsulation)
        return self._news

    def not_read(self, reason: str, frame: int) -> None:
        """A packet, or a message in a Bundle, that the codec refused."""
        self.unread_count[reason] += 1
        frames = self.unread.setdefault(reason, [])
        if len(frames) < FRAMES_NAMED:
            frames.append(frame)

    def pass_time(self, now: float) -> list[News]:
        """Let what was not refreshed in time go; returns that."""
        self.now = max(self.now, now)
        self._news = []
        while self._ends and self._ends[0][0] < now:
            when, _, block = heappop(self._ends)
            if not self._stands(block):
                continue
            if block.until > when:
                self._watch(block)  # refreshed meanwhile; look again later
            else:
                why = f"not refreshed since packet {block.history.heard.frame}"
                self._remove(block, why, None, block.until)
        return self._news

    def _one(
        self, message: Any, source: IPAddress, destination: IPAddress, frame: int, encapsulation: str
    ) -> None:
        self.received[message.name] += 1
        hop = getattr(message, "hop", None)
        node = source if hop is None else hop.address
        cause = Cause(frame, self.now, message.name, node)
        if hop is not None or isinstance(message, _FROM_NEIGHBORS):
            self._heard_of(node, message.name, encapsulation)
        for epoch, denied in identifiers.denied(message):
            self._deny(destination, epoch, denied, cause)
        handler = self._handlers.get(type(message))
        if handler is None and not isinstance(message, Ack):
            self.idle[f"{message.name}, which makes no state"] += 1
        made = None if handler is None else handler(message, cause, destination)
        number = identifiers.number_of(message)
        if number is not None and made:
            self._identifiers.note(node, number, tuple(made))

    def _heard_of(self, node: IPAddress, name: str, encapsulation: str) -> None:
        neighbor = self.neighbors.get(node)
        if neighbor is None:
            neighbor = self.neighbors[node] = SeenNeighbor(node, encapsulation, self.now)
        neighbor.last_heard = self.now
        neighbor.sent[name] = neighbor.sent.get(name, 0) + 1

    # --- state comes and goes ---------------------------------------------------------------------

    def _tell(
        self, change: str, block: Any, why: str, cause: Cause | None, time: float | None = None
    ) -> None:
        self._news.append(News(self.now if time is None else time, change, block, why, cause))

    def _stands(self, block: Block) -> bool:
        table: dict[Any, Any] = self.paths if isinstance(block, SeenPath) else self.reservations
        return table.get(block.key) is block

    def _watch(self, block: Block) -> None:
        heappush(self._ends, (block.until, next(self._order), block))

    def _remove(self, block: Block, why: str, cause: Cause | None, time: float | None = None) -> None:
        table: dict[Any, Any] = self.paths if isinstance(block, SeenPath) else self.reservations
        if table.get(block.key) is block:
            del table[block.key]
            self._identifiers.forget(block)
            self._tell(GONE, block, why, cause, time)

    def _until(self, refresh: float) -> float:
        return self.now + lifetime(refresh, self._keep)

    def _prolong(self, block: Block, refresh: float) -> None:
        """Restart a block's cleanup timer, which an R that got shorter brings forward."""
        before, block.refresh, block.until = block.until, refresh, self._until(refresh)
        if block.until < before:
            self._watch(block)

    # --- path state -------------------------------------------------------------------------------

    def _path(self, message: Path, cause: Cause, destination: IPAddress) -> Iterable[Block]:
        about = session_id(message.session)
        refresh = message.time_values.refresh_ms / 1000.0
        key = (about, message.sender.template, message.hop.address)
        old = self.paths.get(key)
        bare = _lasting(message)
        if old is None:
            new = SeenPath(
                key,
                message.session,
                message.hop.address,
                bare,
                refresh,
                self._until(refresh),
                History.begun(cause),
            )
            self.paths[key] = new
            self._watch(new)
            self._tell(NEW, new, f"Path from {cause.node}", cause)
            return (new,)
        old.history.repeated(cause)
        self._prolong(old, refresh)
        if old.path != bare:
            old.path = bare
            old.history.changed = cause
            self._tell(CHANGED, old, f"Path from {cause.node}", cause)
        return (old,)

    def _path_tear(self, message: PathTear, cause: Cause, destination: IPAddress) -> None:
        """The path state behind goes, and before it what was reserved for that sender (RFC 2205 3.1.5)."""
        about, template = session_id(message.session), message.sender.template
        path = self.paths.get((about, template, message.hop.address))
        why = f"PathTear from {cause.node}"
        if path is None:
            self.idle["PathTear for state that is not there"] += 1
        else:
            self._remove(path, why, cause)
        for one in list(self.reservations.values()):
            if one.key[0] != about or one.phop != message.hop.address:
                continue
            if one.filter == template or (one.filter is None and not self._senders(about, one.phop)):
                self._remove(one, why, cause)

    def _senders(self, about: SessionId, phop: IPAddress) -> list[SeenPath]:
        return [path for path in self.paths.values() if path.key[0] == about and path.phop == phop]

    def _path_err(self, message: PathErr, cause: Cause, destination: IPAddress) -> None:
        """Path state stands, unless who refuses it says that it has removed it (RFC 3473 section 4.4)."""
        filters = () if message.sender is None else (message.sender.template,)
        self._error(message.session, cause, destination, filters, message.error, None)
        if not message.error.flags & ErrorFlag.PATH_STATE_REMOVED or message.sender is None:
            return
        path = self.paths.get((session_id(message.session), message.sender.template, destination))
        if path is not None:
            self._remove(path, f"PathErr from {cause.node}: path state removed", cause)

    # --- reservation state ------------------------------------------------------------------------

    def _resv(self, message: Resv, cause: Cause, destination: IPAddress) -> Iterable[Block]:
        found = []
        for flow in message.flows:
            groups = flow.attached or ((),) * len(flow.filters)
            pairs = list(zip(flow.filters, groups, strict=True)) if message.style.explicit else [(None, ())]
            for one, attached in pairs:
                if flow.flowspec is not None:
                    found.append(self._reserve(message, flow, one, attached, cause, destination))
        return found

    def _reserve(
        self, message: Resv, flow: Flow, one: Any, attached: tuple[Any, ...], cause: Cause, phop: IPAddress
    ) -> SeenReservation:
        assert flow.flowspec is not None
        refresh = message.time_values.refresh_ms / 1000.0
        key = (session_id(message.session), cause.node, phop, one)
        old = self.reservations.get(key)
        if old is None:
            new = SeenReservation(
                key,
                message.session,
                message.style,
                cause.node,
                phop,
                one,
                flow.flowspec,
                attached,
                message,
                refresh,
                self._until(refresh),
                History.begun(cause),
            )
            self.reservations[key] = new
            self._watch(new)
            self._tell(NEW, new, f"Resv from {cause.node}", cause)
            return new
        old.history.repeated(cause)
        old.resv = message
        self._prolong(old, refresh)
        if (old.style, old.flowspec, old.attached) != (message.style, flow.flowspec, attached):
            if old.flowspec != flow.flowspec:
                old.before, old.confirmed = old.flowspec, None
            old.style, old.flowspec, old.attached = message.style, flow.flowspec, attached
            old.history.changed = cause
            self._tell(CHANGED, old, f"Resv from {cause.node}", cause)
        return old

    def _chosen(
        self, session: AnySession, nhop: IPAddress, phop: IPAddress | None, flows: Iterable[Flow]
    ) -> Iterator[SeenReservation]:
        """What a next hop has reserved for the filters of these flows; no filters are all senders."""
        about = session_id(session)
        wanted = {one for flow in flows for one in flow.filters}
        for one in list(self.reservations.values()):
            if one.key[0] != about or one.nhop != nhop or phop not in (None, one.phop):
                continue
            if one.filter is None or not wanted or one.filter in wanted:
                yield one

    def _resv_tear(self, message: ResvTear, cause: Cause, destination: IPAddress) -> None:
        chosen = list(self._chosen(message.session, cause.node, destination, message.flows))
        if not chosen:
            self.idle["ResvTear for state that is not there"] += 1
        for one in chosen:
            self._remove(one, f"ResvTear from {cause.node}", cause)

    def _resv_err(self, message: ResvErr, cause: Cause, destination: IPAddress) -> None:
        """Refused at the previous hop itself, the reservation is not there; refused further on, it stands.

        What admission control refused blockades its next hop (RFC 2205 section 3.5). With InPlace, what
        was reserved before still is.
        """
        error, flow = message.error, message.flow
        filters = () if flow is None else flow.filters
        self._error(
            message.session, cause, destination, filters, error, None if flow is None else flow.flowspec
        )
        for one in self._chosen(message.session, destination, cause.node, () if flow is None else (flow,)):
            if error.code == ErrorCode.ADMISSION_CONTROL_FAILURE and flow is not None and flow.flowspec:
                one.blockade = Refused(flow.flowspec, self.now + BLOCKADE * (one.refresh or REFRESH))
            if error.node != cause.node:
                continue
            why = f"ResvErr from {cause.node}: refused there"
            if not error.flags & ErrorFlag.IN_PLACE:
                self._remove(one, why, cause)
            elif one.before is not None and flow is not None and flow.flowspec == one.flowspec:
                one.flowspec, one.before = one.before, None
                one.history.changed = cause
                self._tell(CHANGED, one, f"{why}, what was there before stands", cause)

    def _resv_conf(self, message: ResvConf, cause: Cause, destination: IPAddress) -> None:
        about = session_id(message.session)
        wanted = {one for flow in message.flows for one in flow.filters}
        for one in self.reservations.values():
            if one.key[0] == about and (one.filter is None or not wanted or one.filter in wanted):
                if one.confirmed is None:
                    self._tell(CHANGED, one, f"confirmed by {message.error.node}", cause)
                one.confirmed = cause

    # --- errors, neighbours, identifiers ----------------------------------------------------------

    def _error(
        self,
        session: AnySession,
        cause: Cause,
        destination: IPAddress,
        filters: tuple[Any, ...],
        error: Any,
        flowspec: Any,
    ) -> None:
        key = (session_id(session), cause.message, error.node, error.code, error.value, filters, destination)
        old = self.errors.get(key)
        if old is not None:
            old.history.repeated(cause)
            return
        new = self.errors[key] = SeenError(
            session,
            cause.message,
            error.node,
            destination,
            filters,
            error,
            flowspec,
            History.begun(cause),
        )
        self._tell(NEW, new, f"{cause.message} from {cause.node}", cause)

    def _notify(self, message: Notify, cause: Cause, destination: IPAddress) -> None:
        for one in message.sessions:
            filters = tuple(filter_ for flow in one.flows for filter_ in flow.filters)
            if one.sender is not None:
                filters = (one.sender.template,)
            self._error(one.session, cause, destination, filters, message.error, None)

    def _hello(self, message: Hello, cause: Cause, destination: IPAddress) -> None:
        """Another instance than the last one: the node has started again (RFC 3209 section 5.3)."""
        neighbor, instance = self.neighbors[cause.node], message.hello.source_instance
        if neighbor.instance is None:
            self._tell(NEW, neighbor, f"Hello from {cause.node}", cause)
        elif neighbor.instance != instance:
            self._tell(CHANGED, neighbor, f"Hello from {cause.node}: it has started again", cause)
        neighbor.instance = instance

    def _srefresh(self, message: Srefresh, cause: Cause, destination: IPAddress) -> None:
        for epoch, number in identifiers.refreshed(message):
            blocks = self._identifiers.find(cause.node, epoch, number)
            if not blocks:
                self.idle["identifiers in Srefresh whose messages were not seen"] += 1
            for block in blocks:
                block.history.repeated(cause)
                self._prolong(block, block.refresh)

    def _deny(self, node: IPAddress, epoch: int, number: int, cause: Cause) -> None:
        """The neighbour has not got the state that an identifier stands for (RFC 2961 section 5.4)."""
        for block in self._identifiers.find(node, epoch, number):
            self._remove(block, f"{cause.node} does not know message identifier {number}", cause)


def _lasting(path: Path) -> Path:
    """A Path without what is another one in every refresh: identifiers, digests."""
    extra = tuple(one for one in path.extra if one is not identifiers.number_of(path))
    if extra == path.extra and path.integrity is None and path.layout is None:
        return path
    return replace(path, extra=extra, integrity=None, layout=None)
