"""From RSVP's error codes to the status and the extended status of an event (RFC 2205 appendix B).

Nothing prints this table as a whole: codes and categories meet by equal names and order.
"""

from __future__ import annotations

from ..iana import AdmissionError, ApiError, ErrorCode
from .constants import AMBIGUOUS_FILTER, AdmissionValue, Status
from .extended import Extended
from .structures import StatusInfo

UNKNOWN = Extended.ERRORCODE_UNKNOWN

_PLAIN: dict[int, tuple[Status, Extended]] = {
    ErrorCode.NO_PATH_INFORMATION: (Status.GENERIC_ERROR, Extended.NO_PATH),
    ErrorCode.NO_SENDER_INFORMATION: (Status.GENERIC_ERROR, Extended.NO_SENDER),
    ErrorCode.CONFLICTING_STYLE: (Status.BAD_STYLE, Extended.BAD_STYLE),
    ErrorCode.UNKNOWN_STYLE: (Status.BAD_STYLE, Extended.UNKNOWN_STYLE),
    ErrorCode.CONFLICTING_DEST_PORTS: (Status.GENERIC_ERROR, Extended.BAD_DSTPORT),
    ErrorCode.CONFLICTING_SENDER_PORTS: (Status.GENERIC_ERROR, Extended.BAD_SNDPORT),
    AMBIGUOUS_FILTER: (Status.GENERIC_ERROR, Extended.AMBIG_FILTER),
    ErrorCode.SERVICE_PREEMPTED: (Status.GENERIC_ERROR, Extended.PREEMPTED),
    ErrorCode.UNKNOWN_OBJECT_CLASS: (Status.BAD_OBJECT, Extended.UNKN_OBJ_CLASS),
    ErrorCode.UNKNOWN_OBJECT_CTYPE: (Status.BAD_OBJECT, Extended.UNKNOWN_CTYPE),
}
"""Codes of category RSVP, whose values say nothing more."""

_ADMISSION: dict[int, Extended] = {
    0: Extended.OTHER,
    AdmissionError.DELAY_BOUND: Extended.DELAYBND,
    AdmissionError.BANDWIDTH_UNAVAILABLE: Extended.BANDWIDTH,
    AdmissionError.MTU_TOO_LARGE: Extended.MTU,
    AdmissionValue.FLOW_RATE: Extended.FLOW_RATE,
    AdmissionValue.PEAK_RATE: Extended.PEAK_RATE,
}
_IDENTITY = {
    1: Extended.POLICY_NO_MORE_INFO,
    2: Extended.POLICY_UNSUPPORTED_CREDENTIAL_TYPE,
    3: Extended.POLICY_INSUFFICIENT_PRIVILEGES,
    4: Extended.POLICY_EXPIRED_CREDENTIAL,
    5: Extended.POLICY_IDENTITY_CHANGED,
}
"""What RFC 2752 says of values that Windows' own policy server meant otherwise."""
_API: dict[int, Extended] = dict.fromkeys(ApiError, Extended.API_BADSEND)

_RANGES: dict[ErrorCode, tuple[Status, Extended, dict[int, Extended]]] = {
    ErrorCode.ADMISSION_CONTROL_FAILURE: (Status.ADMISSION_FAILURE, Extended.NET_ADMISSION, _ADMISSION),
    ErrorCode.POLICY_CONTROL_FAILURE: (Status.POLICY_FAILURE, Extended.NET_POLICY, _IDENTITY),
    ErrorCode.API: (Status.GENERIC_ERROR, Extended.API, _API),
    ErrorCode.TRAFFIC_CONTROL_ERROR: (Status.TRAFFIC_CTRL_ERROR, Extended.KERNEL_TC, {}),
    ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR: (
        Status.TRAFFIC_CTRL_ERROR,
        Extended.KERNEL_TC_SYS,
        {0: Extended.TC_GENERIC},
    ),
    ErrorCode.RSVP_SYSTEM_ERROR: (
        Status.GENERIC_ERROR,
        Extended.RSVP_SYS,
        {0: Extended.OTHER_SYS, 1: Extended.OTHER_SYS},
    ),
}
"""Codes whose value chooses a detail: by a table, else by its number beyond the category's."""

LOST = StatusInfo(Status.GENERIC_ERROR, Extended.RSVP_SYS, Extended.API_SYS)
"""The RSVP service of this host is gone."""
BAD_FLOWSPEC = StatusInfo(Status.TRAFFIC_CTRL_ERROR, UNKNOWN, Extended.SETQOS_BADFLOWSPEC)
"""What was asked for cannot be had on the path that is now known."""
REFUSED_HERE = StatusInfo(Status.GENERIC_ERROR, Extended.API, Extended.API_BADRECV)
"""This host's own RSVP service refused a reservation."""


def status_of(code: int, value: int) -> StatusInfo:
    """What an application is told of a PathErr or a ResvErr."""
    if code in _PLAIN:
        status, detail = _PLAIN[code]
        return StatusInfo(status, Extended.RSVP, detail)
    if code not in _RANGES:
        return StatusInfo(Status.GENERIC_ERROR, UNKNOWN, UNKNOWN)
    status, category, named = _RANGES[ErrorCode(code)]
    if value in named:
        return StatusInfo(status, category, named[value])
    try:
        detail = Extended(category + value) if 0 < value < 100 else UNKNOWN
    except ValueError:
        detail = UNKNOWN
    return StatusInfo(status, category, detail)
