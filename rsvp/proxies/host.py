"""What proxies need of their node besides what any application may ask of it."""

from __future__ import annotations

from typing import Protocol

from ..api import Api
from ..objects import Filter


class Host(Api, Protocol):
    """A node, as its proxies see it."""

    async def way(self, handle: int, sender: Filter) -> str | None:
        """The interface where a sender's data leaves, None where it ends here. Raises NoRoute."""

    def refuse_sender(self, handle: int, template: Filter, code: int, value: int, flags: int) -> None:
        """Send a sender elsewhere a PathErr (RFC 5946 section 3.1). Raises LocalError."""
