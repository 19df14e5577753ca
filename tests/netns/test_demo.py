"""`rsvp demo` as people run it: what it must show, and that nothing stays, however it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rsvp.demo.measure import LATE, Run
from rsvp.demo.network import Network, Plan
from rsvp.demo.plot import draw
from rsvp.demo.report import show
from rsvp.demo.run import Demo, Result
from rsvp.demo.traffic import Arrival
from rsvp.engine.interfaces import REFRESH
from rsvp.errors import LocalError
from rsvp.lab import SCRATCH
from rsvp.pictures import check
from tests.patience import PATIENCE

from .ordinary import become_ordinary

pytestmark = pytest.mark.alone

STEPS = (
    "starting two hosts, two routers, four daemons",
    "overload, and a flow without reservation",
    "again: this machine was busy with other work",
    "Path and Resv",
    "the same flow with its reservation",
    "tearing down",
)
COMMAND = (sys.executable, "-m", "rsvp", "demo")


def living() -> set[int]:
    """Processes that live; what only waits to be reaped is dead."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                found.add(int(entry.name))
    return found


def files() -> set[Path]:
    """Files where a program leaves things: the sandbox's /run, and its scratch space."""
    return set(Path("/run").rglob("*"))


def mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def hear_interrupts() -> None:
    """The sandbox ignores SIGINT, and what it starts would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], text=True, preexec_fn=hear_interrupts, **options)


def wait_until_gone(before: set[int]) -> set[int]:
    """What did not live before and does not go either."""
    deadline = time.monotonic() + PATIENCE
    while (left := living() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def has_shown_it(result: dict[str, Any], seconds: float = 6.0) -> None:
    """What `rsvp demo` promises of any result; of delays and losses, where the machine had time for it."""
    without, reserved = result["without"], result["with"]
    for run in (without, reserved):
        assert run["loss"] == pytest.approx(1 - run["received"] / run["sent"])
        assert run["delay_ms"]["p50"] <= run["delay_ms"]["p99"]
    assert result["background"]["rate"] >= 2.5 * result["link"]["rate"]
    assert without["loss"] > 0.4
    calm = not (without["disturbed"] or reserved["disturbed"])
    assert reserved["sent"] > (200 * seconds if calm else 0)
    assert reserved["loss"] < (0.001 if calm else 0.05)
    assert reserved["delay_ms"]["p50"] * 20 < without["delay_ms"]["p50"]
    if calm:
        assert reserved["delay_ms"]["p99"] * 20 < without["delay_ms"]["p99"]
    # Set up by messages alone: no node had to wait for a refresh, which comes after R/2 or later.
    assert 0 < result["setup_ms"] < REFRESH / 2 * 1e3
    assert result["hops"] == [
        {"node": "h1", "senders": 1, "reservations": 1, "installed": 1},
        {"node": "r1", "senders": 1, "reservations": 1, "installed": 1},
        {"node": "r2", "senders": 1, "reservations": 1, "installed": 1},
        {"node": "h2", "senders": 1, "reservations": 1, "installed": 0},
    ]


def test_it_shows_what_a_reservation_does(tmp_path: Path) -> None:
    plot = tmp_path / "demo.png"
    before = (living(), files(), mounts())
    demo = start("--json", "--plot", str(plot), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, progress = demo.communicate()
    assert demo.returncode == 0, progress
    result = json.loads(out)
    assert set(result) == {"flow", "link", "background", "without", "with", "setup_ms", "hops"}
    has_shown_it(result)
    assert len(progress.splitlines()) >= 4
    assert plot.read_bytes().startswith(b"\x89PNG")
    plot.unlink()
    assert not wait_until_gone(before[0])
    assert (files(), mounts()) == before[1:]


def test_it_shows_the_same_over_ipv6() -> None:
    with Demo(Plan(version=6, duration=2.0)) as running:
        (result,) = [news for news in running if isinstance(news, Result)]
    has_shown_it(result.to_json(), 2.0)


@pytest.mark.parametrize(
    ("number", "step"),
    [
        *((number, step) for step in STEPS[:2] for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)),
        (signal.SIGINT, STEPS[4]),
    ],
)
def test_an_interrupt_leaves_nothing(number: signal.Signals, step: str) -> None:
    before = (living(), files(), mounts())
    demo = start("--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert demo.stderr is not None
    while demo.stderr.readline().rstrip() != step:
        assert demo.poll() is None, "the demo has ended early"
    time.sleep(0.3)
    demo.send_signal(number)
    out, told = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert out == ""
    assert set(told.splitlines()) <= set(STEPS), "nothing is said of it"
    assert not wait_until_gone(before[0])
    assert (files(), mounts()) == before[1:]


def test_ctrl_c_on_a_terminal_reaches_everybody_and_tells_nobody() -> None:
    before = living()
    demo = start(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    assert demo.stderr is not None
    for _ in range(2):
        demo.stderr.readline()
    os.killpg(demo.pid, signal.SIGINT)
    _, told = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130
    assert set(told.splitlines()) <= set(STEPS)
    assert not wait_until_gone(before)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--plot", "demo.gif"), "has to end in .png, .svg or .pdf"),
        (("--plot", "/nowhere/demo.png"), "no directory /nowhere"),
    ],
)
def test_a_plot_that_cannot_be_is_refused_at_once(arguments: tuple[str, ...], sentence: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1  # and no step of a run


def test_without_matplotlib_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LocalError, match=r"pip install pyrsvp\[plot\]"):
        check(tmp_path / "demo.png")


def test_what_the_daemons_cannot_schedule_ends_the_demo() -> None:
    network = Network(Plan())
    (SCRATCH / "h1.log").write_text("ready\nto-r1: busy\n")
    with pytest.raises(LocalError, match="h1 schedules nothing on to-r1: to-r1: busy"):
        network.check_traffic_control()


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_run_in_which_nothing_arrives_is_told_and_drawn(tmp_path: Path, suffix: str) -> None:
    arrivals = [Arrival(number, number * 4_000_000, 0.001) for number in range(10)]
    result = Result(Plan(duration=1.0), Run(10, []), Run(10, arrivals), 12.0, [])
    assert result.to_json()["without"] == {
        "sent": 10,
        "received": 0,
        "loss": 1.0,
        "delay_ms": {"p50": None, "p99": None},
        "disturbed": False,
    }
    picture = tmp_path / f"demo{suffix}"
    draw(result, picture)
    assert picture.stat().st_size > 1000
    assert "100.00%" in shown(result)


def test_a_busy_machine_is_told_of() -> None:
    assert not Run(10, [], late=LATE).disturbed
    for disturbed in (Run(10, [], late=2 * LATE), Run(10, [], crowded=1), Run(10, [], overload=0.4)):
        assert disturbed.to_json()["disturbed"]
        assert "This machine was busy" in shown(Result(Plan(), Run(10, []), disturbed, 12.0, []))
    assert "busy" not in shown(Result(Plan(), Run(10, []), Run(10, []), 12.0, []))


def shown(result: Result) -> str:
    """What people are shown of a result."""
    out = io.StringIO()
    show(result, Console(file=out, width=100))
    return out.getvalue()


def exhaust_user_namespaces() -> None:
    """Become an ordinary user so deep in user namespaces that the kernel allows none below."""
    while become_ordinary():
        pass


def test_where_namespaces_are_refused_one_sentence_says_so() -> None:
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, check=False, preexec_fn=exhaust_user_namespaces
    )
    assert done.returncode == 1
    assert "does not let you make network namespaces" in done.stderr
    assert "sysctl" in done.stderr
    assert len(done.stderr.splitlines()) == 1
