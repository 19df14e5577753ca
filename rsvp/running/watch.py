"""What is announced and reserved follows what a program has open (RFC 2205 section 3.11.1).

Nobody tells when a program opens a socket, so it is looked for again and again: every `PERIOD`, and
less often where a look takes so long that it would cost more than one part in `SHARE` of a processor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, Protocol, TypeAlias

from .. import flows, jsonform
from ..api import Api
from ..control.schema import upcall_to_json
from ..engine.outputs import PathEvent, PathGone, Upcall
from ..errors import RsvpError
from ..flows import Place, ReceivedFlow, SentFlow
from ..objects import FF, WF, FilterSpec, IPAddress, Session, Style
from .rules import Announcement, OpenSocket, ProgramFlow, Rule, flows_of, is_unnamed

PERIOD: Final = 0.05
SHARE: Final = 20
ADDRESSES: Final = 5.0
"""Seconds after which the host's own addresses are asked for again."""
AGAIN: Final = 5.0
"""Seconds after which is tried again what could not be announced or reserved."""
UNNAMED: Final = 1.0
"""Seconds for which a socket may be without a peer before it is complained of."""
LAST_WORDS: Final = 2.0
"""Seconds that tearing all down may take in the end; the daemon does it by itself if it takes longer."""

Event: TypeAlias = dict[str, Any]
"""What happens, as one JSON object: an event of `rsvp send` and `rsvp reserve`, or one of those made here."""


class Looks(Protocol):
    """What finds a program's sockets: `sockets.Watcher`."""

    hidden: dict[int, str]

    def look(self) -> Iterable[OpenSocket]:
        """Those that are open now."""


class Watch:
    """Announces and reserves through `api` what `rules` say of the sockets that `watcher` finds."""

    def __init__(
        self, rules: Sequence[Rule], api: Api, watcher: Looks, tell: Callable[[Event], None]
    ) -> None:
        self._rules = rules
        self._api = api
        self._watcher = watcher
        self._tell = tell
        self._here: frozenset[IPAddress] = frozenset()
        self._carried: dict[ProgramFlow, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._unnamed: dict[int, float] = {}
        self._hidden: set[int] = set()

    async def run(self) -> None:
        """Do it until cancelled; then tear all down."""
        await self._ask_addresses()
        asking = asyncio.create_task(self._keep_addresses(), name="rsvp addresses")
        try:
            while True:
                began = time.thread_time()
                self._update(list(self._watcher.look()))
                await asyncio.sleep(max(PERIOD, SHARE * (time.thread_time() - began)))
        finally:
            asking.cancel()
            self._follow(set())
            if self._ending:
                await asyncio.wait(self._ending, timeout=LAST_WORDS)

    def _update(self, sockets: list[OpenSocket]) -> None:
        wanted: set[ProgramFlow] = set()
        lonely: dict[int, OpenSocket] = {}
        for one in sockets:
            found = flows_of(one, self._rules, self._here)
            wanted |= found
            if not found and is_unnamed(one, self._rules):
                lonely[one.number] = one
        self._follow(wanted)
        self._complain(lonely)
        for pid in self._watcher.hidden.keys() - self._hidden:
            self._hidden.add(pid)
            self._tell({"event": "hidden", "pid": pid, "program": self._watcher.hidden[pid]})

    def _follow(self, wanted: set[ProgramFlow]) -> None:
        for flow in self._carried.keys() - wanted:
            task = self._carried.pop(flow)
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for flow in wanted - self._carried.keys():
            self._carried[flow] = asyncio.create_task(self._carry(flow), name=f"rsvp run {flow}")

    def _complain(self, lonely: dict[int, OpenSocket]) -> None:
        """Say once of a socket that rules seem to mean it and cannot."""
        now = asyncio.get_running_loop().time()
        self._unnamed = {number: self._unnamed.get(number, now) for number in lonely}
        for number, since in self._unnamed.items():
            if now - since >= UNNAMED:
                self._unnamed[number] = float("inf")
                one = lonely[number]
                program = min(one.program, key=len)
                self._tell({"event": "unnamed", "program": program, "port": one.local[1]})

    async def _keep_addresses(self) -> None:
        while True:
            await asyncio.sleep(ADDRESSES)
            with suppress(RsvpError):
                await self._ask_addresses()

    async def _ask_addresses(self) -> None:
        entries = await self._api.show("interfaces")
        self._here = frozenset(ip_address(one) for entry in entries for one in entry["addresses"])

    async def _carry(self, flow: ProgramFlow) -> None:
        """Announce or reserve one flow until cancelled, whatever stands in the way at times."""
        told = None
        while True:
            try:
                await self._keep(flow)
            except RsvpError as error:
                if told != str(error):
                    told = str(error)
                    self._tell({"event": "failed", **_about(flow), "text": told})
            await asyncio.sleep(AGAIN)

    async def _keep(self, flow: ProgramFlow) -> None:
        made = await self._begin(flow)
        try:
            self._tell({"event": "announced" if flow.sends else "reserving", **_about(flow)})
            async with made:
                async for event in made:
                    if not (flow.sends and _is_own(event)):
                        self._tell(upcall_to_json(event))
                if made.error is not None:
                    raise made.error
        finally:
            self._tell({"event": "closed", **_about(flow)})

    async def _begin(self, flow: ProgramFlow) -> SentFlow | ReceivedFlow:
        address, port = flow.source
        source: Place | None = None if address is None else (address, port)
        if isinstance(flow.asks, Announcement):
            return await flows.send(
                flow.destination,
                flow.asks.tspec,
                source=source,
                port=port,
                protocol=flow.protocol,
                ttl=flow.ttl,
                excess=flow.asks.excess,
                via=self._api,
            )
        return await flows.receive(
            flow.destination,
            source,
            rate=flow.asks.rate,
            service=flow.asks.service,
            delay=flow.asks.delay,
            style=_style(flow),
            protocol=flow.protocol,
            via=self._api,
        )


def _style(flow: ProgramFlow) -> Style | None:
    """The style of what is reserved; None for what is announced."""
    if isinstance(flow.asks, Announcement):
        return None
    return flow.asks.style or (WF if flow.source[0] is None else FF)


def _is_own(event: Upcall) -> bool:
    """A sender hears of its own announcement, too; who else sends to its destination is no news here."""
    return isinstance(event, PathEvent | PathGone)


def _about(flow: ProgramFlow) -> Event:
    """Which flow, and what is asked for it."""
    (address, port), (to, at) = flow.source, flow.destination
    style = _style(flow)
    known = address is not None and (port or flow.sends)
    return {
        "session": jsonform.session(Session(to, flow.protocol, at)),
        "sender": jsonform.filter_spec(FilterSpec(address, port)) if address is not None and known else None,
        "port": port,
        "tspec": jsonform.tspec(flow.asks.tspec) if isinstance(flow.asks, Announcement) else None,
        "style": None if style is None else style.name,
    }
