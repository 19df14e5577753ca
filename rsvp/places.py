"""How people write an address with a port: "10.1.0.2:5000" or "[2001:db8::2]:5000" (RFC 3986 3.2.2).

In place of its port, the sender of an encrypted flow has an SPI (RFC 2207): "10.1.0.2/spi=0x1234".
Rules name many of them at once: "10.1.0.0/16:5000-5100", "[2001:db8::/32]:5000", ":5000".
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

EXAMPLE = "10.1.0.2:5000 or [2001:db8::2]:5000"

LARGEST_PORT = 65535

ALL_PORTS = range(LARGEST_PORT + 1)


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


class Spi(int):
    """An SPI, where a port might stand."""


SPI = "spi="
LARGEST_SPI = 0xFFFFFFFF


def read_spi(text: str) -> Spi:
    """An SPI from "spi=0x1234" or "spi=4660". Raises ValueError with a sentence for people."""
    digits = text.removeprefix(SPI)
    try:
        number = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    except ValueError:
        number = -1
    if not text.startswith(SPI) or not 0 <= number <= LARGEST_SPI:
        raise ValueError(f"{text!r} is no SPI: write spi=0x1234, or a decimal number below 2^32")
    return Spi(number)


def read_sender(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """An address and its port, or its `Spi`. Raises ValueError with a sentence for people."""
    host, slash, spi = text.partition("/")
    return (read_address(host), read_spi(spi)) if slash else read_place(text)


# --- many at once ------------------------------------------------------------------------------------


def read_network(text: str) -> IPv4Network | IPv6Network:
    """A network, or an address as one of its own. Raises ValueError with a sentence for people."""
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        network = ip_network(inside, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network: write 10.0.0.0/8, 2001:db8::/32 or an address") from None
    if network.network_address != ip_address(inside.partition("/")[0]):
        raise ValueError(f"{text!r} has bits behind its prefix: write {network}")
    return network


def read_ports(text: str | int) -> range:
    """A port, or a range of them such as "5000-5100". Raises ValueError with a sentence for people."""
    first, dash, last = str(text).partition("-")
    ports = range(read_port(first), read_port(last if dash else first) + 1)
    if not ports:
        raise ValueError(f"there are no ports {text}: write {last}-{first}")
    return ports


@dataclass(frozen=True, slots=True)
class Area:
    """The addresses of a network, any where that is None, at a range of ports."""

    network: IPv4Network | IPv6Network | None = None
    ports: range = ALL_PORTS

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The only address that is meant, if it is one."""
        single = self.network is not None and self.network.num_addresses == 1
        return self.network.network_address if self.network is not None and single else None

    @property
    def port(self) -> int:
        """The only port that is meant, if it is one; else 0."""
        return self.ports.start if len(self.ports) == 1 else 0

    def takes(self, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        """Whether an address and a port are in it; None, which is nobody's address, is where any is."""
        network = self.network
        return port in self.ports and (network is None or (address is not None and address in network))


def read_area(text: str) -> Area:
    """ "10.1.0.0/16:5000-5100", or either half of it. Raises ValueError with a sentence for people."""
    bare = text.count(":") > 1 and not text.startswith("[")  # of IPv6, without ports
    host, colon, ports = (text, "", "") if bare or text.endswith("]") else text.rpartition(":")
    if not colon:
        host, ports = text, ""
    if not (host or colon):
        raise ValueError("an address or a port is missing: write 10.1.0.0/16:5000-5100, or :5000")
    return Area(read_network(host) if host else None, read_ports(ports) if colon else ALL_PORTS)
