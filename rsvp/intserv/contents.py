"""What FLOWSPEC, SENDER_TSPEC and ADSPEC hold (RFC 2210 section 3), and which values are sound."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .._values import compiled
from ..iana import SERVICE_NAMES, ClassNum, CType, Service
from ..objects import register

INFINITY = math.inf
MAX_U32 = 0xFFFFFFFF


def single(value: float) -> float:
    """Round to the IEEE single that the wire carries, so that what is sent compares equal."""
    try:
        return float(struct.unpack("!f", struct.pack("!f", value))[0])
    except OverflowError:
        return INFINITY


def single_at_most(value: float) -> float:
    """The largest number that the wire can carry and is not above `value`, which is at least 0."""
    rounded = single(value)
    return rounded if rounded <= value else single_of(bits_of(rounded) - 1)


def bits_of(value: float) -> int:
    """A single of at least 0 as the number that its bits make; both are in the same order."""
    return int(struct.unpack("!I", struct.pack("!f", value))[0])


def single_of(bits: int) -> float:
    """The single whose bits make that number."""
    return float(struct.unpack("!f", struct.pack("!I", bits))[0])


@register(ClassNum.SENDER_TSPEC, CType.INTSERV)
@compiled
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


@compiled
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


@compiled
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
@compiled
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


@compiled
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


@compiled
@dataclass(frozen=True, slots=True)
class General:
    """Default general parameters of an ADSPEC (RFC 2210 section 3.3.2).

    IS hop count, path bandwidth in bytes/s (0: not known), least latency in microseconds
    (`LATENCY_UNKNOWN`: not known), MTU in bytes; `broken` is the global break bit: some hop did not
    take part, and other values may be wrong. An infinite bandwidth is that of no hop at all.
    """

    is_hops: int = 0
    bandwidth: float = INFINITY
    latency: int = 0
    mtu: int = 65535
    broken: bool = False


@compiled
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


@compiled
@dataclass(frozen=True, slots=True)
class ControlledLoadAdvert:
    """Controlled load in an ADSPEC: only whether some hop does not implement it (RFC 2210 3.3.4)."""

    broken: bool = False
    overrides: Overrides | None = None


@compiled
@dataclass(frozen=True, slots=True)
class OtherAdvert:
    """A service in an ADSPEC that this package does not implement, kept as it came."""

    service: int
    broken: bool
    data: bytes


@register(ClassNum.ADSPEC, CType.INTSERV)
@compiled
@dataclass(frozen=True, slots=True)
class Adspec:
    """What the path so far offers (RFC 2210 section 3.3). A service left out is not wanted.

    `layout` is there where an ADSPEC came in another order than `encode` would choose, or with flags at
    its parameters: (service, ((parameter, flags), ...)) in wire order. It takes no part in comparison.
    """

    general: General = General()
    guaranteed: GuaranteedAdvert | None = None
    controlled_load: ControlledLoadAdvert | None = None
    others: tuple[OtherAdvert, ...] = ()
    layout: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] | None = field(
        default=None, compare=False, repr=False
    )


DEFAULT_ADSPEC = Adspec(General(), GuaranteedAdvert(), ControlledLoadAdvert())
"""What a sender starts with: both services wanted, nothing composed yet."""


# --- what a node may refuse -------------------------------------------------------------------------

LEAST_RATE, MOST_RATE = 1.0, single(40e12)
"""Bytes/s that r, p and R may say: one byte to 40 terabytes a second (RFC 2211 section 5, RFC 2212)."""

LEAST_BUCKET, MOST_BUCKET = 1.0, single(250e9)
"""Bytes that b may say: one byte to 250 gigabytes."""


def flaw(flowspec: Flowspec) -> str | None:
    """Why no network element could honour a flowspec, in words; None for a sound one.

    What RFC 2211 section 5 and RFC 2212 ("Invocation Information") say has to be refused: r or b
    out of range, packets that are smaller at most than at least and, for guaranteed service, R or p
    below r. A size m of zero is taken although it is illegal (RFC 2210 section 3.1): routers send it.
    """
    t = flowspec.tspec
    if not LEAST_RATE <= t.rate <= MOST_RATE:
        return f"the rate r is 1 byte/s to 40 TB/s, not {t.rate:g}"
    if not LEAST_BUCKET <= t.bucket <= MOST_BUCKET:
        return f"the bucket b is 1 byte to 250 GB, not {t.bucket:g}"
    if t.m > t.M:
        return f"the smallest packet m = {t.m} is larger than the largest, M = {t.M}"
    if flowspec.rspec is not None:
        if t.peak < t.rate:
            return f"the peak p = {t.peak:g} is below the rate r = {t.rate:g}"
        if not t.rate <= flowspec.rspec.rate <= MOST_RATE:
            return f"R is from r = {t.rate:g} to 40 TB/s, not {flowspec.rspec.rate:g}"
    return None


# --- what becomes of the rest -----------------------------------------------------------------------


class Excess(StrEnum):
    """What the host where a flow starts does with packets beyond its Tspec (RFC 2211 section 3, RFC 2212).

    `BORROW` sends them in bandwidth that nobody uses, `SHAPE` delays them and `DISCARD` drops them;
    `BY_SERVICE` shapes guaranteed service and lets all others borrow. With `UNCONTROLLED` the flow is
    signalled, but this host gives it no bandwidth of its own.
    """

    BORROW = "borrow"
    SHAPE = "shape"
    DISCARD = "discard"
    BY_SERVICE = "by service"
    UNCONTROLLED = "uncontrolled"
