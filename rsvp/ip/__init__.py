"""IP datagrams around RSVP, for captures and for sockets: `headers` reads them, `fragments` joins them."""

from __future__ import annotations
