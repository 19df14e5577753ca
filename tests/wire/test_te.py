"""RSVP-TE on the wire: what belongs to which filter, sub-objects that lie about their lengths (RFC 3209)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from rsvp import _wire, gmpls, te
from rsvp.errors import WireError
from rsvp.messages import Flow, Hello, Resv
from rsvp.objects import Opaque

from .vectors import VECTORS, joined, split


def named(name: str) -> bytes:
    (found,) = [vector.data for vector in VECTORS if vector.name == name]
    return found


def refused(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        _wire.decode(data)
    assert _wire.dissect(data).error is not None
    return caught.value.reason


def hello_with(piece: str) -> bytes:
    return joined(bytes((0x10, 20, 0, 0, 1, 0, 0, 0)), [split(named("hello-ack"))[0], bytes.fromhex(piece)])


def test_labels_stay_with_their_filters() -> None:
    resv = _wire.decode(named("te-resv-se"))
    assert isinstance(resv, Resv)
    (flow,) = resv.flows
    assert [[one.class_num for one in group] for group in flow.attached] == [[16, 21], [16], [16]]
    assert resv.extra == ()
    assert resv.layout is None

    fewer = replace(resv, flows=(replace(flow, attached=((), (te.Label(16),), ())),))
    assert _wire.decode(_wire.encode(fewer)) == fewer


def test_a_stale_layout_does_not_move_labels() -> None:
    data = joined(named("te-resv-se"), [*split(named("te-resv-se")), b"\0\4\0\0"])
    resv = _wire.decode(data)
    assert resv.layout is not None
    assert _wire.encode(resv)[8:] == data[8:]
    (flow,) = resv.flows
    moved = replace(resv, flows=(replace(flow, attached=flow.attached[::-1]),))
    assert _wire.decode(_wire.encode(moved)) == moved


def test_attached_groups_are_as_many_as_filters() -> None:
    with pytest.raises(ValueError, match="as many groups"):
        Flow(None, (te.LspTunnelFilter(IPv4Address("10.0.0.1"), 1),), ((), ()))


def test_unknown_ctypes_of_extension_classes_are_kept() -> None:
    hello = _wire.decode(hello_with("0008 1463 01020304"))
    assert isinstance(hello, Hello)
    assert hello.extra == (Opaque(20, 0x63, b"\1\2\3\4"),)


def test_what_is_reserved_beside_the_type_of_a_label_set_is_not_read() -> None:
    """RFC 3473 section 2.6: 14 bits of Label Type, of which "only the low order 8 bits are used"."""
    hello = _wire.decode(hello_with("000c 2401 01ff ff02 00000011"))
    assert isinstance(hello, Hello)
    assert hello.extra == (gmpls.LabelSet(1, 2, (17,)),)


def test_unknown_sub_objects_are_kept() -> None:
    data = hello_with("0014 1401 ff04abcd 7e080102 03040506 20040001")
    (route,) = _wire.decode(data).extra
    assert route.hops == (
        te.UnknownHop(127, b"\xab\xcd", True),
        te.UnknownHop(126, b"\1\2\3\4\5\6"),
        te.AutonomousSystemHop(1),
    )
    assert _wire.encode(_wire.decode(data))[8:] == data[8:]


@pytest.mark.parametrize(
    "piece",
    [
        "0008 1401 01000000",  # a length of zero, which never ends
        "0008 1501 01000000",
        "0008 1401 01080a00",  # past the end
        "000c 1401 010c0a00 00012000",
        "0008 1401 01030000",  # no whole words
        "0008 1401 01010000",  # shorter than its own heading
        "000c 1401 21080000 010c0a00",  # exclusions that reach out of their sub-object
        "0008 c501 00010003",  # a TLV shorter than its heading
        "0008 c501 0001ffff",
        "0008 c501 00010008",
    ],
)
def test_lengths_of_sub_objects(piece: str) -> None:
    assert refused(hello_with(piece)) == "wrong sub-object length"


@pytest.mark.parametrize("ctype", [1, 7])
def test_cve_2018_14465_object_shorter_than_its_fields(ctype: int) -> None:
    """tcpdump read past the end of short objects, FAST_REROUTE among them."""
    for class_num in (0xCF, 0xCD):
        for words in range(3):
            piece = (
                (4 * words + 4).to_bytes(2, "big").hex() + f"{class_num:02x}{ctype:02x}" + "ff" * 4 * words
            )
            assert refused(hello_with(piece)) in ("wrong object length", "wrong text length")


def test_a_name_longer_than_its_object() -> None:
    assert refused(hello_with("000c cf07 070700ff 61626364")) == "wrong text length"


def user_error(text: bytes) -> bytes:
    """A USER_ERROR_SPEC with a description, and no sub-objects."""
    padded = text + bytes(-len(text) % 4)
    return hello_with(f"{12 + len(padded):04x} c201 00000009 00{len(text):02x}0007 {padded.hex()}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", ""),
        (b"no route", "no route"),
        ("přetížení 過負荷 🚧".encode(), "přetížení 過負荷 🚧"),
        (b"caf\xe9", "caf\udce9"),  # Latin-1
        (b"\xff\xfe\0\0", "\udcff\udcfe\0\0"),
        (b"\xed\xa0\x80 \xc0\x80", "\udced\udca0\udc80 \udcc0\udc80"),  # a surrogate, and a zero in two bytes
        ("é".encode()[:1], "\udcc3"),  # cut off
    ],
)
def test_a_user_error_is_described_in_utf_8(text: bytes, words: str) -> None:
    """RFC 5284 section 3: "this string MUST use UTF-8"; what does not is kept, byte for byte."""
    data = user_error(text)
    (error,) = _wire.decode(data).extra
    assert error == gmpls.UserErrorSpec(9, 0, 7, words, ())
    assert _wire.encode(_wire.decode(data))[8:] == data[8:]
    hash(error)
    repr(error).encode()
    assert _wire.dissect(data).error is None


def test_a_description_that_does_not_fit_is_an_error_of_the_caller() -> None:
    """Its length is that of its bytes (RFC 5284 section 3)."""
    hello = _wire.decode(named("hello-ack"))
    fits = replace(hello, extra=(gmpls.UserErrorSpec(9, 0, 7, "é" * 127, ()),))
    assert _wire.decode(_wire.encode(fits)) == fits
    for wrong, reason in (("é" * 128, "256 bytes"), ("\ud800", "surrogates not allowed")):
        with pytest.raises(ValueError, match=reason):
            _wire.encode(replace(hello, extra=(gmpls.UserErrorSpec(9, 0, 7, wrong, ()),)))


def test_numbers_that_do_not_fit_are_errors_of_the_caller() -> None:
    hello = _wire.decode(named("hello-ack"))
    for wrong in (te.Label(1 << 32), te.ExplicitRoute((te.UnknownHop(1, b"ab"),)), te.LabelRequest(1 << 16)):
        with pytest.raises(ValueError):
            _wire.encode(replace(hello, extra=(wrong,)))
    for nothing in (None, 7, te.PrefixHop(IPv4Address(1), 32)):
        with pytest.raises(TypeError):
            _wire.encode(replace(hello, extra=(nothing,)))


@pytest.mark.parametrize("class_num", [0x10, 0x22, 0x23, 0x81])
def test_cve_2021_0208_labels_of_wrong_length(class_num: int) -> None:
    """A router died of a Path with an odd UPSTREAM_LABEL."""
    for ctype, words in ((1, 0), (1, 2), (3, 0), (3, 2), (3, 4)):
        piece = (4 * words + 4).to_bytes(2, "big").hex() + f"{class_num:02x}{ctype:02x}" + "01" * 4 * words
        assert refused(hello_with(piece)) == "wrong object length"
