"""`rsvp log` over the control socket: the topics that were asked for, and what a slow reader misses."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rsvp.commands.log import as_line
from rsvp.control import looking_on, schema
from rsvp.control.client import Client, connect
from rsvp.control.looking_on import Onlooker
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.errors import ControlError, LocalError
from rsvp.vocabulary import TOPICS
from tests.control.test_api import SENDER, SESSION, TSPEC
from tests.control.test_server import FakeApi
from tests.nodes import chain, running
from tests.patience import settled

STATE = logging.getLogger("rsvp.state")


@asynccontextmanager
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a server with nothing behind it: the lines are a test's own."""
    server = ControlServer(FakeApi(), ControlSocket(tmp_path / "control.sock"))
    await server.start()
    try:
        async with await connect(tmp_path / "control.sock") as one:
            yield one
    finally:
        await server.close()


def test_lines_of_the_topics_asked_for(tmp_path: Path):
    async def story() -> None:
        async with running(chain()) as nodes:
            server = ControlServer(nodes["h1"], ControlSocket(tmp_path / "h1.sock"))
            await server.start()
            async with await connect(tmp_path / "h1.sock") as one:
                lines = one.log(["state", "sent"])
                first = asyncio.ensure_future(anext(lines))
                await settled(lambda: STATE.isEnabledFor(logging.DEBUG))
                handle = await one.open_session(SESSION)
                await one.add_sender(handle, SENDER, TSPEC)
                told = [(await first)["log"], (await anext(lines))["log"]]
                assert [line["topic"] for line in told] == ["state", "sent"]
                assert told[0]["change"] == "made"
                assert told[0]["level"] == "debug"
                assert (told[1]["message"], told[1]["interface"]) == ("Path", "eth0")
                assert told[0]["time"] <= told[1]["time"]
            await settled(lambda: not STATE.isEnabledFor(logging.DEBUG))
            await server.close()

    asyncio.run(story())


def test_errors_are_whatever_is_serious(tmp_path: Path):
    async def story() -> None:
        async with client(tmp_path) as one:
            lines = one.log(["errors"])
            waiting = asyncio.ensure_future(anext(lines))
            await settled(lambda: logging.getLogger("rsvp.errors").isEnabledFor(logging.DEBUG))
            STATE.debug("not asked for")
            logging.getLogger("rsvp.node").info("all is well")
            logging.getLogger("rsvp.node").warning("not all is well")
            line = (await waiting)["log"]
            assert (line["topic"], line["level"], line["text"]) == ("node", "warning", "not all is well")
            try:
                raise ZeroDivisionError("oops")
            except ZeroDivisionError:
                logging.getLogger("rsvp").critical("a fault", exc_info=True)
            assert "ZeroDivisionError: oops" in (await anext(lines))["log"]["error"]

    asyncio.run(story())


def test_a_topic_that_is_none(tmp_path: Path):
    async def story() -> None:
        async with client(tmp_path) as one:
            with pytest.raises(LocalError, match=f"no topic 'weather': one of {', '.join(TOPICS)}"):
                await anext(one.log(["state", "weather"]))

    asyncio.run(story())


def test_the_daemon_ends(tmp_path: Path):
    async def story() -> None:
        server = ControlServer(FakeApi(), ControlSocket(tmp_path / "control.sock"))
        await server.start()
        async with await connect(tmp_path / "control.sock") as one:
            waiting = asyncio.ensure_future(anext(one.log(["state"])))
            await settled(lambda: STATE.isEnabledFor(logging.DEBUG))
            await server.close()
            with pytest.raises(ControlError, match="lost"):
                await waiting
        assert not STATE.isEnabledFor(logging.DEBUG)

    asyncio.run(story())


def test_who_reads_too_slowly_is_told_how_much_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(looking_on, "ROOM", 3)

    async def story() -> None:
        with Onlooker(["state"]) as onlooker:
            lines = onlooker.lines()
            for number in range(5):
                STATE.debug("%d", number)
            first = await anext(lines)
            STATE.debug("5")  # there is room again
            told = [first] + [await anext(lines) for _ in range(4)]
            texts = [line["log"]["text"] if "log" in line else line for line in told]
            assert texts == ["0", "1", "2", {"lost": 2}, "5"]
            for number in range(5):
                STATE.debug("%d", number)
            texts = [
                line["log"]["text"] if "log" in line else line
                for line in [await anext(lines) for _ in range(4)]
            ]
            assert texts == ["0", "1", "2", {"lost": 2}]

    asyncio.run(story())


def test_a_reader_that_stops_reading_costs_bounded_memory_and_comes_back(tmp_path: Path):
    """The socket fills, then the queue; the connection stays, and tells what is missing."""

    async def story() -> None:
        server = ControlServer(FakeApi(), ControlSocket(tmp_path / "control.sock"))
        await server.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock", limit=1 << 20)
        writer.write(schema.write_line({"verb": "log", "id": 1, "topics": ["state"]}))
        assert json.loads(await reader.readline()) == {"id": 1, "result": None}
        await settled(lambda: STATE.isEnabledFor(logging.DEBUG))
        sent, size = 20_000, 1000
        for number in range(sent):
            STATE.debug("%s", "x" * size)
            if number % 100 == 0:
                await asyncio.sleep(0)
        got = lost = 0
        while got + lost < sent:
            line = json.loads(await reader.readline())
            got += "log" in line
            lost += line.get("lost", 0)
        assert lost > 0
        STATE.debug("the last")
        assert json.loads(await reader.readline())["log"]["text"] == "the last"
        writer.close()
        await writer.wait_closed()
        await server.close()

    asyncio.run(story())


def test_lines_for_people():
    line = {"log": {"time": 1.5, "topic": "state", "text": "sender made"}}
    assert as_line(line).endswith(":01.500 state: sender made")
    assert as_line({"lost": 3}) == "(3 lines are missing here: they came faster than they were read)"
