"""RAPI's calls interrupted by Ctrl-C before the daemon has answered: what nobody knows of does not stand."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from rsvp.rapi import QosFlowspec, QosService, QosTspec, Rapi, Style
from tests.patience import PATIENCE, until

from .test_cancelled import LateApi
from .test_server import path, serving  # noqa: F401

TO, FROM, ELSE = ("10.0.3.2", 5000), ("10.0.1.1", 4000), ("10.0.1.1", 4001)
TSPEC, MORE = (QosTspec(rate, 3000.0, inf, 64, 1400) for rate in (1000.0, 2000.0))
LOAD = QosFlowspec(QosService.QOS_CNTR_LOAD, 1000.0, 3000.0, inf, 64, 1400)


class Interrupted:
    """A program, and a daemon that acts at once and answers when it may."""

    def __init__(self, path: Path) -> None:  # noqa: F811
        self.api = LateApi()
        self.rapi = Rapi(path)
        self.path = path
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ready, self.done = threading.Event(), threading.Event()

    async def serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.api.may_answer.set()
        async with serving(self.path, self.api):
            self.ready.set()
            await asyncio.to_thread(self.done.wait)

    def answer(self, may: bool) -> None:
        """Whether the daemon answers from now on."""
        said = threading.Event()

        def say() -> None:
            self.api.may_answer.set() if may else self.api.may_answer.clear()
            said.set()

        assert self.loop is not None
        self.loop.call_soon_threadsafe(say)
        assert said.wait(PATIENCE)

    def interrupt(self, verb: str, call: Callable[..., Any], *arguments: Any, **more: Any) -> None:
        """Ctrl-C once the daemon has acted on a verb of a call, and before it answers that."""
        self.answer(False)
        before = len(self.api.script)
        program = threading.get_ident()

        def press() -> None:
            until(lambda: verb in self.api.did()[before:], "asked")
            signal.pthread_kill(program, signal.SIGALRM)

        hand = threading.Thread(target=press)
        hand.start()
        with pytest.raises(KeyboardInterrupt):
            call(*arguments, **more)
        hand.join()
        self.answer(True)

    def did(self, *verbs: str) -> None:
        """Wait until this is what the daemon has been told, from the beginning."""
        until(lambda: self.api.did() == list(verbs), "told")


@pytest.fixture
def ends(path: Path) -> Iterator[Interrupted]:  # noqa: F811
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    program = Interrupted(path)
    before = signal.signal(signal.SIGALRM, interrupt)
    daemon = threading.Thread(target=asyncio.run, args=(program.serve(),))
    daemon.start()
    try:
        assert program.ready.wait(PATIENCE)
        yield program
    finally:
        signal.signal(signal.SIGALRM, before)
        program.answer(True)
        program.rapi.close()
        program.done.set()
        daemon.join()


def test_a_sender_that_was_interrupted_is_taken_back(ends: Interrupted):
    sid = ends.rapi.rapi_session(TO)
    ends.interrupt("send", ends.rapi.rapi_sender, sid, 0, FROM, None, TSPEC)
    ends.did("open", "send", "stop")
    ends.rapi.rapi_sender(sid, 0, FROM, None, TSPEC)
    ends.did("open", "send", "stop", "send")


def test_the_next_sender_comes_after_what_is_taken_back(ends: Interrupted):
    """Else it would be taken back with it."""
    sid = ends.rapi.rapi_session(TO)
    ends.interrupt("send", ends.rapi.rapi_sender, sid, 0, FROM, None, TSPEC)
    ends.rapi.rapi_sender(sid, 0, FROM, None, MORE)
    ends.did("open", "send", "stop", "send")


def test_an_interrupted_change_of_a_sender_is_a_change(ends: Interrupted):
    sid = ends.rapi.rapi_session(TO)
    ends.rapi.rapi_sender(sid, 0, FROM, None, TSPEC)
    ends.interrupt("send", ends.rapi.rapi_sender, sid, 0, FROM, None, MORE)
    ends.rapi.rapi_sender(sid)
    ends.did("open", "send", "send", "stop")


def test_an_interrupted_sender_in_place_of_another_leaves_none(ends: Interrupted):
    """The other one goes first: their ports need not go together."""
    sid = ends.rapi.rapi_session(TO)
    ends.rapi.rapi_sender(sid, 0, FROM, None, TSPEC)
    ends.interrupt("send", ends.rapi.rapi_sender, sid, 0, ELSE, None, TSPEC)
    ends.did("open", "send", "stop", "send", "stop")
    ends.rapi.rapi_sender(sid)  # there is none to withdraw
    ends.rapi.rapi_sender(sid, 0, FROM, None, TSPEC)
    ends.did("open", "send", "stop", "send", "stop", "send")


def test_a_sender_that_the_daemon_gives_its_address_is_changed_and_not_torn(ends: Interrupted):
    """0.0.0.0 as before: PathTear would take the reservation away that the change is for."""
    sid = ends.rapi.rapi_session(TO)
    ends.rapi.rapi_sender(sid, 0, ("0.0.0.0", 4000), None, TSPEC)
    ends.rapi.rapi_sender(sid, 0, ("0.0.0.0", 4000), None, MORE)
    ends.rapi.rapi_sender(sid)
    ends.did("open", "send", "send", "stop")


def test_a_reservation_that_was_interrupted_is_taken_back(ends: Interrupted):
    sid = ends.rapi.rapi_session(TO)
    wanted = {"styleid": Style.RAPI_RSTYLE_WILDCARD, "flowspecs": [LOAD]}
    ends.interrupt("reserve", ends.rapi.rapi_reserve, sid, **wanted)
    ends.did("open", "reserve", "release")
    ends.rapi.rapi_reserve(sid, **wanted)
    ends.interrupt("reserve", ends.rapi.rapi_reserve, sid, **wanted)
    ends.rapi.rapi_reserve(sid)
    ends.did("open", "reserve", "release", "reserve", "reserve", "release")
