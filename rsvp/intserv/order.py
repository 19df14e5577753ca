"""Which flowspec is larger, and their bounds, merges and sums (RFC 2210 2.2-2.3, RFC 2211 8, RFC 2212).

Three operations look alike and differ in the largest packet M:

- `lub` is a bound: as good as both in everything, so M is the larger.
- `merge` is what RSVP installs and asks for upstream. Its M is the smaller: receivers say what fits
  through to them, and a packet has to fit through to all (RFC 2210 section 2.3.2).
- `tspec_minimum` is for a reservation and the senders behind it, where less is enough.

Of these, `lub` with `glb` make a lattice over `at_most`; `merge` is a meet in M and a join in all else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ..iana import Service
from .contents import INFINITY, Flowspec, NullTspec, Rspec, Tspec, single_at_most

# --- Tspecs -----------------------------------------------------------------------------------------


def tspec_at_most(a: Tspec, b: Tspec) -> bool:
    """Whether `b` is a substitute for `a`, as good or better (RFC 2211 section 8, RFC 2212)."""
    return a.rate <= b.rate and a.bucket <= b.bucket and a.peak <= b.peak and a.m >= b.m and a.M <= b.M


def tspec_lub(a: Tspec, b: Tspec) -> Tspec:
    """The least common Tspec: enough for either flow (RFC 2211 section 8, RFC 2212)."""
    return Tspec(
        max(a.rate, b.rate), max(a.bucket, b.bucket), max(a.peak, b.peak), min(a.m, b.m), max(a.M, b.M)
    )


def tspec_glb(a: Tspec, b: Tspec) -> Tspec:
    """Greatest lower bound: the smaller r, b, p and M, the larger m.

    m goes no higher than M: where one Tspec's smallest packet is larger than the other's largest,
    no Tspec is below both, and this is the nearest one that can be sent.
    """
    largest = min(a.M, b.M)
    return Tspec(
        min(a.rate, b.rate),
        min(a.bucket, b.bucket),
        min(a.peak, b.peak),
        min(max(a.m, b.m), largest),
        largest,
    )


def tspec_merge(a: Tspec, b: Tspec) -> Tspec:
    """The merged Tspec: the larger r, b and p, the smaller m and M (RFC 2211 section 8, RFC 2212)."""
    return Tspec(
        max(a.rate, b.rate), max(a.bucket, b.bucket), max(a.peak, b.peak), min(a.m, b.m), min(a.M, b.M)
    )


def tspec_sum(first: Tspec, *others: Tspec) -> Tspec:
    """Several senders at once: r, b and p add, m is the smallest, M the largest (RFC 2211 section 8).

    Rounded once, at the end: the order in which senders came makes no difference.
    """
    if not others:
        return first
    all_ = (first, *others)
    return Tspec(
        math.fsum(t.rate for t in all_),
        math.fsum(t.bucket for t in all_),
        math.fsum(t.peak for t in all_),
        min(t.m for t in all_),
        max(t.M for t in all_),
    )


def tspec_minimum(a: Tspec, b: Tspec) -> Tspec:
    """The smaller of two Tspecs; of unordered ones the smaller r, p, m and M and the *larger* b.

    RFC 2211 section 8 and RFC 2212: a low rate has to make do with the larger burst.
    """
    if tspec_at_most(a, b):
        return a
    if tspec_at_most(b, a):
        return b
    return Tspec(
        min(a.rate, b.rate), max(a.bucket, b.bucket), min(a.peak, b.peak), min(a.m, b.m), min(a.M, b.M)
    )


# --- flowspecs --------------------------------------------------------------------------------------


def same_service(a: Flowspec, b: Flowspec) -> bool:
    """Whether two flowspecs can be merged at all; if not, error 21/1, service conflict (RFC 2210 2.2)."""
    return a.service == b.service


def at_most(a: Flowspec, b: Flowspec) -> bool:
    """Whether `b` is at least as good as `a` in everything: the partial order of flowspecs.

    A guaranteed Rspec is larger with a larger R and a smaller slack (RFC 2212, "Ordering and Merging").
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
    return _both(a, b, tspec_lub, _larger)


def glb(a: Flowspec, b: Flowspec) -> Flowspec:
    """Greatest lower bound of two flowspecs of one service (RFC 2205 section 3.5). Raises ValueError."""
    return _both(a, b, tspec_glb, _smaller)


def merge(a: Flowspec, b: Flowspec) -> Flowspec:
    """What reservations of one service make together (RFC 2210 section 2.3.2, RFC 2211 section 8).

    As good as either, but for packets that fit through to both. Raises ValueError for different
    services: ask `same_service` first.
    """
    if a == b:
        return a
    return _both(a, b, tspec_merge, _larger)


def _larger(a: Rspec, b: Rspec) -> Rspec:
    return Rspec(max(a.rate, b.rate), min(a.slack, b.slack))


def _smaller(a: Rspec, b: Rspec) -> Rspec:
    return Rspec(min(a.rate, b.rate), max(a.slack, b.slack))


def _both(
    a: Flowspec,
    b: Flowspec,
    tspecs: Callable[[Tspec, Tspec], Tspec],
    rspecs: Callable[[Rspec, Rspec], Rspec],
) -> Flowspec:
    if not same_service(a, b):
        raise ValueError(f"{a.service_name} and {b.service_name} cannot be merged")
    rspec = None if a.rspec is None or b.rspec is None else rspecs(a.rspec, b.rspec)
    return Flowspec(a.service, _of_service(a.service, tspecs(a.tspec, b.tspec)), rspec)


def _of_service(service: int, tspec: Tspec) -> Tspec:
    return NullTspec(M=tspec.M) if service == Service.NULL else tspec


def effective(flowspec: Flowspec, path: Tspec | None) -> Flowspec:
    """What has to be installed: a reservation never needs more than its senders send.

    `path` is Path_Te, the sum of the senders' Tspecs; the result holds the minimum of both Tspecs
    (RFC 2205 section 2.2), with the smaller of the two m in any case (RFC 2210 section 3.2.1). An
    Rspec stands as asked: R buys delay, not only bandwidth.
    """
    if path is None:
        return flowspec
    least = tspec_minimum(flowspec.tspec, path)
    smallest = min(flowspec.tspec.m, path.m, least.M)
    tspec = Tspec(least.rate, least.bucket, least.peak, smallest, least.M)
    return Flowspec(flowspec.service, _of_service(flowspec.service, tspec), flowspec.rspec)


def rate_needed(flowspec: Flowspec, path: Tspec) -> float:
    """The rate of what `effective` gives, bytes/s: what a reservation needs of its link."""
    rate = min(flowspec.tspec.rate, path.rate)
    return rate if flowspec.rspec is None else max(rate, flowspec.rspec.rate)


def reduced(flowspec: Flowspec, rate: float, peak: float = INFINITY) -> Flowspec:
    """The most of a flowspec that a link has room for (RFC 4495 section 5.2).

    r, and R, are no more than `rate` and p no more than `peak`, bytes/s.
    """
    allowed, t = single_at_most(rate), flowspec.tspec
    tspec = replace(t, rate=min(t.rate, allowed), peak=min(t.peak, peak))
    rspec = flowspec.rspec
    if rspec is not None:
        rspec = Rspec(min(rspec.rate, allowed), rspec.slack)
    return Flowspec(flowspec.service, tspec, rspec)
