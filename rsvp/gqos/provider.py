"""The QoS provider: makes sockets that signal through a node of this process or through the daemon."""

from __future__ import annotations

import socket as sockets
from types import TracebackType
from typing import Self

from ..api import Api
from .constants import ProviderFlag, SocketFlag
from .errors import NotSupported
from .kernel import Kernel, LinuxSocket
from .sockets import LEAF, Socket
from .templates import Templates

DEFAULT_FLAGS = SocketFlag.OVERLAPPED | LEAF


class Provider:
    """Sockets with QoS over one `Node` or `Client`; closing it closes them, and leaves that open.

    ::

        async with gqos.Provider(await rsvp.connect()) as provider:
            sock = provider.socket(AF_INET, SOCK_DGRAM)
            await sock.connect(("10.1.0.2", 5000), gqos.Qos(sending=gqos.FlowSpec(...)))
    """

    service_flags = ProviderFlag.QOS_SUPPORTED | ProviderFlag.SUPPORT_MULTIPOINT
    """What WSAEnumProtocols said of a protocol that has QoS."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.templates = Templates()
        self._sockets: list[Socket] = []

    def socket(
        self,
        family: int = sockets.AF_INET,
        kind: int = sockets.SOCK_DGRAM,
        flags: SocketFlag = DEFAULT_FLAGS,
    ) -> Socket:
        """WSASocket: a new socket. Raises NotSupported for what is neither TCP nor UDP, OSError."""
        if family not in (sockets.AF_INET, sockets.AF_INET6):
            raise NotSupported("QoS is for IPv4 and IPv6 sockets")
        if kind not in (sockets.SOCK_STREAM, sockets.SOCK_DGRAM):
            raise NotSupported("QoS is for TCP and UDP sockets")
        return self.attach(LinuxSocket(sockets.socket(family, kind)), flags)

    def attach(self, kernel: Kernel, flags: SocketFlag = DEFAULT_FLAGS) -> Socket:
        """Give QoS to a socket that is there, `LinuxSocket(sock)`; it belongs to the result then."""
        made = Socket(self.api, kernel, flags)
        self._sockets.append(made)
        return made

    async def close(self) -> None:
        """Close every socket that was made here; those that `accept` made are their owners'."""
        for one in self._sockets:
            await one.close()
        self._sockets.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
