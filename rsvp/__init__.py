"""RSVP, the Resource ReSerVation Protocol of RFC 2205, for Python and Linux."""

from __future__ import annotations

__version__ = "0.1.0"
