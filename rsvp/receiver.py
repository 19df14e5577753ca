"""Which reservations a receiver asks for, by the senders that it was told of or has heard (RFC 2205 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from .engine.outputs import PathEvent, PathGone, Upcall
from .errors import LocalError
from .intserv import Adspec, Flowspec, controlled_load, fit, guaranteed, guaranteed_within, lub
from .messages import Flow, Sender, base_filter
from .objects import Filter, Style

Service = Callable[..., Flowspec]
"""`intserv.controlled_load` or `intserv.guaranteed`."""

SERVICES: dict[str, Service] = {"load": controlled_load, "rate": guaranteed}
"""By the words that people type for them."""


def read_service(word: str | None, delay: float | None = None) -> Service:
    """A service by its word; without one controlled load, or guaranteed where a delay is asked for.

    Raises LocalError for another word, and for a delay of a service that promises none.
    """
    if word is None:
        return controlled_load if delay is None else guaranteed
    if word not in SERVICES:
        raise LocalError(f"no such service: {word!r}; write load (controlled load) or rate (guaranteed)")
    if delay is not None and word == "load":
        raise LocalError("controlled load promises no delay: leave the service out, or the delay")
    return SERVICES[word]


class Receiver:
    """Reserves for the senders that were named, or for each that announces itself.

    `rate` in bytes/s; None reserves what each sender announces, or what it takes for its packets to
    arrive within `delay` seconds. `bucket` in bytes goes with a `rate`; None for a usual one.
    """

    def __init__(
        self,
        style: Style,
        service: Service,
        named: tuple[Filter, ...] = (),
        rate: float | None = None,
        delay: float | None = None,
        bucket: float | None = None,
    ) -> None:
        self.style = style
        self._service = service
        self._named = named
        self._rate = rate
        self._bucket = {} if bucket is None else {"bucket": bucket}
        self._delay = delay
        self._known: dict[Filter, Sender] = {}

    def heard(self, event: Upcall) -> None:
        """Keep up with the senders."""
        if isinstance(event, PathEvent):
            self._known[base_filter(event.sender.template)] = event.sender
        elif isinstance(event, PathGone):
            self._known.pop(event.template, None)

    @property
    def hears(self) -> bool:
        """Whether there is a sender at present."""
        return bool(self._known)

    def flows(self) -> tuple[Flow, ...]:
        """What to reserve, by what is known now; empty for nothing yet.

        Raises LocalError where the delay cannot be had.
        """
        senders = self._named or tuple(self._known)
        wanted = {one: asked for one in senders if (asked := self._flowspec(one)) is not None}
        if self.style.explicit and not self.style.shared:
            return tuple(Flow(asked, (one,)) for one, asked in wanted.items())
        if wanted:
            # Enough for the largest sender, in packets that every path takes (RFC 2210 section 2.3.2).
            shared = reduce(lub, wanted.values())
            for one in wanted:
                shared = self._fitting(shared, one)
        elif self._rate is not None and not self.style.explicit:
            shared = self._service(self._rate, **self._bucket)
        else:
            return ()
        return (Flow(shared, tuple(wanted) if self.style.explicit else ()),)

    def _flowspec(self, sender: Filter) -> Flowspec | None:
        """What one sender needs: the rate that was asked for, or what it announced."""
        known = self._known.get(sender)
        if known is None or known.tspec is None:
            return None if self._rate is None else self._service(self._rate, **self._bucket)
        if self._delay is not None:
            try:
                return guaranteed_within(known.tspec, self._delay, known.adspec or Adspec())
            except ValueError as why:
                raise LocalError(f"{self._delay * 1e3:.4g} ms from {sender} cannot be had: {why}") from None
        asked = self._fitting(self._service(known.tspec), sender)
        if self._rate is None:
            return asked
        return self._service(self._rate, m=asked.tspec.m, M=asked.tspec.M, **self._bucket)

    def _fitting(self, asked: Flowspec, sender: Filter) -> Flowspec:
        known = self._known.get(sender)
        adspec = None if known is None else known.adspec
        return replace(asked, tspec=fit(asked.tspec, adspec, asked.service))
