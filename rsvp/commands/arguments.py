"""What people type as arguments, read into values; each mistake is one sentence and exit status 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import typer

from .. import places
from ..jsonform import read_style
from ..objects import Filter, GpiSession, IPAddress, Session, Style, filter_of
from ..units import parse_rate, parse_time

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """An address and a port, or an SPI; `address` is None where only the other was given."""

    address: IPAddress | None
    port: int


def as_usage(read: Callable[[str], T]) -> Callable[[str], T]:
    """Make a reader that raises ValueError one that typer reports with its sentence."""

    def parser(text: str) -> T:
        try:
            return read(str(text))  # typer hands defaults over as they are
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parser


def _read_end(text: str) -> Place:
    address, port = places.read_place(text)
    if not int(address):
        raise ValueError(f"{address} is nobody's address: write {places.EXAMPLE}")
    return Place(address, port)


def _read_host(text: str) -> Place:
    return Place(places.read_address(text), 0)


def _read_source(text: str) -> Place:
    if text.startswith(places.SPI):
        return Place(None, places.read_spi(text))
    if "/" in text:
        return Place(*places.read_sender(text))
    if ":" not in text and "." not in text:
        return Place(None, places.read_port(text))
    return _read_end(text)


def _read_sender(text: str) -> Place:
    return Place(*places.read_sender(text)) if "/" in text else _read_end(text)


def senders_of(session: Session, *named: Place) -> tuple[Filter, ...]:
    """What was named as the senders of a session, each once.

    Refuses those with an SPI in a session of ports, and others in one of IPsec flows (RFC 2207 section 4.1).
    """
    for one in named:
        if isinstance(one.port, places.Spi) != isinstance(session, GpiSession):
            raise typer.BadParameter(
                "IPsec flows have an SPI in place of a source port: write 10.1.0.1/spi=0x1234"
                if isinstance(session, GpiSession)
                else "only flows of --protocol esp or ah to a virtual port have an SPI"
            )
    found = [filter_of(session, one.address, one.port) for one in named if one.address is not None]
    return tuple(dict.fromkeys(found))


def _read_protocol(text: str) -> int:
    from ..aio import read_protocol
    from ..errors import LocalError

    try:
        return read_protocol(text)
    except LocalError as error:
        raise ValueError(str(error)) from None


def _read_style(text: str) -> Style:
    try:
        return read_style(text.upper())
    except ValueError:
        raise ValueError(f"no such style: {text!r}; write ff, wf or se") from None


def one_of(known: Iterable[str], sentence: str) -> Callable[[str], str]:
    """A parser of words that are known; `sentence` says what else was written, as {text}."""

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(sentence.format(text=repr(text)))
        return text

    return as_usage(read)


def completes(known: Iterable[str]) -> Callable[[str], list[str]]:
    """What a shell offers for the beginning of a word."""

    def offer(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return offer


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers in a range."""

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else -1
        if not low <= number <= high:
            raise ValueError(f"{text!r} is no whole number from {low} to {high}")
        return number

    return as_usage(read)


def _read_positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} is no number above 0")
    return number


def _read_delay(text: str) -> float:
    seconds = parse_time(text)
    if not seconds > 0.0:
        raise ValueError(f"a delay has to be above 0, not {text!r}")
    return seconds


MAX_COUNT = 10**9
LARGEST_PACKET = 65535

host = as_usage(_read_host)
port = as_usage(places.read_port)
destination = as_usage(_read_end)
source = as_usage(_read_source)
sender = as_usage(_read_sender)
protocol = as_usage(_read_protocol)
style = as_usage(_read_style)
rate = as_usage(parse_rate)
delay = as_usage(_read_delay)
positive = as_usage(_read_positive)
service = one_of(
    ("load", "rate"), "no such service: {text}; write load (controlled load) or rate (guaranteed)"
)
