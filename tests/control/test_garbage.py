"""What a client, or a flow, leaves behind goes without the collector of garbage: nothing of ours is a cycle.

asyncio's own connections are cycles, so each story is measured beside a server of a few lines.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import rsvp
from rsvp.control.schema import write_line
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.daemon.exporter import Exporter
from tests import garbage
from tests.nodes import chain, running
from tests.patience import PATIENCE, settled

MANY = 100
SESSION = {"destination": "10.0.3.2", "protocol": 17, "port": 5000}
TSPEC = {"r": 1000.0, "b": 2000.0, "p": "inf", "m": 64, "M": 1500}
FLOWSPEC = {"service": "controlled-load", "tspec": TSPEC, "rspec": None}

Where: TypeAlias = Path | tuple[str, int]
Visit: TypeAlias = Callable[[Where], None]


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def left_by(story: Callable[[], Awaitable[None]], enough: float) -> float:
    """The objects that one round of a story leaves for the collector; tried again where it is not `enough`.

    Other threads may leave some at the same time, though not each time.
    """
    found = []
    for _ in range(3):
        await story()
        garbage.collect()
        for _ in range(MANY):
            await story()
        found.append(gc.collect() / MANY)
        if found[-1] < enough:
            break
    return min(found)


# --- clients ----------------------------------------------------------------------------------------------


def plugged(where: Where) -> socket.socket:
    made = socket.socket(socket.AF_UNIX if isinstance(where, Path) else socket.AF_INET)
    made.settimeout(PATIENCE)
    made.connect(str(where) if isinstance(where, Path) else where)
    return made


def saying(*requests: dict[str, Any]) -> Visit:
    """A client that asks this and waits for each answer."""

    def visit(where: Where) -> None:
        with plugged(where) as made, made.makefile("rwb") as lines:
            for number, request in enumerate(requests):
                lines.write(write_line({"id": number, **request}))
                lines.flush()
                while json.loads(lines.readline()).get("id") != number:
                    pass

    return visit


def sending(data: bytes) -> Visit:
    """A client that sends this and reads up to the end, if there is to be one."""

    def visit(where: Where) -> None:
        with plugged(where) as made:
            made.sendall(data)
            while data.endswith(b"\r\n\r\n") and made.recv(65536):
                pass

    return visit


def breaking_off(data: bytes) -> Visit:
    """A client that goes without an end of its stream, and with answers unread."""

    def visit(where: Where) -> None:
        with plugged(where) as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            made.sendall(data)

    return visit


OPEN = {"verb": "open_session", "session": SESSION}
STORIES = {
    "nothing": saying(),
    "a list": saying({"verb": "show", "what": "sessions"}),
    "no request": saying({"verb": "nonsense"}),
    "a refusal": saying({"verb": "close_session", "handle": 77}),
    "half a line": sending(b'{"verb"'),
    "a reset": breaking_off(write_line({"verb": "show", "id": 1, "what": "interfaces"})),
    "a session": saying(OPEN),
    "looking on": saying({"verb": "log", "topics": ["received"]}),
}
SCRAPES = {
    "a page": sending(b"GET /metrics HTTP/1.1\r\n\r\n"),
    "no page": sending(b"GET /nothing HTTP/1.1\r\n\r\n"),
    "half a request": sending(b"GET"),
    "a reset": breaking_off(b"GET"),
}


async def left_by_visits(
    where: Where, visit: Visit, tasks: set[asyncio.Task[None]], enough: float = math.inf
) -> float:
    async def story() -> None:
        await asyncio.to_thread(visit, where)
        await settled(lambda: not tasks)
        for _ in range(3):
            await asyncio.sleep(0)  # a connection is gone a moment after it was closed

    return await left_by(story, enough)


@asynccontextmanager
async def bare(where: Where) -> AsyncIterator[tuple[Where, set[asyncio.Task[None]]]]:
    """The least that a server of asyncio's can be, and the tasks that serve clients."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        while await reader.read(1000):
            pass
        writer.close()
        tasks.discard(task)

    if isinstance(where, Path):
        server = await asyncio.start_unix_server(connected, path=where)
    else:
        server = await asyncio.start_server(connected, *where)
        where = server.sockets[0].getsockname()
    try:
        yield where, tasks
    finally:
        server.close()


def test_clients_of_the_control_socket_leave_what_asyncio_leaves(tmp_path: Path):
    async def story() -> None:
        async with bare(tmp_path / "bare") as (where, tasks):
            least = await left_by_visits(where, sending(b"line"), tasks)
        async with running(chain()) as nodes:
            control = ControlServer(nodes["h1"], ControlSocket(tmp_path / "control"))
            await control.start()
            for name, visit in STORIES.items():
                found = await left_by_visits(tmp_path / "control", visit, control._connections, least + 1)
                assert found < least + 1, name
            await control.close()

    asyncio.run(story())


def test_those_who_fetch_metrics_leave_what_asyncio_leaves():
    async def story() -> None:
        async with AsyncExitStack() as stack:
            where, tasks = await stack.enter_async_context(bare(("127.0.0.1", 0)))
            least = await left_by_visits(where, sending(b"line"), tasks)
            exporter = await stack.enter_async_context(Exporter(lambda: "page"))
            await exporter.move("127.0.0.1:0", "here")
            for name, visit in SCRAPES.items():
                found = await left_by_visits(
                    ("127.0.0.1", exporter.port), visit, exporter._clients, least + 1
                )
                assert found < least + 1, name

    asyncio.run(story())


# --- flows ------------------------------------------------------------------------------------------------


def test_a_flow_that_was_reserved_for_leaves_nothing():
    """Through hosts and routers, from its first Path to the last tear."""

    async def story() -> None:
        async with running(chain()) as nodes:
            h1, h2 = nodes["h1"], nodes["h2"]

            async def flow() -> None:
                async with (
                    await h1.session("10.0.3.2", 5000) as here,
                    await h2.session("10.0.3.2", 5000) as there,
                ):
                    sender = await here.send(rsvp.Tspec(1000.0, 2000.0), port=4000)
                    await there.sender(PATIENCE)
                    reservation = await there.reserve(
                        rsvp.FF, rsvp.controlled_load(1000.0), [sender.template], confirm=True
                    )
                    await reservation.confirmed(PATIENCE)
                for node in nodes.values():
                    await settled(lambda node=node: not node._engine.sessions())

            assert await left_by(flow, 1) < 1

    asyncio.run(story())
