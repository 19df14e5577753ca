"""The command line: exit statuses, sentences, and what it prints."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from rsvp import __version__
from rsvp.api import WHAT
from rsvp.cli import main
from rsvp.commands import words
from rsvp.commands.application import Application, Failed, Limits
from rsvp.commands.arguments import Place
from rsvp.commands.receiving import Receiving, Service
from rsvp.commands.sending import Sending
from rsvp.commands.show import COLUMNS, print_table, print_why
from rsvp.control.client import connect
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.errors import ControlError, LocalError, NoRoute
from rsvp.intserv import Adspec, General, Tspec, controlled_load, guaranteed
from rsvp.jsonform import to_json
from rsvp.objects import FF, SE, WF, FilterSpec, Session, Style
from tests.nodes import chain, running
from tests.patience import PATIENCE
from tests.virtual_loop import run

EXAMPLES = Path(__file__).parent.parent / "examples"

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
ONE = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(125_000.0, 12_500.0, M=1400)

SEND = ["send", "10.1.0.2:5000", "--source", "4000", "--rate", "1mbit"]
RESERVE = ["reserve", "10.1.0.2:5000", "--style", "ff"]
PLACES = "write 10.1.0.2:5000 or [2001:db8::2]:5000"

# --- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sned"], "no such command 'sned'"),
        (["--nope"], "no such option: --nope (see rsvp --help)"),
        (["send"], "missing argument 'DESTINATION:PORT' (see rsvp send --help)"),
        (["send", "10.1.0.2:5000"], "missing option '--source'"),
        (["send", "10.1.0.2:70000"], "port 70000 is too high: a port is 0 to 65535"),
        (["send", "10.1.0.2"], f"'10.1.0.2' is no address with a port: {PLACES}"),
        (["send", "host:1"], f"'host' is no IPv4 or IPv6 address: {PLACES}"),
        (["send", "2001:db8::1:5"], f"'2001:db8::1:5' is no address with a port: {PLACES}"),
        (["send", "[10.1.0.2:5"], "'[10.1.0.2' is no IPv4 or IPv6 address"),
        (["send", "10.1.0.2:x"], "'x' is no port: write a number from 0 to 65535"),
        (["send", "[fe80::1%eth0]:1"], "'[fe80::1%eth0]' has a zone, which means nothing to other nodes"),
        (["send", "0.0.0.0:1"], "0.0.0.0 is nobody's address"),
        ([*SEND[:4], "--rate"], "option '--rate' requires an argument"),
        ([*SEND[:3], "70000"], "port 70000 is too high"),
        ([*SEND[:3], "0.0.0.0:4000"], "0.0.0.0 is nobody's address"),
        ([*SEND[:3], "[2001:db8::1]:4000", *SEND[4:]], "of different families: both IPv4, or both IPv6"),
        ([*SEND, "--rate", "1mbps"], "'1mbps' is no rate: write 500kbit, 10mbit or 1gbit"),
        ([*SEND, "--peak", "1kbit"], "--peak is below --rate: a flow's peak is at least its rate"),
        ([*SEND, "--bucket", "inf"], "'inf' is no number above 0"),
        ([*SEND, "--min", "1501"], "--min 1501 is above --max 1500: swap them"),
        ([*SEND, "--max", "70000"], "'70000' is no whole number from 1 to 65535"),
        ([*SEND, "--ttl", "256"], "'256' is no whole number from 1 to 255"),
        ([*SEND, "--count", "0"], "'0' is no whole number from 1"),
        ([*SEND, "--timeout", "-1"], "'-1' is no number above 0"),
        (
            [*SEND, "--protocol", "sctpp"],
            "no such protocol: sctpp; write tcp, udp, esp, ah or a number",
        ),
        (
            [*SEND[:3], "spi=0x1", *SEND[4:]],
            "only flows of --protocol esp or ah to a virtual port",
        ),
        (
            [*SEND, "--protocol", "esp"],
            "IPsec flows have an SPI in place of a source port: write 10.",
        ),
        (
            [*SEND[:3], "spi=0x1ffffffff"],
            "'spi=0x1ffffffff' is no SPI: write spi=0x1234",
        ),
        ([*RESERVE, "--sender", "10.0.0.1/spi=1"], "only flows of --protocol esp or ah"),
        ([*RESERVE, "--sender", "10.0.0.1/24"], "'24' is no SPI: write spi=0x1234"),
        (["reserve", "10.1.0.2:5000"], "missing option '--style'"),
        ([*RESERVE, "--interface", "eth0"], "--interface is where to join a group: leave it out"),
        ([*RESERVE, "--delay", "soon"], "'soon' is no time: write 5, 1ms"),
        ([*RESERVE, "--delay", "0"], "a delay has to be above 0, not '0'"),
        ([*RESERVE, "--delay", "1ms", "--rate", "1mbit"], "--delay finds the rate by itself: leave --rate"),
        ([*RESERVE, "--delay", "1ms", "--service", "load"], "controlled load promises no delay: leave"),
        ([*RESERVE, "--style", "xx"], "no such style: 'xx'; write ff, wf or se"),
        ([*RESERVE, "--service", "best"], "no such service: 'best'; write load (controlled load) or rate"),
        ([*RESERVE, "--sender", "[2001:db8::1]:1"], "of different families: both IPv4, or both IPv6"),
        ([*RESERVE, "--style", "wf", "--sender", "10.0.0.1:1"], "style wf is for all senders"),
        (["run", "true"], "there is no rule that says what to reserve for: give one, --rule 'udp to"),
        (["run", "--rule", "rate 1mbit"], "missing argument 'COMMAND'"),
        (["run", "--rule", "udp", "true"], "rule 'udp': a rule for what a program sends needs a rate"),
        (["show"], "missing argument 'WHAT'"),
        (["show", "sendres"], "nothing called 'sendres' to show: one of interfaces, sessions, senders"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(arguments, sentence, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rsvp: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "senders", "--control", "/nowhere/x"], "no daemon listens on /nowhere/x: start one with"),
        (["daemon", "--config", "/nowhere/rsvp.toml"], "/nowhere/rsvp.toml: no such file or directory"),
        (["decode", "/nowhere/x.pcap"], "/nowhere/x.pcap"),
        (["run", "--rules", "/nowhere/x.toml", "true"], "/nowhere/x.toml: no such file or directory"),
    ],
)
def test_what_fails_is_one_sentence_and_status_1(arguments, sentence, capsys):
    assert main(arguments) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("rsvp: ")
    assert sentence in last


def test_a_misspelt_key_is_named_with_its_line(tmp_path: Path, capsys):
    (tmp_path / "rsvp.toml").write_text("\nrefesh = 30\n")
    assert main(["daemon", "--config", str(tmp_path / "rsvp.toml")]) == 1
    assert capsys.readouterr().err == (
        f"rsvp: {tmp_path}/rsvp.toml, line 2: unknown key 'refesh', did you mean 'refresh'?\n"
    )


def test_a_second_daemon_is_refused(tmp_path: Path, capsys):
    where = ControlSocket(tmp_path / "control.sock")
    assert main(["daemon", "--control", str(where.path)]) == 1
    assert capsys.readouterr().err == (
        f"rsvp: another daemon already listens on {where.path}: end it, or name another with --control\n"
    )
    assert where.path.exists()
    where.close()


@pytest.mark.parametrize(
    "word", ["", "demo", "daemon", "show", "clear", "log", "send", "reserve", "decode", "replay", "sim"]
)
def test_every_help_has_an_example(word, capsys):
    assert main([*word.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"\n      rsvp {word}".rstrip() in out


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rsvp {__version__}\n"


def test_without_a_word_there_is_help(capsys):
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


def python(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **more)  # type: ignore[call-overload,no-any-return]


def test_it_is_a_module_too():
    done = python("-m", "rsvp", "show", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rsvp: invalid value for 'WHAT'")


def test_the_command_starts_without_engine_and_loop():
    code = "import sys, rsvp.cli; rsvp.cli.main(['--help'])\n"
    code += "print([m for m in ('asyncio', 'pyroute2', 'rsvp.engine') if m in sys.modules])"
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("room", ["aio", "ancillary", "blocking", "classify", "gqos", "intserv", "rapi"])
def test_one_import_reaches_every_face_of_the_library(room: str):
    assert python("-c", f"import rsvp; print(rsvp.{room}.__name__)").stdout == f"rsvp.{room}\n"


def test_a_word_loads_what_it_needs_and_not_what_other_words_need():
    code = "import sys, rsvp.cli; rsvp.cli.main(['decode', '--json', 'nothing'])\n"
    code += "print(sorted(m for m in sys.modules if m.startswith(('rsvp.commands.', 'rsvp.capture.text'))))"
    done = python("-c", code)
    assert done.stdout == "['rsvp.commands.decode']\n"
    assert done.stderr == "rsvp: nothing does not exist: check the path\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    code = "import os, sys; os.close(1); os.dup2(os.pipe()[1], 1); os.closerange(3, 9)\n"
    code += "import rsvp.cli; sys.exit(rsvp.cli.main(['--help']))"
    done = python("-c", code)
    assert done.stderr == ""


def test_a_stream_that_was_closed_leads_nowhere():
    scenario = str(EXAMPLES / "multicast.rsvp")
    command = f"{shlex.quote(sys.executable)} -m rsvp sim {shlex.quote(scenario)} --pcap {{}}"
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(
            command.format(os.devnull) + " " + closed, shell=True, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        command.format("-") + " 2>&-", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_goes_before_a_table_is_no_error():
    scenario = shlex.quote(str(EXAMPLES / "multicast.rsvp"))
    command = f"{shlex.quote(sys.executable)} -m rsvp sim {scenario} --until 5"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.splitlines()[1:], done.stderr) == (["0"], "")


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_a_narrow_terminal_hides_nothing(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    entry = {
        "session": {"destination": "239.1.1.1", "protocol": 17, "port": 5000},
        "style": "FF",
        "nhop": "10.0.10.2",
        "interface": "eth1",
        "filters": [{"address": "10.0.1.1", "port": 4000}],
        "flowspec": to_json(controlled_load(125_000, bucket=12_500)),
        "expires_in": 155.0,
    }
    print_table("reservations", [entry])
    out = capsys.readouterr().out
    for word in ("239.1.1.1:5000/udp", "10.0.10.2", "10.0.1.1:4000", "controlled-load", "interface"):
        assert word in out
    assert "…" not in out
    assert all(line == line.rstrip() for line in out.splitlines())
    # As wide as the terminal where a word of each column has room there, else a line for the entry.
    assert len(out.splitlines()) == (2 if width != 110 else 3)


def test_an_interrupt_is_status_130_without_words(monkeypatch, capsys):
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", lambda work: (work.close(), interrupted(work)))
    assert main(["show", "senders"]) == 130
    assert capsys.readouterr().err.strip() == ""


# --- show -----------------------------------------------------------------------------------------


@asynccontextmanager
async def daemons(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Control sockets of h1 and h2, with whole nodes behind them."""
    async with running(chain()) as nodes:
        servers, paths = [], {}
        for name in ("h1", "r1", "h2"):
            paths[name] = str(tmp_path / f"{name}.sock")
            server = ControlServer(nodes[name], ControlSocket(paths[name]))
            await server.start()
            servers.append(server)
        try:
            yield paths
        finally:
            for server in servers:
                await server.close()


async def ended(process: Process) -> None:
    """It ends before its daemon does: without one it would speak for this very host."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def rsvp(*arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own, while this one's loop serves it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rsvp", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        await ended(process)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def test_the_columns_are_the_words_that_there_are():
    assert tuple(COLUMNS) == WHAT


def test_send_reserve_and_show_through_daemons(tmp_path: Path):
    async def story() -> None:
        async with daemons(tmp_path) as paths, asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(
                rsvp(
                    *("send", "10.0.3.2:5000", "--source", "4000", "--rate", "1mbit", "--count", "1"),
                    *("--control", paths["h1"], "--json"),
                )
            )
            status, out, err = await rsvp(
                *(
                    "reserve",
                    "10.0.3.2:5000",
                    "--style",
                    "ff",
                    "--confirm",
                    "--count",
                    "2",
                    "--timeout",
                    "50",
                ),
                *("--control", paths["h2"], "--json"),
            )
            assert (status, err) == (0, "")
            path, confirm = (json.loads(line) for line in out.splitlines())
            assert (path["event"], confirm["event"]) == ("path", "confirm")
            assert path["sender"] == {"address": "10.0.1.1", "port": 4000}
            assert path["tspec"] == {"r": 125000, "b": 12500, "p": "inf", "m": 64, "M": 1500}
            assert confirm["filters"] == [path["sender"]]
            assert confirm["flowspec"]["tspec"] == path["tspec"]
            status, out, err = await sending
            assert (status, err) == (0, "")
            assert [json.loads(line)["event"] for line in out.splitlines()] == ["resv"]

            shown = await asyncio.gather(*(rsvp("show", what, "--control", paths["r1"]) for what in COLUMNS))
            for what, (status, out, err) in zip(COLUMNS, shown, strict=True):
                assert (status, err) == (0, ""), what
                assert out, what
            assert shown[0][1].splitlines()[0].split() == COLUMNS["interfaces"].split()
            assert "75 %" in shown[0][1]
            assert shown[2][1] == "no senders\n"
            status, out, err = await rsvp("show", "senders", "--why", "--control", paths["r1"])
            assert (status, out, err) == (0, "no senders\n", "")
            status, out, err = await rsvp("show", "counters", "--why", "--control", paths["r1"])
            assert (status, out) == (1, "")
            assert err.startswith("rsvp: counters are not made by messages")
            status, out, err = await rsvp("show", "neighbors", "--control", paths["r1"], "--json")
            assert {entry["address"] for entry in json.loads(out)["neighbors"]} == {"10.0.1.1", "10.0.2.2"}

    asyncio.run(story())


def test_reasons_are_printed_below_the_entry(capsys: pytest.CaptureFixture[str]):
    def source(**fields: Any) -> dict[str, Any]:
        tspec = {"r": 1000, "b": 3000, "p": "inf", "m": 64, "M": 1500}
        return {
            "message": "Path",
            "neighbor": "10.1.0.1",
            "interface": "eth1",
            "filters": [],
            "spec": tspec,
        } | fields

    load = {"service": "controlled-load", "tspec": source()["spec"], "rspec": None}
    sender = {"address": "10.1.0.1", "port": 4000}
    print_why(
        [
            {"text": "so it is", "section": "RFC 2205 section 1.3", "sources": [source(filters=[sender])]},
            {
                "text": "and so",
                "section": "RFC 2209 section 2",
                "sources": [
                    source(message="Resv", neighbor=None, interface=None, spec=load),
                    source(interface=None, spec=None),
                ],
            },
        ]
    )
    assert capsys.readouterr().out.splitlines() == [
        "  so it is (RFC 2205 section 1.3)",
        "    Path of 10.1.0.1 through eth1, 10.1.0.1:4000: 8 kbit/s, bucket 3000 bytes",
        "  and so (RFC 2209 section 2)",
        "    an application here: controlled-load 8 kbit/s, bucket 3000 bytes",
        "    Path of 10.1.0.1",
        "",
    ]


# --- send and reserve, in virtual time ------------------------------------------------------------

Told = Callable[[], list[dict[str, Any]]]
FOREVER = Limits(True, None, None)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """The events that were printed so far."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def sending(limits: Limits = FOREVER, tspec: Tspec = TSPEC, port: int = 4000) -> Sending:
    return Sending(SESSION, limits, Place(None, port), tspec, 63)


def receiving(
    limits: Limits,
    style: Style = FF,
    service: Service = controlled_load,
    named: tuple[FilterSpec, ...] = (),
    rate: float | None = None,
    confirm: bool = False,
    delay: float | None = None,
) -> Receiving:
    return Receiving(SESSION, limits, style, service, named, rate, confirm, delay)


@asynccontextmanager
async def meanwhile(application: Application, control: str) -> AsyncIterator[None]:
    """Run an application beside something else; it is torn down afterwards."""
    task = asyncio.create_task(application.run(control))
    await asyncio.sleep(1)
    assert not task.done(), task
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def of(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == name]


def test_an_interrupt_tears_down_and_is_no_failure(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths, meanwhile(receiving(FOREVER), paths["h2"]):
            task = asyncio.create_task(sending().run(paths["h1"]))
            await asyncio.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)
            await task
            await asyncio.sleep(1)

    run(story())
    assert [event["event"] for event in told()] == ["path", "resv", "path_gone"]


def test_nobody_there_is_a_failure_after_the_timeout(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths:
            with pytest.raises(Failed, match=r"^no sender was heard within 30 s$"):
                await receiving(Limits(True, None, 30)).run(paths["h2"])
            with pytest.raises(Failed, match=r"^the reservation was not confirmed within 2.5 s$"):
                await receiving(Limits(True, None, 2.5), WF, rate=1e5, confirm=True).run(paths["h2"])
            with pytest.raises(Failed, match=r"^nobody reserved within 30 s$"):
                await sending(Limits(True, None, 30)).run(paths["h1"])
            async with meanwhile(sending(), paths["h1"]):
                await receiving(Limits(True, None, 30)).run(paths["h2"])

    run(story())
    assert [event["event"] for event in told()] == ["path", "resv"]


def test_a_refusal_is_told_in_words_and_is_a_failure(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths, meanwhile(sending(), paths["h1"]):
            much = receiving(Limits(True, 2, 30), service=guaranteed, rate=20e6)
            with pytest.raises(
                Failed, match=r"refused by .*: admission control failure: requested bandwidth"
            ):
                await much.run(paths["h2"])

    run(story())
    assert [event["event"] for event in told()] == ["path", "resv_error"]


def test_people_get_lines_with_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async def story() -> None:
        async with daemons(tmp_path) as paths, meanwhile(sending(Limits(False, None, None)), paths["h1"]):
            await receiving(Limits(False, 2, 30), confirm=True).run(paths["h2"])
            await asyncio.sleep(1)

    run(story())
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "sender 10.0.1.1:4000 announces 1 Mbit/s, bucket 12.5 kB; "
        "the path offers 75 Mbit/s, 3 hops, MTU 1500",
        "reserved FF for 10.0.1.1:4000: controlled-load 1 Mbit/s, bucket 12.5 kB",
        "confirmed by 10.0.1.1: FF for 10.0.1.1:4000: controlled-load 1 Mbit/s, bucket 12.5 kB",
        "the reservation FF for 10.0.1.1:4000 is gone",
    ]
    first, second = err.splitlines()
    assert first.startswith(
        "announcing 10.0.1.1:4000 to 10.0.3.2:5000/udp: 1 Mbit/s, bucket 12.5 kB, through"
    )
    assert second.startswith(
        "waiting to reserve in 10.0.3.2:5000/udp for all senders, style FF, through the daemon"
    )


def test_a_shared_reservation_is_as_large_as_the_largest_sender(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths:
            small = sending(tspec=Tspec(50_000.0, 20_000.0, M=1000), port=1)
            async with meanwhile(sending(), paths["h1"]), meanwhile(small, paths["h1"]):
                await receiving(Limits(True, None, 30), SE).run(paths["h2"])

    run(story())
    last = {event["filters"][0]["port"]: event["flowspec"]["tspec"] for event in of(told(), "resv")}
    assert set(last) == {1, 4000}
    assert last[1] == last[4000] == {"r": 125_000, "b": 20_000, "p": "inf", "m": 64, "M": 1400}


def test_a_delay_becomes_the_rate_that_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """RFC 2212: 3 hops of 100 Mbit/s with packets of 1500 bytes, C_tot 4500, D_tot 360 us."""

    async def story() -> list[dict[str, Any]]:
        async with daemons(tmp_path) as paths, meanwhile(sending(Limits(False, None, None)), paths["h1"]):
            asking = receiving(Limits(False, 2, 30), service=guaranteed, confirm=True, delay=0.02)
            await asking.run(paths["h2"])
            again = receiving(FOREVER, service=guaranteed, delay=0.02)
            async with meanwhile(again, paths["h2"]), await connect(paths["r1"]) as client:
                return [entry["flowspec"] for entry in await client.show("reservations")]

    (flowspec,) = run(story())
    assert flowspec["tspec"] == {"r": 125_000, "b": 12_500, "p": "inf", "m": 64, "M": 1400}
    assert flowspec["rspec"] == {"R": pytest.approx((12_500 + 4500) / (0.02 - 360e-6), rel=1e-6), "S": 0}
    assert "asking for 10.0.1.1:4000: guaranteed 1 Mbit/s, bucket 12.5 kB, R 6.925 Mbit/s" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("delay", "why"),
    [
        (0.0003, "0.3 ms from 10.0.1.1:4000 cannot be had: no rate is enough: .* may queue for 0.36 ms"),
        (0.0005, "0.5 ms from .* cannot be had: that takes R = .* bytes/s, and the path has 9.375e"),
    ],
)
def test_a_delay_that_cannot_be_had_is_a_failure(tmp_path: Path, told: Told, delay: float, why: str):
    async def story() -> None:
        async with daemons(tmp_path) as paths, meanwhile(sending(), paths["h1"]):
            with pytest.raises(LocalError, match=why):
                await receiving(Limits(True, None, 30), delay=delay).run(paths["h2"])
            await asyncio.sleep(1)
            async with await connect(paths["r1"]) as client:
                assert await client.show("reservations") == []

    run(story())


def test_a_reservation_of_each_own_follows_its_senders(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths, meanwhile(sending(), paths["h1"]):
            async with meanwhile(receiving(FOREVER, service=guaranteed), paths["h2"]):
                async with meanwhile(sending(tspec=Tspec(5e4, 2e4, M=1000), port=1), paths["h1"]):
                    both = await show(paths["r1"])
                await asyncio.sleep(1)
                one = await show(paths["r1"])
            await asyncio.sleep(1)
            assert await show(paths["r1"]) == []
            assert both == [(1, 50_000, 50_000, 1000), (4000, 125_000, 125_000, 1400)]
            assert one == [(4000, 125_000, 125_000, 1400)]

    async def show(path: str) -> list[tuple[int, float, float, int]]:
        async with await connect(path) as client:
            return sorted(
                (e["filters"][0]["port"], f["tspec"]["r"], f["rspec"]["R"], f["tspec"]["M"])
                for e in await client.show("reservations")
                for f in [e["flowspec"]]
            )

    run(story())
    assert told()


def test_named_senders_only(tmp_path: Path, told: Told):
    async def story() -> None:
        async with daemons(tmp_path) as paths:
            asked = receiving(Limits(True, None, 30), FF, named=(ONE,), rate=6e4, confirm=True)
            async with meanwhile(sending(port=1), paths["h1"]), meanwhile(sending(), paths["h1"]):
                await asked.run(paths["h2"])

    run(story())
    events = told()
    assert {event["filters"][0]["port"] for event in of(events, "confirm")} == {4000}
    assert {event["flowspec"]["tspec"]["r"] for event in of(events, "confirm")} == {60_000}
    heard = [e["sender"]["port"] for e in of(events, "path") if e["adspec"]["general"]["is_hops"]]
    assert heard == [1, 4000]


def test_a_destination_without_a_route(tmp_path: Path):
    async def story() -> None:
        async with daemons(tmp_path) as paths:
            lost = Session(ip_address("192.0.2.9"), 17, 5000)
            with pytest.raises(NoRoute, match=r"there is no route to 192\.0\.2\.9"):
                await Sending(lost, FOREVER, Place(None, 1), TSPEC, 63).run(paths["h1"])

    run(story())


def test_a_daemon_that_goes_away_is_a_failure(tmp_path: Path):
    async def story() -> None:
        async with daemons(tmp_path) as paths:
            task = asyncio.create_task(sending().run(paths["h1"]))
            await asyncio.sleep(1)
        with pytest.raises(
            ControlError, match=r"the connection to the daemon was lost|the session was closed"
        ):
            await task

    run(story())


# --- words ----------------------------------------------------------------------------------------


def test_places_and_sessions():
    assert words.place({"address": "2001:db8::1", "port": 5}) == "[2001:db8::1]:5"
    assert words.place({"address": "2001:db8::1", "flow_label": 255}) == "[2001:db8::1] flow label 0xff"
    assert words.session({"destination": "10.0.0.1", "protocol": 132, "port": 5}) == "10.0.0.1:5/132"


def test_services_and_offers():
    flowspec = to_json(guaranteed(Tspec(1e6, 5e4, 2e6), 1.5e6, slack=10))
    text = "guaranteed 8 Mbit/s, bucket 50 kB, peak 16 Mbit/s, R 12 Mbit/s, slack 10 us"
    assert words.flowspec(flowspec) == text
    offer = to_json(Adspec(General(1, 1e6, 0, 1500, True)))
    assert words.adspec(offer) == "8 Mbit/s, 1 hop, MTU 1500, not RSVP all the way"
    unknown = to_json(Adspec(General(2, 0.0, 0, 1500)))
    assert words.adspec(unknown) == "unknown bandwidth, 2 hops, MTU 1500"
    assert (words.flowspec(None), words.adspec(None), words.size("inf")) == ("-", "-", "unlimited")
