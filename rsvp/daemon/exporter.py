"""A page of metrics over HTTP for Prometheus, and nothing else: no library, no second page, no state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from ..errors import ConfigError

PATIENCE: Final = 5.0
"""Seconds that a client has for its request and its answer."""

MOST: Final = 16
"""Clients at a time."""

LONGEST: Final = 8192
"""Bytes of a request."""

CONTENT: Final = "text/plain; version=0.0.4; charset=utf-8"


def read_address(text: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:9946" or "[::1]:9946". Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ValueError(f'{text!r} is no address with a port, such as "127.0.0.1:9946"')
    return host.removeprefix("[").removesuffix("]"), int(port)


class Exporter:
    """Serves GET /metrics from `move` to the end of its `async with`, or until it is moved to nowhere."""

    def __init__(self, page: Callable[[], str]) -> None:
        self._page = page
        self._address: str | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.move(None, "")

    async def move(self, address: str | None, where: str) -> None:
        """Listen at another address, or at none; `where` that was said, for people.

        Raises ConfigError, listening on where it did.
        """
        if address == self._address:
            return
        before, self._server = self._server, await self._listen(address, where)
        self._address = address
        if before is not None:
            before.close()
            clients = list(self._clients)
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _listen(self, address: str | None, where: str) -> asyncio.Server | None:
        if address is None:
            return None
        try:
            return await asyncio.start_server(self._connected, *read_address(address), limit=LONGEST)
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise ConfigError(f"{where}: no metrics at {address}: {reason}") from None

    @property
    def port(self) -> int:
        """Where it listens, for whoever asked for port 0."""
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) <= MOST:
                async with asyncio.timeout(PATIENCE):
                    request = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(request.split(b"\r\n")[0].split()))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.transport.abort()
            error.__traceback__ = None  # the reader keeps it, and with it whoever reads
        except asyncio.CancelledError:
            pass  # by `close`; nobody waits for this task's result
        finally:
            self._clients.discard(task)
            writer.close()
            try:
                await writer.wait_closed()
            except asyncio.CancelledError:
                pass
            except OSError as error:
                error.__traceback__ = None

    def _answer(self, request: list[bytes]) -> bytes:
        if len(request) != 3 or request[0] not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", "only GET\n")
        if request[1].split(b"?")[0] != b"/metrics":
            return _response("404 Not Found", "there is only /metrics\n")
        return _response("200 OK", self._page(), head=request[0] == b"HEAD")


def _response(status: str, text: str, *, head: bool = False) -> bytes:
    body = text.encode()
    fields = {"Content-Type": CONTENT, "Content-Length": len(body), "Connection": "close"}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + (b"" if head else body)
