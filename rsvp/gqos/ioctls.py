"""WSAIoctl: the calls on a socket with bytes in and bytes out, as C programs had them."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .constants import Sio
from .errors import InvalidArgument, NoBuffers, NotSupported
from .extended import Extended
from .matching import Address
from .packing import Layout, pack, pack_sockaddr, unpack, unpack_sockaddr
from .structures import DestAddr

if TYPE_CHECKING:
    from .sockets import Socket

MOST_ROOM = 1 << 20
"""Bytes of an answer that a caller takes who does not say."""

_WORD = struct.Struct("=I")


async def call(socket: Socket, code: int, data: bytes, room: int, layout: Layout) -> bytes:
    """Do what `code` says. Raises InvalidArgument, NotSupported, NoBuffers and the errors of the calls."""
    try:
        work = _CALLS[Sio(code)]
    except ValueError:
        raise InvalidArgument(f"there is no SIO code {code:#010x}") from None
    return await work(socket, data, room, layout)


async def _set_qos(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    await socket.set_qos(unpack(data, layout))
    return b""


async def _get_qos(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    """The next indication stays in the queue where it does not fit."""
    waiting = socket.events.first()
    if waiting is not None:
        _fits(len(pack(waiting.qos, layout)), room, Extended.GETQOS_BADOUTBUFFER)
    return pack(socket.get_qos(), layout)


async def _check_qos(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    _fits(_WORD.size, room, Extended.CHKQOS_BADOUTBUFFER)
    return _WORD.pack(await socket.check_qos(_word(data)))  # type: ignore[arg-type]


async def _multicast_scope(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    socket.set_multicast_ttl(_word(data))
    return b""


async def _multicast_loop(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    socket.kernel.set_multicast_loop(bool(_word(data)))
    return b""


async def _route(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    to = unpack_sockaddr(data)
    source = socket.kernel.source_for(Address(to.address, to.port))
    answer = pack_sockaddr(DestAddr(source, 0))
    _fits(len(answer), room, Extended.NO_ERRORCODE)
    return answer


async def _no_groups(socket: Socket, data: bytes, room: int, layout: Layout) -> bytes:
    raise NotSupported("there are no groups of sockets")


def _word(data: bytes) -> int:
    if len(data) != _WORD.size:
        raise InvalidArgument(f"one word is given, 4 bytes and not {len(data)}", Extended.CHKQOS_BADINBUFFER)
    (value,) = _WORD.unpack(data)
    return int(value)


def _fits(size: int, room: int, extended: Extended) -> None:
    if size > room:
        raise NoBuffers(f"the answer takes {size} bytes, and there is room for {room}", size, extended)


Call = Callable[["Socket", bytes, int, Layout], Awaitable[bytes]]

_CALLS: dict[Sio, Call] = {
    Sio.SET_QOS: _set_qos,
    Sio.GET_QOS: _get_qos,
    Sio.CHK_QOS: _check_qos,
    Sio.MULTICAST_SCOPE: _multicast_scope,
    Sio.MULTIPOINT_LOOPBACK: _multicast_loop,
    Sio.GET_GROUP_QOS: _no_groups,
    Sio.SET_GROUP_QOS: _no_groups,
    Sio.ROUTING_INTERFACE_QUERY: _route,
}
