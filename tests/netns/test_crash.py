"""What a killed daemon leaves in the kernel goes on working, is taken up again, or is swept away."""

from __future__ import annotations

import math
import os
import signal
import socket
from dataclasses import replace
from functools import partial
from ipaddress import ip_address

import pytest
from pyroute2.netlink.nfnetlink.nftsocket import NFPROTO_NETDEV
from pyroute2.nftables.main import NFTables

from rsvp.demo.traffic import discard, listen, send_flow
from rsvp.errors import LocalError
from rsvp.iana import Service
from rsvp.intserv import controlled_load
from rsvp.lab import End, Lab
from rsvp.objects import FilterSpec, Session
from rsvp.tc import Flow
from tests.patience import until

from . import judge
from .running import Running, stop
from .verbs import HtbTrafficControl

pytestmark = pytest.mark.alone

LINK = 1.25e6
SOURCE, DESTINATION = "10.0.1.1", "10.0.3.2"
MARKS = {int(Service.CONTROLLED_LOAD): 34}


def flow(handle: int, port: int = 5000, senders: tuple[int, ...] = (4000,)) -> Flow:
    filters = tuple(FilterSpec(ip_address(SOURCE), one) for one in senders)
    return Flow(handle, Session(ip_address(DESTINATION), 17, port), filters, controlled_load(125_000.0))


def control(end: End) -> HtbTrafficControl:
    with end.node:
        control = HtbTrafficControl()
        control.open_interface(end.index, end.name, LINK, 1500)
    return control


def crashed(lab: Lab, *flows: Flow) -> End:
    """r1's interface to r2 after a process installed reservations and was killed."""
    end = lab["r1"].toward("r2")

    def run() -> bytes:
        traffic = control(end)
        for one in flows:
            traffic.add_flow(end.index, one)
        os.kill(os.getpid(), signal.SIGKILL)
        return b"alive"

    with pytest.raises(LocalError, match="-9"):
        lab["r1"].spawn(run).result()
    return end


def send(lab: Lab, port: int = 5000, source: int = 4000, count: int = 1) -> None:
    """UDP packets from h1 that have arrived at h2, and been counted at r1."""
    with lab["h2"], socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((DESTINATION, port))
        with lab["h1"], socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((SOURCE, source))
            for _ in range(count):
                sock.sendto(bytes(100), (DESTINATION, port))
        for _ in range(count):
            sink.recv(4096)


def test_a_reservation_that_comes_back_takes_up_its_class(lab: Lab) -> None:
    end = crashed(lab, flow(1), flow(2, 5001))
    send(lab, count=5)
    traffic = control(end)
    send(lab, count=5)
    assert judge.classes(end)["2e:10"].packets == 10
    # Handles are new, and so is the order; a Tspec may have changed meanwhile.
    traffic.add_flow(end.index, flow(31, 5001))
    traffic.add_flow(end.index, replace(flow(32), flowspec=controlled_load(200_000.0, m=1000)))
    assert traffic.kernel_handle(end.index, 32) == "2e:10"
    assert traffic.kernel_handle(end.index, 31) == "2e:11"
    assert judge.rate(end, "2e:10") == 202_800
    traffic.sweep(end.index)
    send(lab, count=5)
    assert traffic.counters(end.index)[32].packets == 15
    assert sorted(judge.filters(end)) == ["2e:10", "2e:11"]
    traffic.close()
    assert not judge.filters(end)


def test_what_nobody_comes_back_to_is_swept(lab: Lab) -> None:
    end = crashed(lab, flow(1), flow(2, 5001), flow(3, 5002))
    rate = judge.rate(end, "2e:4")
    traffic = control(end)
    traffic.add_flow(end.index, flow(7, 5001))
    assert judge.rate(end, "2e:4") == pytest.approx(rate, abs=2), "what is left counts until it is swept"
    traffic.sweep(end.index)
    assert set(judge.classes(end)) == judge.STANDING | {"2e:11"}
    assert judge.filters(end) == ["2e:11"]
    traffic.delete_flow(end.index, 7)
    assert judge.rate(end, "2e:4") == round(LINK)
    traffic.add_flow(end.index, flow(8))
    assert set(judge.classes(end)) == judge.STANDING | {str(traffic.kernel_handle(end.index, 8))}
    traffic.close()


def test_a_new_reservation_gets_no_class_that_somebody_may_come_back_to(lab: Lab) -> None:
    end = crashed(lab, flow(1), flow(2, 5001))
    traffic = control(end)
    traffic.add_flow(end.index, flow(7, 6000))
    assert traffic.kernel_handle(end.index, 7) == "2e:12"
    traffic.close()


def test_senders_that_shared_a_class_come_back_one_by_one(lab: Lab) -> None:
    end = crashed(lab, flow(1, senders=(4000, 4001, 4002)))
    traffic = control(end)
    traffic.add_flow(end.index, flow(7, senders=(4000,)))
    send(lab, source=4001)
    traffic.add_filter(end.index, 7, flow(7).session, FilterSpec(ip_address(SOURCE), 4001))
    assert traffic.counters(end.index)[7].packets == 1
    assert len(judge.filters(end)) == 3
    traffic.sweep(end.index)
    assert len(judge.filters(end)) == 2
    traffic.close()


def test_with_an_adopted_class_goes_whatever_still_led_to_it(lab: Lab) -> None:
    """Else the next reservation with that class would carry packets that nobody reserved for."""
    end = crashed(lab, flow(1, senders=(4000, 4001)))
    traffic = control(end)
    traffic.add_flow(end.index, flow(7, senders=(4000,)))
    traffic.delete_flow(end.index, 7)
    assert judge.filters(end) == []
    traffic.add_flow(end.index, flow(8, 6000))
    send(lab, source=4001)
    assert traffic.counters(end.index)[8].packets == 0
    traffic.close()


def test_ruins_are_cleared(lab: Lab) -> None:
    """What is not whole any more is nothing to go on with."""
    end = crashed(lab, flow(1))
    with end.node, NFTables(nfgen_family=NFPROTO_NETDEV) as nft:
        nft.table("del", name=f"rsvp-{end.name}")
    traffic = control(end)
    assert set(judge.classes(end)) == judge.STANDING
    traffic.add_flow(end.index, flow(7))
    send(lab)
    assert traffic.counters(end.index)[7].packets == 1
    traffic.close()


def test_a_bandwidth_that_changed_meanwhile(lab: Lab) -> None:
    end = crashed(lab, flow(1))
    with end.node:
        traffic = HtbTrafficControl()
        traffic.open_interface(end.index, end.name, 2 * LINK, 1500)
    assert judge.rate(end, "2e:1") == 2 * LINK
    traffic.open_interface(end.index, end.name, math.inf, 1500)
    assert not judge.classes(end)
    traffic.close()


class TestDaemon:
    """kill -9 of a router's daemon, and a new one: h1 - r1 - r2 - h2."""

    def test_the_flow_never_leaves_its_class(self, lab: Lab) -> None:
        end = lab["r1"].toward("r2")
        with Running(lab) as running:
            for name in lab.nodes:
                # The router's R is its patience with what it finds; its neighbours' is 1 s.
                running.refresh = 10.0 if name == "r1" else 1.0
                running.start(name)
            applications = running.reserved()
            (before,) = running.show("r1", "installed")
            to = (str(lab["h2"].address), 5000)
            with lab["h2"], listen(to) as sock:
                sink = lab["h2"].spawn(partial(discard, sock))
            source = (str(lab["h1"].address), 4000)
            flow = lab["h1"].spawn(partial(send_flow, source, to, 50_000.0, 500, math.inf))
            carried = partial(lambda: judge.classes(end)[before["handle"]])
            until(lambda: carried().packets > 50, "data in its class")
            running.end("r1", signal.SIGKILL)
            alone = carried().packets
            until(lambda: carried().packets > alone + 50, "data in its class without a daemon")
            running.refresh = 10.0
            running.start("r1")
            until(lambda: running.show("r1", "installed"), "the reservation is back")
            (after,) = running.show("r1", "installed")
            until(lambda: carried().packets > after["packets"] + 50, "data in its class afterwards")
            flow.stop()
            sink.stop()
            stop(*applications)
            assert (after["handle"], after["filters"]) == (before["handle"], before["filters"])
            assert after["packets"] > alone, "the same class, and it never stopped counting"

    def test_what_is_gone_when_it_comes_back_is_removed(self, lab: Lab) -> None:
        end = lab["r1"].toward("r2")
        with Running(lab) as running:
            running.start_all()
            applications = running.reserved()
            running.end("r1", signal.SIGKILL)
            stop(*applications)
            assert "2e:10" in judge.classes(end)
            running.start("r1")
            until(lambda: set(judge.classes(end)) == judge.STANDING, "nothing left")
            assert judge.filters(end) == []
            assert running.end("r1") == 0
            assert not judge.classes(end)


def tables(end: End) -> set[str]:
    with end.node, NFTables(nfgen_family=NFPROTO_NETDEV) as nft:
        return {str(table.get_attr("NFTA_TABLE_NAME")) for table in nft.get_tables()}


def rename(lab: Lab, end: End, name: str) -> None:
    for words in (("down",), ("name", name)):
        end.node.run(["ip", "link", "set", end.name, *words], check=True)
    end.node.run(["ip", "link", "set", name, "up"], check=True)
    end.node.run(
        ["ip", "route", "replace", DESTINATION, "via", str(lab["r2"].toward("r1").address)], check=True
    )


def test_an_interface_that_was_renamed_meanwhile_begins_anew(lab: Lab) -> None:
    """Its classes have stayed its own; the rules bear its old name, and would stay for ever."""
    end = crashed(lab, flow(1))
    rename(lab, end, "uplink")
    with end.node:
        traffic = HtbTrafficControl()
        traffic.open_interface(end.index, "uplink", LINK, 1500)
    assert tables(end) == {"rsvp-uplink"}
    traffic.add_flow(end.index, flow(2))
    send(lab)
    assert traffic.counters(end.index)[2].packets == 1
    traffic.close()
    assert tables(end) == set()


@pytest.mark.parametrize("shape", [True, False], ids=["shaped", "counted"])
def test_an_interface_that_is_renamed_in_use_takes_its_rules_along(lab: Lab, shape: bool) -> None:
    end = lab["r1"].toward("r2")
    with end.node:
        traffic = HtbTrafficControl()
        traffic.open_interface(end.index, end.name, LINK, 1500, shape=shape, marks=MARKS)
    traffic.add_flow(end.index, flow(1))
    before = tables(end)
    rename(lab, end, "uplink")
    with end.node:
        traffic.open_interface(end.index, "uplink", LINK, 1500, shape=shape, marks=MARKS)
    traffic.settle()
    assert tables(end) == {one.replace(end.name, "uplink") for one in before}
    send(lab)
    assert traffic.counters(end.index)[1].packets == 1
    traffic.close()
    assert tables(end) == set()
