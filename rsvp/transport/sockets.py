"""One socket on the event loop: read in batches, written in order, however full its buffer is."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import NoRight, Unavailable

log = logging.getLogger("rsvp.transport")

NO_RIGHT = (
    "RSVP needs the right to open raw sockets: run as root, or give the process CAP_NET_RAW and "
    "CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN)"
)

LARGEST = 0xFFFF
BATCH = 64
"""Packets taken in one turn of the event loop, so that a flood leaves room for timers."""
BUFFER = 4 << 20
PENDING = 4096
"""Packets that wait for room in the kernel's send buffer, at most."""

Ancillary: TypeAlias = list[tuple[int, int, bytes]]
Taken: TypeAlias = Callable[[bytes, Ancillary, Any], None]
"""What is told of a datagram: its bytes, its control messages, and where it came from."""


class LoopSocket:
    """A datagram socket on the event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken: Taken | None = None
        self._pending: deque[tuple[bytes, Ancillary, Any]] = deque()

    def prepare(self, options: list[tuple[int, int]]) -> None:
        """Switch socket options (level, name) on, and make room. Raises OSError, the socket closed."""
        try:
            self._socket.setblocking(False)
            for level, name in options:
                self._socket.setsockopt(level, name, 1)
            for name in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, name, BUFFER)
        except OSError:
            self._socket.close()
            raise

    def set(self, level: int, name: int, value: int | bytes) -> None:
        """Set a socket option."""
        self._socket.setsockopt(level, name, value)

    def start(self, taken: Taken) -> None:
        """Begin to receive on the running event loop."""
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Stop receiving, give back the socket; what still waits to be sent is tried once."""
        if self._socket.fileno() < 0:
            return
        self._writable()
        self._pending.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                data, ancillary, _, address = self._socket.recvmsg(LARGEST, 512)
            except BlockingIOError:
                return
            except OSError as problem:  # an error that the kernel left on the socket; reading cleared it
                log.debug("receiving: %s", problem)
                return
            if self._taken is not None:
                try:
                    self._taken(data, ancillary, address)
                except Exception:
                    log.exception("a received packet was not handled")
            if self._socket.fileno() < 0:  # closed by what it was told
                return

    def send(self, data: bytes, ancillary: Ancillary, address: Any) -> None:
        """Hand one datagram to the kernel, or queue it behind those that wait for room already.

        Raises OSError where the kernel refuses, or too many wait.
        """
        if not self._pending:
            try:
                self._socket.sendmsg([data], ancillary, 0, address)
                return
            except BlockingIOError:
                if self._loop is None:
                    raise
                self._loop.add_writer(self._socket, self._writable)
        if len(self._pending) >= PENDING:
            raise OSError(errno.ENOBUFS, f"too many packets wait to be sent to {address[0]}")
        self._pending.append((data, ancillary, address))

    def _writable(self) -> None:
        while self._pending:
            data, ancillary, address = self._pending[0]
            try:
                self._socket.sendmsg([data], ancillary, 0, address)
            except BlockingIOError:
                return
            except OSError as problem:
                log.warning("a packet to %s could not be sent: %s", address[0], problem.strerror)
            self._pending.popleft()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_writer(self._socket)


class RawSocket(LoopSocket):
    """A raw socket of the network namespace that it is made in."""

    def __init__(
        self,
        family: socket.AddressFamily,
        protocol: int,
        options: list[tuple[int, int]],
        kind: int = socket.SOCK_RAW,
    ) -> None:
        """Open it, with socket options (level, name) switched on. Raises NoRight, Unavailable."""
        try:
            sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        except PermissionError:
            raise NoRight(NO_RIGHT) from None
        except OSError as problem:
            raise Unavailable(f"RSVP cannot open a raw socket: {problem.strerror}") from None
        super().__init__(sock)
        try:
            self.prepare(options)
        except OSError as problem:
            raise Unavailable(f"RSVP cannot set up its raw socket: {problem.strerror}") from None
