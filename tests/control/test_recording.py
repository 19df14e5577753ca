"""Every input of the engine goes into a line and comes out as it was."""

from __future__ import annotations

import math
from dataclasses import fields
from ipaddress import ip_address
from typing import get_args

import pytest

from rsvp.control.recording import (
    FORMAT,
    entry_to_json,
    read_config,
    read_entry,
    read_header,
)
from rsvp.control.schema import write_line
from rsvp.engine import inputs as i
from rsvp.engine.interfaces import Config, Interface
from rsvp.intserv import DEFAULT_ADSPEC, Tspec, controlled_load, guaranteed
from rsvp.messages import Flow, Path, Sender
from rsvp.objects import (
    FF,
    SE,
    FilterSpec,
    FlowLabelFilterSpec,
    GpiFilter,
    GpiSession,
    Hop,
    Opaque,
    PolicyData,
    Session,
    Style,
    TimeValues,
)

FOUR, SIX = ip_address("10.0.0.1"), ip_address("2001:db8::1")
SESSION = Session(ip_address("10.0.9.9"), 17, 5000)
TSPEC = Tspec(123_456.78125, 2000.0, 1e6, 64, 1500)
SENDER = Sender(FilterSpec(FOUR, 4000), TSPEC, DEFAULT_ADSPEC)
POLICY = (PolicyData(b"\0\0\0\1"), PolicyData(b"\0\0\0\2\0\0\0\3"))
PATH = Path(
    session=SESSION,
    hop=Hop(FOUR, 7),
    time_values=TimeValues(30_000),
    sender=SENDER,
    policy=POLICY,
    extra=(Opaque(250, 1, b"what no one knows   "),),
    send_ttl=63,
)
FLOWS = (Flow(controlled_load(TSPEC), (SENDER.template,)), Flow(guaranteed(TSPEC, 2e5, 7), ()))

INPUTS: tuple[i.Input, ...] = (
    i.Received(PATH, 3, FOUR, SESSION.destination, 62),
    i.Received(PATH, 3, FOUR, SESSION.destination, None),
    i.Undecodable(2, 1, "unknown C-Type", 14, 0x0B63),
    i.Undecodable(
        2,
        2,
        "unknown C-Type",
        14,
        0x0B63,
        Session(SESSION.destination, 17, 5000, 1),
        Hop(SIX, 9),
        Sender(FlowLabelFilterSpec(SIX, 0x12345), None, None),
        Style(0x1F, 3),
        FLOWS[0],
    ),
    i.InterfaceUp(Interface(4, "eth0", (FOUR, SIX), 9000, math.inf, 0.5, 1e5, False, 5.0, 2)),
    i.InterfaceUp(Interface(4, "inf", (), bandwidth=1.25e6)),
    i.InterfaceDown(4),
    i.Configure(Config(max_sessions=3, partial_preemption=False, tells=True)),
    i.Clear(True, False, SESSION),
    i.Clear(False, True),
    i.RouteResolved(SESSION.destination, FOUR, (1, 3), 2, True),
    i.RouteResolved(SESSION.destination, FOUR, (1, 3), 2, thresholds=(1, 16)),
    i.RouteResolved(SESSION.destination, None, ()),
    i.RouteResolved(SIX, SIX, (1,), flow=i.DataFlow(17, 4000, 5000, 0x12345, 2), by_flow=True),
    i.FlowRejected(17, 1, 2, True),
    i.OpenSession(1, SESSION),
    i.OpenSession(2, GpiSession(SIX, 51, 5000, 1)),
    i.AddSender(2, GpiFilter(SIX, 0xFFFFFFFF), TSPEC),
    i.CloseSession(1),
    i.AddSender(1, SENDER.template, TSPEC, 5, None, POLICY),
    i.AddSender(1, SENDER.template, Tspec(1.0, 2.0, null_M=1400), incoming=3),
    i.RemoveSender(1, FlowLabelFilterSpec(SIX, 3)),
    i.Reserve(1, FF, FLOWS, True, POLICY, 9, 4),
    i.Reserve(1, SE, FLOWS[:1], outgoing=3),
    i.Release(1),
    i.Release(1, (SENDER.template,)),
    i.RefuseSender(1, SENDER.template, 1, 2, 1, POLICY),
)


@pytest.mark.parametrize("event", INPUTS, ids=lambda event: type(event).__name__)
def test_an_input_comes_back_as_it_was(event: i.Input) -> None:
    line = write_line(entry_to_json(12.123456789012345, event))
    assert read_entry(line) == (12.123456789012345, event)
    assert line.count(b"\n") == 1


def test_the_timers_are_an_input_too() -> None:
    assert read_entry(write_line(entry_to_json(1e6 / 3, None))) == (1e6 / 3, None)


def test_every_input_and_every_field_is_tried() -> None:
    tried: dict[type, set[str]] = {}
    for event in INPUTS:
        for field in fields(event):
            if getattr(event, field.name) not in (None, (), 0, False):
                tried.setdefault(type(event), set()).add(field.name)
    for kind in get_args(i.Input):
        # A fingerprint only makes things faster, and is of one process: it takes no part, here as in `==`.
        assert {field.name for field in fields(kind) if field.compare} <= tried[kind], kind


def test_people_find_the_message_and_its_session() -> None:
    line = write_line(entry_to_json(0.0, INPUTS[0]))
    assert b'"message":"Path","session":"10.0.9.9:5000/17"' in line


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "no line"),
        (b"[]\n", "no line"),
        (b'{"at": 1}\n', "no line"),
        (b'{"at": null, "input": "timeout"}\n', "no line"),
        (b'{"at": null, "input": "Received"}\n', "no line"),
        (b'{"at": "now", "input": "timeout"}\n', "no line"),
        (b'{"at": 1, "input": "Configure", "config": {"max_sessions": "x"}}\n', "configuration: Expected"),
        (b'{"at": 1, "input": "Sleep"}\n', "no such input: 'Sleep'"),
        (b'{"at": 1, "input": "CloseSession"}\n', "JSON form"),
        (b'{"at": 1, "input": "Received", "data": "00"}\n', "truncated header"),
        (b'{"at": 1, "input": "Received"}\n', "'data' is missing"),
        (b'{"at": 1, "input": "checkpoint"}\n', "no line"),
        (b'{"at": 1, "input": "RemoveSender", "handle": 1, "template": {}}\n', "'address' is missing"),
    ],
)
def test_a_line_that_is_wrong_is_a_value_error(line: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_entry(line)


def test_a_header_of_another_format_is_refused() -> None:
    told = {"recording": FORMAT + 1, "version": "9", "seed": 1, "config": {}, "at": 0.0}
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}"):
        read_header(write_line(told))
    for wrong in ({"max_sessions": "many"}, []):
        with pytest.raises(ValueError, match="no recording"):
            read_header(write_line({**told, "recording": FORMAT, "config": wrong}))
    with pytest.raises(ValueError, match="no recording"):
        read_header(b"{}\n")


def test_a_configuration_of_a_later_version_loses_what_is_not_known() -> None:
    assert read_config({"max_sessions": 5, "colour": "blue"}) == Config(max_sessions=5)
