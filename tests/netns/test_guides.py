"""The programs that the guides show, run as they stand on a host of a network with daemons."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsvp.lab import Lab
from rsvp.paths import CONTROL
from tests.pages import blocks
from tests.patience import PATIENCE, until

from . import decoders
from .running import Running

RUN = """
import ast, asyncio, inspect, sys
code = compile(sys.stdin.read(), "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
waiting = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(waiting):
    asyncio.run(waiting)
"""
"""Runs a program that may await anywhere, as in Python's asyncio shell."""


def program(page: str, number: int = 0) -> str:
    """A Python block of a page."""
    return [block.text for block in blocks(page) if block.language == "python"][number]


@pytest.fixture
def network(lab: Lab) -> Iterator[Running]:
    with Running(lab) as running:
        yield running.start_all()


def start(running: Running, node: str, text: str) -> subprocess.Popen[str]:
    """Start a program on a node, where its daemon is the one at the usual place."""
    Path(CONTROL).parent.mkdir(exist_ok=True)
    os.symlink(running.control(node), CONTROL)
    process = running.lab[node].python(
        "-c", RUN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running.applications.append(process)
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    return process


def test_gqos(network: Running) -> None:
    to = f"{network.lab['h2'].address}:5150"
    network.application("h1", "send", to, "--source", "4000", "--rate", "1mbit")
    said, wrong = start(network, "h2", program("gqos.md")).communicate(timeout=PATIENCE)
    assert wrong == ""
    assert said == "SENDERS 10.0.1.1:4000\n"


def test_rapi(network: Running) -> None:
    process = start(network, "h1", program("rapi.md"))
    network.reserve()
    assert process.stdout is not None
    assert process.stdout.readline() == "RAPI_RESV_EVENT 10.0.1.1:4000\n"


def test_scrapi(network: Running) -> None:
    process = start(network, "h1", program("rapi.md", 1))
    network.reserve()
    said, wrong = process.communicate(timeout=PATIENCE)
    assert (said, wrong) == ("green\n", "")


def test_ibm(lab: Lab) -> None:
    text = program("ibm.md")
    expected = [int(number) for number in re.findall(r"# (?:DSCP )?(\d+)(?:$|,)", text, re.MULTILINE)]
    with lab["h2"]:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("", 5000))
    with receiver, decoders.tap(lab["r1"].toward("h1")) as tap:
        done = lab["h1"].python("-c", text, stderr=subprocess.PIPE, text=True)
        assert done.communicate(timeout=PATIENCE)[1] == ""
        marks: list[int] = []

        def heard() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = tap.recv(2048)[14:]
                    if packet[9] == socket.IPPROTO_UDP and packet[22:24] == (5000).to_bytes(2, "big"):
                        marks.append(packet[1] >> 2)
            return len(marks) == 4

        until(heard, "four datagrams")
    assert marks == expected == [46, 32, 46, 32]


def test_rfc3542() -> None:
    said = subprocess.run([sys.executable, "-c", program("rfc3542.md")], capture_output=True, text=True)
    (shown,) = [block.text for block in blocks("rfc3542.md") if block.language == "text"]
    assert (said.stdout, said.stderr) == (shown, "")
