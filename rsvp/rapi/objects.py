"""RAPI's simplified flowspecs, Tspecs and ADSPECs, what they say to RSVP, and as text (C809 chapter 6).

Rates are bytes/s, sizes bytes, slack and latencies microseconds. Wherever a call takes one of these
it takes this package's own object as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..intserv import Adspec, Flowspec, Tspec, controlled_load, guaranteed
from ..messages import AnyFilter
from .constants import AdspecFlag, ErrorCode, QosService
from .errors import RapiError


@dataclass(frozen=True, slots=True)
class QosTspec:
    """qos_tspecx: what a sender sends; p may be infinite."""

    r: float
    b: float
    p: float
    m: int
    M: int

    def intserv(self) -> Tspec:
        """The same as a Tspec of RSVP. Raises RapiError (RAPI_ERR_INTSERV)."""
        return _tspec(self)


@dataclass(frozen=True, slots=True)
class QosFlowspec:
    """qos_flowspecx: what a receiver asks for; R and S are guaranteed service's."""

    spec_type: QosService
    r: float
    b: float
    p: float
    m: int
    M: int
    R: float = 0.0
    S: int = 0

    def intserv(self) -> Flowspec:
        """The same as a flowspec of RSVP. Raises RapiError (RAPI_ERR_INTSERV, RAPI_ERR_OBJTYPE)."""
        tspec = _tspec(self)
        if self.spec_type == QosService.QOS_CNTR_LOAD:
            return controlled_load(tspec)
        if self.spec_type != QosService.QOS_GUARANTEED:
            raise RapiError(ErrorCode.RAPI_ERR_OBJTYPE, f"{self.spec_type!r} is no service of a flowspec")
        try:
            return guaranteed(tspec, self.R, self.S)
        except ValueError as error:
            raise RapiError(ErrorCode.RAPI_ERR_INTSERV, str(error)) from None


@dataclass(frozen=True, slots=True)
class QosAdspec:
    """qos_adspecx: what the path offers; `flags` say whether each part can be relied on."""

    flags: AdspecFlag
    hop_count: int
    path_bandwidth: float
    min_latency: int
    composed_MTU: int
    cl_flags: AdspecFlag | None
    """None where controlled load is not offered."""
    g_flags: AdspecFlag | None
    Ctot: int = 0
    Dtot: int = 0
    Csum: int = 0
    Dsum: int = 0


AnyTspec: TypeAlias = Tspec | QosTspec
AnyFlowspec: TypeAlias = Flowspec | QosFlowspec


def _tspec(values: QosTspec | QosFlowspec) -> Tspec:
    try:
        return Tspec(values.r, values.b, values.p, values.m, values.M)
    except ValueError as error:
        raise RapiError(ErrorCode.RAPI_ERR_INTSERV, str(error)) from None


def read_tspec(value: AnyTspec) -> Tspec:
    """A Tspec of RSVP from either form. Raises RapiError."""
    if isinstance(value, QosTspec):
        return value.intserv()
    if not isinstance(value, Tspec):
        raise RapiError(ErrorCode.RAPI_ERR_OBJTYPE, f"{value!r} is no Tspec")
    return value


def read_flowspec(value: AnyFlowspec) -> Flowspec:
    """A flowspec of RSVP from either form. Raises RapiError."""
    if isinstance(value, QosFlowspec):
        return value.intserv()
    if not isinstance(value, Flowspec):
        raise RapiError(ErrorCode.RAPI_ERR_OBJTYPE, f"{value!r} is no flowspec")
    return value


def simplified_tspec(tspec: Tspec) -> QosTspec:
    """The simplified form of a Tspec."""
    return QosTspec(tspec.rate, tspec.bucket, tspec.peak, tspec.m, tspec.M)


def simplified_flowspec(flowspec: Flowspec) -> QosFlowspec:
    """The simplified form of a flowspec."""
    t, rspec = flowspec.tspec, flowspec.rspec
    values = t.rate, t.bucket, t.peak, t.m, t.M
    if rspec is None:
        return QosFlowspec(QosService.QOS_CNTR_LOAD, *values)
    return QosFlowspec(QosService.QOS_GUARANTEED, *values, rspec.rate, rspec.slack)


def simplified_adspec(adspec: Adspec) -> QosAdspec:
    """The simplified form of an ADSPEC. A break bit makes what was composed unreliable."""
    general, cl, g = adspec.general, adspec.controlled_load, adspec.guaranteed
    return QosAdspec(
        _flags(general.broken),
        general.is_hops,
        general.bandwidth,
        general.latency,
        general.mtu,
        None if cl is None else _flags(cl.broken, cl.overrides is not None),
        None if g is None else _flags(g.broken, g.overrides is not None),
        *((0, 0, 0, 0) if g is None else (g.c_tot, g.d_tot, g.c_sum, g.d_sum)),
    )


def _flags(broken: bool, own_parameters: bool = False) -> AdspecFlag:
    flags = AdspecFlag(0)
    if broken:
        flags |= AdspecFlag.XG_FLAG_BRK
    if own_parameters:
        flags |= AdspecFlag.XG_FLAG_PARM
    return flags


# --- text -----------------------------------------------------------------------------------------------


def rapi_fmt_tspec(value: AnyTspec) -> str:
    """A Tspec as text: [T r b p m M]."""
    t = read_tspec(value)
    return f"[T {t.rate:g} {t.bucket:g} {t.peak:g} {t.m} {t.M}]"


def rapi_fmt_flowspec(value: AnyFlowspec) -> str:
    """A flowspec as text: [CL r b p m M], or [G R S r b p m M]."""
    flowspec = read_flowspec(value)
    t, rspec = flowspec.tspec, flowspec.rspec
    service = "CL" if rspec is None else f"G {rspec.rate:g} {rspec.slack}"
    return f"[{service} {t.rate:g} {t.bucket:g} {t.peak:g} {t.m} {t.M}]"


def rapi_fmt_adspec(value: Adspec | QosAdspec) -> str:
    """An ADSPEC as text: hops, bandwidth, latency and MTU, then the services; ! after what is broken."""
    a = simplified_adspec(value) if isinstance(value, Adspec) else value
    parts = [
        f"hops {a.hop_count} bw {a.path_bandwidth:g} lat {a.min_latency} mtu {a.composed_MTU}{_mark(a.flags)}"
    ]
    if a.cl_flags is not None:
        parts.append(f"CL{_mark(a.cl_flags)}")
    if a.g_flags is not None:
        parts.append(f"G {a.Ctot} {a.Dtot} {a.Csum} {a.Dsum}{_mark(a.g_flags)}")
    return f"[A {'; '.join(parts)}]"


def _mark(flags: AdspecFlag) -> str:
    return "!" if flags & AdspecFlag.XG_FLAG_BRK else ""


def rapi_fmt_filtspec(value: AnyFilter) -> str:
    """A filter or sender template as text: address and port, flow label or SPI."""
    return str(value)
