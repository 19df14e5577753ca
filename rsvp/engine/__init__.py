"""The RSVP engine: RFC 2205 and RFC 2209 without sockets, clocks or randomness of its own.

The rooms, each named after what RFC 2209 calls its part:

- `engine` dispatch; `screen` what every message must pass
- `inputs`, `outputs`, `views` the values that cross the door
- `path` PATH and PTEAR arrive, PATH REFRESH, route changes; `routes` what routing is asked; `patherr` PERR
- `resv` RESV and RTEAR arrive; `upstream` RESV REFRESH; `resverr` RERR; `resvconf` RACK
- `applications` the API's verbs; `network` interfaces and the kernel's answers
- `traffic` UPDATE TRAFFIC CONTROL; `merge` what is installed and asked; `admission` link budgets;
  `preempt` links that shrink
- `style` what FF, WF and SE mean; `psb`, `rsb`, `tcsb`, `bsb`, `phop`, `session` state blocks
- `interfaces` parameters; `timers` deadlines; `refresh` what is repeated
- `core` what a node knows; `look` the views; `standing` what stands as inputs
"""

from __future__ import annotations

from .engine import Engine
from .inputs import (
    AddSender,
    Clear,
    CloseSession,
    Configure,
    DataFlow,
    FlowRejected,
    Input,
    InterfaceDown,
    InterfaceUp,
    OpenSession,
    Received,
    RefuseSender,
    Release,
    RemoveSender,
    Reserve,
    RouteResolved,
    Undecodable,
)
from .interfaces import LOCAL, Config, Interface, lifetime
from .outputs import (
    AddFilter,
    Change,
    Dropped,
    ForgetRoute,
    InstallFlow,
    ModifyFlow,
    Output,
    PathError,
    PathEvent,
    PathGone,
    Police,
    Refused,
    RemoveFilter,
    RemoveFlow,
    ResolveRoute,
    ResvConfirmed,
    ResvError,
    ResvEvent,
    ResvGone,
    Send,
    StateChanged,
    Upcall,
)

__all__ = [
    "LOCAL",
    "AddFilter",
    "AddSender",
    "Change",
    "Clear",
    "CloseSession",
    "Config",
    "Configure",
    "DataFlow",
    "Dropped",
    "Engine",
    "FlowRejected",
    "ForgetRoute",
    "Input",
    "InstallFlow",
    "Interface",
    "InterfaceDown",
    "InterfaceUp",
    "ModifyFlow",
    "OpenSession",
    "Output",
    "PathError",
    "PathEvent",
    "PathGone",
    "Police",
    "Received",
    "RefuseSender",
    "Refused",
    "Release",
    "RemoveFilter",
    "RemoveFlow",
    "RemoveSender",
    "Reserve",
    "ResolveRoute",
    "ResvConfirmed",
    "ResvError",
    "ResvEvent",
    "ResvGone",
    "RouteResolved",
    "Send",
    "StateChanged",
    "Undecodable",
    "Upcall",
    "lifetime",
]
