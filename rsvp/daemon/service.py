"""A daemon's life: configuration, control socket, node, ready; then signals until the end.

SIGTERM and SIGINT end it orderly: what applications made is torn down on the wire and traffic
control is given back. SIGHUP reads the file again and loses no state. A fault of our own ends it as
orderly, with exit status 1.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import config
from ..control.server import ControlServer, ControlSocket
from ..errors import ConfigError
from ..node import Node
from .exporter import Exporter
from .notify import notify, watchdog_period
from .process import owner_of_socket

log = logging.getLogger("rsvp")

RELOAD, STOP, FAULT = "reload", "stop", "fault"


@dataclass(frozen=True)
class Settings:
    """The command line; it goes before the file."""

    file: str | None = None
    control: str | None = None
    interfaces: tuple[str, ...] = ()
    record: str | None = None

    def read(self) -> config.NodeConfig:
        """The configuration that file and command line make together. Raises ConfigError."""
        read = config.load(self.file) if self.file else config.NodeConfig()
        return msgspec.structs.replace(
            read,
            control=self.control or read.control,
            record=self.record or read.record,
            only=self.interfaces,
        )


def _as_it_is(_: config.NodeConfig) -> AbstractContextManager[None]:
    return nullcontext()


async def serve(
    settings: Settings,
    build: Callable[[config.NodeConfig], Node] = Node,
    settle: Callable[[config.NodeConfig], AbstractContextManager[None]] = _as_it_is,
) -> int:
    """Run a daemon to its end; the result is its exit status.

    `settle` is what to do to the process itself once the control socket is there and before there is a
    node: `process.settled` where this process is the daemon's own. Raises ConfigError, ControlError and
    Unavailable where it cannot start.
    """
    told = settings.read()
    # The socket first: where another daemon runs already, nothing of its must be touched.
    where = ControlSocket(told.control, owner_of_socket(told))
    orders = _Orders()
    orders.listen()
    try:
        with settle(told):
            async with build(told) as node, Exporter(node.metrics) as exporter:
                await exporter.move(told.metrics, told.place("metrics"))
                node.failure.add_done_callback(lambda _: orders.put(FAULT))
                server = ControlServer(node, where)
                await server.start()
                log.info("ready, interfaces %s, control %s", _names(node), where.path)
                notify("READY=1")
                orders.keep_awake()
                while (order := await orders.get()) == RELOAD:
                    await _reload(node, settings, where, exporter)
                notify("STOPPING=1")
                log.info("ending" if order == STOP else "ending, because of the error above")
                await server.close()
    finally:
        where.close()
        orders.deafen()
    return 0 if order == STOP else 1


async def _reload(node: Node, settings: Settings, where: ControlSocket, exporter: Exporter) -> None:
    if settings.file is None:
        log.warning("told to read the configuration again, but started without --config")
        return
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    before = node.config
    try:
        told = settings.read()
        await exporter.move(told.metrics, told.place("metrics"))
        await node.reconfigure(told)
    except ConfigError as error:
        await exporter.move(before.metrics, before.place("metrics"))
        log.error("%s; going on with the configuration as it was", error)
    else:
        if told.control != str(where.path):
            log.warning("the control socket stays %s until the next start", where.path)
        if (told.user, told.control_group) != (before.user, before.control_group):
            log.warning("the user, and the group of the control socket, stay until the next start")
        if (told.first_routers, told.first_router_ttl) != (before.first_routers, before.first_router_ttl):
            log.warning("the first routers stay as they are until the next start")
        if told.record != before.record:
            log.warning("what is recorded, and where, stays as it is until the next start")
        log.info("%s is read again, interfaces %s", settings.file, _names(node))
    notify("READY=1")


def _names(node: Node) -> str:
    return " ".join(node.interface_names) or "none"


class _Orders:
    """What signals and faults ask of the daemon, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._watchdog: asyncio.TimerHandle | None = None
        self._signals = {signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGHUP: RELOAD}
        self.put = self._queue.put_nowait
        self.get = self._queue.get

    def listen(self) -> None:
        for number, order in self._signals.items():
            self._loop.add_signal_handler(number, self.put, order)
        self._loop.set_exception_handler(self._fault)

    def keep_awake(self) -> None:
        """Let the service manager's watchdog know, again and again, that this loop runs."""
        period = watchdog_period()
        if period is not None:
            notify("WATCHDOG=1")
            self._watchdog = self._loop.call_later(period, self.keep_awake)

    def deafen(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        for number in self._signals:
            self._loop.remove_signal_handler(number)
        self._loop.set_exception_handler(None)

    def _fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody caught in a callback or task."""
        error = context.get("exception")
        if isinstance(error, OSError):  # a peer or the kernel, not a mistake of ours
            log.warning("%s: %s", context["message"], error)
            return
        log.critical("internal error: %s", context["message"], exc_info=error)
        self.put(FAULT)
