"""How a socket's own packets are marked and paced, by the kernel, for the service that they have.

DSCP and priority are those of the service while a reservation stands, and the application's own otherwise;
objects go before both. Mode SHAPE is SO_MAX_PACING_RATE.
"""

from __future__ import annotations

from ..intserv import Excess
from .checks import amount, find
from .constants import DSCP, USER_PRIORITY, ServiceFlag, ServiceType, ShapeMode
from .kernel import Kernel
from .settings import Settings
from .structures import DsClass, FlowSpec, SdMode, ShapingRate, TrafficClass

ACTIVE = frozenset(set(DSCP) | {ServiceType.GENERAL_INFORMATION})
"""The service types with which packets are sent at all."""


def marked_service(sending: FlowSpec, reserved: FlowSpec | None) -> ServiceType | None:
    """The service that packets are marked for: the reservation's, or one that needs none; else None."""
    if reserved is not None:
        return ServiceType(reserved.service)
    if sending.service in (ServiceType.NETWORK_CONTROL, ServiceType.NONCONFORMING):
        return ServiceType(sending.service)
    return None


def shape_mode(settings: Settings, reserved: FlowSpec | None) -> ShapeMode:
    """What becomes of packets beyond the flowspec.

    What SD_MODE says; otherwise guaranteed service is shaped and all else borrows, before a reservation by
    what the sender asks for and then by what was reserved.
    """
    told = find(settings.objects, SdMode)
    if told is not None:
        return ShapeMode(told.mode)
    service = settings.sending.service if reserved is None else reserved.service
    return ShapeMode.SHAPE if service == ServiceType.GUARANTEED else ShapeMode.BORROW


def excess_of(settings: Settings) -> Excess:
    """What the RSVP service of this host is to do with packets beyond the flowspec, once it is reserved."""
    if settings.sending.has(ServiceFlag.NO_TRAFFIC_CONTROL):
        return Excess.UNCONTROLLED
    told = find(settings.objects, SdMode)
    return Excess.BY_SERVICE if told is None else _EXCESS[ShapeMode(told.mode)]


_EXCESS = {
    ShapeMode.BORROW: Excess.BORROW,
    ShapeMode.SHAPE: Excess.SHAPE,
    ShapeMode.DISCARD: Excess.DISCARD,
}


def shaping_rate(settings: Settings) -> int | None:
    """The rate to shape to in bytes/s: SHAPING_RATE's, else the token rate; None for no bound."""
    told = find(settings.objects, ShapingRate)
    rate = amount(settings.sending.token_rate) if told is None else told.rate
    return None if rate is None or rate == float("inf") else int(rate)


def mark(kernel: Kernel, settings: Settings, reserved: FlowSpec | None) -> None:
    """Bring a socket's marking and pacing to what its settings and its reservation say."""
    sending = settings.sending
    if sending.service not in ACTIVE or sending.has(ServiceFlag.NO_TRAFFIC_CONTROL):
        kernel.mark(None, None)
        kernel.pace(None)
        return
    service = marked_service(sending, reserved)
    dscp, priority = find(settings.objects, DsClass), find(settings.objects, TrafficClass)
    kernel.mark(
        (None if service is None else DSCP[service]) if dscp is None else dscp.dscp,
        (None if service is None else USER_PRIORITY[service]) if priority is None else priority.priority,
    )
    shaped = shape_mode(settings, reserved) == ShapeMode.SHAPE
    kernel.pace(shaping_rate(settings) if shaped else None)
