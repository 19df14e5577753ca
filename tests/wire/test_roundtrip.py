"""Every drawn message comes back from the wire equal, and every object too."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire, jsonform
from rsvp import messages as m
from tests import strategies
from tests.bench.messages import path


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


@given(strategies.core_messages)
def test_decoded_values_behave_as_built_ones_do(message: m.Message) -> None:
    decoded = _wire.decode(_wire.encode(message))
    assert pickle.loads(pickle.dumps(decoded)) == message
    assert replace(decoded, send_ttl=message.send_ttl) == message
    assert jsonform.to_json(decoded) == jsonform.to_json(message)
    assert str(getattr(decoded, "session", "")) == str(getattr(message, "session", ""))


@given(strategies.core_messages, st.sampled_from((bytes, bytearray, memoryview)))
def test_any_buffer_will_do(message: m.Message, kind: type) -> None:
    data = _wire.encode(message)
    assert _wire.decode(kind(data)) == message
    assert _wire.checksum(kind(data)) == _wire.checksum(data)
    assert _wire.dissect(kind(data)) == _wire.dissect(data)


@given(strategies.core_messages)
def test_checksum(message: m.Message) -> None:
    data = _wire.encode(message)
    sent = int.from_bytes(data[2:4], "big")
    assert sent == (_wire.checksum(data) if getattr(message, "integrity", None) is None else 0)
    total = sum(int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2))
    if getattr(message, "integrity", None) is None:
        assert total % 0xFFFF == 0


@given(strategies.core_messages)
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
    values = [one.value for one in found.objects]
    assert not hasattr(message, "session") or message.session in values


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
