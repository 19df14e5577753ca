from dataclasses import dataclass
from typing import Any

from .errors import WireError
from .messages import Message

__all__ = ["WireError", "WireObject", "Dissection", "decode", "encode", "checksum", "dissect"]

@dataclass(frozen=True, slots=True)
class WireObject:
    class_num: int
    ctype: int
    length: int
    offset: int
    value: Any
    data: bytes

@dataclass(frozen=True, slots=True)
class Dissection:
    version: int
    flags: int
    type: int
    checksum: str
    send_ttl: int
    length: int
    objects: tuple[WireObject, ...]
    error: WireError | None

def decode(data: bytes) -> Message: ...
def encode(message: Message) -> bytes: ...
def checksum(data: bytes) -> int: ...
def dissect(data: bytes) -> Dissection: ...
