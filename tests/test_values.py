"""Compiled values: what `compiled` classes do is what their dataclasses would have done."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import engine as e
from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp._values import compiled, is_group, is_host, number
from rsvp._wire import decode, encode
from tests.bench.messages import path
from tests.strategies import messages


@dataclass(frozen=True, slots=True)
class Plain:
    """A dataclass with every kind of field."""

    a: int
    b: object = 5
    c: list[int] = field(default_factory=list, hash=False)
    d: str = field(default="d", kw_only=True)
    seen: list[str] = field(default_factory=list, init=False, compare=False)
    later: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError("negative")
        self.seen.append("checked")


@compiled
@dataclass(frozen=True, slots=True)
class Compiled(Plain):
    """The same, compiled."""


PATH = replace(path(1), hop=o.Hop(IPv4Address("10.0.0.1"), 1), time_values=o.TimeValues(30_000))

CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, [3]), {"d": "e"}),
    ((), {"d": "e", "a": 1}),
    ((1,), {"c": [4], "b": 2}),
    ((), {"a": 1, "b": 2, "c": [3], "d": "4"}),
]
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((), {"b": 1}),
    ((1, 2, [3], "d"), {}),
    ((1,), {"a": 1}),
    ((1,), {"other": 1}),
    ((1,), {"later": 1}),
    ((1,), {"seen": []}),
    ((-1,), {}),
]


@pytest.mark.parametrize(("positional", "named"), CALLS)
def test_a_call_fills_the_fields(positional, named):
    made, plain = Compiled(*positional, **named), Plain(*positional, **named)
    assert [getattr(made, f.name) for f in fields(made)[:5]] == [
        getattr(plain, f.name) for f in fields(plain)[:5]
    ]
    assert made.seen == ["checked"]
    with pytest.raises(AttributeError):
        _ = made.later


@pytest.mark.parametrize(("positional", "named"), WRONG)
def test_a_wrong_call_is_told_as_a_dataclass_tells_it(positional, named):
    with pytest.raises((TypeError, ValueError)) as theirs:
        Plain(*positional, **named)
    with pytest.raises(type(theirs.value)) as ours:
        Compiled(*positional, **named)
    assert str(ours.value).replace("Compiled", "Plain") == str(theirs.value)


def test_names_that_are_put_together_at_run_time_are_known():
    assert Compiled(**{"".join(["", "a"]): 1, "".join(["", "b"]): 2}).b == 2
    name = "".join(["send", "_ttl"])
    assert m.Hello(**{"hello": 1, name: 7}).send_ttl == 7


def test_each_value_gets_its_own_default():
    assert Compiled(1).c is not Compiled(1).c


def test_values_stay_frozen_and_of_their_own_class():
    value = Compiled(1)
    with pytest.raises(FrozenInstanceError):
        value.a = 2
    assert value != Plain(1)
    assert value == Compiled(1, 5, []) != Compiled(2)
    assert value != 1
    assert Compiled(1, c=[1]) != Compiled(1, c=[2])
    assert hash(Compiled(1, c=[1])) == hash(Compiled(1, c=[2]))
    assert Compiled.__eq__(value, Plain(1)) is NotImplemented
    assert inspect.signature(Compiled) == inspect.signature(Plain)
    assert Compiled.__eq__.__qualname__ == "Compiled.__eq__"


def test_a_field_that_was_never_set_is_no_reason_to_crash():
    empty = object.__new__(o.Hop)
    for act in (hash, repr, lambda one: one == o.Hop(IPv4Address(1))):
        with pytest.raises((AttributeError, TypeError)):
            act(empty)


def test_a_subclass_is_an_ordinary_one():
    class Louder(o.Hop):
        def __init__(self, address: IPv4Address) -> None:
            super().__init__(address, 9)

    assert Louder(IPv4Address(1)).lih == 9
    assert Louder(IPv4Address(1)) == Louder(IPv4Address(1)) != o.Hop(IPv4Address(1), 9)


def test_only_dataclasses_with_slots_can_be_compiled():
    with pytest.raises(TypeError, match="dataclass"):
        compiled(int)
    with pytest.raises(TypeError, match="no slot"):
        compiled(dataclass(type("Slotless", (), {"__annotations__": {"a": int}, "a": 1})))
    many = {f"f{n}": int for n in range(25)}
    with pytest.raises(TypeError, match="more than 24"):
        compiled(dataclass(slots=True)(type("Many", (), {"__annotations__": many})))


def test_the_collector_of_garbage_walks_blocks_and_not_values():
    message = decode(encode(PATH))
    for value in (PATH, PATH.hop, PATH.sender, message, message.hop, message.sender, message.sender.tspec):
        assert not gc.is_tracked(value), value
    assert gc.is_tracked(e.core.Growth(1, 5.0))


def test_mutable_blocks_keep_their_identity():
    one, other = e.core.Growth(1, 5.0), e.core.Growth(1, 5.0)
    assert one != other
    assert hash(one) != hash(other)
    one.target = 6.0
    assert (one.target, other.target) == (6.0, 5.0)


def test_equal_is_equal_in_every_field():
    """With addresses that are equal and not the same object, and of both families."""
    address = IPv6Address("fe80::1")
    assert o.Hop(IPv4Address("10.0.0.1"), 1) == o.Hop(IPv4Address("10.0.0.1"), 1)
    assert o.Hop(IPv4Address("10.0.0.1"), 1) != o.Hop(IPv4Address("10.0.0.2"), 1)
    assert o.Hop(IPv4Address("10.0.0.1"), 1) != o.Hop(IPv4Address("10.0.0.1"), 2)
    assert o.Hop(IPv4Address(7)) != o.Hop(IPv6Address(7))
    assert o.Hop(address) == o.Hop(IPv6Address("fe80::1")) != o.Hop(IPv6Address("fe80::1%eth0"))
    assert hash(o.Hop(address)) == hash(o.Hop(IPv6Address("fe80::1")))
    assert o.FilterSpec(IPv4Address(1), 2) in {o.FilterSpec(IPv4Address(1), 2)}
    assert i.Tspec(1.0, 2.0) == i.Tspec(1, 2)
    assert hash(i.Tspec(1.0, 2.0)) == hash(i.Tspec(1, 2))
    assert i.NullTspec() != i.Tspec(0.0, 0.0, 0.0, 0, 1500)


@given(messages, messages)
def test_messages_compare_as_their_fields_do(one, other):
    """And are copied, replaced and pickled as dataclasses are."""
    again = pickle.loads(pickle.dumps(one))
    assert again == copy.deepcopy(one) == replace(one) == one
    assert hash(again) == hash(one)
    mine = [getattr(one, f.name) for f in fields(one) if f.compare]
    theirs = [getattr(other, f.name) for f in fields(other) if f.compare]
    assert (one == other) == (type(one) is type(other) and mine == theirs)
    if type(one) is type(other):
        for f in fields(one):
            changed = replace(one, **{f.name: getattr(other, f.name)})
            assert (changed == one) == (not f.compare or getattr(one, f.name) == getattr(other, f.name))


@given(st.builds(Compiled, st.integers(0), st.integers() | st.text(), st.lists(st.integers())))
def test_compiled_and_plain_agree(value):
    plain = Plain(value.a, value.b, value.c)
    assert repr(value) == repr(plain).replace("Plain", "Compiled")
    assert value == Compiled(plain.a, plain.b, plain.c)


def test_number():
    assert number(IPv4Address("1.2.3.4")) == 0x01020304
    assert number(IPv6Address("::5")) == 5


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_a_group_is_what_the_library_calls_multicast(address):
    assert is_group(address) == address.is_multicast


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.0.0.1", True),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1", True),
        ("::ffff:ffff", True),
        ("::", False),
        ("ff02::1", False),
    ],
)
def test_what_a_node_can_have_for_an_address(address, host):
    one = ip_address(address)
    assert is_host(one, one) is host
    assert not is_host(one, ip_address("::1" if one.version == 4 else "10.0.0.1"))


def test_a_class_with_an_order_keeps_it() -> None:
    """Comparing at once is for `==` and `!=`; what else a class compares by stays."""

    @compiled
    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        rank: int

    assert Ordered(1) < Ordered(2)
    assert Ordered(2) >= Ordered(2)
    assert Ordered(1) != Ordered(2)
    assert {Ordered(1): "one"}[Ordered(1)] == "one"
    with pytest.raises(TypeError, match="'<' not supported"):
        assert o.FilterSpec(IPv4Address("10.0.0.1")) < o.FilterSpec(IPv4Address("10.0.0.2"))  # type: ignore[operator]


def test_a_subclass_compares_and_hashes_its_own_way() -> None:
    """What was put into a class for speed is not what a class made from it goes by."""

    class Loud(o.Hop):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, int) and other == self.lih

        def __hash__(self) -> int:
            return self.lih

    class Quiet(o.Hop):
        pass

    hop = o.Hop(IPv4Address("10.0.0.1"), 7)
    loud, quiet = Loud(hop.address, 7), Quiet(hop.address, 7)
    assert loud == 7
    assert hash(loud) == 7
    assert {loud: "seven"}[loud] == "seven"
    assert quiet == Quiet(hop.address, 7)
    assert quiet != Quiet(hop.address, 8)
    assert quiet != hop
    assert hash(quiet) == hash(Quiet(hop.address, 7)) == hash(hop)


def test_every_operand_is_compared_as_by_a_dataclass() -> None:
    """Other classes answer for themselves, and what is not equal is unequal."""
    hop = o.Hop(IPv4Address("10.0.0.1"), 7)
    same = o.Hop(IPv4Address("10.0.0.1"), 7)
    assert (hop == same, hop != same, hop == 7, hop != 7) == (True, False, False, True)
    assert hop.__eq__(7) is NotImplemented
