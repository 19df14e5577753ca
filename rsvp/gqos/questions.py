"""The six questions of SIO_CHK_QOS, answered from what the RSVP service of this host knows."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ..api import Api
from ..errors import RsvpError
from ..jsonform import Json, read_number
from ..objects import IPAddress
from .constants import INFO_NOT_AVAILABLE, Check
from .errors import InvalidArgument
from .extended import Extended
from .mapping import number

if TYPE_CHECKING:
    from .sockets import Socket

Interface = dict[str, Json]


async def answer(api: Api, socket: Socket, question: int) -> int:
    """One word. Raises InvalidArgument for a question that there is not."""
    try:
        return await _ANSWERS[Check(question)](api, socket)
    except ValueError:
        text = f"there is no question {question}: {min(Check)} to {max(Check)}"
        raise InvalidArgument(text, Extended.CHKQOS_BADPARAMETER) from None


async def own_addresses(api: Api) -> tuple[IPAddress, ...]:
    """The addresses of the interfaces where RSVP runs."""
    found = await api.show("interfaces")
    return tuple(ip_address(text) for one in found if one["enabled"] for text in one["addresses"])


async def _interfaces(api: Api, socket: Socket) -> list[Interface]:
    """The interfaces that a socket may use: that of its address, or all; none without an RSVP service."""
    try:
        found = await api.show("interfaces")
    except RsvpError:
        return []
    local = socket.kernel.local()
    if local is None or local.any:
        return found
    return [one for one in found if str(local.address) in one["addresses"]]


async def _only(api: Api, socket: Socket) -> Interface | None:
    """The one interface that a socket uses, None where that is not known."""
    found = await _interfaces(api, socket)
    return found[0] if len(found) == 1 else None


async def _allowed_to_send(api: Api, socket: Socket) -> int:
    return int(socket.may_send)


async def _able_to_receive(api: Api, socket: Socket) -> int:
    return int(any(one["enabled"] for one in await _interfaces(api, socket)))


async def _line_rate(api: Api, socket: Socket) -> int:
    interface = await _only(api, socket)
    rate = math.inf if interface is None else read_number(interface["bandwidth"])
    return INFO_NOT_AVAILABLE if math.isinf(rate) else number(rate)


async def _controls_traffic(api: Api, socket: Socket) -> int:
    interface = await _only(api, socket)
    return INFO_NOT_AVAILABLE if interface is None else int(interface["controls_traffic"])


async def _local_ability(api: Api, socket: Socket) -> int:
    interface = await _only(api, socket)
    if interface is None:
        return INFO_NOT_AVAILABLE
    return int(interface["enabled"] and interface["controls_traffic"] and read_number(interface["limit"]) > 0)


async def _end_to_end(api: Api, socket: Socket) -> int:
    whole = socket.receiving.whole()
    return INFO_NOT_AVAILABLE if whole is None else int(whole)


_ANSWERS: dict[Check, Callable[[Api, Socket], Awaitable[int]]] = {
    Check.ALLOWED_TO_SEND_DATA: _allowed_to_send,
    Check.ABLE_TO_RECV_RSVP: _able_to_receive,
    Check.LINE_RATE: _line_rate,
    Check.LOCAL_TRAFFIC_CONTROL: _controls_traffic,
    Check.LOCAL_QOSABILITY: _local_ability,
    Check.END_TO_END_QOSABILITY: _end_to_end,
}
