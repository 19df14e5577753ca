"""Generic QoS over Linux's own sockets: what the kernel says of them, and what then crosses the wire."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp import decode, gqos
from rsvp.control.client import connect
from rsvp.gqos import Address, LinuxSocket
from rsvp.lab import Lab, chain
from rsvp.messages import Path as PathMessage
from tests.patience import PATIENCE, until

from .decoders import tap
from .running import Running

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
LOAD = gqos.FlowSpec(8500, 680, 17000, service_type=2, max_sdu_size=340, minimum_policed_size=340)
WANT = gqos.FlowSpec(service_type=2)


def test_a_sender_and_a_receiver_ported_call_for_call():
    """The events come in the order that section 4.1 gives, and nothing is lost."""
    lab = chain("h1", "r1", "r2", "h2")
    with Running(lab).start_all() as running:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        receiver = lab["h2"].python(
            str(EXAMPLES / "gqos_receiver.py"), "5150", f"--control={running.control('h2')}", **options
        )
        to = str(lab["h2"].address)
        sender = lab["h1"].python(
            *(str(EXAMPLES / "gqos_sender.py"), to, "5150", "--seconds=2"),
            f"--control={running.control('h1')}",
            **options,
        )
        said, _ = sender.communicate(timeout=PATIENCE)
        heard, _ = receiver.communicate(timeout=PATIENCE)
        assert sender.returncode == receiver.returncode == 0, said + heard
        assert said.splitlines() == ["allowed to send: 1", "WSA_QOS_RECEIVERS: 10000 bytes/s"]
        *events, count = heard.splitlines()
        assert count == "received 100 packets"
        names = list(dict.fromkeys(line.partition(":")[0] for line in events))
        assert names == ["WSA_QOS_SENDERS", "WSA_QOS_REQUEST_CONFIRMED", "WSA_QOS_NO_SENDERS"]
        assert events[0] == "WSA_QOS_SENDERS: 10000 bytes/s"


@asynccontextmanager
async def provider(running: Running, name: str) -> AsyncIterator[gqos.Provider]:
    """A provider at a node, through its daemon."""
    async with await connect(running.control(name)) as client, gqos.Provider(client) as made:
        yield made


async def until_status(sock: gqos.Socket, status: gqos.Status) -> gqos.QosEvent:
    async with asyncio.timeout(PATIENCE):
        while (event := await sock.next_event()).status != status:
            pass
    return event


def test_streams_inherit_a_qos(lab: Lab):
    """Scene E6 with real connections: the server sends, its caller reserves."""

    async def story(running: Running) -> None:
        async with provider(running, "h1") as h1, provider(running, "h2") as h2:
            with lab["h1"]:
                listener = h1.socket(kind=socket.SOCK_STREAM)
            with lab["h2"]:
                caller = h2.socket(kind=socket.SOCK_STREAM)
            await listener.bind((str(lab["h1"].address), 8080))
            listener.listen()
            await listener.set_qos(gqos.Qos(sending=LOAD))
            await caller.set_qos(gqos.Qos(receiving=WANT))
            _, server = await asyncio.gather(
                caller.connect((str(lab["h1"].address), 8080)), listener.accept()
            )
            assert server.qos.sending == LOAD
            await until_status(server, gqos.Status.RECEIVERS)
            await server.send(b"hello")
            assert await caller.recv(100) == b"hello"
            tos = server.kernel.socket.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)  # type: ignore[attr-defined]
            assert tos >> 2 == 0x18, "controlled load is marked while it is reserved"
            [sender] = await h1.api.show("senders")
            port = caller.kernel.local().port  # type: ignore[union-attr]
            assert sender["session"] == {"destination": str(lab["h2"].address), "protocol": 6, "port": port}
            await server.close()
            await until_status(caller, gqos.Status.NO_SENDERS)

    with Running(lab).start_all() as running:
        asyncio.run(story(running))


def test_the_ttl_of_a_path_is_the_socket_s(lab: Lab):
    """Scene E8: 63 where nobody set one, and what was set before the join or the next SET_QOS."""

    async def story(running: Running, wire: socket.socket) -> list[int]:
        found = []
        async with provider(running, "h1") as h1:
            with lab["h1"]:
                sock = h1.socket()
            await sock.bind((str(lab["h1"].address), 4000))
            await sock.join_leaf(("239.1.2.3", 5150), gqos.Qos(sending=LOAD), flags=gqos.Join.SENDER_ONLY)
            found.append(await asyncio.to_thread(path_ttl, wire))
            sock.set_multicast_ttl(3)
            await sock.set_qos(gqos.Qos())
            while (ttl := await asyncio.to_thread(path_ttl, wire)) == found[-1]:
                pass  # one more of those before
            found.append(ttl)
        return found

    with Running(lab) as running:
        running.start("h1")
        wire = tap(lab["r1"].toward("h1"))
        with wire:
            assert asyncio.run(story(running, wire)) == [63, 3]


def path_ttl(wire: socket.socket) -> int:
    """The IP TTL of the next Path, which its common header says, too."""
    while True:
        ready, _, _ = select.select([wire], [], [], PATIENCE)
        assert ready, "no Path comes"
        frame = wire.recv(2048)
        header = frame[14:]
        if frame[12:14] != b"\x08\x00" or header[9] != 46:
            continue
        message = decode(header[(header[0] & 15) * 4 : int.from_bytes(header[2:4], "big")])
        if isinstance(message, PathMessage):
            assert message.send_ttl == header[8]
            return header[8]


def test_what_linux_says_of_a_socket():
    """Every answer of `gqos.LinuxSocket`, over loopback."""

    async def story() -> None:
        one, other = (LinuxSocket(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        here = ip_address("127.0.0.1")
        assert (one.local(), one.peer(), one.protocol, one.version) == (None, None, 17, 4)
        one.bind(Address(here, 5599))
        other.bind(Address(here, 0))
        mine, yours = one.local(), other.local()
        assert mine is not None
        assert yours is not None
        await one.connect(yours)
        assert one.peer() == yours
        assert await one.send(b"x", None) == 1
        assert await other.receive(10) == (b"x", mine)
        one.disconnect()
        assert (one.peer(), one.local()) == (None, mine)
        assert await one.send(b"yz", yours) == 2
        assert await other.receive(10) == (b"yz", mine)
        await other.connect(mine)
        other.disconnect()
        assert other.local() is None, "a port that nobody chose goes with the peer"
        assert one.source_for(yours) == here

        assert one.multicast_ttl() == 1
        one.set_multicast_ttl(9)
        assert one.multicast_ttl() == 9
        one.set_multicast_loop(False)
        assert one.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 0
        assert one.multicast_source() is None
        one.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here.packed)
        assert one.multicast_source() == here
        group = ip_address("239.1.2.3")
        one.join(group)
        with pytest.raises(OSError, match="in use"):
            one.join(group)
        one.leave(group)
        one.leave(group)
        one.join(group)

        def marks() -> tuple[int, int]:
            return (
                one.socket.getsockopt(socket.IPPROTO_IP, socket.IP_TOS),
                one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY),
            )

        one.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
        before = marks()
        one.mark(None, None)
        assert marks() == before
        one.mark(46, 5)
        assert marks() == (46 << 2, 5)
        one.mark(10, None)
        assert marks() == (10 << 2, before[1])
        one.mark(None, None)
        assert marks() == before
        pacing = 47  # SO_MAX_PACING_RATE
        one.pace(None)
        one.pace(8500)
        assert one.socket.getsockopt(socket.SOL_SOCKET, pacing) == 8500
        one.pace(None)
        assert one.socket.getsockopt(socket.SOL_SOCKET, pacing, 4) == b"\xff" * 4
        one.shutdown(gqos.Shutdown.BOTH)
        for each in (one, other):
            each.close()

    asyncio.run(story())


def test_what_linux_says_of_an_ipv6_socket_and_a_stream():
    async def story() -> None:
        here = ip_address("::1")
        listener = LinuxSocket(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
        listener.bind(Address(here, 0))
        listener.listen(1)
        place = listener.local()
        assert place is not None
        caller = LinuxSocket(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
        assert (caller.protocol, caller.version) == (6, 6)
        await caller.connect(place)
        answering = await listener.accept()
        assert (answering.peer(), answering.local()) == (caller.local(), place)
        assert await caller.send(b"hi", None) == 2
        assert await answering.receive(10) == (b"hi", caller.local())
        caller.mark(46, 3)
        assert caller.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 46 << 2
        caller.shutdown(gqos.Shutdown.SEND)
        assert await answering.receive(10) == (b"", caller.local())

        member = LinuxSocket(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        assert (member.multicast_ttl(), member.multicast_source()) == (1, None)
        member.set_multicast_ttl(4)
        member.set_multicast_loop(False)
        assert member.multicast_ttl() == 4
        member.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("lo"))
        group = ip_address("ff1e::1")
        member.join(group)
        with pytest.raises(OSError, match="in use"):
            member.join(group)
        member.leave(group)
        for each in (listener, caller, answering, member):
            each.close()

    asyncio.run(story())


def test_fd_qos_is_a_descriptor_for_any_loop(lab: Lab):
    """4.1 with select instead of asyncio, over IPv6: readable once for a change, until it is read."""

    async def story(running: Running) -> None:
        async with provider(running, "h1") as h1, provider(running, "h2") as h2:
            with lab["h2"]:
                receiver = h2.socket(socket.AF_INET6)
            await receiver.bind(("::", 5150))
            await receiver.set_qos(gqos.Qos(receiving=WANT))
            with lab["h1"]:
                sender = h1.socket(socket.AF_INET6)
            await sender.connect((str(lab["h2"].address6), 5150), gqos.Qos(sending=LOAD))
            fd = receiver.events.fileno()
            await asyncio.to_thread(until, lambda: select.select([fd], [], [], 0)[0], "FD_QOS")
            with contextlib.suppress(gqos.WouldBlock):
                while True:
                    receiver.get_qos()
            assert not select.select([fd], [], [], 0)[0]
            await until_status(sender, gqos.Status.RECEIVERS)

    with Running(lab).start_all() as running:
        asyncio.run(story(running))


PACKETS = 15


def test_what_the_kernel_does_with_excess(lab: Lab):
    """2.5: BORROW sends it in idle bandwidth, SHAPE delays it, DISCARD drops it."""
    flow = gqos.FlowSpec(40_000, 2000, service_type=2, max_sdu_size=1000, minimum_policed_size=1000)

    async def story(running: Running) -> None:
        async with provider(running, "h1") as h1, provider(running, "h2") as h2:
            with lab["h2"]:
                receiver = h2.socket()
            await receiver.bind(("0.0.0.0", 5150))
            await receiver.set_qos(gqos.Qos(receiving=WANT))
            with lab["h1"]:
                sender = h1.socket()
            await sender.connect((str(lab["h2"].address), 5150), gqos.Qos(sending=flow))
            await until_status(sender, gqos.Status.RECEIVERS)
            for mode in (gqos.ShapeMode.BORROW, gqos.ShapeMode.SHAPE, gqos.ShapeMode.DISCARD):
                await sender.set_qos(gqos.Qos(provider_specific=(gqos.SdMode(mode),)))
                [before] = await h1.api.show("installed")
                assert lends(before["handle"]) == (mode == gqos.ShapeMode.BORROW)
                for _ in range(PACKETS):
                    await sender.send(bytes(972))
                received = dropped = 0
                while received + dropped < PACKETS:
                    await asyncio.sleep(0.05)
                    [installed] = await h1.api.show("installed")
                    dropped = installed["dropped"] - before["dropped"]
                    with contextlib.suppress(BlockingIOError):
                        while receiver.kernel.socket.recv(2048):  # type: ignore[attr-defined]
                            received += 1
                assert bool(dropped) == (mode == gqos.ShapeMode.DISCARD), mode

    def lends(handle: str) -> bool:
        command = ["tc", "class", "show", "dev", lab["h1"].toward("r1").name]
        shown = lab["h1"].run(command, capture_output=True, text=True, check=True).stdout
        [words] = [line.split() for line in shown.splitlines() if f" {handle} " in line]
        return words[words.index("rate") + 1] != words[words.index("ceil") + 1]

    with Running(lab).start_all() as running:
        asyncio.run(asyncio.wait_for(story(running), PATIENCE))
