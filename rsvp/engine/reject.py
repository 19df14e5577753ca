"""How a handler says no: an exception that becomes a PathErr or ResvErr (RFC 2205 appendix B)."""

from __future__ import annotations


class Reject(Exception):
    """Raised where a rule is broken, caught where the message came in; never leaves the engine."""

    def __init__(self, code: int, value: int = 0, flags: int = 0) -> None:
        super().__init__(code, value, flags)
        self.code = code
        self.value = value
        self.flags = flags


class Drop(Exception):
    """Raised where a message is not to be acted on nor answered; it is counted by its reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
