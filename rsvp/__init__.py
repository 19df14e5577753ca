"""RSVP, the Resource ReSerVation Protocol of RFC 2205, for Python and Linux.

The public names. `decode` and `encode` turn bytes into messages and back; `Node` is a host or
router in this process, `connect()` the daemon's; `engine` is the protocol without I/O.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._wire import decode, encode
from .errors import (
    AncillaryError,
    CaptureError,
    ConfigError,
    ControlError,
    LocalError,
    NoRoute,
    RecordingError,
    Rejected,
    RsvpError,
    StyleConflict,
    TrafficControlError,
    Unavailable,
    UnknownSession,
    WireError,
)
from .intserv import (
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    OtherAdvert,
    Overrides,
    Rspec,
    Tspec,
    controlled_load,
    guaranteed,
)
from .messages import (
    Flow,
    Message,
    Path,
    PathErr,
    PathTear,
    Resv,
    ResvConf,
    ResvErr,
    ResvTear,
    Sender,
)
from .objects import (
    FF,
    SE,
    WF,
    ErrorSpec,
    Filter,
    FilterSpec,
    FlowLabelFilterSpec,
    Hop,
    Integrity,
    Opaque,
    PolicyData,
    ResvConfirm,
    Scope,
    SenderTemplate,
    Session,
    Style,
    TimeValues,
)

if TYPE_CHECKING:
    from . import aio, ancillary, blocking, classify, gqos, intserv, rapi  # noqa: F401
    from .attachment import Attachment, attach
    from .config import InterfaceConfig, NodeConfig
    from .control.client import Client, NoDaemon
    from .control.lasting import LastingClient, connect
    from .engine.outputs import (
        PathError,
        PathEvent,
        PathGone,
        ResvConfirmed,
        ResvError,
        ResvEvent,
        ResvGone,
    )
    from .flows import ReceivedFlow, SentFlow, Status, receive, send, status
    from .node import Node

__version__ = "0.1.0"

_LATER = {
    "Attachment": "attachment",
    "Client": "control.client",
    "InterfaceConfig": "config",
    "LastingClient": "control.lasting",
    "NoDaemon": "control.client",
    "Node": "node",
    "NodeConfig": "config",
    "PathError": "engine.outputs",
    "PathEvent": "engine.outputs",
    "PathGone": "engine.outputs",
    "ResvConfirmed": "engine.outputs",
    "ResvError": "engine.outputs",
    "ResvEvent": "engine.outputs",
    "ResvGone": "engine.outputs",
    "ReceivedFlow": "flows",
    "SentFlow": "flows",
    "Status": "flows",
    "attach": "attachment",
    "connect": "control.lasting",
    "receive": "flows",
    "send": "flows",
    "status": "flows",
}
"""Names that bring asyncio and the engine with them, loaded when first asked for."""

_ROOMS = frozenset({"aio", "ancillary", "blocking", "classify", "gqos", "intserv", "rapi"})
"""Other faces of the library, which `import rsvp` is enough to reach."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value


__all__ = [
    "FF",
    "SE",
    "WF",
    "Adspec",
    "AncillaryError",
    "Attachment",
    "CaptureError",
    "Client",
    "ConfigError",
    "ControlError",
    "ControlledLoadAdvert",
    "ErrorSpec",
    "Filter",
    "FilterSpec",
    "Flow",
    "FlowLabelFilterSpec",
    "Flowspec",
    "General",
    "GuaranteedAdvert",
    "Hop",
    "Integrity",
    "InterfaceConfig",
    "LastingClient",
    "LocalError",
    "Message",
    "NoDaemon",
    "NoRoute",
    "Node",
    "NodeConfig",
    "Opaque",
    "OtherAdvert",
    "Overrides",
    "Path",
    "PathErr",
    "PathError",
    "PathEvent",
    "PathGone",
    "PathTear",
    "PolicyData",
    "ReceivedFlow",
    "RecordingError",
    "Rejected",
    "Resv",
    "ResvConf",
    "ResvConfirm",
    "ResvConfirmed",
    "ResvErr",
    "ResvError",
    "ResvEvent",
    "ResvGone",
    "ResvTear",
    "Rspec",
    "RsvpError",
    "Scope",
    "Sender",
    "SenderTemplate",
    "SentFlow",
    "Session",
    "Status",
    "Style",
    "StyleConflict",
    "TimeValues",
    "TrafficControlError",
    "Tspec",
    "Unavailable",
    "UnknownSession",
    "WireError",
    "__version__",
    "attach",
    "connect",
    "controlled_load",
    "decode",
    "encode",
    "guaranteed",
    "receive",
    "send",
    "status",
]
