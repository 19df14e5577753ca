"""Calls that are cancelled or fail half-way are taken back (no RFC: for whatever applications call)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from .errors import RsvpError

T = TypeVar("T")


class Undoing:
    """What is being taken back. Whoever cancels a call does not wait for it; the next call does.

    A loop that ends does not wait either: what was made ends with the connection that it was made by.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(
        self, verb: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        """The answer to a verb. Where the caller is cancelled, what came of it is undone, if it can be."""
        asked = asyncio.create_task(_after(set(self._tasks), verb))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            if not asked.cancelling():  # else the whole loop ends
                self._begin(_undo(asked, undo))
            raise

    async def after(self, error: BaseException, undo: Coroutine[None, None, None]) -> None:
        """Take back what a call had begun that now raises `error`."""
        task = self._begin(_quietly(undo))
        if not isinstance(error, asyncio.CancelledError):
            await asyncio.shield(task)

    async def finished(self) -> None:
        """Wait until nothing is being taken back."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, undo: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(undo)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _after(others: set[asyncio.Task[None]], verb: Callable[[], Awaitable[T]]) -> T:
    if others:
        await asyncio.wait(others)
    return await verb()


async def _undo(asked: Awaitable[T], undo: Callable[[T], Awaitable[None]] | None) -> None:
    with contextlib.suppress(RsvpError):  # it was refused, or its session has ended
        made = await asked
        if undo is not None:
            await undo(made)


async def _quietly(undo: Awaitable[None]) -> None:
    with contextlib.suppress(RsvpError):  # a service that is gone has forgotten us anyway
        await undo
