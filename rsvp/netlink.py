"""A blocking netlink socket, for requests that the kernel answers at once.

The messages are pyroute2's; its own synchronous sockets cannot be used while an asyncio loop runs,
and traffic control and routing are asked from inside one. Shared by both; knows nothing of either.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR

# Of linux/netlink.h; Python's socket module has no names for them.
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1
NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
RECEIVE = 1 << 18
AT_ONCE = 128
"""Requests that are sent before the first answer is read: so many answers fit the receive buffer."""
PATIENCE = 5.0
"""Seconds to wait for an answer that the kernel gives within the call."""


Request: TypeAlias = tuple[Any, int, int]
"""What a message says, its type, and its flags: a pyroute2 message, or as bytes what follows the header."""


class NetlinkError(OSError):
    """The kernel refused a request; `strerror` is its own explanation where it gives one."""


class Netlink:
    """One netlink socket of the network namespace it is made in. Not for two threads at once."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        """`protocol` is the kernel's subsystem, a NETLINK_ number."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.bind((0, 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.settimeout(PATIENCE)
        self._sequence = 0

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def request(self, message: Any, kind: int, flags: int = 0) -> list[Any]:
        """Send a pyroute2 message, wait for the acknowledgement; whatever else came with it.

        `kind` is the RTM_ type, `flags` are added to NLM_F_REQUEST and NLM_F_ACK. Raises
        NetlinkError where the kernel refuses.
        """
        return _decoded(message, self._exchange(message, kind, NLM_F_REQUEST | NLM_F_ACK | flags))

    def ask(self, body: bytes, kind: int) -> bytes:
        """What the kernel answers a GET request for one object with, from its header on.

        `body` is what follows the request's header. For questions that come by the thousand:
        pyroute2's messages take 20 times as long as the kernel. Raises NetlinkError.
        """
        answers = self._exchange(body, kind, NLM_F_REQUEST | NLM_F_ACK)
        return answers[0] if answers else b""

    def dump(self, message: Any, kind: int) -> list[Any]:
        """All objects that a GET request of `kind` lists, as messages of the request's class."""
        return _decoded(message, self.dump_bytes(message, kind))

    def dump_bytes(self, message: Any, kind: int) -> list[bytes]:
        """The same as `dump` gives, each as its own bytes: for lists too long to decode in full."""
        return self._exchange(message, kind, NLM_F_REQUEST | NLM_F_DUMP)

    def pipeline(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        """Have the kernel carry out one request after the other, whatever becomes of those before.

        For each, in order, why it was refused, or None. Waits for many answers at a time.
        """
        outcomes: list[NetlinkError | None] = []
        for start in range(0, len(requests), AT_ONCE):
            data = bytearray()
            numbers = []
            for message, kind, flags in requests[start : start + AT_ONCE]:
                data += self._encode(message, kind, NLM_F_REQUEST | NLM_F_ACK | flags)
                numbers.append(self._sequence)
            self._socket.send(data)
            answers = self._outcomes(set(numbers))
            outcomes += [answers[number] for number in numbers]
        return outcomes

    def batch(self, requests: Sequence[Request]) -> None:
        """Send requests as one, the first and last being the kernel's marks of a batch.

        The kernel carries out all of them or none; raises NetlinkError for the first that it refuses.
        """
        data = bytearray()
        waited = []
        for number, (message, kind, flags) in enumerate(requests):
            inner = 0 < number < len(requests) - 1
            data += self._encode(message, kind, NLM_F_REQUEST | flags | (NLM_F_ACK if inner else 0))
            if inner:
                waited.append(self._sequence)
        self._socket.send(data)
        answers = self._outcomes(set(waited))
        refused = next((answers[number] for number in waited if answers[number] is not None), None)
        if refused is not None:
            raise refused

    def _outcomes(self, waited: set[int]) -> dict[int, NetlinkError | None]:
        """What became of requests, by their sequence numbers."""
        found: dict[int, NetlinkError | None] = {}
        while len(found) < len(waited):
            for kind, flags, sequence, answer in self._receive():
                if sequence in waited and kind == NLMSG_ERROR:
                    found[sequence] = _refusal(answer, flags)
        return found

    def _exchange(self, message: Any, kind: int, flags: int) -> list[bytes]:
        self._socket.send(self._encode(message, kind, flags))
        return self._answers()

    def _answers(self) -> list[bytes]:
        """What the kernel says to the last request, up to its acknowledgement."""
        answers: list[bytes] = []
        while True:
            for answer_kind, answer_flags, sequence, data in self._receive():
                if sequence != self._sequence:
                    continue
                if answer_kind == NLMSG_ERROR:
                    refused = _refusal(data, answer_flags)
                    if refused is not None:
                        raise refused
                    return answers
                if answer_kind == NLMSG_DONE:
                    return answers
                answers.append(data)

    def _encode(self, message: Any, kind: int, flags: int) -> bytes:
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        if isinstance(message, bytes):
            return HEADER.pack(HEADER.size + len(message), kind, flags, self._sequence, 0) + message
        message["header"]["type"] = kind
        message["header"]["flags"] = flags
        message["header"]["sequence_number"] = self._sequence
        message["header"]["pid"] = 0
        message.encode()
        return bytes(message.data)

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        """The messages of one datagram: type, flags, sequence number, and the whole of each."""
        try:
            data = self._socket.recv(RECEIVE)
        except TimeoutError:
            raise NetlinkError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
        yield from messages(data)


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and bytes, header included, of each message in what was received."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if length < HEADER.size:
            break
        yield kind, flags, sequence, data[at : at + length]
        at += (length + 3) & ~3


def _decoded(message: Any, answers: list[bytes]) -> list[Any]:
    """Answers as messages of the request's class."""
    decoded = [type(message)(data) for data in answers]
    for answer in decoded:
        answer.decode()
    return decoded


def attribute(kind: int, *values: bytes) -> bytes:
    """One attribute as it is sent, padded; values that are attributes themselves are nested in it."""
    length = ATTRIBUTE.size + sum(map(len, values))
    return b"".join((ATTRIBUTE.pack(length, kind), *values, bytes(-length & 3)))


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """Attributes from an offset on, by type, the nested ones still as bytes."""
    found: dict[int, bytes] = {}
    while at + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size:
            break
        found[kind & NLA_TYPE_MASK] = data[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def find(data: bytes, kind: int, at: int, end: int) -> tuple[int, int]:
    """From where to where the first attribute of a type lies between two offsets, without its header.

    For objects that come by the thousand. Raises KeyError where there is none.
    """
    while at + ATTRIBUTE.size <= end:
        length, found = ATTRIBUTE.unpack_from(data, at)
        if found & NLA_TYPE_MASK == kind:
            return at + ATTRIBUTE.size, at + length
        if length < ATTRIBUTE.size:
            break
        at += (length + 3) & ~3
    raise KeyError(kind)


def _refusal(error: bytes, flags: int) -> NetlinkError | None:
    """What an NLMSG_ERROR says; an error of 0 is an acknowledgement."""
    (code,) = struct.unpack_from("=i", error, HEADER.size)
    if code == 0:
        return None
    text = os.strerror(-code)
    if flags & NLM_F_ACK_TLVS:
        # Our own header comes back behind the code, its payload does not.
        detail = attributes(error, HEADER.size + 4 + HEADER.size).get(NLMSGERR_ATTR_MSG)
        if detail is not None:
            said = detail.rstrip(b"\0").decode(errors="replace")
            text = f"{text}: {said.rstrip('.')}"
    return NetlinkError(-code, text)
