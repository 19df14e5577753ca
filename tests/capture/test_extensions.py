"""Objects of other RFCs in the tree and in JSON: named fields, units, flags in words."""

from __future__ import annotations

import json
from dataclasses import fields
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rsvp.capture import Capture
from rsvp.capture.dissected import dissect_frame
from rsvp.capture.report import Reporter
from rsvp.capture.rows import generic_rows
from rsvp.capture.text import _object_tree, plain, tree
from rsvp.dissection import WireObject
from rsvp.flagnames import FLAGS
from rsvp.gmpls import (
    AdminStatus,
    Association,
    Capability,
    ExtendedAssociation,
    GeneralizedLabelRequest,
    InterfaceErrorSpec,
    LinkProtection,
    LspProtection,
    RestartCapability,
    SummaryActive,
    SummaryReady,
    UserErrorSpec,
)
from rsvp.iana import CLASS_NAMES, MESSAGE_NAMES, error_reference, error_text
from rsvp.iana_errors import ERROR_CODES, ERROR_VALUES
from rsvp.iana_flags import AttributeFlag, attribute_words
from rsvp.iana_names import CLASS_RFCS, CTYPES, MESSAGE_RFCS, ctype_name, object_reference
from rsvp.intserv import NullTspec, Tspec
from rsvp.jsonform import to_json
from rsvp.objects import REGISTRY, ErrorSpec, GpiSession, Hop, TimeValues
from rsvp.reduction import MessageId, MessageIdList
from rsvp.te import (
    AddressRecord,
    AttributeFlags,
    ExplicitRoute,
    FastReroute,
    LabelHop,
    LabelRecord,
    LspAttributes,
    PrefixHop,
    RecordRoute,
    SessionAttribute,
    UnnumberedHop,
    UnnumberedRecord,
)

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
        (
            UserErrorSpec(9, 1, 2, "\x1b[31m caf\udce9 ☕", ()),
            ["enterprise: 9", "sub organisation: 1", "value: 2", "description: '\\x1b[31m caf\\udce9 ☕'"],
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
    assert "flags: 0x1 (one to one backup)" in told(value)
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


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (AdminStatus(0x80000062), ["administratively down", "lockout", "handover", "reflect"]),
        (SessionAttribute(7, 7, 0x1B, ""), [
            "local protection desired", "label recording desired",
            "bandwidth protection desired", "node protection desired",
        ]),
        (FastReroute(7, 7, 0, 3, 0.0, 0, 0, 0), ["one to one backup", "facility backup"]),
        (AddressRecord(HERE, 32, 0x2B), [
            "local protection available", "local protection in use", "node protection", "node identifier",
        ]),
        (UnnumberedRecord(1, HERE, 5), ["local protection available"]),
        (LabelRecord(0x81, 1, b"\0\0\0\1"), ["global label", "upstream"]),
        (LabelHop(0x80, 1, b"\0\0\0\1"), ["upstream"]),
        (Capability(0x1F), [
            "RecoveryPath Srefresh capable", "RecoveryPath desired", "RecoveryPath transmit enabled",
            "RI RSVP capable", "per peer flow control capable",
        ]),
        (ErrorSpec(HERE, 24, 5, 7), ["in place", "not guilty", "path state removed"]),
        (MessageIdList(1, (), 2), ["recovery path"]),
        (MessageId(1, 2, 1), ["acknowledgment desired"]),
        (AttributeFlags((0x84000000, 0x00800000)), [
            "end to end rerouting", "LSP stitching desired", "flag 40",
        ]),
        (AdminStatus(0x400), []),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_flags_have_names_in_json(value, names):
    assert to_json(value)["flag_names"] == names
    assert isinstance(to_json(value)["flags"], int | list)


def test_protection_has_four_fields_of_flags():
    form = to_json(LspProtection(0xE0, 0x10, 0x20, 0xC0, 0x02))
    assert form["flags"] == 0xE0
    assert form["flag_names"] == ["notification", "protecting", "secondary"]
    assert form["lsp_flag_names"] == ["one plus one bidirectional"]
    assert form["link_flag_names"] == ["enhanced"]
    assert form["segment_flag_names"] == ["required", "in place"]
    assert form["segment_protection_names"] == ["rerouting without extra traffic"]
    assert to_json(LinkProtection(0x80, 0x18))["link_flag_names"] == [
        "dedicated one to one",
        "dedicated one plus one",
    ]
    assert told(LspProtection(0x80, 1, 0, 0, 0)) == [
        "flags: 0x80 (secondary)",
        "lsp flags: 0x1 (full rerouting)",
        "link flags: 0x0",
        "segment flags: 0x0",
        "segment protection: 0x0",
    ]


@pytest.mark.parametrize("kind", FLAGS, ids=lambda kind: kind.__name__)
def test_flags_are_named_for_fields_that_there_are(kind):
    assert set(FLAGS[kind]) <= {field.name for field in fields(kind)}
    assert all(flags.__doc__ for flags in FLAGS[kind].values())


def test_attribute_flags_have_the_numbers_of_rfc_7570():
    """Section 4.3: the first flag stands at the top of the first word."""
    assert attribute_words((1 << 31 - AttributeFlag.SRLG_COLLECTION,)) == ["SRLG collection"]
    assert attribute_words((0, 1)) == ["flag 63"]
    assert told(LspAttributes((AttributeFlags((0x80000000,)),))) == [
        "attributes",
        "  attribute flags",
        "    flags: 80000000 (end to end rerouting)",
    ]


def test_the_tree_of_a_recorded_route_names_flags():
    assert "    flags: 0x9 (local protection available, node protection)" in told(
        RecordRoute((AddressRecord(HERE, 32, 9),))
    )


def test_bypass_groups_in_tree_and_json():
    """RFC 8796: what was an identifier of bytes."""
    ready = ExtendedAssociation(5, 9, HERE, 1, SummaryReady(42, HERE, HERE, 99, MessageId(23, 258)))
    assert "association type: 5 (bypass summary FRR ready)" in told(ready)
    assert "  bypass group: 99" in told(ready)
    assert to_json(ready)["extended_id"]["message_id"]["message_id"] == 258
    active = ExtendedAssociation(
        6, 9, HERE, 1, SummaryActive((99, 100), Hop(HERE, 5), TimeValues(30000), HERE)
    )
    assert "  bypass groups: 99, 100" in told(active)
    assert to_json(active)["extended_id"]["group_ids"] == [99, 100]


def test_the_null_service_in_tree_and_json():
    (line,) = [plain(line) for line in object_tree(12, 2, NullTspec(M=1200))][1:]
    assert line.strip() == "largest packet M: 1200 bytes"
    assert to_json(Tspec(1.0, 1.0, 1.0, 1, 1, 1200))["null_M"] == 1200
    assert "null_M" not in to_json(Tspec(1.0, 1.0))


def object_tree(class_num, ctype, value):
    return _object_tree(WireObject(class_num, ctype, 4, 8, value, b""), "")


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
        (36, 0, "unrecoverable receiver proxy error"),
        (36, 0x0103, "unrecoverable receiver proxy error: no path information for this Resv"),
        (36, 0x01FF, "unrecoverable receiver proxy error, value 511"),
        (25, 12, "notify: no out-of-band mapping received"),
        (3, 0, "no path information for this Resv"),
    ],
)
def test_errors_in_words(code, value, words):
    assert error_text(code, value) == words
