"""The packets of a link, as a capture has them, through the eyes of an observer (RFC 2205 section 3.3)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import groupby

from .._wire import decode
from ..capture import Capture, Frame
from ..capture.dissected import SHORT, SNAPPED
from ..errors import WireError
from ..jsonform import Json
from ..observer import WHAT, News, Observer, SeenError, SeenPath, SeenReservation, entries
from ..observer.views import entry_of, reservation_of
from .changes import Change


class LinkReplay:
    """What the messages of a capture made of the nodes at the ends of its link, at any moment.

    `time` is seconds from the first packet of the capture, `frame` the last packet that was taken.

        replay = LinkReplay(Capture("link.pcap"))
        replay.run(until=12.5)
        replay.show("reservations")
    """

    what: tuple[str, ...] = WHAT

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.observer = Observer()
        self.time = 0.0
        self.frame = 0
        self._frames = iter(capture)
        self._next = next(self._frames, None)

    @property
    def epoch(self) -> float | None:
        """Seconds since 1970 at the first packet."""
        start = self.capture.start_ns
        return None if start is None else start / 1e9

    @property
    def ended(self) -> bool:
        """Whether all packets have been taken."""
        return self._next is None

    def run(self, until: float | None = None, frame: int | None = None) -> None:
        """Take the packets up to a time, in seconds from the first one, or up to one of them.

        Past the end of the capture time goes on, with nothing more heard. Raises CaptureError.
        """
        for _ in self.changes(until, frame):
            pass

    def changes(self, until: float | None = None, frame: int | None = None) -> Iterator[Change]:
        """The same, with what each of them changed."""
        while self._next is not None:
            at = self._time_of(self._next)
            if (until is not None and at > until) or (frame is not None and self._next.number > frame):
                break
            self.frame, self.time = self._next.number, max(self.time, at)
            yield from self._hear(self._next)
            self._take_next()
        if until is not None and until > self.time:
            self.time = until
            yield from _told(self.observer.pass_time(until))

    def _take_next(self) -> None:
        self._next = None  # a file that turns out to be damaged ends here
        self._next = next(self._frames, None)

    def _time_of(self, frame: Frame) -> float:
        start = self.capture.start_ns
        if start is None or frame.time_ns is None:
            return self.time
        return (frame.time_ns - start) / 1e9

    def _hear(self, frame: Frame) -> Iterator[Change]:
        try:
            message = decode(frame.data)
        except WireError as error:
            yield from _told(self.observer.pass_time(self.time))
            cut = SNAPPED if frame.snapped else SHORT
            self.observer.not_read(cut if frame.missing else error.reason, frame.number)
            return
        encapsulation = "udp" if frame.udp_encapsulated else "ip"
        news = self.observer.hear(
            message, frame.source, frame.destination, self.time, frame.number, encapsulation
        )
        yield from _told(news)

    def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """One of `what` as `rsvp show` has it, without interfaces."""
        return entries(self.observer, what, self.time, why=why)

    def notes(self) -> list[str]:
        """What of the packets was not understood, and what could not be followed."""
        observer = self.observer
        heard = sum(observer.received.values())
        where = f"in {self.capture.packets} packets" if self.ended else f"up to packet {self.frame}"
        found = [f"{heard} RSVP message{'' if heard == 1 else 's'} {where}"]
        for reason, count in sorted(observer.unread_count.items()):
            frames = observer.unread[reason]
            more = ", ..." if count > len(frames) else ""
            named = f"packet{'s' if count > 1 else ''} {', '.join(map(str, frames))}{more}"
            found.append(f"not understood: {reason} ({count}: {named})")
        found += [f"without effect: {count} {reason}" for reason, count in sorted(observer.idle.items())]
        return found


def _told(news: list[News]) -> Iterator[Change]:
    """News as lines of a timeline; filters that share a reservation, and a fate, go on one."""
    for _, run in groupby(news, _alike):
        group = list(run)
        first = group[0]
        blocks = [one.block for one in group if isinstance(one.block, SeenReservation)]
        entry = reservation_of(blocks, first.time) if blocks else entry_of(first.block, first.time)
        frame = None if first.cause is None else first.cause.frame
        yield Change(first.time, frame, _state(first), first.change, entry, first.why)


def _alike(news: News) -> Hashable:
    block = news.block
    if not isinstance(block, SeenReservation) or not block.style.shared:
        return id(news)
    return (block.key[:3], block.style, block.flowspec, news.change, news.why, news.time)


def _state(news: News) -> str:
    if isinstance(news.block, SeenPath):
        return "sender"
    if isinstance(news.block, SeenReservation):
        return "reservation"
    return "refusal" if isinstance(news.block, SeenError) else "neighbor"
