"""An asyncio loop in a thread beside a program that has none, for the interfaces that block.

Whatever is still open when the program ends is closed then, so that RSVP's tears are sent.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

LAST_WORDS = 2.0
"""Seconds that closing everything may take when the program ends."""


class Closing(Protocol):
    """What has an end to tell others of."""

    async def close(self) -> None:
        """Tear down what was made."""


class Beside:
    """The loop, started when first needed, and what is open in it by the caller's keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.open: dict[int, Closing] = {}

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="rsvp", daemon=True).start()
                atexit.register(self._end)
            return self._loop

    def wait(self, what: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine to its end in the loop; an interrupt cancels it.

        Raises what it raises, TimeoutError after `timeout` seconds.
        """
        future = asyncio.run_coroutine_threadsafe(what, self._running())
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def _end(self) -> None:
        async def close_all() -> None:
            await asyncio.gather(*(one.close() for one in self.open.values()), return_exceptions=True)

        # A daemon notices by itself that the program is gone, if this takes too long.
        with contextlib.suppress(TimeoutError):
            self.wait(close_all(), LAST_WORDS)


LOOP = Beside()
"""The one of this process."""
