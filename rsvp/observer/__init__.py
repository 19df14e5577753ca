"""What the messages on a link made of the nodes at its ends, as an observer sees it (RFC 2205, RFC 2961).

An observer is no node. It grants nothing and answers nobody, sees both directions and any number of
hops at once, and believes what an engine would have to refuse: labels and tunnels (RFC 3209), a Resv
whose Path came before the first packet, styles that do not agree. So it does not run the engine but
keeps what each message says, for as long as the nodes themselves would keep it.

- `observer` takes messages, forgets in time
- `blocks` path state, reservation state, errors, neighbours
- `identifiers` what Srefresh and its kin refer to
- `views` all that as entries of `rsvp show`
"""

from __future__ import annotations

from .blocks import Cause, News, SeenError, SeenNeighbor, SeenPath, SeenReservation
from .observer import Observer
from .views import WHAT, entries

__all__ = [
    "WHAT",
    "Cause",
    "News",
    "Observer",
    "SeenError",
    "SeenNeighbor",
    "SeenPath",
    "SeenReservation",
    "entries",
]
