"""scapy reads from our bytes, field by field, what we wrote into them, and writes the same bytes."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire, te
from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp.objects import REGISTRY
from tests import strategies
from tests.oracles import scapy_rsvp as scapy


def tspec_fields(spec: i.Tspec) -> dict[str, Any]:
    return {"rate": spec.rate, "bucket": spec.bucket, "peak": spec.peak, "m": spec.m, "M": spec.M}


def expected(value: Any) -> dict[str, Any]:
    """The fields of scapy's layer for one of our objects, apart from an ADSPEC."""
    header = {"version": 0, "reserved": 0, "break_bit": 0, "reserved2": 0}
    bucket = {"parameter": 127, "parameter_flags": 0, "parameter_words": 5}
    match value:
        case o.Scope():
            return {"addresses": list(value.addresses)}
        case i.Tspec():
            words = {"words": 7, "service": 1, "service_words": 6}
            return header | bucket | words | tspec_fields(value)
        case i.Flowspec(rspec=None):
            words = {"words": 7, "service": 5, "service_words": 6}
            return header | bucket | words | tspec_fields(value.tspec)
        case i.Flowspec(rspec=i.Rspec(rate, slack)):
            words = {"words": 10, "service": 2, "service_words": 9}
            rspec = {"rspec_parameter": 130, "rspec_flags": 0, "rspec_words": 2, "R": rate, "S": slack}
            return header | bucket | words | rspec | tspec_fields(value.tspec)
    if isinstance(value, o.PolicyData):
        return {"data": value.data or b""}
    return {field.name: getattr(value, field.name) for field in fields(value)}


def plain(value: Any) -> bool:
    """Whether an object has contents of RFC 2205 and 2210 only, which are what the layers know."""
    match value:
        case i.NullTspec():
            return False
        case i.Tspec():
            return value.null_M is None
        case i.Flowspec():
            return plain(value.tspec) and value.service in (2, 5)
        case o.PolicyData():
            return value.data is not None
        case te.LspTunnelSession():
            return value.endpoint.version == value.extended_tunnel_id.version
    return True


def as_ours(value: Any) -> Any:
    """scapy's addresses are text, and not in the form of RFC 5952."""
    if isinstance(value, list):
        return [as_ours(item) for item in value]
    return ip_address(value) if isinstance(value, str) else value


def words_of(over: i.Overrides | None) -> list[tuple[int, int, Any]]:
    if over is None:
        return []
    known = [(4, 0, over.is_hops), (6, 0, over.bandwidth), (8, 0, over.latency), (10, 0, over.mtu)]
    return [one for one in known if one[2] is not None] + list(over.unknown)


def expected_services(adspec: i.Adspec) -> list[tuple[int, bool, list[tuple[int, int, Any]] | bytes]]:
    """(service, break bit, parameters) of an ADSPEC."""
    g = adspec.general
    general = words_of(i.Overrides(g.is_hops, g.bandwidth, g.latency, g.mtu))
    found: list[Any] = [(1, g.broken, general)]
    if (advert := adspec.guaranteed) is not None:
        terms = [
            (133, 0, advert.c_tot),
            (134, 0, advert.d_tot),
            (135, 0, advert.c_sum),
            (136, 0, advert.d_sum),
        ]
        found.append((2, advert.broken, [] if advert.empty else terms + words_of(advert.overrides)))
    if (load := adspec.controlled_load) is not None:
        found.append((5, load.broken, words_of(load.overrides)))
    listed, known = found[:1], found[1:]
    for other in adspec.others:
        # Before the first service of a higher number (RFC 2210 section 3.3).
        while known and known[0][0] < other.service:
            listed.append(known.pop(0))
        listed.append((other.service, other.broken, other.data))
    return listed + known


def agrees(layer: Any, value: Any) -> None:
    if isinstance(value, i.Adspec):
        found = []
        for service in layer.services:
            contents: Any = service.contents
            if service.number in (1, 2, 5):
                contents = [
                    (one.number, one.flags, parameter_value(service.number, one))
                    for one in scapy.PARAMETERS(service.contents).parameters
                ]
            found.append((service.number, bool(service.broken), contents))
        assert found == expected_services(value)
    else:
        assert {name: as_ours(layer.getfieldval(name)) for name in expected(value)} == expected(value)
        # scapy leaves a field without contents out.
        empty = isinstance(value, o.PolicyData) and not value.data
        others = layer.fields.keys() - expected(value).keys()
        assert empty or len(layer.fields) - len(others) == len(expected(value))
        assert not any(layer.getfieldval(name) for name in others), "reserved bits are zeroes"


def parameter_value(service: int, one: Any) -> Any:
    known = {4, 6, 8, 10} | ({133, 134, 135, 136} if service == 2 else set())
    if one.number not in known:
        return one.contents
    if one.number == 6:
        return scapy.layer("Float", scapy.IEEEFloatField("value", 0))(one.contents).value
    return int.from_bytes(one.contents, "big")


@pytest.mark.parametrize(
    "key", [key for key in REGISTRY if key in scapy.LAYERS], ids=lambda key: f"{key[0]}-{key[1]}"
)
def test_objects(key: tuple[int, int]) -> None:
    @given(strategies.OBJECTS[key].filter(plain))
    def check(value: Any) -> None:
        data = strategies.object_bytes(key[0], value)
        ((header, layer),) = scapy.objects(data)
        assert (header.Class, header.C_Type, header.Length) == (*key, len(data))
        agrees(layer, value)
        layer.clear_cache()
        assert bytes(layer) == data[4:]

    check()


@given(strategies.messages)
def test_messages(message: Any) -> None:
    """Header and objects of whole messages."""
    if isinstance(message, m.Bundle):
        return
    data = _wire.encode(message)
    header, objects = scapy.take_apart(data)
    assert (header.Version, header.Flags, header.Class) == (1, message.flags, message.type)
    assert (header.TTL, header.dataofs, header.Length) == (message.send_ttl, 0, len(data))
    ours = _wire.dissect(data).objects
    assert len(ours) == len(objects)
    for mine, (theirs, layer) in zip(ours, objects, strict=True):
        assert (mine.class_num, mine.ctype, mine.length) == (theirs.Class, theirs.C_Type, theirs.Length)
        if (mine.class_num, mine.ctype) in scapy.LAYERS and plain(mine.value):
            agrees(layer, mine.value)
    if message.integrity is None:
        # scapy works out length and checksum by itself when it builds the message.
        header.Length = header.chksum = None
        header.clear_cache()
        rebuilt = bytes(header / scapy.POLICY_DATA(data[8:]))
        assert rebuilt[:8] == data[:8] or data[2:4] == b"\xff\xff"


@given(strategies.hops(4), strategies.time_values, strategies.tspecs.filter(plain))
def test_scapys_own_layers(hop: o.Hop, time_values: o.TimeValues, tspec: i.Tspec) -> None:
    """What scapy builds with its own layers, we read."""
    s = scapy
    hop_layer = s.RSVP_HOP(neighbor=str(hop.address), inface=hop.lih)
    message = m.Path(
        session=o.Session(hop.address if int(hop.address) else o.IPv4Address(1), 17, 9),
        hop=hop,
        time_values=time_values,
        sender=m.Sender(o.FilterSpec(o.IPv4Address("10.1.0.1"), 1), tspec),
        send_ttl=7,
    )
    data = _wire.encode(message)
    pieces = {
        one.class_num: data[one.offset : one.offset + one.length] for one in _wire.dissect(data).objects
    }
    tokens = pieces[12][12:]
    packet = (
        s.RSVP(Flags=0, Class=1, TTL=7)
        / s.POLICY_DATA(pieces[1])
        / s.RSVP_Object(Class=3, C_Type=1, Length=12)
        / hop_layer
        / s.RSVP_Object(Class=5, C_Type=1, Length=8)
        / s.RSVP_Time(refresh=time_values.refresh_ms)
        / s.POLICY_DATA(pieces[11])
        / s.RSVP_Object(Class=12, C_Type=2, Length=36)
        / s.RSVP_SenderTSPEC(Data_Length=7, Srv_Length=6, Tokens=tokens)
    )
    assert _wire.decode(bytes(packet)) == message


@given(st.binary(min_size=4, max_size=64))
def test_checksum(data: bytes) -> None:
    assert _wire.checksum(data) == (scapy.checksum(data[:2] + b"\0\0" + data[4:]) or 0xFFFF)
