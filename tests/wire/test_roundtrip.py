"""Every drawn message comes back from the wire equal, and every object too."""

from __future__ import annotations

import copy
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv6Address
from types import NoneType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsvp import _wire, jsonform
from rsvp import messages as m
from rsvp.iana import ClassNum
from rsvp.objects import FilterSpec, Hop, Opaque
from tests import strategies
from tests.bench.messages import path

from .vectors import NAMES

WHO = FilterSpec(IPv4Address("10.1.0.1"), 4000)


def _headed(drawn: tuple[int, bytes]) -> bytes:
    """Contents behind a header that fits them."""
    class_num, data = drawn
    data = data[: len(data) & ~3]
    return (len(data) + 4).to_bytes(2, "big") + bytes((class_num, 1)) + data


@pytest.mark.parametrize("number", m.MESSAGES)
def test_decoded_equals_encoded(number: int) -> None:
    @given(strategies.MESSAGES[number])
    def check(message: m.Message) -> None:
        data = _wire.encode(message)
        decoded = _wire.decode(data)
        assert type(decoded) is m.MESSAGES[number]
        assert decoded == message
        assert hash(decoded) == hash(message)
        assert repr(decoded).startswith(type(message).__name__)
        assert getattr(decoded, "layout", None) is None
        assert _wire.encode(decoded) == data
        for field in fields(decoded):
            getattr(decoded, field.name)

    check()


@pytest.mark.parametrize("key", strategies.OBJECTS, ids=str)
def test_an_object_by_itself_comes_back_as_it_went(key: tuple[int, int]) -> None:
    @settings(max_examples=settings.default.max_examples // 8)
    @given(strategies.OBJECTS[key])
    def check(value: Any) -> None:
        octets = _wire.encode_object(key[0], value)
        assert octets[2:4] == bytes(key)
        assert _wire.decode_object(octets) == value

    check()


@given(st.binary(max_size=80) | st.tuples(st.integers(0, 255), st.binary(max_size=60)).map(_headed))
def test_octets_by_themselves_are_an_object_or_a_wire_error(octets: bytes) -> None:
    try:
        found = _wire.decode_object(octets)
    except _wire.WireError:
        return
    if not isinstance(found, Opaque):
        assert _wire.decode_object(_wire.encode_object(octets[2], found)) == found


def test_only_what_an_object_holds_is_encoded() -> None:
    for class_num, value in ((-1, WHO), (256, WHO), (255, WHO), (ClassNum.RSVP_HOP, WHO), (3, None)):
        with pytest.raises(TypeError):
            _wire.encode_object(class_num, value)
    hop = Hop(WHO.address)
    object.__setattr__(hop, "lih", 1 << 70)
    with pytest.raises(ValueError, match="does not fit its field"):
        _wire.encode_object(ClassNum.RSVP_HOP, hop)


def every_type(check: Callable[[Any], None]) -> None:
    """Run a check on drawn messages of each type."""
    for number in m.MESSAGES:
        settings(max_examples=settings.default.max_examples // 8)(given(strategies.MESSAGES[number])(check))()


def test_decoded_values_behave_as_built_ones_do() -> None:
    """Pickled, copied, printed, hashed, put into JSON: a decoded message is like one that was built."""

    def check(message: m.Message) -> None:
        decoded = _wire.decode(_wire.encode(message))
        for copied in (pickle.loads(pickle.dumps(decoded)), copy.copy(decoded), copy.deepcopy(decoded)):
            assert copied == message
            assert type(copied) is type(message)
            assert hash(copied) == hash(message)
            assert _wire.encode(copied) == _wire.encode(message)
        assert replace(decoded, send_ttl=message.send_ttl) == message
        assert eval(repr(decoded), NAMES) == message
        assert str(getattr(decoded, "session", "")) == str(getattr(message, "session", ""))
        form = jsonform.to_json(decoded)
        assert form == jsonform.to_json(message)
        assert json.loads(json.dumps(form, allow_nan=False)) == form
        assert msgspec.json.decode(msgspec.json.encode(form)) == form
        if not isinstance(message, m.Bundle | m.Notify):
            assert form.keys() == {field.name for field in fields(decoded)}

    every_type(check)


def test_unequal_messages_say_so() -> None:
    """Equality looks at every field, and so does the hash."""

    def check(message: m.Message) -> None:
        decoded = _wire.decode(_wire.encode(message))
        other = replace(decoded, send_ttl=message.send_ttl ^ 1)
        assert other != message
        assert hash(other) != hash(message)
        if not isinstance(message, m.Bundle):
            more = replace(decoded, extra=(*message.extra, Opaque(2, 1, b"")))
            assert more != message
            assert _wire.decode(_wire.encode(more)) == more

    every_type(check)


@given(strategies.messages, st.sampled_from((bytes, bytearray, memoryview)))
def test_any_buffer_will_do(message: m.Message, kind: type) -> None:
    data = _wire.encode(message)
    assert _wire.decode(kind(data)) == message
    assert _wire.checksum(kind(data)) == _wire.checksum(data)
    assert _wire.dissect(kind(data)) == _wire.dissect(data)


@given(st.ip_addresses())
def test_addresses_of_their_bytes(address: IPv4Address | IPv6Address) -> None:
    assert _wire.address(address.packed) == address
    with pytest.raises(ValueError, match="4 or 16 bytes, not 5"):
        _wire.address(bytes(5))


@given(strategies.messages)
def test_checksum(message: m.Message) -> None:
    data = _wire.encode(message)
    sent = int.from_bytes(data[2:4], "big")
    assert sent == (_wire.checksum(data) if getattr(message, "integrity", None) is None else 0)
    total = sum(int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2))
    if getattr(message, "integrity", None) is None:
        assert total % 0xFFFF == 0


@given(strategies.messages)
def test_dissection_lists_every_object(message: m.Message) -> None:
    if isinstance(message, m.Bundle):
        return
    data = _wire.encode(message)
    found = _wire.dissect(data)
    assert found.error is None
    assert found.checksum == ("ok" if getattr(message, "integrity", None) is None else "absent")
    assert (found.version, found.flags, found.type, found.send_ttl, found.length) == (
        1,
        message.flags,
        message.type,
        message.send_ttl,
        len(data),
    )
    rebuilt = data[:8]
    for one in found.objects:
        assert one.offset == len(rebuilt)
        assert one.length == len(one.data) + 4
        rebuilt += one.length.to_bytes(2, "big") + bytes((one.class_num, one.ctype)) + one.data
    assert rebuilt == data


def test_dissection_agrees_with_decoding() -> None:
    """The objects that a message consists of are those that it decodes to, no more and no fewer."""

    def check(message: m.Message) -> None:
        data = _wire.encode(message)
        decoded = _wire.decode(data)
        found = _wire.dissect(data)
        inner = found.messages or (found,)
        parts = decoded.messages if isinstance(decoded, m.Bundle) else (decoded,)
        for dissected, part in zip(inner, parts, strict=True):
            assert dissected.error is None
            listed = [
                Opaque(one.class_num, one.ctype, one.data) if one.value is None else one.value
                for one in dissected.objects
            ]
            assert Counter(listed) == Counter(objects_of(part))
            assert dissected.type == part.type

    every_type(check)


def objects_of(value: Any) -> Iterator[Any]:
    """The objects that the fields of a message hold."""
    if isinstance(value, tuple):
        for item in value:
            yield from objects_of(item)
    elif isinstance(value, GROUPS) or hasattr(value, "send_ttl"):
        for field in fields(value):
            if field.name != "layout":
                yield from objects_of(getattr(value, field.name))
    elif not isinstance(value, int | NoneType):
        yield value


GROUPS = (m.Sender, m.Flow, m.Notified)


def test_what_neighbours_repeat_is_read_once() -> None:
    """Hops, refresh periods, styles and ADSPECs are shared by the messages that say the same."""
    one, another = (_wire.decode(_wire.encode(path(n))) for n in (1, 2))
    again = _wire.decode(_wire.encode(path(1)))
    assert isinstance(one, m.Path)
    assert isinstance(another, m.Path)
    assert isinstance(again, m.Path)
    assert again.hop is one.hop
    assert again.time_values is one.time_values
    assert again.sender.adspec is one.sender.adspec
    assert another.hop is not one.hop
    assert another.sender.adspec != one.sender.adspec
    assert again == one != another


def test_more_than_is_remembered_is_still_right() -> None:
    for n in [*range(5000), *range(5000)]:
        message = path(n)
        assert _wire.decode(_wire.encode(message)) == message
