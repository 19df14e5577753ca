"""Sockets with quality of service: WSAConnect, WSAAccept, WSAJoinLeaf, SIO_SET_QOS and the rest.

A socket signals a direction as soon as all that a Path or a Resv needs is known, whatever the order of the
calls. Everything is checked before anything is changed; the network's answers are events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from types import TracebackType
from typing import NoReturn, Self, SupportsIndex, TypeAlias

from ..api import Api
from ..errors import ControlError, NoRoute, RsvpError, StyleConflict, Unavailable
from ..iana import DEFAULT_TTL, Protocol
from ..objects import IPAddress, Session
from ..undoing import Undoing
from . import ioctls, questions
from .checks import SIGNALLED, Direction, find
from .constants import Check, Condition, Join, ServiceFlag, Shutdown, SocketFlag, Status
from .errors import (
    BadAddress,
    FilterStyleError,
    GqosError,
    InvalidArgument,
    NetworkDown,
    NotASocket,
    NotSupported,
    Refused,
    TryAgain,
)
from .events import EventQueue, QosEvent
from .extended import Extended
from .ioctls import MOST_ROOM
from .kernel import Kernel
from .mapping import sender_adspec, sender_tspec
from .marking import excess_of, mark
from .matching import Address, Place
from .packing import HOST, Layout
from .policies import policy_data
from .receiving import Receiving, Request
from .sending import Announcement, Sending
from .settings import Settings
from .structures import AdspecInfo, Qos

Name: TypeAlias = tuple[str | IPAddress, int]
"""An address and a port, as a person writes them."""
Decide: TypeAlias = Callable[[Address], Condition | tuple[Condition, Qos]]
"""The condition callback of `accept`: takes or refuses a caller, and may say with which QOS."""

LEAF = SocketFlag.MULTIPOINT_C_LEAF | SocketFlag.MULTIPOINT_D_LEAF


@dataclass(frozen=True, slots=True)
class Membership:
    """A group that was joined, in which directions, and the TTL that RSVP's messages have there."""

    sends: bool
    receives: bool
    ttl: int


class Socket:
    """A socket that may have a QOS. `Provider.socket` makes one.

    Close it, or use it in `async with`: that ends both directions on the wire.
    """

    def __init__(self, api: Api, kernel: Kernel, flags: SocketFlag = SocketFlag.OVERLAPPED | LEAF) -> None:
        self.kernel = kernel
        self.flags = flags
        self.events = EventQueue()
        """Indications and FD_QOS; `events.fileno()` is for select and poll."""
        self.last: dict[Direction, Status] = {}
        """What was last heard of each direction."""
        self._api = api
        self._settings = Settings()
        self._bound: Address | None = kernel.local()
        self._groups: dict[Address, Membership] = {}
        self._ttl: int | None = None
        self._deferred: Socket | None = None
        self._sending = Sending(api, self._push)
        self._receiving = Receiving(api, self._push, lambda: self._sending.templates)
        self._forbidden = False
        self._turn = asyncio.Lock()
        self._undoing = Undoing()
        self._open = True
        self._closing: asyncio.Task[None] | None = None

    # --- what it is -------------------------------------------------------------------------------

    @property
    def qos(self) -> Qos:
        """What is in force in both directions: all NOT_SPECIFIED and NOCHANGE before anything was set."""
        return self._settings.qos

    @property
    def place(self) -> Place:
        """How it is bound, connected and joined."""
        receiving = tuple(name for name, one in self._groups.items() if one.receives)
        kernel = self.kernel
        return Place(kernel.protocol, kernel.version, self._bound, kernel.local(), kernel.peer(), receiving)

    @property
    def may_send(self) -> bool:
        """Whether a policy server has not forbidden to send even best effort (GQOS_POLICY_DO_NOT_SEND)."""
        return not self._forbidden

    @property
    def receiving(self) -> Receiving:
        """The receiving half."""
        return self._receiving

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise InvalidArgument("a socket with a QOS cannot be given to another process")

    # --- addresses --------------------------------------------------------------------------------

    async def bind(self, name: Name) -> None:
        """Give it an address of its own; what waited for one is signalled. Raises OSError."""
        where = self._address(name)
        async with self._changing():
            self.kernel.bind(where)
            self._bound = Address(where.address, (self.kernel.local() or where).port)
            await self._follow()

    def listen(self, backlog: int = 5) -> None:
        """Take connections; they inherit the QOS. Raises OSError."""
        self._check_open()
        self.kernel.listen(backlog)

    async def connect(self, name: Name | None, sqos: Qos | None = None, gqos: Qos | None = None) -> None:
        """WSAConnect: fix the peer, and set a QOS with it; `name` None ends QoS and lets the peer go.

        A datagram socket hears its peer only from now on and reserves in style fixed-filter: a wildcard
        reservation is torn down, and the other made when a Path comes from the peer. `gqos` is None.
        Raises BadAddress, InvalidArgument, what `set_qos` does, and OSError.
        """
        self._check_no_group(gqos)
        if name is None:
            await self._disconnect()
            return
        to = self._address(name)
        async with self._changing():
            self._check_qos_socket(sqos)
            place = Place(self.kernel.protocol, self.kernel.version, self._bound, None, to)
            before = self._settings
            after = before.connected() if not place.tcp else before
            settings = after if sqos is None else after.changed(sqos, place)
            await self.kernel.connect(to)
            if self._bound is None:
                self._bound = self.kernel.local()
            await self._apply(settings, before)

    async def _disconnect(self) -> None:
        async with self._changing():
            self._groups_left(list(self._groups))
            await self._apply(Settings(), self._settings)
            if self.kernel.protocol == Protocol.UDP and self.kernel.peer() is not None:
                self.kernel.disconnect()
                self._bound = self.kernel.local()  # the system takes back a port that it chose itself

    async def accept(self, condition: Decide | None = None) -> Socket:
        """WSAAccept: wait for a connection; the new socket has the QOS of this one.

        `condition` is asked with the caller's address and answers a `Condition`, or one with a QOS that
        overrides the inherited one in the directions that are not NOCHANGE; its objects are not used.
        Raises Refused, TryAgain (ask again: the caller waits), ServiceTypeError, FlowspecError, OSError.
        """
        self._check_open()
        child, self._deferred = self._deferred, None
        if child is None:
            child = Socket(self._api, await self.kernel.accept(), self.flags)
        answer = Condition.ACCEPT if condition is None else condition(child.kernel.peer() or _nobody())
        verdict, qos = answer if isinstance(answer, tuple) else (answer, Qos())
        if verdict == Condition.DEFER:
            self._deferred = child
            raise TryAgain("the caller is to wait: accept again")
        try:
            if verdict == Condition.REJECT:
                raise Refused("the caller was rejected")
            async with child._changing():
                inherited = self._settings
                plain = Qos(qos.sending, qos.receiving)
                await child._apply(inherited.changed(plain, child.place), Settings())
        except BaseException as error:
            await self._undoing.after(error, child.close())
            raise
        return child

    async def join_leaf(
        self,
        name: Name,
        sqos: Qos | None = None,
        gqos: Qos | None = None,
        flags: Join = Join.BOTH,
    ) -> Self:
        """WSAJoinLeaf: take part in a multicast session, in the directions of `flags`.

        Send to exactly that group and port then. Several groups may be joined; `set_qos` is for all.
        Returns before anything is reserved. Raises InvalidArgument, NotSupported, BadAddress, what
        `set_qos` does, and OSError.
        """
        self._check_no_group(gqos)
        group = self._address(name)
        if self.kernel.protocol != Protocol.UDP:
            raise NotSupported("only datagram sockets join groups")
        if self.flags & LEAF != LEAF:
            raise InvalidArgument("a socket that joins groups is made with MULTIPOINT_C_LEAF and _D_LEAF")
        if not group.address.is_multicast:
            raise InvalidArgument(f"{group.address} is no multicast group")
        if not group.port:
            raise InvalidArgument("a group is joined with the port that is sent to")
        async with self._changing():
            self._check_qos_socket(sqos)
            before = self._settings
            sends, receives = flags != Join.RECEIVER_ONLY, flags != Join.SENDER_ONLY
            ttl = self._current_ttl()
            place = self.place
            joined = replace(place, groups=(*place.groups, group)) if receives else place
            settings = before if sqos is None else before.changed(sqos, joined)
            if receives and group.address not in [one.address for one in place.groups]:
                self.kernel.join(group.address)
            if self.kernel.local() is None:
                self.kernel.bind(Address(_any(self.kernel.version), 0))
                self._bound = self.kernel.local()
            known = self._groups.get(group)
            if known is not None:
                sends, receives = sends or known.sends, receives or known.receives
            groups = {**self._groups, group: Membership(sends, receives, ttl)}
            try:
                await self._apply(settings, before, groups)
            except BaseException:
                if receives and group.address not in [one.address for one in self.place.groups]:
                    self.kernel.leave(group.address)
                raise
        return self

    def _groups_left(self, groups: list[Address]) -> None:
        for group in groups:
            member = self._groups.pop(group)
            if member.receives and group.address not in [one.address for one in self.place.groups]:
                self.kernel.leave(group.address)

    # --- QOS --------------------------------------------------------------------------------------

    async def set_qos(self, qos: Qos) -> None:
        """SIO_SET_QOS: set or change either direction; NOCHANGE leaves one alone.

        NOTRAFFIC and BESTEFFORT end a direction, NO_QOS_SIGNALING only its messages. A multicast TTL that was
        changed counts from now on. Raises the error of each WSA_QOS_E* code, NotSupported where this host
        cannot honour it, NetworkDown where there is no RSVP service; what was in force then still is. So it
        is where the call is cancelled, too: that ends it at once, and the next call waits for what is undone.
        """
        async with self._changing():
            self._check_qos_socket(qos)
            settings = self._settings.changed(qos, self.place)
            ttl = self._current_ttl()
            groups = {name: replace(one, ttl=ttl) for name, one in self._groups.items()}
            await self._apply(settings, self._settings, groups, ask=True)

    def get_qos(self) -> Qos:
        """SIO_GET_QOS: the next indication, one direction valid and an RSVP_STATUS_INFO with it.

        Re-arms FD_QOS: call it until it raises WouldBlock. Raises InvalidArgument before the socket is
        bound or connected. What is in force is `qos`.
        """
        self._check_open()
        if self.kernel.local() is None:
            raise InvalidArgument("a receiver is bound, and a sender connected, before it asks for a QOS")
        return self.events.get_nowait().qos

    async def next_event(self) -> QosEvent:
        """Wait for the next indication, as an overlapped SIO_GET_QOS did. Raises Aborted at `close`."""
        return await self.events.get()

    async def wait_event(self) -> None:
        """Wait until FD_QOS stands posted: once for a change, until `get_qos` re-arms it. Raises Aborted."""
        await self.events.posted()

    def set_multicast_ttl(self, ttl: int) -> None:
        """IP_MULTICAST_TTL, or SIO_MULTICAST_SCOPE.

        RSVP's messages follow at the next `set_qos`, and have it from the beginning in groups that are
        joined later. Raises OSError for a TTL that cannot be.
        """
        self._check_open()
        self.kernel.set_multicast_ttl(ttl)
        self._ttl = ttl

    async def check_qos(self, question: Check) -> int:
        """SIO_CHK_QOS: the answer to one of six questions. Raises InvalidArgument for another one."""
        self._check_open()
        return await questions.answer(self._api, self, question)

    async def ioctl(
        self, code: int, data: bytes = b"", room: int = MOST_ROOM, layout: Layout = HOST
    ) -> bytes:
        """WSAIoctl with the SIO codes of QoS, byte for byte; `room` is that of the answer.

        Raises InvalidArgument for another code, NoBuffers, and what the call behind it raises.
        """
        self._check_open()
        return await ioctls.call(self, code, data, room, layout)

    # --- data -------------------------------------------------------------------------------------

    async def send(self, data: bytes) -> int:
        """WSASend: send to the peer. Raises OSError."""
        self._check_open()
        return await self.kernel.send(data, None)

    async def sendto(self, data: bytes, name: Name) -> int:
        """WSASendTo: send to an address; only one that was announced has a reservation. Raises OSError."""
        self._check_open()
        return await self.kernel.send(data, self._address(name))

    async def recv(self, size: int) -> bytes:
        """WSARecv: wait for data. Raises OSError."""
        self._check_open()
        return (await self.kernel.receive(size))[0]

    async def recvfrom(self, size: int) -> tuple[bytes, Address | None]:
        """WSARecvFrom: wait for data, and who sent it. Raises OSError."""
        self._check_open()
        return await self.kernel.receive(size)

    # --- ending -----------------------------------------------------------------------------------

    async def shutdown(self, how: Shutdown) -> None:
        """End one direction, or both, on the wire and of the data."""
        ends = {
            Shutdown.RECEIVE: (Direction.RECEIVING,),
            Shutdown.SEND: (Direction.SENDING,),
            Shutdown.BOTH: (Direction.SENDING, Direction.RECEIVING),
        }[how]
        async with self._changing():
            await self._apply(self._settings.ended(*ends), self._settings)
            self.kernel.shutdown(how)

    async def close(self) -> None:
        """closesocket: end both directions and let go of the socket, also where the caller is cancelled."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        async with self._turn:
            await self._undoing.finished()
            self._open = False
            self._settings = Settings()
            with contextlib.suppress(RsvpError):  # a service that is gone has forgotten us anyway
                await self._follow()
            if self._deferred is not None:
                await self._deferred.close()
            self.events.close()
            self.kernel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # --- within -----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """One call at a time, with errors of RSVP's service as those of GQoS."""
        async with self._turn:
            await self._undoing.finished()
            self._check_open()
            try:
                yield
            except GqosError:
                raise
            except RsvpError as error:
                raise _as_gqos(error) from error

    async def _apply(
        self,
        settings: Settings,
        before: Settings,
        groups: dict[Address, Membership] | None = None,
        ask: bool = False,
    ) -> None:
        joined, self._groups = self._groups, self._groups if groups is None else groups
        self._settings = settings
        try:
            await self._follow(ask)
        except BaseException as error:
            self._settings, self._groups = before, joined
            await self._undoing.after(error, self._follow())
            raise

    async def _follow(self, ask: bool = False) -> None:
        """Make what is signalled what the settings say."""
        settings, place = self._settings, self.place
        await self._sending.follow(self._announcements())
        ttls = tuple((name.address, one.ttl) for name, one in self._groups.items())
        request = Request(place, settings.receiving, settings.reserve_info, ttls, settings.policy)
        everywhere = request.watches and place.bound is not None and place.bound.any
        own = await questions.own_addresses(self._api) if everywhere else ()
        await self._receiving.follow(request, own, ask)
        self._mark()

    def _announcements(self) -> dict[Session, Announcement]:
        spec, local = self._settings.sending, self.kernel.local()
        if spec.service not in SIGNALLED or spec.has(ServiceFlag.NO_QOS_SIGNALING) or local is None:
            return {}
        tspec = sender_tspec(spec)
        adspec = sender_adspec(spec, find(self._settings.objects, AdspecInfo))
        policy, excess = policy_data(self._settings.policy), excess_of(self._settings)
        source = None if local.any else local.address
        chosen = self.kernel.multicast_source()
        found = {}
        for name, ttl in self._destinations().items():
            group = name.address.is_multicast
            session = Session(name.address, self.kernel.protocol, name.port)
            origin = chosen or source if group else source
            found[session] = Announcement(origin, local.port, tspec, adspec, ttl, policy, excess)
        return found

    def _destinations(self) -> dict[Address, int]:
        """Where it sends to, with the TTL of RSVP's messages."""
        groups = {name: one.ttl for name, one in self._groups.items() if one.sends}
        peer = self.kernel.peer()
        if peer is not None and not peer.address.is_multicast:
            return {peer: DEFAULT_TTL, **groups}
        return {**dict.fromkeys(self._settings.destinations, DEFAULT_TTL), **groups}

    def _mark(self) -> None:
        if self._open:
            mark(self.kernel, self._settings, self._sending.reservation)

    def _push(self, event: QosEvent) -> None:
        self.last[event.direction] = event.status
        if event.info.extended_status2 == Extended.POLICY_DO_NOT_SEND:
            self._forbidden = True
        elif event.status == Status.RECEIVERS:
            self._forbidden = False
        if event.direction is Direction.SENDING:
            self._mark()
        self.events.push(event)

    def _current_ttl(self) -> int:
        """The TTL of RSVP's messages: what the application set, and 63 where it never did."""
        found = self.kernel.multicast_ttl()
        if self._ttl is None and found == LINUX_MULTICAST_TTL:
            return DEFAULT_TTL  # the system's own default: it cannot tell whether anybody chose it
        if found == 0:
            raise InvalidArgument("with a multicast TTL of 0 nothing leaves this host, no Path either")
        return found

    def _address(self, name: Name) -> Address:
        try:
            address, port = name
            found = Address(ip_address(address), port)
            if found.address.version != self.kernel.version or not 0 <= port < 1 << 16:
                raise ValueError
        except (TypeError, ValueError):
            raise BadAddress(f"{name!r} is no IPv{self.kernel.version} address with a port") from None
        return found

    def _check_open(self) -> None:
        if not self._open:
            raise NotASocket("the socket is closed")

    def _check_no_group(self, gqos: Qos | None) -> None:
        self._check_open()
        if gqos is not None:
            raise InvalidArgument("there are no groups of sockets: gqos is None")

    def _check_qos_socket(self, qos: Qos | None) -> None:
        if qos is not None and not self.flags & SocketFlag.OVERLAPPED:
            raise InvalidArgument("only a socket made with OVERLAPPED can have a QOS")


LINUX_MULTICAST_TTL = 1
"""What Linux sends to groups with where nobody said."""


def _any(version: int) -> IPAddress:
    return ip_address("::" if version == 6 else "0.0.0.0")


def _nobody() -> Address:
    return Address(_any(4), 0)


def _as_gqos(error: RsvpError) -> GqosError:
    """What RSVP's service answered, as GQoS said it."""
    if isinstance(error, ControlError | Unavailable):
        return NetworkDown(str(error), Extended.API_SYS)
    if isinstance(error, StyleConflict):
        return FilterStyleError(str(error), Extended.SETQOS_COLLISION)
    if isinstance(error, NoRoute):
        return InvalidArgument(str(error), Extended.SETQOS_INVALIDADDRESS)
    return NotSupported(str(error), Extended.SETQOS_OPENSESSIONFAIL)
