"""RAPI's numbers, under its names (Open Group C809; the daemon's private ones as ISI has them)."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Style(IntEnum):
    """Reservation styles."""

    RAPI_RSTYLE_WILDCARD = 1
    RAPI_RSTYLE_FIXED = 2
    RAPI_RSTYLE_SE = 3


class Event(IntEnum):
    """What an event routine is called for."""

    RAPI_PATH_EVENT = 1
    RAPI_RESV_EVENT = 2
    RAPI_PATH_ERROR = 3
    RAPI_RESV_ERROR = 4
    RAPI_RESV_CONFIRM = 5


class Flag(IntFlag):
    """Flags of rapi_session (GPI, form of events) and rapi_reserve (confirm). Bits are ISI's: use the names.

    With RAPI_USE_INTSERV events bring this package's own objects (`rsvp.Tspec`, `rsvp.Flowspec`,
    `rsvp.Adspec`), without it the simplified ones of `rsvp.rapi`.
    """

    RAPI_GPI_SESSION = 0x08
    RAPI_USE_INTSERV = 0x10
    RAPI_REQ_CONFIRM = 0x20


class ErrorFlag(IntFlag):
    """Flags of a RAPI_RESV_ERROR event, as in ERROR_SPEC (RFC 2205 section A.5)."""

    RAPI_ERRF_InPlace = 0x01
    RAPI_ERRF_NotGuilty = 0x02


class Format(IntEnum):
    """Forms of RAPI objects."""

    RAPI_EMPTY_OTYPE = 0
    RAPI_FLOWSTYPE_Intserv = 2
    RAPI_FLOWSTYPE_Simplified = 3
    RAPI_TSPECTYPE_Intserv = 17
    RAPI_TSPECTYPE_Simplified = 18
    RAPI_ADSTYPE_Intserv = 33
    RAPI_ADSTYPE_Simplified = 34
    RAPI_FILTERFORM_BASE = 258
    RAPI_FILTERFORM_GPI = 259
    RAPI_FILTERFORM_BASE6 = 260
    RAPI_FILTERFORM_GPI6 = 261


class QosService(IntEnum):
    """Services of a simplified flowspec."""

    QOS_TSPEC = 0
    QOS_CNTR_LOAD = 1
    QOS_GUARANTEED = 2


class AdspecFlag(IntFlag):
    """Flags of a simplified ADSPEC's parts."""

    XG_FLAG_BRK = 1
    XG_FLAG_INV = 2
    XG_FLAG_PARM = 4


class ErrorCode(IntEnum):
    """What a call answers; those from 21 on are values of an error event with code `RSVP_Err_API`."""

    RAPI_ERR_OK = 0
    RAPI_ERR_INVAL = 1
    RAPI_ERR_MAXSESS = 2
    RAPI_ERR_BADSID = 3
    RAPI_ERR_N_FFS = 4
    RAPI_ERR_BADSTYLE = 5
    RAPI_ERR_SYSCALL = 6
    RAPI_ERR_OVERFLOW = 7
    RAPI_ERR_MEMFULL = 8
    RAPI_ERR_NORSVP = 9
    RAPI_ERR_OBJTYPE = 10
    RAPI_ERR_OBJLEN = 11
    RAPI_ERR_NOTSPEC = 12
    RAPI_ERR_INTSERV = 13
    RAPI_ERR_GPI_CONFLICT = 14
    RAPI_ERR_BADPROTO = 15
    RAPI_ERR_BADVDPORT = 16
    RAPI_ERR_GPISESS = 17
    RAPI_ERR_BADSEND = 21
    RAPI_ERR_BADRECV = 22
    RAPI_ERR_BADSPORT = 23
    RAPI_ERR_UNSUPPORTED = 254
    RAPI_ERR_UNKNOWN = 255


RSVP_Err_API = 20
"""Code of an error event that this host's own RSVP raised; its value is an `ErrorCode` from 21 on."""

RAPI_VERSION = 501
"""100 times the major number of the interface's version, and the minor number."""

MAX_SESSIONS = 100
NULL_SID = 0

ERROR_TEXTS = {
    ErrorCode.RAPI_ERR_OK: "no error",
    ErrorCode.RAPI_ERR_INVAL: "an argument is out of range or missing",
    ErrorCode.RAPI_ERR_MAXSESS: f"more than {MAX_SESSIONS} sessions in one process",
    ErrorCode.RAPI_ERR_BADSID: "no session has this number",
    ErrorCode.RAPI_ERR_N_FFS: "the style takes another number of filters or flowspecs",
    ErrorCode.RAPI_ERR_BADSTYLE: "no such reservation style",
    ErrorCode.RAPI_ERR_SYSCALL: "a system call failed",
    ErrorCode.RAPI_ERR_OVERFLOW: "the lists of an event are too long",
    ErrorCode.RAPI_ERR_MEMFULL: "no memory left",
    ErrorCode.RAPI_ERR_NORSVP: "no RSVP daemon answers",
    ErrorCode.RAPI_ERR_OBJTYPE: "an object of the wrong type",
    ErrorCode.RAPI_ERR_OBJLEN: "an object of the wrong length",
    ErrorCode.RAPI_ERR_NOTSPEC: "a sender needs a Tspec",
    ErrorCode.RAPI_ERR_INTSERV: "values that integrated services do not allow",
    ErrorCode.RAPI_ERR_GPI_CONFLICT: "a session with GPI and one without it at the same destination",
    ErrorCode.RAPI_ERR_BADPROTO: "only AH and ESP have a GPI, and they need it",
    ErrorCode.RAPI_ERR_BADVDPORT: "a virtual destination port without a session with GPI, or none with it",
    ErrorCode.RAPI_ERR_GPISESS: "filters with GPI belong to a session with GPI, and others to one without it",
    ErrorCode.RAPI_ERR_BADSEND: "the sender's address is none of this host",
    ErrorCode.RAPI_ERR_BADRECV: "the receiver's address is none of this host",
    ErrorCode.RAPI_ERR_BADSPORT: "a source port with a session that has none",
    ErrorCode.RAPI_ERR_UNSUPPORTED: "not supported",
    ErrorCode.RAPI_ERR_UNKNOWN: "an error that has no number",
}
