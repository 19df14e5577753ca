from .dissection import Dissection as Dissection
from .dissection import WireObject as WireObject
from .errors import WireError as WireError
from .messages import Message
from .objects import IPAddress

__all__ = [
    "Dissection",
    "WireError",
    "WireObject",
    "address",
    "checksum",
    "decode",
    "dissect",
    "encode",
]

def decode(data: bytes | bytearray | memoryview) -> Message: ...
def decode_object(data: bytes | bytearray | memoryview) -> object: ...
def encode(message: Message) -> bytes: ...
def encode_object(class_num: int, value: object) -> bytes: ...
def address(packed: bytes | bytearray | memoryview) -> IPAddress: ...
def checksum(data: bytes | bytearray | memoryview) -> int: ...
def dissect(data: bytes | bytearray | memoryview) -> Dissection: ...
