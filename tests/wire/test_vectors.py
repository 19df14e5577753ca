"""Golden messages decode to what is written beside them and encode to the very same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import _wire, jsonform
from rsvp.errors import WireError
from rsvp.iana import ClassNum, StyleBits
from rsvp.messages import MESSAGES, Bundle

from .vectors import VECTORS, Vector, joined, split


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_golden(vector: Vector) -> None:
    decoded = _wire.decode(vector.data)
    built = vector.message
    assert decoded == built
    assert hash(decoded) == hash(built)
    assert jsonform.to_json(replace(decoded, layout=None)) == jsonform.to_json(built)
    assert _wire.encode(decoded) == vector.data
    if decoded.layout is None:
        assert _wire.encode(built) == vector.data


def test_every_message_type_is_among_them() -> None:
    # A Bundle is made of the others: test_intserv_objects.
    assert {type(vector.message) for vector in VECTORS} == set(MESSAGES.values()) - {Bundle}


def named(name: str) -> Vector:
    (found,) = [vector for vector in VECTORS if vector.name == name]
    return found


def test_packed_flow_descriptors_stay_packed_until_they_differ() -> None:
    vector = named("resv-ff-packed")
    resv = _wire.decode(vector.data)
    assert resv.layout is not None
    assert resv.layout.count(ClassNum.FLOWSPEC) == 2
    assert len(resv.flows) == 3

    louder = replace(resv, flows=(resv.flows[2], *resv.flows[1:]))
    written = _wire.encode(louder)
    assert _wire.decode(written) == louder
    assert _wire.decode(written).layout is None

    fewer = replace(resv, flows=resv.flows[:1])
    assert _wire.encode(fewer) == _wire.encode(replace(fewer, layout=None))


@pytest.mark.parametrize(
    "layout",
    [(), (1,), (1, 3, 5, 11, 12, 12), (300,), (-1,), ("a",), (1, 3, 5, 11, 12, 193), 7, (0,) * 20000],
)
def test_a_layout_that_does_not_fit_is_ignored(layout: object) -> None:
    path = _wire.decode(named("path-null-object").data)
    odd = replace(path, layout=layout)
    assert _wire.encode(odd) == _wire.encode(replace(path, layout=None))


def test_a_layout_cannot_break_the_grammar() -> None:
    signed = _wire.decode(named("path-signed").data)
    assert _wire.encode(replace(signed, layout=(1, 4, 3, 5, 11, 12))) == _wire.encode(signed)
    resv = _wire.decode(named("resvconf").data)
    for layout in ((1, 6, 8, 15, 9, 10, 10), (1, 6, 15, 9, 10, 10, 8), (1, 6, 15, 8, 10, 9, 10)):
        assert _wire.encode(replace(resv, layout=layout)) == _wire.encode(resv)


def test_objects_in_any_order_the_grammar_allows() -> None:
    vector = named("path-override")
    pieces = split(vector.data)
    unknown = bytes.fromhex("0008c105 0000000a 000881ff 0000000b 000402c0")
    turned = joined(vector.data, [*pieces[::-1], unknown])
    turned = turned[:2] + _wire.checksum(turned).to_bytes(2, "big") + turned[4:]
    message = _wire.decode(turned)
    assert _wire.encode(message) == turned
    assert [one.class_num for one in message.extra] == [0xC1, 0x81, 0x02]
    assert replace(message, extra=()) == vector.message


def test_zero_checksum_means_none_was_sent() -> None:
    vector = VECTORS[0]
    data = joined(vector.data, split(vector.data))
    assert _wire.decode(data) == vector.message
    assert _wire.dissect(data).checksum == "absent"
    wrong = data[:2] + b"\0\1" + data[4:]
    assert _wire.dissect(wrong).checksum == "bad"
    with pytest.raises(WireError, match="bad checksum at byte 2"):
        _wire.decode(wrong)


def test_the_checksum_is_never_zero() -> None:
    """All ones stand for a sum of zero, as zero would mean that there is none."""
    path = named("path-null-object").message
    for ms in range(0x10000):
        odd = replace(path, time_values=replace(path.time_values, refresh_ms=ms))
        if (data := _wire.encode(odd))[2:4] == b"\xff\xff":
            break
    else:
        raise AssertionError("no period gives an all-ones checksum")
    assert _wire.decode(data) == odd
    assert _wire.checksum(data) == 0xFFFF


def test_unknown_styles_are_left_to_the_engine() -> None:
    resv = _wire.decode(named("resv-unknown-style").data)
    assert not resv.style.known
    assert not resv.style.shared
    assert resv.style.option_vector & StyleBits.SELECTION_MASK == StyleBits.WILDCARD


# --- what encode refuses --------------------------------------------------------------------------------


def test_encode_takes_messages_only() -> None:
    for thing in (None, b"", object(), named("pathtear").message.session):
        with pytest.raises(TypeError, match="encode takes one of the messages"):
            _wire.encode(thing)  # type: ignore[arg-type]


def test_encode_says_plainly_what_cannot_be_sent() -> None:
    from rsvp import intserv, objects
    from rsvp.messages import Flow, Path, Resv, Sender

    path: Path = named("path-override").message
    resv: Resv = named("resv-ff-packed").message
    spec, template = resv.flows[0].flowspec, resv.flows[0].filters[0]
    big = objects.PolicyData(bytes(40000))
    bad_adspec = intserv.Adspec(intserv.General(is_hops=-1))
    cases = [
        (replace(path, policy=(big, big)), "at most 65532 bytes"),
        (replace(path, sender=Sender(template)), "needs a SENDER_TSPEC"),
        (replace(path, sender=None), "needs a SENDER_TEMPLATE"),
        (replace(path, hop=None), "needs a RSVP_HOP"),
        (replace(path, sender=Sender(template, path.sender.tspec, bad_adspec)), "not within 0 and"),
        (replace(path, extra=(objects.Opaque(ClassNum.SESSION, 7, b""),)), "cannot stand in the extra"),
        (replace(resv, flows=()), "at least one flow"),
        (replace(resv, flows=(Flow(None, (template,)),)), "leave out a flow's flowspec"),
        (replace(resv, flows=(Flow(spec, ()),)), "one filter, not 0"),
        (replace(resv, flows=(Flow(spec, (template, template)),)), "one filter, not 2"),
        (replace(resv, style=objects.SE), "one flow, not 3"),
        (replace(resv, style=objects.SE, flows=(Flow(spec),)), "at least one filter"),
        (replace(resv, style=objects.WF), "no filters"),
        (replace(resv, flows=(Flow(replace(spec, service=9), (template,)),)), "service 9"),
    ]
    for message, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            _wire.encode(message)


def test_encode_names_the_wrong_type() -> None:
    path = named("path-override").message
    with pytest.raises(TypeError, match="a RSVP_HOP cannot hold 'nobody'"):
        _wire.encode(replace(path, hop="nobody"))
