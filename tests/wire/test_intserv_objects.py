"""Objects of refresh reduction, policy, diagnostics, IPsec and aggregates; Bundles (RFC 2961, 2750, 2745)."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire
from rsvp import messages as m
from rsvp import objects as o
from rsvp import policy as p
from rsvp.errors import WireError
from rsvp.iana import ClassNum
from tests import strategies, strategies_intserv

from .vectors import VECTORS


def fast(class_num: int, ctype: int, data: bytes) -> Any:
    body = (len(data) + 4).to_bytes(2, "big") + bytes((class_num, ctype)) + data
    found = _wire.dissect(b"\x10\xff\0\0\0\0" + (len(body) + 8).to_bytes(2, "big") + body)
    if found.objects[0].value is None:
        assert found.error is not None
        return found.error.reason
    return found.objects[0].value


# --- POLICY_DATA -----------------------------------------------------------------------------------------


def policy_bytes(data: bytes) -> o.PolicyData:
    found = fast(ClassNum.POLICY_DATA, 1, data)
    assert isinstance(found, o.PolicyData)
    assert strategies.object_bytes(ClassNum.POLICY_DATA, found)[4:] == data
    return found


@given(strategies_intserv.OBJECTS[ClassNum.POLICY_DATA, 1], st.data())
def test_policy_data_is_never_refused_and_never_changed(value: o.PolicyData, data: st.DataObject) -> None:
    contents = bytearray(strategies.object_bytes(ClassNum.POLICY_DATA, value)[4:])
    for _ in range(data.draw(st.integers(0, 3)) if contents else 0):
        at = data.draw(st.integers(0, len(contents) - 1))
        contents[at] = data.draw(st.integers(0, 255))
    policy_bytes(bytes(contents))
    policy_bytes(bytes(contents[: len(contents) // 8 * 4]))


def test_policy_contents_outside_the_rfc_stay_unread() -> None:
    for text in (
        "",
        "0000",
        "00080001",  # reserved bits
        "00040000",  # offset inside the header
        "000a0000 00000000",  # odd offset
        "000c0000",  # offset past the end
        "00100000 000c0301 0a000001",  # an option past the elements
        "00080000 00030001",  # element shorter than its header
        "00080000 00100001 00000000",  # element past the end
        "00140000 000c0a01 0a000001 00010fa0",  # an option with a reserved bit
    ):
        data = bytes.fromhex(text)
        if len(data) % 4 == 0:
            assert policy_bytes(data).data == data


def test_elements_that_are_not_as_their_type_asks_keep_their_bytes() -> None:
    for element in (
        "00080001 00000000",  # a priority of 8 bytes
        "000c0001 00010001 00640078",  # reserved byte
        "00080002 00030101",  # attribute shorter than its header
        "00080003 00090101",  # attribute past its element
        "000c0003 00050101 41000001",  # padding that is none
        "000c0002 00080400 00010002",  # reserved bits of a policy error
    ):
        data = bytes.fromhex("00080000" + element)
        (found,) = policy_bytes(data).elements
        assert isinstance(found, p.UnknownElement)
        assert found.data == data[8:]


def test_what_identities_say() -> None:
    who = p.application("SAP.EXE", "GUID=http://x, APP=SAP, VER=1.1")
    assert (who.credential, dict(who.keys)["APP"]) == ("SAP.EXE", "SAP")
    wide = p.Identity(2, (p.Attribute(2, 2, "Zoë".encode("utf-16-be")), p.Attribute(3, 0, b"\1")))
    assert (wide.credential, wide.locator, wide.attributes[1].text) == ("Zoë", None, None)
    assert p.Attribute(1, 1, b"\xff").text is None
    with pytest.raises(ValueError, match="user or of an application"):
        p.Identity(1, ())


# --- depth and size ---------------------------------------------------------------------------------------


def test_objects_inside_objects_do_not_go_deep() -> None:
    """A DIAG_RESPONSE in a DIAG_RESPONSE in one more, as often as 64 KiB allow."""
    data = b""
    while len(data) < 65000:
        data = bytes(20) + data
        size = (len(data) + 4).to_bytes(2, "big")
        last = data
        data = size + bytes((ClassNum.DIAG_RESPONSE, 1)) + data
    value = fast(ClassNum.DIAG_RESPONSE, 1, last)
    assert isinstance(value.objects[0].value, o.Opaque)


def bundle(*pieces: bytes) -> bytes:
    body = b"".join(pieces)
    return b"\x10\x0c\0\0\x3f\0" + (len(body) + 8).to_bytes(2, "big") + body


GOLDEN = [vector.data for vector in VECTORS if vector.data[1] != m.Bundle.type]


def test_bundle_of_everything() -> None:
    sent = _wire.decode(bundle(*GOLDEN))
    assert isinstance(sent, m.Bundle)
    assert [_wire.encode(one) for one in sent.messages] == GOLDEN
    assert _wire.decode(_wire.encode(sent)) == sent
    assert _wire.encode(sent)[8:] == b"".join(GOLDEN)


def test_messages_of_a_bundle_may_go_without_checksum() -> None:
    """RFC 2961 section 3.1."""
    bare = GOLDEN[0][:2] + b"\0\0" + GOLDEN[0][4:]
    sent = _wire.decode(bundle(bare, GOLDEN[0]))
    assert sent.unsummed == (0,)
    assert _wire.encode(sent)[8:] == bare + GOLDEN[0]


def test_a_broken_message_does_not_spoil_a_bundle() -> None:
    cut = GOLDEN[0][:2] + b"\0\0" + GOLDEN[0][4:6] + b"\0\x10" + GOLDEN[0][8:16]
    sent = _wire.decode(bundle(GOLDEN[1], cut, GOLDEN[0]))
    assert (sent.messages[0], sent.messages[2]) == (_wire.decode(GOLDEN[1]), _wire.decode(GOLDEN[0]))
    broken = sent.messages[1]
    assert isinstance(broken, m.BrokenMessage)
    assert (broken.data, broken.reason, broken.offset) == (cut, "wrong object length", 8)
    assert _wire.encode(sent)[8:] == GOLDEN[1] + cut + GOLDEN[0]


def test_a_bundle_inside_a_bundle_is_not_opened() -> None:
    """However deep: CVE-2005-1280's like, and no recursion."""
    deep = bundle(GOLDEN[0])
    for _ in range(8000):
        deep = bundle(deep) if len(deep) < 65000 else deep
    sent = _wire.decode(deep)
    assert isinstance(sent.messages[0], m.BrokenMessage)
    assert sent.messages[0].reason == "Bundle inside a Bundle"
    assert _wire.encode(sent)[8:] == deep[8:]
    with pytest.raises(ValueError, match="cannot hold another Bundle"):
        m.Bundle(messages=(sent,))


@pytest.mark.parametrize("length", [0, 1, 4, 7, 9, 10, 0xFFFF])
def test_bundle_lengths(length: int) -> None:
    piece = GOLDEN[0][:6] + length.to_bytes(2, "big") + GOLDEN[0][8:]
    with pytest.raises(WireError, match="wrong length of a message in a Bundle at byte 8"):
        _wire.decode(bundle(piece))
    with pytest.raises(WireError, match=f"Bundle at byte {8 + len(GOLDEN[0])}"):
        _wire.decode(bundle(GOLDEN[0], b"\x10\1\0\0"))
    with pytest.raises(WireError, match="empty Bundle"):
        _wire.decode(bundle())


def test_memory_of_a_bundle_of_headers() -> None:
    """8190 empty messages cost what they weigh, not more (CVE-2005-3241)."""
    data = bundle(*[b"\x10\1\0\0\0\0\0\x08"] * 8190)
    tracemalloc.start()
    sent = _wire.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sent.messages) == 8190
    assert peak < 100 * len(data)


def test_encode_refuses_what_cannot_be_told_apart_again() -> None:
    for data in (b"", b"\x10\1\0\0\0\0\0\0", bytes(10)):
        with pytest.raises(ValueError, match="right length"):
            _wire.encode(m.Bundle(messages=(m.BrokenMessage(data),)))
    with pytest.raises(ValueError, match="needs a MESSAGE_ID_LIST"):
        _wire.encode(m.Srefresh(lists=()))
