"""From flowspecs to RSVP's objects and back: Tspec, ADSPEC, FLOWSPEC (RFC 2210, RFC 2212, RFC 2997).

Pure. Rates are bytes/s, sizes bytes, latencies and slack microseconds on both sides.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce

from ..iana import Service
from ..intserv import (
    INFINITY,
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    NullTspec,
    Overrides,
    Rspec,
    Tspec,
    fit,
    lub,
    offer,
    rate_for_delay,
)
from ..messages import Sender
from .checks import amount, given, sizes
from .constants import (
    AD_FLAG_BREAK_BIT,
    MAX_SDU_SIZE,
    POSITIVE_INFINITY_RATE,
    QOS_NOT_SPECIFIED,
    ServiceType,
)
from .errors import FlowspecError
from .structures import (
    UNSPECIFIED,
    AdspecInfo,
    ControlService,
    FlowSpec,
    GeneralParams,
    GuaranteedParams,
)

SERVICES = {
    ServiceType.CONTROLLEDLOAD: Service.CONTROLLED_LOAD,
    ServiceType.GUARANTEED: Service.GUARANTEED,
    ServiceType.QUALITATIVE: Service.NULL,
}
"""GQoS's number of a service -> integrated services' own."""

TYPES = {int(service): kind for kind, service in SERVICES.items()}

MOST = 0xFFFFFFFD
"""The largest number of a flowspec that is only a number."""


# --- what a sender says --------------------------------------------------------------------------------


def sender_tspec(spec: FlowSpec) -> Tspec:
    """The Tspec of a Path: what is not specified is filled in.

    A bucket of the larger of MaxSduSize and 1500 bytes, no bound on the peak, packets from 128 to 1500
    bytes. The null service has nothing but the largest packet (RFC 2997).
    """
    smallest, largest = sizes(spec)
    if spec.service == ServiceType.QUALITATIVE:
        return NullTspec(M=largest)
    bucket = given(spec.token_bucket_size, max(largest, MAX_SDU_SIZE))
    peak = amount(spec.peak_bandwidth)
    return Tspec(float(spec.token_rate), bucket, INFINITY if peak is None else peak, smallest, largest)


def sender_adspec(spec: FlowSpec, limits: AdspecInfo | None = None) -> Adspec:
    """The ADSPEC that a Path starts with: the services that receivers may choose from.

    One that is named by the flowspec, all for GENERAL_INFORMATION; of these only the ones in `limits`,
    where the application gave that.
    """
    if spec.service == ServiceType.GENERAL_INFORMATION:
        wanted = {ServiceType.CONTROLLEDLOAD, ServiceType.GUARANTEED}
    else:
        wanted = {ServiceType(spec.service)}
    if limits is not None and limits.services:
        named = {service.service for service in limits.services}
        if ServiceType.GENERAL_INFORMATION not in named:
            wanted = {one for one in wanted if one in named}
    return Adspec(
        General(),
        GuaranteedAdvert() if ServiceType.GUARANTEED in wanted else None,
        ControlledLoadAdvert() if ServiceType.CONTROLLEDLOAD in wanted else None,
    )


# --- what a receiver asks for --------------------------------------------------------------------------


def reservation(spec: FlowSpec, senders: list[Sender]) -> Flowspec:
    """What to reserve for senders that share it: the largest of what each of them needs.

    Raises FlowspecError where none of them offers the service, and where no rate keeps to the latency
    that was asked for.
    """
    senders = [sender for sender in senders if _offers(sender, SERVICES[ServiceType(spec.service)])]
    if not senders:
        raise FlowspecError(f"the sender does not offer {ServiceType(spec.service).name}")
    asked = [_reservation(spec, sender) for sender in senders]
    shared = reduce(lub, asked)
    for sender in senders:
        shared = replace(shared, tspec=fit(shared.tspec, sender.adspec, shared.service))
    return shared


def _offers(sender: Sender, service: Service) -> bool:
    """Whether a receiver may choose a service: what an ADSPEC leaves out is not wanted (RFC 2210 2.2)."""
    adspec = sender.adspec
    return adspec is None or service == Service.NULL or offer(adspec, service) is not None


def _reservation(spec: FlowSpec, sender: Sender) -> Flowspec:
    path = sender.tspec or Tspec(1.0, 1.0)
    service = SERVICES[ServiceType(spec.service)]
    if service == Service.NULL:
        return Flowspec(service, NullTspec(M=path.M))
    if service == Service.GUARANTEED:
        tspec = fit(path, sender.adspec, service)
        return Flowspec(service, tspec, _rspec(spec, tspec, sender.adspec))
    return Flowspec(service, fit(_own_tspec(spec, path), sender.adspec, service))


def _own_tspec(spec: FlowSpec, path: Tspec) -> Tspec:
    """The application's values, and the Path's where it gave none."""
    rate, peak = amount(spec.token_rate), amount(spec.peak_bandwidth)
    rate = path.rate if rate is None or math.isinf(rate) else rate
    largest = given(spec.max_sdu_size, path.M)
    smallest = min(given(spec.minimum_policed_size, path.m), largest)
    bucket = float(given(spec.token_bucket_size, 0)) or path.bucket
    return Tspec(rate, bucket, max(path.peak, rate) if peak is None else peak, smallest, largest)


def _rspec(spec: FlowSpec, tspec: Tspec, adspec: Adspec | None) -> Rspec:
    """R and S: a rate with or without slack, or what it takes to keep to a latency.

    R is at least r (RFC 2212). Raises FlowspecError.
    """
    slack = given(spec.delay_variation, 0)
    rate = amount(spec.token_rate)
    if rate is not None and not math.isinf(rate):
        return Rspec(max(rate, tspec.rate), slack)
    if QOS_NOT_SPECIFIED in (spec.latency, spec.delay_variation):
        return Rspec(tspec.rate, slack)
    path = adspec or Adspec()
    said = offer(path, Service.GUARANTEED)
    way = (said.latency if said is not None else None) or 0.0
    try:
        return Rspec(rate_for_delay(tspec, spec.latency / 1e6 - way, path).rate, slack)
    except ValueError as error:
        raise FlowspecError(f"a latency of {spec.latency} us cannot be had: {error}") from None


# --- what is told to applications ----------------------------------------------------------------------


def number(value: float) -> int:
    """A rate or a size as a flowspec has it."""
    return POSITIVE_INFINITY_RATE if math.isinf(value) else min(round(value), MOST)


def announced(sender: Sender) -> FlowSpec:
    """What a sender's Path says, for its receivers: its Tspec, and the services it offers."""
    tspec = sender.tspec
    if tspec is None:
        return UNSPECIFIED
    adspec = sender.adspec
    load, rate = (adspec.controlled_load, adspec.guaranteed) if adspec is not None else (None, None)
    if isinstance(tspec, NullTspec):
        return FlowSpec(service_type=ServiceType.QUALITATIVE, max_sdu_size=tspec.M)
    if load is not None and rate is None:
        service = ServiceType.CONTROLLEDLOAD
    elif rate is not None and load is None:
        service = ServiceType.GUARANTEED
    else:
        service = ServiceType.GENERAL_INFORMATION
    return replace(_of_tspec(tspec), service_type=service)


def reserved(flowspec: Flowspec | None) -> FlowSpec:
    """What a Resv asks for, as the flowspec that asks for it: R is the token rate, S the delay variation."""
    if flowspec is None:
        return UNSPECIFIED
    service = TYPES.get(flowspec.service, ServiceType.NOCHANGE)
    if service == ServiceType.QUALITATIVE:
        return FlowSpec(service_type=service, max_sdu_size=flowspec.tspec.M)
    found = replace(_of_tspec(flowspec.tspec), service_type=service)
    if flowspec.rspec is None:
        return found
    slack = min(flowspec.rspec.slack, MOST)
    return replace(found, token_rate=number(flowspec.rspec.rate), delay_variation=slack)


def _of_tspec(tspec: Tspec) -> FlowSpec:
    return FlowSpec(
        token_rate=number(tspec.rate),
        token_bucket_size=number(tspec.bucket),
        peak_bandwidth=number(tspec.peak),
        max_sdu_size=tspec.M,
        minimum_policed_size=tspec.m,
    )


def adspec_info(adspec: Adspec) -> AdspecInfo:
    """An ADSPEC as GQoS shows it; a service's break bit, or the general one, is AD_FLAG_BREAK_BIT."""
    services = []
    if (load := adspec.controlled_load) is not None:
        overrides = _overrides(load.overrides, load.broken)
        services.append(ControlService(ServiceType.CONTROLLEDLOAD, overrides))
    if (rate := adspec.guaranteed) is not None:
        terms = GuaranteedParams(rate.c_tot, rate.d_tot, rate.c_sum, rate.d_sum)
        overrides = _overrides(rate.overrides, rate.broken)
        services.append(ControlService(ServiceType.GUARANTEED, overrides, terms))
    if any(other.service == Service.NULL for other in adspec.others):
        services.append(ControlService(ServiceType.QUALITATIVE))
    general = adspec.general
    params = GeneralParams(
        general.is_hops,
        number(general.bandwidth) if general.bandwidth else QOS_NOT_SPECIFIED,
        general.latency,
        general.mtu,
        AD_FLAG_BREAK_BIT if general.broken else 0,
    )
    return AdspecInfo(params, tuple(services))


def _overrides(own: Overrides | None, broken: bool) -> GeneralParams:
    flags = AD_FLAG_BREAK_BIT if broken else 0
    if own is None:
        return GeneralParams(flags=flags)

    def said(value: float | None) -> int:
        return QOS_NOT_SPECIFIED if value is None else number(value)

    return GeneralParams(
        said(own.is_hops),
        said(own.bandwidth),
        QOS_NOT_SPECIFIED if own.latency is None else own.latency,
        said(own.mtu),
        flags,
    )
