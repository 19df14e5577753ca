"""tshark and tcpdump read everything we write: nothing malformed, no warning, good checksums.

Both are oracles with gaps: they name some IPv6 objects by their C-Type only. What they do print must
agree with what we wrote.
"""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from rsvp import _wire
from rsvp.iana import BASE_CLASSES, RSVP_PROTOCOL
from rsvp.messages import MESSAGES
from rsvp.objects import REGISTRY
from tests.oracles import tshark
from tests.oracles.tshark_fields import Comparison

from ..patience import PATIENCE
from .vectors import VECTORS, Vector

LINKTYPE_RAW = 101

# They hold what nobody has defined, and the tools rightly say so.
ODD = {"resv-unknown-style", "patherr-unknown-object", "path6-empty-guaranteed", "path-middle-adspec"}


def is_base(vector: Vector) -> bool:
    """Whether both tools know all of it: RFC 2205 alone, as integrated services use it."""
    keys = {(one.class_num, one.ctype) for one in _wire.dissect(vector.data).objects}
    own = vector.name not in ODD and "base_extensions" not in vector.name
    return own and vector.data[1] in BASE_MESSAGES and keys <= BASE and not_null(vector.expression)


def not_null(expression: str) -> bool:
    return "NullTspec" not in expression and "null_M" not in expression and "elements" not in expression


BASE_MESSAGES = set(range(1, 8))
BASE = {
    (class_num, ctype)
    for class_num, ctype in REGISTRY
    if class_num in BASE_CLASSES and (ctype <= 2 or (class_num in (10, 11) and ctype == 3))
}
WRITTEN = [vector for vector in VECTORS if is_base(vector)]


def in_ip(data: bytes, version: int) -> bytes:
    """An IP packet of protocol 46 from one documentation address to another."""
    if version == 6:
        addresses = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")
        return struct.pack("!IHBB", 6 << 28, len(data), RSVP_PROTOCOL, 63) + addresses + data
    addresses = bytes((192, 0, 2, 1, 192, 0, 2, 2))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 63, RSVP_PROTOCOL, 0) + addresses
    return head[:10] + _wire_sum(head).to_bytes(2, "big") + head[12:] + data


def _wire_sum(head: bytes) -> int:
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture file of every message in `WRITTEN`, encoded anew from its values."""
    file = tmp_path_factory.mktemp("capture") / "written.pcap"
    return write(
        file, [(_wire.encode(one.message), one.message.session.destination.version) for one in WRITTEN]
    )


def write(file: Path, messages: list[tuple[bytes, int]]) -> Path:
    """A capture of these messages, each in IP of a version."""
    with file.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
        for n, (data, version) in enumerate(messages):
            packet = in_ip(data, version)
            stream.write(struct.pack("<IIII", n, 0, len(packet), len(packet)) + packet)
    return file


def test_tshark_reads_every_golden_message(tmp_path: Path) -> None:
    """Those of the extensions, too: nothing malformed, the same objects, the same fields."""
    file = write(tmp_path / "golden.pcap", [(vector.data, 4) for vector in VECTORS])
    seen = tshark.read(file)
    found = Comparison()
    for vector, packet in zip(VECTORS, seen, strict=True):
        assert not packet.message.malformed, vector.name
        found.message(packet.message, _wire.dissect(vector.data), vector.name)
    assert found.differences == []
    assert found.fields > 2000


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_list_is_complete() -> None:
    assert {type(vector.message) for vector in WRITTEN} == {MESSAGES[n] for n in BASE_MESSAGES}
    found = set()
    for vector in WRITTEN:
        found |= {(one.class_num, one.ctype) for one in _wire.dissect(_wire.encode(vector.message)).objects}
    assert found >= BASE


def test_tshark_has_no_complaint(capture: Path) -> None:
    name = tshark.need("tshark")
    text = run(name, "-r", str(capture), "-V", "-O", "rsvp", "-o", "ip.check_checksum:TRUE")
    for word in ("Malformed", "malformed", "Expert Info (Warning", "Expert Info (Error", "[incorrect"):
        assert word not in text, text[max(0, text.index(word) - 1500) :][:2000]
    assert text.count("Resource ReserVation Protocol (RSVP)") == len(WRITTEN)
    signed = sum(vector.message.integrity is not None for vector in WRITTEN)
    assert text.count("[correct]") == len(WRITTEN) - signed
    assert "Unknown object" not in text.replace("Unknown object class", "")


def test_tshark_sees_the_same_objects(capture: Path) -> None:
    name = tshark.need("tshark")
    texts = run(name, "-r", str(capture), "-V", "-O", "rsvp").split("RSVP Header.")[1:]
    assert len(texts) == len(WRITTEN)
    for text, vector in zip(texts, WRITTEN, strict=True):
        found = _wire.dissect(_wire.encode(vector.message))
        assert numbers(r"Message Type: .*\((\d+)\)", text) == [found.type]
        assert numbers(r"Sending TTL: (\d+)", text) == [found.send_ttl]
        assert numbers(r"Message length: (\d+)", text) == [found.length]
        assert numbers(r"Object class: .*\((\d+)\)", text) == [one.class_num for one in found.objects]
        lengths = numbers(r"^ {8}Length: (\d+)", text)
        assert lengths == [one.length for one in found.objects], vector.name


def numbers(pattern: str, text: str) -> list[int]:
    return [int(number) for number in re.findall(pattern, text, re.MULTILINE)]


def test_tcpdump_has_no_complaint(capture: Path) -> None:
    tcpdump = tshark.need("tcpdump")
    text = run(tcpdump, "-nn", "-vvv", "-r", str(capture))
    for word in ("invalid", "truncated", "incorrect", "[|rsvp]", "(bad", "ERROR:"):
        assert word not in text, text[max(0, text.index(word) - 1500) :][:2000]
    assert text.count("RSVPv1") >= len(WRITTEN)
