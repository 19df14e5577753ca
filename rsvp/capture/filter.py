"""Which packets `rsvp decode --filter` shows: by message, session or address (no RFC).

A filter is one word, and tells by its form what it asks for. It looks at objects that could be
decoded, and inside Bundles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

from ..dissection import Dissection
from ..iana import MESSAGE_NAMES, ClassNum, Protocol
from ..objects import IPAddress
from . import Frame

Test: TypeAlias = Callable[[Frame, Dissection], bool]
"""Says whether one message of a frame, the packet itself or one inside a Bundle, is wanted."""

FORMS = "write a message's name (Resv), an address (10.1.0.2, 10.0.0.0/8) or a session (10.1.0.2:5000)"

NUMBERS = ("port", "virtual_port", "gpi", "tunnel_id", "dscp", "p2mp_id")
"""What tells apart the sessions of one destination, whatever their kind calls it."""

DESTINATIONS = ("destination", "endpoint")


def read_filter(text: str) -> Test:
    """Read one filter; raises ValueError with a sentence that says what filters look like."""
    word = text.strip()
    names = {name.lower(): number for number, name in MESSAGE_NAMES.items()}
    if word.lower() in names:
        number = names[word.lower()]
        return lambda _frame, found: found.type == number
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        return _read_session(word)
    # Containment is asked of integers: the address objects' own operators take ten times as long.
    low, high, version = int(network[0]), int(network[-1]), network.version

    @lru_cache(4096)
    def inside(address: IPAddress) -> bool:
        return address.version == version and low <= int(address) <= high

    def test(frame: Frame, found: Dissection) -> bool:
        return (
            inside(frame.source)
            or inside(frame.destination)
            or any(inside(address) for entry in found.objects for address in addresses(entry.value))
        )

    return test


def read_session_word(word: str) -> tuple[IPAddress, int, int | None]:
    """ADDRESS:NUMBER, [ADDRESS]:NUMBER, either with /PROTOCOL behind it. Raises ValueError."""
    place, slash, protocol_word = word.partition("/")
    host, colon, number_word = place.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    protocols = {known.name.lower(): int(known) for known in Protocol}
    try:
        if not colon or (":" in host and not bracketed):
            raise ValueError
        address = ip_address(host[1:-1] if bracketed else host)
        number = int(number_word, 0)
        protocol = None
        if slash:
            name = protocol_word.lower()
            protocol = protocols[name] if name in protocols else int(protocol_word)
    except ValueError:
        raise ValueError(f"{word!r} is no filter: {FORMS}") from None
    return address, number, protocol


def _read_session(word: str) -> Test:
    address, number, protocol = read_session_word(word)

    def test(_frame: Frame, found: Dissection) -> bool:
        return any(
            _is_session(entry.value, address, number, protocol)
            for entry in found.objects
            if entry.class_num == ClassNum.SESSION
        )

    return test


def _is_session(value: object, address: IPAddress, number: int, protocol: int | None) -> bool:
    return (
        any(getattr(value, name, None) == address for name in DESTINATIONS)
        and any(getattr(value, name, None) == number for name in NUMBERS)
        and protocol in (None, getattr(value, "protocol", None))
    )


def addresses(value: object) -> Iterator[IPAddress]:
    """Every address in a decoded value, however deep."""
    if isinstance(value, IPv4Address | IPv6Address):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from addresses(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from addresses(getattr(value, field.name))


def matches(tests: Sequence[Test], frame: Frame, found: Dissection) -> bool:
    """Whether all tests hold for the packet, or for one message of its Bundle."""
    if all(test(frame, found) for test in tests):
        return True
    return any(all(test(frame, inner) for test in tests) for inner in found.messages or ())
