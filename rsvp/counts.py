"""What a node counts on each interface: messages by name, errors and drops by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .engine.interfaces import LOCAL


@dataclass(slots=True)
class Counts:
    """One interface's counters: messages by name, errors by reason."""

    sent: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class CountsByInterface(dict[int, Counts]):
    """Interface numbers to counters, which begin when they are first asked for."""

    def __missing__(self, index: int) -> Counts:
        counts = self[index] = Counts()
        return counts

    def of(self, index: int | None) -> Counts:
        """The counters of an interface; None where routing chose it."""
        return self[index or LOCAL]
