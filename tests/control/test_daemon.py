"""The daemon's life, over the in-memory network: ready, signals, faults."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from rsvp.commands.show import FORMS
from rsvp.commands.words import NONE
from rsvp.config import NodeConfig
from rsvp.control.client import Client, connect
from rsvp.control.recording import read_input
from rsvp.daemon.notify import notify
from rsvp.daemon.service import Settings, serve
from rsvp.engine.inputs import OpenSession
from rsvp.engine.outputs import PathEvent, PathGone, StateChanged
from rsvp.errors import ConfigError, ControlError
from rsvp.node import Node
from rsvp.objects import FilterSpec
from rsvp.topics import as_json
from rsvp.transport.memory import Network
from tests.control.test_api import SENDER, SESSION, TSPEC
from tests.nodes import Ledger, chain
from tests.patience import PATIENCE

Story = Callable[["Daemon"], Awaitable[None]]


class Daemon:
    """A daemon on one host of a network, and a client of it."""

    def __init__(self, network: Network, name: str, settings: Settings) -> None:
        self.network = network
        self.host = network.hosts[name]
        self.traffic = Ledger()
        self.node: Node | None = None
        self.client: Client
        self.task = asyncio.create_task(serve(settings, self._build))

    def _build(self, config: NodeConfig) -> Node:
        host = self.host
        self.node = Node(
            config, transport=host.transport, routing=host.routing, traffic=self.traffic, rng=Random(1)
        )
        return self.node

    def signal(self, number: int) -> None:
        os.kill(os.getpid(), number)


def live(story: Story, settings: Settings, network: Network | None = None) -> int:
    """Run a daemon on h1 and a story beside it; the result is the daemon's exit status."""

    async def main() -> int:
        daemon = Daemon(network or chain(), "h1", settings)
        path = Path(settings.control or "")
        async with asyncio.timeout(PATIENCE):
            while not path.exists() or daemon.node is None or not daemon.node.interface_names:
                if daemon.task.done():
                    return await daemon.task
                await asyncio.sleep(0.005)
            daemon.client = await connect(path)
            try:
                await story(daemon)
                return await daemon.task
            finally:
                await daemon.client.close()

    return asyncio.run(main())


@pytest.fixture
def control(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_orderly(control: str, number: int, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "rsvp")
    ledgers = []

    async def story(daemon: Daemon) -> None:
        ledgers.append(daemon.traffic)
        host = daemon.network.hosts["h2"]
        far = Node(transport=host.transport, routing=host.routing, traffic=Ledger(), rng=Random(2))
        async with far:
            events = far.events(await far.open_session(SESSION))
            handle = await daemon.client.open_session(SESSION)
            await daemon.client.add_sender(handle, SENDER, TSPEC)
            assert isinstance(await anext(events), PathEvent)
            daemon.signal(number)
            assert isinstance(await anext(events), PathGone)

    assert live(story, Settings(control=control)) == 0
    assert not os.path.exists(control)
    assert ledgers[0].closed
    ready = [record.getMessage() for record in caplog.records if "ready" in record.getMessage()]
    assert ready == [f"ready, interfaces eth0, control {control}"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_it_speaks_to_the_service_manager(control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        async def story(daemon: Daemon) -> None:
            daemon.signal(signal.SIGTERM)

        assert live(story, Settings(control=control)) == 0
        assert [manager.recv(99) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_no_service_manager_is_no_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for address in ("", "relative", str(tmp_path / "nobody"), "@rsvp-test-nobody"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")


def test_an_abstract_notify_socket(monkeypatch: pytest.MonkeyPatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0rsvp-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@rsvp-test-{os.getpid()}")
        notify("READY=1")
        manager.setblocking(False)
        assert manager.recv(99) == b"READY=1"


def test_hup_reads_the_file_again_and_keeps_state(
    control: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "rsvp")
    file = tmp_path / "rsvp.toml"
    file.write_text("refresh = 30")

    async def story(daemon: Daemon) -> None:
        handle = await daemon.client.open_session(SESSION)
        await daemon.client.add_sender(handle, SENDER, TSPEC)

        async def after(text: str, said: str) -> dict[str, object]:
            file.write_text(text)
            caplog.clear()
            daemon.signal(signal.SIGHUP)
            while said not in caplog.text:
                await asyncio.sleep(0.005)
            [interface] = await daemon.client.show("interfaces")
            return interface

        before = await after("[interfaces.eth0]\nbandwidth = '80mbit'", "is read again, interfaces eth0")
        assert (before["bandwidth"], before["pools"]) == (1e7, {})
        kept = await after("[interfaces.eth0]\nbandwith = 3", "line 2: unknown key 'bandwith', did you mean")
        assert kept == before
        kept = await after("[interfaces.eth7]", "line 1: there is no interface 'eth7' here")
        assert kept == before
        shares = "bandwidth = '80mbit'\nreservable = 0.5\nguaranteed = 0.25"
        changed = await after(f"control = '/elsewhere'\n[interfaces.eth0]\n{shares}", "is read again")
        assert changed["reservable"] == 0.5
        assert changed["pools"] == {"guaranteed": {"limit": 2.5e6, "reserved": 0}}
        assert FORMS["pools"](changed["pools"]) == "guaranteed 0 bit/s of 20 Mbit/s"
        assert FORMS["pools"]({}) == NONE
        assert len(await daemon.client.show("senders")) == 1
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(str(file), control)) == 0


def test_hup_without_a_file_changes_nothing(control: str, caplog: pytest.LogCaptureFixture):
    async def story(daemon: Daemon) -> None:
        daemon.signal(signal.SIGHUP)
        while "started without --config" not in caplog.text:
            await asyncio.sleep(0.005)
        assert await daemon.client.show("interfaces")
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(control=control)) == 0


def test_a_fault_in_a_callback_ends_it_orderly_with_status_1(control: str, caplog: pytest.LogCaptureFixture):
    def broken() -> None:
        raise ZeroDivisionError("oops")

    async def story(daemon: Daemon) -> None:
        asyncio.get_running_loop().call_soon(broken)

    assert live(story, Settings(control=control)) == 1
    assert not os.path.exists(control)
    assert "internal error" in caplog.text
    assert "ZeroDivisionError: oops" in caplog.text


def test_a_fault_in_the_engine_ends_it_with_status_1_and_tells_what_led_to_it(
    control: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    ledgers = []

    async def story(daemon: Daemon) -> None:
        assert daemon.node is not None

        def fail(*_: object) -> None:
            raise ZeroDivisionError("oops")

        ledgers.append(daemon.traffic)
        monkeypatch.setattr(daemon.node._engine, "handle", fail)
        await daemon.client.open_session(SESSION)

    assert live(story, Settings(control=control)) == 1
    assert not os.path.exists(control)
    assert ledgers[0].closed
    (told,) = [as_json(record) for record in caplog.records if record.levelname == "CRITICAL"]
    assert read_input(told["input"]) == OpenSession(1, SESSION), "as in a recording"
    assert "ZeroDivisionError: oops" in told["error"]


def test_so_does_a_fault_in_what_carries_out_what_the_engine_wants(
    control: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def cannot(*_: object) -> None:
        raise ValueError("no such message")

    monkeypatch.setattr("rsvp.node.encode", cannot)

    async def story(daemon: Daemon) -> None:
        handle = await daemon.client.open_session(SESSION)
        await daemon.client.add_sender(handle, SENDER, TSPEC)

    assert live(story, Settings(control=control)) == 1
    assert "ValueError: no such message" in caplog.text


def test_what_the_kernel_refuses_leaves_the_rest_to_be_done(
    control: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def cannot(*_: object) -> None:
        raise OSError("no buffer space")

    async def story(daemon: Daemon) -> None:
        assert daemon.node is not None
        daemon.node._actions[StateChanged] = cannot
        handle = await daemon.client.open_session(SESSION)
        await daemon.client.add_sender(handle, SENDER, TSPEC)
        assert (await daemon.client.show("counters"))[0]["sent"] == {"Path": 1}
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(control=control)) == 0
    assert "StateChanged: no buffer space" in caplog.text


def test_trouble_of_the_kernel_s_is_only_logged(control: str, caplog: pytest.LogCaptureFixture):
    def broken() -> None:
        raise ConnectionResetError("gone")

    async def story(daemon: Daemon) -> None:
        asyncio.get_running_loop().call_soon(broken)
        assert await daemon.client.show("interfaces")
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(control=control)) == 0
    assert "gone" in caplog.text


def test_a_second_daemon_leaves_the_first_one_s_host_alone(control: str):
    async def story(daemon: Daemon) -> None:
        with pytest.raises(ControlError, match="another daemon already listens"):
            await serve(Settings(control=control), lambda _: pytest.fail("no node may be made"))
        assert await daemon.client.show("interfaces")
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(control=control)) == 0


def test_what_stops_a_start_leaves_no_socket(control: str, tmp_path: Path):
    never: Story = lambda _: pytest.fail("it must not start")  # noqa: E731
    with pytest.raises(ConfigError, match="--interface: there is no interface 'eth9' here"):
        live(never, Settings(control=control, interfaces=("eth9",)))
    assert not os.path.exists(control)
    bad = tmp_path / "bad.toml"
    bad.write_text("refesh = 1")
    with pytest.raises(ConfigError, match="did you mean 'refresh'"):
        live(never, Settings(file=str(bad), control=control))
    assert not os.path.exists(control)


def test_the_command_line_goes_before_the_file(tmp_path: Path):
    file = tmp_path / "rsvp.toml"
    file.write_text("control = '/a'\n[interfaces.eth0]\nreservable = 0.5")
    told = Settings(str(file), "/b", ("eth1",)).read()
    assert (told.control, told.only, told.takes("eth0"), told.takes("eth1")) == ("/b", ("eth1",), False, True)
    assert Settings(str(file)).read().control == "/a"


def test_two_clients_do_not_see_each_other_s_events(control: str):
    async def story(daemon: Daemon) -> None:
        other = await connect(control)
        one, two = await daemon.client.open_session(SESSION), await other.open_session(SESSION)
        assert one != two
        await daemon.client.add_sender(one, FilterSpec(SENDER.address, 1), TSPEC)
        event = await anext(other.events(two))
        assert (type(event), event.handle) == (PathEvent, two)
        await other.close()
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(control=control)) == 0
