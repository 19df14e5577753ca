"""Flowspecs, ADSPECs and hops for Hypothesis to draw: sound ones, of every service that is merged."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from rsvp.iana import LATENCY_UNKNOWN, Service
from rsvp.intserv import (
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    HopCharacter,
    Overrides,
    Rspec,
    Tspec,
)

rates = st.one_of(st.sampled_from([1.0, 1000.0, 125_000.0]), st.floats(1, 2.0**40, width=32))
words = st.integers(0, 2**32 - 1)
sizes = st.one_of(st.sampled_from([0, 64, 576, 1500]), words)


@st.composite
def tspecs(draw) -> Tspec:
    """m <= M and r <= p, as RFC 2210 and RFC 2212 want it."""
    m, largest = sorted((draw(sizes), draw(sizes)))
    rate, peak = sorted((draw(rates), draw(rates)))
    return Tspec(rate, draw(rates), draw(st.sampled_from([peak, math.inf])), m, largest)


@st.composite
def guarantees(draw) -> Flowspec:
    """R >= r."""
    tspec = draw(tspecs())
    return Flowspec(
        Service.GUARANTEED, tspec, Rspec(draw(rates.filter(lambda rate: rate >= tspec.rate)), draw(words))
    )


loads = st.builds(Flowspec, st.just(int(Service.CONTROLLED_LOAD)), tspecs())


def alike(count: int) -> st.SearchStrategy[tuple[Flowspec, ...]]:
    """So many flowspecs of one service."""
    return st.one_of(st.tuples(*[loads] * count), st.tuples(*[guarantees()] * count))


latencies = st.one_of(st.just(LATENCY_UNKNOWN), st.integers(0, 2**28))
overrides = st.builds(
    Overrides,
    st.none() | st.integers(0, 255),
    st.none() | rates,
    st.none() | latencies,
    st.none() | st.integers(0, 65535),
)
hops = st.builds(
    HopCharacter,
    st.just(0.0) | rates,
    st.integers(68, 65535),
    latencies,
    st.integers(0, 2**28),
    st.integers(0, 2**28),
    st.sampled_from([frozenset(), frozenset({2}), frozenset({5}), frozenset({2, 5})]),
    st.none() | overrides,
    st.none() | overrides,
)
adspecs = st.builds(
    Adspec,
    st.builds(
        General, st.integers(0, 255), st.just(0.0) | rates, latencies, st.integers(0, 65535), st.booleans()
    ),
    st.builds(
        GuaranteedAdvert, words, words, words, words, st.booleans(), st.just(False), st.none() | overrides
    ),
    st.none() | st.builds(ControlledLoadAdvert, st.booleans(), st.none() | overrides),
)
