"""What a path offers: an ADSPEC is composed hop by hop, and read by receivers (RFC 2215, RFC 2210 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..iana import LATENCY_UNKNOWN, Service
from .contents import (
    MAX_U32,
    Adspec,
    ControlledLoadAdvert,
    General,
    GuaranteedAdvert,
    Overrides,
    Tspec,
    single_at_most,
)

ALL_SERVICES: frozenset[int] = frozenset({Service.GUARANTEED, Service.CONTROLLED_LOAD})


@dataclass(frozen=True, slots=True)
class ErrorTerms:
    """How a scheduler departs from the fluid model: C in bytes, D in microseconds (RFC 2212, "Exported
    Information").

    Reservations that take turns keep each other waiting: `turn` seconds for each, which C pays for up to
    C/R, and D as far as `spare` seconds go.
    """

    c: int
    d: int
    turn: float = 0.0
    spare: float = 0.0


@dataclass(frozen=True, slots=True)
class HopCharacter:
    """What one hop's outgoing link adds to an ADSPEC.

    Bandwidth in bytes/s, 0 where it is not known (RFC 2215 section 3.3); MTU in bytes; latency in
    microseconds, `LATENCY_UNKNOWN` where it is not known (section 3.4). C in bytes and D in
    microseconds are the error terms of guaranteed service (RFC 2212, "Exported Information").
    `services` are those that the hop implements. Where one of them differs from the link in
    bandwidth, latency or MTU, `guaranteed` or `controlled_load` says so (RFC 2215 section 2).
    """

    bandwidth: float
    mtu: int
    latency: int = LATENCY_UNKNOWN
    c: int = 0
    d: int = 0
    services: frozenset[int] = ALL_SERVICES
    guaranteed: Overrides | None = None
    controlled_load: Overrides | None = None


# --- composition ------------------------------------------------------------------------------------


def advertise(adspec: Adspec, hop: HopCharacter, non_rsvp: bool = False, reshaped: bool = False) -> Adspec:
    """Compose one hop into an ADSPEC (TC_Advertise of RFC 2205 section 3.11.2; RFC 2210 section 3.3.5).

    `non_rsvp` says that a node without RSVP was crossed before this hop: the global break bit is
    set and stays set (RFC 2205 section 3.8). `reshaped` says that this hop gives the flow its shape
    back before it sends: C_sum and D_sum begin anew with it (RFC 2212, "Policing").
    """
    general = General(
        min(adspec.general.is_hops + 1, MAX_U32),
        min(adspec.general.bandwidth, single_at_most(hop.bandwidth)),
        _add_latency(adspec.general.latency, hop.latency),
        min(adspec.general.mtu, hop.mtu),
        adspec.general.broken or non_rsvp,
    )
    # A service that is not implemented here gets its break bit and is left as it came (RFC 2210 3.3).
    others = tuple(other if other.broken else replace(other, broken=True) for other in adspec.others)
    return Adspec(general, _guaranteed(adspec, hop, reshaped), _controlled_load(adspec, hop), others)


def _guaranteed(adspec: Adspec, hop: HopCharacter, reshaped: bool) -> GuaranteedAdvert | None:
    advert = adspec.guaranteed
    if advert is None or Service.GUARANTEED not in hop.services:
        return advert and replace(advert, broken=True)
    return GuaranteedAdvert(
        min(advert.c_tot + hop.c, MAX_U32),
        min(advert.d_tot + hop.d, MAX_U32),
        min((0 if reshaped else advert.c_sum) + hop.c, MAX_U32),
        min((0 if reshaped else advert.d_sum) + hop.d, MAX_U32),
        advert.broken,
        False,
        _overrides(advert.overrides, adspec.general, hop, hop.guaranteed),
    )


def _controlled_load(adspec: Adspec, hop: HopCharacter) -> ControlledLoadAdvert | None:
    advert = adspec.controlled_load
    if advert is None:
        return None
    if Service.CONTROLLED_LOAD not in hop.services:
        return replace(advert, broken=True)
    overrides = _overrides(advert.overrides, adspec.general, hop, hop.controlled_load)
    return advert if overrides is None else ControlledLoadAdvert(advert.broken, overrides)


def _add_latency(so_far: int, hop: int) -> int:
    """Latencies add; one unknown hop makes the sum unknown (RFC 2215 section 3.4)."""
    return min(so_far + hop, LATENCY_UNKNOWN)


_NOTHING = Overrides()


def _overrides(
    came: Overrides | None, general: General, hop: HopCharacter, here: Overrides | None
) -> Overrides | None:
    """A service's own values of general parameters behind this hop (RFC 2215 section 2, steps 3 to 5).

    Where only the path or only the hop has its own value, the other's general one is composed with it.
    """
    if came is None and here is None:
        return None
    c, h = came or _NOTHING, here or _NOTHING
    is_hops = None if c.is_hops is None else min(c.is_hops + 1, MAX_U32)
    bandwidth = latency = mtu = None
    if c.bandwidth is not None or h.bandwidth is not None:
        bandwidth = min(
            general.bandwidth if c.bandwidth is None else c.bandwidth,
            single_at_most(hop.bandwidth if h.bandwidth is None else h.bandwidth),
        )
    if c.latency is not None or h.latency is not None:
        latency = _add_latency(
            general.latency if c.latency is None else c.latency,
            hop.latency if h.latency is None else h.latency,
        )
    if c.mtu is not None or h.mtu is not None:
        mtu = min(general.mtu if c.mtu is None else c.mtu, hop.mtu if h.mtu is None else h.mtu)
    return Overrides(is_hops, bandwidth, latency, mtu, c.unknown)


# --- what a receiver reads --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """What a path offers to one service.

    `bandwidth` in bytes/s and `latency`, the least a packet takes, in seconds: None where some hop
    does not know it. `mtu` in bytes. `whole` is whether every hop on the way takes part in the
    service; if not, the other values may be wrong (RFC 2215 section 3.1).
    """

    bandwidth: float | None
    latency: float | None
    mtu: int
    whole: bool


def offer(adspec: Adspec, service: int) -> Offer | None:
    """What an ADSPEC says to a receiver that chose `service`; the service's own values go first.

    None where the sender left the service out, which means that it is not to be used (RFC 2210
    section 2.2).
    """
    adverts: dict[int, GuaranteedAdvert | ControlledLoadAdvert | None] = {
        Service.GUARANTEED: adspec.guaranteed,
        Service.CONTROLLED_LOAD: adspec.controlled_load,
    }
    advert = adverts.get(service)
    if advert is None:
        return None
    general, own = adspec.general, advert.overrides or _NOTHING
    bandwidth = general.bandwidth if own.bandwidth is None else own.bandwidth
    latency = general.latency if own.latency is None else own.latency
    return Offer(
        bandwidth or None,
        None if latency == LATENCY_UNKNOWN else latency / 1e6,
        general.mtu if own.mtu is None else own.mtu,
        not (general.broken or advert.broken),
    )


def fit(tspec: Tspec, adspec: Adspec | None, service: int) -> Tspec:
    """A sender's Tspec with packets no larger than its path takes whole (RFC 2210 section 2.3.2).

    This is what a receiver asks for; asking for larger packets fails with error 1/3.
    """
    path = None if adspec is None else offer(adspec, service)
    if path is None or not path.mtu:
        return tspec
    largest = min(tspec.M, path.mtu)
    return replace(tspec, m=min(tspec.m, largest), M=largest)
