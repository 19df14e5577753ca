"""What this node does for programs and hosts that know nothing of RSVP (RFC 5945).

`tables` is what rsvp.toml says of it, `standing` what is carried out by itself, `listening` what answers
Paths as they come, and `Proxies` all of a node's together. They are applications like any other, behind
`rsvp.api.Api`, but that they live in the node's process and as long as it does.
"""

from __future__ import annotations

from .proxies import Proxies
from .tables import ListenerTable, ReservationTable, SenderTable, Told

__all__ = ["ListenerTable", "Proxies", "ReservationTable", "SenderTable", "Told"]
