"""RAPI, the RSVP application programming interface (Open Group C809), in Python's shape.

::

    from rsvp.rapi import *

    sid = rapi_session(("10.1.0.2", 5000), 17, 0, event)
    rapi_sender(sid, 0, ("0.0.0.0", 4000), None, QosTspec(125e3, 20e3, inf, 64, 1500))
    while select.select([rapi_getfd(sid)], [], []):
        rapi_dispatch()

Calls, events, flags and errors have their names from C. In place of counted arrays there are lists, in
place of error numbers `RapiError` with its `code`; addresses are (host, port).

- `constants`: numbers
- `objects`: simplified Tspecs, flowspecs and ADSPECs
- `library`: `Rapi`, the calls towards one daemon
"""

from __future__ import annotations

from .constants import (
    MAX_SESSIONS,
    NULL_SID,
    RAPI_VERSION,
    AdspecFlag,
    ErrorCode,
    ErrorFlag,
    Event,
    Flag,
    Format,
    QosService,
    RSVP_Err_API,
    Style,
)
from .errors import RapiError, rapi_strerror
from .library import EventRoutine, Rapi
from .objects import (
    QosAdspec,
    QosFlowspec,
    QosTspec,
    rapi_fmt_adspec,
    rapi_fmt_filtspec,
    rapi_fmt_flowspec,
    rapi_fmt_tspec,
)

_rapi = Rapi()

rapi_session = _rapi.rapi_session
rapi_sender = _rapi.rapi_sender
rapi_reserve = _rapi.rapi_reserve
rapi_release = _rapi.rapi_release
rapi_getfd = _rapi.rapi_getfd
rapi_dispatch = _rapi.rapi_dispatch
rapi_version = _rapi.rapi_version

# The numbers are known by their own names, too, as in C.
_NUMBERS = (Style, Event, Flag, ErrorFlag, Format, QosService, AdspecFlag, ErrorCode)
globals().update({str(one.name): one for kind in _NUMBERS for one in kind})

__all__ = [
    "MAX_SESSIONS",
    "NULL_SID",
    "RAPI_VERSION",
    "AdspecFlag",
    "ErrorCode",
    "ErrorFlag",
    "Event",
    "EventRoutine",
    "Flag",
    "Format",
    "QosAdspec",
    "QosFlowspec",
    "QosService",
    "QosTspec",
    "RSVP_Err_API",
    "Rapi",
    "RapiError",
    "Style",
    "rapi_dispatch",
    "rapi_fmt_adspec",
    "rapi_fmt_filtspec",
    "rapi_fmt_flowspec",
    "rapi_fmt_tspec",
    "rapi_getfd",
    "rapi_release",
    "rapi_reserve",
    "rapi_sender",
    "rapi_session",
    "rapi_strerror",
    "rapi_version",
]
__all__ += [str(one.name) for kind in _NUMBERS for one in kind]
