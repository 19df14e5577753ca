"""A calendar of deadlines (RFC 2205 section 3.7).

The deadline lives in the `Timer`; the calendar only remembers when to look. Putting a deadline off, as
every refresh does, is an assignment; bringing one forward or starting it is `watch`. A timer
is stopped by setting its deadline to `NEVER`.

The calendar has pages, each for a short span of time. Timers are noted on their page in no order, and put
into one, by a heap, when the page's time comes: a timer costs the same however many there are, and
little memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count

from .._table import Timer

__all__ = ["NEVER", "PAGE", "Timer", "Timers"]

NEVER = math.inf

PAGE = 0.25
"""Seconds that a page covers."""


class Timers:
    """All deadlines of one engine."""

    def __init__(self) -> None:
        self._near: list[tuple[float, int, Timer]] = []
        """A heap of the timers on the pages that were opened, which end at `_opened`."""
        self._opened = -NEVER
        self._pages: dict[int, list[Timer]] = {}
        self._numbers: list[int] = []
        """A heap of the numbers of all pages that were not opened yet."""
        self._order = count()

    def watch(self, timer: Timer) -> None:
        """Make sure that somebody looks no later than at the timer's deadline."""
        if timer.deadline >= timer.looked_at:
            return
        timer.looked_at = timer.deadline
        if timer.deadline < self._opened:
            heappush(self._near, (timer.deadline, next(self._order), timer))
            return
        number = int(timer.deadline / PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = []
            heappush(self._numbers, number)
        page.append(timer)

    def next(self) -> float | None:
        """When `due` has to be called next, None if never."""
        while not self._near and self._numbers:
            self._open(heappop(self._numbers))
        return self._near[0][0] if self._near else None

    def _open(self, number: int) -> None:
        """Put the timers of a page in order; those that were brought forward stand on another one, too."""
        self._opened = (number + 1) * PAGE
        for timer in self._pages.pop(number):
            if timer.looked_at < self._opened:
                self._near.append((timer.looked_at, next(self._order), timer))
        heapify(self._near)

    def due(self, now: float) -> Iterator[Timer]:
        """Timers whose deadline has come, in the order of their deadlines; each is then stopped."""
        while (when := self.next()) is not None and when <= now:
            _, _, timer = heappop(self._near)
            if when != timer.looked_at:
                continue  # a later watch() made this entry stale
            timer.looked_at = NEVER
            if timer.deadline > now:
                self.watch(timer)
            else:
                timer.deadline = NEVER
                yield timer
