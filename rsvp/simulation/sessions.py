"""Sessions and senders as people write them, with the names of nodes for their addresses."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from ..aio import read_protocol
from ..errors import LocalError
from ..iana import Protocol
from ..objects import FilterSpec, GpiFilter, IPAddress, Session, session_of
from ..places import read_spi, split

AddressOf = Callable[[str], IPAddress | None]
"""A node's name -> its first address."""


def read_address(text: str, address_of: AddressOf) -> IPAddress:
    """An address, in brackets or not, or a node's name. Raises ValueError."""
    found = address_of(text)
    if found is not None:
        return found
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ip_address(bare)
    except ValueError:
        raise ValueError(f"{text!r} is no address and no node's name") from None


def read_session(text: str, address_of: AddressOf) -> Session:
    """A session from "239.1.1.1:5000", "h2:5000" "h2:5000/tcp" or "h2:5000/esp". Raises ValueError."""
    place, slash, protocol = text.partition("/")
    host, port = split(place, "239.1.1.1:5000 or h2:5000")
    try:
        number = read_protocol(protocol) if slash else int(Protocol.UDP)
    except LocalError as error:
        raise ValueError(str(error)) from None
    return session_of(read_address(host, address_of), number, port)


def read_sender(text: str, address_of: AddressOf) -> FilterSpec | GpiFilter:
    """A sender from "h1:4000", "10.0.1.1:4000" or "h1/spi=0x1234". Raises ValueError."""
    host, slash, spi = text.partition("/")
    if slash:
        return GpiFilter(read_address(host, address_of), int(read_spi(spi)))
    host, port = split(text, "h1:4000 or 10.0.1.1:4000")
    return FilterSpec(read_address(host, address_of), port)
