"""The daemon's end of the control socket: an `Api` for whoever may open a file.

The sessions of a connection live as long as it does: however a client ends, what it made is torn
down on the wire (RELEASE of RFC 2205 section 3.11.1). Nothing that a client sends or fails to read
harms the daemon: lines are bounded, answers wait for the reader, and a reader that takes nothing
for `PATIENCE` seconds is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ..api import Api
from ..errors import ControlError, RsvpError, UnknownSession
from ..intserv import Adspec
from ..jsonform import Json, filter_spec, read_filter, read_session, read_style, read_tspec
from ..vocabulary import TOPICS
from . import schema
from .looking_on import Onlooker

PATIENCE = 10.0
"""Seconds that a client may leave its events unread."""

MODE_MASK = 0o117
"""The socket is for its owner and its group: mode 0660."""

log = logging.getLogger("rsvp.control")


class ControlSocket:
    """A listening socket that is a file, and this process's own.

    Raises ControlError where another daemon listens already, and for whatever else stands in the
    way. What a dead daemon left is replaced; the directory is made where that is allowed.
    """

    def __init__(self, path: str | Path, owner: tuple[int, int] = (-1, -1)) -> None:
        """`owner` are the numbers of the user and the group that it is for, -1 for this process's."""
        self.path = Path(path)
        self._owner = owner
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._make_folder()
            with _locked(self.path.parent):
                _clear(self.path)
                self._bind()
        except OSError as error:
            self.socket.close()
            # A path too long for a socket's address is an OSError without an errno.
            reason = (error.strerror or str(error)).lower()
            raise ControlError(
                f"no control socket can be made at {path}: {reason}; name another with --control"
            ) from None
        except ControlError:
            self.socket.close()
            raise

    def _make_folder(self) -> None:
        """Where there is none; it is its user's, who is to be able to remove the socket."""
        if not self.path.parent.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._give(self.path.parent, self._owner[0], -1)

    def _give(self, path: Path, user: int, group: int) -> None:
        try:
            os.chown(path, user, group)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ControlError(
                f"{path} cannot be given to the user and group that are configured: {reason}; "
                "start as root, or leave them out"
            ) from None

    def _bind(self) -> None:
        mask = os.umask(MODE_MASK)
        try:
            self.socket.bind(str(self.path))
        finally:
            os.umask(mask)
        try:
            self._give(self.path, *self._owner)
        except ControlError:
            self.path.unlink()
            raise
        self._file = _identity(self.path)
        self.socket.listen()

    def close(self) -> None:
        """Stop listening and remove the file, unless another daemon's is in its place."""
        self.socket.close()
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._file:
                self.path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let two daemons that start at the same moment take turns."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ControlError(f"{path} is there and is no socket: name another with --control")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            log.info("replacing %s, which a daemon that is gone left behind", path)
            path.unlink()
            return
        except BlockingIOError:
            pass  # its queue is full, so somebody is there
    raise ControlError(f"another daemon already listens on {path}: end it, or name another with --control")


class ControlServer:
    """Serves an `Api` on a control socket from `start` to `close`."""

    def __init__(self, api: Api, where: ControlSocket) -> None:
        self._api = api
        self._where = where
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to answer clients."""
        self._server = await asyncio.start_unix_server(
            self._connected, sock=self._where.socket, limit=schema.MAX_LINE
        )

    async def close(self) -> None:
        """Let every client go, which ends its sessions, and remove the socket."""
        if self._server is not None:
            self._server.close()
        self._where.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await _Connection(self._api, reader, writer).serve()
        except asyncio.CancelledError:
            pass  # by `close`; nobody waits for this task's result
        finally:
            self._connections.discard(task)


class _Connection:
    """One client: its sessions, and a task for the events of each."""

    def __init__(self, api: Api, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._api = api
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._sessions: dict[int, asyncio.Task[None]] = {}
        self._onlookers: list[asyncio.Task[None]] = []

    async def serve(self) -> None:
        """Answer requests until the client goes; then end its sessions."""
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                await self._send(await self._answer(line))
        except ValueError:  # how StreamReader tells that a line is too long
            text = f"a request is at most {schema.MAX_LINE} bytes long"
            with contextlib.suppress(OSError):
                await self._send({"id": None, "error": {"kind": "ControlError", "text": text}})
        except OSError as error:
            log.debug("a client went away: %s", error)
        finally:
            await self._end()

    async def _end(self) -> None:
        # Nothing points at this connection afterwards that it points at: it goes without the collector.
        sessions, self._sessions = self._sessions, {}
        onlookers, self._onlookers = self._onlookers, []
        for pump in (*sessions.values(), *onlookers):
            pump.cancel()
        for handle in sessions:
            try:
                await self._api.close_session(handle)
            except RsvpError as error:
                log.debug("session %d of a client that went: %s", handle, error)
        self._writer.close()
        if self._reader.exception() is not None:  # it is closed already
            try:
                await self._writer.wait_closed()
            except OSError as error:
                error.__traceback__ = None  # the reader keeps it, and with it whoever reads

    async def _send(self, value: Json, patience: float | None = PATIENCE) -> None:
        """Write one line; raises OSError where the client is gone or reads nothing any more."""
        async with self._turn:
            self._writer.write(schema.write_line(value))
            try:
                async with asyncio.timeout(patience):
                    await self._writer.drain()
            except TimeoutError:
                log.warning("a client read nothing for %g s and is let go", PATIENCE)
                self._writer.transport.abort()
                raise ConnectionAbortedError("the client reads nothing") from None

    async def _answer(self, line: bytes) -> Json:
        try:
            request = schema.read_request(line)
        except ValueError as error:
            text = f"not a request: {error}"
            return {"id": schema.request_id(line), "error": {"kind": "ControlError", "text": text}}
        try:
            return {"id": request.id, "result": await VERBS[type(request)](self, request)}
        except (RsvpError, ValueError, OSError) as error:
            return {"id": request.id, "error": schema.error_to_json(error)}
        except Exception as error:
            _report("a request failed", error)
            text = "the daemon failed at this request, its log says how"
            return {"id": request.id, "error": {"kind": "ControlError", "text": text}}

    async def _events(self, handle: int) -> None:
        try:
            async for upcall in self._api.events(handle):
                await self._send({"handle": handle, **schema.upcall_to_json(upcall)})
            await self._send({"handle": handle, "event": schema.CLOSED})
        except OSError:
            self._writer.transport.abort()
        except Exception as error:
            _report("the events of a session failed", error)
            self._writer.transport.abort()

    def _own(self, handle: int) -> int:
        if handle not in self._sessions:
            raise UnknownSession(f"session {handle} is not open on this connection")
        return handle

    async def _open_session(self, request: schema.OpenSession) -> Json:
        handle = await self._api.open_session(schema.checked(read_session, request.session))
        self._sessions[handle] = asyncio.get_running_loop().create_task(self._events(handle))
        return handle

    async def _close_session(self, request: schema.CloseSession) -> Json:
        handle = self._own(request.handle)
        await self._api.close_session(handle)
        del self._sessions[handle]

    async def _add_sender(self, request: schema.AddSender) -> Json:
        sender = request.sender
        template = await self._api.add_sender(
            self._own(request.handle),
            None if sender is None else schema.checked(read_filter, sender),
            schema.checked(read_tspec, request.tspec),
            port=request.port,
            ttl=request.ttl,
            adspec=self._adspec(request),
            policy=schema.checked(schema.read_policy, request.policy),
            excess=request.excess,
            incoming=request.incoming,
        )
        return filter_spec(template)

    @staticmethod
    def _adspec(request: schema.AddSender) -> Adspec | None:
        return None if request.adspec is None else schema.checked(schema.read_adspec, request.adspec)

    async def _remove_sender(self, request: schema.RemoveSender) -> Json:
        template = schema.checked(read_filter, request.sender)
        await self._api.remove_sender(self._own(request.handle), template)

    async def _reserve(self, request: schema.Reserve) -> Json:
        await self._api.reserve(
            self._own(request.handle),
            schema.checked(read_style, request.style),
            tuple(schema.checked(schema.read_flow, flow) for flow in request.flows),
            confirm=request.confirm,
            ttl=request.ttl,
            policy=schema.checked(schema.read_policy, request.policy),
            joined=request.joined,
            outgoing=request.outgoing,
        )

    async def _release(self, request: schema.Release) -> Json:
        filters = request.filters
        await self._api.release(
            self._own(request.handle),
            None if filters is None else schema.checked(schema.read_filters, filters),
        )

    async def _show(self, request: schema.Show) -> Json:
        return await self._api.show(request.what, why=request.why)

    async def _admit(self, request: schema.Admit) -> Json:
        return await self._api.admit(
            schema.checked(read_session, request.session),
            schema.checked(read_style, request.style),
            tuple(schema.checked(schema.read_flow, flow) for flow in request.flows),
        )

    async def _clear(self, request: schema.Clear) -> Json:
        about = request.session
        session = None if about is None else schema.checked(read_session, about)
        return await self._api.clear(request.what, session)

    async def _log(self, request: schema.Log) -> Json:
        unknown = [topic for topic in request.topics if topic not in TOPICS]
        if unknown:
            raise ValueError(f"there is no topic {unknown[0]!r}: one of {', '.join(TOPICS)}")
        self._onlookers.append(asyncio.get_running_loop().create_task(self._tell(request.topics)))

    async def _tell(self, topics: list[str]) -> None:
        with Onlooker(topics) as onlooker, contextlib.suppress(OSError):
            async for line in onlooker.lines():
                await self._send(line, patience=None)  # who stops reading for a while misses lines, no more


VERBS: Final[dict[type[schema.Request], Callable[[_Connection, Any], Awaitable[Json]]]] = {
    schema.OpenSession: _Connection._open_session,
    schema.CloseSession: _Connection._close_session,
    schema.AddSender: _Connection._add_sender,
    schema.RemoveSender: _Connection._remove_sender,
    schema.Reserve: _Connection._reserve,
    schema.Release: _Connection._release,
    schema.Show: _Connection._show,
    schema.Admit: _Connection._admit,
    schema.Clear: _Connection._clear,
    schema.Log: _Connection._log,
}


def _report(message: str, error: Exception) -> None:
    """Hand a defect of ours to whoever runs the loop: the daemon logs it and ends orderly."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
