"""An asyncio loop whose clock jumps to the next timer: minutes of protocol in milliseconds.

    run(story())       # story() may `await asyncio.sleep(600)`

The clock starts at 0 and stands still while there is anything to do. A loop with nothing left to
wait for is a deadlock and says so instead of hanging.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

QUIET = 30.0
"""Real seconds in which another thread or process has done something if it ever does."""


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Selects without waiting, and lets the clock pass instead."""

    advance: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            # Only a thread or another process could still do something; give it time.
            events = super().select(QUIET)
            if not events:
                raise RuntimeError("deadlock: nothing is scheduled and nothing arrives")
            return events
        self.advance(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; see the module."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.advance = self._advance
        self._virtual = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    def _advance(self, seconds: float) -> None:
        self._virtual += seconds


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time; an exception in any callback on the way fails it."""
    problems: list[dict[str, Any]] = []
    held: list[asyncio.Task[Any]] = []

    def hold(
        loop: asyncio.AbstractEventLoop, story: Coroutine[Any, Any, Any], **how: Any
    ) -> asyncio.Task[Any]:
        """A task that is held: of the others, those that wait go whenever the collector comes by."""
        held.append(asyncio.Task(story, loop=loop, **how))
        return held[-1]

    def problem(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problems.append(context)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(problem)
        runner.get_loop().set_task_factory(hold)
        result = runner.run(story)
    for context in problems:
        raise AssertionError(context["message"]) from context.get("exception")
    return result
