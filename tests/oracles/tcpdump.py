"""What `tcpdump -vvv` prints about a capture, object by object: an oracle with gaps."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from rsvp.dissection import WireObject
from rsvp.jsonform import to_json
from tests.oracles.tshark import need

HEADING = re.compile(r"Object \((\d+)\) Flags: \[[^]]*\], Class-Type: .* \((\d+)\), length: (\d+)$")
DUMP = re.compile(r"^\s+0x[0-9a-f]{4}:  ([0-9a-f ]+)$")


@dataclass
class SeenObject:
    """An object, and the lines below its heading."""

    class_num: int
    ctype: int
    length: int
    data: str = ""  # its contents as hex
    lines: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, int, int]:
        return self.class_num, self.ctype, self.length


def read(capture: Path) -> list[list[SeenObject]]:
    """The objects of each RSVP packet; of a Bundle, those of all its messages."""
    command = [need("tcpdump"), "-nn", "-vvv", "-r", str(capture)]
    out = subprocess.run(command, capture_output=True, check=False).stdout.decode("latin-1")
    packets: list[list[SeenObject]] = []
    for line in out.splitlines():
        heading = HEADING.search(line)
        dump = DUMP.match(line)
        if re.match(r"^\tRSVPv1 ", line):
            packets.append([])
        elif heading and packets:
            packets[-1].append(SeenObject(*map(int, heading.groups())))
        elif packets and packets[-1] and dump:
            packets[-1][-1].data += dump[1].replace(" ", "")
        elif packets and packets[-1] and line[:1] in " \t":
            packets[-1][-1].lines.append(line.strip())
    return packets


# --- values that it prints --------------------------------------------------------------------------------

Json = dict[str, Any]
Ours = str | Callable[[Json], Any]

ADDRESS, HEX, INT = r"([0-9a-f.:]+)", r"(0x[0-9a-f]+)", r"(\d+)"


def single(value: float) -> float:
    return float(struct.unpack("!f", struct.pack("!f", value))[0])


def mbps(key: str) -> Ours:
    """A rate in Mbit/s, reckoned in single precision."""
    return lambda form: f"{single(single(float(form[key])) * 8 / 1e6):.10g}"


def first_id(form: Json) -> Any:
    """A MESSAGE_ID's identifier, or the first one of a list."""
    if "message_id" in form:
        return form["message_id"]
    return form["message_ids"][0] if "message_ids" in form else form["entries"][0]["message_id"]


def general(key: str) -> Ours:
    return lambda form: form["general"][key]


PRINTED: list[tuple[str, tuple[Ours, ...]]] = [
    (rf"IPv[46] DestAddress: {ADDRESS}, Protocol ID: {HEX}", ("destination", "protocol")),
    (rf"Flags: \[{HEX}\], DestPort {INT}", ("flags", "port")),
    (
        rf"IPv[46] Tunnel EndPoint: {ADDRESS}, Tunnel ID: {HEX}, Extended Tunnel ID: {ADDRESS}",
        ("endpoint", "tunnel_id", "extended_tunnel_id"),
    ),
    (
        rf"IPv4 P2MP LSP ID: {ADDRESS}, Tunnel ID: {HEX}, Extended Tunnel ID: {ADDRESS}",
        (lambda form: str(ip_address(form["p2mp_id"])), "tunnel_id", "extended_tunnel_id"),
    ),
    (rf"Previous/Next Interface: {ADDRESS}, Logical Interface Handle: {HEX}", ("address", "lih")),
    (rf"Refresh Period: {INT}ms", ("refresh_ms",)),
    (rf"Source Address: {ADDRESS}, Source Port: {INT}", ("address", "port")),
    (rf"Source Address: {ADDRESS}, Flow Label: {INT}", ("address", "flow_label")),
    (rf"Source Address: {ADDRESS}, LSP-ID: {HEX}", ("sender", "lsp_id")),
    (rf"IPv4 Tunnel Sender Address: {ADDRESS}, LSP-ID: {HEX}", ("sender", "lsp_id")),
    (rf"IPv[46] Tunnel Sender Address: {ADDRESS}, LSP ID: {HEX}", ("sender", "lsp_id")),
    (rf"Sub-Group Originator ID: {ADDRESS}, ", ("originator",)),
    (rf"IPv[46] Receiver Address: {ADDRESS}", ("receiver",)),
    (rf"IPv[46] Notify Node Address: {ADDRESS}", ("address",)),
    (rf"Sub-LSP destination address: {ADDRESS}", ("destination",)),
    (rf"Error Node Address: {ADDRESS}, Flags: \[{HEX}\]", ("node", "flags")),
    (r"Error Code: .* \((\d+)\), .*\((\d+)\)$", ("code", "value")),
    (rf"Reservation Style: .*, Flags: \[{HEX}\]", ("flags",)),
    (rf"Key-ID {HEX}, Sequence {HEX}, ", (lambda form: int(form["key_id"], 16), "sequence")),
    (rf"Token Bucket Size: {INT} bytes", ("b",)),
    (r"Token Bucket Rate: (.*) Mbps", (mbps("r"),)),
    (r"Peak Data Rate: (.*) Mbps", (mbps("p"),)),
    (rf"Minimum Policed Unit: {INT} bytes", ("m",)),
    (rf"Maximum Packet Size: {INT} bytes", ("M",)),
    (r"^Rate: (.*) Mbps", (mbps("R"),)),
    (rf"Slack Term: {INT}", ("S",)),
    (rf"IS hop count: {INT}", (general("is_hops"),)),
    (rf"Minimum path latency: {INT}", (general("latency"),)),
    (rf"Composed MTU: {INT} bytes", (general("mtu"),)),
    (rf"^Label: {INT}", ("label",)),
    (rf"Waveband ID: {INT}", ("waveband",)),
    (rf"Start Label: {INT}, Stop Label: {INT}", ("first", "last")),
    (r"LSP Encoding Type: .* \((\d+)\)$", ("encoding",)),
    (rf"Minimum/Maximum DLCI: {INT}/{INT}", ("least_dlci", "most_dlci")),
    (rf"Source Instance: {HEX}, Destination Instance: {HEX}", ("source_instance", "destination_instance")),
    (rf"Flags \[{HEX}\], epoch: {INT}", ("flags", "epoch")),
    (rf"Message-ID {HEX} ", (first_id,)),
    (r"Session Name: (.*)", ("session_name",)),
    (
        rf"Setup Priority: {INT}, Holding Priority: {INT}, Flags: \[.*\] \({HEX}\)",
        ("setup_priority", "holding_priority", "flags"),
    ),
    (
        rf"Setup Priority: {INT}, Holding Priority: {INT}, Hop-limit: {INT}, Bandwidth: (.*) Mbps",
        ("setup_priority", "holding_priority", "hop_limit", mbps("bandwidth")),
    ),
    (
        rf"Include-any: {HEX}, Exclude-any: {HEX}, Include-all: {HEX}",
        ("include_any", "exclude_any", "include_all"),
    ),
    (rf"Include Colors: {HEX}, Exclude Colors: {HEX}", ("include_any", "exclude_any")),
    (rf"Restart  Time: {INT}ms, Recovery Time: {INT}ms", ("restart_ms", "recovery_ms")),
    (rf"Action: .* \((\d+)\), Label type: {INT}", ("action", "label_type")),
]
"""A line of tcpdump's, and our keys for the values in it."""

MISREAD = {(10, 8): "the first four bytes of an IPv6 address"}
"""Objects of which tcpdump prints values that are others' bytes."""


def compare(seen: SeenObject, ours: WireObject) -> tuple[int, list[str]]:
    """How many values of an object were compared, and those that differ, in words."""
    if ours.value is None or (ours.class_num, ours.ctype) in MISREAD:
        return 0, []
    form = to_json(ours.value)
    for inner in ("tspec", "rspec"):
        form |= form.get(inner) or {}
    count = 0
    found = []
    for value, mine, line in _values(seen, form):
        count += 1
        if value != str(mine) and not (value[:2] == "0x" and int(value, 16) == mine):
            found.append(f"{line!r} by tcpdump, {mine!r} by us")
    return count, found


def _values(seen: SeenObject, form: Json) -> Iterator[tuple[str, Any, str]]:
    once = set()
    for line in seen.lines:
        for pattern, keys in PRINTED:
            match = re.search(pattern, line)
            # Services of an ADSPEC may have parameters of their own behind the general ones.
            if match and pattern not in once:
                once.add(pattern)
                for value, ours in zip(match.groups(), keys, strict=True):
                    yield value, form.get(ours) if isinstance(ours, str) else ours(form), line
                break
