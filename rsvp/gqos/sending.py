"""The sending half of a socket: Paths for what it announces, and word of who reserves (RFC 2205 3.1.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import aio
from ..api import Api
from ..engine.outputs import PathError, ResvEvent, ResvGone, Upcall
from ..errors import RsvpError
from ..iana import ErrorFlag
from ..intserv import Adspec, Excess, Flowspec, Tspec
from ..objects import Filter, IPAddress, PolicyData, Session
from ..undoing import Undoing
from .checks import Direction
from .constants import Status
from .events import UNCHANGED, QosEvent
from .mapping import reserved
from .policies import policy_info
from .status import LOST, status_of
from .structures import FlowSpec, StatusInfo


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the Paths of one session say; `source` None leaves the address to the node."""

    source: IPAddress | None
    port: int
    tspec: Tspec
    adspec: Adspec
    ttl: int
    policy: tuple[PolicyData, ...] = ()
    excess: Excess = Excess.BY_SERVICE


@dataclass(eq=False)
class _Flow:
    part: aio.Session
    said: Announcement
    listener: asyncio.Task[None]
    template: Filter
    sure: bool = True
    """Whether that is what the Paths say: a call that fails or is cancelled leaves it open."""
    reservation: Flowspec | None = None


class Sending:
    """Keeps the Paths of a socket at what `follow` was last told."""

    def __init__(self, api: Api, push: Callable[[QosEvent], None]) -> None:
        self._api = api
        self._push = push
        self._flows: dict[Session, _Flow] = {}
        self._undoing = Undoing()

    @property
    def templates(self) -> frozenset[Filter]:
        """The senders that this socket is."""
        return frozenset(flow.template for flow in self._flows.values())

    @property
    def reservation(self) -> FlowSpec | None:
        """What is reserved for this socket, the reservation that came first; None for nothing."""
        found = (flow.reservation for flow in self._flows.values() if flow.reservation is not None)
        return next((reserved(one) for one in found), None)

    async def follow(self, wanted: Mapping[Session, Announcement]) -> None:
        """Announce these flows and no others. Raises what `Api.add_sender` does."""
        await self._undoing.finished()
        for session, flow in list(self._flows.items()):
            said = wanted.get(session)
            if said is None or (said.source, said.port) != (flow.said.source, flow.said.port):
                await self._end(session)
        for session, said in wanted.items():
            known = self._flows.get(session)
            if known is None:
                await self._begin(session, said)
            elif known.said != said or not known.sure:
                known.sure = False
                await self._say(known.part, said)
                known.said, known.sure = said, True

    async def _begin(self, session: Session, said: Announcement) -> None:
        part = aio.Session(self._api, session, await self._api.open_session(session))
        try:
            sender = await self._say(part, said)
        except BaseException as error:
            await self._undoing.after(error, part.close())
            raise
        listener = asyncio.create_task(self._listen(session, part), name=f"gqos sender of {session}")
        self._flows[session] = _Flow(part, said, listener, sender.template)

    async def _say(self, part: aio.Session, said: Announcement) -> aio.Sender:
        return await part.send(
            said.tspec,
            source=said.source,
            port=said.port,
            ttl=said.ttl,
            adspec=said.adspec,
            policy=said.policy,
            excess=said.excess,
        )

    async def _end(self, session: Session) -> None:
        flow = self._flows.pop(session)
        flow.listener.cancel()
        await flow.part.close()
        if flow.reservation is not None and self._flows and self.reservation is None:
            self._tell(StatusInfo(Status.NO_RECEIVERS))

    async def _listen(self, session: Session, part: aio.Session) -> None:
        with contextlib.suppress(RsvpError):
            async for event in part:
                self._hear(session, event)
        if self._flows.pop(session, None) is not None:
            self._tell(LOST)

    def _hear(self, session: Session, event: Upcall) -> None:
        flow = self._flows.get(session)
        if flow is None:
            return
        if isinstance(event, ResvEvent):
            flow.reservation = event.flowspec
            self._push(
                QosEvent(
                    Direction.SENDING,
                    StatusInfo(Status.RECEIVERS),
                    reserved(event.flowspec),
                    event.filters,
                    policy=policy_info(event.policy),
                )
            )
        elif isinstance(event, ResvGone):
            flow.reservation = None
            left = self.reservation
            self._tell(StatusInfo(Status.RECEIVERS if left else Status.NO_RECEIVERS), left or UNCHANGED)
        elif isinstance(event, PathError):
            self._push(
                QosEvent(
                    Direction.SENDING,
                    status_of(event.code, event.value),
                    senders=(flow.template,),
                    policy=policy_info(event.policy),
                    in_place=bool(event.flags & ErrorFlag.IN_PLACE),
                )
            )

    def _tell(self, info: StatusInfo, flowspec: FlowSpec = UNCHANGED) -> None:
        self._push(QosEvent(Direction.SENDING, info, flowspec))
