"""The commands with the argument order of a router's console: what they read, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from rsvp.cli import main
from rsvp.commands.receiving import Receiving
from rsvp.commands.sending import Sending
from rsvp.intserv import Tspec, controlled_load, guaranteed
from rsvp.messages import Flow
from rsvp.objects import FF, WF, Filter, Style

GROUP = "239.1.2.3 10.0.1.1 udp 5150 5150"
HOST = "10.0.3.2 10.0.1.1 udp 5150 5150"
ANYBODY = "10.0.3.2 0.0.0.0 udp 5150 0"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sender-host", "missing argument 'SESSION'"),
        (f"sender-host {GROUP}", "missing argument 'KBPS'"),
        (f"sender-host {GROUP} 0 5", "'0' is no whole number from 1 to 10000000"),
        (f"sender-host {GROUP} 20 65536", "'65536' is no whole number from 1 to 65535"),
        (f"sender-host {GROUP} 20 5 6", "unexpected extra argument"),
        ("sender-host 10.0.3 10.0.1.1 udp 1 2 20 5", "'10.0.3' is no IPv4 or IPv6 address: write 10.1.0.2"),
        ("sender-host 0.0.0.0 10.0.1.1 udp 1 2 20 5", "a session needs a destination address"),
        ("sender-host 10.0.3.2 10.0.1.1 udpp 1 2 20 5", "no such protocol: udpp"),
        ("sender-host 10.0.3.2 10.0.1.1 udp 1 70000 20 5", "port 70000 is too high: a port is 0 to 65535"),
        ("sender-host 10.0.3.2 ::1 udp 1 2 20 5", "::1 and 10.0.3.2 are of different families"),
        ("sender-host 10.0.3.2 0.0.0.0 udp 1 2 20 5", "0.0.0.0 is nobody's address: name the sender's"),
        (f"sender {HOST} ::1 eth0 20 5", "::1 and 10.0.3.2 are of different families"),
        (f"reservation-host {HOST} load ff 20 5", "no such style: 'load'; write ff, wf or se"),
        (f"reservation-host {HOST} ff best 20 5", "no such service: 'best'; write load"),
        (
            f"reservation-host {HOST} wf load 20 5",
            "style wf is for all senders: write 0.0.0.0 for SENDER and 0",
        ),
        (f"reservation-host {ANYBODY} ff load 20 5", "0.0.0.0 is nobody's address: name the sender's"),
        (f"reservation-host {HOST} ff load 20 5 --interface eth0", "leave it out, this is none"),
        (f"reservation {HOST} 2001:db8::1 eth0 ff load 20 5", "are of different families"),
        (
            "reservation-host 2001:db8::2 2001:db8::1 udp 1 2 wf load 20 5",
            "write :: for SENDER and 0 for SPORT",
        ),
    ],
)
def test_a_mistake_is_one_sentence(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1


class Recorder:
    """An `Api` that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def add_sender(self, handle: int, template: Filter, tspec: Tspec, **what: Any) -> Filter:
        self.asked.append((str(template), tspec, what["ttl"], what["incoming"]))
        return template

    async def reserve(self, handle: int, style: Style, flows: tuple[Flow, ...], **what: Any) -> None:
        self.asked.append((style, flows, what["confirm"], what["outgoing"]))


def asked(line: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a command asks of the daemon as it begins."""
    recorder = Recorder()

    async def begin(self: Sending | Receiving, control: str | None) -> None:
        self.api, self.handle = recorder, 1  # type: ignore[assignment]
        await self.begin()

    monkeypatch.setattr(Sending, "run", begin)
    monkeypatch.setattr(Receiving, "run", begin)
    assert main(line.split()) == 0
    return recorder.asked


def test_kilobits_and_kilobytes_are_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 kbit/s are 2500 bytes/s, and 5 kbytes 5000 bytes."""
    what = Tspec(2500.0, 5000.0)
    assert asked(f"sender-host {GROUP} 20 5", monkeypatch) == [("10.0.1.1:5150", what, 63, None)]
    assert asked(f"sender {HOST} 10.0.1.1 eth0 20 5 --ttl 9", monkeypatch) == [
        ("10.0.1.1:5150", what, 9, "eth0")
    ]


def test_no_packet_is_larger_than_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    ((_, tspec, *_),) = asked(f"sender-host {GROUP} 20 1", monkeypatch)
    assert tspec == Tspec(2500.0, 1000.0, M=1000)


def test_reservations(monkeypatch: pytest.MonkeyPatch) -> None:
    ((style, (flow,), confirm, outgoing),) = asked(f"reservation-host {HOST} ff load 20 5", monkeypatch)
    assert (style, confirm, outgoing) == (FF, False, None)
    assert flow.flowspec == controlled_load(Tspec(2500.0, 5000.0))
    assert [str(one) for one in flow.filters] == ["10.0.1.1:5150"]
    line = f"reservation {ANYBODY} 10.0.3.2 eth1 wf rate 20 5 --confirm"
    ((style, (flow,), confirm, outgoing),) = asked(line, monkeypatch)
    assert (style, confirm, outgoing, flow.filters) == (WF, True, "eth1", ())
    assert flow.flowspec == guaranteed(Tspec(2500.0, 5000.0))
