"""Integrated services contents of RSVP and their arithmetic (RFC 2210, 2211, 2212, 2215).

Rates are bytes/s, sizes bytes, slack and latencies microseconds, as on the wire. The arithmetic
is pure: ordering and bounds of Tspecs and flowspecs, the composition of an ADSPEC at one hop, and
the delay bound of guaranteed service.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace

from .iana import LATENCY_UNKNOWN, SERVICE_NAMES, ClassNum, CType, Service
from .objects import register

INFINITY = math.inf
MAX_U32 = 0xFFFFFFFF


def single(value: float) -> float:
    """Round to the IEEE single that the wire carries, so that what is sent compares equal."""
    try:
        return float(struct.unpack("!f", struct.pack("!f", value))[0])
    except OverflowError:
        return INFINITY


@register(ClassNum.SENDER_TSPEC, CType.INTSERV)
@dataclass(frozen=True, slots=True)
class Tspec:
    """A token bucket: rate r, depth b, peak p, minimum policed unit m, largest packet M.

    r and p in bytes/s, b, m and M in bytes; p may be infinite (RFC 2210 section 3.1, RFC 2215 section 3.6).
    `null_M` is the largest packet for the null service, where a sender offers that beside the others
    (RFC 2997 section 3.2).
    """

    rate: float
    bucket: float
    peak: float = INFINITY
    m: int = 64
    M: int = 1500
    null_M: int | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "bucket", "peak"):
            value = getattr(self, name)
            if not value >= 0.0:
                raise ValueError(f"a Tspec's {name} is a number of at least 0, not {value}")
            object.__setattr__(self, name, single(value))
        for name in ("m", "M"):
            value = getattr(self, name)
            if not 0 <= value <= MAX_U32:
                raise ValueError(f"a Tspec's {name} is 0 to {MAX_U32}, not {value}")
        if self.null_M is not None and not 0 <= self.null_M <= MAX_U32:
            raise ValueError(f"a Tspec's null_M is 0 to {MAX_U32}, not {self.null_M}")


@dataclass(frozen=True, slots=True)
class NullTspec(Tspec):
    """The null service's Tspec: no numbers but the largest packet M, in bytes (RFC 2997 section 4.3).

    As a token bucket it is empty, so that it adds nothing to a sum.
    """

    rate: float = 0.0
    bucket: float = 0.0
    peak: float = 0.0
    m: int = 0
    M: int = 1500

    def __post_init__(self) -> None:
        Tspec.__post_init__(self)
        if self.rate or self.bucket or self.peak or self.m or self.null_M is not None:
            raise ValueError("the null service's Tspec has no parameter but M")


@dataclass(frozen=True, slots=True)
class Rspec:
    """What guaranteed service reserves: rate R in bytes/s and slack S in microseconds (RFC 2212)."""

    rate: float
    slack: int = 0

    def __post_init__(self) -> None:
        if not self.rate >= 0.0:
            raise ValueError(f"an Rspec's rate is a number of at least 0, not {self.rate}")
        object.__setattr__(self, "rate", single(self.rate))
        if not 0 <= self.slack <= MAX_U32:
            raise ValueError(f"an Rspec's slack is 0 to {MAX_U32} microseconds, not {self.slack}")


@register(ClassNum.FLOWSPEC, CType.INTSERV)
@dataclass(frozen=True, slots=True)
class Flowspec:
    """A requested service: its number, Tspec and, for guaranteed service, Rspec (RFC 2210 3.2).

    The null service leaves the choice to the network and has a `NullTspec` (RFC 2997 section 3.3).
    """

    service: int
    tspec: Tspec
    rspec: Rspec | None = None

    def __post_init__(self) -> None:
        if (self.service == Service.GUARANTEED) != (self.rspec is not None):
            raise ValueError("guaranteed service has an Rspec, and no other service has")
        if (self.service == Service.NULL) != isinstance(self.tspec, NullTspec):
            raise ValueError("the null service has a NullTspec, and no other service has")
        if self.tspec.null_M is not None:
            raise ValueError("a flowspec is for one service: null_M is for senders")

    @property
    def service_name(self) -> str:
        """ "controlled-load", "guaranteed", or the service's number."""
        return SERVICE_NAMES.get(self.service, str(self.service))

    @property
    def rate(self) -> float:
        """The bandwidth this asks of a link, bytes/s: R if guaranteed, else r."""
        return max(self.rspec.rate, self.tspec.rate) if self.rspec else self.tspec.rate


def controlled_load(rate: float | Tspec, **fields: float) -> Flowspec:
    """Build a controlled-load flowspec from a Tspec, or from its rate in bytes/s (RFC 2211)."""
    return Flowspec(Service.CONTROLLED_LOAD, _tspec(rate, fields))


def guaranteed(rate: float | Tspec, R: float | None = None, slack: int = 0, **fields: float) -> Flowspec:
    """Build a guaranteed flowspec; R in bytes/s is the Tspec's rate unless given (RFC 2212)."""
    tspec = _tspec(rate, fields)
    return Flowspec(Service.GUARANTEED, tspec, Rspec(tspec.rate if R is None else R, slack))


def _tspec(rate: float | Tspec, fields: dict[str, float]) -> Tspec:
    if isinstance(rate, Tspec):
        return replace(rate, **fields) if fields else rate  # type: ignore[arg-type]
    fields.setdefault("bucket", default_bucket(rate, int(fields.get("M", 1500))))
    return Tspec(rate, **fields)  # type: ignore[arg-type]


def default_bucket(rate: float, largest: int) -> float:
    """A bucket where nobody gave one: what the flow sends in 100 ms, and two packets at least."""
    return max(rate / 10.0, 2.0 * largest)


@dataclass(frozen=True, slots=True)
class Overrides:
    """General parameters that hold for one service only (RFC 2210 section 3.3.5); None: as in `General`.

    `unknown` keeps parameters with other numbers: (number, flags, contents).
    """

    is_hops: int | None = None
    bandwidth: float | None = None
    latency: int | None = None
    mtu: int | None = None
    unknown: tuple[tuple[int, int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class General:
    """Default general parameters of an ADSPEC (RFC 2210 section 3.3.2).

    IS hop count, path bandwidth in bytes/s, least latency in microseconds, MTU in bytes; `broken`
    is the global break bit: some hop did not take part.
    """

    is_hops: int = 0
    bandwidth: float = INFINITY
    latency: int = 0
    mtu: int = 65535
    broken: bool = False


@dataclass(frozen=True, slots=True)
class GuaranteedAdvert:
    """Guaranteed service in an ADSPEC: C terms in bytes, D terms in microseconds (RFC 2212).

    `empty` is the header-only fragment of a sender that does not implement the service.
    """

    c_tot: int = 0
    d_tot: int = 0
    c_sum: int = 0
    d_sum: int = 0
    broken: bool = False
    empty: bool = False
    overrides: Overrides | None = None


@dataclass(frozen=True, slots=True)
class ControlledLoadAdvert:
    """Controlled load in an ADSPEC: only whether some hop does not implement it (RFC 2210 3.3.4)."""

    broken: bool = False
    overrides: Overrides | None = None


@dataclass(frozen=True, slots=True)
class OtherAdvert:
    """A service in an ADSPEC that this package does not implement, kept as it came."""

    service: int
    broken: bool
    data: bytes


@register(ClassNum.ADSPEC, CType.INTSERV)
@dataclass(frozen=True, slots=True)
class Adspec:
    """What the path so far offers (RFC 2210 section 3.3). A service left out is not wanted."""

    general: General = General()
    guaranteed: GuaranteedAdvert | None = None
    controlled_load: ControlledLoadAdvert | None = None
    others: tuple[OtherAdvert, ...] = ()


DEFAULT_ADSPEC = Adspec(General(), GuaranteedAdvert(), ControlledLoadAdvert())
"""What a sender starts with: both services wanted, nothing composed yet."""


@dataclass(frozen=True, slots=True)
class HopCharacter:
    """What one hop's outgoing link adds to an ADSPEC.

    Bandwidth in bytes/s, latency in microseconds, MTU in bytes; C in bytes and D in microseconds
    are the error terms of guaranteed service (RFC 2212 section 4).
    """

    bandwidth: float
    mtu: int
    latency: int = 0
    c: int = 0
    d: int = 0


# --- composition (RFC 2215 section 3, RFC 2212 section 4) ----------------------------------------


def advertise(adspec: Adspec, hop: HopCharacter, non_rsvp: bool = False) -> Adspec:
    """Compose one hop into an ADSPEC (TC_Advertise of RFC 2205 section 3.11.2).

    `non_rsvp` says that a node without RSVP was crossed before this hop: the global break bit is
    set and stays set (RFC 2205 section 3.8).
    """
    general = General(
        min(adspec.general.is_hops + 1, MAX_U32),
        min(adspec.general.bandwidth, single(hop.bandwidth)),
        _add_latency(adspec.general.latency, hop.latency),
        min(adspec.general.mtu, hop.mtu),
        adspec.general.broken or non_rsvp,
    )
    guaranteed_advert = adspec.guaranteed
    if guaranteed_advert is not None:
        g = guaranteed_advert
        guaranteed_advert = GuaranteedAdvert(
            min(g.c_tot + hop.c, MAX_U32),
            min(g.d_tot + hop.d, MAX_U32),
            min(g.c_sum + hop.c, MAX_U32),
            min(g.d_sum + hop.d, MAX_U32),
            g.broken,
            False,
            _compose_overrides(g.overrides, hop),
        )
    load = adspec.controlled_load
    if load is not None and load.overrides is not None:
        load = replace(load, overrides=_compose_overrides(load.overrides, hop))
    # A service that we do not implement gets its break bit (RFC 2210 section 3.3).
    others = tuple(other if other.broken else replace(other, broken=True) for other in adspec.others)
    return Adspec(general, guaranteed_advert, load, others)


def _add_latency(so_far: int, hop: int) -> int:
    """Latencies add; one unknown hop makes the sum unknown (RFC 2215 section 3.4)."""
    return min(so_far + hop, LATENCY_UNKNOWN)


def _compose_overrides(overrides: Overrides | None, hop: HopCharacter) -> Overrides | None:
    if overrides is None:
        return None
    o = overrides
    return Overrides(
        None if o.is_hops is None else min(o.is_hops + 1, MAX_U32),
        None if o.bandwidth is None else min(o.bandwidth, single(hop.bandwidth)),
        None if o.latency is None else _add_latency(o.latency, hop.latency),
        None if o.mtu is None else min(o.mtu, hop.mtu),
        o.unknown,
    )


# --- order and bounds (RFC 2210 section 2.2, RFC 2211 section 6, RFC 2212 section 8) ---------------


def tspec_at_most(a: Tspec, b: Tspec) -> bool:
    """Whether a flow that keeps to `a` also keeps to `b` (RFC 2211 section 6, RFC 2212 section 8)."""
    return a.rate <= b.rate and a.bucket <= b.bucket and a.peak <= b.peak and a.m >= b.m and a.M <= b.M


def tspec_lub(a: Tspec, b: Tspec) -> Tspec:
    """Least upper bound: the larger r, b, p and M, the smaller m (RFC 2212 section 8)."""
    return Tspec(
        max(a.rate, b.rate),
        max(a.bucket, b.bucket),
        max(a.peak, b.peak),
        min(a.m, b.m),
        max(a.M, b.M),
    )


def tspec_glb(a: Tspec, b: Tspec) -> Tspec:
    """Greatest lower bound: the smaller r, b, p and M, the larger m."""
    return Tspec(
        min(a.rate, b.rate),
        min(a.bucket, b.bucket),
        min(a.peak, b.peak),
        max(a.m, b.m),
        min(a.M, b.M),
    )


def tspec_sum(a: Tspec, b: Tspec) -> Tspec:
    """Two senders at once: r, b and p add, m is the smaller, M the larger (RFC 2212 section 8)."""
    return Tspec(a.rate + b.rate, a.bucket + b.bucket, a.peak + b.peak, min(a.m, b.m), max(a.M, b.M))


def same_service(a: Flowspec, b: Flowspec) -> bool:
    """Whether two flowspecs can be merged at all; if not, error 21/1, service conflict."""
    return a.service == b.service


def at_most(a: Flowspec, b: Flowspec) -> bool:
    """Whether `b` is at least as good as `a` in everything: the partial order of merging.

    A guaranteed Rspec is larger with a larger R and a smaller slack (RFC 2212 section 8).
    """
    if not same_service(a, b) or not tspec_at_most(a.tspec, b.tspec):
        return False
    if a.rspec is None or b.rspec is None:
        return a.rspec is b.rspec
    return a.rspec.rate <= b.rspec.rate and a.rspec.slack >= b.rspec.slack


def strictly_less(a: Flowspec, b: Flowspec) -> bool:
    """Whether `b` is better than `a` in something and worse in nothing (RFC 2205 section 3.5)."""
    return a != b and at_most(a, b)


def lub(a: Flowspec, b: Flowspec) -> Flowspec:
    """Least upper bound of two flowspecs of one service (RFC 2205 section 2.2).

    Raises ValueError for different services: ask `same_service` first.
    """
    return _bound(a, b, tspec_lub, max, min)


def glb(a: Flowspec, b: Flowspec) -> Flowspec:
    """Greatest lower bound of two flowspecs of one service (RFC 2205 section 3.5)."""
    return _bound(a, b, tspec_glb, min, max)


def _bound(a: Flowspec, b: Flowspec, tspecs, rates, slacks) -> Flowspec:  # type: ignore[no-untyped-def]
    if not same_service(a, b):
        raise ValueError(f"{a.service_name} and {b.service_name} cannot be merged")
    rspec = None
    if a.rspec is not None and b.rspec is not None:
        rspec = Rspec(rates(a.rspec.rate, b.rspec.rate), slacks(a.rspec.slack, b.rspec.slack))
    return Flowspec(a.service, _of_service(a.service, tspecs(a.tspec, b.tspec)), rspec)


def _of_service(service: int, tspec: Tspec) -> Tspec:
    return NullTspec(M=tspec.M) if service == Service.NULL else tspec


def effective(flowspec: Flowspec, path: Tspec | None) -> Flowspec:
    """What has to be installed: a reservation never needs more than its senders send.

    `path` is Path_Te, the sum of the senders' Tspecs; r, b and p are capped by it, and M too
    (RFC 2205 section 2.2). An Rspec stands as asked: R buys delay, not only bandwidth.
    """
    if path is None:
        return flowspec
    t = flowspec.tspec
    capped = Tspec(
        min(t.rate, path.rate),
        min(t.bucket, path.bucket),
        min(t.peak, path.peak),
        min(t.m, t.M, path.M),
        min(t.M, path.M),
    )
    return Flowspec(flowspec.service, _of_service(flowspec.service, capped), flowspec.rspec)


# --- guaranteed service (RFC 2212 section 6) --------------------------------------------------------


def delay_bound(tspec: Tspec, rate: float, c_tot: int, d_tot: int) -> float:
    """End-to-end queueing delay bound in seconds for a reserved rate R (RFC 2212 section 6).

    Infinite where R is below the token rate. C in bytes, D in microseconds.
    """
    if rate < tspec.rate or rate <= 0.0:
        return INFINITY
    d = d_tot / 1e6
    if tspec.peak > rate and tspec.peak != tspec.rate:
        if math.isinf(tspec.peak):
            return tspec.bucket / rate + c_tot / rate + d
        burst = (tspec.bucket - tspec.M) / rate
        return burst * (tspec.peak - rate) / (tspec.peak - tspec.rate) + (tspec.M + c_tot) / rate + d
    return (tspec.M + c_tot) / rate + d
