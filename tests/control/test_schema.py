"""Upcalls and requests survive their JSON form."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import errors
from rsvp.control import schema
from rsvp.engine import outputs as o
from rsvp.intserv import (
    DEFAULT_ADSPEC,
    Adspec,
    ControlledLoadAdvert,
    General,
    GuaranteedAdvert,
    OtherAdvert,
    Overrides,
    Tspec,
    controlled_load,
    guaranteed,
)
from rsvp.jsonform import adspec as adspec_to_json
from rsvp.messages import Flow, Sender
from rsvp.objects import (
    FF,
    SE,
    WF,
    FilterSpec,
    FlowLabelFilterSpec,
    Hop,
    Nested,
    Opaque,
    PolicyData,
    Session,
)
from rsvp.policy import PreemptionPriority, UnknownElement, user
from tests import strategies_intserv

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
SESSION6 = Session(ip_address("2001:db8::2"), 6, 80)
NODE = ip_address("10.0.2.1")
ONE = FilterSpec(ip_address("10.0.1.1"), 4000)
SIX = FlowLabelFilterSpec(ip_address("2001:db8::1"), 0xABCDE)
TSPEC = Tspec(0.1, 20_000.5, 1e9, 40, 9000)
RICH = Adspec(
    General(3, 1e6 / 3, 250, 1500, True),
    GuaranteedAdvert(1, 2, 3, 4, True, False, Overrides(1, 2.5, 3, 4, ((200, 1, b"\x00\x01\x02\x03"),))),
    ControlledLoadAdvert(True, Overrides(mtu=9000)),
    (OtherAdvert(99, True, b"abcd"),),
)

POLICY = PolicyData(
    options=(Nested(3, Hop(NODE, 5)), Nested(250, Opaque(250, 1, b"abcd"))),
    elements=(PreemptionPriority(1, 2), user("a", "b"), UnknownElement(99, b"abcd")),
)
UNREAD = PolicyData(b"what no RFC describes...")

UPCALLS = [
    o.PathEvent(7, SESSION, Sender(ONE, TSPEC, RICH)),
    o.PathEvent(7, SESSION6, Sender(SIX, Tspec(1e6, 1e4), None)),
    o.PathGone(7, SESSION, ONE),
    o.ResvEvent(7, SESSION, FF, guaranteed(TSPEC, 5e5, slack=17), (ONE,)),
    o.ResvEvent(7, SESSION, WF, controlled_load(TSPEC), ()),
    o.ResvGone(7, SESSION, SE, (ONE, FilterSpec(NODE, 1))),
    o.PathError(7, SESSION, NODE, 20, 1, Sender(ONE, TSPEC, DEFAULT_ADSPEC)),
    o.PathError(7, SESSION, NODE, 24, 9, None),
    o.ResvError(7, SESSION, NODE, 1, 2, 3, FF, controlled_load(TSPEC), (ONE,)),
    o.ResvError(7, SESSION, NODE, 6, 0, 0, SE, None, (ONE,)),
    o.ResvConfirmed(7, SESSION, NODE, WF, guaranteed(1e6), ()),
    o.PathEvent(7, SESSION, Sender(ONE, TSPEC, RICH), (POLICY, UNREAD)),
    o.ResvEvent(7, SESSION, WF, controlled_load(TSPEC), (), (POLICY,)),
    o.PathError(7, SESSION, NODE, 1, 2, Sender(ONE, TSPEC, None), (UNREAD,), flags=1),
    o.ResvError(7, SESSION, NODE, 2, 102, 1, FF, controlled_load(TSPEC), (ONE,), (POLICY,)),
]


@pytest.mark.parametrize("upcall", UPCALLS, ids=lambda u: type(u).__name__)
def test_upcalls_come_back_as_they_went(upcall):
    line = schema.write_line(schema.upcall_to_json(upcall))
    assert line.count(b"\n") == 1
    assert schema.read_upcall(json.loads(line), 7) == upcall


def test_every_event_has_its_name_and_session():
    names = {schema.upcall_to_json(upcall)["event"] for upcall in UPCALLS}
    assert names == {"path", "resv", "path_error", "resv_error", "confirm", "path_gone", "resv_gone"}
    for upcall in UPCALLS:
        value = schema.upcall_to_json(upcall)
        assert list(value)[:2] == ["event", "session"]
        assert set(value["session"]) == {"destination", "protocol", "port"}


def test_an_error_is_in_words_too():
    value = schema.upcall_to_json(UPCALLS[8])
    assert value["text"] == "admission control failure: requested bandwidth unavailable"
    assert (value["code"], value["value"], value["in_place"], value["not_guilty"]) == (1, 2, True, True)


@given(st.lists(strategies_intserv.policies | strategies_intserv.unread_policies, max_size=3).map(tuple))
def test_policy_data_comes_back_as_it_went(policy):
    assert schema.read_policy(json.loads(schema.write_line(schema.policy_to_json(policy)))) == policy


def test_policy_data_can_be_read_by_people_too():
    (value,) = schema.policy_to_json((POLICY,))
    assert value["elements"][0] == {
        "kind": "preemption-priority",
        "preemption": 1,
        "defending": 2,
        "strategy": 1,
        "error": 0,
        "flags": 0,
    }


@pytest.mark.parametrize(
    "value", [None, 3, [3], [{}], [{"octets": "x"}], [{"octets": "0008"}], [{"octets": "0008050100007530"}]]
)
def test_what_is_no_policy_data_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"."):
        schema.checked(schema.read_policy, value)


@pytest.mark.parametrize("adspec", [RICH, DEFAULT_ADSPEC, Adspec()])
def test_adspecs_come_back_as_they_went(adspec):
    assert schema.read_adspec(json.loads(json.dumps(adspec_to_json(adspec)))) == adspec


def test_flows_come_back_as_they_went():
    for flow in (Flow(controlled_load(TSPEC), (ONE, SIX)), Flow(guaranteed(1e5)), Flow(None, (ONE,))):
        assert schema.read_flow(json.loads(json.dumps(schema.flow_to_json(flow)))) == flow


@pytest.mark.parametrize(
    "error",
    [
        errors.LocalError("a"),
        errors.UnknownSession("b"),
        errors.StyleConflict("c"),
        errors.NoRoute("d"),
        errors.Unavailable("e"),
        errors.TrafficControlError("f"),
        errors.ControlError("g"),
        errors.Rejected("h", 1, 2),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_come_back_as_they_went(error):
    back = schema.read_error(schema.error_to_json(error))
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_errors_of_other_kinds_go_over_as_the_nearest_known_one():
    class Special(errors.NoRoute):
        pass

    assert type(schema.read_error(schema.error_to_json(Special("x")))) is errors.NoRoute
    assert type(schema.read_error(schema.error_to_json(ValueError("x")))) is errors.LocalError
    assert type(schema.read_error(schema.error_to_json(errors.WireError("x")))) is errors.ControlError
    assert type(schema.read_error({"kind": "new", "text": "x"})) is errors.ControlError


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"verb": "dance", "id": 1}\n',
        b'{"verb": "show", "id": 1}\n',
        b'{"verb": "show", "id": "1", "what": "senders"}\n',
        b'{"verb": "show", "id": 1, "what": "senders", "more": 1}\n',
        b'{"verb": "show", "id": 1, "what": "' + b"\xff" + b'"}\n',
        b'{"verb": "close_session", "id": 1, "handle": 1e400}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_is_no_request_is_a_value_error(line):
    with pytest.raises(ValueError, match=r"."):
        schema.read_request(line)


def test_the_id_of_a_bad_request_is_found_where_it_is_one():
    assert schema.request_id(b'{"verb": "dance", "id": 5}') == 5
    for line in (b"nonsense", b"[]", b'{"id": "5"}', b'{"id": true}', b"[" * 100_000):
        assert schema.request_id(line) is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "x",
        [],
        {},
        {"address": None},
        {"address": "10.0.0.1", "port": "x"},
        {"address": "10.0.0.1", "gpi": 1 << 32},
    ],
)
def test_readers_raise_value_error_only(value):
    from rsvp.jsonform import read_filter

    with pytest.raises(ValueError, match=r"."):
        schema.checked(read_filter, value)
