"""Which reservations a receiver asks for, by the senders that it was told of or has heard (RFC 2205 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from .engine.outputs import PathEvent, PathGone, Upcall
from .intserv import Flowspec, fit, merge
from .messages import Flow, Sender, base_filter
from .objects import Filter, Style

Service = Callable[..., Flowspec]
"""`intserv.controlled_load` or `intserv.guaranteed`."""


class Receiver:
    """Reserves for the senders that were named, or for each that announces itself.

    `rate` in bytes/s; None reserves what each sender announces.
    """

    def __init__(
        self, style: Style, service: Service, named: tuple[Filter, ...] = (), rate: float | None = None
    ) -> None:
        self.style = style
        self._service = service
        self._named = named
        self._rate = rate
        self._known: dict[Filter, Sender] = {}

    def heard(self, event: Upcall) -> None:
        """Keep up with the senders."""
        if isinstance(event, PathEvent):
            self._known[base_filter(event.sender.template)] = event.sender
        elif isinstance(event, PathGone):
            self._known.pop(event.template, None)

    def flows(self) -> tuple[Flow, ...]:
        """What to reserve, by what is known now; empty for nothing yet."""
        senders = self._named or tuple(self._known)
        wanted = {one: asked for one in senders if (asked := self._flowspec(one)) is not None}
        if self.style.explicit and not self.style.shared:
            return tuple(Flow(asked, (one,)) for one, asked in wanted.items())
        if wanted:
            shared = reduce(merge, wanted.values())
        elif self._rate is not None and not self.style.explicit:
            shared = self._service(self._rate)
        else:
            return ()
        return (Flow(shared, tuple(wanted) if self.style.explicit else ()),)

    def _flowspec(self, sender: Filter) -> Flowspec | None:
        """What one sender needs: the rate that was asked for, or what it announced."""
        known = self._known.get(sender)
        if known is None or known.tspec is None:
            return None if self._rate is None else self._service(self._rate)
        asked = self._service(known.tspec)
        tspec = fit(known.tspec, known.adspec, asked.service)
        if self._rate is None:
            return replace(asked, tspec=tspec)
        return self._service(self._rate, m=tspec.m, M=tspec.M)
