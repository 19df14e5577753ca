"""Whole daemons over IPv6, real sockets, real routing, real HTB: h1 - r1 - r2 - h2, R = 1 s."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from ipaddress import IPv6Address

import pytest

from rsvp.control.client import Client, connect
from rsvp.engine.outputs import PathEvent, ResvConfirmed
from rsvp.intserv import Tspec, controlled_load
from rsvp.lab import SCRATCH, Lab
from rsvp.messages import Flow
from rsvp.objects import FF, FlowLabelFilterSpec, Session
from tests.patience import PATIENCE, until

from . import decoders, judge
from .running import Running, stop
from .test_raw6 import link_local

H1, H2 = "fd00:1::1", "fd00:3::2"
SESSION = {"destination": H2, "protocol": 17, "port": 5000}
SENDER = {"address": H1, "port": 4000}


@pytest.fixture
def running(lab: Lab) -> Iterator[Running]:
    with Running(lab) as all_of_it:
        yield all_of_it.start_all()


def reserved(running: Running, *words: str) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    """Sender and receiver, once the reservation is confirmed."""
    sending = running.application("h1", "send", f"[{H2}]:5000", "--source", "4000", "--rate", "1mbit")
    receiving = running.application("h2", "reserve", f"[{H2}]:5000", "--style", "ff", "--confirm", *words)
    assert receiving.stdout is not None
    for line in receiving.stdout:
        if json.loads(line)["event"] == "confirm":
            return sending, receiving
    raise AssertionError(f"no confirmation: {receiving.stderr and receiving.stderr.read()}")


def test_a_reservation_hop_by_hop(running, lab):
    sending, receiving = reserved(running)
    for name, near in (("h1", None), ("r1", "h1"), ("r2", "r1"), ("h2", "r2")):
        (sender,) = running.show(name, "senders")
        assert (sender["session"], sender["sender"]) == (SESSION, SENDER)
        if near is None:
            assert sender["phop"] is None
        else:
            assert sender["phop"] == str(lab[near].toward(name).address6)
            assert sender["interface"] == f"to-{near}"
        (reservation,) = running.show(name, "reservations")
        assert (reservation["session"], reservation["filters"]) == (SESSION, [SENDER])
    assert running.received("h2", "ResvConf") == 1, "sent to an address beyond the link"
    (sender,) = running.show("h2", "senders")
    assert sender["adspec"]["general"]["is_hops"] == 3
    for name in lab.nodes:
        addresses = [neighbor["address"] for neighbor in running.show(name, "neighbors")]
        assert len(addresses) == len(lab[name].ends), "nobody has two addresses on one link"
    for name, far in (("h1", "r1"), ("r1", "r2"), ("r2", "h2")):
        (installed,) = running.show(name, "installed")
        assert installed["interface"] == f"to-{far}"
        assert installed["handle"] in judge.classes(lab[name].toward(far))

    send_udp(lab, 20)
    until(lambda: running.show("r1", "installed")[0]["packets"] == 20, "packets classified at r1")
    assert running.show("r2", "installed")[0]["packets"] == 20

    receiving.send_signal(signal.SIGINT)
    until(lambda: not running.show("h1", "reservations"), "the reservation is gone at the far end")
    assert running.received("h1", "ResvTear") == 1
    assert set(judge.classes(lab["r1"].toward("r2"))) == judge.STANDING
    sending.send_signal(signal.SIGINT)
    until(lambda: not running.show("h2", "sessions"), "nothing is left")
    assert running.received("h2", "PathTear") == 1


FLOWLABEL_MGR, FLOWINFO_SEND = 32, 33
FLOW_LABEL_REQUEST = struct.Struct("=16s4sBBHHHI")
GET, SHARE_WITH_ANY, CREATE = 0, 255, 1


def send_udp(lab: Lab, count: int, flow_label: int = 0) -> None:
    """Send packets of the flow from h1 to h2."""
    with lab["h1"], socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind((H1, 4000))
        if flow_label:
            label = struct.pack("!I", flow_label)
            to = IPv6Address(H2).packed
            lease = FLOW_LABEL_REQUEST.pack(to, label, GET, SHARE_WITH_ANY, CREATE, 0, 0, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, FLOWLABEL_MGR, lease)
            sock.setsockopt(socket.IPPROTO_IPV6, FLOWINFO_SEND, 1)
        for _ in range(count):
            sock.sendto(bytes(100), (H2, 5000, flow_label, 0))


def test_a_flow_is_told_by_its_label(running, lab):
    """FILTER_SPEC with a flow label: the ports of the packets do not matter, their label does."""
    label = 0x12345
    one = FlowLabelFilterSpec(IPv6Address(H1), label)
    session = Session(IPv6Address(H2), 17, 5000)
    tspec = Tspec(125_000.0, 12_500.0, M=1000)

    async def story() -> None:
        async with await connect(running.control("h1")) as h1, await connect(running.control("h2")) as h2:
            await h1.add_sender(await h1.open_session(session), one, tspec)
            receiving = await h2.open_session(session)
            events = h2.events(receiving)
            path = await anext(events)
            assert isinstance(path, PathEvent)
            assert path.sender.template == one
            await h2.reserve(receiving, FF, (Flow(controlled_load(tspec), (one,)),), confirm=True)
            while not isinstance(await anext(events), ResvConfirmed):
                pass
            async with await connect(running.control("r1")) as r1:
                await count(r1)

    async def count(r1: Client) -> None:
        (before,) = await r1.show("installed")
        assert before["filters"] == [{"address": H1, "flow_label": label}]
        send_udp(lab, 3)
        send_udp(lab, 7, label + 1)
        send_udp(lab, 5, label)
        end, handle = lab["r1"].toward("r2"), before["handle"]
        until(lambda: judge.classes(end)[handle].packets >= 5, "packets with the label")
        assert judge.classes(end)[handle].packets == 5

    asyncio.run(story())


def test_too_much_is_refused_hop_by_hop(running):
    sending = running.application("h1", "send", f"[{H2}]:5000", "--source", "4000", "--rate", "9mbit")
    words = ("reserve", f"[{H2}]:5000", "--style", "ff", "--rate", "9mbit", "--count", "3")
    receiving = running.application("h2", *words)
    out, _ = receiving.communicate(timeout=PATIENCE)
    errors = [event for event in map(json.loads, out.splitlines()) if event["event"] == "resv_error"]
    assert (errors[0]["code"], errors[0]["value"]) == (1, 2)
    assert "bandwidth unavailable" in errors[0]["text"]
    assert not IPv6Address(errors[0]["node"]).is_link_local, "an address that means something here"
    stop(sending)


def test_both_versions_on_the_same_interfaces(running, lab):
    six = reserved(running)
    four = running.reserved()
    for name, far in (("h1", "r1"), ("r1", "r2"), ("r2", "h2")):
        installed = running.show(name, "installed")
        assert {one["session"]["destination"] for one in installed} == {H2, str(lab["h2"].address)}
        assert {one["interface"] for one in installed} == {f"to-{far}"}
        (interface,) = [one for one in running.show(name, "interfaces") if one["name"] == f"to-{far}"]
        assert (interface["reserved"], interface["flows"]) == (250_000, 2)
    stop(*six, *four)
    until(lambda: not running.show("h2", "sessions"), "nothing is left")


def test_routers_joined_by_link_local_addresses_alone(lab):
    """As RFC 7404 has it: no other address on the link between them."""
    near, far = lab["r1"].toward("r2"), lab["r2"].toward("r1")
    for one, other, beyond in ((near, far, lab.cables[2]), (far, near, lab.cables[0])):
        with one.node.iproute() as ipr:
            ipr.addr("del", index=one.index, address=str(one.address6), prefixlen=64)
            way = {"dst": str(beyond.network6), "gateway": str(link_local(other)), "oif": one.index}
            ipr.route("replace", **way)
    with Running(lab) as running:
        running.start_all()
        sending, receiving = reserved(running)
        for name, out in (("r1", near), ("r2", lab["r2"].toward("h2"))):
            (installed,) = running.show(name, "installed")
            assert installed["interface"] == out.name
        (sender,) = running.show("r2", "senders")
        assert sender["phop"] == str(link_local(near))
        stop(sending, receiving)
        until(lambda: not running.show("h2", "sessions"), "nothing is left")


def test_a_router_without_rsvp_in_between(lab):
    """Its neighbours find each other across it (RFC 2205 section 2.9)."""
    with Running(lab) as running:
        for name in ("h1", "r1", "h2"):
            running.start(name)
        sending, receiving = reserved(running)
        (sender,) = running.show("h2", "senders")
        assert sender["phop"] == str(lab["r1"].toward("r2").address6)
        assert sender["adspec"]["general"]["is_hops"] == 2, "h1 and r1"
        (installed,) = running.show("r1", "installed")
        assert installed["interface"] == "to-r2"
        stop(sending, receiving)
        until(lambda: not running.show("h2", "sessions"), "nothing is left")


def test_what_a_crash_left_comes_back_from_the_neighbours(running, lab):
    sending, receiving = reserved(running)
    running.end("r1", signal.SIGKILL)
    assert "2e:10" in judge.classes(lab["r1"].toward("r2"))
    running.start("r1")
    until(lambda: running.show("r1", "installed"), "the reservation is back")
    assert set(judge.classes(lab["r1"].toward("r2"))) == judge.STANDING | {"2e:10"}
    stop(sending, receiving)


def test_tshark_and_tcpdump_find_no_fault(running, lab):
    """Everything that two hosts and two routers send each other on the links of r2."""
    decoders.require()
    file = SCRATCH / "link.pcap"
    taps = [decoders.tap(end) for end in lab["r2"].ends]
    sending, receiving = reserved(running)
    stop(receiving)
    words = ("--style", "ff", "--service", "rate", "--rate", "20mbit", "--count", "2")
    refused = running.application("h2", "reserve", f"[{H2}]:5000", *words)
    out, _ = refused.communicate(timeout=PATIENCE)
    assert "resv_error" in out
    stop(sending)
    until(lambda: not running.show("h2", "sessions"), "the PathTear has passed")
    decoders.record(taps, file)
    decoders.find_no_fault(file)
