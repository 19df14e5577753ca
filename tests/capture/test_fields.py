"""Fields of objects beside tshark's, one by one: what both name has to be the same value.

tshark names fields of its own for part of the objects only; the rest of an object is compared as
bytes in `test_tshark.py`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsvp.capture import Capture
from rsvp.capture.report import Reporter

from .test_tshark import CAPTURES
from .tshark import RSVP_IN_UDP, need

NOTHING_NAMED = {"scapy_rfc2205_ipv6"}
"""Captures in which tshark has a field of its own for none of these."""


def values(name: str, key: str) -> Callable[[dict[str, Any]], list[Any]]:
    """What our objects of one name have under a key."""

    def read(message: dict[str, Any]) -> list[Any]:
        return [
            entry["value"][key]
            for entry in message["objects"]
            if entry["name"] == name and entry["value"] and key in entry["value"]
        ]

    return read


FIELDS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "rsvp.session.tunnel_id": values("SESSION", "tunnel_id"),
    "rsvp.sender.lsp_id": lambda message: (
        values("SENDER_TEMPLATE", "lsp_id")(message) + values("FILTER_SPEC", "lsp_id")(message)
    ),
    "rsvp.session_attribute.setup_priority": values("SESSION_ATTRIBUTE", "setup_priority"),
    "rsvp.session_attribute.hold_priority": values("SESSION_ATTRIBUTE", "holding_priority"),
    "rsvp.label_request.l3pid": values("LABEL_REQUEST", "l3pid"),
    "rsvp.label.label": values("RSVP_LABEL", "label"),
    "rsvp.message_id.epoch": values("MESSAGE_ID", "epoch"),
    "rsvp.message_id.message_id": values("MESSAGE_ID", "message_id"),
    "rsvp.hello.source_instance": values("HELLO", "source_instance"),
    "rsvp.hello.destination_instance": values("HELLO", "destination_instance"),
    "rsvp.hop.neighbor_address_ipv4": lambda message: [
        address for address in values("RSVP_HOP", "address")(message) if ":" not in address
    ],
}


def theirs(path: Path) -> dict[int, list[list[Any]]]:
    """Frame -> each field's values, by tshark."""
    asked = [part for name in ("frame.number", *FIELDS) for part in ("-e", name)]
    command = [
        need("tshark"),
        "-n",
        *RSVP_IN_UDP,
        "-r",
        path,
        "-Y",
        "rsvp",
        "-T",
        "fields",
        "-E",
        "separator=|",
        *asked,
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {}
    for line in out.splitlines():
        number, *rest = line.split("|")
        found[int(number)] = [[_value(text) for text in field.split(",") if text] for field in rest]
    return found


def _value(text: str) -> Any:
    try:
        return int(text, 0)
    except ValueError:
        return text


@pytest.mark.parametrize(
    "path", [path for path in CAPTURES if path.parent.name == "captures"], ids=lambda path: path.stem
)
def test_fields_are_what_tshark_reads(path: Path) -> None:
    seen = theirs(path)
    reporter = Reporter()
    compared = 0
    for frame in Capture(path):
        ours = json.loads(reporter.line(frame))
        if frame.number not in seen or ours["error"] or ours["messages"]:
            continue
        for (name, read), other in zip(FIELDS.items(), seen[frame.number], strict=True):
            mine = read(ours)
            assert mine == other, (frame.number, name)
            compared += len(mine)
    assert compared or path.stem in NOTHING_NAMED
