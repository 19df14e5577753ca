"""The fast decoder and the obvious one agree: same message, or same refusal at the same place."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rsvp import _wire
from rsvp import messages as m
from rsvp.errors import WireError
from rsvp.objects import REGISTRY
from tests import reference, strategies

from .vectors import VECTORS, Vector


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


def test_they_know_the_same_objects_and_messages() -> None:
    assert reference.READERS.keys() | reference.DEEP_READERS.keys() == REGISTRY.keys()
    assert reference.GRAMMARS.keys() | {reference.BUNDLE, reference.NOTIFY} == m.MESSAGES.keys()


def test_the_oracle_is_independent() -> None:
    """It takes from the package the classes of what is decoded, and nothing that decodes."""
    values = {"diagnostics", "errors", "gmpls", "intserv", "messages", "objects", "policy", "reduction"}
    for file in sorted(Path(reference.__file__).parent.glob("reference*.py")):
        source = file.read_text(encoding="utf-8")
        taken = set(re.findall(r"^from rsvp import (\w+)", source, re.MULTILINE))
        taken |= set(re.findall(r"^from rsvp\.(\w+) import", source, re.MULTILINE))
        assert taken
        assert taken <= values | {"sessions", "te"}, file.name


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_on_golden_messages(vector: Vector) -> None:
    assert reference.decode(vector.data) == vector.message
    agree(vector.data)


@pytest.mark.parametrize("key", sorted(REGISTRY), ids=lambda key: f"{key[0]}-{key[1]}")
def test_on_every_object(key: tuple[int, int]) -> None:
    """As drawn, with a byte changed, and cut short."""

    @settings(max_examples=settings.default.max_examples // 4)
    @given(strategies.OBJECTS[key], st.data())
    def check(value: Any, data: st.DataObject) -> None:
        contents = bytearray(as_object(key, value)[4:])
        assert reference.read(*key, bytes(contents)) == value
        agree_on(key, bytes(contents))
        if contents:
            at = data.draw(st.integers(0, len(contents) - 1))
            contents[at] = data.draw(st.sampled_from((0, 1, 4, 0x7F, 0x80, 0xFF)))
        agree_on(key, bytes(contents))
        agree_on(key, bytes(contents[: data.draw(st.integers(0, len(contents) // 4)) * 4]))

    check()


def agree_on(key: tuple[int, int], contents: bytes) -> None:
    """Both read an object's contents alike, or refuse them for the same reason."""
    header = (len(contents) + 4).to_bytes(2, "big") + bytes(key)
    found = _wire.dissect(assembled(0xFF, [header + contents]))
    piece = reference.Piece(*key, 8, contents)
    slow = outcome(lambda _: piece.value(), contents)
    if found.objects[0].value is not None:
        assert found.objects[0].value == slow
        return
    error = found.error
    assert error is not None
    assert (error.reason, error.class_num, error.ctype, error.offset) == slow


def unchecked(data: bytes) -> bytes:
    """The message without a checksum, so that a change in it is not found by that alone."""
    return data[:2] + b"\0\0" + data[4:]


messages = strategies.messages


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
    if isinstance(message, m.Bundle):
        pieces = [_wire.encode(one) for one in message.messages]
    pieces = data.draw(st.permutations(pieces) | st.lists(st.sampled_from(pieces), max_size=12))
    agree(assembled(message.type, pieces))


@st.composite
def any_object(draw: st.DrawFn) -> tuple[tuple[int, int], Any]:
    """An object of any kind with its class and C-Type."""
    key = draw(st.sampled_from(sorted(strategies.OBJECTS)))
    return key, draw(strategies.OBJECTS[key])


@given(st.sampled_from(sorted(m.MESSAGES)), st.lists(any_object(), max_size=8))
def test_on_random_objects(number: int, objects: list[Any]) -> None:
    agree(assembled(number, [as_object(key, value) for key, value in objects]))


def test_on_a_notify_without_a_template() -> None:
    """The first session ends where the second one begins: the template is missing there."""
    session, error = as_hex("000c 0101 0a010002 11001388"), as_hex("000c 0601 0a000001 00010002")
    tspec = as_hex("0024 0c02 00000007 01000006 7f000005 49742400 469c4000 4b189680 00000040 000005dc")
    agree(assembled(21, [error, session, tspec, session]))
    assert outcome(_wire.decode, assembled(21, [error, session, tspec, session])) == (
        "missing object",
        11,
        None,
        68,
    )


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
    files = Path(reference.__file__).parent.glob("reference*.py")
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    said = set(re.findall(r'(?:fail\(|WireError\(|need\([^\n]*, |^[A-Z]+ = )"([^"]+)"', source, re.MULTILINE))
    assert len(said) > 30
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
