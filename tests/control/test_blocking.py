"""The blocking twin over a real control socket, with whole nodes in a thread of their own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import rsvp.blocking as rsvp
from rsvp import FF, PathEvent, PathGone, ResvEvent, Status, Tspec, controlled_load
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.errors import LocalError
from tests.nodes import chain, running
from tests.patience import PATIENCE, until

TO = "10.0.3.2:5000"


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The control sockets of h1 and h2."""
    paths = tmp_path / "h1.sock", tmp_path / "h2.sock"
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with running(chain()) as nodes:
            servers = [
                ControlServer(nodes[name], ControlSocket(path))
                for name, path in zip(("h1", "h2"), paths, strict=True)
            ]
            for server in servers:
                await server.start()
            ready.set()
            await asyncio.to_thread(done.wait)
            for server in servers:
                await server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE)
    yield paths
    done.set()
    thread.join()


def test_sessions_senders_and_reservations(sockets: tuple[Path, Path]):
    with rsvp.connect(sockets[0]) as h1, rsvp.connect(sockets[1]) as h2:
        with h1.session("10.0.3.2", 5000) as sending, h2.session("10.0.3.2", 5000) as receiving:
            sender = sending.send(Tspec(1000.0, 3000.0), port=4000)
            heard = receiving.sender(PATIENCE)
            assert heard.template == sender.template
            assert list(receiving.senders) == [sender.template]
            flow = receiving.reserve(FF, controlled_load(heard.tspec), [heard.template], confirm=True)
            assert str(flow.confirmed(PATIENCE).node) == "10.0.1.1"
            assert isinstance(sending.next(PATIENCE), ResvEvent)
            sender.change(Tspec(2000.0, 3000.0))
            flow.release()
            sender.stop()
            kinds = iter(type(event) for event in receiving)
            assert next(kinds) is PathEvent
            assert PathGone in kinds
            assert receiving.next(0.01) is None
        assert h2.show("sessions") == []


def test_flows_in_one_line(sockets: tuple[Path, Path]):
    with (
        rsvp.connect(sockets[0]) as h1,
        rsvp.connect(sockets[1]) as h2,
        rsvp.send(TO, "8kbit", port=4000, via=h1) as sent,
        rsvp.receive(TO, wait=PATIENCE, via=h2) as received,
    ):
        assert received.status is Status.GREEN
        assert received.error is None
        sent.ready(PATIENCE)
        assert sent.wait(0.1) is rsvp.status(TO) is Status.GREEN
        assert isinstance(next(iter(sent)), ResvEvent)


def test_a_socket(sockets: tuple[Path, Path]):
    with rsvp.connect(sockets[0]) as h1, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        with rsvp.attach(sock, send=1000.0, to=TO, via=h1) as attached:
            assert attached.status is Status.YELLOW
            with pytest.raises(TimeoutError):
                attached.ready(0.01)
            assert len(h1.show("senders")) == 1
        with pytest.raises(LocalError, match="say what to attach"):
            rsvp.attach(sock, via=h1)


SCRIPT = """
import sys, rsvp.blocking as rsvp
flow = rsvp.send("10.0.3.2:5000", 1000, port=4000, via=rsvp.connect(sys.argv[1]))
print(flow.status, flush=True)
input()
"""


def test_what_a_script_leaves_open_is_torn_down(sockets: tuple[Path, Path]):
    with (
        rsvp.connect(sockets[1]) as h2,
        h2.session("10.0.3.2", 5000) as receiving,
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(sockets[0])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as script,
    ):
        assert isinstance(receiving.next(PATIENCE), PathEvent)
        assert script.communicate("\n", timeout=PATIENCE) == ("yellow\n", "")
        assert script.returncode == 0
        assert isinstance(receiving.next(PATIENCE), PathGone)
        until(lambda: h2.show("senders") == [], "nothing left")
