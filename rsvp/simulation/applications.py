"""What applications do in a scenario: send, reserve and so on, with their words (RFC 2205 section 3.11.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import Any

from ..iana import DEFAULT_TTL
from ..intserv import DEFAULT_ADSPEC, Adspec, Flowspec, Tspec, controlled_load, default_bucket, guaranteed
from ..jsonform import read_style
from ..messages import Flow
from ..objects import Filter, GpiFilter, IPAddress, Session, Style
from ..places import SPI, read_spi
from ..receiver import Receiver
from .lines import Words, is_number, read_count, read_rate, read_whole
from .node import Node
from .sessions import read_sender, read_session
from .simulation import Simulation

Act = Callable[[Node], object]

BUCKET = {
    "bucket": ("bucket", read_count),
    "peak": ("peak", read_rate),
    "min": ("m", read_whole),
    "max": ("M", read_count),
}
"""A word behind a rate -> the field of `Tspec` that it sets, and how its value is written."""

MAX_TTL = 255


def _read_session(words: Words, simulation: Simulation) -> Session:
    return words.read(lambda text: read_session(text, simulation.address_of), "a session")


def _read_senders(words: Words, simulation: Simulation) -> tuple[Filter, ...]:
    """Senders from "h1:4000,h3:4000"."""

    def read(text: str) -> tuple[Filter, ...]:
        return tuple(read_sender(one, simulation.address_of) for one in text.split(","))

    return words.read(read, "senders")


def _read_ttl(words: Words) -> int:
    ttl = words.read(read_count, "a number")
    if ttl > MAX_TTL:
        words.fail(f"a TTL is 1 to {MAX_TTL}, not {ttl}")
    return ttl


def _read_rate(words: Words) -> tuple[float, dict[str, float]] | None:
    """A rate with what describes it further: "20kbit bucket 3000 max 500"; None where none is written."""
    if words.maybe("rate") is None and not is_number(words.next):
        return None
    rate = words.read(read_rate, "a rate")
    fields: dict[str, float] = {}
    while word := words.maybe(*BUCKET):
        name, reader = BUCKET[word]
        fields[name] = words.read(reader, "a value")
    if fields.get("m", 64) > fields.get("M", 1500):
        words.fail("the smallest packet is larger than the largest one")
    if fields.get("peak", math.inf) < rate:
        words.fail("the peak rate is below the rate")
    return rate, fields


# --- senders --------------------------------------------------------------------------------------

SEND_WORDS = ("from", "rate", *BUCKET, "ttl", "no-adspec", "as")


def _send(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    source, port, ttl, app = None, 0, DEFAULT_TTL, ""
    adspec: Adspec | None = DEFAULT_ADSPEC
    tspec: Tspec | None = None
    while words.next is not None:
        if (rate := _read_rate(words)) is not None:
            number, fields = rate
            fields.setdefault("bucket", default_bucket(number, int(fields.get("M", 1500))))
            tspec = Tspec(number, **fields)  # type: ignore[arg-type]
        elif words.maybe("from"):
            source, port = _read_source(words, simulation)
        elif words.maybe("ttl"):
            ttl = _read_ttl(words)
        elif words.maybe("no-adspec"):
            adspec = None
        elif words.maybe("as"):
            app = words.take("a name")
        else:
            words.end(*SEND_WORDS)
    if tspec is None:
        words.fail("how much is sent is missing: add a rate such as 20kbit")
    offer = tspec
    return lambda node: node.send(session, offer, port=port, source=source, ttl=ttl, adspec=adspec, app=app)


def _read_source(words: Words, simulation: Simulation) -> tuple[IPAddress | None, int]:
    """ ":4000" or "spi=0x1234", with the node's own address, or "10.0.1.1:4000"."""
    if words.next is not None and words.next.startswith(SPI):
        return None, words.read(read_spi, "an SPI")
    if words.next is not None and words.next.startswith(":"):
        return None, words.read(lambda text: _read_port(text[1:]), "a port")
    sender = words.read(lambda text: read_sender(text, simulation.address_of), "a source")
    return sender.address, sender.gpi if isinstance(sender, GpiFilter) else sender.port


def _read_port(text: str) -> int:
    number = read_whole(text)
    if number > 65535:
        raise ValueError(f"port {text} is too high: a port is 0 to 65535")
    return number


def _stop(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    source, port, app = None, 0, ""
    while words.next is not None:
        if words.maybe("from"):
            source, port = _read_source(words, simulation)
        elif words.maybe("as"):
            app = words.take("a name")
        else:
            words.end("from", "as")
    return lambda node: node.stop(session, port=port, source=source, app=app)


# --- receivers ------------------------------------------------------------------------------------

RESERVE_WORDS = ("rate", *BUCKET, "guaranteed", "for", "and", "confirm", "ttl", "as")


@dataclass
class _Wish:
    """One flow that is to be reserved; without a rate, what the senders announce."""

    rate: float | None = None
    fields: dict[str, float] = field(default_factory=dict)
    guaranteed: bool = False
    R: float | None = None
    slack: int = 0
    senders: tuple[Filter, ...] = ()

    def flowspec(self, rate: float | Tspec, **fields: Any) -> Flowspec:
        """The flowspec for a rate or Tspec; what was written goes before `fields`."""
        fields |= self.fields
        if self.guaranteed:
            return guaranteed(rate, self.R, self.slack, **fields)
        return controlled_load(rate, **fields)


def _reserve(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    style = words.read(lambda text: read_style(text.upper()), "a style: ff, wf or se")
    wishes = [_Wish()]
    confirm, ttl, app = False, None, ""
    while words.next is not None:
        wish = wishes[-1]
        if (rate := _read_rate(words)) is not None:
            wish.rate, wish.fields = rate
        elif words.maybe("guaranteed"):
            wish.guaranteed = True
            wish.R = words.read(read_rate, "a rate") if is_number(words.next) else None
            wish.slack = words.read(read_whole, "microseconds") if words.maybe("slack") else 0
        elif words.maybe("for"):
            wish.senders = _read_senders(words, simulation)
        elif words.maybe("and"):
            wishes.append(_Wish())
        elif words.maybe("confirm"):
            confirm = True
        elif words.maybe("ttl"):
            ttl = _read_ttl(words)
        elif words.maybe("as"):
            app = words.take("a name")
        else:
            words.end(*RESERVE_WORDS)
    _check_wishes(words, style, wishes)
    if all(wish.rate is not None and bool(wish.senders) == style.explicit for wish in wishes):
        flows = tuple(_flow(style, wish, one) for wish in wishes for one in _groups(style, wish))
        return lambda node: node.reserve(session, style, flows, confirm=confirm, ttl=ttl, app=app)
    (wish,) = wishes
    make = partial(Receiver, style, wish.flowspec, wish.senders, wish.rate)
    return lambda node: node.receive(session, make(), confirm=confirm, app=app)


def _check_wishes(words: Words, style: Style, wishes: list[_Wish]) -> None:
    if any(wish.senders for wish in wishes) and not style.explicit:
        words.fail("style wf is for all senders: leave 'for' out")
    if len(wishes) > 1 and not all(wish.senders and wish.rate for wish in wishes):
        words.fail("flows joined by 'and' have a rate and a 'for' each")


def _groups(style: Style, wish: _Wish) -> list[tuple[Filter, ...]]:
    return [wish.senders] if style.shared else [(one,) for one in wish.senders]


def _flow(style: Style, wish: _Wish, senders: tuple[Filter, ...]) -> Flow:
    assert wish.rate is not None
    return Flow(wish.flowspec(wish.rate), senders)


def _release(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    senders, app = None, ""
    while words.next is not None:
        if words.maybe("for"):
            senders = _read_senders(words, simulation)
        elif words.maybe("as"):
            app = words.take("a name")
        else:
            words.end("for", "as")
    return lambda node: node.release(session, senders, app=app)


def _open(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    app = words.take("a name") if words.maybe("as") else ""
    words.end("as")

    def act(node: Node) -> None:
        if session.destination.is_multicast:
            node.join(session.destination)
        node.open(session, app)

    return act


def _close(words: Words, simulation: Simulation) -> Act:
    session = _read_session(words, simulation)
    app = words.take("a name") if words.maybe("as") else ""
    words.end("as")
    return lambda node: node.close(session, app)


def _join(words: Words, simulation: Simulation) -> Act:
    group = _read_group(words)
    return lambda node: node.join(group)


def _leave(words: Words, simulation: Simulation) -> Act:
    group = _read_group(words)
    return lambda node: node.leave(group)


def _read_group(words: Words) -> IPAddress:
    text = words.take("a group's address")
    try:
        group = ip_address(text)
    except ValueError:
        words.fail(f"{text!r} is no address of a group")
    if not group.is_multicast:
        words.fail(f"{text} is no address of a group")
    words.end()
    return group


VERBS: dict[str, Callable[[Words, Simulation], Act]] = {
    "open": _open,
    "send": _send,
    "stop": _stop,
    "reserve": _reserve,
    "release": _release,
    "close": _close,
    "join": _join,
    "leave": _leave,
}
"""What a node's applications may do."""
