"""Every test in this folder runs in namespaces of its own: as an ordinary user, as root, with xdist.

The test is forked off into a `Sandbox` and its reports come back through a pipe. Whatever it leaves
there, processes, interfaces, files, goes with the sandbox. Where the system allows no namespaces the
tests are skipped, but under CI (CI=true) they fail.

A namespace is quiet, but the machine under it need not be. With `--second-run`, as tox has it, a test
that fails is run once more in a new sandbox, and fails only if it does so again; what failed the
first time is printed at the end, for somebody to mend.
"""

from __future__ import annotations

import json
import os
import select
import time
import warnings
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from rsvp.errors import Unavailable
from rsvp.lab import Lab, Sandbox, chain
from tests.patience import PATIENCE

HERE = Path(__file__).parent
GIVE_UP = 5 * PATIENCE
"""Seconds after which a test hangs."""


FIRST_RUN = "failed in its first run"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--second-run", action="store_true", help="run a namespace test that fails once more, and say so"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if HERE not in item.path.parents:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = run_in_sandbox(item)
    failed = [report.longreprtext for report in reports if report.failed]
    if failed and item.config.getoption("--second-run", default=False):
        reports = run_in_sandbox(item)
        reports[-1].user_properties += [(FIRST_RUN, text) for text in failed]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for group in terminalreporter.stats.values() for one in group]
    for report in reports:
        for name, text in getattr(report, "user_properties", ()):
            if name == FIRST_RUN:
                terminalreporter.section(f"{FIRST_RUN}: {report.nodeid}", sep="-")
                terminalreporter.write_line(text)


def run_in_sandbox(item: pytest.Item) -> list[pytest.TestReport]:
    """The reports of one test, made in the sandbox or, where that failed, about it."""
    readable, writable = os.pipe()
    hook, config = item.config.hook, item.config

    def inside() -> int:
        os.close(readable)
        # Only what belongs to the function is torn down; the rest goes with the process.
        reports = runtestprotocol(item, log=False, nextitem=item.parent)  # type: ignore[arg-type]
        data = [hook.pytest_report_to_serializable(config=config, report=report) for report in reports]
        with os.fdopen(writable, "w") as out:
            json.dump(data, out)
        return 0

    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # xdist's threads, which do not cross the fork
            sandbox = Sandbox(inside)
    except Unavailable as refusal:
        os.close(readable)
        os.close(writable)
        return [stand_in(item, str(refusal), "failed" if os.environ.get("CI") else "skipped", 0.0)]
    os.close(writable)
    with sandbox, os.fdopen(readable, "rb") as answer:
        chunks: list[bytes] = []
        while (left := GIVE_UP - (time.perf_counter() - started)) > 0:
            if select.select([answer], [], [], left)[0]:
                chunk = os.read(answer.fileno(), 1 << 16)
                if not chunk:
                    break
                chunks.append(chunk)
        else:
            return [stand_in(item, f"no answer within {GIVE_UP:.0f} s", "failed", GIVE_UP)]
        status = sandbox.wait()
    if status or not chunks:
        took = time.perf_counter() - started
        return [stand_in(item, f"its process ended with status {status}", "failed", took)]
    return [
        hook.pytest_report_from_serializable(config=config, data=data)
        for data in json.loads(b"".join(chunks))
    ]


def stand_in(item: pytest.Item, why: str, outcome: str, took: float) -> pytest.TestReport:
    """A report about a test that could not tell of itself."""
    where = (str(item.path), item.location[1] or 0, f"Skipped: {why}")
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=where if outcome == "skipped" else why,
        when="setup" if outcome == "skipped" else "call",
        duration=took,
    )


@pytest.fixture
def lab() -> Lab:
    """h1 - r1 - r2 - h2; links are 10.0.1.0/24, 10.0.2.0/24 and 10.0.3.0/24."""
    return chain("h1", "r1", "r2", "h2")


@pytest.fixture
def diamond() -> Lab:
    """h1 - r1, r1 - r2 - r4 and r1 - r3 - r4, r4 - h2; the short way is equally long on both sides."""
    lab = Lab()
    for host in ("h1", "h2"):
        lab.add_host(host)
    for router in ("r1", "r2", "r3", "r4"):
        lab.add_router(router)
    for one, other in (("h1", "r1"), ("r1", "r2"), ("r1", "r3"), ("r2", "r4"), ("r3", "r4"), ("r4", "h2")):
        lab.connect(one, other)
    lab.start()
    return lab
