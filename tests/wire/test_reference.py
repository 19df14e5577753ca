"""The fast decoder and the obvious one agree: same message, or same refusal at the same place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from rsvp import _wire
from rsvp.errors import WireError
from tests import reference, strategies


def outcome(decode: Any, data: bytes) -> Any:
    try:
        return decode(data)
    except WireError as error:
        return (error.reason, error.class_num, error.ctype, error.offset)


def agree(data: bytes) -> None:
    fast = outcome(_wire.decode, data)
    slow = outcome(reference.decode, data)
    assert fast == slow
    assert hash(fast) == hash(slow)
    assert type(fast) is type(slow)


def unchecked(data: bytes) -> bytes:
    """The message without a checksum, so that a change in it is not found by that alone."""
    return data[:2] + b"\0\0" + data[4:]


messages = st.one_of(*(strategies.MESSAGES[number] for number in reference.GRAMMARS))


@given(messages)
def test_on_messages(message: Any) -> None:
    agree(_wire.encode(message))


@given(messages, st.data())
def test_on_changed_bytes(message: Any, data: st.DataObject) -> None:
    octets = bytearray(unchecked(_wire.encode(message)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(octets) - 1))
        octets[at] = data.draw(st.sampled_from((0, 1, 2, 3, 4, 5, 6, 8, 0x7F, 0x80, 0xFF)) | strategies.u8)
    agree(bytes(octets))


@given(messages, st.data())
def test_on_shuffled_objects(message: Any, data: st.DataObject) -> None:
    octets = _wire.encode(message)
    pieces = [octets[one.offset : one.offset + one.length] for one in _wire.dissect(octets).objects]
    pieces = data.draw(st.permutations(pieces) | st.lists(st.sampled_from(pieces), max_size=12))
    agree(assembled(message.type, pieces))


@given(
    st.sampled_from(range(1, 8)),
    st.lists(
        st.one_of(*(st.tuples(st.just(key), strategy) for key, strategy in strategies.OBJECTS.items())),
        max_size=8,
    ),
)
def test_on_random_objects(number: int, objects: list[Any]) -> None:
    agree(assembled(number, [as_object(key, value) for key, value in objects]))


STYLES = st.sampled_from((0b01010, 0b10010, 0b10001, 0, 0b01001, 0b11010, 0x1F000A))


@given(
    st.sampled_from((2, 4, 6, 7)),
    STYLES,
    st.lists(st.sampled_from("flFLx"), max_size=6),
)
@example(2, 0b01010, ["f", "l", "l"])
def test_on_flow_descriptor_lists(number: int, vector: int, letters: list[str]) -> None:
    session = as_hex("000c 0101 0a010002 11001388")
    before = {
        2: [session, as_hex("000c 0301 0a000001 00000007"), as_hex("0008 0501 00007530")],
        4: [session, as_hex("000c 0301 0a000001 00000007"), as_hex("000c 0601 0a000001 00010002")],
        6: [session, as_hex("000c 0301 0a000001 00000007")],
        7: [session, as_hex("000c 0601 0a000001 00000000"), as_hex("0008 0f01 0a010002")],
    }[number]
    tspec = "7f000005 49742400 469c4000 4b189680 00000040 000005dc"
    pieces = {
        "f": as_hex(f"0024 0902 00000007 05000006 {tspec}"),
        "F": as_hex(f"0030 0902 0000000a 02000009 {tspec} 82000002 49f42400 00000000"),
        "l": as_hex("000c 0a01 0a010001 00000fa0"),
        "L": as_hex("000c 0a01 0a010003 00000000"),
        "x": as_hex("0008 c105 00000001"),
    }
    style = as_hex("0008 0801") + vector.to_bytes(4, "big")
    agree(assembled(number, [*before, style, *(pieces[letter] for letter in letters)]))


@given(st.binary(max_size=200))
def test_on_noise(data: bytes) -> None:
    agree(data)
    agree(assembled(1 + len(data) % 7, [data[: len(data) & ~3]]))


def test_reason_names_are_the_documented_ones() -> None:
    """What the codec's own text lists is what both decoders can say."""
    text = _wire.__doc__ or ""
    source = Path(reference.__file__).read_text(encoding="utf-8")
    said = {part.split('"')[0] for part in source.split('fail("')[1:]}
    said |= {part.split('"')[0] for part in source.split('WireError("')[1:]}
    assert len(said) > 15
    assert not {reason for reason in said if f'"{reason}"' not in text}


def test_numbers_that_are_none() -> None:
    for word, fine in ((0x7FC00000, False), (0xBF800000, False), (0x80000000, True), (0x7F800000, True)):
        message = as_hex("0024 0c02 00000007 01000006 7f000005") + word.to_bytes(4, "big")
        message += as_hex("469c4000 4b189680 00000040 000005dc")
        rest = ["000c 0101 0a010002 11001388", "000c 0301 0a000001 00000007", "0008 0501 00007530"]
        data = assembled(1, [*map(as_hex, rest), as_hex("000c 0b01 0a010001 00000fa0"), message])
        agree(data)
        result = outcome(_wire.decode, data)
        assert (result == ("bad number", 12, 2, 52)) is not fine
        if fine:
            assert result.sender.tspec.rate in (0.0, math.inf)


def as_hex(text: str) -> bytes:
    return bytes.fromhex(text)


def as_object(key: tuple[int, int], value: Any) -> bytes:
    """One object on the wire, cut out of a message that may hold it."""
    return strategies.object_bytes(key[0], value)


def assembled(number: int, pieces: list[bytes]) -> bytes:
    body = b"".join(pieces)
    return bytes((0x10, number, 0, 0, 63, 0)) + (len(body) + 8).to_bytes(2, "big") + body
