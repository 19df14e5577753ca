"""One module for each word of the `rsvp` command; `rsvp.cli` puts them together."""

from __future__ import annotations
