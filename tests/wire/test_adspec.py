"""An ADSPEC comes out as it went in: services and parameters in any order, flags (RFC 2210, RFC 2997)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import _wire
from rsvp.intserv import Adspec, ControlledLoadAdvert, GuaranteedAdvert, HopCharacter, OtherAdvert, advertise
from tests import strategies

from .vectors import VECTORS, joined, split

(PATH,) = (vector.data for vector in VECTORS if vector.name == "path-null-adspec")
GENERAL = "01000008 04000001 00000003 06000001 4b189680 08000001 ffffffff 0a000001 000005dc"
GUARANTEED = "02800008 85000001 00000001 86000001 00000002 87000001 00000003 88000001 00000004"
LOAD = "05000002 06000001 49742400"
NULL = "06000000"


def path(*services: str) -> bytes:
    """The Path with an ADSPEC of these services."""
    contents = bytes.fromhex("".join(services))
    size = len(contents).to_bytes(4, "big")
    words = (len(contents) // 4).to_bytes(4, "big")
    header = (int.from_bytes(size, "big") + 8).to_bytes(2, "big") + b"\x0d\2"
    return joined(PATH, [*split(PATH)[:-1], header + words + contents])


def again(data: bytes) -> Adspec:
    """Decode a Path, see that it is encoded as it came, and give its ADSPEC."""
    message = _wire.decode(data)
    assert _wire.encode(message)[8:] == data[8:]
    found: Adspec = message.sender.adspec
    return found


@pytest.mark.parametrize("order", list(permutations((GUARANTEED, LOAD, NULL))), ids=range(6))
def test_services_in_any_order(order: tuple[str, ...]) -> None:
    found = again(path(GENERAL, *order))
    in_order = again(path(GENERAL, GUARANTEED, LOAD, NULL))
    assert found == in_order
    assert hash(found) == hash(in_order)
    assert (found.layout is None) == (order == (GUARANTEED, LOAD, NULL))


@pytest.mark.parametrize(
    "services",
    [
        ("02000000",),
        ("05000000", "02000000"),
        ("06000000", "05000000", "02800000"),
        ("06800000", "06000000", "05800000"),
        ("ff000000", "00000000"),
    ],
    ids=range(5),
)
def test_fragments_without_parameters(services: tuple[str, ...]) -> None:
    again(path(GENERAL, *services))


def test_parameters_in_any_order_and_with_flags() -> None:
    """RFC 2210 appendix A1.3: the highest flag says that a value is not valid."""
    backwards = "0a800001 000005dc 08010001 ffffffff 06000001 4b189680 04000001 00000003"
    found = again(path("01800008" + backwards, "05000008" + backwards.replace("000005dc", "000004b0")))
    assert found.general.mtu == 1500
    assert found.controlled_load is not None
    assert found.controlled_load.overrides is not None
    assert found.controlled_load.overrides.mtu == 1200
    assert found.layout == (
        (1, ((10, 0x80), (8, 1), (6, 0), (4, 0))),
        (5, ((10, 0x80), (8, 1), (6, 0), (4, 0))),
    )


def test_unknown_parameters_between_known_ones() -> None:
    again(path(GENERAL, "05000008 c8ff0002 01020304 05060708 06000001 49742400 c8000000 c8400001 ffffffff"))
    again(path(GENERAL, GUARANTEED.replace("02800008", "0280000b") + "07000000 0a000001 00000500"))


def test_a_hop_composes_in_the_order_of_the_rfc() -> None:
    found = again(path(GENERAL, NULL, LOAD, GUARANTEED))
    onward = advertise(found, HopCharacter(1e6, 1400))
    assert onward.layout is None
    message = _wire.decode(path(GENERAL, NULL))
    sent = _wire.encode(replace(message, sender=replace(message.sender, adspec=onward)))
    assert [piece[0] for piece in services_of(sent)] == [1, 2, 5, 6]


def services_of(data: bytes) -> list[bytes]:
    """The services of a Path's ADSPEC."""
    rest = split(data)[-1][8:]
    found = []
    while rest:
        size = 4 + 4 * int.from_bytes(rest[2:4], "big")
        found.append(rest[:size])
        rest = rest[size:]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda adspec: replace(adspec, guaranteed=None),
        lambda adspec: replace(adspec, guaranteed=GuaranteedAdvert(empty=True)),
        lambda adspec: replace(adspec, controlled_load=ControlledLoadAdvert(True)),
        lambda adspec: replace(adspec, others=()),
        lambda adspec: replace(adspec, others=(*adspec.others, OtherAdvert(9, True, b"1234"))),
        lambda adspec: replace(adspec, general=replace(adspec.general, broken=True, mtu=7)),
    ],
    ids=range(6),
)
def test_a_stale_layout_changes_no_value(change: Callable[[Adspec], Adspec]) -> None:
    message = _wire.decode(path(GENERAL, NULL, LOAD, GUARANTEED))
    changed = change(message.sender.adspec)
    assert changed.layout is not None
    sent = _wire.encode(replace(message, sender=replace(message.sender, adspec=changed)))
    assert _wire.decode(sent).sender.adspec == changed


@given(strategies.adspecs, st.randoms(use_true_random=False))
def test_any_shuffled_adspec_is_encoded_as_it_came(adspec: Adspec, dice: Any) -> None:
    message = _wire.decode(PATH)
    sent = _wire.encode(replace(message, sender=replace(message.sender, adspec=adspec)))
    first, *rest = services_of(sent)
    dice.shuffle(rest)
    shuffled = again(path(first.hex(), *(piece.hex() for piece in rest)))
    assert replace(shuffled, others=()) == replace(adspec, others=())
    assert sorted(map(repr, shuffled.others)) == sorted(map(repr, adspec.others))
