"""One flow in one line: send, receive, and a colour that says how it stands (after SCRAPI, RFC 2205 3.11.1).

::

    async with await rsvp.receive("10.1.0.2:5000", wait=5) as flow:
        print(flow.status)                    # "green": reserved and confirmed

A flow is red when nothing is asked for or it was refused, yellow while it waits, and green from the
first reservation (for a sender) or confirmation (for a receiver) on. Waiting in vain is no error:
the flow stays yellow, and what was asked for stays asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from types import TracebackType
from typing import Self
from weakref import WeakSet

from . import aio, places
from . import objects as o
from .aio import Address, read_address, read_protocol, read_sender
from .api import Api
from .control.lasting import connect
from .engine.outputs import (
    PathError,
    PathEvent,
    PathGone,
    ResvConfirmed,
    ResvError,
    ResvEvent,
    ResvGone,
    Upcall,
)
from .errors import LocalError, Rejected, RsvpError
from .iana import DEFAULT_TTL, ErrorFlag, error_text
from .intserv import INFINITY, Excess, Tspec
from .messages import AnyFilter, Flow, base_filter
from .receiver import Receiver, read_service
from .units import parse_rate

Place = str | tuple[Address, int]
"""An address with a port: "10.1.0.2:5000", "[2001:db8::2]:5000" or ("10.1.0.2", 5000).

That of a sender of an IPsec flow has an SPI: "10.1.0.2/spi=0x1234" or ("10.1.0.2", 0x1234).
"""

SECONDS_IN_BUCKET = 2.0
"""A sender that names only its rate may be this far ahead of it."""

SMALLEST = 64
"""Bytes that a packet counts at least, where nobody says more."""


class Status(StrEnum):
    """How a flow stands."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


def read_place(place: Place) -> tuple[o.IPAddress, int]:
    """An address and a port from text or a pair. Raises LocalError."""
    try:
        if isinstance(place, tuple):
            address, port = place
            return read_address(address), places.read_port(str(port))
        return places.read_place(place)
    except ValueError as error:
        raise LocalError(str(error)) from None


def _about(destination: Place, protocol: str | int) -> o.Session:
    address, port = read_place(destination)
    try:
        return o.session_of(address, read_protocol(protocol), port)
    except ValueError as error:
        raise LocalError(str(error)) from None


def read_rate(rate: float | str) -> float:
    """Bytes/s from a number or text such as "1mbit". Raises LocalError."""
    try:
        return parse_rate(rate) if isinstance(rate, str) else float(rate)
    except ValueError as error:
        raise LocalError(str(error)) from None


_open: WeakSet[AnyFlow] = WeakSet()


class AnyFlow(aio.Events):
    """What sent and received flows share: events, a status, an end. Iterate it for its events."""

    def __init__(self, session: aio.Session, owned: Api | None) -> None:
        super().__init__()
        self.session = session
        self.status = Status.YELLOW
        self.error: RsvpError | None = None
        """Why it is red: `Rejected` with `code` and `value`, or what ended the session."""
        self._owned = owned
        self._changed = asyncio.Event()
        self._follower = asyncio.create_task(self._follow(), name=f"rsvp flow to {session.session}")
        _open.add(self)

    async def _follow(self) -> None:
        ended: RsvpError | None = None
        try:
            async for event in self.session:
                await self._note(event)
                self._events.put_nowait(event)
        except RsvpError as error:
            ended = error
            self._turn(Status.RED, error)
        finally:
            self._end(ended)

    async def _note(self, event: Upcall) -> None:
        raise NotImplementedError

    def _turn(self, status: Status, error: RsvpError | None = None) -> None:
        self.status, self.error = status, error
        self._changed.set()

    def _refused(self, event: PathError | ResvError) -> None:
        text = f"{event.node} refused: {error_text(event.code, event.value)}"
        self._turn(Status.RED, Rejected(text, event.code, event.value))

    async def ready(self, timeout: float | None = None) -> None:
        """Wait until it is green.

        Raises what turned it red, TimeoutError after `timeout` seconds; what was asked for stays.
        """
        async with asyncio.timeout(timeout):
            while self.status is not Status.GREEN:
                if self.error is not None:
                    raise self.error
                self._changed.clear()
                await self._changed.wait()

    async def wait(self, timeout: float) -> Status:
        """Wait until it is green or red, `timeout` seconds at most; the status then."""
        with contextlib.suppress(RsvpError, TimeoutError):
            await self.ready(timeout)
        return self.status

    async def close(self) -> None:
        """Tear down what was asked for; then it is red."""
        _open.discard(self)
        try:
            await self.session.close()
        finally:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
            if self._owned is not None:
                await self._owned.close()
            self._turn(Status.RED, LocalError("the flow was closed"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class SentFlow(AnyFlow):
    """A flow that this host announces: green once somebody reserves for it."""

    template: o.Filter

    async def change(self, what: float | str | Tspec) -> None:
        """Announce another rate or Tspec; a rate of 0 takes the sender back."""
        if isinstance(what, Tspec):
            tspec = what
        elif rate := read_rate(what):
            tspec = await _tspec(self.session.api, rate)
        else:
            await self.session.api.remove_sender(self.session.handle, self.template)
            self._turn(Status.RED)
            return
        await self._announce(self.template, tspec, 0, self._ttl, self._excess)

    async def _announce(
        self, template: o.Filter | None, tspec: Tspec, port: int, ttl: int, excess: Excess
    ) -> None:
        self._ttl, self._excess = ttl, excess
        self.template = await self.session.api.add_sender(
            self.session.handle, template, tspec, port=port, ttl=ttl, excess=excess
        )
        if self.status is Status.RED:
            self._turn(Status.YELLOW)

    async def _note(self, event: Upcall) -> None:
        if isinstance(event, ResvEvent):
            self._turn(Status.GREEN)
        elif isinstance(event, PathError):
            self._refused(event)
        elif isinstance(event, ResvGone) and self.status is Status.GREEN:
            self._turn(Status.YELLOW)


class ReceivedFlow(AnyFlow):
    """A flow that this host reserves for: green once that is confirmed."""

    def __init__(self, session: aio.Session, owned: Api | None, receiver: Receiver, source: _Source) -> None:
        self._receiver = receiver
        self._source = source
        self._asked: tuple[Flow, ...] = ()
        super().__init__(session, owned)

    @property
    def source(self) -> tuple[o.IPAddress | None, int]:
        """The address and port (or SPI) that were named; None and 0 for any."""
        return self._source.pair

    async def _ask(self, anew: bool = False) -> None:
        """Reserve what the senders known by now call for, if that is something else or `anew`."""
        api, handle = self.session.api, self.session.handle
        try:
            flows = self._receiver.flows()
            if flows == self._asked and not anew:
                return
            if flows:
                await api.reserve(handle, self._receiver.style, flows, confirm=True)
            else:
                await api.release(handle)
                self._turn(Status.YELLOW)
        except RsvpError as error:
            self._asked = ()
            self._turn(Status.RED, error)
        else:
            self._asked = flows

    async def _note(self, event: Upcall) -> None:
        if isinstance(event, PathEvent) and not self._source.matches(event.sender.template):
            return
        self._receiver.heard(event)
        deserted = isinstance(event, PathGone) and not self._receiver.hears
        if deserted and self.status is Status.GREEN:
            self._turn(Status.YELLOW)  # before asking, which takes its time where the daemon is gone
        await self._ask(anew=deserted)  # what is asked for still is confirmed once more
        if isinstance(event, ResvConfirmed):
            self._turn(Status.GREEN)
        elif isinstance(event, ResvError) and not event.flags & ErrorFlag.NOT_GUILTY:
            self._refused(event)


class _Source:
    """Which senders a receiver means: any, those of an address, or one."""

    def __init__(self, source: Place | None, session: o.Session) -> None:
        self.sender = None if source is None else read_sender(source, session)

    @property
    def pair(self) -> tuple[o.IPAddress | None, int]:
        return (None, 0) if self.sender is None else (self.sender.address, _number(self.sender))

    def matches(self, template: AnyFilter) -> bool:
        sender, (address, number) = base_filter(template), self.pair
        return (address is None or sender.address == address) and number in (0, _number(sender))

    def named(self) -> tuple[o.Filter, ...]:
        """The one sender that is meant, if it is clear before it is heard."""
        return (self.sender,) if self.sender is not None and _number(self.sender) else ()


def _number(sender: o.Filter) -> int:
    """What tells a sender from others at its address."""
    if isinstance(sender, o.GpiFilter):
        return sender.gpi
    return sender.port if isinstance(sender, o.FilterSpec) else sender.flow_label


async def _tspec(api: Api, rate: float) -> Tspec:
    """A sender's Tspec from its rate alone: b is two seconds' worth, p infinite, M the largest link's."""
    sizes = [entry["mtu"] for entry in await api.show("interfaces")]
    largest = max((int(size) for size in sizes if size), default=1500)
    return Tspec(rate, SECONDS_IN_BUCKET * rate, INFINITY, SMALLEST, max(largest, SMALLEST))


async def send(
    destination: Place,
    rate: float | str | Tspec,
    *,
    source: Place | None = None,
    port: int = 0,
    protocol: str | int = "udp",
    ttl: int = DEFAULT_TTL,
    excess: Excess = Excess.BORROW,
    wait: float = 0.0,
    via: Api | None = None,
) -> SentFlow:
    """Announce a flow of `rate` (bytes/s, "1mbit" or a whole Tspec) to `destination`.

    It comes from `source`, or from this host's own address and `port`; `ttl` is the multicast TTL of
    the data, and `excess` what becomes of packets beyond the Tspec once it is reserved. Waits up to
    `wait` seconds for somebody to reserve. Through the daemon, or `via` another `Api`. Close it when
    done. Raises NoDaemon, NoRoute, LocalError.
    """
    about = _about(destination, protocol)
    template = None if source is None else read_sender(source, about)
    api, owned = await _api(via)
    flow: SentFlow | None = None
    try:
        session = await _session(api, about)
        flow = SentFlow(session, owned)
        tspec = rate if isinstance(rate, Tspec) else await _tspec(api, read_rate(rate))
        await flow._announce(template, tspec, port, ttl, excess)
        if wait:
            await flow.wait(wait)
    except BaseException:
        await (flow.close() if flow is not None else _let_go(owned))
        raise
    return flow


async def receive(
    destination: Place,
    source: Place | None = None,
    *,
    rate: float | str | None = None,
    service: str | None = None,
    delay: float | None = None,
    shared: bool = False,
    style: o.Style | None = None,
    protocol: str | int = "udp",
    wait: float = 0.0,
    via: Api | None = None,
) -> ReceivedFlow:
    """Reserve for what `source` sends to `destination`: what it announces, or `rate`.

    Without `source` (or with its port 0) for each sender that is heard: its own reservation (FF) or,
    `shared`, one for all of them (WF); `style` says it in RSVP's words. `service` is "load" or "rate"
    (controlled load, guaranteed); `delay` in seconds asks for guaranteed service at the R that keeps
    it. Waits up to `wait` seconds for the confirmation. Through the daemon, or `via` another `Api`.
    Close it when done. Raises NoDaemon, LocalError, StyleConflict.
    """
    about = _about(destination, protocol)
    meant = _Source(source, about)
    if style is None:
        style = o.WF if shared else o.FF
    receiver = Receiver(
        style,
        read_service(service, delay),
        meant.named() if style.explicit else (),
        None if rate is None else read_rate(rate),
        delay,
    )
    api, owned = await _api(via)
    flow: ReceivedFlow | None = None
    try:
        session = await _session(api, about)
        flow = ReceivedFlow(session, owned, receiver, meant)
        await flow._ask()
        if wait:
            await flow.wait(wait)
    except BaseException:
        await (flow.close() if flow is not None else _let_go(owned))
        raise
    return flow


def status(destination: Place, source: Place | None = None, *, protocol: str | int = "udp") -> Status:
    """How this process's flows to `destination` stand: the worst of them; red if there are none.

    With `source`, that of the receiver that named it. Raises LocalError.
    """
    about = _about(destination, protocol)
    found = [flow for flow in _open if flow.session.session.key == about.key]
    if source is not None:
        meant = _Source(source, about).pair
        found = [flow for flow in found if isinstance(flow, ReceivedFlow) and flow.source == meant]
    return min((flow.status for flow in found), key=list(Status).index, default=Status.RED)


async def _session(api: Api, what: o.Session) -> aio.Session:
    return aio.Session(api, what, await api.open_session(what))


async def _api(via: Api | None) -> tuple[Api, Api | None]:
    """Whom to ask, and what has to be closed in the end."""
    if via is not None:
        return via, None
    client = await connect()
    return client, client


async def _let_go(owned: Api | None) -> None:
    if owned is not None:
        await owned.close()
