"""What happens to a flow, as values in a queue; FD_QOS, which says that there are some.

FD_QOS is edge-triggered: a change posts it once, and then nothing until `get_qos` re-arms it. The queue
holds every change, so read it to its end each time. A descriptor is readable while FD_QOS stands posted,
for select, poll and any loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from dataclasses import dataclass

from ..objects import Filter
from .checks import Direction
from .constants import ServiceType, Status
from .errors import Aborted, WouldBlock
from .structures import AdspecInfo, FlowSpec, PolicyInfo, Qos, QosObject, StatusInfo

UNCHANGED = FlowSpec(service_type=ServiceType.NOCHANGE)


@dataclass(frozen=True, slots=True)
class QosEvent:
    """One indication.

    `flowspec` is what the other end says: a sender's, for `Direction.RECEIVING`; the reservation, for
    SENDING. `senders` are whom it concerns, none for a wildcard. `in_place` is set with an error that
    left an earlier reservation standing.
    """

    direction: Direction
    info: StatusInfo
    flowspec: FlowSpec = UNCHANGED
    senders: tuple[Filter, ...] = ()
    adspec: AdspecInfo | None = None
    policy: PolicyInfo | None = None
    in_place: bool = False

    @property
    def status(self) -> Status:
        """WSA_QOS_*."""
        return Status(self.info.status)

    @property
    def extended(self) -> tuple[int, int]:
        """(category, detail), each an `Extended` number; (0, 0) where there is nothing to explain."""
        return self.info.extended_status1, self.info.extended_status2

    @property
    def qos(self) -> Qos:
        """The same as SIO_GET_QOS gave it: one direction is valid, the other says NOCHANGE."""
        objects: list[QosObject] = [self.info]
        objects += [one for one in (self.adspec, self.policy) if one is not None]
        if self.direction is Direction.SENDING:
            return Qos(self.flowspec, UNCHANGED, tuple(objects))
        return Qos(UNCHANGED, self.flowspec, tuple(objects))


class EventQueue:
    """Indications in order, and FD_QOS."""

    def __init__(self) -> None:
        self._waiting: deque[QosEvent] = deque()
        self._arrived = asyncio.Event()
        self._posted = asyncio.Event()
        self._armed = True
        self._closed = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def push(self, event: QosEvent) -> None:
        """Append an indication; posts FD_QOS if that is armed."""
        if self._closed:
            return
        self._waiting.append(event)
        self._arrived.set()
        if self._armed:
            self._armed = False
            self._posted.set()
            os.eventfd_write(self._fd, 1)

    def first(self) -> QosEvent | None:
        """The indication that comes next, which stays where it is."""
        return self._waiting[0] if self._waiting else None

    def get_nowait(self) -> QosEvent:
        """The next indication; re-arms FD_QOS. Raises WouldBlock where none waits."""
        self._arm()
        if not self._waiting:
            raise WouldBlock("no indication waits")
        event = self._waiting.popleft()
        if not self._waiting:
            self._arrived.clear()
        return event

    async def get(self) -> QosEvent:
        """The next indication, when there is one. Raises Aborted when the queue is closed."""
        while not self._waiting:
            if self._closed:
                raise Aborted("the socket was closed")
            await self._arrived.wait()
        return self.get_nowait()

    async def posted(self) -> None:
        """Wait until FD_QOS stands posted. Raises Aborted when the queue is closed."""
        await self._posted.wait()
        if self._closed:
            raise Aborted("the socket was closed")

    def fileno(self) -> int:
        """A descriptor that is readable while FD_QOS stands posted; -1 once closed."""
        return self._fd

    def _arm(self) -> None:
        self._armed = True
        self._posted.clear()
        if not self._closed:
            with contextlib.suppress(BlockingIOError):  # it was not posted
                os.eventfd_read(self._fd)

    def close(self) -> None:
        """Wake up whoever waits; what is queued can still be read."""
        if self._closed:
            return
        self._closed = True
        self._arrived.set()
        self._posted.set()
        os.close(self._fd)
        self._fd = -1
