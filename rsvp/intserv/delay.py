"""Guaranteed service: delay from a rate, a rate from a delay, slack and buffers (RFC 2212).

Delays are in seconds; C terms in bytes, D terms and slack in microseconds, as on the wire. All
delays here are of queueing: the path's latency comes on top (RFC 2212, "End-to-End Behavior").
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..iana import Service
from .advert import fit, offer
from .contents import (
    INFINITY,
    LEAST_RATE,
    MAX_U32,
    MOST_RATE,
    Adspec,
    Flowspec,
    GuaranteedAdvert,
    Rspec,
    Tspec,
    bits_of,
    guaranteed,
    single_at_most,
    single_of,
)


def fluid_delay(tspec: Tspec, rate: float, c: int, d: int) -> float:
    """The longest that a packet of a conforming flow queues where `rate` bytes/s are set aside.

    [(b-M)/R * (p-R)/(p-r)] + (M+C)/R + D where r <= R < p, and (M+C)/R + D where p <= R (RFC 2212,
    "End-to-End Behavior"); infinite where R is below r.
    """
    if rate < tspec.rate or rate <= 0.0:
        return INFINITY
    burst = max(tspec.bucket - tspec.M, 0.0)
    return burst / rate * _above(tspec, rate) + (tspec.M + c) / rate + d / 1e6


def _above(tspec: Tspec, rate: float) -> float:
    """(p-R)/(p-r), the part of a burst that comes faster than it can leave."""
    if tspec.peak <= rate:
        return 0.0
    return 1.0 if math.isinf(tspec.peak) else (tspec.peak - rate) / (tspec.peak - tspec.rate)


def delay_bound(tspec: Tspec, rspec: Rspec, adspec: Adspec) -> float:
    """How long a packet queues at most, from sender to receiver, in seconds.

    `tspec` and `adspec` are what the sender's Path said, `rspec` is what is to be reserved; its slack
    is counted, as nodes may use it up. Add the path's latency for the whole delay (`offer`). The
    bound holds for packets that keep to the Tspec, and where every hop offers the service. Raises
    ValueError where the sender does not offer it.
    """
    advert = _advert(adspec)
    return fluid_delay(tspec, rspec.rate, advert.c_tot, advert.d_tot) + rspec.slack / 1e6


def rate_for_delay(tspec: Tspec, delay: float, adspec: Adspec) -> Rspec:
    """The least that has to be reserved to queue for no longer than `delay` seconds.

    The other way round than `delay_bound`. Where already R = r is faster than it need be, the rest
    is slack, which nodes may use to reserve less (RFC 2212, "Guidelines for Implementors"). Raises
    ValueError, with a sentence for people, where no rate is enough or the sender does not offer the
    service.
    """
    advert = _advert(adspec)

    def bound(rate: float) -> float:
        return fluid_delay(tspec, rate, advert.c_tot, advert.d_tot)

    if not bound(MOST_RATE) <= delay or tspec.rate > MOST_RATE:
        least = bound(MOST_RATE) * 1e3
        raise ValueError(f"no rate is enough: whatever is reserved, packets may queue for {least:.4g} ms")
    # The delay falls as the rate grows, and so do the bits of a single: halve what is left of them.
    low, high = bits_of(max(tspec.rate, LEAST_RATE)), bits_of(MOST_RATE)
    while low < high:
        middle = (low + high) // 2
        if bound(single_of(middle)) <= delay:
            high = middle
        else:
            low = middle + 1
    rate = single_of(high)
    return Rspec(rate, math.floor(min((delay - bound(rate)) * 1e6, MAX_U32)))


def _advert(adspec: Adspec) -> GuaranteedAdvert:
    if adspec.guaranteed is None:
        raise ValueError("the sender does not offer guaranteed service")
    return adspec.guaranteed


def guaranteed_within(tspec: Tspec, delay: float, adspec: Adspec) -> Flowspec:
    """The guaranteed flowspec with which a sender's packets arrive within `delay` seconds.

    Tspec and ADSPEC are what its Path said. The path's latency is taken off first, as zero where it
    is not known (RFC 2215 section 3.4); packets are no larger than the path takes. Raises ValueError,
    with a sentence for people, where the sender or a hop on the way does not offer the service, or
    no rate that the path has is enough.
    """
    path = offer(adspec, Service.GUARANTEED)
    if path is None:
        raise ValueError("the sender does not offer guaranteed service")
    if not path.whole:
        raise ValueError("some hop on the way does not offer guaranteed service")
    latency = path.latency or 0.0
    if latency >= delay:
        raise ValueError(f"no rate is enough: the way alone takes {latency * 1e3:.4g} ms")
    fitting = fit(tspec, adspec, Service.GUARANTEED)
    rspec = rate_for_delay(fitting, delay - latency, adspec)
    if path.bandwidth is not None and rspec.rate > path.bandwidth:
        raise ValueError(f"that takes R = {rspec.rate:.6g} bytes/s, and the path has {path.bandwidth:.6g}")
    return guaranteed(fitting, rspec.rate, rspec.slack)


# --- at a node --------------------------------------------------------------------------------------


def spend_slack(flowspec: Flowspec, rate: float, c_tot: int) -> Flowspec | None:
    """The same end-to-end delay with R no more than `rate`, paid from the slack; None if it is too little.

    S_out + b/R_out + C_tot/R_out <= S_in + b/R_in + C_tot/R_in, and r <= R_out <= R_in, where `c_tot`
    sums the C of this node and of those upstream of it (RFC 2212, "Ordering and Merging").
    """
    tspec, rspec = flowspec.tspec, flowspec.rspec
    if rspec is None:
        return None
    lower = single_at_most(min(rate, rspec.rate))
    if lower <= 0.0 or lower < tspec.rate:
        return None
    # The RFC's rule leaves the peak out, and alone would break the bound of receivers that count with it.
    cost = max(
        (tspec.bucket + c_tot) * (1.0 / lower - 1.0 / rspec.rate),
        fluid_delay(tspec, lower, c_tot, 0) - fluid_delay(tspec, rspec.rate, c_tot, 0),
    )
    left = math.floor(rspec.slack - cost * 1e6)
    return None if left < 0 else replace(flowspec, rspec=Rspec(lower, left))


def least_rate(flowspec: Flowspec) -> float:
    """The lowest rate that may be reserved in answer to a flowspec, bytes/s: r where slack may be spent."""
    rspec = flowspec.rspec
    return flowspec.rate if rspec is None or not rspec.slack else flowspec.tspec.rate


def buffer_needed(tspec: Tspec, rspec: Rspec, c_sum: int, d_sum: int) -> float:
    """Bytes of queue in which no packet of a conforming flow is lost at this node.

    M + (b-M)(p-X)/(p-r) + (C_sum/R + D_sum)X with the terms since the last reshaping point, this node
    included; slack that is left counts as D (RFC 2212, "Guidelines for Implementors").
    """
    burst = max(tspec.bucket - tspec.M, 0.0)
    wait = c_sum / rspec.rate + (d_sum + rspec.slack) / 1e6
    if math.isinf(tspec.peak):
        return tspec.M + burst + wait * rspec.rate
    spread = tspec.peak - tspec.rate
    if burst < wait * spread:
        x = tspec.rate
    elif tspec.peak > rspec.rate:
        x = rspec.rate
    else:
        x = tspec.peak
    arriving = burst * (tspec.peak - x) / spread if spread > 0.0 else 0.0
    return tspec.M + arriving + wait * x
