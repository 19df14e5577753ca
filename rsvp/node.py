"""A node: the engine between a transport, a routing table and traffic control, on asyncio.

The node owns the clock. It turns packets, netlink news and calls into the engine's inputs, carries
its outputs out, and keeps exactly one timer, armed for the engine's next deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from random import Random
from types import TracebackType
from typing import Any, Self

from . import engine as e
from . import host, metrics, show, topics, unreadable
from ._wire import decode, encode, fingerprint
from .aio import Endpoint
from .api import EXPLAINED, WHAT, Api
from .config import NodeConfig
from .control.recording import input_to_json
from .counts import Tally
from .enforcement import Enforcement
from .engine.inputs import Input
from .engine.outputs import Output, TrafficOrder, Upcall
from .errors import LocalError, NoRoute, WireError
from .iana import DEFAULT_TTL, MESSAGE_NAMES
from .intserv import DEFAULT_ADSPEC, Adspec, Excess, Tspec
from .jsonform import Json
from .links import bandwidth, interface
from .messages import Flow, Message
from .neighbors import Neighbors
from .objects import Filter, FilterSpec, GpiFilter, GpiSession, PolicyData, Session, Style
from .proxies import Proxies
from .recorder import SEED_BITS, Recorder
from .routes import Routes
from .routing import Link, Routing
from .seldom import Seldom
from .show import Names
from .tc import TrafficControl
from .transport import Encapsulation, Packet, Transport
from .vocabulary import CLEARED

__all__ = ["Api", "Node"]

log = logging.getLogger("rsvp.node")

LIMITS = frozenset({"too much state", "too many sessions", "too many senders"})
"""Reasons for which the engine drops messages that an operator should hear of: see `engine.Config`."""

ASK_AGAIN = 1.0
"""Seconds until routing is asked again that could not answer."""


class Node(Endpoint):
    """An RSVP host or router in this process. Use it in `async with`, or `start` and `close` it.

    Without arguments it takes over this host: raw sockets, netlink, HTB. That needs CAP_NET_RAW and
    CAP_NET_ADMIN; without the former it speaks UDP to the next router (RFC 2205 appendix C), and what it
    cannot have it says in `Unavailable` or in the log. Other transports, routings and traffic controls make
    networks in memory, or nodes that only account.
    """

    def __init__(
        self,
        config: NodeConfig | None = None,
        *,
        transport: Transport | None = None,
        routing: Routing | None = None,
        traffic: TrafficControl | None = None,
        rng: Random | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """`recorder` writes down what enters the engine. Raises OSError where the configuration's cannot."""
        self.config = config or NodeConfig()
        first_routers = map(ip_address, self.config.first_routers)
        self._transport = transport or host.transport(first_routers, self.config.first_router_ttl)
        self._routing = routing or host.routing()
        if recorder is None and self.config.record is not None:
            recorder = Recorder(self.config.record, limit=self.config.record_limit)
        self._recorder = recorder
        rng = rng or Random()
        if recorder is None:
            self._engine = e.Engine(rng=rng)
        else:
            self._engine = recorder.engine(None, rng.getrandbits(SEED_BITS))
        self._pending: deque[Input] = deque()
        self._links: dict[int, Link] = {}
        self._enforcement = Enforcement(traffic or host.traffic_control(), self._feed)
        self._routes = Routes(self._routing, self._feed)
        self._stale = self._following = False
        self._queues: dict[int, asyncio.Queue[Upcall | None]] = {}
        self._tally = Tally()
        self._names = Names({})
        self._neighbors = Neighbors(self.config.max_message_rate, self.config.lifetime)
        self._seldom = Seldom(log)
        self._proxies = Proxies(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_handle = 0
        self._running = False
        self._busy = False
        self._actions: dict[type[Any], Callable[[Any], None]] = {
            e.Send: self._send,
            e.ResolveRoute: self._resolve,
            e.ForgetRoute: self._routes.forget,
            e.Dropped: self._dropped,
            e.StateChanged: self._state_changed,
            e.Refused: self._refused,
            **dict.fromkeys((e.InstallFlow, e.ModifyFlow, e.RemoveFlow), self._order),
            **dict.fromkeys((e.AddFilter, e.RemoveFilter), self._order),
            **dict.fromkeys((e.PathEvent, e.PathGone, e.PathError), self._upcall),
            **dict.fromkeys((e.ResvEvent, e.ResvGone), self._upcall),
            **dict.fromkeys((e.ResvError, e.ResvConfirmed), self._upcall),
        }

    # --- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find the interfaces and begin. Raises Unavailable, ConfigError, OSError."""
        self._loop = asyncio.get_running_loop()
        self.failure: asyncio.Future[None] = self._loop.create_future()
        """Never done, unless the node had to stop because of a fault of its own."""
        try:
            await self._routing.start(self._network_changed)
            links = await self._routing.links()
            self.config.require([link.name for link in links])
            self._running = True
            self._feed(e.Configure(self.config.limits))
            self._update_links(links)
            await self._proxies.follow(self.config.proxies)
            self._transport.start(self._received)
        except BaseException:
            await self.close()
            raise

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Tear down what applications made, give traffic control back, close the sockets."""
        await self._proxies.close()
        if self._running and not self.failure.done():
            for handle in list(self._queues):
                await self.close_session(handle)
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._recorder is not None:
            self._recorder.close()
        self._transport.close()
        self._enforcement.close()
        await self._routing.close()

    async def reconfigure(self, config: NodeConfig) -> None:
        """Take another configuration without losing state. Raises ConfigError, changing nothing."""
        links = await self._routing.links()
        config.require([link.name for link in links])
        self.config = config
        self._neighbors.rate, self._neighbors.silence = config.max_message_rate, config.lifetime
        self._feed(e.Configure(config.limits))
        self._update_links(links)
        await self._proxies.follow(config.proxies)

    @property
    def interface_names(self) -> list[str]:
        """The interfaces that RSVP runs on."""
        return [view.name for view in self._engine.interfaces() if view.enabled]

    # --- the engine's door ------------------------------------------------------------------------

    def _feed(self, event: Input) -> None:
        """Hand one input to the engine and carry out what it wants, in order."""
        self._pending.append(event)
        if self._busy:
            return  # somebody further up the stack is at it
        self._busy = True
        try:
            while self._pending:
                self._run(self._pending.popleft())
        finally:
            self._busy = False
        self._arm()

    def _run(self, event: Input) -> None:
        if self.failure.done():
            return  # what the engine would make of anything now is anybody's guess
        try:
            outputs = self._engine.handle(event, self._loop.time())
        except LocalError:
            raise
        except Exception as fault:
            self._fail(fault, event)
            return
        self._carry_out(outputs, event)

    def _carry_out(self, outputs: list[Output], event: Input | None) -> None:
        """What the kernel refuses is told of, and the rest is carried out; any other fault is ours."""
        for output in outputs:
            try:
                self._actions[type(output)](output)
            except OSError as error:
                self._seldom.warning("output", self._loop.time(), "%s: %s", type(output).__name__, error)
            except Exception as fault:
                self._fail(fault, event)
                return

    def _timeout(self) -> None:
        now = self._loop.time()
        if self._timer is not None:
            self._tally.lag.observe(max(0.0, now - self._timer.when()))
        self._timer = None
        try:
            outputs = self._engine.handle_timeout(now)
        except Exception as fault:
            self._fail(fault, None)
            return
        self._busy = True
        try:
            self._carry_out(outputs, None)
            while self._pending:
                self._run(self._pending.popleft())
        finally:
            self._busy = False
        self._arm()

    def _arm(self) -> None:
        due = self._engine.next_timeout()
        if self._timer is not None:
            if due is not None and self._timer.when() == due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None and self._running and not self.failure.done():
            self._timer = self._loop.call_at(due, self._timeout)

    def _fail(self, fault: Exception, event: Input | None) -> None:
        """A fault in the engine is ours: keep what led to it, and let the owner end the node."""
        if not self.failure.done():
            self.failure.set_exception(fault)
            self.failure.exception()  # whoever awaits it still gets it
        fields = {"input": None if event is None else input_to_json(event)}
        log.critical("internal error while handling %r", event, exc_info=fault, extra={"fields": fields})

    def _spawn(self, name: str, work: Any) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: %s", task.get_name(), error)

    # --- packets ----------------------------------------------------------------------------------

    def _received(self, packet: Packet) -> None:
        if not self._running or packet.interface is None or packet.source is None:
            return
        counts = self._tally.of(packet.interface)
        try:
            message = decode(packet.data)
        except WireError as error:
            counts.errors[error.reason] += 1
            if topics.watched("errors"):
                topics.unreadable(packet, error, self._names)
            answer = unreadable.answer(packet.data, packet.interface, error)
            if answer is not None and self._listens(packet.interface, None, packet.encapsulated):
                self._feed(answer)
            return
        counts.received[message.name] += 1
        event = e.Received(
            message,
            packet.interface,
            packet.source,
            packet.destination,
            packet.ttl,
            fingerprint(packet.data),
        )
        if topics.watched("received"):
            topics.received(event, packet, self._names)
        if self._listens(packet.interface, message, packet.encapsulated):
            self._feed(event)

    def _listens(self, interface: int, message: Message | None, in_udp: bool) -> bool:
        """Whether whoever sent this has said no more than one neighbour may; else it is counted."""
        now = self._loop.time()
        hop = getattr(message, "hop", None)
        if hop is None:  # it may come from further away, or from another address
            listens = self._neighbors.heard_stranger(interface, now)
        else:
            listens = self._neighbors.heard(hop.address, interface, "udp" if in_udp else "ip", now)
        if not listens:
            self._tally.of(interface).errors["rate limited"] += 1
            who = "somebody" if hop is None else hop.address
            limit = self.config.max_message_rate
            self._seldom.warning("rate", now, "%s sends more than %g messages/s: dropped", who, limit)
        return listens

    def _send(self, send: e.Send) -> None:
        if self._proxies.sinks(send):
            return
        counts = self._tally.of(send.interface)
        packet = Packet(
            encode(send.message),
            send.destination,
            send.source,
            send.interface,
            send.ttl,
            send.router_alert,
            self._routes.gateway(send),
        )
        try:
            self._transport.send(packet)
        except OSError as error:
            counts.errors["transmit failure"] += 1
            self._seldom.warning(
                "send",
                self._loop.time(),
                "cannot send %s to %s: %s",
                send.message.name,
                send.destination,
                error,
            )
            return
        counts.sent[send.message.name] += 1
        if topics.watched("sent"):
            topics.sent(send, packet, self._names)

    def _dropped(self, drop: e.Dropped) -> None:
        self._tally.of(drop.interface).errors[drop.reason] += 1
        if topics.watched("errors"):
            topics.dropped(drop, self._names)
        if drop.reason in LIMITS:
            message = MESSAGE_NAMES.get(drop.message_type)
            self._seldom.warning(drop.reason, self._loop.time(), "dropped %s: %s", message, drop.reason)

    # --- state and traffic control --------------------------------------------------------------------

    def _state_changed(self, change: e.StateChanged) -> None:
        self._tally.note_state(change)
        self._proxies.changed(change)
        if topics.watched("state"):
            topics.state(change, self._names)

    def _refused(self, refused: e.Refused) -> None:
        self._tally.note_refusal(refused)
        if topics.watched("admission"):
            topics.refused(refused, self._names)

    def _order(self, order: TrafficOrder) -> None:
        if isinstance(order, e.InstallFlow | e.ModifyFlow):
            self._tally.note_admission()
        if topics.watched("traffic") or topics.watched("admission"):
            topics.admitted(order, self._names)
        self._enforcement.order(order)

    # --- routing ----------------------------------------------------------------------------------

    def _resolve(self, ask: e.ResolveRoute) -> None:
        self._spawn(f"route to {ask.destination}", self._routes.resolve(ask))

    def _network_changed(self) -> None:
        self._stale = True
        if self._running and not self._following:
            self._following = True
            self._spawn("network change", self._follow_network())

    async def _follow_network(self) -> None:
        """Ask everything anew; once more, but only once, for all that changes meanwhile."""
        try:
            while self._stale:
                self._stale = False
                self._update_links(await self._routing.links())
                await self._routes.ask_again()
                self._proxies.see_to_it()
        except OSError as problem:
            log.warning("routing does not answer, %s: asking again in %g s", problem, ASK_AGAIN)
            self._loop.call_later(ASK_AGAIN, self._network_changed)
        finally:
            self._following = False

    def _update_links(self, links: tuple[Link, ...]) -> None:
        now = {link.index: link for link in links if link.up and not link.loopback}
        for index, link in self._links.items():
            if index in now and now[index].born == link.born:
                continue
            log.info("interface %s is gone", link.name)
            self._enforcement.leave(index)
            self._feed(e.InterfaceDown(index))
        self._links = now
        taken = [link for link in now.values() if self.config.takes(link.name)]
        self._transport.attend(
            {link.index: Encapsulation(self.config.interface(link.name).encapsulation) for link in taken}
        )
        self._names = Names({link.index: link.name for link in links})
        self._proxies.own = frozenset(address for link in now.values() for address in link.addresses)
        for link in now.values():
            self._feed(e.InterfaceUp(self._interface(link)))

    def _interface(self, link: Link) -> e.Interface:
        config, controls = self.config, False
        if config.takes(link.name):
            rate, told = bandwidth(link, config), config.interface(link.name)
            controls = self._enforcement.manage(link, rate, config.lifetime, told)
        else:
            self._enforcement.leave(link.index)
        return interface(link, config, controls=controls, terms=self._enforcement.error_terms(link.index))

    # --- applications -----------------------------------------------------------------------------

    def _upcall(self, upcall: Upcall) -> None:
        queue = self._queues.get(upcall.handle)
        if queue is not None:
            queue.put_nowait(upcall)

    def _index(self, name: str | None) -> int:
        """An interface that an application names; LOCAL for none. Raises LocalError."""
        names = {view.name: view.index for view in self._engine.interfaces() if view.enabled}
        if name is not None and name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise LocalError(f"RSVP runs on no interface {name!r} here, only on {there}")
        return e.LOCAL if name is None else names[name]

    async def open_session(self, session: Session) -> int:
        """See `Api.open_session`."""
        self._next_handle += 1
        handle = self._next_handle
        self._queues[handle] = asyncio.Queue()
        try:
            self._feed(e.OpenSession(handle, session))
        except LocalError:
            del self._queues[handle]
            raise
        return handle

    async def close_session(self, handle: int) -> None:
        """See `Api.close_session`."""
        self._feed(e.CloseSession(handle))
        self._enforcement.forget(handle)
        queue = self._queues.pop(handle, None)
        if queue is not None:
            queue.put_nowait(None)

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
        """See `Api.add_sender`."""
        iif = self._index(incoming)
        session = self._engine.session_of(handle)
        destination = session.destination
        source = template.address if template is not None else None
        route = await self._routing.lookup(destination, source if iif == e.LOCAL else None)
        if not (route.outgoing or route.local):
            raise NoRoute(f"there is no route to {destination}: check the address, or add a route")
        if template is None:
            if iif != e.LOCAL:
                raise LocalError(f"the sender is a host behind {incoming}: say which address it has")
            if route.source is None:
                raise NoRoute(f"this node has no address to reach {destination} from: name one")
            kind = GpiFilter if isinstance(session, GpiSession) else FilterSpec
            template = kind(route.source, port)
        self._feed(e.AddSender(handle, template, tspec, ttl, adspec, policy, iif))
        self._enforcement.declare(handle, session, template, excess)
        return template

    async def remove_sender(self, handle: int, template: Filter) -> None:
        """See `Api.remove_sender`."""
        self._feed(e.RemoveSender(handle, template))
        self._enforcement.forget(handle, template)

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
        """See `Api.reserve`."""
        oi, interface = self._index(outgoing), None if joined is None else self._index(joined)
        self._feed(e.Reserve(handle, style, flows, confirm, policy, ttl, interface, oi))

    async def release(self, handle: int, filters: tuple[Filter, ...] | None = None) -> None:
        """See `Api.release`."""
        self._feed(e.Release(handle, filters))

    async def way(self, handle: int, sender: Filter) -> str | None:
        """See `proxies.host.Host.way`."""
        session = self._engine.session_of(handle)
        views = self._engine.senders(self._loop.time(), session)
        incoming = next((view.interface for view in views if view.sender == sender), e.LOCAL)
        route = await self._routes.of_flow(session, sender, incoming)
        return None if route.local else self._names(route.outgoing[0])

    def refuse_sender(self, handle: int, template: Filter, code: int, value: int, flags: int) -> None:
        """See `proxies.host.Host.refuse_sender`."""
        self._feed(e.RefuseSender(handle, template, code, value, flags))

    async def events(self, handle: int) -> AsyncIterator[Upcall]:
        """See `Api.events`."""
        queue = self._queues.get(handle)
        while queue is not None:
            upcall = await queue.get()
            if upcall is None:
                return
            yield upcall

    def metrics(self) -> str:
        """The node's numbers, for Prometheus."""
        return metrics.page(self._tally, self._engine, self._names)

    async def admit(self, session: Session, style: Style, flows: tuple[Flow, ...]) -> list[dict[str, Json]]:
        """See `Api.admit`."""
        route = await self._routing.lookup(session.destination)
        if not (route.outgoing or route.local or session.destination.is_multicast):
            raise NoRoute(f"there is no route to {session.destination}: check the address, or add a route")
        return show.verdicts(self._engine.verdicts(session, style, flows, route.outgoing), self._names)

    async def clear(self, what: str, session: Session | None = None) -> dict[str, int]:
        """See `Api.clear`."""
        if what not in CLEARED:
            raise LocalError(f"there is nothing called {what!r} to clear: one of {', '.join(CLEARED)}")
        if what == "counters":
            if session is not None:
                raise LocalError("counters are those of interfaces, not of sessions: leave the session out")
            numbers = {"counters": len(self._tally.interfaces)}
            self._tally.clear()
            return numbers
        senders, reservations = what != "reservations", what != "senders"
        before = show.standing(self._engine, session, self._loop.time())
        self._feed(e.Clear(senders, reservations, session))
        after = show.standing(self._engine, session, self._loop.time())
        kept = senders * after["own senders"] + reservations * after["own reservations"]
        return {name: before[name] - after[name] for name in ("senders", "reservations")} | {"kept": kept}

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """See `Api.show`."""
        if what not in WHAT:
            raise LocalError(f"there is nothing called {what!r} to show: one of {', '.join(WHAT)}")
        if why and what not in EXPLAINED:
            raise LocalError(f"{what} are not made by messages: there is a why of {', '.join(EXPLAINED)}")
        names, now = self._names, self._loop.time()
        if what == "neighbors":
            return show.neighbors(self._neighbors, names, now)
        if what == "counters":
            return show.counters(self._tally.interfaces, names)
        found = show.views(self._engine, what, now)
        entries = show.entries(found, names)
        if what in ("senders", "reservations"):
            show.add_proxies(entries, found, self._proxies.makers)
        if what == "installed":
            show.add_carried(entries, found, self._enforcement)
        if why:
            for entry, view in zip(entries, found, strict=True):
                entry["why"] = show.why(self._engine.explain(view, now), names)
        return entries
