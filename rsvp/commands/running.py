"""The application behind `rsvp run`: a program, its watch, and what is told of both."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TextIO

from ..control import lasting
from ..node import Node
from ..paths import CONTROL
from ..running.processes import CannotStart, Program
from ..running.rules import Rule
from ..running.sockets import Watcher
from ..running.watch import Event, Watch
from . import words
from .application import open_api

PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)
OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends to all that runs in front of it, so that the program has it already."""


class Running:
    """Runs a command, and reserves for its flows until it has ended."""

    def __init__(
        self, command: Sequence[str], rules: tuple[Rule, ...], stay: bool, as_json: bool, output: Path | None
    ) -> None:
        self._program = Program(command)
        self._rules = rules
        self._stay = stay
        self._json = as_json
        self._path = output
        self._output: TextIO = sys.stderr

    async def run(self, control: str | None) -> int:
        """Do it all; the exit status. Raises RsvpError for what stands in the way before it starts."""
        api, _ = await open_api(control or CONTROL, lasting.connect)
        try:
            if isinstance(api, Node):
                api.failure.add_done_callback(self._tell_failure)
            with self._path.open("w") if self._path is not None else nullcontext(sys.stderr) as self._output:
                return await self._both(Watch(self._rules, api, watcher := Watcher(), self._tell), watcher)
        finally:
            await api.close()

    async def _both(self, watch: Watch, watcher: Watcher) -> int:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        # Before the program is there, so that none is missed.
        loop.add_signal_handler(signal.SIGCHLD, self._reap, ended)
        for number in PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup; so it is for the program
                loop.add_signal_handler(number, self._pass_on, number)
        try:
            self._program.start()
        except CannotStart as error:
            print(f"rsvp: {error}", file=sys.stderr)
            return error.status
        watching = asyncio.create_task(watch.run(), name="rsvp watch")
        watching.add_done_callback(self._tell_failure)
        try:
            await ended.wait()
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            watcher.close()
        assert self._program.status is not None
        return self._program.status

    def _reap(self, ended: asyncio.Event) -> None:
        self._program.reap()
        if self._program.status is not None and (self._program.alone or not self._stay):
            ended.set()

    def _pass_on(self, number: signal.Signals) -> None:
        if number not in OF_TERMINALS or not _in_front():
            self._program.send_signal(number)

    def _tell_failure(self, failure: asyncio.Future[None]) -> None:
        if not failure.cancelled() and (error := failure.exception()) is not None:
            self._tell({"event": "lost", "text": str(error)})

    def _tell(self, event: Event) -> None:
        text = json.dumps(event) if self._json else f"rsvp: {sentence(event)}"
        with suppress(OSError):  # nobody listens any more; the program is not to suffer
            print(text, file=self._output, flush=True)


def _in_front() -> bool:
    """Whether this process is in the foreground of its terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def sentence(event: Event) -> str:
    """One event as a line for people."""
    name = event["event"]
    if name == "hidden":
        return (
            f"the sockets of {event['program']} ({event['pid']}) cannot be watched: it runs with rights of "
            "its own or as another user"
        )
    if name == "unnamed":
        return (
            f"{event['program']} has a socket on port {event['port']} that is not connected: a rule about it "
            "has to name the one address and port where it sends to"
        )
    if name == "lost":
        return f"nothing is reserved any more: {event['text']}"
    session = words.session(event["session"])
    sender = f"port {event['port']}" if event.get("sender") is None else words.place(event["sender"])
    if name == "announced":
        return f"announcing {sender} to {session}: {words.tspec(event['tspec'])}"
    if name == "reserving":
        whom = "all senders" if event["sender"] is None else sender
        return f"reserving in {session} for {whom}, style {event['style']}"
    if name == "closed":
        return f"{session} is done with"
    if name == "failed":
        return f"{session}: {event['text']}"
    return f"{session}: {words.event(event)}"
