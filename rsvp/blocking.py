"""The same for scripts without asyncio: every call waits for its result.

::

    import rsvp.blocking as rsvp

    with rsvp.receive("10.1.0.2:5000", wait=5) as flow:
        print(flow.status)

One loop runs beside the script in a thread of its own, from the first call on. Whatever is still
open when the script ends is torn down then.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from . import aio, attachment, flows, objects
from .aio import Address, SenderLike
from .api import Api
from .beside import LOOP, Closing
from .control import lasting
from .engine.outputs import ResvConfirmed, Upcall
from .errors import RsvpError
from .flows import Place, Status
from .iana import DEFAULT_TTL
from .intserv import DEFAULT_ADSPEC, Adspec, Excess, Flowspec, Tspec
from .jsonform import Json
from .messages import Flow
from .messages import Sender as SenderDescriptor
from .objects import Filter, PolicyData, Style
from .paths import CONTROL

__all__ = [
    "Attachment",
    "Client",
    "LiveFlow",
    "Reservation",
    "Sender",
    "Session",
    "attach",
    "connect",
    "receive",
    "send",
    "status",
]

C = TypeVar("C", bound=Closing)


class _Twin(Generic[C]):
    """A closing thing of the asyncio interface, from outside of its loop."""

    def __init__(self, inner: C) -> None:
        self._inner = inner
        LOOP.open[id(self)] = inner

    def close(self) -> None:
        """Tear down what was made in it."""
        if LOOP.open.pop(id(self), None) is not None:
            LOOP.wait(self._inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def connect(path: str | Path = CONTROL) -> Client:
    """Open a client of the daemon at `path` that finds it again after a restart; close it when done.

    Raises NoDaemon, or ControlError where the socket cannot be opened.
    """
    return Client(LOOP.wait(lasting.connect(path)))


class Client(_Twin[lasting.LastingClient]):
    """A daemon, as `rsvp.connect` gives it."""

    def session(self, destination: Address, port: int = 0, protocol: str | int = "udp") -> Session:
        """Take part in a session; close it, or use it in `with`. Raises LocalError."""
        return Session(LOOP.wait(self._inner.session(destination, port, protocol)))

    def admit(self, session: objects.Session, style: Style, flows: tuple[Flow, ...]) -> list[dict[str, Json]]:
        """What the daemon would say to a reservation; see `rsvp.api.Api.admit`."""
        return LOOP.wait(self._inner.admit(session, style, flows))

    def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """Entries as `rsvp show` prints them."""
        return LOOP.wait(self._inner.show(what, why=why))


class Session(_Twin[aio.Session]):
    """One application's part in one session. Iterate it for its events: it waits for each."""

    @property
    def senders(self) -> dict[Filter, SenderDescriptor]:
        """The senders that are known at present, from their Path messages."""
        return dict(self._inner.senders)

    def send(
        self,
        tspec: Tspec,
        *,
        source: Address | None = None,
        port: int = 0,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        policy: tuple[PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
    ) -> Sender:
        """Announce a flow, as `rsvp.aio.Session.send` does. Raises NoRoute, LocalError."""
        sender = self._inner.send(
            tspec, source=source, port=port, ttl=ttl, adspec=adspec, policy=policy, excess=excess
        )
        return Sender(LOOP.wait(sender))

    def reserve(
        self,
        style: Style,
        flowspec: Flowspec,
        senders: Iterable[SenderLike] = (),
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[PolicyData, ...] = (),
        joined: str | None = None,
    ) -> Reservation:
        """Reserve, as `rsvp.aio.Session.reserve` does. Raises LocalError, StyleConflict."""
        asked = self._inner.reserve(
            style, flowspec, senders, confirm=confirm, ttl=ttl, policy=policy, joined=joined
        )
        return Reservation(LOOP.wait(asked))

    def reserve_flows(
        self,
        style: Style,
        descriptors: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[PolicyData, ...] = (),
        joined: str | None = None,
    ) -> Reservation:
        """Reserve flow descriptors as they stand (RFC 2205 section 3.1.4)."""
        asked = self._inner.reserve_flows(
            style, descriptors, confirm=confirm, ttl=ttl, policy=policy, joined=joined
        )
        return Reservation(LOOP.wait(asked))

    def sender(self, timeout: float | None = None) -> SenderDescriptor:
        """Wait until at least one sender is known; the first one. Raises TimeoutError."""
        return LOOP.wait(self._inner.sender(timeout))

    def next(self, timeout: float | None = None) -> Upcall | None:
        """Wait for the next event; None after `timeout` seconds or when the session is closed."""
        return LOOP.wait(_next(self._inner, timeout))

    def __iter__(self) -> Iterator[Upcall]:
        while (event := self.next()) is not None:
            yield event


class Sender:
    """A flow that this host announces."""

    def __init__(self, inner: aio.Sender) -> None:
        self._inner = inner
        self.template = inner.template

    def change(self, tspec: Tspec, *, ttl: int = DEFAULT_TTL) -> None:
        """Announce another Tspec for the same flow."""
        LOOP.wait(self._inner.change(tspec, ttl=ttl))

    def stop(self) -> None:
        """Send a PathTear."""
        LOOP.wait(self._inner.stop())


class Reservation:
    """A reservation that this host asks for."""

    def __init__(self, inner: aio.Reservation) -> None:
        self._inner = inner

    def confirmed(self, timeout: float | None = None) -> ResvConfirmed:
        """Wait for the confirmation that was asked for. Raises Rejected, TimeoutError."""
        return LOOP.wait(self._inner.confirmed(timeout))

    def release(self) -> None:
        """Give it back: a ResvTear."""
        LOOP.wait(self._inner.release())


class LiveFlow(_Twin[flows.SentFlow | flows.ReceivedFlow]):
    """A flow in one line: red, yellow or green. Iterate it for its events: it waits for each."""

    @property
    def status(self) -> Status:
        """How it stands."""
        return self._inner.status

    @property
    def error(self) -> RsvpError | None:
        """Why it is red."""
        return self._inner.error

    def ready(self, timeout: float | None = None) -> None:
        """Wait until it is green. Raises what turned it red, TimeoutError."""
        LOOP.wait(self._inner.ready(timeout))

    def wait(self, timeout: float) -> Status:
        """Wait until it is green or red, `timeout` seconds at most; the status then."""
        return LOOP.wait(self._inner.wait(timeout))

    def next(self, timeout: float | None = None) -> Upcall | None:
        """Wait for the next event; None after `timeout` seconds or when the flow is closed."""
        return LOOP.wait(_next(self._inner, timeout))

    def __iter__(self) -> Iterator[Upcall]:
        while (event := self.next()) is not None:
            yield event


class Attachment(_Twin[attachment.Attachment]):
    """What a socket's flows were given; the socket stays open."""

    @property
    def status(self) -> Status:
        """The worse of the two directions'."""
        return self._inner.status

    def ready(self, timeout: float | None = None) -> None:
        """Wait until all of it is green. Raises what turned it red, TimeoutError."""
        LOOP.wait(self._inner.ready(timeout))


def send(
    destination: Place,
    rate: float | str | Tspec,
    *,
    source: Place | None = None,
    port: int = 0,
    protocol: str | int = "udp",
    ttl: int = DEFAULT_TTL,
    wait: float = 0.0,
    via: Client | None = None,
) -> LiveFlow:
    """Announce a flow, as `rsvp.send` does. Raises NoDaemon, NoRoute, LocalError."""
    asked = flows.send(
        destination,
        rate,
        source=source,
        port=port,
        protocol=protocol,
        ttl=ttl,
        wait=wait,
        via=_api(via),
    )
    return LiveFlow(LOOP.wait(asked))


def receive(
    destination: Place,
    source: Place | None = None,
    *,
    rate: float | str | None = None,
    service: str | None = None,
    delay: float | None = None,
    shared: bool = False,
    style: Style | None = None,
    protocol: str | int = "udp",
    wait: float = 0.0,
    via: Client | None = None,
) -> LiveFlow:
    """Reserve for a flow, as `rsvp.receive` does. Raises NoDaemon, LocalError, StyleConflict."""
    asked = flows.receive(
        destination,
        source,
        rate=rate,
        service=service,
        delay=delay,
        shared=shared,
        style=style,
        protocol=protocol,
        wait=wait,
        via=_api(via),
    )
    return LiveFlow(LOOP.wait(asked))


def attach(
    sock: socket.socket,
    *,
    send: float | str | Tspec | None = None,
    receive: float | str | bool = False,
    to: Place | None = None,
    at: Place | None = None,
    style: Style | None = None,
    service: str | None = None,
    delay: float | None = None,
    wait: float = 0.0,
    via: Client | None = None,
) -> Attachment:
    """Announce and reserve for a socket, as `rsvp.attach` does. Raises LocalError, NoDaemon, NoRoute."""
    asked = attachment.attach(
        sock,
        send=send,
        receive=receive,
        to=to,
        at=at,
        style=style,
        service=service,
        delay=delay,
        wait=wait,
        via=_api(via),
    )
    return Attachment(LOOP.wait(asked))


def status(destination: Place, source: Place | None = None, *, protocol: str | int = "udp") -> Status:
    """How this process's flows to `destination` stand, as `rsvp.status` does. Raises LocalError."""
    return flows.status(destination, source, protocol=protocol)


def _api(via: Client | None) -> Api | None:
    return None if via is None else via._inner


async def _next(events: aio.Session | flows.AnyFlow, timeout: float | None) -> Upcall | None:
    try:
        async with asyncio.timeout(timeout):
            return await anext(events)
    except (StopAsyncIteration, TimeoutError):
        return None
