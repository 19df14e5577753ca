"""Traffic class, hop limit and packet info of any socket, for each message or for all (RFC 3542, RFC 1122).

`send` gives them to one message, `set_...` to every message of a socket, `report` and `receive` read them.
TOS is IPv4's traffic class and TTL its hop limit; a socket of IPv6 that talks to an IPv4-mapped address
speaks IPv4. The rules are those of RFC 3542 sections 6.3 and 6.5, whichever way the kernel at hand bends
them: -1 is the socket's own value, 0 to 255 go out as given, all else is EINVAL (IPv4 knows no TTL of 0).
Hop-by-hop options of IPv6 are bytes as RFC 3542 section 8 has them: the whole extension header.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, TypeAlias

from .errors import AncillaryError

IPAddress: TypeAlias = IPv4Address | IPv6Address
SocketAddress: TypeAlias = tuple[Any, ...]
Control: TypeAlias = list[tuple[int, int, bytes]]

DEFAULT: Final = -1
"""In place of a value: the socket's own, and where that has none the kernel's (RFC 3542 section 6.3)."""

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6

# Options of Linux that the socket module does not name.
_IP_PKTINFO: Final = 8
_IP_PKTOPTIONS: Final = 9
_IP_RECVTTL: Final = 12
_IP_RECVTOS: Final = 13
_IPV6_2292PKTOPTIONS: Final = 6

_INT: Final = struct.Struct("=i")
_PKTINFO: Final = struct.Struct("=I4s4s")
_PKTINFO6: Final = struct.Struct("=16sI")
_HEADER: Final = struct.Struct("@Nii")
_WORD: Final = struct.calcsize("@N")
_ROOM: Final = 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A message and what was said about it, None for what was not reported.

    `interface` is the number of the one that it came in by and `destination` the address that it was sent
    to. `hop_options` are those of IPv6, as they came. `truncated`: there was more than the room given.
    """

    data: bytes
    address: SocketAddress | None = None
    traffic_class: int | None = None
    hop_limit: int | None = None
    destination: IPAddress | None = None
    interface: int | None = None
    hop_options: bytes | None = None
    truncated: bool = False


# --- sending ------------------------------------------------------------------------------------------


def send(
    sock: socket.socket,
    data: bytes,
    to: SocketAddress | None = None,
    *,
    traffic_class: int = DEFAULT,
    hop_limit: int = DEFAULT,
    source: IPAddress | None = None,
    interface: int = 0,
    hop_options: bytes | None = None,
    flags: int = 0,
) -> int:
    """Send one message, to `to` or where the socket is connected; returns the bytes that were taken.

    What is given holds for this message only and goes before what the socket has; `source` and
    `interface` (a number, 0 for any) also before IP_MULTICAST_IF and routing. Hop-by-hop options are for
    those who may use raw sockets. Raises AncillaryError for values that RFC 3542 refuses, and OSError as
    `sendmsg` does: ENODEV for an interface that is not there.
    """
    control_ = control(
        sock,
        to,
        traffic_class=traffic_class,
        hop_limit=hop_limit,
        source=source,
        interface=interface,
        hop_options=hop_options,
    )
    if to is None:
        return sock.sendmsg([data], control_, flags)
    return sock.sendmsg([data], control_, flags, to)


def control(
    sock: socket.socket,
    to: SocketAddress | None = None,
    *,
    traffic_class: int = DEFAULT,
    hop_limit: int = DEFAULT,
    source: IPAddress | None = None,
    interface: int = 0,
    hop_options: bytes | None = None,
) -> Control:
    """The ancillary data of such a message, for a `sendmsg` of one's own. Raises AncillaryError."""
    four = _speaks_four(sock, to)
    _check("a traffic class", traffic_class)
    _check("a TTL" if four else "a hop limit", hop_limit, least=1 if four else 0)
    if not 0 <= interface < 1 << 31:
        raise AncillaryError(errno.EINVAL, f"an interface is a number from 0 on, not {interface}")
    given: Control = []
    if traffic_class != DEFAULT:
        kind = (IP, socket.IP_TOS) if four else (IPV6, socket.IPV6_TCLASS)
        given.append((*kind, _INT.pack(traffic_class)))
    if hop_limit != DEFAULT:
        kind = (IP, socket.IP_TTL) if four else (IPV6, socket.IPV6_HOPLIMIT)
        given.append((*kind, _INT.pack(hop_limit)))
    if source is not None or interface:
        given.append(_packet_info(source, interface, four=four))
    if hop_options is not None:
        if four:
            raise AncillaryError(
                errno.EINVAL, "IPv4 has no hop-by-hop options, and this message is one of IPv4"
            )
        given.append((IPV6, socket.IPV6_HOPOPTS, _check_options(hop_options)))
    if given and sock.type == socket.SOCK_STREAM:
        raise AncillaryError(
            errno.EOPNOTSUPP, "a stream has no messages to give values to: set them for the socket"
        )
    return given


def _packet_info(source: IPAddress | None, interface: int, *, four: bool) -> tuple[int, int, bytes]:
    if not four:
        if source is not None and source.version != 6:
            raise AncillaryError(
                errno.EINVAL, f"{source} is no IPv6 address, and this message is one of IPv6"
            )
        packed = bytes(16) if source is None else source.packed
        return IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(packed, interface)
    plain = _unmapped(source)
    if plain is not None and plain.version != 4:
        raise AncillaryError(errno.EINVAL, f"{source} is no IPv4 address, and this message is one of IPv4")
    return IP, _IP_PKTINFO, _PKTINFO.pack(interface, bytes(4) if plain is None else plain.packed, bytes(4))


def _speaks_four(sock: socket.socket, to: SocketAddress | None) -> bool:
    """Whether a message there is one of IPv4."""
    if sock.family == socket.AF_INET:
        return True
    if sock.family != socket.AF_INET6:
        raise AncillaryError(errno.EAFNOSUPPORT, "only sockets of IPv4 and IPv6 have a traffic class")
    if to is None:
        try:
            to = sock.getpeername()
        except OSError:
            return False  # not connected: sendmsg says so
    try:
        return IPv6Address(str(to[0]).partition("%")[0]).ipv4_mapped is not None
    except ValueError:
        return False  # a name, which sendmsg looks up or refuses


def _check(what: str, value: int, least: int = 0) -> None:
    if not isinstance(value, int) or (value != DEFAULT and not least <= value <= 255):
        raise AncillaryError(
            errno.EINVAL, f"{what} is {least} to 255, or -1 for the socket's own, not {value!r}"
        )


def _check_options(options: bytes) -> bytes:
    if not options or len(options) != 8 * (options[min(1, len(options) - 1)] + 1):
        raise AncillaryError(
            errno.EINVAL,
            "hop-by-hop options are a whole extension header: 8 bytes, and 8 times its second byte more",
        )
    return options


# --- for all messages of a socket -----------------------------------------------------------------------


def set_traffic_class(sock: socket.socket, value: int) -> None:
    """The traffic class, or TOS, of all messages that are given no other; -1 is the default, 0.

    Over TCP the kernel keeps the two lowest bits, those of ECN, for itself. Raises AncillaryError.
    """
    _check("a traffic class", value)
    wanted = 0 if value == DEFAULT else value  # the kernel takes -1 for 255 over IPv4
    _set(sock, value, (IPV6, socket.IPV6_TCLASS, wanted), (IP, socket.IP_TOS, wanted))


def set_hop_limit(sock: socket.socket, value: int) -> None:
    """The hop limit, or TTL, of unicast messages that are given no other; -1 is the kernel's default.

    Raises AncillaryError.
    """
    _check("a hop limit", value, least=1 if sock.family == socket.AF_INET else 0)
    _set(sock, value, (IPV6, socket.IPV6_UNICAST_HOPS, value), (IP, socket.IP_TTL, value))


def set_multicast_hop_limit(sock: socket.socket, value: int) -> None:
    """The hop limit, or TTL, of messages to groups that are given no other; -1 is the default, 1.

    Raises AncillaryError.
    """
    _check("a hop limit", value)
    _set(sock, value, (IPV6, socket.IPV6_MULTICAST_HOPS, value), (IP, socket.IP_MULTICAST_TTL, value))


def set_packet_info(sock: socket.socket, source: IPAddress | None = None, interface: int = 0) -> None:
    """Source address and interface of all messages of an IPv6 socket that are given no other.

    Without either it takes back what was set (RFC 3542 section 6.2). IPv4 has no such option in Linux:
    AncillaryError with ENOPROTOOPT. Raises OSError for what this node does not have.
    """
    if sock.family != socket.AF_INET6:
        raise AncillaryError(
            errno.ENOPROTOOPT, "IPv4 has no sticky packet info: bind the socket, or give it with each message"
        )
    _, _, packed = _packet_info(source, interface, four=False)
    sock.setsockopt(IPV6, socket.IPV6_PKTINFO, packed)


def set_hop_options(sock: socket.socket, options: bytes) -> None:
    """The hop-by-hop options of all messages of an IPv6 socket that are given no others; b"" for none.

    Raises AncillaryError, and PermissionError for those who may not use raw sockets.
    """
    if sock.family != socket.AF_INET6:
        raise AncillaryError(errno.ENOPROTOOPT, "IPv4 has no hop-by-hop options")
    sock.setsockopt(IPV6, socket.IPV6_HOPOPTS, _check_options(options) if options else b"")


def hop_options(sock: socket.socket) -> bytes:
    """What `set_hop_options` has set, or nothing."""
    return sock.getsockopt(IPV6, socket.IPV6_HOPOPTS, _ROOM)


def traffic_class(sock: socket.socket) -> int:
    """What `set_traffic_class` has set, or the default."""
    return _get(sock, (IPV6, socket.IPV6_TCLASS), (IP, socket.IP_TOS))


def hop_limit(sock: socket.socket) -> int:
    """What `set_hop_limit` has set, or the default."""
    return _get(sock, (IPV6, socket.IPV6_UNICAST_HOPS), (IP, socket.IP_TTL))


def multicast_hop_limit(sock: socket.socket) -> int:
    """What `set_multicast_hop_limit` has set, or the default."""
    return _get(sock, (IPV6, socket.IPV6_MULTICAST_HOPS), (IP, socket.IP_MULTICAST_TTL))


def _set(sock: socket.socket, value: int, six: tuple[int, int, int], four: tuple[int, int, int]) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(*six)
        if not (_speaks_both(sock) and (value or four[1] != socket.IP_TTL)):
            return  # IPv4 has no TTL of 0
    sock.setsockopt(*four)


def _speaks_both(sock: socket.socket) -> bool:
    """Whether an IPv6 socket may talk to IPv4-mapped addresses, too."""
    return sock.type != socket.SOCK_RAW and not sock.getsockopt(IPV6, socket.IPV6_V6ONLY)


def _get(sock: socket.socket, six: tuple[int, int], four: tuple[int, int]) -> int:
    return sock.getsockopt(*(six if sock.family == socket.AF_INET6 else four))


# --- receiving ------------------------------------------------------------------------------------------


def report(sock: socket.socket, wanted: bool = True) -> None:
    """Have the kernel tell of each message's traffic class, hop limit, destination, interface and options."""
    four = [(IP, _IP_RECVTOS), (IP, _IP_RECVTTL), (IP, _IP_PKTINFO)]
    six = [
        (IPV6, socket.IPV6_RECVTCLASS),
        (IPV6, socket.IPV6_RECVHOPLIMIT),
        (IPV6, socket.IPV6_RECVPKTINFO),
        (IPV6, socket.IPV6_RECVHOPOPTS),
    ]
    if sock.family == socket.AF_INET6:
        options = [*six, *(four[:2] if _speaks_both(sock) else ())]
    else:
        options = four
    for level, option in options:
        sock.setsockopt(level, option, int(wanted))


def receive(sock: socket.socket, size: int = 65_535, flags: int = 0) -> Message:
    """Receive one message of at most `size` bytes, with what `report` asked for. Raises OSError."""
    data, told, status, address = sock.recvmsg(size, _ROOM, flags)
    return Message(data, address, *_read(told), bool(status & socket.MSG_TRUNC))


def received(sock: socket.socket) -> Message:
    """What is known of the packets of a TCP connection, of those that came last; `data` is empty.

    A stream gives no ancillary data with what is read (RFC 3542 section 4.1); the kernel keeps it for those
    who ask after `report`. Raises OSError.
    """
    kind = (IPV6, _IPV6_2292PKTOPTIONS) if sock.family == socket.AF_INET6 else (IP, _IP_PKTOPTIONS)
    return Message(b"", sock.getpeername(), *_read(list(_split(sock.getsockopt(*kind, _ROOM)))))


def _split(buffer: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Control messages as the kernel lays them out: aligned to the machine's words."""
    at = 0
    while at + _HEADER.size <= len(buffer):
        length, level, kind = _HEADER.unpack_from(buffer, at)
        if length < _HEADER.size:
            return
        yield level, kind, buffer[at + _HEADER.size : at + length]
        at += -(-length // _WORD) * _WORD


def _read(
    told: Sequence[tuple[int, int, bytes]],
) -> tuple[int | None, int | None, IPAddress | None, int | None, bytes | None]:
    """Traffic class, hop limit, destination, interface, options; TOS comes in one byte, all else in more."""
    traffic_class = hop_limit = interface = hop_options = None
    destination: IPAddress | None = None
    for level, kind, value in told:
        if (level, kind) in ((IP, socket.IP_TOS), (IPV6, socket.IPV6_TCLASS)) and value:
            traffic_class = value[0] if len(value) < _INT.size else _INT.unpack_from(value)[0]
        elif (level, kind) in ((IP, socket.IP_TTL), (IPV6, socket.IPV6_HOPLIMIT)) and len(value) >= _INT.size:
            hop_limit = _INT.unpack_from(value)[0]
        elif (level, kind) == (IP, _IP_PKTINFO) and len(value) >= _PKTINFO.size:
            interface, _, packed = _PKTINFO.unpack_from(value)
            destination = IPv4Address(packed)
        elif (level, kind) == (IPV6, socket.IPV6_PKTINFO) and len(value) >= _PKTINFO6.size:
            packed, interface = _PKTINFO6.unpack_from(value)
            destination = _unmapped(IPv6Address(packed))
        elif (level, kind) == (IPV6, socket.IPV6_HOPOPTS):
            hop_options = value
    return traffic_class, hop_limit, destination, interface, hop_options


def _unmapped(address: IPAddress | None) -> IPAddress | None:
    """The IPv4 address in an IPv4-mapped one; any other as it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
