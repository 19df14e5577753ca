"""What tshark reads in a capture, put into the shape of `rsvp decode --json`: an oracle, not the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

# tshark leaves UDP-encapsulated RSVP alone unless told.
RSVP_IN_UDP = ("-d", "udp.port==1698,rsvp", "-d", "udp.port==1699,rsvp")


@dataclass(frozen=True)
class SeenField:
    """A line of the tree: its filter name or none, its value as text, its bytes as hex, what is below."""

    name: str
    show: str
    raw: str
    fields: tuple[SeenField, ...]

    def walk(self) -> Iterator[SeenField]:
        """All that is below, top down."""
        for field in self.fields:
            yield field
            yield from field.walk()


@dataclass(frozen=True)
class SeenObject:
    """An object; its contents are the fields behind class, C-Type and length."""

    class_num: int
    ctype: int
    length: int
    field: SeenField

    @property
    def key(self) -> tuple[int, int, int]:
        return self.class_num, self.ctype, self.length


@dataclass(frozen=True)
class SeenMessage:
    header: dict[str, int]  # version, flags, type, send_ttl, length; -1 for what is not there
    checksum: str  # as tshark says it, e.g. "correct"
    objects: tuple[SeenObject, ...]
    messages: tuple[SeenMessage, ...] | None
    malformed: bool

    @property
    def type(self) -> int:
        return self.header["type"]

    @property
    def keys(self) -> tuple[tuple[int, int, int], ...]:
        """Class, C-Type and length of each object."""
        return tuple(one.key for one in self.objects)


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


HEADER = {
    "version": "rsvp.version",
    "flags": "rsvp.flags",
    "type": "rsvp.msg",
    "send_ttl": "rsvp.sending_ttl",
    "length": "rsvp.message_length",
}


def _message(proto: ET.Element, broken: bool) -> SeenMessage:
    objects = []
    for entry in proto.findall("field"):
        kind = entry.find("field[@name='rsvp.object']")
        if kind is None:
            continue
        ctypes = [
            field for field in entry.findall("field") if str(field.get("name")).startswith("rsvp.ctype")
        ]
        ctype = int(str(ctypes[0].get("value")), 16) if ctypes else -1
        objects.append(SeenObject(int(_show(kind)), ctype, int(_field(entry, "rsvp.length")), _tree(entry)))
    inner = proto.findall("proto[@name='rsvp']")
    header = {}
    for ours, theirs in HEADER.items():
        field = proto.find(f"field/field[@name='{theirs}']")
        header[ours] = -1 if field is None else int(_show(field), 0)
    sum_field = proto.find("field/field[@name='rsvp.message_checksum']")
    return SeenMessage(
        header,
        "" if sum_field is None else str(sum_field.get("showname")).partition("[")[2].rstrip("]"),
        tuple(objects),
        tuple(_message(one, broken) for one in inner) if inner else None,
        broken,
    )


def _tree(field: ET.Element) -> SeenField:
    return SeenField(
        field.get("name") or "",
        _show(field),
        field.get("value") or "",
        tuple(_tree(below) for below in field.findall("field")),
    )


def _field(parent: ET.Element, name: str) -> str:
    field = parent.find(f"field[@name='{name}']")
    assert field is not None, name
    return _show(field)


def _show(field: ET.Element) -> str:
    return str(field.get("show"))
