"""The words that operators type, where the command line and a node mean the same by them."""

from __future__ import annotations

from typing import Final

CLEARED: Final = ("sessions", "senders", "reservations", "counters")
"""What `rsvp clear` clears."""

TOPICS: Final = {
    "sent": "messages sent",
    "received": "messages received",
    "state": "senders and reservations that come, change and go",
    "admission": "reservations admitted and refused",
    "traffic": "orders to traffic control",
    "errors": "what was dropped, and whatever went wrong",
}
"""Each topic of `rsvp log`, and what its lines are about."""

FORMATS: Final = ("text", "json")
"""How the daemon's own log is written."""

LEVELS: Final = ("debug", "info", "warning", "error")
"""From which level on."""
