"""What a link carried, judged by decoders that we did not write: tshark and tcpdump."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from rsvp.lab import End

ETH_P_ALL = 3
ETHERNET = 1
MESSAGES = ("PATH", "RESV", "CONFIRM", "RESV TEAR", "PATH TEAR", "RESV ERROR")


def require() -> None:
    """Skip the test where the decoders are not installed; under CI they have to be."""
    if not all(map(shutil.which, ("tcpdump", "tshark"))) and not os.environ.get("CI"):
        pytest.skip("needs tcpdump and tshark")


def tap(end: End) -> socket.socket:
    """A socket that keeps every packet of an interface until `record` asks for them."""
    with end.node:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((end.name, ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.setblocking(False)
    return sock


def record(taps: list[socket.socket], file: Path) -> None:
    """Write what the taps have kept as a capture."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, ETHERNET)
    for sock in taps:
        with sock, contextlib.suppress(BlockingIOError):
            while True:
                packet = sock.recv(65535)
                out += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    file.write_bytes(out)


def find_no_fault(file: Path) -> None:
    """Both decoders read all of a capture, in which every kind of message of RFC 2205 is."""
    tree = _said_by("tshark", "-r", str(file), "-V", "-O", "rsvp")
    for name in MESSAGES:
        assert f"{name} Message" in tree or f"Message Type: {name}" in tree, name
    assert "Malformed" not in tree
    assert "Warning" not in tree
    assert tree.count("[correct]") == tree.count("Message Checksum") > 8
    # As root, tcpdump insists on becoming a user that this namespace does not have.
    nobody = ("unshare", "--user", "--map-user=1000")
    text = _said_by(*nobody, "tcpdump", "-nn", "-vvv", "-r", str(file))
    assert "RSVPv1" in text
    for fault in ("incorrect", "invalid", "ERROR:", "[|", "bad "):
        assert fault not in text.replace("Error", ""), fault


def _said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
