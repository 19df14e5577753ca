"""What a node counts: messages by name, errors and drops by reason, state that timed out, admissions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from .engine.interfaces import LOCAL
from .engine.outputs import Change, Refused, StateChanged
from .iana_errors import ERROR_CODES


@dataclass(slots=True)
class Counts:
    """One interface's counters."""

    sent: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Histogram:
    """How often something took so many seconds at the most."""

    BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

    def __init__(self) -> None:
        self.numbers = [0] * (len(self.BOUNDS) + 1)
        """For each bound, how many were above the one before it and not above it; the last has no bound."""
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.numbers[bisect_left(self.BOUNDS, seconds)] += 1
        self.sum += seconds


class Tally:
    """All counters of one node, from its start or the last `clear`."""

    def __init__(self) -> None:
        self.interfaces: dict[int, Counts] = {}
        self.timeouts: Counter[str] = Counter()
        """State that was not refreshed in time, by what it was: "sender" or "reservation"."""
        self.admissions: Counter[tuple[str, str]] = Counter()
        """Reservations that were to be installed: ("accepted", "") and ("refused", reason)."""

        self.lag = Histogram()
        """How late the engine's timers were looked after."""

    def of(self, index: int | None) -> Counts:
        """The counters of an interface; None where routing chose it."""
        index = index or LOCAL
        counts = self.interfaces.get(index)
        if counts is None:
            counts = self.interfaces[index] = Counts()
        return counts

    def note_state(self, change: StateChanged) -> None:
        """Count a time-out."""
        if change.change is Change.TIMED_OUT:
            self.timeouts[change.what] += 1

    def note_refusal(self, refused: Refused) -> None:
        """Count a reservation that was refused."""
        refusal = refused.refusal
        if refusal.message == "Resv":
            code = refusal.code
            self.admissions["refused", ERROR_CODES[code][0] if code in ERROR_CODES else str(code)] += 1

    def note_admission(self) -> None:
        """Count a reservation, or a change of one, that was admitted."""
        self.admissions["accepted", ""] += 1

    def clear(self) -> None:
        """Begin anew."""
        self.interfaces.clear()
        self.timeouts.clear()
        self.admissions.clear()
        self.lag = Histogram()
