"""The words of an operator: `rsvp clear`, `rsvp log` and `rsvp show --watch`, beside whole nodes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from rsvp.cli import main
from rsvp.commands import admit
from rsvp.commands.clear import sentence
from rsvp.control.client import connect
from rsvp.intserv import controlled_load
from rsvp.jsonform import flowspec
from rsvp.objects import WF
from tests.patience import PATIENCE, settled
from tests.test_cli import ONE, SESSION, TSPEC, daemons, ended, rsvp


async def started(*arguments: str, out: int = subprocess.PIPE) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rsvp", *arguments, stdout=out, stderr=subprocess.PIPE
    )


async def interrupted(process: Process) -> None:
    """It ends as an interrupted command does, and says nothing."""
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")


class TestAdmit:
    def test_says_what_would_happen_and_makes_nothing(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                where = ("--control", paths["h1"])
                async with await connect(paths["h1"]) as client:
                    handle = await client.open_session(SESSION)
                    await client.add_sender(handle, ONE, TSPEC)
                    before = await client.show("senders")
                    to = f"{SESSION.destination}:{SESSION.port}"
                    status, out, _ = await rsvp("admit", to, "--style", "ff", "--json", *where)
                    told = json.loads(out)
                    assert (status, told["accepted"], told["style"]) == (0, True, "FF")
                    (one,) = told["interfaces"]
                    assert one["rate"] == TSPEC.rate, "as the sender announces"
                    status, out, _ = await rsvp("admit", to, "--style", "ff", *where)
                    assert status == 0
                    assert ": accepted, takes 1 Mbit/s, " in out
                    elsewhere = f"{SESSION.destination}:6000"
                    asked = ("--sender", "10.0.1.1:4000", "--rate", "1gbit", *where)
                    status, out, _ = await rsvp("admit", elsewhere, "--style", "ff", *asked)
                    assert status == 1
                    assert ": requested bandwidth unavailable, 1 Gbit/s asked, 75 Mbit/s left of what" in out
                    assert "(RFC 2205 section 2.5)" in out
                    status, _, err = await rsvp("admit", elsewhere, "--style", "ff", *where)
                    assert (status, err) == (
                        1,
                        "rsvp: the daemon knows no such sender in 10.0.3.2:6000/udp: "
                        "name --sender and --rate to ask all the same\n",
                    )
                    after = await client.show("senders")
                    assert [one["sender"] for one in after] == [one["sender"] for one in before]
                    assert await client.show("reservations") == []
                    assert len(await client.show("sessions")) == 1

        asyncio.run(story())

    def test_an_ipsec_flow_is_named_by_its_spi(self, tmp_path: Path):
        async def story() -> None:
            async with (
                daemons(tmp_path) as paths,
                contextlib.AsyncExitStack() as processes,
                asyncio.timeout(PATIENCE),
            ):
                to = f"{SESSION.destination}:{SESSION.port}"
                where, esp = ("--control", paths["h1"]), ("--protocol", "esp")
                named = ("--sender", "10.0.1.1/spi=0x80001234", "--rate", "1mbit")
                sending = await started(
                    *("send", to, *esp, "--source", "spi=0x80001234", "--rate", "1mbit", *where)
                )
                processes.push_async_callback(ended, sending)
                asked = ("reserve", to, *esp, "--style", "ff", *named, "--confirm", "--count", "2")
                receiving = await started(*asked, "--control", paths["h2"])
                processes.push_async_callback(ended, receiving)
                out, err = await receiving.communicate()
                assert b"confirmed" in out, err
                assert b"10.0.1.1/spi=0x80001234" in out
                status, said, _ = await rsvp("show", "senders", *where)
                assert f"{to}/esp" in said
                assert "10.0.1.1/spi=0x80001234" in said
                status, said, _ = await rsvp("admit", to, *esp, "--style", "ff", *named, "--json", *where)
                told = json.loads(said)
                assert (status, told["session"]["gpi"]) == (0, SESSION.port)
                assert told["interfaces"][0]["filters"] == [{"address": "10.0.1.1", "gpi": 0x80001234}]
                status, said, _ = await rsvp("clear", "sessions", to, *esp, *where)
                assert (status, said) == (0, "nothing to remove; 1 of applications here stay\n")

        asyncio.run(story())

    def test_data_that_ends_here_needs_nothing_here(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                to = f"{SESSION.destination}:{SESSION.port}"
                words = ("admit", to, "--style", "wf", "--rate", "1mbit", "--control", paths["h2"])
                status, out, _ = await rsvp(*words)
                assert (status, out) == (
                    0,
                    "accepted: no data of it leaves this node, only previous hops have to admit it\n",
                )

        asyncio.run(story())

    @pytest.mark.parametrize(
        ("verdict", "text"),
        [
            ({"limit": "mtu", "asked": 1500, "available": 1400, "unit": "bytes"},
             "packets of up to 1500 bytes, the link takes 1400 bytes"),
            ({"limit": "flow", "asked": 2e6, "available": 1.25e5, "unit": "bytes/s"},
             "16 Mbit/s asked, 1 Mbit/s is the most that one reservation may take there"),
            ({"limit": "pool", "asked": 2e6, "available": 0.0, "unit": "bytes/s"},
             "16 Mbit/s asked, 0 bit/s left of what this service may take there"),
            ({"limit": "neighbor", "asked": 3, "available": 2, "unit": "state blocks"},
             "whoever asks has 3 state blocks with it, and this node keeps 2 state blocks of one neighbour"),
            ({"limit": "sessions", "asked": 100_001, "available": 100_000, "unit": "sessions"},
             "it would make 100001 sessions, and this node keeps 100000 sessions"),
            ({"limit": "delay", "asked": 0.0125, "available": 0.01, "unit": "s"},
             "guaranteed reservations would wait 12.5 ms for each other, 10 ms are promised"),
        ],
    )  # fmt: skip
    def test_numbers_in_words(self, verdict, text):
        reason = {"code": 1, "value": 2, "text": "no", "section": "RFC 0 section 0", **verdict}
        asked = flowspec(controlled_load(TSPEC))
        one = {"interface": "eth0", "filters": [], "flowspec": asked, "reason": reason}
        assert admit.sentence(one, WF).endswith(f": refused, no, {text} (RFC 0 section 0)")


class TestWatch:
    def test_json_is_a_line_whenever_something_changed(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                process = await started(
                    *("show", "sessions", "--json", "--watch", "0.01", "--control", paths["h1"])
                )
                assert process.stdout is not None
                assert json.loads(await process.stdout.readline()) == {"sessions": []}
                async with await connect(paths["h1"]) as client:
                    await client.open_session(SESSION)
                    (one,) = json.loads(await process.stdout.readline())["sessions"]
                    assert one["session"]["port"] == SESSION.port
                assert json.loads(await process.stdout.readline()) == {"sessions": []}
                await interrupted(process)

        asyncio.run(story())

    def test_a_terminal_is_redrawn(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                screen, terminal = os.openpty()
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.set_blocking(screen, False)
                words = ("show", "sessions", "--watch", "0.01", "--control", paths["h1"])
                process = await started(*words, out=terminal)
                os.close(terminal)
                seen = ""

                def has(text: str) -> bool:
                    nonlocal seen
                    with contextlib.suppress(BlockingIOError, OSError):
                        seen += os.read(screen, 1 << 16).decode(errors="replace")
                    return text in seen

                await settled(lambda: has("no sessions"))
                async with await connect(paths["h1"]) as client:
                    await client.open_session(SESSION)
                    await settled(lambda: has("10.0.3.2:5000/udp"))
                assert "reservations" in seen
                process.send_signal(signal.SIGINT)
                await settled(lambda: has("\x1b[?1049l"))  # the screen of before is back
                assert await process.wait() == 130
                os.close(screen)

        asyncio.run(story())

    def test_a_pipe_gets_it_again_and_the_seconds_may_be_left_out(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                process = await started("show", "sessions", "--watch", "--control", paths["h1"])
                assert process.stdout is not None
                assert await process.stdout.readline() == b"no sessions\n"
                await interrupted(process)

        asyncio.run(story())

    @pytest.mark.parametrize("seconds", ["0", "-1", "inf"])
    def test_no_period(self, seconds: str, capsys: pytest.CaptureFixture[str]):
        assert main(["show", "sessions", f"--watch={seconds}"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


class TestClear:
    def test_it_says_what_it_did(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):

                async def clear(*words: str) -> str:
                    status, out, err = await rsvp("clear", *words, "--control", paths["r1"])
                    assert (status, err) == (0, "")
                    return out

                async with await connect(paths["h1"]) as client, await connect(paths["r1"]) as r1:
                    await client.add_sender(await client.open_session(SESSION), ONE, TSPEC)
                    while not await r1.show("senders"):
                        await asyncio.sleep(0.01)
                    assert await clear("senders", "10.0.3.2:5001") == "nothing to remove\n"
                    assert (
                        await clear("senders", "10.0.3.2:5000", "--protocol", "tcp") == "nothing to remove\n"
                    )
                    assert await clear("senders", "10.0.3.2:5000") == "removed 1 sender\n"
                    assert await r1.show("senders") == []
                    assert json.loads(await clear("sessions", "--json")) == {
                        "senders": 0,
                        "reservations": 0,
                        "kept": 0,
                    }
                    assert "begin at 0" in await clear("counters")
                    assert await r1.show("counters") == []

        asyncio.run(story())

    def test_in_words(self):
        assert sentence({"senders": 2, "reservations": 1, "kept": 0}) == "removed 2 senders and 1 reservation"
        assert (
            sentence({"senders": 0, "reservations": 0, "kept": 3})
            == "nothing to remove; 3 of applications here stay"
        )
        assert sentence({"counters": 1}) == "counters of 1 interface begin at 0"

    def test_what_is_nothing(self, capsys: pytest.CaptureFixture[str]):
        assert main(["clear", "everything"]) == 2
        assert "nothing called 'everything' to clear: one of sessions" in capsys.readouterr().err


class TestLog:
    def test_lines_as_they_come(self, tmp_path: Path):
        async def story() -> None:
            async with daemons(tmp_path) as paths, asyncio.timeout(PATIENCE):
                words = ("log", "--topic", "state", "--count", "2", "--control", paths["h1"])
                plain, as_json = await started(*words), await started(*words, "--json")
                async with await connect(paths["h1"]) as client:
                    handle = await client.open_session(SESSION)
                    port = 0
                    while plain.returncode is None or as_json.returncode is None:
                        port += 1
                        await client.add_sender(handle, type(ONE)(ONE.address, port), TSPEC)
                        await asyncio.sleep(0.05)
                out, err = await plain.communicate()
                assert (plain.returncode, err) == (0, b"")
                assert all(b" state: sender 10.0.1.1:" in line for line in out.splitlines())
                out, err = await as_json.communicate()
                lines = [json.loads(line) for line in out.splitlines()]
                assert [(line["topic"], line["what"], line["change"]) for line in lines] == [
                    ("state", "sender", "made")
                ] * 2

        asyncio.run(story())

    def test_a_topic_that_is_none(self, capsys: pytest.CaptureFixture[str]):
        assert main(["log", "--topic", "weather"]) == 2
        assert "there is no topic 'weather': one of sent," in capsys.readouterr().err
