"""Where things are on a host."""

from __future__ import annotations

CONTROL = "/run/rsvp/control.sock"
"""Where the daemon listens unless told otherwise."""
