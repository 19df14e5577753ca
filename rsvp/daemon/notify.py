"""sd_notify(3) by hand: tell the service manager, if there is one, how the daemon is."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send e.g. "READY=1" to $NOTIFY_SOCKET; without one, or with nobody there, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        # A leading "@" stands for Linux' abstract name space.
        manager.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)


def watchdog_period() -> float | None:
    """How often, in seconds, the service manager wants to hear "WATCHDOG=1"; None where it does not."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(asked) / 2e6 if asked.isdecimal() and int(asked) and mine else None
