"""What people type as arguments, read into values; each mistake is one sentence and exit status 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar

import typer

from ..jsonform import read_style
from ..objects import FilterSpec, IPAddress, Style
from ..units import parse_rate, parse_time

T = TypeVar("T")

EXAMPLE = "10.1.0.2:5000 or [2001:db8::2]:5000"


@dataclass(frozen=True)
class Place:
    """An address and a port; `address` is None where only the port was given."""

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


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no port: write a number from 0 to 65535")
    if int(text) > 65535:
        raise ValueError(f"port {text} is too high: a port is 0 to 65535")
    return int(text)


def _read_place(text: str) -> Place:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host.strip("[]") and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"{text!r} is no address with a port: write {EXAMPLE}")
    if "%" in host:
        raise ValueError(f"{host!r} has a zone, which means nothing to other nodes: write {EXAMPLE}")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ValueError(f"{host!r} is no IPv4 or IPv6 address: write {EXAMPLE}") from None
    return Place(address, _read_port(port))


def _read_end(text: str) -> Place:
    place = _read_place(text)
    if place.address is not None and not int(place.address):
        raise ValueError(f"{place.address} is nobody's address: write {EXAMPLE}")
    return place


def _read_source(text: str) -> Place:
    if ":" not in text and "." not in text:
        return Place(None, _read_port(text))
    return _read_end(text)


def _read_sender(text: str) -> FilterSpec:
    place = _read_end(text)
    assert place.address is not None
    return FilterSpec(place.address, place.port)


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

destination = as_usage(_read_end)
source = as_usage(_read_source)
sender = as_usage(_read_sender)
protocol = as_usage(_read_protocol)
style = as_usage(_read_style)
rate = as_usage(parse_rate)
delay = as_usage(_read_delay)
positive = as_usage(_read_positive)
