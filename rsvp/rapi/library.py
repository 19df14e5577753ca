"""RAPI's calls (Open Group C809), in Python's shape: lists for counted arrays, exceptions for error numbers.

A program's sessions, what it asked for, and the events that wait for `rapi_dispatch`. The daemon is
talked to from a thread beside the program; event routines run in the thread that dispatches.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from .. import objects as o
from ..aio import Address, read_address
from ..beside import LOOP
from ..control.lasting import LastingClient, connect
from ..engine.outputs import (
    PathError,
    PathEvent,
    PathGone,
    ResvConfirmed,
    ResvError,
    ResvEvent,
    ResvGone,
    Upcall,
)
from ..errors import ControlError, LocalError, NoRoute, RsvpError, StyleConflict
from ..iana import DEFAULT_TTL, PROTOCOLS_WITH_PORTS, Protocol
from ..iana import ErrorCode as RsvpErrorCode
from ..intserv import DEFAULT_ADSPEC, Adspec, Flowspec, Tspec
from ..messages import AnyFilter, Flow, base_filter
from ..messages import Sender as SenderDescriptor
from ..paths import CONTROL
from ..undoing import Undoing
from .constants import ERROR_TEXTS, MAX_SESSIONS, RAPI_VERSION, ErrorCode, Event, Flag, RSVP_Err_API, Style
from .errors import RapiError
from .objects import (
    AnyFlowspec,
    AnyTspec,
    QosFlowspec,
    QosTspec,
    read_flowspec,
    read_tspec,
    simplified_adspec,
    simplified_flowspec,
    simplified_tspec,
)

Place: TypeAlias = tuple[Address, int]
Items: TypeAlias = tuple[Any, ...]
EventRoutine: TypeAlias = Callable[
    [
        int,
        Event,
        Style | None,
        int,
        int,
        o.IPAddress | None,
        int,
        tuple[Any, ...],
        tuple[Any, ...],
        tuple[Any, ...],
        Any,
    ],
    object,
]
"""sid, type, style, errcode, errvalue, errnode, errflags, filters, flowspecs, adspecs, arg."""

STYLES = {Style.RAPI_RSTYLE_WILDCARD: o.WF, Style.RAPI_RSTYLE_FIXED: o.FF, Style.RAPI_RSTYLE_SE: o.SE}
NAMES = {style: name for name, style in STYLES.items()}


@dataclass(slots=True)
class _Call:
    """One call of an event routine."""

    type: Event
    style: Style | None = None
    code: int = 0
    value: int = 0
    node: o.IPAddress | None = None
    flags: int = 0
    filters: tuple[AnyFilter, ...] = ()
    flowspecs: tuple[Any, ...] = ()
    adspecs: tuple[Any, ...] = ()


@dataclass(slots=True, eq=False)
class _Session:
    """One API session: at most one sender, at most one reservation."""

    handle: int
    session: o.Session
    flags: Flag
    routine: EventRoutine | None
    arg: Any
    sender: o.Filter | None = None
    reserved: bool = False
    confirm: bool = False
    senders: dict[o.Filter, SenderDescriptor] = field(default_factory=dict)
    listener: asyncio.Task[None] | None = None
    undoing: Undoing = field(default_factory=Undoing)


class Rapi:
    """The library towards one daemon. Programs that know only one use the functions of `rsvp.rapi`."""

    def __init__(self, control: str | Path = CONTROL) -> None:
        self._control = control
        self._client: LastingClient | None = None
        self._sessions: dict[int, _Session] = {}
        self._events: deque[tuple[int, Upcall | _Call | RsvpError]] = deque()
        self._fd: int | None = None
        self._lock = threading.Lock()
        """Events come from the loop's thread, `_fd` from the program's."""

    # --- calls ----------------------------------------------------------------------------------------

    def rapi_session(
        self,
        dest: Place,
        protid: int = 0,
        flags: int = 0,
        event_rtn: EventRoutine | None = None,
        event_arg: Any = None,
    ) -> int:
        """Begin a session and ask for its Path events; `protid` 0 is UDP. Returns the session's number.

        With `RAPI_GPI_SESSION` it is one of ESP or AH, and the port a virtual one (RFC 2207 section 4.1).
        Raises RapiError: INVAL, BADPROTO, BADVDPORT, MAXSESS, NORSVP.
        """
        address, port = _place(dest)
        protocol = protid or Protocol.UDP
        kind = o.GpiSession if flags & Flag.RAPI_GPI_SESSION else o.Session
        if protocol in (Protocol.ESP, Protocol.AH):
            if bool(port) != (kind is o.GpiSession):
                raise RapiError(ErrorCode.RAPI_ERR_BADVDPORT)
        elif kind is o.GpiSession:
            raise RapiError(ErrorCode.RAPI_ERR_BADPROTO)
        if not port and protocol in PROTOCOLS_WITH_PORTS:
            raise RapiError(ErrorCode.RAPI_ERR_INVAL, "the destination needs a port")
        try:
            session = kind(address, protocol, port)
        except ValueError as error:
            raise RapiError(ErrorCode.RAPI_ERR_INVAL, str(error)) from None
        if len(self._sessions) >= MAX_SESSIONS:
            raise RapiError(ErrorCode.RAPI_ERR_MAXSESS)
        sid: int = self._ask(self._open(self._daemon(), session, Flag(flags), event_rtn, event_arg))
        return sid

    def rapi_sender(
        self,
        sid: int,
        flags: int = 0,
        lhost: Place | None = None,
        sender_template: AnyFilter | None = None,
        sender_tspec: AnyTspec | None = None,
        sender_adspec: Adspec | None = DEFAULT_ADSPEC,
        sender_policy: Sequence[o.PolicyData] | None = None,
        ttl: int = 0,
    ) -> None:
        """Announce this session's one sender, or change it; `lhost` and template None withdraw it.

        `lhost` with address 0.0.0.0 or :: leaves the address to the library. `ttl` is the multicast TTL
        of the data; 0 is 63. Policy data goes along as it is (RFC 2750). Raises RapiError: BADSID, NOTSPEC,
        OBJTYPE, INTSERV, NORSVP.
        What the daemon itself finds wrong comes as a RAPI_PATH_ERROR event with code 20.
        """
        session = self._session(sid)
        policy = _policy(sender_policy)
        client = self._daemon()
        if lhost is None and sender_template is None:
            self._ask(session.undoing.ask(lambda: _withdraw(client, session)))
            return
        if sender_tspec is None:
            raise RapiError(ErrorCode.RAPI_ERR_NOTSPEC)
        if not 0 <= ttl <= 255:
            raise RapiError(ErrorCode.RAPI_ERR_INVAL, f"a TTL is 0 to 255, not {ttl}")
        tspec = read_tspec(sender_tspec)
        template, port = _template(session, lhost, sender_template)
        how: dict[str, Any] = {"port": port, "ttl": ttl or DEFAULT_TTL, "adspec": sender_adspec}
        try:
            self._ask(_announce(client, session, template, tspec, {**how, "policy": policy}))
        except NoRoute:
            self._tell(sid, _own_error(Event.RAPI_PATH_ERROR, ErrorCode.RAPI_ERR_UNKNOWN))
        except RapiError:
            raise
        except LocalError:
            self._tell(sid, _own_error(Event.RAPI_PATH_ERROR, ErrorCode.RAPI_ERR_BADSEND))

    def rapi_reserve(
        self,
        sid: int,
        flags: int = 0,
        rhost: Place | None = None,
        styleid: int = Style.RAPI_RSTYLE_WILDCARD,
        style_ext: None = None,
        rcvr_policy: Sequence[o.PolicyData] | None = None,
        filter_specs: Sequence[AnyFilter] = (),
        flowspecs: Sequence[AnyFlowspec] = (),
    ) -> None:
        """Reserve, in place of what this session reserved before; no flowspecs give it back.

        WF takes one flowspec; FF as many flowspecs as filters, in pairs; SE one flowspec and any number
        of filters. `rhost` is the address of the interface where the group was joined; without it, and for
        a host, routing decides. Policy data goes along as it is (RFC 2750).
        Raises RapiError: BADSID, BADSTYLE, N_FFS, OBJTYPE, INTSERV, UNSUPPORTED, NORSVP. A style that
        conflicts with another application's here comes as a RAPI_RESV_ERROR event.
        """
        session = self._session(sid)
        if style_ext is not None:
            raise RapiError(ErrorCode.RAPI_ERR_UNSUPPORTED, "style extensions")
        policy = _policy(rcvr_policy)
        client = self._daemon()
        if not flowspecs:
            self._ask(session.undoing.ask(lambda: _give_back(client, session)))
            return
        try:
            style = Style(styleid)
        except ValueError:
            raise RapiError(ErrorCode.RAPI_ERR_BADSTYLE, f"{styleid!r}") from None
        flows = tuple(_descriptors(style, [_filter(session, one) for one in filter_specs], flowspecs))
        confirm = bool(flags & Flag.RAPI_REQ_CONFIRM)
        try:
            joined = self._joined(session, rhost)
        except LookupError:
            self._tell(sid, _own_error(Event.RAPI_RESV_ERROR, ErrorCode.RAPI_ERR_BADRECV))
            return
        try:
            how: dict[str, Any] = {"confirm": confirm, "policy": policy, "joined": joined}
            self._ask(_reserve(client, session, STYLES[style], flows, how))
        except StyleConflict:
            self._tell(
                sid,
                _Call(
                    Event.RAPI_RESV_ERROR,
                    style,
                    RsvpErrorCode.CONFLICTING_STYLE,
                    filters=tuple(one for flow in flows for one in flow.filters),
                    flowspecs=(flows[0].flowspec,),
                ),
            )

    def _joined(self, session: _Session, rhost: Place | None) -> str | None:
        """The interface with an address, where a group was joined. Raises LookupError."""
        if rhost is None or not session.session.destination.is_multicast:
            return None
        address, _ = _place(rhost)
        if not int(address):
            return None
        entries = self._ask(self._daemon().show("interfaces"))
        found = [str(one["name"]) for one in entries if str(address) in one["addresses"]]
        if not found:
            raise LookupError
        return found[0]

    def rapi_release(self, sid: int) -> None:
        """End a session, its sender and its reservation. Raises RapiError (BADSID)."""
        session = self._session(sid)
        del self._sessions[sid]
        self._ask(self._daemon().close_session(session.handle))
        if not self._sessions:
            self.close()

    def rapi_getfd(self, sid: int = 0) -> int:
        """A file descriptor that is readable when `rapi_dispatch` has something to do; for all sessions.

        Raises RapiError (BADSID) for a number that is no session's.
        """
        if sid:
            self._session(sid)
        if self._fd is None:
            with self._lock:
                self._fd = os.eventfd(len(self._events), os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return self._fd

    def rapi_dispatch(self) -> int:
        """Call the event routines for what has happened; returns how many events there were.

        Does not wait. Raises RapiError (NORSVP) where a session could not be made anew with a daemon
        that came back; that session has ended then.
        """
        if self._fd is not None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)
        told = 0
        while self._events:
            sid, event = self._events.popleft()
            session = self._sessions.get(sid)
            if session is None:
                continue  # released since
            if isinstance(event, RsvpError):
                del self._sessions[sid]
                self._ring()
                raise RapiError(ErrorCode.RAPI_ERR_NORSVP, str(event))
            call = event if isinstance(event, _Call) else _call(session, event)
            if call is not None and session.routine is not None:
                told += 1
                try:
                    _run(sid, session, session.routine, call)
                except BaseException:
                    self._ring()  # for the rest, when the program has got over it
                    raise
        return told

    def rapi_version(self) -> int:
        """100 times the major number of the interface's version, and the minor number."""
        return RAPI_VERSION

    def close(self) -> None:
        """Release every session and let the daemon go."""
        self._sessions.clear()
        self._events.clear()
        client, self._client = self._client, None
        if client is not None:
            LOOP.open.pop(id(self), None)
            LOOP.wait(client.close())
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    # --- the daemon -----------------------------------------------------------------------------------

    def _daemon(self) -> LastingClient:
        if self._client is None:
            try:
                self._client = LOOP.wait(connect(self._control))
            except ControlError as error:
                raise RapiError(ErrorCode.RAPI_ERR_NORSVP, str(error)) from None
            LOOP.open[id(self)] = self._client
        return self._client

    def _ask(self, verb: Any) -> Any:
        try:
            return LOOP.wait(verb)
        except ControlError as error:
            raise RapiError(ErrorCode.RAPI_ERR_NORSVP, str(error)) from None

    async def _open(self, client: LastingClient, session: o.Session, *what: Any) -> int:
        """Begin a session, and to collect its events; runs in the loop's thread."""
        sid = await client.open_session(session)

        async def collect() -> None:
            try:
                async for event in client.events(sid):
                    self._tell(sid, event)
            except RsvpError as error:
                self._tell(sid, error)

        made = self._sessions[sid] = _Session(sid, session, *what)
        made.listener = asyncio.create_task(collect(), name=f"rapi session {sid}")
        return sid

    def _tell(self, sid: int, event: Upcall | _Call | RsvpError) -> None:
        with self._lock:
            self._events.append((sid, event))
            if self._fd is not None:
                os.eventfd_write(self._fd, 1)

    def _ring(self) -> None:
        """Have `rapi_dispatch` called once more if there is something left."""
        with self._lock:
            if self._events and self._fd is not None:
                os.eventfd_write(self._fd, 1)

    def _session(self, sid: int) -> _Session:
        if sid not in self._sessions:
            raise RapiError(ErrorCode.RAPI_ERR_BADSID, str(sid))
        return self._sessions[sid]


# --- in the loop's thread: where the program is interrupted, what is new is taken back --------------------


async def _announce(
    client: LastingClient, session: _Session, template: o.Filter | None, tspec: Tspec, how: dict[str, Any]
) -> None:
    async def withdraw(made: o.Filter) -> None:
        if made != session.sender:
            await client.remove_sender(session.handle, made)

    before = session.sender
    chosen = template is None and getattr(before, "port", None) == how["port"]  # as before by the daemon
    if before != template and not chosen:
        await session.undoing.ask(lambda: _withdraw(client, session))
    session.sender = await session.undoing.ask(
        lambda: client.add_sender(session.handle, template, tspec, **how), withdraw
    )
    if chosen and before is not None:
        await withdraw(before)


async def _withdraw(client: LastingClient, session: _Session) -> None:
    if session.sender is not None:
        await client.remove_sender(session.handle, session.sender)
        session.sender = None


async def _reserve(
    client: LastingClient, session: _Session, style: o.Style, flows: tuple[Flow, ...], how: dict[str, Any]
) -> None:
    async def release(_: None) -> None:
        if not session.reserved:
            await client.release(session.handle)

    await session.undoing.ask(lambda: client.reserve(session.handle, style, flows, **how), release)
    session.reserved, session.confirm = True, how["confirm"]


async def _give_back(client: LastingClient, session: _Session) -> None:
    if session.reserved:
        await client.release(session.handle)
        session.reserved = False


# --- arguments --------------------------------------------------------------------------------------------


def _place(place: Place) -> tuple[o.IPAddress, int]:
    try:
        address, port = place
        found = read_address(address)
    except (TypeError, ValueError, LocalError) as error:
        raise RapiError(ErrorCode.RAPI_ERR_INVAL, str(error)) from None
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise RapiError(ErrorCode.RAPI_ERR_INVAL, f"a port is 0 to 65535, not {port!r}")
    return found, port


def _filter(session: _Session, value: AnyFilter) -> o.Filter:
    """A filter that can belong to a session."""
    if not isinstance(value, o.FilterSpec | o.FlowLabelFilterSpec | o.GpiFilter):
        raise RapiError(ErrorCode.RAPI_ERR_OBJTYPE, f"{value!r} is no filter")
    if isinstance(value, o.GpiFilter) != isinstance(session.session, o.GpiSession):
        raise RapiError(ErrorCode.RAPI_ERR_GPISESS)
    if value.address.version != session.session.destination.version:
        raise RapiError(ErrorCode.RAPI_ERR_INVAL, "filters and destination are of one family")
    if isinstance(value, o.FilterSpec) and value.port and not session.session.port:
        raise RapiError(ErrorCode.RAPI_ERR_INVAL, ERROR_TEXTS[ErrorCode.RAPI_ERR_BADSPORT])
    return value


def _policy(data: Sequence[o.PolicyData] | None) -> tuple[o.PolicyData, ...]:
    given = tuple(data or ())
    if not all(isinstance(one, o.PolicyData) for one in given):
        raise RapiError(ErrorCode.RAPI_ERR_OBJTYPE, "policy data are rsvp.objects.PolicyData")
    return given


def _template(
    session: _Session, lhost: Place | None, template: AnyFilter | None
) -> tuple[o.Filter | None, int]:
    """A sender's template, None for the daemon to choose its address; and its port."""
    if template is not None:
        found = _filter(session, template)
        return found, getattr(found, "port", 0)
    assert lhost is not None
    address, port = _place(lhost)
    if isinstance(session.session, o.GpiSession):
        raise RapiError(ErrorCode.RAPI_ERR_GPISESS, "a place has no SPI: give a sender template")
    if not int(address):
        return None, port
    return _filter(session, o.FilterSpec(address, port)), port


def _descriptors(
    style: Style, filters: Sequence[AnyFilter], flowspecs: Sequence[AnyFlowspec]
) -> tuple[Flow, ...]:
    """Flow descriptors from the counted lists of rapi_reserve."""
    wanted = {
        Style.RAPI_RSTYLE_WILDCARD: len(flowspecs) == 1 and len(filters) <= 1,
        Style.RAPI_RSTYLE_FIXED: len(flowspecs) == len(filters),
        Style.RAPI_RSTYLE_SE: len(flowspecs) == 1 and len(filters) >= 1,
    }
    if not wanted[style]:
        raise RapiError(
            ErrorCode.RAPI_ERR_N_FFS, f"{style.name}: {len(filters)} filters, {len(flowspecs)} flowspecs"
        )
    asked = [read_flowspec(one) for one in flowspecs]
    if style is Style.RAPI_RSTYLE_FIXED:
        return tuple(Flow(one, (whom,)) for one, whom in zip(asked, filters, strict=True))
    return (Flow(asked[0], tuple(filters) if style is Style.RAPI_RSTYLE_SE else ()),)


# --- events -----------------------------------------------------------------------------------------------


def _own_error(type: Event, value: ErrorCode) -> _Call:
    return _Call(type, code=RSVP_Err_API, value=value)


def _run(sid: int, session: _Session, routine: EventRoutine, call: _Call) -> None:
    if session.flags & Flag.RAPI_USE_INTSERV:
        flowspecs, adspecs = call.flowspecs, call.adspecs
    else:
        flowspecs = tuple(_simplified(one) for one in call.flowspecs)
        adspecs = tuple(one and simplified_adspec(one) for one in call.adspecs)
    routine(
        sid,
        call.type,
        call.style,
        call.code,
        call.value,
        call.node,
        call.flags,
        call.filters,
        flowspecs,
        adspecs,
        session.arg,
    )


def _simplified(value: Tspec | Flowspec | None) -> QosTspec | QosFlowspec | None:
    if value is None:
        return None
    return simplified_tspec(value) if isinstance(value, Tspec) else simplified_flowspec(value)


def _call(session: _Session, event: Upcall) -> _Call | None:
    """What an event is in RAPI's terms; None for one that this session did not ask for."""
    match event:
        case PathEvent(sender=sender):
            session.senders[base_filter(sender.template)] = sender
            return _path_call(session)
        case PathGone(template=template):
            session.senders.pop(template, None)
            return _path_call(session)
        case ResvEvent(style=style, flowspec=flowspec, filters=filters) if session.sender is not None:
            mine = tuple(one for one in filters if one == session.sender)
            return _Call(Event.RAPI_RESV_EVENT, NAMES[style], filters=mine, flowspecs=(flowspec,))
        case ResvGone(style=style) if session.sender is not None:
            return _Call(Event.RAPI_RESV_EVENT, NAMES[style])
        case PathError(sender=about) if session.sender is not None:
            return _Call(
                Event.RAPI_PATH_ERROR,
                None,
                event.code,
                event.value,
                event.node,
                filters=() if about is None else (about.template,),
                flowspecs=() if about is None else (about.tspec,),
            )
        case ResvError() if session.reserved:
            return _Call(
                Event.RAPI_RESV_ERROR,
                NAMES.get(event.style),
                event.code,
                event.value,
                event.node,
                event.flags,
                event.filters,
                (event.flowspec,),
            )
        case ResvConfirmed() if session.confirm:
            session.confirm = False  # one for each call of rapi_reserve
            return _Call(
                Event.RAPI_RESV_CONFIRM,
                node=event.node,
                filters=event.filters[:1],
                flowspecs=(event.flowspec,),
            )
    return None


def _path_call(session: _Session) -> _Call:
    """All the senders there are; an empty list says that there are none any more."""
    known = tuple(session.senders.values())
    return _Call(
        Event.RAPI_PATH_EVENT,
        filters=tuple(one.template for one in known),
        flowspecs=tuple(one.tspec for one in known),
        adspecs=tuple(one.adspec for one in known),
    )
