"""Whole daemons on real sockets, real routing and real HTB: h1 - r1 - h2, R = 1 s."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from rsvp import encode
from rsvp.engine import lifetime
from rsvp.iana import ROUTER_ALERT
from rsvp.intserv import Tspec
from rsvp.lab import SCRATCH, Lab, chain
from rsvp.messages import Path as PathMessage
from rsvp.messages import Sender
from rsvp.objects import FilterSpec, Hop, Session, TimeValues
from tests.patience import PATIENCE, until

from . import decoders, judge
from .running import Running, stop

L = lifetime(1.0, 3)


@pytest.fixture
def lab() -> Lab:
    return chain("h1", "r1", "h2")


@pytest.fixture
def running(lab: Lab) -> Iterator[Running]:
    with Running(lab) as all_of_it:
        yield all_of_it.start_all()


class TestReservation:
    def test_every_node_tells_the_same_story(self, running, lab):
        sending, receiving = running.reserved()
        session = {"destination": str(lab["h2"].address), "protocol": 17, "port": 5000}
        who = {"address": str(lab["h1"].address), "port": 4000}
        for name, phop in (("h1", None), ("r1", who["address"]), ("h2", str(lab["r1"].toward("h2").address))):
            (sender,) = running.show(name, "senders")
            assert (sender["session"], sender["sender"], sender["phop"]) == (session, who, phop)
            assert sender["tspec"]["r"] == 125_000
            (reservation,) = running.show(name, "reservations")
            assert (reservation["session"], reservation["style"]) == (session, "FF")
            assert reservation["filters"] == [who]
            shown = running.cli(name, "show", "sessions", "--json")
            (view,) = json.loads(shown.stdout)["sessions"]
            assert (view["senders"], view["reservations"], view["style"]) == (1, 1, "FF")
        for name, out in (("h1", "to-r1"), ("r1", "to-h2")):
            (installed,) = running.show(name, "installed")
            assert (installed["interface"], installed["filters"]) == (out, [who])
            assert installed["handle"] in judge.classes(lab[name].toward(out[3:]))
            interfaces = {one["name"]: one for one in running.show(name, "interfaces")}
            assert interfaces[out]["reserved"] == 125_000
        assert running.show("h2", "installed") == []
        (adspec,) = [s["adspec"] for s in running.show("h2", "senders")]
        assert adspec["general"]["is_hops"] == 2
        stop(sending, receiving)

    def test_stands_through_five_refresh_periods_in_the_same_class(self, running, lab):
        """Nothing is torn down and put back: the class keeps counting."""
        sending, receiving = running.reserved()
        (before,) = running.show("r1", "installed")
        with lab["h1"], socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("", 4000))
            for _ in range(50):
                sock.sendto(bytes(100), (str(lab["h2"].address), 5000))
        until(lambda: running.show("r1", "installed")[0]["packets"] >= 50, "packets counted")
        heard = running.received("r1", "Resv")
        until(lambda: running.received("r1", "Resv") >= heard + 5, "five refreshes of the reservation")
        (after,) = running.show("r1", "installed")
        assert after["handle"] == before["handle"]
        assert after["packets"] >= 50
        (reservation,) = running.show("r1", "reservations")
        assert 0 < reservation["expires_in"] <= L
        (counters,) = [c for c in running.show("r1", "counters") if c["interface"] == "to-h2"]
        assert counters["errors"] == {}
        stop(sending, receiving)

    def test_one_end_dies(self, running, lab):
        """SIGKILL: gone within the computed lifetime, with its class."""
        sending, _ = running.reserved()
        running.end("h2", signal.SIGKILL)
        began = time.monotonic()
        (reservation,) = running.show("r1", "reservations")
        assert 0 < reservation["expires_in"] <= L
        until(lambda: not running.show("r1", "reservations"), "r1 forgets the reservation")
        assert time.monotonic() - began >= reservation["expires_in"], "not before its time"
        assert running.show("r1", "installed") == []
        assert set(judge.classes(lab["r1"].toward("h2"))) == judge.STANDING
        until(lambda: not running.show("h1", "reservations"), "and so does h1")
        assert running.received("h1", "ResvTear") == 1, "told, not timed out"
        stop(sending)

    def test_torn_down_at_once(self, running, lab):
        """By messages: nothing has to time out."""
        sending, receiving = running.reserved()
        receiving.send_signal(signal.SIGINT)
        until(lambda: not running.show("h1", "reservations"), "the reservation is gone at the far end")
        assert running.received("h1", "ResvTear") == 1
        assert running.show("r1", "installed") == []
        sending.send_signal(signal.SIGINT)
        until(lambda: not running.show("h2", "sessions"), "nothing is left")
        assert running.received("h2", "PathTear") == 1
        assert [running.show(name, "sessions") for name in ("h1", "r1")] == [[], []]
        assert sending.wait(PATIENCE) == receiving.wait(PATIENCE) == 0

    def test_the_application_dies(self, running):
        """Its daemon tears down what it made."""
        sending, receiving = running.reserved()
        receiving.kill()
        until(lambda: not running.show("h1", "reservations"), "the reservation is gone")
        assert running.received("h1", "ResvTear") == 1
        sending.kill()
        until(lambda: not running.show("h2", "sessions"), "nothing is left")
        assert running.received("h2", "PathTear") == 1

    def test_without_a_daemon_the_command_is_the_node(self, lab):
        """`rsvp send` and `rsvp reserve` run RSVP themselves; r1 has a daemon."""
        with Running(lab) as running:
            running.start("r1")
            sending, receiving = running.reserved()
            assert len(running.show("r1", "installed")) == 1
            stop(sending, receiving)
            until(lambda: not running.show("r1", "sessions"), "nothing is left")
            assert running.received("r1", "PathTear") == 1

    def test_too_much_is_refused_in_words(self, running):
        sending = running.send("--rate", "9mbit")
        receiving = running.reserve("--rate", "9mbit", "--count", "3")
        out, _ = receiving.communicate(timeout=PATIENCE)
        errors = [e for e in map(json.loads, out.splitlines()) if e["event"] == "resv_error"]
        assert (errors[0]["code"], errors[0]["value"]) == (1, 2)
        assert "bandwidth unavailable" in errors[0]["text"]
        assert running.show("r1", "installed") == []
        stop(sending)

    @pytest.mark.parametrize(("words", "ttl"), [((), 63), (("--ttl", "3"), 3)])
    def test_ttl_of_the_messages_is_the_applications(self, running, lab, words, ttl):
        with lab["r1"]:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        sock.bind(("to-h1", 0x0800))
        sock.settimeout(PATIENCE)
        sending = running.send(*words)
        packet = sock.recv(2000)
        while packet[9] != 46:
            packet = sock.recv(2000)
        header = (packet[0] & 15) * 4
        assert packet[20:24] == ROUTER_ALERT
        assert packet[8] == packet[header + 4] == ttl, "IP TTL and Send_TTL"
        assert socket.inet_ntoa(packet[12:16]) == str(lab["h1"].address)
        stop(sending)
        sock.close()


class TestEnd:
    def test_nothing_is_left(self, running, lab):
        sending, receiving = running.reserved()
        for name in ("h1", "r1", "h2"):
            assert running.end(name) == 0, running.log(name)
            assert not os.path.exists(running.control(name))
            for end in lab[name].ends:
                assert judge.root(end).startswith("noqueue")
        for process in (sending, receiving):
            _, said = process.communicate(timeout=PATIENCE)
            assert process.returncode == 1
            assert "Traceback" not in said
            assert len(said.strip().splitlines()) == 1, said

    def test_a_daemon_that_ends_tears_down_on_the_wire(self, running):
        sending, _ = running.reserved()
        running.end("h2")
        until(lambda: not running.show("h1", "reservations"), "the reservation is gone")
        assert running.received("h1", "ResvTear") == 1, "told, not timed out"
        stop(sending)

    def test_what_a_crash_left_is_cleaned_at_the_next_start(self, running, lab):
        """And the state comes back from the neighbours' refreshes."""
        sending, receiving = running.reserved()
        running.end("r1", signal.SIGKILL)
        end = lab["r1"].toward("h2")
        assert "2e:10" in judge.classes(end), "a crash leaves its classes behind"
        running.start("r1")
        until(lambda: running.show("r1", "installed"), "the reservation is back")
        assert set(judge.classes(end)) == judge.STANDING | {"2e:10"}
        stop(sending, receiving)

    def test_a_second_daemon_on_the_same_socket(self, running, lab):
        done = running.cli("r1", "daemon")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "already" in done.stderr
        assert running.show("r1", "sessions") == [], "the first one lives"

    def test_reload_keeps_the_state(self, running, lab):
        sending, receiving = running.reserved()
        file = SCRATCH / "r1.toml"
        file.write_text(running.config("r1") + "reservable = 0.5\n")
        running.daemons["r1"].send_signal(signal.SIGHUP)
        until(lambda: running.show("r1", "interfaces")[-1]["reservable"] == 0.5, "the new file is in force")
        assert len(running.show("r1", "installed")) == 1
        file.write_text("refesh = 1\n")
        running.daemons["r1"].send_signal(signal.SIGHUP)
        until(lambda: "refesh" in running.log("r1"), "the mistake is logged")
        assert running.show("r1", "interfaces")[-1]["reservable"] == 0.5, "the old one stays in force"
        stop(sending, receiving)


class TestBadInput:
    def path(self, lab: Lab) -> bytes:
        message = PathMessage(
            session=Session(lab["h2"].address, 17, 5000),
            hop=Hop(lab["h1"].address, 1),
            time_values=TimeValues(1000),
            sender=Sender(FilterSpec(lab["h1"].address, 4000), Tspec(1000.0, 1000.0)),
            send_ttl=63,
        )
        return encode(message)

    def raw(self, lab: Lab, data: bytes) -> None:
        """Send bytes as an RSVP packet from h1 to r1."""
        with lab["h1"], socket.socket(socket.AF_INET, socket.SOCK_RAW, 46) as sock:
            sock.sendto(data, (str(lab["r1"].toward("h1").address), 0))

    def test_broken_packets_are_counted_and_the_daemon_lives(self, running, lab):
        good = self.path(lab)
        bad_checksum = good[:2] + struct.pack("!H", 1) + good[4:]
        self.raw(lab, good[:-4])
        self.raw(lab, bad_checksum)
        self.raw(lab, b"")
        self.raw(lab, bytes(65))
        for cut in range(0, len(good), 7):
            self.raw(lab, good[:cut])

        def errors() -> dict[str, int]:
            counted = [c["errors"] for c in running.show("r1", "counters") if c["interface"] == "to-h1"]
            return counted[0] if counted else {}

        until(lambda: "bad checksum" in errors() and "wrong length" in errors(), f"counted: {errors()}")
        assert running.show("r1", "sessions") == []
        self.raw(lab, good)
        until(lambda: running.show("r1", "senders"), "a good one still gets through")
        assert running.daemons["r1"].poll() is None
        assert "Traceback" not in running.log("r1")

    @pytest.mark.parametrize(
        ("words", "status", "sentence"),
        [
            (("send", "10.0.2.2:70000", "--source", "1", "--rate", "1mbit"), 2, "70000"),
            (("send", "203.0.113.9:5000", "--source", "1", "--rate", "1mbit"), 1, "route"),
            (("send", "10.0.2.2:5000", "--source", "192.0.2.1:1", "--rate", "1mbit"), 1, "192.0.2.1"),
            (("send", "10.0.2.2:5000", "--source", "1", "--rate", "fast"), 2, "fast"),
            (("reserve", "10.0.2.2:5000", "--style", "xx"), 2, "xx"),
            (("show", "nonsense"), 2, "nonsense"),
        ],
    )
    def test_each_mistake_gets_its_one_sentence(self, running, words, status, sentence):
        done = running.cli("h1", *words)
        assert done.returncode == status
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert done.stdout == ""

    def test_a_misspelt_key(self, lab):
        file = SCRATCH / "wrong.toml"
        file.write_text("keep_multiplier = 3\nrefesh = 1.0\n")
        done = lab["r1"].run(["/proc/self/exe", "-c", ""], capture_output=True, text=True, check=False)
        del done
        running = Running.__new__(Running)
        running.lab = lab
        done = running.cli("r1", "daemon", "--config", str(file))
        assert done.returncode == 1
        assert "line 2" in done.stderr
        assert "did you mean 'refresh'" in done.stderr
        assert done.stderr.count("\n") == 1


def test_tshark_and_tcpdump_find_no_fault(running, lab):
    """Everything that two hosts and a router send each other."""
    decoders.require()
    file = SCRATCH / "link.pcap"
    taps = [decoders.tap(end) for end in lab["r1"].ends]
    sending, receiving = running.reserved()
    stop(receiving)
    refused = running.reserve("--service", "rate", "--rate", "20mbit", "--count", "2")
    out, _ = refused.communicate(timeout=PATIENCE)
    assert "resv_error" in out
    stop(sending)
    until(lambda: not running.show("h2", "sessions"), "the PathTear has passed")
    decoders.record(taps, file)
    decoders.find_no_fault(file)
