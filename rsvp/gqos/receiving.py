"""The receiving half of a socket: a Resv for the Paths that are for it (RFC 2205 3.1.4).

Without a Path that matches nothing is reserved, ever; values that the application left open come from the
Path, and a change of the Path changes the reservation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from .. import aio
from ..api import Api
from ..engine.outputs import PathEvent, PathGone, ResvConfirmed, ResvError, Upcall
from ..errors import RsvpError
from ..iana import DEFAULT_TTL, ErrorFlag
from ..messages import Flow, Sender, base_filter
from ..objects import Filter, IPAddress, PolicyData, Session, Style
from .checks import SIGNALLED, Direction
from .constants import AD_FLAG_BREAK_BIT, ServiceFlag, Status
from .errors import FlowspecError
from .events import UNCHANGED, QosEvent
from .mapping import adspec_info, announced, reservation, reserved
from .matching import Place, choose_style, matches, read_filter, sessions
from .policies import policy_data, policy_info
from .status import BAD_FLOWSPEC, LOST, REFUSED_HERE, status_of
from .structures import UNSPECIFIED, FlowSpec, PolicyElement, ReserveInfo, StatusInfo


@dataclass(frozen=True, slots=True)
class Request:
    """What a socket wants to receive, where it stands, and the TTL of its Resvs by group.

    `policy` are the elements for a policy server; those of `info` go before them.
    """

    place: Place
    spec: FlowSpec = UNSPECIFIED
    info: ReserveInfo | None = None
    ttls: tuple[tuple[IPAddress, int], ...] = ()
    policy: tuple[PolicyElement, ...] = ()

    @property
    def watches(self) -> bool:
        """Whether Paths are listened for: also where nothing may be signalled."""
        return self.spec.service in SIGNALLED

    @property
    def signals(self) -> bool:
        """Whether a Resv is sent."""
        return self.watches and not self.spec.has(ServiceFlag.NO_QOS_SIGNALING)

    @property
    def policy_data(self) -> tuple[PolicyData, ...]:
        """What a Resv carries for a policy server."""
        own = () if self.info is None else self.info.policy_elements
        return policy_data(own or self.policy)

    def ttl(self, session: Session) -> int | None:
        """The TTL of the messages of one session, None for a unicast one."""
        return dict(self.ttls).get(session.destination, DEFAULT_TTL) if self.place.groups else None


@dataclass(eq=False)
class _Part:
    part: aio.Session
    listener: asyncio.Task[None]
    heard: dict[Filter, Sender] = field(default_factory=dict)
    asked: tuple[Style, tuple[Flow, ...], tuple[PolicyData, ...]] | None = None


class Receiving:
    """Keeps the reservations of a socket at what `follow` was last told and the Paths allow."""

    def __init__(
        self, api: Api, push: Callable[[QosEvent], None], own: Callable[[], Collection[Filter]]
    ) -> None:
        """`own` are the senders that the socket itself is: it reserves for others."""
        self._api = api
        self._push = push
        self._own = own
        self._parts: dict[Session, _Part] = {}
        self._request: Request | None = None
        self._turn = asyncio.Lock()

    def senders(self) -> list[Sender]:
        """The senders that are for this socket."""
        return [sender for session in self._parts for sender in self._known(session).values()]

    def whole(self) -> bool | None:
        """Whether the paths are known to RSVP from end to end; None before there is one that says so."""
        adspecs = [sender.adspec for sender in self.senders() if sender.adspec is not None]
        if not adspecs:
            return None
        return not any(adspec_info(one).general.flags & AD_FLAG_BREAK_BIT for one in adspecs)

    async def follow(
        self, request: Request, own_addresses: Iterable[IPAddress] = (), ask: bool = False
    ) -> None:
        """Reserve as this says; with `ask` also where that is no change, for a confirmation.

        Raises what `Api.reserve` does, and FlowspecError where a path that is known cannot keep to it.
        """
        async with self._turn:
            self._request = request
            wanted = sessions(request.place, own_addresses) if request.watches else ()
            for session in [one for one in self._parts if one not in wanted]:
                await self._end(session)
            for session in wanted:
                if session not in self._parts:
                    await self._begin(session)
            for session in list(self._parts):
                await self._reserve(session, ask)

    async def _begin(self, session: Session) -> None:
        part = aio.Session(self._api, session, await self._api.open_session(session))
        listener = asyncio.create_task(self._listen(session, part), name=f"gqos receiver of {session}")
        self._parts[session] = _Part(part, listener)

    async def _end(self, session: Session) -> None:
        part = self._parts.pop(session)
        part.listener.cancel()
        await part.part.close()

    # --- reserving --------------------------------------------------------------------------------

    def _known(self, session: Session) -> dict[Filter, Sender]:
        assert self._request is not None
        place, own = self._request.place, self._own()
        heard = self._parts[session].heard.items()
        return {one: sender for one, sender in heard if one not in own and matches(place, session, one)}

    async def _reserve(self, session: Session, ask: bool) -> None:
        request, part = self._request, self._parts[session]
        assert request is not None
        style = choose_style(request.place, request.info)
        flows = self._flows(session, style) if request.signals else ()
        if part.asked is not None and (not flows or part.asked[0] != style):
            part.asked = (part.asked[0], (), ())  # whoever is cancelled here cannot know what stands
            await self._api.release(part.part.handle)
            part.asked = None
        confirm = request.info is not None and request.info.confirm_request != 0
        wanted = (style, flows, request.policy_data)
        if flows and (part.asked != wanted or (ask and confirm)):
            part.asked = (style, (), ())  # as above
            await part.part.reserve_flows(
                style, flows, confirm=confirm, ttl=request.ttl(session), policy=request.policy_data
            )
            part.asked = wanted

    def _flows(self, session: Session, style: Style) -> tuple[Flow, ...]:
        """Flow descriptors for the senders that are there; empty for none."""
        request, known = self._request, self._known(session)
        assert request is not None
        if not style.explicit:
            return (Flow(reservation(request.spec, list(known.values()))),) if known else ()
        info, version = request.info, request.place.version
        if info is None or not info.flow_descriptors:
            return tuple(Flow(reservation(request.spec, [sender]), (one,)) for one, sender in known.items())
        flows = []
        for descriptor in info.flow_descriptors:
            listed = tuple(read_filter(one, version) for one in descriptor.filters)
            here = tuple(one for one in listed if one in known)
            if here:
                spec = self._descriptor_spec(descriptor.flowspec)
                flows.append(Flow(reservation(spec, [known[one] for one in here]), here))
        return tuple(flows)

    def _descriptor_spec(self, spec: FlowSpec) -> FlowSpec:
        assert self._request is not None
        receiving = self._request.spec
        if spec.unspecified:
            return receiving
        return replace(spec, service_type=receiving.service_type)

    # --- hearing ----------------------------------------------------------------------------------

    async def _listen(self, session: Session, part: aio.Session) -> None:
        with contextlib.suppress(RsvpError):
            async for event in part:
                self._hear(session, event)
                if isinstance(event, PathEvent | PathGone):
                    await self._adapt(session)
        if self._parts.pop(session, None) is not None:
            self._tell(LOST)

    async def _adapt(self, session: Session) -> None:
        """Reserve for the senders that now are there; what goes wrong is an event."""
        async with self._turn:
            if session not in self._parts:
                return
            try:
                await self._reserve(session, False)
            except FlowspecError:
                self._tell(BAD_FLOWSPEC)
            except RsvpError:
                self._tell(REFUSED_HERE)

    def _hear(self, session: Session, event: Upcall) -> None:
        part = self._parts.get(session)
        if part is None:
            return
        match event:
            case PathEvent(sender=sender, policy=policy):
                template = base_filter(sender.template)
                part.heard[template] = sender
                if template in self._known(session):
                    self._push(
                        QosEvent(
                            Direction.RECEIVING,
                            StatusInfo(Status.SENDERS),
                            announced(sender),
                            (template,),
                            None if sender.adspec is None else adspec_info(sender.adspec),
                            policy_info(policy),
                        )
                    )
            case PathGone(template=template):
                was = template in self._known(session)
                part.heard.pop(template, None)
                if was:
                    left = tuple(base_filter(one.template) for one in self.senders())
                    self._tell(StatusInfo(Status.SENDERS if left else Status.NO_SENDERS), left)
            case ResvConfirmed(flowspec=flowspec, filters=filters):
                self._tell(StatusInfo(Status.REQUEST_CONFIRMED), filters, reserved(flowspec))
            case ResvError(flowspec=flowspec, filters=filters, flags=flags):
                self._push(
                    QosEvent(
                        Direction.RECEIVING,
                        status_of(event.code, event.value),
                        reserved(flowspec),
                        filters,
                        policy=policy_info(event.policy),
                        in_place=bool(flags & ErrorFlag.IN_PLACE),
                    )
                )

    def _tell(
        self, info: StatusInfo, senders: tuple[Filter, ...] = (), flowspec: FlowSpec = UNCHANGED
    ) -> None:
        self._push(QosEvent(Direction.RECEIVING, info, flowspec, senders))
