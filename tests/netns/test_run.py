"""`rsvp run`: real programs that know nothing of RSVP, and daemons that hear of their flows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp.iana import Protocol
from rsvp.lab import SCRATCH, Lab, chain
from rsvp.running import sockets
from rsvp.running.processes import descendants
from rsvp.running.rules import OpenSocket
from rsvp.running.sockets import Watcher
from tests.patience import PATIENCE, until

from .running import Running, proc

RULE = "udp to 10.0.2.0/24:5000-5999 rate 1mbit"

CONNECT = "exec 3<>/dev/udp/10.0.2.2/5000; echo open; read; exec 3>&-; echo closed; read; exit 7"
"""A program in C that opens a socket, and closes it when it is told."""


@pytest.fixture
def lab() -> Lab:
    return chain("h1", "r1", "h2")


def rsvp_run(
    running: Running, name: str, rules: Sequence[str], command: Sequence[str], *options: str, before: str = ""
) -> subprocess.Popen[str]:
    """`rsvp run` in a node; what is told goes to NAME.events, and Python code may be run before it."""
    words = ["rsvp", "run", "--control", running.control(name), "--json"]
    words += ["--output", str(SCRATCH / f"{name}.events"), *options]
    words += [word for rule in rules for word in ("--rule", rule)]
    start = ("-c", before, sys.executable, "-m") if before else ("-m",)
    process = running.lab[name].python(
        *start, *words, "--", *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    running.applications.append(process)
    return process


def events(name: str) -> list[str]:
    """The kinds of events that were told in a node, in order."""
    return [json.loads(line)["event"] for line in (SCRATCH / f"{name}.events").read_text().splitlines()]


def heard(running: Running, name: str = "h2") -> list[int]:
    """The destination ports of the flows that are announced to a node."""
    return sorted(one["session"]["port"] for one in running.show(name, "senders"))


def say(process: subprocess.Popen[str], line: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def children(process: subprocess.Popen[str]) -> list[int]:
    """What `rsvp run` has for children now, by the numbers that they have here."""
    folder = proc(process.pid)
    found = (folder / "task" / folder.name / "children").read_text().split()
    status = [(folder.parent / one / "status").read_text() for one in found]
    return [int(text.partition("NSpid:")[2].splitlines()[0].split()[-1]) for text in status]


def child(process: subprocess.Popen[str]) -> int:
    (found,) = children(process)
    return found


def test_a_flow_is_announced_from_connect_to_close_and_the_program_notices_nothing(lab: Lab):
    with Running(lab) as running:
        running.start_all()
        process = rsvp_run(running, "h1", [RULE], ["bash", "-c", CONNECT])
        assert answer(process) == "open"
        until(lambda: heard(running) == [5000], "a Path of what bash has connected")
        (sender,) = running.show("h2", "senders")
        assert sender["sender"]["address"] == "10.0.1.1"
        assert sender["tspec"]["r"] == 125_000
        say(process)
        assert answer(process) == "closed"
        until(lambda: heard(running) == [], "it is gone when bash has closed it")
        assert running.received("h2", "PathTear") == 1, "and did not run out"
        assert events("h1") == ["announced", "closed"]
        say(process)
        assert process.wait(PATIENCE) == 7


NO_RIGHTS = """
import ctypes, os, sys
for right in range(64):
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_it_takes_no_rights_and_follows_all_that_descends_from_the_program(lab: Lab):
    """Bash's child closes nothing: its own child has the socket still, and is an orphan by then."""
    with Running(lab) as running:
        running.start_all()
        left = (
            "exec 3<>/dev/udp/10.0.2.2/5001; grep CapEff /proc/self/status; sleep 1000 > /dev/null & exit 0"
        )
        command = ["bash", "-c", f"setsid bash -c '{left}'; read"]
        process = rsvp_run(running, "h1", ["program sleep rate 1mbit"], command, "--stay", before=NO_RIGHTS)
        assert int(answer(process).split()[1], 16) == 0
        until(lambda: heard(running) == [5001], "the orphan's socket")
        until(lambda: len(children(process)) == 2, "it is an orphan")
        say(process)
        until(lambda: len(children(process)) == 1, "only the orphan is left")
        assert heard(running) == [5001], "the command has ended, and what it left has not"
        os.kill(child(process), signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        until(lambda: heard(running) == [], "its flow is torn")
        assert running.received("h2", "PathTear") == 1


TALKER = """
import os, signal, socket, sys
def told(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")  # unlike print, also while another is told
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, told)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.sendto(b"hello", ("10.0.2.2", 5002))
print("open", flush=True)
while True:
    signal.pause()
"""


def test_however_it_ends_its_flows_end_with_it(lab: Lab):
    with Running(lab) as running:
        running.start_all()
        program = [sys.executable, "-c", TALKER]
        rules = ["udp to 10.0.2.2:5002 rate 1mbit"]

        def announced() -> subprocess.Popen[str]:
            process = rsvp_run(running, "h1", rules, program)
            assert answer(process) == "open"
            until(lambda: heard(running) == [5002], "a socket that is not connected, by its rule")
            return process

        process = announced()
        for number in (signal.SIGUSR1, signal.SIGTERM):
            process.send_signal(number)
            assert answer(process) == number.name
        assert process.wait(PATIENCE) == 5
        until(lambda: heard(running) == [], "ended by itself")

        process = announced()
        os.kill(child(process), signal.SIGKILL)
        assert process.wait(PATIENCE) == 128 + signal.SIGKILL
        until(lambda: heard(running) == [], "killed")

        process = announced()
        program_pid = child(process)
        try:
            process.kill()
            until(lambda: heard(running) == [], "rsvp run killed: the daemon tears it")
            assert running.received("h2", "PathTear") == 3
            os.kill(program_pid, signal.SIGUSR1)
            assert answer(process) == "SIGUSR1", "the program lives on"
        finally:
            os.kill(program_pid, signal.SIGKILL)

        for command, status in (["no-such-command"], 127), (["/etc/passwd"], 126):
            process = rsvp_run(running, "h1", rules, command)
            assert process.wait(PATIENCE) == status


def test_two_programs_that_know_nothing_have_a_reserved_connection(lab: Lab):
    with Running(lab) as running:
        running.start_all()
        serve = [sys.executable, "-u", "-m", "http.server", "8000", "--bind", "10.0.2.2"]
        server = rsvp_run(running, "h2", ["tcp from :8000 rate 1mbit"], serve)
        assert answer(server).startswith("Serving HTTP")
        client = rsvp_run(
            running,
            "h1",
            ["receive tcp from 10.0.2.0/24:8000"],
            ["bash", "-c", "exec 3<>/dev/tcp/10.0.2.2/8000; read"],
        )
        until(lambda: running.show("r1", "installed"), "a reservation between them")
        (installed,) = running.show("r1", "installed")
        assert installed["session"]["protocol"] == Protocol.TCP
        assert installed["session"]["destination"] == "10.0.1.1"
        until(lambda: "confirm" in events("h1"), "the receiver's confirmation")
        until(lambda: "resv" in events("h2"), "the sender hears of it")
        say(client)
        assert client.wait(PATIENCE) == 0
        until(lambda: not running.show("r1", "installed"), "it ends with the client")
        until(lambda: "closed" in events("h2"), "the server has closed its end")
        server.terminate()
        assert server.wait(PATIENCE) == 128 + signal.SIGTERM


AT_A_TERMINAL = """
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
def until(word):
    global seen
    while word not in seen:
        seen += os.read(terminal, 1000)
until(b"open")
os.write(terminal, b"\\x03")
until(b"SIGINT")
os.kill(pid, 15)
until(b"SIGTERM")
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), seen.count(b"SIGINT"))
"""


def test_what_a_terminal_sends_comes_once(lab: Lab):
    with Running(lab) as running:
        running.start("h1")
        words = [
            "-m",
            "rsvp",
            "run",
            "--control",
            running.control("h1"),
            "--rule",
            RULE,
            "--",
            sys.executable,
        ]
        process = lab["h1"].python(
            *("-c", AT_A_TERMINAL, sys.executable, *words, "-c", TALKER), stdout=subprocess.PIPE, text=True
        )
        running.applications.append(process)
        assert answer(process) == "5 1"


OPENED = """
import socket, struct, sys
def udp(family, *bound):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(bound)
    return sock
one = udp(socket.AF_INET, "10.0.1.1", 4000)
one.connect(("10.0.1.2", 5000))
two = udp(socket.AF_INET, "", 4001)
two.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
               struct.pack("4s4s", socket.inet_aton("239.1.1.1"), socket.inet_aton("10.0.1.1")))
two.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.0.1.1"))
two.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 9)
three = udp(socket.AF_INET6, "::", 4002)
three.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff15::1")
                 + struct.pack("I", socket.if_nametoindex("to-r1")))
four = udp(socket.AF_INET6, "::", 4003)
four.connect(("::ffff:10.0.1.2", 5001))
listener = socket.create_server(("10.0.1.1", 4004))
client = socket.create_connection(("10.0.1.1", 4004))
other = socket.socketpair()
print(client.getsockname()[1], flush=True)
sys.stdin.read()
"""


def by_port(found: Sequence[OpenSocket]) -> dict[int, OpenSocket]:
    return {one.local[1]: one for one in found if one.peer != (ip_address("10.0.1.1"), 4004)}


def test_what_sockets_of_other_processes_say_of_themselves(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with lab["h1"], subprocess.Popen([sys.executable, "-c", OPENED], **pipes) as process:  # type: ignore[call-overload]
        port = int(answer(process))
        (known,) = [one for one in descendants() if one.pid == process.pid]
        assert Path(sys.executable).resolve().name in known.names
        watcher = Watcher()
        found = by_port(watcher.look())
        here, there = ip_address("10.0.1.1"), ip_address("10.0.1.2")
        group, group6 = ip_address("239.1.1.1"), ip_address("ff15::1")
        assert found.keys() == {4000, 4001, 4002, 4003, 4004}
        assert (found[4000].local, found[4000].peer) == ((here, 4000), (there, 5000))
        assert (found[4001].local, found[4001].peer) == ((None, 4001), None)
        assert (found[4001].joined, found[4001].versions) == ({group}, {4})
        assert (found[4001].multicast_ttl, found[4001].multicast_source) == (9, here)
        assert (found[4002].joined, found[4002].versions) == ({group6}, {4, 6})
        assert found[4000].joined == found[4003].joined == set()
        assert (found[4003].local, found[4003].peer) == ((here, 4003), (there, 5001)), "IPv4, mapped"
        assert (found[4004].protocol, found[4004].peer) == (Protocol.TCP, None)
        assert by_port(watcher.look()) == found
        (client,) = [one for one in watcher.look() if one.peer == (here, 4004)]
        assert (client.local, client.protocol) == ((here, port), Protocol.TCP)
        with lab["h2"]:
            assert Watcher().look() == [], "they are of another network"

        def refuse(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(sockets, "_duplicate", refuse)
        told = Watcher()
        tables = by_port(told.look())
        assert tables.keys() == {4000, 4001, 4002, 4003}, "what listens has no flow"
        for name in ("number", "program", "protocol", "local", "peer"):
            for number, one in tables.items():
                assert getattr(one, name) == getattr(found[number], name)
        assert {group, group6} <= tables[4001].joined, "any that somebody here has joined"
        told.close()
        process.stdin.close()  # type: ignore[union-attr]
        process.wait(PATIENCE)
        assert by_port(watcher.look()) == {}


KEEPS_TO_ITSELF = """
import ctypes, socket, subprocess, sys
from rsvp.running.sockets import Watcher
HIDES = "import ctypes, sys; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(flush=True); sys.stdin.read()"
ended = subprocess.Popen(["true"], stdout=subprocess.PIPE)
ended.stdout.read()
hides = subprocess.Popen([sys.executable, "-c", HIDES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
hides.stdout.readline()
watcher = Watcher()
print(watcher.look(), set(watcher.hidden) == {hides.pid}, flush=True)
hides.communicate()
"""


def test_a_process_that_may_not_be_looked_into_is_told_of_and_one_that_has_ended_is_not(lab: Lab):
    process = lab["h1"].python(
        *("-c", NO_RIGHTS, sys.executable, "-c", KEEPS_TO_ITSELF), stdout=subprocess.PIPE, text=True
    )
    assert process.communicate(timeout=PATIENCE)[0] == "[] True\n"
