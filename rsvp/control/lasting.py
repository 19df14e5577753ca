"""A client that outlives its daemon: what it made comes back when a daemon does (RFC 2205 section 2.3).

RSVP's state is soft in the network; this makes an application's part of it soft, too. When the
connection is lost, each session is told that its senders and reservations are gone, which they are
as far as anybody can know. Then the daemon is looked for until it answers, and sessions, senders
and reservations are asked for anew; what they lead to arrives as events.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ..aio import Endpoint
from ..engine.outputs import PathEvent, PathGone, ResvEvent, ResvGone, Upcall
from ..errors import ControlError, RsvpError, UnknownSession
from ..iana import DEFAULT_TTL
from ..intserv import DEFAULT_ADSPEC, Adspec, Excess, Tspec
from ..jsonform import Json
from ..messages import Flow, base_filter, base_filters
from ..objects import Filter, PolicyData, Session, Style
from ..paths import CONTROL
from . import client
from .client import PATIENCE, Client

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between two tries to find the daemon: they double."""

log = logging.getLogger("rsvp.control")

T = TypeVar("T")
P = ParamSpec("P")


async def connect(path: str | Path = CONTROL) -> LastingClient:
    """Open a client of the daemon at `path` that finds it again after a restart; close it when done.

    Raises NoDaemon, or ControlError where the socket cannot be opened.
    """
    return LastingClient(path, await client.connect(path))


def _whole(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A verb that goes on to its end where its caller is cancelled: what was asked for has to be known."""

    @functools.wraps(verb)
    async def shielded(*args: P.args, **how: P.kwargs) -> T:
        return await asyncio.shield(asyncio.create_task(verb(*args, **how)))

    return shielded


@dataclass(slots=True, eq=False)
class _Part:
    """An application's part in a session: what to ask for again, and what it was told."""

    session: Session
    handle: int
    """Towards the application; it stays. `inner` is that of the present connection."""
    inner: int
    queue: asyncio.Queue[Upcall | RsvpError | None] = field(default_factory=asyncio.Queue)
    senders: dict[Filter, dict[str, Any]] = field(default_factory=dict)
    reservation: tuple[Style, tuple[Flow, ...], dict[str, Any]] | None = None
    paths: dict[Filter, PathGone] = field(default_factory=dict)
    resvs: dict[tuple[Filter, ...], ResvGone] = field(default_factory=dict)
    pump: asyncio.Task[None] | None = None

    def tell(self, event: Upcall) -> None:
        """Pass an event on, remembering how it would be taken back."""
        told: Upcall = replace(event, handle=self.handle)
        match event:
            case PathEvent(sender=sender):
                template = base_filter(sender.template)
                self.paths[template] = PathGone(self.handle, self.session, template)
            case PathGone(template=template):
                self.paths.pop(template, None)
            case ResvEvent(style=style, filters=filters):
                self.resvs[filters] = ResvGone(self.handle, self.session, style, filters)
            case ResvGone(filters=filters):
                self.resvs.pop(filters, None)
        self.queue.put_nowait(told)

    def forget(self) -> None:
        """Tell that all of it is gone."""
        gone: list[Upcall] = [*self.paths.values(), *self.resvs.values()]
        for event in gone:
            self.queue.put_nowait(event)
        self.paths.clear()
        self.resvs.clear()


class LastingClient(Endpoint):
    """`rsvp.api.Api` by a daemon, and by the next one when that restarts.

    A verb that finds no daemon waits `PATIENCE` seconds for one; then it raises ControlError. What
    cannot be made anew, because the new daemon refuses it, ends its session's events with that error.
    """

    def __init__(self, path: str | Path, connection: Client) -> None:
        self._path = path
        self._connection = connection
        self._handles = itertools.count(1)
        self._parts: dict[int, _Part] = {}
        self._there = asyncio.Event()
        self._there.set()
        self._keeper = asyncio.create_task(self._keep(), name=f"rsvp daemon at {path}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open_session(self, session: Session) -> int:
        """Take part in a session; the result is its handle."""
        handle = next(self._handles)
        inner = await self._ask(lambda: self._connection.open_session(session))
        part = self._parts[handle] = _Part(session, handle, inner)
        self._listen(part)
        return handle

    async def close_session(self, handle: int) -> None:
        """Leave a session: what was made in it is torn down and its events end."""
        part = self._part(handle)
        del self._parts[handle]
        if self._there.is_set():
            # A daemon that is lost at this moment has torn it down already.
            await _unless_lost(self._connection, self._connection.close_session(part.inner))
            if part.pump is not None:
                await asyncio.wait({part.pump})
        part.queue.put_nowait(None)  # also where the connection was lost before it could say so

    @_whole
    async def add_sender(
        self,
        handle: int,
        template: Filter | None,
        tspec: Tspec,
        *,
        port: int = 0,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        policy: tuple[PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
        incoming: str | None = None,
    ) -> Filter:
        """Announce a sender, or change it; without `template` the daemon picks its own address."""
        part = self._part(handle)
        what: dict[str, Any] = {"tspec": tspec, "port": port, "ttl": ttl, "adspec": adspec}
        what |= {"policy": policy, "excess": excess, "incoming": incoming}
        made = await self._ask(lambda: self._connection.add_sender(part.inner, template, **what))
        part.senders[made] = what
        return made

    @_whole
    async def remove_sender(self, handle: int, template: Filter) -> None:
        """Take a sender back; a PathTear follows."""
        part = self._part(handle)
        part.senders.pop(template, None)
        await self._ask(lambda: self._connection.remove_sender(part.inner, template))

    @_whole
    async def reserve(
        self,
        handle: int,
        style: Style,
        flows: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[PolicyData, ...] = (),
        joined: str | None = None,
        outgoing: str | None = None,
    ) -> None:
        """Reserve, in place of what was reserved before in this session."""
        part = self._part(handle)
        how: dict[str, Any] = {"confirm": confirm, "ttl": ttl, "policy": policy}
        how |= {"joined": joined, "outgoing": outgoing}
        await self._ask(lambda: self._connection.reserve(part.inner, style, flows, **how))
        part.reservation = (style, flows, how)

    @_whole
    async def release(self, handle: int, filters: tuple[Filter, ...] | None = None) -> None:
        """Give the reservation back, all of it or that for some senders."""
        part = self._part(handle)
        await self._ask(lambda: self._connection.release(part.inner, filters))
        if part.reservation is not None:
            style, flows, how = part.reservation
            rest = () if filters is None else _without(flows, base_filters(filters))
            part.reservation = (style, rest, how) if rest else None

    def events(self, handle: int) -> AsyncIterator[Upcall]:
        """The session's events in order, to its end; for one reader.

        Raises what kept the session from being made anew.
        """
        part = self._parts.get(handle)
        return client.until_the_end(None if part is None else part.queue)

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """Entries as `rsvp show` prints them."""
        return await self._ask(lambda: self._connection.show(what, why=why))

    async def admit(self, session: Session, style: Style, flows: tuple[Flow, ...]) -> list[dict[str, Json]]:
        """What the daemon would say to a reservation; see `rsvp.api.Api.admit`."""
        return await self._ask(lambda: self._connection.admit(session, style, flows))

    async def clear(self, what: str, session: Session | None = None) -> dict[str, int]:
        """Remove state that neighbours made, or begin the counters anew; see `rsvp.api.Api.clear`."""
        return await self._ask(lambda: self._connection.clear(what, session))

    async def close(self) -> None:
        """Close the connection, and with it every session."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        await self._connection.close()
        for part in self._parts.values():
            part.queue.put_nowait(None)
        self._parts.clear()

    # --- lost and found -----------------------------------------------------------------------------

    def _part(self, handle: int) -> _Part:
        if handle not in self._parts:
            raise UnknownSession(f"session {handle} is not open")
        return self._parts[handle]

    async def _ask(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Ask the daemon that is there, or the one that comes back in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._there.wait()
                    connection = self._connection
                    try:
                        return await verb()
                    except ControlError:
                        if connection.lost is None:
                            raise
                        if connection is self._connection:
                            self._there.clear()
        except TimeoutError:
            raise ControlError(
                f"no daemon has answered on {self._path} for {PATIENCE:g} s: start one with 'rsvp daemon'"
            ) from None

    def _listen(self, part: _Part) -> None:
        part.pump = asyncio.create_task(self._pass_on(part), name=f"rsvp events of {part.session}")

    async def _pass_on(self, part: _Part) -> None:
        try:
            async for event in self._connection.events(part.inner):
                part.tell(event)
            part.queue.put_nowait(None)
        except ControlError:
            pass  # lost: `_keep` sees to it

    async def _keep(self) -> None:
        """Whenever the daemon is lost, find it and make everything anew."""
        while True:
            await self._connection.ended()
            self._there.clear()
            log.info("the daemon at %s is gone; what was made there will be asked for again", self._path)
            parts = list(self._parts.values())
            await asyncio.gather(*(part.pump for part in parts if part.pump is not None))
            for part in parts:
                part.forget()
            self._connection = await self._find()
            for part in list(self._parts.values()):
                if part.handle in self._parts:
                    await self._remake(part)
            self._there.set()

    async def _find(self) -> Client:
        wait = FIRST_WAIT
        while True:
            try:
                return await client.connect(self._path)
            except ControlError as error:
                log.debug("%s", error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _remake(self, part: _Part) -> None:
        connection, opened = self._connection, False
        try:
            part.inner = await connection.open_session(part.session)
            opened = True
            self._listen(part)
            for template, what in list(part.senders.items()):
                await connection.add_sender(part.inner, template, **what)
            if part.reservation is not None:
                style, flows, how = part.reservation
                await connection.reserve(part.inner, style, flows, **how)
        except RsvpError as error:
            if connection.lost is not None:
                return
            log.warning("%s could not be made anew: %s", part.session, error)
            part.queue.put_nowait(error)
            self._parts.pop(part.handle, None)
        if opened and part.handle not in self._parts:  # or it was closed meanwhile
            await _unless_lost(connection, connection.close_session(part.inner))


def _without(flows: tuple[Flow, ...], filters: tuple[Filter, ...]) -> tuple[Flow, ...]:
    """Flows without some of their filters; what keeps none is gone."""
    kept = [
        replace(flow, filters=tuple(one for one in flow.filters if base_filter(one) not in filters))
        for flow in flows
    ]
    return tuple(flow for flow in kept if flow.filters)


async def _unless_lost(connection: Client, answer: Awaitable[None]) -> None:
    try:
        await answer
    except ControlError:
        if connection.lost is None:
            raise
