"""Integrated services contents of RSVP and their arithmetic (RFC 2210, 2211, 2212, 2215).

Rates are bytes/s, sizes bytes, slack and latencies microseconds, as on the wire. All of it is pure.

- `contents`: what FLOWSPEC, SENDER_TSPEC and ADSPEC hold
- `order`: which flowspec is larger; bounds, merges, sums
- `advert`: an ADSPEC hop by hop, and what a receiver reads out of it
- `delay`: guaranteed service: delay from rate, rate from delay, slack, buffers
"""

from __future__ import annotations

from .advert import ALL_SERVICES, ErrorTerms, HopCharacter, Offer, advertise, fit, offer
from .contents import (
    DEFAULT_ADSPEC,
    INFINITY,
    LEAST_RATE,
    MAX_U32,
    Adspec,
    ControlledLoadAdvert,
    Excess,
    Flowspec,
    General,
    GuaranteedAdvert,
    NullTspec,
    OtherAdvert,
    Overrides,
    Rspec,
    Tspec,
    controlled_load,
    default_bucket,
    flaw,
    guaranteed,
    single,
)
from .delay import (
    buffer_needed,
    delay_bound,
    fluid_delay,
    guaranteed_within,
    least_rate,
    rate_for_delay,
    spend_slack,
)
from .order import (
    at_most,
    effective,
    glb,
    lub,
    merge,
    rate_needed,
    reduced,
    same_service,
    strictly_less,
    tspec_at_most,
    tspec_glb,
    tspec_lub,
    tspec_merge,
    tspec_minimum,
    tspec_sum,
)

__all__ = [
    "ALL_SERVICES",
    "DEFAULT_ADSPEC",
    "INFINITY",
    "LEAST_RATE",
    "MAX_U32",
    "Adspec",
    "ControlledLoadAdvert",
    "ErrorTerms",
    "Excess",
    "Flowspec",
    "General",
    "GuaranteedAdvert",
    "HopCharacter",
    "NullTspec",
    "Offer",
    "OtherAdvert",
    "Overrides",
    "Rspec",
    "Tspec",
    "advertise",
    "at_most",
    "buffer_needed",
    "controlled_load",
    "default_bucket",
    "delay_bound",
    "effective",
    "fit",
    "flaw",
    "fluid_delay",
    "glb",
    "guaranteed",
    "guaranteed_within",
    "least_rate",
    "lub",
    "merge",
    "offer",
    "rate_for_delay",
    "rate_needed",
    "reduced",
    "same_service",
    "single",
    "spend_slack",
    "strictly_less",
    "tspec_at_most",
    "tspec_glb",
    "tspec_lub",
    "tspec_merge",
    "tspec_minimum",
    "tspec_sum",
]
