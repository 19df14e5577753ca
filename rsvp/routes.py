"""The engine's questions to routing: asked, and asked again when routing changes (RFC 2205 3.11.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from . import engine as e
from .errors import NoRoute
from .messages import Path, PathTear, base_filter, base_session
from .objects import Filter, IPAddress, Session
from .routing import Route, Routing

Question: TypeAlias = tuple[IPAddress, IPAddress | None, e.DataFlow | None]

TURN = 64
"""Routes asked for in one turn of the event loop, so that a long list leaves room for packets."""


class Routes:
    """What routing answered last to each question that the engine has."""

    def __init__(self, routing: Routing, feed: Callable[[e.RouteResolved], None]) -> None:
        """`feed` takes the answers to the engine."""
        self._routing = routing
        self._feed = feed
        self._answers: dict[Question, Route | None] = {}
        self._gateways: dict[Question, tuple[int, IPAddress]] = {}

    async def resolve(self, ask: e.ResolveRoute) -> None:
        """Answer a question, and remember it."""
        question = (ask.destination, ask.source, ask.flow)
        self._answers.setdefault(question, None)
        await self._look_up(question, asked=True)

    def forget(self, forget: e.ForgetRoute) -> None:
        """A question that nobody has any more."""
        question = (forget.destination, forget.source, forget.flow)
        self._answers.pop(question, None)
        self._gateways.pop(_anywhere(question), None)

    async def of_flow(self, session: Session, sender: Filter, incoming: int) -> Route:
        """The way that a sender's data takes now, wherever it comes in. Raises NoRoute."""
        destination = session.destination
        route = await self._routing.lookup(destination)
        if route.by_flow:
            flow = e.DataFlow.of(session, sender, incoming)
            route = await self._routing.lookup(destination, sender.address, flow)
        if not (route.outgoing or route.local):
            raise NoRoute(f"there is no route to {destination}: check the address, or add a route")
        return route

    async def ask_again(self) -> None:
        """Ask everything anew, and tell the engine of what is another answer now."""
        for number, question in enumerate(list(self._answers), 1):
            await self._look_up(question, asked=False)
            if number % TURN == 0:
                await asyncio.sleep(0)

    async def _look_up(self, question: Question, *, asked: bool) -> None:
        if question not in self._answers:
            return
        route = await self._routing.lookup(*question)
        if question not in self._answers or (not asked and self._answers[question] == route):
            return
        self._answers[question] = route
        destination, source, flow = question
        if flow is not None:
            self._gateways.pop(_anywhere(question), None)
            if route.gateway is not None and route.outgoing:
                self._gateways[_anywhere(question)] = (route.outgoing[0], route.gateway)
        answer = e.RouteResolved(
            destination,
            source,
            route.outgoing,
            route.incoming,
            route.local,
            flow,
            route.by_flow,
            route.thresholds,
        )
        self._feed(answer)

    def gateway(self, send: e.Send) -> IPAddress | None:
        """The next hop of a sender's data, where the kernel would not choose it for the Path as well.

        What is told apart by ports or by where it came in is not told apart in an RSVP message.
        """
        message = send.message
        if not self._gateways or not isinstance(message, Path | PathTear) or send.source is None:
            return None
        flow = e.DataFlow.of(base_session(message), base_filter(message.sender.template), 0)
        interface, gateway = self._gateways.get((send.destination, send.source, flow), (None, None))
        return gateway if interface == send.interface else None


def _anywhere(question: Question) -> Question:
    """The question without where the flow comes in, which a message that leaves does not tell."""
    destination, source, flow = question
    return destination, source, flow and replace(flow, incoming=0)
