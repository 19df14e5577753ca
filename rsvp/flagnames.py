"""Which fields of the objects hold flags, and what their bits are called (RFC 2205 to RFC 8370).

For what people and programs read: the tree of `rsvp decode -v` and the one JSON form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntFlag
from typing import Any, Final

from . import diagnostics, gmpls, reduction, sessions, te
from . import iana_flags as f
from . import objects as o
from .iana import DiagnosticError, ErrorFlag, IntegrityFlag, MessageIdFlag, SessionFlag

FLAGS: Final[Mapping[type[Any], Mapping[str, type[IntFlag]]]] = {
    o.Session: {"flags": SessionFlag},
    o.GpiSession: {"flags": SessionFlag},
    o.ErrorSpec: {"flags": ErrorFlag},
    o.Integrity: {"flags": IntegrityFlag},
    sessions.AggregateSession: {"flags": SessionFlag},
    sessions.GenericAggregateSession: {"flags": SessionFlag},
    sessions.NodeCharacteristics: {"flags": f.NodeFlag},
    reduction.MessageId: {"flags": MessageIdFlag},
    reduction.MessageIdAck: {"flags": MessageIdFlag},
    reduction.MessageIdNack: {"flags": MessageIdFlag},
    reduction.MessageIdList: {"flags": MessageIdFlag},
    reduction.SourceIdList: {"flags": MessageIdFlag},
    reduction.MulticastIdList: {"flags": MessageIdFlag},
    diagnostics.DiagResponse: {"error": DiagnosticError},
    te.SessionAttribute: {"flags": f.SessionAttributeFlag},
    te.AffinitySessionAttribute: {"flags": f.SessionAttributeFlag},
    te.FastReroute: {"flags": f.FastRerouteFlag},
    te.AddressRecord: {"flags": f.RecordFlag},
    te.UnnumberedRecord: {"flags": f.RecordFlag},
    te.LabelRecord: {"flags": f.LabelRecordFlag},
    te.LabelHop: {"flags": f.LabelHopFlag},
    te.AttributesHop: {"flags": f.HopAttributesFlag},
    gmpls.AdminStatus: {"flags": f.AdminStatusFlag},
    gmpls.Capability: {"flags": f.CapabilityFlag},
    gmpls.InterfaceErrorSpec: {"flags": ErrorFlag},
    gmpls.LinkProtection: {"flags": f.ProtectionFlag, "link_flags": f.LinkProtectionFlag},
    gmpls.LspProtection: {
        "flags": f.ProtectionFlag,
        "lsp_flags": f.LspProtectionFlag,
        "link_flags": f.LinkProtectionFlag,
        "segment_flags": f.SegmentFlag,
        "segment_protection": f.LspProtectionFlag,
    },
}
"""Class -> field -> the flags that it holds."""


def _words(kind: type[IntFlag]) -> Callable[[int], list[str]]:
    return lambda value: f.words(kind, value)


WRITERS: Final[Mapping[type[Any], Mapping[str, Callable[[Any], list[str]]]]] = {
    te.AttributeFlags: {"flags": f.attribute_words},
    te.AttributesRecord: {"flags": f.attribute_words},
    **{kind: {name: _words(flags) for name, flags in found.items()} for kind, found in FLAGS.items()},
}
NONE: Final[Mapping[str, Callable[[Any], list[str]]]] = {}


def writers(kind: type[Any]) -> Mapping[str, Callable[[Any], list[str]]]:
    """Field -> what puts its flags into words, for the fields of a class that hold flags."""
    return WRITERS.get(kind, NONE)
