"""What is read from a socket, and what is asked for it: real sockets, and a node that writes down."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any

import pytest

import rsvp
from rsvp.attachment import read_socket
from rsvp.errors import LocalError
from rsvp.iana import DEFAULT_TTL
from rsvp.intserv import Excess, Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF, FilterSpec, Session

from .test_server import FakeApi

HERE = ip_address("127.0.0.1")
TSPEC = Tspec(1000.0, 2000.0)
GROUP = "239.1.2.3"


def told(attach: Coroutine[Any, Any, rsvp.Attachment], api: FakeApi) -> list[tuple[Any, ...]]:
    """What a node is told from attaching to closing."""

    async def story() -> None:
        async with await attach:
            pass

    asyncio.run(story())
    return api.script


def udp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM)


def test_a_connected_udp_socket_sends_and_receives():
    api = FakeApi()
    with udp() as here, udp() as there:
        there.bind(("127.0.0.1", 0))
        here.connect(there.getsockname())
        to, port = there.getsockname()[1], here.getsockname()[1]
        script = told(rsvp.attach(here, send=TSPEC, receive="8kbit", via=api), api)
    peer = FilterSpec(HERE, to)
    assert script == [
        ("open", Session(HERE, 17, to)),
        (
            "send",
            100,
            FilterSpec(HERE, port),
            TSPEC,
            {"port": port, "ttl": DEFAULT_TTL, "excess": Excess.BORROW},
        ),
        ("open", Session(HERE, 17, port)),
        ("reserve", 101, FF, (Flow(controlled_load(1000.0), (peer,)),), {"confirm": True}),
        ("close", 100),
        ("close", 101),
    ]


def test_a_tcp_connection_is_known_by_its_ends():
    api = FakeApi()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as here:
        here.connect(listener.getsockname())
        script = told(rsvp.attach(here, send=TSPEC, via=api), api)
        assert script[0] == ("open", Session(HERE, 6, listener.getsockname()[1]))
        assert script[1][2] == FilterSpec(HERE, here.getsockname()[1])


def test_a_group_gets_the_sockets_multicast_ttl():
    for ttl in (1, 5):
        api = FakeApi()
        with udp() as sock:
            sock.bind(("", 0))
            if ttl > 1:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            port = sock.getsockname()[1]
            script = told(rsvp.attach(sock, send=TSPEC, to=(GROUP, 5000), via=api), api)
        assert script[1][2:4] == (None, TSPEC)  # any address of this host
        assert (script[1][4]["port"], script[1][4]["ttl"]) == (port, ttl)


def test_a_group_is_received_from_all_senders():
    api = FakeApi()
    with udp() as sock:
        sock.bind(("", 0))
        port = sock.getsockname()[1]
        script = told(rsvp.attach(sock, receive=1000.0, at=(GROUP, port), via=api), api)
    assert script[0] == ("open", Session(ip_address(GROUP), 17, port))
    assert script[1][2:4] == (WF, (Flow(controlled_load(1000.0)),))


def test_another_style_than_the_usual_one():
    api = FakeApi()
    with udp() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", 9))
        script = told(rsvp.attach(sock, receive=1000.0, style=SE, via=api), api)
    assert script[1][2] == SE


def test_addresses_are_those_on_the_wire():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.connect(("::ffff:127.0.0.1", 9))
        ends = read_socket(sock)
        assert (ends.local[0], ends.peer) == (HERE, (HERE, 9))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 7)
        sock.bind(("::1", 0))
        ends = read_socket(sock)
        assert (str(ends.local[0]), ends.peer, ends.multicast_ttl) == ("::1", None, 7)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "say what to attach"),
        ({"send": TSPEC}, "has no peer: connect it, or say to="),
        ({"send": TSPEC, "to": ("127.0.0.1", 9)}, "has no port yet: bind or connect it first"),
        ({"receive": True}, "bound to all addresses: say at="),
        ({"receive": True, "at": (GROUP, 0)}, "has no port yet"),
    ],
)
def test_a_socket_that_is_not_ready_is_one_sentence(options: dict[str, Any], sentence: str):
    api = FakeApi()
    with udp() as sock, pytest.raises(LocalError, match=sentence):
        told(rsvp.attach(sock, via=api, **options), api)
    assert api.script == []


def test_a_socket_of_another_kind_is_one_sentence():
    one, two = socket.socketpair()
    with one, two, pytest.raises(LocalError, match="not for one of AF_UNIX"):
        read_socket(one)
    closed = udp()
    closed.close()
    with pytest.raises(LocalError, match="cannot be read: bad file descriptor"):
        read_socket(closed)


def test_half_of_it_is_torn_down_when_the_other_half_fails():
    class Full(FakeApi):
        async def reserve(self, handle: int, *args: Any, **more: Any) -> None:
            raise LocalError("no")

        async def open_session(self, session: Session) -> int:
            if self.queues:
                raise LocalError("one session is enough")
            return await super().open_session(session)

    api = Full()
    with udp() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", 9))
        with pytest.raises(LocalError, match="enough"):
            told(rsvp.attach(sock, send=TSPEC, receive=True, via=api), api)
    assert [line[0] for line in api.script] == ["open", "send", "close"]
