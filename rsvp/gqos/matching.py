"""Where a socket stands: which Paths are for it, which style it reserves in, what may override that.

Pure: the tables of GQoS over a `Place`, which says how a socket is bound, connected and joined.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..iana import Protocol
from ..objects import FF, SE, WF, Filter, FilterSpec, FlowLabelFilterSpec, IPAddress, Session, Style
from .checks import Direction, check_flowspec, check_policy
from .constants import ReservationStyle, ServiceType
from .errors import (
    DescriptorFlowspecError,
    FilterCountError,
    FilterSpecError,
    FilterStyleError,
    FilterTypeError,
    FlowCountError,
    FlowDescriptorError,
    FlowspecError,
    ServiceTypeError,
)
from .extended import Extended
from .structures import (
    FilterSpec as AnyFilterSpec,
)
from .structures import (
    FilterSpecV4,
    FilterSpecV6,
    FilterSpecV6Flow,
    FlowSpec,
    ReserveInfo,
)

MOST_SHARING = 99
"""How many senders one shared-explicit reservation may list; more than 10 are better served by a wildcard."""


class Address(NamedTuple):
    """An IP address and a port."""

    address: IPAddress
    port: int

    @property
    def any(self) -> bool:
        """Whether the address is that of no interface in particular (INADDR_ANY)."""
        return not int(self.address)

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """How a socket is bound, connected and joined.

    `bound` is what it was bound to, `local` what it has now, None where it has none; `groups` are the
    names under which it joined to receive.
    """

    protocol: int
    version: int
    bound: Address | None = None
    local: Address | None = None
    peer: Address | None = None
    groups: tuple[Address, ...] = ()

    @property
    def tcp(self) -> bool:
        """Whether this is a stream."""
        return self.protocol == Protocol.TCP

    @property
    def one_sender(self) -> bool:
        """Whether there is only one sender that it can hear: its peer."""
        return not self.groups and (self.tcp or self.peer is not None)


def sessions(place: Place, own: Iterable[IPAddress]) -> tuple[Session, ...]:
    """The sessions whose Paths may be for a socket; `own` are the host's addresses.

    A socket bound to any address takes part in one session for each that the host has.
    """
    if place.groups:
        return tuple(Session(group, place.protocol, port) for group, port in place.groups)
    if place.tcp:
        if place.peer is None or place.local is None:
            return ()
        return (Session(place.local.address, place.protocol, place.local.port),)
    if place.bound is None or not place.bound.port:
        return ()
    if not place.bound.any:
        return (Session(place.bound.address, place.protocol, place.bound.port),)
    here = [address for address in own if address.version == place.version]
    return tuple(Session(address, place.protocol, place.bound.port) for address in here)


def matches(place: Place, session: Session, template: Filter) -> bool:
    """Whether a Path of this session and sender is for a socket."""
    if session.protocol != place.protocol:
        return False
    where = Address(session.destination, session.port)
    if place.groups or session.destination.is_multicast:
        return where in place.groups
    sender = Address(template.address, getattr(template, "port", 0))
    if place.tcp:
        return place.peer is not None and where == place.local and sender == place.peer
    if place.bound is None or where.port != place.bound.port:
        return False
    if not place.bound.any and where.address != place.bound.address:
        return False
    return place.peer is None or sender == place.peer


def default_style(place: Place) -> Style:
    """What DEFAULT means for a socket."""
    return FF if place.one_sender else WF


def choose_style(place: Place, info: ReserveInfo | None) -> Style:
    """The style that a receiver reserves in. Raises FilterStyleError."""
    asked = ReservationStyle.DEFAULT if info is None else info.style
    if asked == ReservationStyle.DEFAULT:
        return default_style(place)
    style = _STYLES.get(asked)
    if style is None:
        raise FilterStyleError(f"there is no reservation style {asked}")
    if style is SE and place.one_sender:
        raise FilterStyleError("a connected socket has one sender: its style is FIXED_FILTER or WILDCARD")
    return style


_STYLES: dict[int, Style] = {
    ReservationStyle.WILDCARD: WF,
    ReservationStyle.FIXED_FILTER: FF,
    ReservationStyle.SHARED_EXPLICIT: SE,
}


def check_reserve_info(place: Place, info: ReserveInfo, receiving: FlowSpec) -> None:
    """Refuse flow descriptors that the style, or the socket, cannot have.

    Raises FilterStyleError, FlowCountError, FlowDescriptorError, FilterCountError, FilterTypeError,
    FilterSpecError, DescriptorFlowspecError, PolicyObjectError.
    """
    style = choose_style(place, info)
    check_policy(info.policy_elements)
    flows = info.flow_descriptors
    if not style.explicit:
        if flows:
            raise FlowCountError("style WILDCARD has no flow descriptors: all senders share one flowspec")
        return
    if not flows and not place.one_sender:
        raise FlowDescriptorError(
            "this style lists its senders in flow descriptors", Extended.SETQOS_MISSINGFLOWDESC
        )
    if len(flows) > 1 and (style.shared or place.one_sender):
        raise FlowCountError(f"one flow descriptor is all that {_why(place)} can have, not {len(flows)}")
    most = MOST_SHARING if style.shared else 1
    for flow in flows:
        if not 0 < len(flow.filters) <= most:
            raise FilterCountError(f"a flow descriptor has 1 to {most} filters, not {len(flow.filters)}")
        _check_descriptor_flowspec(flow.flowspec, receiving)
        for one in flow.filters:
            found = read_filter(one, place.version)
            if place.one_sender and place.peer is not None and found != FilterSpec(*place.peer):
                raise FilterSpecError(f"the one sender of a connected socket is {place.peer}")
    listed = [one for flow in flows for one in flow.filters]
    if len(set(listed)) < len(listed):
        raise FilterSpecError("a sender is listed twice")


def _why(place: Place) -> str:
    return "a connected socket" if place.one_sender else "style SHARED_EXPLICIT"


def _check_descriptor_flowspec(spec: FlowSpec, receiving: FlowSpec) -> None:
    try:
        check_flowspec(spec, Direction.RECEIVING)
    except (ServiceTypeError, FlowspecError) as error:
        raise DescriptorFlowspecError(f"in a flow descriptor: {error}") from None
    if spec.service not in (ServiceType.NOCHANGE, receiving.service):
        raise DescriptorFlowspecError("a flow descriptor has the service of the receiving flowspec")


def read_filter(one: AnyFilterSpec, version: int) -> Filter:
    """What RSVP calls a sender. Raises FilterTypeError, FilterSpecError."""
    if one.address.version != version:
        raise FilterTypeError(f"the senders of this session have IPv{version} addresses")
    try:
        match one:
            case FilterSpecV4(address, port) | FilterSpecV6(address, port):
                return FilterSpec(address, port)
            case FilterSpecV6Flow(address, label):
                return FlowLabelFilterSpec(address, label)
    except ValueError as error:
        raise FilterSpecError(str(error)) from None
    raise FilterTypeError(
        "the session of a socket has ports: senders by general port id are for IPsec (RFC 2207)"
    )
