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

from .._table import Timer, Timers

__all__ = ["NEVER", "Timer", "Timers"]

NEVER = math.inf
