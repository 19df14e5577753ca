from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

__all__ = ["compiled", "number"]

_T = TypeVar("_T")

def compiled(cls: type[_T]) -> type[_T]: ...
def number(address: IPv4Address | IPv6Address) -> int: ...
