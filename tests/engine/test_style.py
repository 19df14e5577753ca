"""What FF, WF and SE mean, as functions: RFC 2205 section 1.3 and 3.1.4."""

from __future__ import annotations

import itertools

import pytest

from rsvp.engine.style import compatible, filter_order, flows, in_order, selects, split, wanted
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF, FlowLabelFilterSpec, GpiFilter

from .fabric import a, load, sender

S1, S2 = sender(port=1), sender(port=2)


@pytest.mark.parametrize(("one", "other"), list(itertools.product((FF, SE, WF), repeat=2)))
def test_each_style_goes_with_itself_only(one, other):
    assert compatible(one, other) is (one is other)


def test_selection():
    assert [selects(style, (S1,), S1) for style in (FF, SE, WF)] == [True, True, True]
    assert [selects(style, (S1,), S2) for style in (FF, SE, WF)] == [False, False, True]


def test_groups():
    assert list(split(FF, (S1, S2))) == [(S1, (S1,)), (S2, (S2,))]
    assert list(split(SE, (S1, S2))) == [(None, (S1, S2))]
    assert list(split(WF, ())) == [(None, ())]
    assert list(split(FF, ())) == []


class TestWanted:
    asked = ((S2, load(300)), (S1, load(200)))

    def test_distinct_ones_stay_apart_in_order(self):
        assert list(wanted(FF, self.asked).items()) == [(S1, load(200)), (S2, load(300))]

    def test_shared_explicit_ones_get_the_largest_for_each(self):
        assert list(wanted(SE, self.asked).items()) == [(S1, load(300)), (S2, load(300))]

    def test_wildcard_ones_get_the_largest_for_all(self):
        assert list(wanted(WF, self.asked).items()) == [(None, load(300))]

    @pytest.mark.parametrize("style", [FF, SE, WF])
    def test_nothing_wants_nothing(self, style):
        assert len(wanted(style, ())) == 0
        assert flows(style, wanted(style, ())) == ()

    @pytest.mark.parametrize(
        ("style", "packed"),
        [
            (FF, (Flow(load(200), (S1,)), Flow(load(300), (S2,)))),
            (SE, (Flow(load(300), (S1, S2)),)),
            (WF, (Flow(load(300), ()),)),
        ],
    )
    def test_flow_descriptors(self, style, packed):
        assert flows(style, wanted(style, self.asked)) == packed


def test_order_is_by_family_address_and_port():
    ordered = [
        sender("10.0.0.1", 9),
        sender("10.0.0.2", 1),
        sender("10.0.0.2", 2),
        sender("::1", 5),
        FlowLabelFilterSpec(a("::2"), 1),
        FlowLabelFilterSpec(a("::2"), 7),
        GpiFilter(a("::3"), 1),
        GpiFilter(a("::3"), 2**32 - 1),
    ]
    backwards = ordered[::-1]
    assert sorted(backwards, key=filter_order) == ordered
    assert in_order(backwards) == tuple(ordered)
    assert in_order((S2, S1)) == (S1, S2)
    assert in_order({S1: 0.0}) == (S1,)
