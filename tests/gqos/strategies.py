"""Any QOS that can be, for Hypothesis."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from rsvp.gqos import structures as s
from rsvp.gqos.constants import ObjectType

words = st.integers(0, 0xFFFFFFFF)
ports = st.integers(0, 0xFFFF)
octets = st.integers(0, 0xFF)
v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)
quads = st.integers(0, 4).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))

flowspecs = st.builds(s.FlowSpec, *[words] * 8)
filters = st.one_of(
    st.builds(s.FilterSpecV4, v4, ports),
    st.builds(s.FilterSpecV6, v6, ports),
    st.builds(s.FilterSpecV6Flow, v6, st.integers(0, 0xFFFFFF)),
    st.builds(s.FilterSpecV4Gpi, v4, words),
    st.builds(s.FilterSpecV6Gpi, v6, words),
)
policies = st.lists(st.builds(s.PolicyElement, ports, quads), max_size=3).map(tuple)
descriptors = st.builds(s.FlowDescriptor, flowspecs, st.lists(filters, max_size=3).map(tuple))
general = st.builds(s.GeneralParams, *[words] * 5)
services = st.one_of(
    st.builds(s.ControlService, st.just(3), general, st.builds(s.GuaranteedParams, *[words] * 4)),
    st.builds(
        s.ControlService,
        words.filter(lambda n: n != 3),
        general,
        st.none(),
        st.lists(st.builds(s.ParamBuffer, words, st.binary(max_size=9)), max_size=3).map(tuple),
    ),
)
objects = st.one_of(
    st.builds(s.StatusInfo, words, words, words),
    st.builds(s.ReserveInfo, words, words, policies, st.lists(descriptors, max_size=3).map(tuple)),
    st.builds(s.AdspecInfo, general, st.lists(services, max_size=3).map(tuple)),
    st.builds(s.PolicyInfo, policies),
    st.builds(s.SdMode, words),
    st.builds(s.ShapingRate, words),
    st.builds(s.DestAddr, st.one_of(v4, v6), ports),
    st.builds(s.DsClass, words),
    st.builds(s.TrafficClass, words),
    st.builds(s.Diffserv, st.lists(st.builds(s.DiffservRule, *[octets] * 5), max_size=3).map(tuple)),
    st.just(s.TcpTraffic()),
    st.builds(s.FriendlyName, st.text(st.characters(exclude_characters="\0"), max_size=128)),
    st.builds(s.UnknownObject, words.filter(lambda n: n not in set(ObjectType)), st.binary(max_size=9)),
)
qoses = st.builds(s.Qos, flowspecs, flowspecs, st.lists(objects, max_size=4).map(tuple))
