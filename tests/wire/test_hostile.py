"""Whatever the bytes: a message or WireError, soon, and nothing else."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire, jsonform
from rsvp.errors import WireError
from rsvp.iana import MessageType
from rsvp.messages import MESSAGES

from .vectors import VECTORS, Vector, joined, split

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def attempt(data: bytes) -> Any:
    """The message, or the error."""
    try:
        return _wire.decode(data)
    except WireError as error:
        return error


def survives(data: bytes) -> Any:
    """Decode and dissect; if there is a message, use it in every way. Gives the message or None."""
    found = _wire.dissect(data)
    assert sum(one.length for one in found.objects) <= len(data)
    repr(found)
    for one in found.objects:
        jsonform.to_json(one.value)
    message = attempt(data)
    if isinstance(message, WireError):
        assert 0 <= message.offset <= len(data)
        assert message.reason in str(message)
        if message.reason not in ("unknown C-Type", "unknown message type"):
            assert found.error is not None
            assert found.error.args == message.args
        return None
    assert found.error is None
    assert str(message)
    assert repr(message)
    assert hash(message) == hash(message)
    jsonform.to_json(message)
    again = _wire.decode(_wire.encode(message))
    assert again == message
    return message


def refused(data: bytes) -> WireError:
    assert survives(data) is None
    with pytest.raises(WireError) as caught:
        _wire.decode(data)
    return caught.value


@every_vector
def test_cut_at_every_byte(vector: Vector) -> None:
    for end in range(len(vector.data)):
        cut = vector.data[:end]
        assert refused(cut).reason == ("truncated header" if end < 8 else "wrong length")
        if end >= 8:
            # And with a length field that fits: objects are what is missing then.
            survives(cut[:2] + b"\0\0" + cut[4:6] + end.to_bytes(2, "big") + cut[8:])


@every_vector
def test_longer_than_it_says(vector: Vector) -> None:
    assert refused(vector.data + b"\0\0\0\0").reason == "wrong length"


LENGTHS = (0, 1, 2, 3, 4, 5, 8, 0x7FFF, 0x8000, 0xFFFC, 0xFFFF)


@every_vector
def test_every_length_field_wrong(vector: Vector) -> None:
    for length in LENGTHS:
        if length != len(vector.data):
            wrong = vector.data[:6] + length.to_bytes(2, "big") + vector.data[8:]
            assert refused(wrong).reason == "wrong length"
    open_data = joined(vector.data, split(vector.data))
    at = 8
    for piece in split(vector.data):
        for length in {*LENGTHS, len(piece) - 4, len(piece) + 4} - {len(piece)}:
            survives(open_data[:at] + length.to_bytes(2, "big") + open_data[at + 2 :])
            if length < 4 or length % 4 or length > len(open_data) - at:
                wrong = open_data[:at] + length.to_bytes(2, "big") + open_data[at + 2 :]
                error = refused(wrong)
                assert (error.reason, error.offset) == ("wrong object length", at)
        at += len(piece)


@every_vector
def test_every_byte_changed(vector: Vector) -> None:
    data = bytearray(joined(vector.data, split(vector.data)))
    for at, right in enumerate(data):
        for value in {0, 1, 0x7F, 0x80, 0xFF, right ^ 1, right ^ 0x80} - {right}:
            data[at] = value
            survives(bytes(data))
        data[at] = right


@every_vector
def test_objects_repeated_dropped_and_swapped(vector: Vector) -> None:
    pieces = split(vector.data)
    for n, piece in enumerate(pieces):
        survives(joined(vector.data, [*pieces[: n + 1], *pieces[n:]]))
        survives(joined(vector.data, [*pieces[:n], *pieces[n + 1 :]]))
        for other in range(n):
            swapped = list(pieces)
            swapped[n], swapped[other] = pieces[other], piece
            survives(joined(vector.data, swapped))


def test_a_message_without_objects() -> None:
    for number in range(256):
        error = refused(joined(bytes((0x10, number, 0, 0, 63, 0, 0, 0)), []))
        if number == MessageType.BUNDLE:
            assert error.reason == "empty Bundle"
        else:
            assert error.reason == ("missing object" if number in MESSAGES else "unknown message type")


def test_every_class_and_ctype_with_short_contents() -> None:
    for number in range(1, 8):
        head = bytes((0x10, number, 0, 0, 63, 0, 0, 0))
        for class_num in range(256):
            for ctype in (0, 1, 2, 3, 4, 15, 16, 255):
                for words in range(4):
                    piece = (4 * words + 4).to_bytes(2, "big") + bytes((class_num, ctype)) + bytes(4 * words)
                    survives(joined(head, [piece]))


@every_vector
def test_contents_of_any_length(vector: Vector) -> None:
    pieces = split(vector.data)
    for n, piece in enumerate(pieces):
        for filler in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\0\0\1", b"\x82\0\0\0"):
            for words in range(24):
                contents = (piece[4:] + filler * words)[: 4 * words]
                other = (len(contents) + 4).to_bytes(2, "big") + piece[2:4] + contents
                survives(joined(vector.data, [*pieces[:n], other, *pieces[n + 1 :]]))


@pytest.mark.parametrize("class_num", [0, 1, 4, 9, 10, 13, 14, 15, 99, 130, 200, 255])
def test_as_many_objects_as_fit(class_num: int) -> None:
    """64 KiB of empty objects take time and memory in proportion, whether decoded or refused."""
    piece = bytes((0, 4, class_num, 1))
    for vector in VECTORS[:3]:
        count = (65532 - len(vector.data)) // 4
        survives(joined(vector.data, [*split(vector.data), *([piece] * count)]))


def test_as_many_filters_as_fit() -> None:
    (vector,) = (vector for vector in VECTORS if vector.name == "resv-ff-packed")
    pieces = split(vector.data)
    data = joined(vector.data, [*pieces, *([pieces[-1]] * 5000)])
    resv = survives(data)
    assert len(resv.flows) == 5003
    assert resv.flows[-1].flowspec is resv.flows[-2].flowspec
    assert _wire.encode(resv)[8:] == data[8:]


def test_an_adspec_of_empty_services() -> None:
    (vector,) = (vector for vector in VECTORS if vector.name == "path-override")
    pieces = split(vector.data)
    contents = pieces[-1][8:] + b"\x09\x80\0\0" * 16000
    adspec = (len(contents) + 8).to_bytes(2, "big") + b"\x0d\2\0\0" + (len(contents) // 4).to_bytes(2, "big")
    path = survives(joined(vector.data, [*pieces[:-1], adspec + contents]))
    assert len(path.sender.adspec.others) == 16000


def test_longer_than_any_message() -> None:
    assert refused(VECTORS[0].data * 1000).reason == "wrong length"


@given(st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    survives(data)


@given(st.integers(0, 255), st.binary(max_size=300))
def test_noise_behind_a_good_header(number: int, data: bytes) -> None:
    survives(joined(bytes((0x10, number, 0, 0, 63, 0, 0, 0)), [data]))


@given(st.data())
def test_noise_in_good_messages(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(VECTORS))
    octets = bytearray(joined(vector.data, split(vector.data)))
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(octets))


@pytest.mark.parametrize("thing", [None, 7, "text", [1, 2], object()])
def test_what_is_no_bytes_at_all(thing: Any) -> None:
    for function in (_wire.decode, _wire.dissect, _wire.checksum):
        with pytest.raises(TypeError):
            function(thing)


# --- dissect -----------------------------------------------------------------------------------------------


def test_dissection_keeps_what_stands_before_the_break() -> None:
    vector = VECTORS[0]
    pieces = split(vector.data)
    cut = vector.data[: len(vector.data) - 8]
    found = _wire.dissect(cut)
    assert [one.class_num for one in found.objects] == [piece[2] for piece in pieces[:-1]]
    assert found.error is not None
    assert found.error.reason == "wrong length"
    assert found.length == len(vector.data)
    assert found.checksum == "bad"


def test_dissection_of_malformed_contents_goes_on() -> None:
    (vector,) = (vector for vector in VECTORS if vector.name == "pathtear")
    pieces = split(vector.data)
    bad = pieces[1][:4] + pieces[1][4:8]
    bad = len(bad).to_bytes(2, "big") + bad[2:]
    found = _wire.dissect(joined(vector.data, [pieces[0], bad, pieces[2]]))
    assert [one.value is None for one in found.objects] == [False, True, False]
    assert found.objects[1].data == pieces[1][4:8]
    assert found.error is not None
    assert (found.error.reason, found.error.class_num) == ("wrong object length", 3)


def test_dissection_of_messages_that_decode_does_not_know() -> None:
    dsbm = joined(bytes((0x10, 66, 0, 0, 1, 0, 0, 0)), [bytes.fromhex("000c 1609 00000001 00000002")])
    found = _wire.dissect(dsbm)
    assert (found.type, found.error) == (66, None)
    (one,) = found.objects
    assert (one.class_num, one.ctype, one.length, one.offset, one.value) == (22, 9, 12, 8, None)
    assert one.data == bytes.fromhex("00000001 00000002")
    bundle = joined(bytes((0x10, 12, 0, 0, 1, 0, 0, 0)), [VECTORS[0].data])
    assert _wire.dissect(bundle).objects == ()
    assert _wire.dissect(bundle).error is None


def test_dissection_of_unknown_ctypes_is_no_error() -> None:
    (vector,) = (vector for vector in VECTORS if vector.name == "pathtear")
    pieces = split(vector.data)
    tunnel = bytes.fromhex("0010 0163 0a010002 00000001 0a010001")
    found = _wire.dissect(joined(vector.data, [tunnel, *pieces[1:]]))
    assert found.error is None
    assert found.objects[0].value is None
    with pytest.raises(WireError, match=r"unknown C-Type at byte 8 \(class 1, C-Type 99\)"):
        _wire.decode(joined(vector.data, [tunnel, *pieces[1:]]))
    missing = _wire.dissect(joined(vector.data, pieces[1:]))
    assert len(missing.objects) == 2
    assert str(missing.error) == "missing object at byte 32 (class 1)"


def test_dissection_of_nothing() -> None:
    found = _wire.dissect(b"")
    assert (found.version, found.type, found.length, found.objects) == (0, 0, 0, ())
    assert found.checksum == "absent"
    assert str(found.error) == "truncated header at byte 0"


def test_nothing_is_kept() -> None:
    """Neither messages nor refusals leave anything behind, apart from the table of addresses."""
    shown = []
    for vector in VECTORS:
        pieces = split(vector.data)
        shown.append(vector.data)
        for n, piece in enumerate(pieces):
            shown.append(joined(vector.data, [*pieces[: n + 1], *pieces[n:]]))
            shown.append(
                joined(vector.data, [*pieces[:n], piece[:3] + b"\x0f" + piece[4:], *pieces[n + 1 :]])
            )
            shown.append(
                joined(vector.data, [*pieces[:n], b"\0\x08" + piece[2:8].ljust(6), *pieces[n + 1 :]])
            )

    def look() -> int:
        for data in shown:
            message = attempt(data)
            if not isinstance(message, WireError):
                _wire.encode(message)
            _wire.dissect(data)
        del message
        gc.collect()
        return sys.getallocatedblocks()

    first = [look() for _ in range(3)][-1]
    last = [look() for _ in range(10)][-1]
    assert last - first < len(shown) // 4
