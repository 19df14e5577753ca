"""Proxies between real daemons: h1 - r1 - h2, what is on the wire read by tshark as well."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp import Message, PathErr, PathTear, Resv, ResvTear, decode
from rsvp import Path as PathMessage
from rsvp.capture import Capture
from rsvp.iana import Service
from rsvp.lab import SCRATCH, End, Lab, chain
from rsvp.objects import FF, FilterSpec
from tests.patience import until

from . import decoders
from .running import Running, stop

LINE = "10.0.2.2 10.0.1.1 udp 5150 5150"
HOST = FilterSpec(ip_address("10.0.1.1"), 5150)

SENDER = """
[[sender]]
destination = "10.0.2.2:5150"
source = "10.0.1.1:5150"
rate = "20kbit"
bucket = 5000
"""
LISTENER = """
[[listener]]
destination = "10.0.2.0/24:5000-6000"
protocol = "udp"
"""


class Wire:
    """What crosses one interface, from now on."""

    def __init__(self, end: End, file: Path) -> None:
        self._socket = decoders.tap(end)
        self._file = file

    def read(self) -> list[Message]:
        """All RSVP messages so far, of which tshark says the same; the tap ends with this."""
        decoders.record([self._socket], self._file)
        messages = [decode(frame.data) for frame in Capture(self._file)]
        # What a host without RSVP answers to a Path has that in it, and is none.
        words = ("-Y", "rsvp and not icmp", "-T", "fields", "-e", "rsvp.msg", "-e", "_ws.malformed")
        done = subprocess.run(
            ["tshark", "-r", self._file, *words], capture_output=True, text=True, check=True
        )
        found = [line.split("\t") for line in done.stdout.splitlines()]
        assert found == [[str(message.type.value), ""] for message in messages]
        return messages


class Proxies(Running):
    """Daemons with more in their files."""

    tables: dict[str, str]

    def config(self, name: str) -> str:
        return super().config(name) + self.tables.get(name, "")

    def tell(self, name: str, tables: str) -> None:
        """Another file for a daemon that runs, and SIGHUP."""
        self.tables[name] = tables
        (SCRATCH / f"{name}.toml").write_text(self.config(name))
        self.daemons[name].send_signal(signal.SIGHUP)


@pytest.fixture
def lab() -> Lab:
    decoders.require()
    return chain("h1", "r1", "h2")


@pytest.fixture
def running(lab: Lab) -> Iterator[Proxies]:
    with Proxies(lab) as all_of_it:
        all_of_it.tables = {}
        yield all_of_it


def test_the_line_of_a_console_makes_the_messages_that_it_names(
    running: Proxies, lab: Lab, tmp_path: Path
) -> None:
    """E12: 20 5 is r = 2500 and b = 5000 bytes, and ff load is FF with controlled load."""
    running.start_all()
    wire = Wire(lab["r1"].toward("h1"), tmp_path / "wire.pcap")
    sending = running.application("h1", "sender-host", *LINE.split(), "20", "5")
    receiving = running.application("h2", "reservation-host", *LINE.split(), "ff", "load", "20", "5")
    until(lambda: running.show("h1", "reservations"), "reserved")
    stop(receiving)
    until(lambda: not running.show("h1", "reservations"), "the reservation is gone")
    stop(sending)
    until(lambda: not running.show("r1", "sessions"), "nothing is left")
    assert sending.returncode == receiving.returncode == 0
    messages = wire.read()
    path = next(message for message in messages if isinstance(message, PathMessage))
    assert (path.session.destination, path.session.protocol, path.session.port) == (  # type: ignore[union-attr]
        ip_address("10.0.2.2"),
        17,
        5150,
    )
    assert path.sender.template == HOST
    assert path.sender.tspec is not None
    assert (path.sender.tspec.rate, path.sender.tspec.bucket) == (2500.0, 5000.0)
    resv = next(message for message in messages if isinstance(message, Resv))
    (flow,) = resv.flows
    assert (resv.style, flow.filters) == (FF, (HOST,))
    assert flow.flowspec is not None
    assert (flow.flowspec.service, flow.flowspec.tspec.rate) == (Service.CONTROLLED_LOAD, 2500.0)
    assert flow.flowspec.tspec.bucket == 5000.0
    ends = [message for message in messages if isinstance(message, PathTear | ResvTear)]
    assert {message.name for message in ends} == {"PathTear", "ResvTear"}


def test_hosts_without_rsvp_behind_a_router(running: Proxies, lab: Lab, tmp_path: Path) -> None:
    """One router speaks for both of its hosts, by the four lines of its console; they hear nothing of it."""
    running.start("r1")
    wires = [Wire(end, tmp_path / f"{end.name}.pcap") for end in lab["r1"].ends]
    there = running.application("r1", "sender", *LINE.split(), "10.0.1.1", "to-h1", "20", "5")
    back = running.application(
        "r1", "reservation", *LINE.split(), "10.0.2.2", "to-h2", "ff", "load", "20", "5"
    )
    until(lambda: running.show("r1", "installed"), "reserved")
    (installed,) = running.show("r1", "installed")
    assert (installed["interface"], installed["filters"]) == (
        "to-h2",
        [{"address": "10.0.1.1", "port": 5150}],
    )
    stop(there, back)
    until(lambda: not running.show("r1", "sessions"), "nothing is left")
    to_h1, to_h2 = (wire.read() for wire in wires)
    assert to_h1 == []
    assert {message.name for message in to_h2} == {"Path", "PathTear"}


def test_what_the_file_says_lasts_over_restarts(running: Proxies, lab: Lab, tmp_path: Path) -> None:
    """A sender of h1's file and a listener of r1's; h2 has no RSVP and is sent none."""
    running.tables = {"h1": SENDER, "r1": LISTENER}
    to_h2 = Wire(lab["r1"].toward("h2"), tmp_path / "h2.pcap")
    to_h1 = Wire(lab["r1"].toward("h1"), tmp_path / "h1.pcap")
    running.start("r1")
    running.start("h1")
    until(lambda: running.show("h1", "reservations"), "reserved")
    (reservation,) = running.show("r1", "reservations")
    assert (reservation["proxy"], reservation["nhop"], reservation["interface"]) == (
        "listener",
        None,
        "to-h2",
    )
    (sender,) = running.show("h1", "senders")
    assert (sender["proxy"], sender["phop"]) == ("sender", None)
    running.end("h1", signal.SIGKILL)
    running.start("h1")
    until(lambda: running.show("h1", "reservations"), "it is back after a restart of h1")
    assert to_h2.read() == []
    running.end("r1")
    until(lambda: not running.show("h1", "reservations"), "torn down by the listener that ends")
    running.start("r1")
    until(lambda: running.show("h1", "reservations"), "it is back after a restart of r1")
    assert [one["interface"] for one in running.show("r1", "installed")] == ["to-h2"]
    running.tell("r1", LISTENER + 'answer = "reject"\n')
    until(lambda: not running.show("h1", "reservations"), "the listener has changed its mind")
    until(lambda: "refused" in running.log("h1"), "the sender was told")
    running.tell("h1", "")
    until(lambda: not running.show("r1", "sessions"), "nothing is left")
    messages = to_h1.read()
    assert [message.name for message in messages if isinstance(message, PathErr | PathTear)] == [
        "PathErr",
        "PathTear",
    ]


def test_it_is_made_when_there_is_an_address_and_a_route_for_it(running: Proxies, lab: Lab) -> None:
    running.tables = {"h1": SENDER.replace("10.0.1.1", "10.0.1.77"), "r1": LISTENER}
    running.start("h1", "r1")
    until(lambda: "10.0.1.77 is not an address of this node" in running.log("h1"), "the warning")
    lab["h1"].run(["ip", "address", "add", "10.0.1.77/24", "dev", "to-r1"], check=True)
    until(lambda: running.show("h1", "reservations"), "reserved")
    assert "as it should be again" in running.log("h1")
    lab["h1"].run(["ip", "address", "delete", "10.0.1.77/24", "dev", "to-r1"], check=True)
    until(lambda: not running.show("r1", "senders"), "the sender is gone with its address")


def test_applications_that_are_killed_are_torn_down_at_once(
    running: Proxies, lab: Lab, tmp_path: Path
) -> None:
    """By their daemons, which lose their sockets: with R = 300 s nothing else falls into this time."""
    running.refresh = 300.0
    running.start_all()
    sending, receiving = running.reserved()
    wire = Wire(lab["r1"].toward("h1"), tmp_path / "wire.pcap")
    receiving.kill()
    until(lambda: not running.show("h1", "reservations"), "the reservation is gone")
    sending.kill()
    until(lambda: not running.show("h2", "sessions"), "nothing is left")
    assert [message.name for message in wire.read()] == ["ResvTear", "PathTear"]
