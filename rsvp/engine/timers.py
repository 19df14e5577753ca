"""One heap of deadlines (RFC 2205 section 3.7).

The deadline lives in the `Timer`; the heap only remembers when to look. Putting a deadline off, as
every refresh does, is a float assignment; bringing one forward or starting it is `watch`. A timer
is stopped by setting its deadline to `NEVER`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

NEVER = math.inf


@dataclass(slots=True, eq=False)
class Timer:
    """A deadline, the block it belongs to, and what happens then: `fire(owner, now)`."""

    owner: object
    fire: Callable[..., None]
    deadline: float = NEVER
    looked_at: float = NEVER
    """When the heap will look at this timer next."""


class Timers:
    """All deadlines of one engine."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def watch(self, timer: Timer) -> None:
        """Make sure that somebody looks no later than at the timer's deadline."""
        if timer.deadline < timer.looked_at:
            timer.looked_at = timer.deadline
            heappush(self._heap, (timer.deadline, next(self._order), timer))

    def next(self) -> float | None:
        """When `due` has to be called next, None if never."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Timer]:
        """Timers whose deadline has come, in the order of their deadlines; each is then stopped."""
        while self._heap and self._heap[0][0] <= now:
            when, _, timer = heappop(self._heap)
            if when != timer.looked_at:
                continue  # a later watch() made this entry stale
            timer.looked_at = NEVER
            if timer.deadline > now:
                self.watch(timer)
            else:
                timer.deadline = NEVER
                yield timer
