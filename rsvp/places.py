"""How people write an address with a port: "10.1.0.2:5000" or "[2001:db8::2]:5000" (RFC 3986 3.2.2)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

EXAMPLE = "10.1.0.2:5000 or [2001:db8::2]:5000"

LARGEST_PORT = 65535


def read_address(text: str, example: str = "10.1.0.2 or 2001:db8::2") -> IPv4Address | IPv6Address:
    """An address without a zone: it is to mean the same to every node.

    Raises ValueError with a sentence for people that ends in `example`.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, which means nothing to other nodes: write {example}")
    try:
        return ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 or IPv6 address: write {example}") from None


def read_port(text: str) -> int:
    """A port, 0 to 65535. Raises ValueError with a sentence for people."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no port: write a number from 0 to {LARGEST_PORT}")
    if int(text) > LARGEST_PORT:
        raise ValueError(f"port {text} is too high: a port is 0 to {LARGEST_PORT}")
    return int(text)


def split(text: str, example: str = EXAMPLE) -> tuple[str, int]:
    """A host as it is written, an address of IPv6 in brackets, and its port.

    Raises ValueError with a sentence for people that ends in `example`.
    """
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host.strip("[]") and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"{text!r} is no address with a port: write {example}")
    return host, read_port(port)


def read_place(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """An address and its port. Raises ValueError with a sentence for people."""
    host, port = split(text)
    return read_address(host, EXAMPLE), port
