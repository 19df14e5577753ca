"""What comes along with the package: manual pages, a unit for systemd, completion for shells."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.cli import WORDS, main
from rsvp.config import InterfaceConfig, NodeConfig
from rsvp.daemon.notify import watchdog_period
from rsvp.daemon.unit import unit
from rsvp.proxies import ListenerTable, ReservationTable, SenderTable
from rsvp.tables import keys
from tests.manual import PAGES, SHARE, pages
from tests.patience import PATIENCE


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_say_what_the_command_does(name: str):
    path = PAGES[name]
    text = pages()[path]
    if os.environ.get("RSVP_UPDATE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, "out of date: RSVP_UPDATE=1 pytest tests/test_manual.py"


def test_every_word_and_key_is_there():
    manual = PAGES["rsvp.1"].read_text()
    assert all(f".SH RSVP {word.upper()}\n" in manual for word in WORDS)
    assert r"\-\-log\-format" in manual
    configuration = PAGES["rsvp.toml.5"].read_text()
    for kind in (NodeConfig, InterfaceConfig, SenderTable, ReservationTable, ListenerTable):
        assert all(rf"\fB{name}\fR" in configuration for name in keys(kind))


@pytest.mark.parametrize("name", PAGES)
def test_man_reads_them_without_a_warning(name: str):
    assert PAGES[name].read_text().startswith(".TH ")
    if shutil.which("man") is None:
        return
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", str(PAGES[name])],
        capture_output=True,
        text=True,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEE ALSO" in done.stdout or "S\bSE\bEE\bE" in done.stdout


def test_the_package_carries_them():
    text = Path(SHARE.parent.parent, "pyproject.toml").read_text()
    for path in (*PAGES.values(), SHARE.parent.parent / "rsvp" / "daemon" / "rsvp.service"):
        assert path.exists()
        assert str(path.relative_to(SHARE.parent.parent)).removeprefix("rsvp/") in text


# --- systemd ------------------------------------------------------------------------------------------


def test_the_unit_runs_this_installation_with_two_rights(capsys: pytest.CaptureFixture[str]):
    assert main(["daemon", "--print-unit", "--config", "/etc/my rsvp.toml"]) == 0
    text = capsys.readouterr().out
    (start,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert start.endswith(' daemon --config "/etc/my rsvp.toml"')
    assert os.access(start.split()[0], os.X_OK)
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert re.findall(rf"^{key}=(.*)$", text, re.MULTILINE) == ["CAP_NET_RAW CAP_NET_ADMIN"]
    assert "--config" not in unit(None)


def test_systemd_finds_no_fault_with_it(tmp_path: Path):
    file = tmp_path / "rsvp.service"
    file.write_text(unit("/etc/100%$.toml"))
    assert "/etc/100%%$$.toml" in file.read_text()
    if shutil.which("systemd-analyze") is None:
        return
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=PATIENCE
    )
    about = [line for line in (done.stdout + done.stderr).splitlines() if "rsvp.service" in line]
    assert (done.returncode, about) == (0, [])


def test_the_watchdog_is_told_twice_a_period(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    for asked, period in (("60000000", 30.0), ("", None), ("0", None), ("x", None)):
        monkeypatch.setenv("WATCHDOG_USEC", asked)
        assert watchdog_period() == period
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_period() is None, "it is another process that is watched"


# --- shells -------------------------------------------------------------------------------------------

BASH = """
set -e
source <(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 rsvp --show-completion bash)
complete -p rsvp >/dev/null
offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rsvp_completion rsvp; echo "${COMPREPLY[@]}"; }
offer rsvp re
offer rsvp show in
offer rsvp clear c
offer rsvp log --topic s
offer rsvp daemon --log-f
offer rsvp daemon --log-level w
"""


@pytest.fixture
def path(tmp_path: Path) -> dict[str, str]:
    """An environment in which `rsvp` is a command."""
    command = tmp_path / "rsvp"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m rsvp "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_bash_completes_words_options_and_values(path: dict[str, str]):
    done = subprocess.run(
        ["bash", "-c", BASH], capture_output=True, text=True, env=path, timeout=PATIENCE, check=False
    )
    assert done.stderr == ""
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["reserve", "reservation-host", "reservation", "replay"],
        ["interfaces", "installed"],
        ["counters"],
        ["sent", "state"],
        ["--log-format"],
        ["warning"],
    ]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_offered_the_same(path: dict[str, str], shell: str):
    detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(
        ["rsvp", "--show-completion", shell], capture_output=True, text=True, env=path | detection, check=True
    )
    assert f"_RSVP_COMPLETE=complete_{shell}" in script.stdout
    asked = {"_RSVP_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "rsvp show in"}
    asked["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run(["rsvp"], capture_output=True, text=True, env=path | asked, check=True)
    assert "interfaces" in done.stdout
    assert "installed" in done.stdout
