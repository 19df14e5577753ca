"""A daemon's process: what rights it keeps, whose it becomes, who may talk to it, and that it is alone."""

from __future__ import annotations

import grp
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.daemon.process import CAP_NET_ADMIN, CAP_NET_RAW, KEPT
from rsvp.lab import SCRATCH, Lab, chain
from tests.patience import PATIENCE, until

from . import judge
from .running import Running, proc, stop


def has_users() -> bool:
    """Whether there are other users here: not in the namespaces of an ordinary one."""
    return Path("/proc/self/uid_map").read_text().split()[2] != "1"


def words(status: Path) -> dict[str, str]:
    """A /proc/PID/status by its words."""
    lines = status.read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def lab() -> Lab:
    return chain("h1", "r1", "h2")


def test_two_rights_are_kept_in_every_thread_and_suffice(lab: Lab):
    with Running(lab) as running:
        running.start_all()
        sending, receiving = running.reserved()
        pid = running.daemons["r1"].pid
        for thread in (proc(pid) / "task").iterdir():
            told = words(thread / "status")
            assert [int(told[name], 16) for name in ("CapEff", "CapPrm")] == [KEPT, KEPT]
            assert int(told["CapBnd"], 16) & ~KEPT == 0
            assert int(told["CapInh"], 16) == int(told["CapAmb"], 16) == 0
            assert told["NoNewPrivs"] == "1"
        assert KEPT == 1 << CAP_NET_RAW | 1 << CAP_NET_ADMIN
        assert len(running.show("r1", "installed")) == 1
        (SCRATCH / "r1.toml").write_text(running.config("r1") + "reservable = 0.5\n")
        running.daemons["r1"].send_signal(signal.SIGHUP)
        until(lambda: running.show("r1", "interfaces")[-1]["reservable"] == 0.5, "the new file is in force")
        assert running.end("r1") == 0, running.log("r1")
        for end in lab["r1"].ends:
            assert judge.root(end).startswith("noqueue")
        stop(sending, receiving)


def test_it_becomes_another_user_where_there_are_any(lab: Lab):
    with Running(lab) as running:
        control = SCRATCH / "own" / "control.sock"
        file = SCRATCH / "nobody.toml"
        file.write_text(f'control = "{control}"\nuser = "nobody"\n')
        log = SCRATCH / "nobody.log"
        with log.open("w") as out:
            daemon = lab["r1"].python(
                "-m", "rsvp", "daemon", "--config", str(file), stdout=out, stderr=out, text=True
            )
        running.applications.append(daemon)
        if not has_users():
            assert daemon.wait(PATIENCE) == 1
            assert "start as root, or leave" in log.read_text()
            assert log.read_text().count("\n") == 1
            assert not control.exists()
            return
        until(lambda: "ready" in log.read_text() or daemon.poll() is not None, log)
        assert daemon.poll() is None, log.read_text()
        nobody = pwd.getpwnam("nobody")
        told = words(proc(daemon.pid) / "status")
        assert set(told["Uid"].split()) == {str(nobody.pw_uid)}
        assert set(told["Gid"].split()) == set(told["Groups"].split()) == {str(nobody.pw_gid)}
        assert int(told["CapEff"], 16) == KEPT
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE) == 0, log.read_text()
        assert not control.exists(), "its folder is its own"


AS_NOBODY = """
import asyncio, os, sys
from rsvp.control.client import connect
from rsvp.errors import ControlError
async def ask():
    async with await connect(sys.argv[1]) as client:
        return len(await client.show("interfaces"))
os.setgroups([int(group) for group in sys.argv[2:]])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    print(asyncio.run(ask()))
except ControlError as error:
    print(error)
"""


def test_the_group_that_was_named_may_use_the_control_socket(lab: Lab):
    group = grp.getgrnam("daemon" if has_users() else "root").gr_gid
    with Running(lab) as running:
        text = f'control_group = "{grp.getgrgid(group).gr_name}"\n' + running.config("r1")
        running.config = lambda name: text  # type: ignore[method-assign]
        running.start("r1")
        path = SCRATCH / "r1.sock"
        found = path.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group)
        if not has_users():
            return

        def ask(*groups: int) -> str:
            command = [sys.executable, "-c", AS_NOBODY, str(path), *map(str, groups)]
            done = lab["r1"].run(command, capture_output=True, text=True, timeout=PATIENCE)
            assert done.stderr == ""
            return done.stdout

        assert ask(group) == "2\n"
        assert ask().startswith(f"no permission to open {path}")


def test_one_daemon_in_a_network_namespace(lab: Lab):
    with Running(lab) as running:
        running.start("r1")
        done = lab["r1"].run(
            [sys.executable, "-m", "rsvp", "daemon", "--control", str(SCRATCH / "other.sock")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 1
        pid = running.daemons["r1"].pid
        sentence = f"another RSVP daemon, process {pid}, already runs in this network namespace: end it first"
        assert done.stderr == f"rsvp: {sentence}\n"
        assert not (SCRATCH / "other.sock").exists()
        assert running.show("r1", "interfaces"), "the first one lives"
        running.start("h1")  # a namespace of its own
        running.end("r1")
        running.start("r1")


SQUATTER = """
import socket, time
from rsvp.daemon.process import ALONE, _set_capabilities
_set_capabilities(0)
name = socket.socket(socket.AF_UNIX)
name.bind(ALONE)
name.listen()
print("there", flush=True)
time.sleep(1000)
"""


def test_who_is_no_daemon_cannot_stand_in_its_way(lab: Lab):
    with Running(lab) as running:
        if os.readlink("/proc/self") != str(os.getpid()):
            return  # nobody's rights can be seen here
        squatter = lab["r1"].popen([sys.executable, "-c", SQUATTER], stdout=subprocess.PIPE, text=True)
        running.applications.append(squatter)
        assert squatter.stdout is not None
        assert squatter.stdout.readline() == "there\n"
        running.start("r1")


def test_the_log_as_json_and_by_topic(lab: Lab):
    log = SCRATCH / "json.log"
    with Running(lab) as running:
        running.start("h2")
        with log.open("w") as out:
            options = ("--log-format", "json", "--log-level", "debug", "--log-topic", "state")
            daemon = lab["h1"].python(
                *("-m", "rsvp", "daemon", "--control", running.control("h1"), *options),
                stdout=out,
                stderr=out,
                text=True,
            )
        running.applications.append(daemon)
        until(lambda: "ready" in log.read_text(), log)
        sending = running.send()
        until(lambda: '"state"' in log.read_text(), log)
        stop(sending)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE) == 0
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert all({"time", "level", "topic", "text"} <= set(line) for line in lines)
        assert not {line["topic"] for line in lines} & {"sent", "received", "traffic"}
        assert next(line["change"] for line in lines if line["topic"] == "state") == "made"
