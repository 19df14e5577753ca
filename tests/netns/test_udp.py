"""Hosts without raw sockets, RSVP in UDP, and routers that understand both (RFC 2205 appendix C)."""

from __future__ import annotations

import ctypes
import json
import socket
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsvp.lab import SCRATCH, End, Lab
from tests.oracles.tshark import RSVP_IN_UDP
from tests.patience import PATIENCE, until

from . import decoders, smcroute
from .running import Running, stop
from .smcroute import Smcroute

PR_CAPBSET_DROP = 24
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13
PU, PU2 = "1698", "1699"
GROUP = "239.1.1.1"
IN_ITS_OWN = "46"
"""RSVP's IP protocol number, where tshark names no UDP port."""

Seen = Counter[tuple[str, str, str, int, str]]
"""Source, destination, UDP port or protocol 46, IP TTL, message: how many of these a link carried."""


def without_rights() -> None:
    """Give up what RSVP needs, for good: not even root has it after the next exec."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for right in (CAP_NET_ADMIN, CAP_NET_RAW):
        assert prctl(PR_CAPBSET_DROP, right, 0, 0, 0) == 0


class Mixed(Running):
    """Daemons on routers; hosts run the command without any right and without a daemon."""

    speech: dict[str, str]

    def config(self, name: str) -> str:
        text = super().config(name)
        for interface, how in self.speech.items():
            head = f'[interfaces."{interface}"]\n'
            text = text.replace(head, f'{head}encapsulation = "{how}"\n')
        return text

    def host(self, name: str, *words: str) -> subprocess.Popen[str]:
        process = self.lab[name].python(
            *("-m", "rsvp", *words, "--json", "--control", str(SCRATCH / "nobody.sock")),
            *("--timeout", str(PATIENCE)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=without_rights,
        )
        self.applications.append(process)
        return process

    def spoken(self, name: str) -> dict[str, str]:
        return {one["address"]: one["encapsulation"] for one in self.show(name, "neighbors")}


def started(lab: Lab, **speech: str) -> Mixed:
    running = Mixed(lab, refresh=30.0)
    running.speech = {name.replace("_", "-"): how for name, how in speech.items()}
    for name in ("r1", "r2"):
        running.start(name)
    return running


def confirmed(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "confirm":
            return
    raise AssertionError(process.stderr and process.stderr.read())


def seen(tap: socket.socket, tmp_path: Path) -> Seen:
    """What tshark says that a link carried."""
    file = tmp_path / "link.pcap"
    decoders.record([tap], file)
    fields = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.dstport", "ip.ttl", "ipv6.hlim", "rsvp.msg")
    out = subprocess.run(
        ["tshark", "-n", "-r", str(file), *RSVP_IN_UDP, "-Y", "rsvp && !icmp && !icmpv6", "-T", "fields"]
        + [word for name in fields for word in ("-e", name)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: Seen = Counter()
    for line in out.splitlines():
        source, to, source6, to6, port, ttl, limit, message = line.split("\t")
        found[source or source6, to or to6, port or IN_ITS_OWN, int(ttl or limit), message] += 1
    return found


def kinds(found: Seen) -> set[tuple[str, str]]:
    """(Port or protocol, message number) of what was seen; Path is 1, Resv 2, ResvConf 7."""
    return {(port, message) for _, _, port, _, message in found}


@pytest.fixture(autouse=True)
def judge() -> None:
    decoders.require()


@pytest.mark.parametrize("version", [4, 6])
def test_two_hosts_without_rights_reserve_through_raw_routers(lab: Lab, tmp_path: Path, version: int) -> None:
    """h1 announces and so is heard; h2 only receives, so r2 has to be told (the failure mode it names)."""

    def address(end: End) -> str:
        return str(end.address if version == 4 else end.address6)

    ends = {(one, other): lab[one].toward(other) for one, other in (("h1", "r1"), ("r1", "r2"), ("r2", "h2"))}
    with started(lab, to_h2="both") as running:
        taps = {place: decoders.tap(end) for place, end in ends.items()}
        h1, h2 = address(lab["h1"].ends[0]), address(lab["h2"].ends[0])
        text = h2 if version == 4 else f"[{h2}]"
        receiver = running.host("h2", "reserve", f"{text}:5000", "--style", "ff", "--confirm")
        sender = running.host("h1", "send", f"{text}:5000", "--source", "4000", "--rate", "1mbit")
        confirmed(receiver)
        assert len(running.show("r1", "installed")) == len(running.show("r2", "installed")) == 1
        r1, r2 = address(lab["r1"].toward("h1")), address(lab["r2"].toward("h2"))
        assert running.spoken("r1")[h1] == "udp"
        assert running.spoken("r2")[h2] == "udp"
        assert set(running.spoken("r1").values()) == {"udp", "ip"}
        stop(receiver)  # first, or the PathTear takes the reservation along
        stop(sender)
        until(lambda: not running.show("r2", "senders"), "torn down")
        first, middle, last = (seen(taps[place], tmp_path) for place in ends)

    assert kinds(middle) >= {(IN_ITS_OWN, "1"), (IN_ITS_OWN, "2")}
    assert {port for port, _ in kinds(middle)} == {IN_ITS_OWN}, "between routers RSVP goes by itself"
    assert (h1, r1, PU, 1, "1") in first, "a Path to the first router, which does not leave the link"
    assert (r1, h1, PU2, 1, "2") in first, "answered at the other port"
    assert {port for port, _ in kinds(first)} == {PU, PU2}
    assert (r2, h2, PU2, 1, "1") in last
    assert (h2, r2, PU, 1, "2") in last
    assert (h2, r2, PU, 1, "6") in last, "a ResvTear"
    assert (IN_ITS_OWN, "1") in kinds(last), "both, as it was told"


def test_a_group(lab: Lab, tmp_path: Path) -> None:
    """From a host to G*, from a router to the group itself, of which the application is a member."""
    smcroute.require()
    with Smcroute(lab, "r1", "r2") as routers, started(lab, to_h2="both") as running:
        h1, h2 = str(lab["h1"].address), str(lab["h2"].address)
        routers.route("r1", GROUP, h1, "h1", "r2")
        routers.route("r2", GROUP, h1, "r1", "h2")
        taps = [decoders.tap(lab["r1"].toward("h1")), decoders.tap(lab["r2"].toward("h2"))]
        for name in ("h1", "h2"):
            route = ["ip", "route", "add", "239.0.0.0/8", "dev", lab[name].ends[0].name]
            lab[name].run(route, check=True)
        to = f"{GROUP}:5000"
        receiver = running.host("h2", "reserve", to, "--style", "wf", "--rate", "1mbit", "--confirm")
        announced = ("--source", f"{h1}:4000", "--rate", "1mbit", "--ttl", "9")
        sender = running.host("h1", "send", to, *announced)
        confirmed(receiver)
        assert running.spoken("r1")[h1] == "udp"
        assert running.spoken("r2")[h2] == "udp"
        stop(receiver, sender)
        first, last = (seen(tap, tmp_path) for tap in taps)
    assert (h1, "224.0.0.14", PU, 1, "1") in first
    assert (str(lab["r2"].toward("h2").address), GROUP, PU2, 1, "1") in last, "it does not leave the link"
    assert any(
        (source, to, port, message) == (h1, GROUP, IN_ITS_OWN, "1") for source, to, port, _, message in last
    ), "and by itself, for hosts that can"


def test_the_host_says_what_it_does_and_one_of_its_processes_does_it(lab: Lab) -> None:
    running = Mixed(lab)
    running.speech = {}
    with running:
        to = f"{lab['h2'].address}:5000"
        first = running.host("h1", "send", to, "--source", "4000", "--rate", "1mbit")
        assert first.stderr is not None
        said = first.stderr.readline()
        assert "no right to open raw sockets" in said
        assert "UDP" in said
        second = running.host("h1", "send", to, "--source", "4001", "--rate", "1mbit")
        _, complaint = second.communicate()
        assert second.returncode == 1
        assert "another process has UDP port 1698" in complaint
        assert "Traceback" not in complaint


def test_an_interface_that_is_to_be_raw_hears_no_udp(lab: Lab) -> None:
    with started(lab, to_h1="raw") as running:
        announced = ("--source", "4000", "--rate", "1mbit")
        sender = running.host("h1", "send", f"{lab['h2'].address}:5000", *announced)
        until(lambda: sender.poll() is None and udp_received(lab, "r1"), "what it sends has come")
        assert running.show("r1", "senders") == []
        assert running.received("r1", "Path") == 0


def udp_received(lab: Lab, name: str) -> int:
    """How many UDP datagrams a node's sockets were given."""
    text = lab[name].run(["cat", "/proc/net/snmp"], capture_output=True, text=True).stdout
    rows = [line.split() for line in text.splitlines() if line.startswith("Udp:")]
    values: dict[str, Any] = dict(zip(*rows, strict=True))
    return int(values["InDatagrams"])


def test_a_raw_neighbour_is_answered_in_ip_also_where_others_speak_udp(lab: Lab, tmp_path: Path) -> None:
    """h2 speaks UDP, then a daemon with all its rights is started there: what was heard last counts."""
    to = f"{lab['h2'].address}:5000"
    with started(lab, to_h2="heard") as running:
        first = running.host("h2", "send", f"{lab['h1'].address}:7", "--source", "8", "--rate", "1mbit")
        until(lambda: running.spoken("r2").get(str(lab["h2"].address)) == "udp", "heard in UDP")
        stop(first)
        for name in ("h1", "h2"):
            running.start(name)
        tap = decoders.tap(lab["r2"].toward("h2"))
        limit = ("--timeout", str(PATIENCE))
        sender = running.application("h1", "send", to, "--source", "4000", "--rate", "1mbit", *limit)
        receiver = running.application("h2", "reserve", to, "--style", "ff", "--confirm", *limit)
        confirmed(receiver)
        assert running.spoken("r2")[str(lab["h2"].address)] == "ip"
        stop(receiver, sender)
        found = seen(tap, tmp_path)
    assert kinds(found) >= {(IN_ITS_OWN, "1"), (PU2, "1"), (IN_ITS_OWN, "2")}, "a Path goes both ways"
    assert (PU, "2") not in kinds(found)


class FarAway(Mixed):
    """h1 runs a daemon without any right; what is next to it, r1, knows nothing of RSVP, and r2 does."""

    first_routers: str

    def config(self, name: str) -> str:
        text = super().config(name)
        told = f"first_routers = {self.first_routers}\nfirst_router_ttl = 2\n"
        return told + text if name == "h1" else text

    def _preparation(self, name: str) -> Callable[[], None] | None:
        return without_rights if name == "h1" else None


@pytest.mark.parametrize("version", [4, 6])
def test_a_first_router_that_is_not_on_the_link(lab: Lab, tmp_path: Path, version: int) -> None:
    def address(end: End) -> str:
        return str(end.address if version == 4 else end.address6)

    h1, h2 = (address(lab[name].ends[0]) for name in ("h1", "h2"))
    far = lab["r2"].toward("r1")
    running = FarAway(lab, refresh=30.0)
    running.speech, running.first_routers = {}, json.dumps([str(far.address), str(far.address6)])
    with running:
        running.start("h1", "r2", "h2")
        taps = [decoders.tap(lab[one].toward(other)) for one, other in (("h1", "r1"), ("r1", "r2"))]
        for one, other, to in (("h1", "h2", h2), ("h2", "h1", h1)):
            text = to if version == 4 else f"[{to}]"
            limit = ("--timeout", str(PATIENCE))
            announced = ("--source", "4000", "--rate", "1mbit")
            sender = running.application(one, "send", f"{text}:5000", *announced, *limit)
            receiver = running.application(
                other, "reserve", f"{text}:5000", "--style", "ff", "--confirm", *limit
            )
            confirmed(receiver)
            assert len(running.show("r2", "installed")) == 1
            stop(receiver, sender)
            until(lambda: not running.show("r2", "senders"), "torn down")
        assert running.spoken("r2")[h1] == "udp"
        first, middle = (seen(tap, tmp_path) for tap in taps)
    ra = address(far)
    assert {(to, ttl) for source, to, port, ttl, _ in first if port == PU} == {(ra, 2)}
    assert {(to, ttl) for source, to, port, ttl, _ in middle if port == PU} == {(ra, 1)}
    assert {(source, to) for source, to, port, _, _ in first if port == PU2} == {(ra, h1)}
    assert {message for _, _, port, _, message in first if port == PU2} >= {"1", "2", "7"}
