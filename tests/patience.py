"""How long tests wait: until what they wait for is true, however busy the machine is.

A deadline is there to end what hangs. It is no bound that a test asserts: what has to be quick is
shown by what happened (a message counted, no timer run down), or in virtual time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds until a wait is given up."""


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something to become true; it is asked at least once after the deadline."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.02)


async def settled(true: Callable[[], object]) -> None:
    """The same in a loop that is meanwhile to run; in real time whatever the loop's own is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s"
        await asyncio.sleep(0.005)
