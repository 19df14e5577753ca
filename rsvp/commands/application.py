"""What `rsvp send` and `rsvp reserve` share: a node to talk to, its events, and an orderly end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..api import Api
from ..control.client import NoDaemon, connect
from ..control.schema import upcall_to_json
from ..engine.outputs import PathError, ResvError, Upcall
from ..errors import ControlError, RsvpError
from ..node import Node
from ..objects import Session
from ..paths import CONTROL
from . import words


class Failed(RsvpError):
    """What the person asked for did not come about."""


@dataclass(frozen=True)
class Limits:
    """When to end, and in which form to tell: as JSON, after so many events or seconds."""

    json: bool
    count: int | None
    timeout: float | None


class Application(ABC):
    """One session's events, told as they come, until the limits or an interrupt."""

    awaited = "nothing was received"
    """How to complain if `reached` never was."""

    def __init__(self, session: Session, limits: Limits) -> None:
        self.session = session
        self.limits = limits
        self.reached = False
        self.refusal: str | None = None
        self.told = 0

    @abstractmethod
    async def begin(self) -> str:
        """Make what is to be made; the result is what to tell people about it."""

    @abstractmethod
    async def heard(self, event: Upcall) -> bool:
        """Act on an event; False if people need not know of it."""

    def reach(self) -> None:
        """What was asked for is there; refusals before are history."""
        self.reached = True
        self.refusal = None

    async def run(self, control: str | None) -> None:
        """Do it all. Raises Failed, and RsvpError for what cannot be done at all."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        self.api, through = await open_api(control or CONTROL)
        try:
            self.handle = await self.api.open_session(self.session)
            about = await self.begin()
            if not self.limits.json:
                print(f"{about}, {through}; interrupt to end", file=sys.stderr, flush=True)
            ended = await self._listen(stop)
            await self.api.close_session(self.handle)
        finally:
            await self.api.close()
        if ended is None:
            return
        if self.refusal is not None:
            raise Failed(self.refusal)
        if ended == "timeout" and not self.reached:
            raise Failed(f"{self.awaited} within {self.limits.timeout:g} s")

    async def _listen(self, stop: asyncio.Event) -> str | None:
        """Tell events until it is enough: "count", "timeout", or None for an interrupt."""
        events, stopped = asyncio.create_task(self._tell()), asyncio.create_task(stop.wait())
        waiting: set[asyncio.Future[Any]] = {events, stopped}
        if isinstance(self.api, Node):
            waiting.add(self.api.failure)
        try:
            done, _ = await asyncio.wait(
                waiting, timeout=self.limits.timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (events, stopped):
                task.cancel()
            await asyncio.gather(events, stopped, return_exceptions=True)
        if stopped in done:
            return None
        for ended in done:
            ended.result()
        return "count" if done else "timeout"

    async def _tell(self) -> None:
        async for event in self.api.events(self.handle):
            if isinstance(event, PathError | ResvError):
                self.refusal = words.event(upcall_to_json(event))
            if await self.heard(event):
                value = upcall_to_json(event)
                print(json.dumps(value) if self.limits.json else words.event(value), flush=True)
                self.told += 1
            if self.told == self.limits.count:
                return
        raise ControlError("the session was closed")


async def open_api(path: str, connect: Callable[[str], Awaitable[Api]] = connect) -> tuple[Api, str]:
    """The daemon if its control socket is there, else a node in this process; and its name."""
    if os.path.exists(path):
        try:
            return await connect(path), f"through the daemon at {path}"
        except NoDaemon:
            pass  # a dead daemon's socket
    node = Node()
    await node.start()
    return node, "without a daemon"
