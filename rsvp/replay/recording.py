"""A recording, gone through again by an engine of its own: same inputs, same outputs, same state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from .. import engine as e
from .. import show
from .._wire import dissect, encode
from ..api import WHAT
from ..capture.text import gist, plain
from ..control.recording import Checkpoint, checkpoint_handle, read_config
from ..counts import Tally
from ..engine.inputs import Configure, Input
from ..engine.outputs import Output
from ..errors import LocalError, RecordingError
from ..jsonform import Json, session
from ..neighbors import Neighbors
from ..objects import Session
from ..recorder import Recording
from ..show import Names
from .changes import GONE, SENT, Change, Changes

SOFT = ("sender", "reservation")
"""What has to be refreshed."""

UNLIMITED = 1e9
"""Messages a second that a neighbour may send, and seconds that it may be silent: that was decided then."""


class RecordingReplay:
    """An engine that is taken through a recording, up to any moment.

    `now` is on the recorded engine's clock, `start` when the recording begins on it, and `epoch` the
    time of day then, None where that clock was none. `frame` is the last line that was taken.

        replay = RecordingReplay(Recording("inputs.jsonl"))
        replay.run(until=12.5)
        replay.show("reservations")
    """

    what: tuple[str, ...] = WHAT

    def __init__(self, recording: Recording) -> None:
        header = recording.header
        self.recording = recording
        self.start = self.now = header.at
        self.epoch = header.epoch
        self.frame = 1
        self.engine = e.Engine(read_config(header.config), rng=Random(header.seed))
        self._entries = iter(recording)
        self._next = next(self._entries, None)
        self._tally = Tally()
        self._neighbors = Neighbors(UNLIMITED, UNLIMITED)
        self._handles: Callable[[int], int] = int
        self._tells = read_config(header.config).tells

    def run(self, until: float | None = None, frame: int | None = None) -> None:
        """Take what was recorded up to then: see `steps`."""
        for _ in self.steps(until, frame):
            pass

    def steps(
        self, until: float | None = None, frame: int | None = None
    ) -> Iterator[tuple[int, Input | None, list[Output]]]:
        """Take what was recorded up to a time, in seconds from the start, or up to a line of the file.

        Yields each line's number and input, None for timers, with what the engine wanted done. Past
        the end of the recording time goes on, with nothing more heard. Raises RecordingError.
        """
        while self._next is not None:
            number, (at, event) = self._next
            if (until is not None and at > self.start + until) or (frame is not None and number > frame):
                break
            self.frame, self.now = number, max(self.now, at)
            if isinstance(event, Checkpoint):
                self._note_handles(event)
            else:
                yield number, event, self._feed(event, at)
            self._next = None  # a file that turns out to be damaged ends here
            self._next = next(self._entries, None)
        if until is not None:
            yield from self._let_time_pass(self.start + until)

    def _let_time_pass(self, until: float) -> Iterator[tuple[int, Input | None, list[Output]]]:
        while self._next is None and (due := self.engine.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            yield self.frame, None, self._feed(None, self.now)
        self.now = max(self.now, until)

    @property
    def ended(self) -> bool:
        """Whether all that was recorded has been taken."""
        return self._next is None

    @property
    def time(self) -> float:
        """Seconds from the start."""
        return self.now - self.start

    def _feed(self, event: Input | None, at: float) -> list[Output]:
        try:
            if event is None:
                outputs = self.engine.handle_timeout(at)
            else:
                if isinstance(event, Configure):
                    self._tells = event.config.tells
                if isinstance(event, e.FlowRejected):
                    event = replace(event, handle=self._handles(event.handle))
                outputs = self.engine.handle(event, at)
        except LocalError:
            outputs = []  # as it was then: an application was told that it may not
        except Exception as fault:
            self._next = None
            raise RecordingError(
                f"{self.recording.name}, line {self.frame}: the engine fails here ({fault!r})"
            ) from fault
        self._count(event, outputs, at)
        return outputs

    def _count(self, event: Input | None, outputs: list[Output], at: float) -> None:
        if isinstance(event, e.Received):
            self._tally.of(event.interface).received[event.message.name] += 1
            hop = getattr(event.message, "hop", None)
            if hop is not None:
                self._neighbors.heard(hop.address, event.interface, "ip", at)
        for output in outputs:
            if isinstance(output, e.Send):
                self._tally.of(output.interface).sent[output.message.name] += 1
            elif isinstance(output, e.Dropped):
                self._tally.of(output.interface).errors[output.reason] += 1

    def _note_handles(self, checkpoint: Checkpoint) -> None:
        """Traffic control's handles go on from here: find out which ones of ours they stand for."""

        def what(view: Any) -> Hashable:
            return view.session, view.interface, frozenset(view.filters)

        ours = {what(view): view.handle for view in self.engine.installed()}
        known = {handle: ours.get(flow) for handle, flow in map(checkpoint_handle, checkpoint.handles)}
        shift = self.engine.last_handle - checkpoint.last
        self._handles = lambda handle: (
            handle + shift if handle > checkpoint.last else known.get(handle) or handle
        )

    # --- looking ----------------------------------------------------------------------------------

    @property
    def _names(self) -> Names:
        return Names({view.index: view.name for view in self.engine.interfaces()})

    def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """One of `WHAT` as `rsvp show` has it; nobody has counted the packets of what was installed."""
        if what == "neighbors":
            return show.neighbors(self._neighbors, self._names, self.now)
        if what == "counters":
            return show.counters(self._tally.interfaces, self._names)
        views = show.views(self.engine, what, self.now)
        entries = show.entries(views, self._names)
        for entry, view in zip(entries, views, strict=True):
            if what == "installed":
                entry |= {"handle": str(view.handle), "bytes": None, "packets": None, "dropped": None}
            if why:
                entry["why"] = show.why(self.engine.explain(view, self.now), self._names)
        return entries

    def notes(self) -> list[str]:
        """What the reader has to know of the recording."""
        found = []
        if self.recording.header.follows:
            found.append("an earlier part was put away, and with it what was refused or blockaded then")
        if self.recording.cut:
            found.append("the last line is cut off, as a crash leaves it, and was passed over")
        return found

    def changes(self, until: float | None = None, frame: int | None = None) -> Iterator[Change]:
        """What happened up to then: state that came, changed and went, and the messages that told of it."""
        watched = Changes(self.engine)
        for number, event, outputs in self.steps(until, frame):
            line = None if event is None else number
            why = cause(event)
            for state, change, entry in watched.since(self.now, self._concerned(event, outputs)):
                silent = event is None and change == GONE and state in SOFT
                reason = "not refreshed in time" if silent else why
                yield Change(self.time, line, state, change, entry, reason)
            for output in outputs:
                if isinstance(output, e.Send) and output.trigger:
                    yield Change(self.time, line, "message", SENT, self._sent(output), why)

    def _concerned(self, event: Input | None, outputs: list[Output]) -> Collection[Session] | None:
        """The sessions where anything can have changed, None if it can be all.

        Where timers end state this can only be told from outputs, if the engine was to tell of state.
        """
        found: dict[Session, None] = {}
        if isinstance(event, e.Received) and isinstance(getattr(event.message, "session", None), Session):
            found[event.message.session] = None  # type: ignore[union-attr, index]
        elif event is not None or not self._tells:
            return None
        for output in outputs:
            if isinstance(output, e.ModifyFlow | e.RemoveFlow):
                return None  # only handles say whose
            about = getattr(output.message if isinstance(output, e.Send) else output, "session", None)
            if isinstance(about, Session):
                found[about] = None
        return found

    def _sent(self, send: e.Send) -> dict[str, Json]:
        about = getattr(send.message, "session", None)
        return {
            "session": session(about) if isinstance(about, Session) else None,
            "message": send.message.name,
            "interface": None if send.interface is None else self._names(send.interface),
            "destination": str(send.destination),
            "text": plain(gist(dissect(encode(send.message)))),
        }


def cause(event: Input | None) -> str:
    """What an input is, in a few words."""
    match event:
        case None:
            return "its time had come"
        case e.Received(message=message, source=source):
            return f"{message.name} from {source}"
        case e.Undecodable(reason=reason):
            return f"a message that cannot be read: {reason}"
        case e.InterfaceUp(interface=interface):
            return f"interface {interface.name} came up or changed"
        case e.InterfaceDown(index=index):
            return f"interface {index} went down"
        case e.RouteResolved(destination=destination):
            return f"routing to {destination}"
        case e.FlowRejected():
            return "traffic control refused it"
        case _:
            return f"an application's {type(event).__name__}"
