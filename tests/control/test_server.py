"""The control socket: its file, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rsvp.api import Api
from rsvp.control import client as client_module
from rsvp.control import schema, server
from rsvp.control.client import NoDaemon, connect
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.engine.outputs import PathGone, Upcall
from rsvp.errors import ControlError, LocalError, UnknownSession
from rsvp.objects import FilterSpec, Session
from tests.control.test_api import SENDER, SESSION, TSPEC
from tests.nodes import chain, running
from tests.patience import PATIENCE, settled


class FakeApi:
    """An `Api` whose answers a test sets; `script` is what it was told."""

    def __init__(self) -> None:
        self.script: list[tuple[Any, ...]] = []
        self.queues: dict[int, asyncio.Queue[Upcall | None]] = {}
        self.fault: Exception | None = None

    async def open_session(self, session: Session) -> int:
        handle = 100 + len(self.queues)
        self.queues[handle] = asyncio.Queue()
        self.script.append(("open", session))
        return handle

    async def close_session(self, handle: int) -> None:
        self.script.append(("close", handle))
        self.queues[handle].put_nowait(None)

    async def add_sender(
        self, handle: int, template: FilterSpec | None, *args: Any, **more: Any
    ) -> FilterSpec:
        self.script.append(("send", handle, template, *args, more))
        return template or SENDER

    async def remove_sender(self, handle: int, template: FilterSpec) -> None:
        self.script.append(("stop", handle, template))

    async def reserve(self, handle: int, *args: Any, **more: Any) -> None:
        self.script.append(("reserve", handle, *args, more))

    async def release(self, handle: int, filters: Any = None) -> None:
        self.script.append(("release", handle, filters))

    async def events(self, handle: int) -> AsyncIterator[Upcall]:
        while (event := await self.queues[handle].get()) is not None:
            yield event

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Any]]:
        if self.fault is not None:
            raise self.fault
        return [{"what": what}]

    async def clear(self, what: str, session: Session | None = None) -> dict[str, int]:
        self.script.append(("clear", what, session))
        return {"senders": 1}

    async def close(self) -> None:
        pass


class Raw:
    """A client that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, line: bytes | dict[str, Any]) -> dict[str, Any]:
        self.writer.write(line if isinstance(line, bytes) else schema.write_line(line))
        return json.loads(await self.reader.readline())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@asynccontextmanager
async def serving(path: Path, api: Api | None = None) -> AsyncIterator[FakeApi]:
    fake = api or FakeApi()
    control = ControlServer(fake, ControlSocket(path))
    await control.start()
    try:
        yield fake  # type: ignore[misc]
    finally:
        await control.close()


@asynccontextmanager
async def raw(path: Path) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


# --- the file -------------------------------------------------------------------------------------


def test_the_socket_is_for_owner_and_group_and_goes_with_the_daemon(path: Path):
    async def story() -> None:
        async with serving(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert not path.exists()

    asyncio.run(story())


def test_a_second_daemon_is_told_and_the_first_is_unharmed(path: Path):
    async def story() -> None:
        async with serving(path):
            with pytest.raises(ControlError, match=f"^another daemon already listens on {path}: end it, or"):
                ControlSocket(path)
            client = await connect(path)
            assert await client.show("x") == [{"what": "x"}]
            await client.close()

    asyncio.run(story())


def test_a_daemon_too_busy_to_answer_is_still_there(path: Path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(ControlError, match="another daemon"):
            ControlSocket(path)


def test_the_socket_of_a_dead_daemon_is_replaced(path: Path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()

    async def story() -> None:
        async with serving(path):
            await (await connect(path)).close()

    asyncio.run(story())


def test_a_file_in_the_way_stays(path: Path):
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ControlError, match="is there and is no socket"):
        ControlSocket(path)
    assert path.read_text() == "precious"


def test_a_place_that_cannot_be_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ControlError, match=r"no control socket can be made at .*: not a directory; name another"
    ):
        ControlSocket(tmp_path / "file" / "run" / "control.sock")
    with pytest.raises(ControlError, match="path too long"):
        ControlSocket(tmp_path / ("x" * 200))


def test_closing_leaves_another_daemon_s_socket_alone(path: Path):
    mine = ControlSocket(path)
    path.unlink()
    theirs = ControlSocket(path)
    mine.close()
    assert path.exists()
    theirs.close()
    assert not path.exists()
    theirs.close()


def test_no_daemon_is_one_sentence(path: Path):
    async def story() -> None:
        with pytest.raises(NoDaemon, match=f"^no daemon listens on {path}: start one with 'rsvp daemon', or"):
            await connect(path)
        path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with pytest.raises(NoDaemon):
            await connect(path)
        with pytest.raises(ControlError, match="cannot be opened"):
            await connect(path.parent / ("x" * 200))

    asyncio.run(story())


def test_no_permission_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch):
    async def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(asyncio, "open_unix_connection", refuse)
    with pytest.raises(
        ControlError, match=f"^no permission to open {path}: it is for the daemon's user and group$"
    ):
        asyncio.run(connect(path))


# --- sessions and connections ---------------------------------------------------------------------


def test_a_session_ends_with_its_connection(path: Path):
    async def story() -> None:
        async with serving(path) as api, raw(path) as peer:
            opened = {"verb": "open_session", "id": 1, "session": schema.session(SESSION)}
            assert await peer.ask(opened) == {"id": 1, "result": 100}
            peer.writer.transport.abort()
            await settled(lambda: ("close", 100) in api.script)

    asyncio.run(story())


def test_whole_nodes_tear_down_when_a_client_is_killed(path: Path):
    async def story() -> None:
        async with running(chain()) as nodes, serving(path, nodes["h1"]):
            receiving = await nodes["h2"].open_session(SESSION)
            client = await connect(path)
            await client.add_sender(await client.open_session(SESSION), SENDER, TSPEC)
            events = nodes["h2"].events(receiving)
            await anext(events)
            client._writer.transport.abort()
            async with asyncio.timeout(PATIENCE):
                assert isinstance(await anext(events), PathGone)
            await client.close()

    asyncio.run(story())


def test_a_client_reaches_its_own_sessions_only(path: Path):
    async def story() -> None:
        async with serving(path) as api:
            mine, theirs = await connect(path), await connect(path)
            handle = await mine.open_session(SESSION)
            for attempt in (
                theirs.close_session(handle),
                theirs.add_sender(handle, SENDER, TSPEC),
                theirs.remove_sender(handle, SENDER),
                theirs.release(handle),
            ):
                with pytest.raises(UnknownSession, match="session 100 is not open on this connection"):
                    await attempt
            assert api.script == [("open", SESSION)]
            await mine.close()
            await theirs.close()

    asyncio.run(story())


def test_events_end_with_the_session_and_others_go_on(path: Path):
    async def story() -> None:
        async with serving(path) as api:
            client = await connect(path)
            one, two = await client.open_session(SESSION), await client.open_session(SESSION)
            first, second = client.events(one), client.events(two)
            api.queues[one].put_nowait(PathGone(one, SESSION, SENDER))
            assert await anext(first) == PathGone(one, SESSION, SENDER)
            await client.close_session(one)
            assert [event async for event in first] == []
            api.queues[two].put_nowait(PathGone(two, SESSION, SENDER))
            assert (await anext(second)).handle == two
            await client.close()
            assert [event async for event in second] == []
            with pytest.raises(ControlError, match="the connection to the daemon is closed"):
                await client.show("x")

    asyncio.run(story())


def test_a_client_is_told_when_the_daemon_goes(path: Path):
    async def story() -> None:
        async with serving(path):
            client = await connect(path)
            handle = await client.open_session(SESSION)
            events = client.events(handle)
        with pytest.raises(ControlError, match="the connection to the daemon was lost"):
            await anext(events)
        with pytest.raises(ControlError, match="lost"):
            await client.show("x")
        await client.close()

    asyncio.run(story())


def test_what_is_no_daemon_is_one_sentence(path: Path):
    async def story() -> None:
        path.parent.mkdir()

        async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example.net ESMTP\n")
            writer.close()

        other = await asyncio.start_unix_server(babble, path)
        client = await connect(path)
        with pytest.raises(
            ControlError, match="what listens on the control socket is no daemon of this version"
        ):
            await client.show("x")
        await client.close()
        other.close()

    asyncio.run(story())


def test_a_daemon_that_does_not_answer_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "PATIENCE", 0.05)

    async def story() -> None:
        path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(str(path))
            mute.listen()
            client = await connect(path)
            with pytest.raises(ControlError, match="the daemon does not answer within"):
                await client.show("x")
            await client.close()

    asyncio.run(story())


# --- bad input ------------------------------------------------------------------------------------


def test_nonsense_is_answered_and_the_connection_lives(path: Path):
    async def story() -> None:
        async with serving(path) as api, raw(path) as peer:
            answer = await peer.ask(b"hello\n")
            assert answer["id"] is None
            assert answer["error"]["text"].startswith("not a request: ")
            assert (await peer.ask(b'{"verb":"dance","id":3}\n'))["id"] == 3
            for session in ({}, {"destination": "x"}, {"destination": "10.0.0.1", "protocol": [], "port": 1}):
                answer = await peer.ask({"verb": "open_session", "id": 4, "session": session})
                assert answer["error"]["kind"] == "LocalError"
            too_high = {"destination": "10.0.0.1", "protocol": 17, "port": 70_000}
            answer = await peer.ask({"verb": "open_session", "id": 5, "session": too_high})
            assert answer == {
                "id": 5,
                "error": {"kind": "LocalError", "text": "a port must be 0 to 65535, not 70000"},
            }
            assert (await peer.ask({"verb": "show", "id": 6, "what": "y"}))["result"] == [{"what": "y"}]
            assert api.script == []

    asyncio.run(story())


def test_a_line_without_end_ends_that_connection_only(path: Path):
    async def story() -> None:
        async with serving(path), raw(path) as bad, raw(path) as good:
            bad.writer.write(b"x" * (schema.MAX_LINE + 1))
            answer = json.loads(await bad.reader.readline())
            assert answer["error"]["text"] == f"a request is at most {schema.MAX_LINE} bytes long"
            assert await good.ask({"verb": "show", "id": 1, "what": "y"})

    asyncio.run(story())


def test_a_client_does_not_send_what_a_daemon_would_not_take(path: Path):
    async def story() -> None:
        async with serving(path):
            client = await connect(path)
            with pytest.raises(LocalError, match="too much for one request to the daemon"):
                await client.show("x" * schema.MAX_LINE)
            assert await client.show("x")
            await client.close()

    asyncio.run(story())


def test_half_a_line_is_no_request(path: Path):
    async def story() -> None:
        async with serving(path) as api, raw(path) as peer:
            peer.writer.write(b'{"verb": "show", "id": 1, "what": "x"}')
            peer.writer.write_eof()
            assert await peer.reader.read() == b""
            assert api.script == []

    asyncio.run(story())


def test_a_reader_that_reads_nothing_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "PATIENCE", 0.1)

    async def story() -> None:
        async with serving(path) as api:
            lazy = socket.socket(socket.AF_UNIX)
            lazy.connect(str(path))
            lazy.sendall(
                schema.write_line({"verb": "open_session", "id": 1, "session": schema.session(SESSION)})
            )
            await settled(lambda: api.queues)
            flood = PathGone(100, SESSION, SENDER)
            for _ in range(20_000):
                api.queues[100].put_nowait(flood)
            await settled(lambda: ("close", 100) in api.script)
            # What it did not read stayed where it was, instead of piling up in the connection.
            assert api.queues[100].qsize() > 10_000
            lazy.close()

    asyncio.run(story())


def test_a_fault_of_ours_is_contained_answered_and_reported(path: Path):
    reported = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with serving(path) as api, raw(path) as peer:
            api.fault = ZeroDivisionError("oops")
            answer = await peer.ask({"verb": "show", "id": 1, "what": "x"})
            assert answer["error"]["kind"] == "ControlError"
            assert "oops" not in answer["error"]["text"]
            api.fault = None
            assert "result" in await peer.ask({"verb": "show", "id": 2, "what": "x"})

    asyncio.run(story())
    assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]


def test_no_file_is_left_open(path: Path):
    before = len(os.listdir("/proc/self/fd"))

    async def story() -> None:
        async with serving(path):
            client = await connect(path)
            await client.open_session(SESSION)
            with pytest.raises(ControlError):
                ControlSocket(path)
            await client.close()

    asyncio.run(story())
    assert len(os.listdir("/proc/self/fd")) == before
