"""What applications type: sessions, senders and reservations to await (RFC 2205 section 3.11.1).

::

    async with rsvp.Node() as node:                      # or: await rsvp.connect()
        async with await node.session("10.1.0.2", 5000) as session:
            await session.send(rsvp.Tspec(rate=125_000, bucket=20_000), port=4000)
            async for event in session:
                ...

The same classes work over a node in this process and over the daemon's control socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Self

from . import objects as o
from . import places
from .api import Api
from .engine.outputs import PathEvent, PathGone, ResvConfirmed, ResvError, Upcall
from .errors import LocalError, Rejected, RsvpError, UnknownSession
from .iana import DEFAULT_TTL, ErrorFlag, Protocol, error_text
from .intserv import DEFAULT_ADSPEC, Adspec, Excess, Flowspec, Tspec
from .messages import Flow, base_filter
from .messages import Sender as SenderDescriptor
from .undoing import Undoing

Address = str | o.IPAddress
SenderLike = o.Filter | tuple[Address, int] | str
"""A sender: ("10.1.0.2", 5000), "10.1.0.2:5000", or for IPsec flows "10.1.0.2/spi=0x1234"."""

PROTOCOLS = {protocol.name.lower(): int(protocol) for protocol in Protocol}


def read_protocol(protocol: str | int) -> int:
    """An IP protocol by number or name. Raises LocalError."""
    if isinstance(protocol, int):
        number = protocol
    elif protocol.isdecimal():
        number = int(protocol)
    else:
        number = PROTOCOLS.get(protocol.lower(), 0)
    if not 0 < number < 256:
        raise LocalError(f"no such protocol: {protocol}; write tcp, udp, esp, ah or a number from 1 to 255")
    return number


def read_address(address: Address) -> o.IPAddress:
    """An address from text, without a zone: it is to mean the same to every node. Raises LocalError."""
    try:
        return places.read_address(str(address))
    except ValueError as error:
        raise LocalError(str(error)) from None


def read_sender(sender: SenderLike, session: o.Session) -> o.Filter:
    """A filter of a session from text or a pair of address and port (or SPI). Raises LocalError."""
    if not isinstance(sender, str | tuple):
        return sender
    try:
        address, number = places.read_sender(sender) if isinstance(sender, str) else sender
        if isinstance(sender, str) and isinstance(number, places.Spi) != isinstance(session, o.GpiSession):
            form = "ADDRESS/spi=0x1234" if isinstance(session, o.GpiSession) else "ADDRESS:PORT"
            raise LocalError(f"{sender!r} cannot send in this session: write {form}")
        return o.filter_of(session, read_address(address), number)
    except ValueError as error:
        raise LocalError(str(error)) from None


class Endpoint:
    """The friendly half of a `Node` or `Client`: opens sessions, closes itself."""

    async def session(self: Api, destination: Address, port: int = 0, protocol: str | int = "udp") -> Session:
        """Take part in a session to `destination`; close it, or use it in `async with`.

        With protocol "esp" or "ah" and a port, it is one of IPsec flows: the port is virtual, and the
        ports of its senders are SPIs (RFC 2207). Raises LocalError for what cannot be.
        """
        try:
            what = o.session_of(read_address(destination), read_protocol(protocol), port)
        except ValueError as error:
            raise LocalError(str(error)) from None
        return Session(self, what, await self.open_session(what))


class Events:
    """Events to iterate, each once and in order, up to what `_end` was told: nothing, or what went wrong."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Upcall | RsvpError | None] = asyncio.Queue()

    def __aiter__(self) -> AsyncIterator[Upcall]:
        return self

    async def __anext__(self) -> Upcall:
        event = await self._events.get()
        if event is None or isinstance(event, RsvpError):
            self._end(event)  # for whoever asks once more
            raise event or StopAsyncIteration
        return event

    def _end(self, error: RsvpError | None) -> None:
        self._events.put_nowait(error)


class Session(Events):
    """One application's part in one session.

    Iterate it (`async for event in session`) for events as `rsvp.PathEvent`, `rsvp.ResvEvent` and
    so on; none is lost, also from before the iteration began. It ends when the session is closed, and
    raises what ended it otherwise: ControlError, or why a new daemon refuses what the old one granted.

    A call that is cancelled takes back what it had begun to make; one that changes what is there
    already changes it all the same. The next one comes after that.
    """

    def __init__(self, api: Api, session: o.Session, handle: int) -> None:
        super().__init__()
        self.api = api
        self.session = session
        self.handle = handle
        self.senders: dict[o.Filter, SenderDescriptor] = {}
        """The senders that are known at present, from their Path messages."""
        self.error: RsvpError | None = None
        """Why there is no session any more."""
        self._announced: set[o.Filter] = set()
        self._reserved = False
        self._undoing = Undoing()
        self._waiters: list[Reservation] = []
        self._arrival = asyncio.Event()
        self._pump = asyncio.create_task(self._receive(), name=f"rsvp events of {session}")

    async def _receive(self) -> None:
        try:
            async for event in self.api.events(self.handle):
                self._note(event)
                self._events.put_nowait(event)
        except RsvpError as error:
            self.error = error
        finally:
            self._end(self.error)
            self.error = self.error or LocalError("the session was closed")
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter._fail(self.error)
            self._arrival.set()

    def _note(self, event: Upcall) -> None:
        if isinstance(event, PathEvent):
            self.senders[base_filter(event.sender.template)] = event.sender
            self._arrival.set()
        elif isinstance(event, PathGone):
            self.senders.pop(event.template, None)
        elif isinstance(event, ResvConfirmed | ResvError):
            for waiter in self._waiters:
                waiter._note(event)

    async def send(
        self,
        tspec: Tspec,
        *,
        source: Address | None = None,
        port: int = 0,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        policy: tuple[o.PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
    ) -> Sender:
        """Announce a flow from `source` (this node's address towards the destination) and `port`.

        `ttl` is the multicast TTL of the data: it becomes the TTL of the Path messages. `policy`
        goes along in them as it is (RFC 2750). `excess` is what this node does with packets beyond
        `tspec` once the flow is reserved. Raises NoRoute, LocalError.
        """
        template = None if source is None else read_sender((source, port), self.session)
        sender = await self._undoing.ask(
            lambda: self.api.add_sender(
                self.handle, template, tspec, port=port, ttl=ttl, adspec=adspec, policy=policy, excess=excess
            ),
            self._unannounce,
        )
        self._announced.add(sender)
        return Sender(self, sender, policy, excess)

    async def reserve(
        self,
        style: o.Style,
        flowspec: Flowspec,
        senders: Iterable[SenderLike] = (),
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[o.PolicyData, ...] = (),
        joined: str | None = None,
    ) -> Reservation:
        """Reserve for `senders`, none for style WF; replaces what this session reserved before.

        With `confirm`, await `Reservation.confirmed()` for the network's answer. `policy` goes along
        as it is (RFC 2750), and `joined` names the interface where the group was joined, if one was chosen.
        Several flowspecs in one FF reservation: `reserve_flows`. Raises LocalError, StyleConflict.
        """
        filters = tuple(read_sender(sender, self.session) for sender in senders)
        if style.explicit and not style.shared:
            flows = tuple(Flow(flowspec, (one,)) for one in filters)
        else:
            flows = (Flow(flowspec, filters),)
        return await self.reserve_flows(style, flows, confirm=confirm, ttl=ttl, policy=policy, joined=joined)

    async def reserve_flows(
        self,
        style: o.Style,
        flows: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[o.PolicyData, ...] = (),
        joined: str | None = None,
    ) -> Reservation:
        """Reserve flow descriptors as they stand (RFC 2205 section 3.1.4)."""
        reservation = Reservation(self, style, flows)
        self._waiters = [reservation]
        await self._undoing.ask(
            lambda: self.api.reserve(
                self.handle, style, flows, confirm=confirm, ttl=ttl, policy=policy, joined=joined
            ),
            self._unreserve,
        )
        self._reserved = True
        return reservation

    async def _unannounce(self, sender: o.Filter) -> None:
        if sender not in self._announced:
            await self.api.remove_sender(self.handle, sender)

    async def _unreserve(self, _: None) -> None:
        if not self._reserved:
            await self.api.release(self.handle)

    async def sender(self, timeout: float | None = None) -> SenderDescriptor:
        """Wait until at least one sender's Path has arrived; returns the first known one.

        Raises TimeoutError after `timeout` seconds, and what ended the session.
        """
        async with asyncio.timeout(timeout):
            while not self.senders:
                if self.error is not None:
                    raise self.error
                self._arrival.clear()
                await self._arrival.wait()
        return next(iter(self.senders.values()))

    async def close(self) -> None:
        """Tear down what was made in this session; nothing is left to do where it has ended by itself."""
        if self.error is None:
            with contextlib.suppress(UnknownSession):  # it ends at this moment
                await self.api.close_session(self.handle)
            await asyncio.wait({self._pump})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class Sender:
    """A flow that this node announces."""

    def __init__(
        self,
        session: Session,
        template: o.Filter,
        policy: tuple[o.PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
    ) -> None:
        self.session = session
        self.template = template
        self.policy = policy
        self.excess = excess

    async def change(self, tspec: Tspec, *, ttl: int = DEFAULT_TTL) -> None:
        """Announce another Tspec for the same flow."""
        await self.session.api.add_sender(
            self.session.handle, self.template, tspec, ttl=ttl, policy=self.policy, excess=self.excess
        )

    async def stop(self) -> None:
        """Send a PathTear."""
        self.session._announced.discard(self.template)
        await self.session.api.remove_sender(self.session.handle, self.template)


class Reservation:
    """A reservation that this node asks for."""

    def __init__(self, session: Session, style: o.Style, flows: tuple[Flow, ...]) -> None:
        self.session = session
        self.style = style
        self.flows = flows
        self._open = {one for flow in flows for one in flow.filters}
        self._answer: asyncio.Future[ResvConfirmed] = asyncio.get_running_loop().create_future()
        # Nobody has to ask for the answer: an unread refusal is no unhandled exception.
        self._answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _note(self, event: ResvConfirmed | ResvError) -> None:
        if isinstance(event, ResvError):
            if not event.flags & ErrorFlag.NOT_GUILTY:
                text = error_text(event.code, event.value)
                self._fail(Rejected(f"{event.node} refused: {text}", event.code, event.value))
            return
        self._open -= set(event.filters)
        if not self._open and not self._answer.done():
            self._answer.set_result(event)

    def _fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    async def confirmed(self, timeout: float | None = None) -> ResvConfirmed:
        """Wait for the confirmation that was asked for with `confirm=True`.

        Raises Rejected with the error's code and value if a node refuses, TimeoutError after
        `timeout` seconds. A confirmation is no guarantee: see RFC 2205 section 2.6.
        """
        async with asyncio.timeout(timeout):
            return await asyncio.shield(self._answer)

    async def release(self) -> None:
        """Give it back: a ResvTear."""
        self.session._reserved = False
        await self.session.api.release(self.session.handle)
