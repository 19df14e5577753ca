"""BSB, blockade state: what failed upstream does not stand in the way of less (RFC 2205 section 3.5).

A reservation that admission control refused upstream would, merged with others, make all of them
fail: the second killer reservation problem (section 2.5). Its flowspec Qb is remembered for a while,
for a sender where the style lists senders, else for a previous hop, and what is as large is left
out of the merge.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._values import compiled
from ..intserv import Flowspec, strictly_less


@compiled
@dataclass(frozen=True, slots=True)
class BlockadeStateBlock:
    """Qb, and until when it holds (the timer Tb = Kb * R)."""

    flowspec: Flowspec
    until: float

    def blocks(self, flowspec: Flowspec, now: float) -> bool:
        """Whether a reservation is ignored: Qb is not strictly greater than it (section 3.5)."""
        return now < self.until and not strictly_less(flowspec, self.flowspec)
