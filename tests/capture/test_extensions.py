"""Objects of other RFCs in the tree and in JSON: named fields, units, flags in words."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rsvp.capture import Capture
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.report import Reporter
from rsvp.capture.rows import FLAG_BITS, generic_rows
from rsvp.capture.text import plain, tree
from rsvp.gmpls import (
    AdminStatus,
    Association,
    GeneralizedLabelRequest,
    InterfaceErrorSpec,
    RestartCapability,
)
from rsvp.iana import CLASS_NAMES, MESSAGE_NAMES, error_reference, error_text
from rsvp.iana_errors import ERROR_CODES, ERROR_VALUES
from rsvp.iana_names import CLASS_RFCS, CTYPES, MESSAGE_RFCS, ctype_name, object_reference
from rsvp.jsonform import to_json
from rsvp.objects import REGISTRY
from rsvp.sessions import GpiSession
from rsvp.te import ExplicitRoute, FastReroute, PrefixHop, SessionAttribute, UnnumberedHop

CAPTURES = Path(__file__).parent.parent / "captures"
HERE = IPv4Address("10.0.0.1")


def told(value: object) -> list[str]:
    def rows(inner: object):
        return generic_rows(inner, rows)

    return [f"{'  ' * depth}{text}" for depth, text in rows(value)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            SessionAttribute(7, 6, 0x05, "tunnel-1"),
            [
                "setup priority: 7",
                "holding priority: 6",
                "flags: 0x5 (local protection desired, SE style desired)",
                "session name: 'tunnel-1'",
            ],
        ),
        (
            ExplicitRoute((PrefixHop(HERE, 32), UnnumberedHop(HERE, 5, loose=True))),
            [
                "hops",
                "  prefix hop",
                "    address: 10.0.0.1",
                "    prefix length: 32",
                "    strict hop",
                "  unnumbered hop",
                "    router id: 10.0.0.1",
                "    interface: 5",
                "    loose hop",
            ],
        ),
        (RestartCapability(60000, 1500), ["restart time: 60 seconds", "recovery time: 1.5 seconds"]),
        (AdminStatus(0x80000001), ["flags: 0x80000001 (deletion in progress, reflect)"]),
        (
            GeneralizedLabelRequest(1, 51, 0x800),
            ["encoding: 1 (packet)", "switching: 51 (layer 2)", "carried payload (G-PID): 2048"],
        ),
        (
            Association(2, 7, HERE),
            ["association type: 2 (resource sharing)", "association id: 7", "source: 10.0.0.1"],
        ),
    ],
)
def test_the_tree_of_an_object(value, words):
    assert told(value) == words


def test_a_rate_in_the_tree_has_both_units():
    value = FastReroute(7, 7, 10, 1, 125000.0, 1, 2, 4)
    assert "bandwidth: 125000 bytes/s (1 Mbit/s)" in told(value)
    assert "flags: 0x1 (one-to-one backup)" in told(value)
    assert "affinities, one of: 0x1" in told(value)


def test_an_error_with_interfaces_is_put_into_words():
    value = InterfaceErrorSpec(HERE, 24, 5, 0, ())
    assert "error: routing problem: no route toward the destination" in told(value)
    assert to_json(value)["text"] == "routing problem: no route toward the destination"


def test_sub_objects_say_of_which_kind_they_are():
    form = to_json(ExplicitRoute((PrefixHop(HERE, 32), UnnumberedHop(HERE, 5))))
    assert [hop["kind"] for hop in form["hops"]] == ["prefix-hop", "unnumbered-hop"]


def test_a_gpi_session_has_gpi_in_place_of_port():
    form = to_json(GpiSession(HERE, 50, 7))
    assert form["gpi"] == 7
    assert "port" not in form


@pytest.mark.parametrize("file", sorted(CAPTURES.glob("*.pcap")), ids=lambda file: file.stem)
def test_every_known_object_has_fields_in_tree_and_json(file):
    """No object is shown as the repr of a Python object, none without its name."""
    for frame in Capture(file):
        found = dissect_frame(frame)
        text = "\n".join(plain(line) for line in tree(frame, found))
        assert "IPv4Address(" not in text
        assert "IPv6Address(" not in text
        report = json.loads(Reporter().line(frame, found))
        for entry, shown in zip(found.objects, report["objects"], strict=True):
            assert (shown["value"] is None) == (entry.value is None)
            assert entry.value is None or isinstance(shown["value"], dict)


def test_flags_are_named_for_classes_that_there_are():
    known = {cls.__name__ for cls in REGISTRY.values()} | {"AddressRecord", "UnnumberedRecord"}
    assert set(FLAG_BITS) <= known


# --- the registry in words -------------------------------------------------------------------------


def test_every_name_has_an_rfc():
    assert set(MESSAGE_RFCS) == set(MESSAGE_NAMES)
    assert set(CTYPES) <= set(CLASS_NAMES)
    assert set(CLASS_RFCS) <= set(CLASS_NAMES)


@pytest.mark.parametrize("key", sorted(REGISTRY), ids=str)
def test_every_object_that_is_decoded_has_a_name_and_an_rfc(key):
    class_num, ctype = key
    assert ctype_name(class_num, ctype), f"class {class_num} {CLASS_NAMES.get(class_num)}, C-Type {ctype}"
    assert str(object_reference(class_num, ctype)).startswith("RFC ")


def test_error_values_belong_to_codes_and_read_as_words():
    assert {code for code, _ in ERROR_VALUES} <= set(ERROR_CODES)
    for (code, value), (words, rfc) in ERROR_VALUES.items():
        assert error_text(code, value) == f"{ERROR_CODES[code][0]}: {words}"
        assert error_reference(code, value) == f"RFC {rfc}"


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        (1, 0x2002, "admission control failure: requested bandwidth unavailable, for information"),
        (1, 0x8007, "admission control failure, the organization's own value 7"),
        (21, 0xC001, "traffic control error, the service's own value 1"),
        (24, 999, "routing problem, value 999"),
        (13, 0x7801, "unknown object class (class 120 unknown, C-Type 1)"),
        (200, 5, "error code 200, value 5"),
        (33, 0, "user error: see the USER_ERROR_SPEC object"),
        (3, 0, "no path information for this Resv"),
    ],
)
def test_errors_in_words(code, value, words):
    assert error_text(code, value) == words
