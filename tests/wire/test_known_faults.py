"""What broke other decoders, and the bad input that nobody should break of: each test bears its name.

The inputs are made up after the published descriptions. Beside these, `test_te` has CVE-2018-14465 and
CVE-2021-0208, `tests.capture` and `tests.engine` have what reaches further than the codec.
"""

from __future__ import annotations

import math
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from rsvp import _wire
from rsvp.iana import BUNDLE, ClassNum
from rsvp.messages import MESSAGES, Path
from rsvp.objects import REGISTRY, Opaque, TimeValues

from .test_hostile import attempt, refused, survives
from .test_reference import agree
from .vectors import VECTORS, Vector, joined, split

BYTES_A_BYTE = 100
"""Memory that one byte of a packet may cost while it is read: an object of four bytes is a Python object."""


def named(name: str) -> bytes:
    (found,) = [vector.data for vector in VECTORS if vector.name == name]
    return found


PATH = named("path-override")
HELLO = named("hello-ack")
TE = [vector for vector in VECTORS if vector.name.startswith("te-")]


def header(number: int) -> bytes:
    return bytes((0x10, number, 0, 0, 63, 0, 0, 0))


def piece(class_num: int, ctype: int, contents: bytes) -> bytes:
    return (len(contents) + 4).to_bytes(2, "big") + bytes((class_num, ctype)) + contents


def hello_with(*pieces: bytes) -> bytes:
    return joined(HELLO, [split(HELLO)[0], *pieces])


def peak_of(function: Callable[[bytes], object], data: bytes) -> int:
    """Bytes of memory at the most while a function reads a packet."""
    tracemalloc.start()
    try:
        kept = function(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        del kept


# --- one test for each row of the list --------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 6, 7])
def test_cve_2005_1280_lengths_that_make_no_progress(length: int) -> None:
    """tcpdump looped on an object, or a message, that is as long as nothing."""
    for vector in VECTORS:
        pieces = split(vector.data)
        if vector.data[1] == BUNDLE:
            continue
        for n, one in enumerate(pieces):
            wrong = [*pieces[:n], length.to_bytes(2, "big") + one[2:], *pieces[n + 1 :]]
            assert refused(joined(vector.data, wrong)).reason == "wrong object length"
        assert refused(vector.data[:6] + length.to_bytes(2, "big") + vector.data[8:]).reason == "wrong length"
    assert refused(header(1)[:6] + b"\0\4").reason == "wrong length"
    # The shortest object there is, without contents, is a step ahead.
    survives(hello_with(*[b"\0\4\xfe\1"] * 5))


@pytest.mark.parametrize("number", sorted(MESSAGES))
@pytest.mark.parametrize("class_num", [0, 200])
def test_cve_2005_3241_memory_of_64_kib_of_tiny_objects(number: int, class_num: int) -> None:
    """Ethereal let one packet take all memory."""
    if number == BUNDLE:
        data = joined(header(BUNDLE), [header(1)[:6] + b"\0\x08"] * 8190)
    else:
        first = next(vector.data for vector in VECTORS if vector.data[1] == number)
        pieces = split(first)
        room = 65532 - len(first)
        data = joined(first, [*pieces, *[bytes((0, 4, class_num, 1))] * (room // 4)])
    # A message of eight bytes in a Bundle is taken apart into its header's fields and an error of its own.
    most = 3 * BYTES_A_BYTE if number == BUNDLE else BYTES_A_BYTE
    for function in (attempt, _wire.dissect):
        assert peak_of(function, data) < most * len(data)


@pytest.mark.parametrize(
    "text",
    ["1401 01000a0000012000", "1501 01010a0000012000", "c501 0001000000000000", "e801 81000a0000012000"],
)
def test_tcpdump_d7d269e8_sub_objects_that_make_no_progress(text: str) -> None:
    """The loop that tcpdump had in 2015: sub-objects of length zero. Replay has its captures."""
    data = bytes.fromhex(text)
    assert refused(hello_with(piece(data[0], data[1], data[2:]))).reason == "wrong sub-object length"


@pytest.mark.parametrize("name", ["resverr6-ff", "resvtear-ff", "resv-ff-packed"])
def test_psn_2010_01_621_objects_attached_to_one_filter(name: str) -> None:
    """Each was once copied together with all before it, and 16,000 of them took seconds."""
    data = joined(named(name), [*split(named(name)), *[b"\0\4\xc8\1"] * 16000])
    assert peak_of(_wire.decode, data) < BYTES_A_BYTE * len(data)
    message = survives(data)
    flows = [message.flow] if hasattr(message, "flow") else message.flows
    assert [len(group) for group in flows[-1].attached] == [16000]
    assert _wire.encode(message)[8:] == data[8:]


def test_cve_2017_13048_every_class_shorter_than_its_fields() -> None:
    """tcpdump read a FAST_REROUTE that was shorter than its struct: here every class at every length."""
    for class_num in range(1, 256):
        ctypes = {1, *(ctype for known, ctype in REGISTRY if known == class_num)}
        for ctype in ctypes:
            for length in range(4, 44):
                for filler in (b"\0", b"\xff"):
                    body = length.to_bytes(2, "big") + bytes((class_num, ctype)) + filler * (length - 4)
                    survives(hello_with(body + bytes(-length % 4)))


def test_cve_2017_13051_generalized_uni_is_not_looked_into() -> None:
    """tcpdump followed its sub-objects out of the packet; this decoder keeps the object as bytes."""
    for size in range(256):
        contents = bytes((0, size, 1, 1)) + b"\xac\x10\0\1"
        message = survives(hello_with(piece(229, 1, contents)))
        assert message.extra == (Opaque(229, 1, contents),)


def test_cve_2017_13051_sub_objects_past_their_parent() -> None:
    """Each list of sub-objects that is read, with each byte in it as the length of what follows."""
    tlv = "00010008 00000001 0fff0005 01000000"
    hop = "01080a00 00012000 21100000 01080a00 00022000 230c0001 00010008 80000000"
    lists = [
        (ClassNum.EXPLICIT_ROUTE, 1, hop),
        (ClassNum.RECORD_ROUTE, 1, "01080a00 00012000 230c0000 00010008 80000000"),
        (ClassNum.EXCLUDE_ROUTE, 1, "01080a00 00012000 22080000 00010000"),
        (ClassNum.LSP_ATTRIBUTES, 1, tlv),
        (ClassNum.RSVP_HOP, 3, f"0a000001 00000007 {tlv}"),
        (ClassNum.ERROR_SPEC, 3, f"0a000001 00180005 {tlv}"),
        (ClassNum.USER_ERROR_SPEC, 1, "00000001 00040007 61626364 01040000"),
        (ClassNum.POLICY_DATA, 1, "00140000 000c0301 0a000001 00000007 000c0002 00050201 41000000"),
        (ClassNum.ASSOCIATION, 3, "00060001 0a000001 00000000 00010000 00000001 000c0301 0a000001 00000001"),
        (ClassNum.SESSION_ASSOC, 0, "000c0101 0a010002 11001388 000c0a01 0a000001 00001388"),
        (ClassNum.DIAG_RESPONSE, 1, f"{'00000000' * 5} 000c0301 0a000001 00000007"),
    ]
    for class_num, ctype, text in lists:
        right = bytes.fromhex(text)
        for at in range(len(right)):
            for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 32, 64, 128, 255):
                wrong = right[:at] + bytes((length,)) + right[at + 1 :]
                (found,) = _wire.dissect(joined(header(255), [piece(class_num, ctype, wrong)])).objects
                repr(found)
                hash(found.value)
        for cut in range(0, len(right), 4):
            survives(joined(header(255), [piece(class_num, ctype, right[:cut])]))


@pytest.mark.parametrize(("class_num", "ctype"), [(0x86, 0x86), (0xBC, 1), (0xFC, 0), (0xFF, 0xFF)])
def test_cve_2014_3355_and_3356_vendors_objects(class_num: int, ctype: int) -> None:
    """IOS reloaded on objects of its maker's own: what nobody registered is bytes, whatever is in it."""
    for words in (0, 1, 7, 1000):
        contents = b"\x20\1\x0d\xb8" * words
        data = hello_with(piece(class_num, ctype, contents))
        message = survives(data)
        assert message.extra == (Opaque(class_num, ctype, contents),)
        assert _wire.encode(message)[8:] == data[8:]


def test_cve_2014_6378_objects_of_a_path_in_any_order_and_number() -> None:
    """Junos died of a crafted Path. Any order says the same; a missing or repeated object is refused."""
    pieces = split(PATH)
    ordered = _wire.decode(joined(PATH, pieces))
    for order in permutations(pieces[:6]):
        data = joined(PATH, [*order, *pieces[6:]])
        message = survives(data)
        assert message == ordered
        assert _wire.encode(message)[8:] == data[8:]
    for n, one in enumerate(pieces):
        agree(joined(PATH, [*pieces[:n], *pieces[n + 1 :]]))
        for place in range(len(pieces) + 1):
            agree(joined(PATH, [*pieces[:place], one, *pieces[place:]]))


@pytest.mark.parametrize(
    ("class_num", "unit"),
    [
        (ClassNum.EXPLICIT_ROUTE, "01080a00 00012000"),
        (ClassNum.EXPLICIT_ROUTE, "7e040000"),
        (ClassNum.RECORD_ROUTE, "01080a00 00012000"),
        (ClassNum.EXCLUDE_ROUTE, "22080000 00010000"),
        (ClassNum.LSP_ATTRIBUTES, "00020004"),
        (ClassNum.DETOUR, "0a000001 0a000002"),
        (ClassNum.DCLASS, "00000028"),
        (ClassNum.MESSAGE_ID_LIST, "00000001"),
        (ClassNum.POLICY_DATA, "00040009"),
    ],
)
def test_psn_2010_01_621_objects_of_64_kib(class_num: int, unit: str) -> None:
    """A long route kept rpd busy; here it costs what it weighs and comes out as it went in."""
    one = bytes.fromhex(unit)
    start = {ClassNum.MESSAGE_ID_LIST: b"\0\0\0\1", ClassNum.POLICY_DATA: b"\0\x08\0\0"}.get(class_num, b"")
    ctype = 7 if class_num == ClassNum.DETOUR else 1
    contents = start + one * ((65000 - len(start)) // len(one))
    whole = piece(class_num, ctype, contents)
    data = joined(header(255), [whole])
    (found,) = _wire.dissect(data).objects
    assert found.value is not None
    assert peak_of(_wire.dissect, data) < BYTES_A_BYTE * len(data)
    if class_num not in (ClassNum.MESSAGE_ID_LIST, ClassNum.POLICY_DATA):
        message = replace(_wire.decode(HELLO), extra=(found.value,))
        assert _wire.encode(message)[-len(whole) :] == whole


@pytest.mark.parametrize("vector", TE, ids=lambda vector: vector.name)
def test_cve_2018_0050_mpls_messages_with_any_half_word_wrong(vector: Vector) -> None:
    data = joined(vector.data, split(vector.data))
    for at in range(8, len(data), 2):
        for wrong in (b"\0\0", b"\xff\xff", b"\0\4", b"\x7f\xfc"):
            survives(data[:at] + wrong + data[at + 2 :])


def test_kb195276_a_path_without_adspec() -> None:
    """A host's rsvp.exe died of it."""
    message = survives(joined(PATH, split(PATH)[:-1]))
    assert message.sender.adspec is None
    assert message.sender.tspec is not None


# --- and what else there is --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, *range(2, 16)])
def test_version_other_than_1(version: int) -> None:
    data = bytes((version << 4 | PATH[0] & 15,)) + PATH[1:]
    assert refused(data).reason == "unsupported version"


def test_checksum_zero_and_minus_zero() -> None:
    """Zero is no checksum at all; a sum that comes to zero is sent as all ones (RFC 2205 section 3.1.1)."""
    message = _wire.decode(PATH)
    none = PATH[:2] + b"\0\0" + PATH[4:]
    assert _wire.decode(none) == message
    assert _wire.dissect(none).checksum == "absent"
    odd = replace(message, time_values=TimeValues(0))
    rest = int.from_bytes(_wire.encode(odd)[2:4], "big")
    zero = _wire.encode(replace(odd, time_values=TimeValues(rest)))
    assert zero[2:4] == b"\xff\xff"
    assert _wire.decode(zero).time_values == TimeValues(rest)
    assert refused(zero[:2] + b"\0\1" + zero[4:]).reason == "bad checksum"


@pytest.mark.parametrize("by", [-8, -4, -1, 1, 4, 8])
def test_length_more_or_less_than_the_ip_payload(by: int) -> None:
    data = PATH[: len(PATH) + by] if by < 0 else PATH + bytes(by)
    assert refused(data).reason == "wrong length"


def test_object_length_no_multiple_of_4_and_past_the_end() -> None:
    pieces = split(PATH)
    for n, one in enumerate(pieces):
        rest = sum(map(len, pieces[n:]))
        for length in (len(one) - 1, len(one) + 1, len(one) + 2, rest + 4, rest + 400, 0xFFFC):
            wrong = [*pieces[:n], length.to_bytes(2, "big") + one[2:], *pieces[n + 1 :]]
            error = refused(joined(PATH, wrong))
            assert (error.reason, error.class_num) == ("wrong object length", one[2])


def test_missing_and_duplicate_mandatory_objects() -> None:
    pieces = split(PATH)
    for n, one in enumerate(pieces):
        if one[2] in (1, 3, 5, 11, 12):
            error = refused(joined(PATH, [*pieces[:n], *pieces[n + 1 :]]))
            assert (error.reason, error.class_num) == ("missing object", one[2])
            error = refused(joined(PATH, [*pieces[: n + 1], *pieces[n:]]))
            assert (error.reason, error.class_num) == ("repeated object", one[2])


def test_session_not_first() -> None:
    pieces = split(PATH)
    data = joined(PATH, [*pieces[1:], pieces[0]])
    message = survives(data)
    assert message == _wire.decode(PATH)
    assert _wire.encode(message)[8:] == data[8:]


def test_unknown_style_se_without_filters_and_ff_without_flowspecs() -> None:
    pieces = split(named("resv-ff-packed"))
    at = next(n for n, one in enumerate(pieces) if one[2] == ClassNum.STYLE)
    before, flows = pieces[:at], pieces[at + 1 :]
    flowspecs = [one for one in flows if one[2] == ClassNum.FLOWSPEC]
    filters = [one for one in flows if one[2] == ClassNum.FILTER_SPEC]
    head = named("resv-ff-packed")

    def style(vector: int) -> bytes:
        return piece(ClassNum.STYLE, 1, vector.to_bytes(4, "big"))

    odd = survives(joined(head, [*before, style(0x1B), *flowspecs[:1], *filters[:1]]))
    assert odd.style.name not in ("FF", "SE", "WF")
    error = refused(joined(head, [*before, style(0x12), flowspecs[0]]))
    assert (error.reason, error.class_num) == ("missing object", ClassNum.FILTER_SPEC)
    error = refused(joined(head, [*before, style(0x0A), *filters]))
    assert (error.reason, error.class_num) == ("filter before flowspec", ClassNum.FILTER_SPEC)
    packed = survives(joined(head, [*before, style(0x0A), flowspecs[0], *filters]))
    assert [flow.flowspec for flow in packed.flows] == [packed.flows[0].flowspec] * len(filters)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("7fc00000", None),  # no number, quiet and signalling
        ("ffc00000", None),
        ("7f800001", None),
        ("ff800000", None),  # minus infinity
        ("bf800000", None),  # minus one
        ("80000001", None),  # the smallest below zero
        ("80000000", 0.0),  # minus zero
        ("00000001", 2.0**-149),  # the smallest there is
        ("7f7fffff", (2 - 2**-23) * 2.0**127),
        ("7f800000", math.inf),
    ],
)
@pytest.mark.parametrize("at", [16, 20, 24])
def test_nan_infinite_negative_and_denormal_numbers_in_a_tspec(
    word: str, value: float | None, at: int
) -> None:
    pieces = split(PATH)
    n = next(n for n, one in enumerate(pieces) if one[2] == ClassNum.SENDER_TSPEC)
    assert pieces[n][12:16] == b"\x7f\0\0\5"
    tspec = pieces[n][:at] + bytes.fromhex(word) + pieces[n][at + 4 :]
    data = joined(PATH, [*pieces[:n], tspec, *pieces[n + 1 :]])
    if value is None:
        error = refused(data)
        assert (error.reason, error.class_num) == ("bad number", ClassNum.SENDER_TSPEC)
        return
    spec = survives(data).sender.tspec
    assert (spec.rate, spec.bucket, spec.peak)[(at - 16) // 4] == value


def test_rate_above_peak_m_above_M_and_bucket_below_M() -> None:
    """Senseless, but well-formed: what to say of it is the engine's business (error 21, bad Tspec)."""
    values = (9e6, 10.0, 1e6, 4000, 1500)
    tspec = bytes.fromhex("00000007 01000006 7f000005") + struct.pack("!fffII", *values)
    pieces = split(PATH)
    n = next(n for n, one in enumerate(pieces) if one[2] == ClassNum.SENDER_TSPEC)
    data = joined(PATH, [*pieces[:n], piece(ClassNum.SENDER_TSPEC, 2, tspec), *pieces[n + 1 :]])
    spec = survives(data).sender.tspec
    assert (spec.rate, spec.bucket, spec.peak, spec.m, spec.M) == values


@pytest.mark.parametrize("period", [0, 1, 2**32 - 1])
def test_refresh_periods_of_0_and_2_32_less_1(period: int) -> None:
    message = replace(_wire.decode(PATH), time_values=TimeValues(period))
    assert survives(_wire.encode(message)).time_values.refresh_ms == period


@pytest.mark.parametrize("sequence", [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_integrity_sequence_about_to_wrap(sequence: int) -> None:
    signed = next(m for m in (_wire.decode(v.data) for v in VECTORS) if getattr(m, "integrity", None))
    message = replace(signed, integrity=replace(signed.integrity, sequence=sequence))
    assert _wire.decode(_wire.encode(message)).integrity.sequence == sequence


@pytest.mark.parametrize("epoch", [0, 1, 2**24 - 1])
def test_message_id_of_another_epoch(epoch: int) -> None:
    """24 bits behind the flags; all ones, and an identifier of any size, are nothing special."""
    for flags, number in ((0, 0), (1, 2**32 - 1), (0xFF, 7)):
        contents = bytes((flags,)) + epoch.to_bytes(3, "big") + number.to_bytes(4, "big")
        (found,) = survives(hello_with(piece(ClassNum.MESSAGE_ID, 1, contents))).extra
        assert (found.flags, found.epoch, found.message_id) == (flags, epoch, number)


@pytest.mark.parametrize("ctype", [1, 2, 3, 4, 5])
def test_srefresh_list_of_length_0(ctype: int) -> None:
    """No identifier: nothing is refreshed. Without even an epoch it is no list."""
    empty = joined(header(15), [piece(ClassNum.MESSAGE_ID_LIST, ctype, b"\0\0\0\7")])
    (found,) = survives(empty).lists
    assert found.epoch == 7
    assert (found.message_ids if ctype == 1 else found.entries) == ()
    error = refused(joined(header(15), [piece(ClassNum.MESSAGE_ID_LIST, ctype, b"")]))
    assert error.reason == "wrong object length"


def test_a_path_knows_its_place() -> None:
    """The vectors that this file builds on are what it takes them for."""
    message: Any = _wire.decode(PATH)
    assert isinstance(message, Path)
    assert [one[2] for one in split(PATH)] == [1, 3, 5, 14, 11, 12, 13]
