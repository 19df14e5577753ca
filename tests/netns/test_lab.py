"""The lab itself: sandboxes that leave nothing, and networks whose routes are the shortest."""

from __future__ import annotations

import os
import socket
import time
from ipaddress import ip_address

import pytest

from rsvp.errors import LocalError, Unavailable
from rsvp.lab import Lab, Sandbox
from tests.patience import PATIENCE


@pytest.mark.parametrize(("value", "status"), [(3, 3), (None, 0), (0, 0)])
def test_a_sandbox_has_its_functions_status(value: int | None, status: int) -> None:
    assert Sandbox(lambda: value).wait() == status


def test_an_exception_in_a_sandbox_is_status_1(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError("on purpose")

    assert Sandbox(fail).wait() == 1
    assert "on purpose" in capfd.readouterr().err


def test_a_killed_sandbox_takes_its_processes_along() -> None:
    readable, writable = os.pipe()

    def keep_beating() -> None:
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(writable, b".")
                time.sleep(0.01)
        time.sleep(60)

    with Sandbox(keep_beating) as sandbox:
        os.close(writable)
        assert os.read(readable, 1) == b"."
        sandbox.kill()
    # Nobody has the other end any more: what is in the pipe comes to an end.
    while os.read(readable, 4096):
        pass
    os.close(readable)


def test_a_sandbox_sees_nothing_of_our_network(lab: Lab) -> None:
    def names() -> int:
        return len(os.listdir("/run/netns")) + len(os.listdir("/proc/self/net/dev_snmp6")) * 100

    assert len(os.listdir("/run/netns")) == 4
    assert Sandbox(names).wait() in (100, 0)  # its loopback, or a kernel without IPv6


def test_routes_are_the_shortest_and_do_not_lead_through_hosts() -> None:
    lab = Lab()
    for host in ("a", "b", "c"):
        lab.add_host(host)
    for router in ("r", "s", "t"):
        lab.add_router(router)
    # a and b have a way through the host c, one over r, and a longer one over s and t.
    for one, other in (("a", "c"), ("c", "b"), ("a", "r"), ("r", "b"), ("a", "s"), ("s", "t"), ("t", "b")):
        lab.connect(one, other)
    lab.start()
    a = lab["a"]
    with a.iproute() as ipr:
        ways = {r.get_attr("RTA_DST"): r.get_attr("RTA_OIF") for r in ipr.get_routes(family=2, table=254)}
    assert ways["10.0.4.0"] == a.toward("r").index  # r - b
    assert ways["10.0.6.0"] == a.toward("s").index  # s - t
    assert ways["10.0.7.0"] == a.toward("s").index  # t - b, by its router
    with lab["b"], socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.settimeout(PATIENCE)
        sink.bind(("", 9))
        for far in (lab["b"].toward("r"), lab["b"].toward("t")):
            with a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
                source.sendto(far.name.encode(), (str(far.address), 9))
            assert sink.recv(100) == far.name.encode()


def test_parallel_links_have_names_of_their_own() -> None:
    lab = Lab()
    lab.add_host("a")
    lab.add_host("b")
    lab.connect("a", "b")
    lab.connect("a", "b")
    assert [end.name for end in lab["a"].ends] == ["to-b", "to-b.2"]
    assert lab["a"].toward("b").address == lab["a"].address == ip_address("10.0.1.1")


def test_mistakes_in_a_plan_are_told() -> None:
    lab = Lab()
    lab.add_host("a")
    with pytest.raises(LocalError, match="already"):
        lab.add_host("a")
    with pytest.raises(LocalError, match="1 to 10 characters"):
        lab.add_router("a-name-too-long")
    with pytest.raises(LocalError, match="no link to b"):
        lab["a"].toward("b")
    with pytest.raises(Unavailable, match="/proc/sys"):
        lab["a"].sysctl({"ipv4/no_such_thing": 1})


def test_a_task_returns_bytes_or_fails(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    assert lab["h1"].spawn(lambda: b"done").result() == b"done"
    with pytest.raises(LocalError, match="failed with status 1"):
        lab["h1"].spawn(lambda: bytes(1 // 0)).result()
    assert "ZeroDivisionError" in capfd.readouterr().err
    endless = lab["h1"].spawn(lambda: time.sleep(60) or b"")
    endless.stop()
    endless.stop()
