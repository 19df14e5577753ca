"""The exceptions of this package.

`WireError` is the peer's doing and raised by the codec only; `LocalError` is the caller's;
`TrafficControlError` and `ControlError` come from the kernel and the daemon's socket.
"""

from __future__ import annotations


class RsvpError(Exception):
    """Base of everything this package raises on purpose."""


class WireError(RsvpError):
    """Bytes that are no well-formed RSVP message (RFC 2205 appendix B, formatting errors).

    `reason` is a short lower-case phrase, stable enough to count by; `class_num` and `ctype` name
    the object at fault (None in the common header; no C-Type for an object that is missing) and
    `offset` is the byte, counted from the start of the message, where decoding stopped.
    """

    def __init__(
        self,
        reason: str,
        class_num: int | None = None,
        ctype: int | None = None,
        offset: int = 0,
    ) -> None:
        super().__init__(reason, class_num, ctype, offset)
        self.reason = reason
        self.class_num = class_num
        self.ctype = ctype
        self.offset = offset

    def __str__(self) -> str:
        where = f" at byte {self.offset}"
        if self.class_num is not None:
            ctype = "" if self.ctype is None else f", C-Type {self.ctype}"
            where += f" (class {self.class_num}{ctype})"
        return self.reason + where


class LocalError(RsvpError):
    """The application or the operator asked for something that cannot be."""


class UnknownSession(LocalError):
    """A verb named a session handle that is not open."""


class StyleConflict(LocalError):
    """A reservation with another style than the one that this session already uses."""


class NoRoute(LocalError):
    """The kernel has no route to the session's destination."""


class Unavailable(LocalError):
    """This node lacks a right, a socket or an interface that the call needs."""


class AncillaryError(LocalError, OSError):
    """A traffic class, hop limit or packet info that no message can have; `errno` as RFC 3542 has it."""


class ClassificationError(LocalError, OSError):
    """A classification that no message can have, or a socket that has none; `errno` says which."""


class NoRight(Unavailable):
    """This process may not open raw sockets."""


class Rejected(LocalError):
    """The network refused: a PathErr or ResvErr arrived where a confirmation was awaited."""

    def __init__(self, message: str, code: int, value: int) -> None:
        super().__init__(message)
        self.code = code
        self.value = value


class TrafficControlError(RsvpError):
    """The kernel refused a traffic control change."""


class ControlError(RsvpError):
    """The daemon's control socket is missing, closed or answered with an error."""


class ConfigError(RsvpError):
    """A configuration file with an unknown key, a wrong type or a missing interface."""


class CaptureError(RsvpError):
    """A file that is no packet capture, is cut off, or has a link type that is not known."""


class RecordingError(RsvpError):
    """A recording that cannot be read; the text says why, where, and what to do about it."""


class ScenarioError(RsvpError):
    """A topology or scenario file that cannot be understood; names the file, the line and the fix."""
