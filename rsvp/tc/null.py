"""Traffic control that only keeps the books, for nodes that must not touch the kernel (RFC 2205 3.11.2)."""

from __future__ import annotations

from collections.abc import Mapping

from ..intserv import Flowspec, Tspec
from ..objects import Filter, Session
from . import NO_MARKS, Counters, Flow, Refused


class NullTrafficControl:
    """Accepts every reservation and carries none: all counters stay at zero."""

    def __init__(self) -> None:
        self._handles: dict[int, set[int]] = {}

    def open_interface(
        self,
        index: int,
        name: str,
        bandwidth: float,
        mtu: int,
        *,
        shape: bool = True,
        marks: Mapping[int, int] = NO_MARKS,
    ) -> None:
        """Know an interface."""
        self._handles.setdefault(index, set())

    def sweep(self, interface: int) -> None:
        """Nothing is left behind."""

    def close_interface(self, index: int) -> None:
        """Forget an interface."""
        self._handles.pop(index, None)

    def add_flow(self, interface: int, flow: Flow) -> None:
        """Enter a reservation."""
        self._handles.setdefault(interface, set()).add(flow.handle)

    def modify_flow(
        self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None, policed: bool = True
    ) -> None:
        """Nothing changes for a reservation that nothing schedules."""

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Nothing is classified."""

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Nothing is classified."""

    def delete_flow(self, interface: int, handle: int) -> None:
        """Strike a reservation out."""
        self._handles.get(interface, set()).discard(handle)

    def settle(self) -> list[Refused]:
        """Nothing is refused."""
        return []

    def counters(self, interface: int) -> dict[int, Counters]:
        """Zeroes for every reservation."""
        return {handle: Counters() for handle in self._handles.get(interface, ())}

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """None: the kernel knows nothing of it."""
        return None

    def close(self) -> None:
        """Forget everything."""
        self._handles.clear()
