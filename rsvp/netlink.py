"""A blocking rtnetlink socket, for requests that the kernel answers at once.

The messages are pyroute2's; its own synchronous sockets cannot be used while an asyncio loop runs,
and traffic control and routing are asked from inside one. Shared by both; knows nothing of either.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR

# Of linux/netlink.h; Python's socket module has no names for them.
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
RECEIVE = 1 << 18
PATIENCE = 5.0
"""Seconds to wait for an answer that the kernel gives within the call."""


class NetlinkError(OSError):
    """The kernel refused a request; `strerror` is its own explanation where it gives one."""


class Netlink:
    """One netlink socket of the network namespace it is made in. Not for two threads at once."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
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
        return self._exchange(message, kind, NLM_F_REQUEST | NLM_F_ACK | flags)

    def dump(self, message: Any, kind: int) -> list[Any]:
        """All objects that a GET request of `kind` lists, as messages of the request's class."""
        return self._exchange(message, kind, NLM_F_REQUEST | NLM_F_DUMP)

    def _exchange(self, message: Any, kind: int, flags: int) -> list[Any]:
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        message["header"]["type"] = kind
        message["header"]["flags"] = flags
        message["header"]["sequence_number"] = self._sequence
        message["header"]["pid"] = 0
        message.encode()
        self._socket.send(message.data)
        answers: list[Any] = []
        while True:
            data = self._socket.recv(RECEIVE)
            at = 0
            while at + HEADER.size <= len(data):
                length, answer_kind, answer_flags, sequence, _ = HEADER.unpack_from(data, at)
                if length < HEADER.size:
                    break
                if sequence == self._sequence:
                    if answer_kind == NLMSG_ERROR:
                        _check(data[at : at + length], answer_flags)
                        return answers
                    if answer_kind == NLMSG_DONE:
                        return answers
                    answer = type(message)(data[at : at + length])
                    answer.decode()
                    answers.append(answer)
                at += (length + 3) & ~3


def _check(error: bytes, flags: int) -> None:
    """Raise what an NLMSG_ERROR says; an error of 0 is an acknowledgement."""
    (code,) = struct.unpack_from("=i", error, HEADER.size)
    if code == 0:
        return
    text = os.strerror(-code)
    if flags & NLM_F_ACK_TLVS:
        at = HEADER.size + 4 + HEADER.size  # our own header comes back, its payload does not
        while at + ATTRIBUTE.size <= len(error):
            length, kind = ATTRIBUTE.unpack_from(error, at)
            if length < ATTRIBUTE.size:
                break
            if kind == NLMSGERR_ATTR_MSG:
                detail = error[at + ATTRIBUTE.size : at + length].rstrip(b"\0").decode(errors="replace")
                text = f"{text}: {detail.rstrip('.')}"
            at += (length + 3) & ~3
    raise NetlinkError(-code, text)
