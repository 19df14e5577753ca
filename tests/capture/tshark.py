"""What tshark reads in a capture, put into the shape of `rsvp decode --json`: an oracle, not the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

# tshark leaves UDP-encapsulated RSVP alone unless told.
RSVP_IN_UDP = ("-d", "udp.port==1698,rsvp", "-d", "udp.port==1699,rsvp")


@dataclass(frozen=True)
class SeenMessage:
    type: int
    objects: tuple[tuple[int, int, int], ...]  # class, C-Type, length
    messages: tuple[SeenMessage, ...] | None
    malformed: bool


@dataclass(frozen=True)
class SeenPacket:
    frame: int
    source: str
    destination: str
    ip_ttl: int
    message: SeenMessage


def need(tool: str) -> str:
    """Where a tool is; without it the test is skipped, but never where CI runs."""
    path = shutil.which(tool)
    if path is None:
        message = f"{tool} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def read(capture: Path) -> list[SeenPacket]:
    """Have tshark dissect a capture."""
    out = subprocess.run(
        [need("tshark"), "-n", *RSVP_IN_UDP, "-r", capture, "-Y", "rsvp", "-T", "pdml"],
        check=False,  # a cut-off capture makes it fail after the packets
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ).stdout
    packets = ET.fromstring(out).iter("packet")
    # RSVP further in is the message that an ICMP error quotes.
    return [_packet(packet) for packet in packets if packet.find("proto[@name='rsvp']") is not None]


def _packet(packet: ET.Element) -> SeenPacket:
    number = packet.find("proto[@name='geninfo']/field[@name='num']")
    assert number is not None
    ip = [proto for proto in packet.findall("proto") if proto.get("name") in ("ip", "ipv6")][-1]
    version = ip.get("name")
    rsvp = packet.find("proto[@name='rsvp']")
    assert rsvp is not None
    broken = any(proto.get("name") == "_ws.malformed" for proto in packet.findall("proto"))
    return SeenPacket(
        int(_show(number)),
        str(ip_address(_field(ip, f"{version}.src"))),
        str(ip_address(_field(ip, f"{version}.dst"))),
        int(_field(ip, "ip.ttl" if version == "ip" else "ipv6.hlim")),
        _message(rsvp, broken),
    )


def _message(proto: ET.Element, broken: bool) -> SeenMessage:
    objects = []
    for entry in proto.findall("field"):
        kind = entry.find("field[@name='rsvp.object']")
        if kind is None:
            continue
        ctypes = [
            field for field in entry.findall("field") if str(field.get("name")).startswith("rsvp.ctype")
        ]
        objects.append(
            (
                int(_show(kind)),
                int(str(ctypes[0].get("value")), 16) if ctypes else -1,
                int(_field(entry, "rsvp.length")),
            )
        )
    inner = proto.findall("proto[@name='rsvp']")
    number = proto.find("field/field[@name='rsvp.msg']")
    return SeenMessage(
        -1 if number is None else int(_show(number)),
        tuple(objects),
        tuple(_message(one, broken) for one in inner) if inner else None,
        broken,
    )


def _field(parent: ET.Element, name: str) -> str:
    field = parent.find(f"field[@name='{name}']")
    assert field is not None, name
    return _show(field)


def _show(field: ET.Element) -> str:
    return str(field.get("show"))
