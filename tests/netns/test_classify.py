"""Classified messages on the wire: connection and message scope, TCP and UDP, IPv4 and IPv6."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from rsvp import blocking
from rsvp.classify import ClassifiedSocket, Policy, Priority, Scope, read
from rsvp.lab import End, Lab
from tests.patience import until

from . import decoders
from .running import Running

POLICY = read(
    '[[rule]]\ntoken = "bulk"\ndscp = 10\nso_priority = 1\n[[rule]]\ntoken = "voice"\ndscp = 46\n'
    '[[rule]]\ndestination = "10.0.0.0/8"\nport = 5001\ndscp = 5\nweight = -1\n'
)
EITHER = pytest.mark.parametrize("version", [4, 6])
KINDS = pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])


class Wire:
    """A classified socket of h1, and what r1 hears of it."""

    def __init__(self, lab: Lab, version: int, kind: int, policy: Policy | None = None, port: int = 5000):
        end: End = lab["r1"].toward("h1")
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        address = str(end.address if version == 4 else end.address6)
        with lab["r1"]:
            server = socket.socket(family, kind)
            server.bind((address, port))
            if kind == socket.SOCK_STREAM:
                server.listen()
        self._tap = decoders.tap(end)
        self._version = version
        with lab["h1"]:
            self.socket = socket.socket(family, kind)
        self.socket.connect((address, port))
        self._peer = server.accept()[0] if kind == socket.SOCK_STREAM else server
        self._server = server
        self.classified = ClassifiedSocket(self.socket, policy or POLICY)
        self._count = 0

    def send(
        self, token: str | bytes | None = None, priority: Priority | None = None, scope: Scope = Scope.MESSAGE
    ) -> int:
        """Send one message; the DSCP that it bore."""
        self._count += 1
        mark = b"message %d." % self._count
        self.classified.sendmsg(mark, token=token, priority=priority, scope=scope)
        assert self._peer.recv(1000) == mark
        found: list[int] = []

        def heard() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame = self._tap.recv(2048)
                    if mark in frame:
                        word = int.from_bytes(frame[14:16], "big")
                        found.append((word & 0xFC) >> 2 if self._version == 4 else (word >> 6) & 0x3F)
            return bool(found)

        until(heard, "the message on the link")
        assert len(set(found)) == 1
        return found[0]

    @property
    def priority(self) -> int:
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY)

    def close(self) -> None:
        self.classified.close()
        for one in (self.socket, self._peer, self._server, self._tap):
            one.close()


@contextlib.contextmanager
def wire(lab: Lab, version: int, kind: int, **options: object) -> Iterator[Wire]:
    made = Wire(lab, version, kind, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


@EITHER
@KINDS
def test_what_is_said_of_a_message_and_of_a_connection(lab: Lab, version: int, kind: int) -> None:
    with wire(lab, version, kind) as w:
        assert w.send() == 0, "nothing was said"
        assert w.send("voice") == 46, "of this message"
        assert w.send() == 0, "before anything was said of the connection: what it was made with"
        assert w.send(priority=Priority.HIGH, scope=Scope.CONNECTION) == 34
        assert w.send() == w.send() == 34, "and from then on"
        assert w.send(b"voice") == 46
        assert w.send() == 34, "a message leaves what was said of the connection"
        assert w.send("bulk", scope=Scope.CONNECTION) == 10
        assert w.send() == 10, "the last that was said"
        assert w.send("Voice") == 0, "a token that no rule knows is no error"
        assert w.send() == 10


def test_so_priority_goes_along_and_back(lab: Lab) -> None:
    with wire(lab, 4, socket.SOCK_DGRAM) as w:
        before = w.priority
        assert w.send("bulk") == 10
        assert w.priority == 1
        assert w.send() == 0
        assert w.priority == before


def test_the_flow_itself_is_classified_where_nothing_is_said(lab: Lab) -> None:
    with wire(lab, 4, socket.SOCK_STREAM, port=5001) as w:
        assert w.send() == 5
        assert w.send("voice") == 46
        assert w.send() == 5


def test_each_datagram_bears_its_own_mark(lab: Lab) -> None:
    """Sent without a pause; a stream could not promise that."""
    with wire(lab, 4, socket.SOCK_DGRAM) as w:
        for number in range(50):
            w.classified.sendmsg(b"pair %d a." % number, token="voice")
            w.classified.sendmsg(b"pair %d b." % number, token="bulk")
        seen: dict[bytes, int] = {}

        def all_heard() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame = w._tap.recv(2048)
                    if b"pair" in frame:
                        seen[frame[frame.index(b"pair") :]] = frame[15] >> 2
            return len(seen) == 100

        until(all_heard, "100 datagrams")
        assert {dscp for text, dscp in seen.items() if text.endswith(b"a.")} == {46}
        assert {dscp for text, dscp in seen.items() if text.endswith(b"b.")} == {10}


def test_a_rule_reserves_for_as_long_as_the_connection_is_so_classified(lab: Lab) -> None:
    policy = read('[[rule]]\ntoken = "call"\ndscp = 46\nreserve = "80kbit"')
    with Running(lab) as running:
        for name in ("h1", "r1"):
            running.start(name)
        with lab["h1"]:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect((str(lab["h2"].address), 5000))
        with lab["h2"]:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("", 5000))
        with sock, receiver, blocking.connect(running.control("h1")) as client:
            classified = ClassifiedSocket(sock, policy, via=client)
            classified.sendmsg(b"once", token="call")
            assert classified.reservation is None, "one message is no flow"
            classified.sendmsg(b"ring", token="call", scope=Scope.CONNECTION)
            until(lambda: running.show("r1", "senders"), "announced")
            (sender,) = running.show("r1", "senders")
            assert sender["tspec"]["r"] == 10_000
            classified.sendmsg(b"more")
            assert classified.reservation is not None
            classified.sendmsg(b"bye", token="other", scope=Scope.CONNECTION)
            until(lambda: not running.show("r1", "senders"), "torn down")
            classified.close()
