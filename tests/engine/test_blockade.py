"""Killer reservations and blockade state: RFC 2205 sections 2.5 and 3.5, figure 12."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.iana import ErrorFlag
from rsvp.intserv import controlled_load
from rsvp.messages import Flow, Resv, ResvConf, ResvErr
from rsvp.objects import FF, SE, WF, ErrorSpec, FilterSpec, Hop

from .fabric import a, load, of, path, path_tear, resv, resv_tear, router, sender, sends, session, tspec

A, B, C, D = 1, 2, 3, 4
GROUP = session("224.1.1.1")
S1, S2, S3, S4 = sender("10.1.0.1"), sender("10.2.0.1"), sender("10.1.0.3"), sender("10.1.0.4")
KB_R = 4 * 30.0
LONG = 1e6


@pytest.fixture
def node():
    r = router(A, B, C, D)
    r.route("224.1.1.1", C, D)
    r.receive(path(S1, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    r.receive(path(S2, to=GROUP, hop="10.2.0.1", refresh=LONG), B)
    return r


def reserve(node, interface, rate, style=WF, filters=(), host=1, **fields):
    message = resv(
        style,
        (load(rate), filters),
        to=GROUP,
        hop=f"10.{interface}.0.{host}",
        lih=interface,
        refresh=LONG,
        **fields,
    )
    return node.receive(message, interface)


def refuse(node, interface, rate, style=WF, filters: tuple[FilterSpec, ...] = (), flags=0):
    """A ResvErr for admission comes from the previous hop behind an interface."""
    message = ResvErr(
        session=GROUP,
        hop=Hop(a(f"10.{interface}.0.1"), 0),
        error=ErrorSpec(a("10.77.0.1"), 1, 2, flags),
        style=style,
        flow=Flow(load(rate), filters),
        send_ttl=63,
    )
    return node.receive(message, interface)


def asked(outputs):
    return [(str(m.hop.address), m.flows[0].flowspec.rate) for m in sends(outputs, Resv)]


def standing(node):
    return {view.interface: view.flowspec.rate for view in node.engine.requests()}


def test_figure_12(node):
    """4B failed through (a) but not through (b): (a) is asked for 2B meanwhile."""
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    assert standing(node) == {A: 4000.0, B: 4000.0}
    out = refuse(node, A, 4000)
    assert asked(out) == [("10.1.0.254", 2000.0)], "at once, and to (a) only"
    assert standing(node) == {A: 2000.0, B: 4000.0}
    assert node.installed == {(C, (), 4000.0), (D, (), 2000.0)}, "what stands here stands"


def test_the_error_goes_to_who_asked_too_much(node):
    """4B was new: all next hops hear; 4B was an increase (InPlace): only (c)."""
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    told = [s.destination for s in of(refuse(node, A, 4000), e.Send) if isinstance(s.message, ResvErr)]
    assert told == [a("10.3.0.1"), a("10.4.0.1")]
    out = refuse(node, A, 4000, flags=int(ErrorFlag.IN_PLACE))
    told = [s.destination for s in of(out, e.Send) if isinstance(s.message, ResvErr)]
    assert told == [a("10.3.0.1")]


def test_it_is_tried_again_when_the_blockade_runs_out(node):
    """Perturbed roughly every Kb * R seconds (section 3.5)."""
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    refuse(node, A, 4000)
    before = sends(node.advance(KB_R - 1), Resv)
    assert {m.flows[0].flowspec.rate for m in before if str(m.hop.address) == "10.1.0.254"} == {2000.0}
    after = sends(node.advance(1 + 45), Resv)
    assert 4000.0 in {m.flows[0].flowspec.rate for m in after if str(m.hop.address) == "10.1.0.254"}
    refuse(node, A, 4000)
    assert standing(node)[A] == 2000.0


def test_where_all_are_blockaded_the_least_is_tried_with_the_next_refresh(node):
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    out = refuse(node, A, 2000)
    assert sends(out, Resv) == [], "nothing that may succeed: not at once"
    rates = {
        m.flows[0].flowspec.rate for m in sends(node.advance(45), Resv) if str(m.hop.address) == "10.1.0.254"
    }
    assert rates == {2000.0}


def test_glb_of_incomparable_ones(node):
    """What neither of them exceeds."""
    fast, bursty = controlled_load(tspec(4000, bucket=1500)), controlled_load(tspec(1000, bucket=9000))
    for interface, spec in ((C, fast), (D, bursty)):
        message = resv(WF, (spec, ()), to=GROUP, hop=f"10.{interface}.0.1", lih=interface, refresh=LONG)
        node.receive(message, interface)
    message = ResvErr(
        session=GROUP,
        hop=Hop(a("10.1.0.1"), 0),
        error=ErrorSpec(a("10.77.0.1"), 1, 2),
        style=WF,
        flow=Flow(controlled_load(tspec(1000, bucket=1500))),
    )
    node.receive(message, A)
    sent = [m for m in sends(node.advance(45), Resv) if str(m.hop.address) == "10.1.0.254"]
    assert {m.flows[0].flowspec for m in sent} == {controlled_load(tspec(1000, bucket=1500))}


def test_an_incomparable_blockade_blocks(node):
    """Qb blockades Qi if for some component Qb[j] <= Qi[j]."""
    reserve(node, C, 4000)
    message = ResvErr(
        session=GROUP,
        hop=Hop(a("10.1.0.1"), 0),
        error=ErrorSpec(a("10.77.0.1"), 1, 2),
        style=WF,
        flow=Flow(controlled_load(tspec(9000, bucket=10))),
    )
    assert sends(node.receive(message, A), Resv) == []
    reserve(node, D, 500)
    assert standing(node)[A] == 500.0, "both have a larger bucket than Qb: the least is tried"


def test_explicit_styles_are_blockaded_for_each_sender(node):
    for style in (FF, SE):
        fresh = router(A, C, D)
        fresh.route("224.1.1.1", C, D)
        one, two = sender("10.1.0.1", 1), sender("10.1.0.1", 2)
        for who in (one, two):
            fresh.receive(path(who, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
        reserve(fresh, C, 4000, style, (one, two) if style is SE else (one,))
        reserve(fresh, D, 1000, style, (one,))
        refuse(fresh, A, 4000, style, (one,))
        (psb_one, psb_two) = fresh.engine._core.sessions[GROUP].psbs.values()
        assert psb_one.blockade is not None
        assert psb_two.blockade is None


def test_it_ends_with_what_it_was_about(node):
    """A teardown clears it: the next reservation is asked for in full."""
    reserve(node, C, 4000)
    refuse(node, A, 4000)
    node.receive(resv_tear(WF, (), to=GROUP, hop="10.3.0.1", lih=C), C)
    assert asked(reserve(node, C, 4000)) == [("10.1.0.254", 4000.0), ("10.2.0.254", 4000.0)]
    refuse(node, A, 4000)
    node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
    node.receive(path(S1, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    assert standing(node)[A] == 4000.0


def test_it_is_about_one_way_only():
    """A route flaps to a congested way and back: blockade state does not prevent the refresh (2.5)."""
    node = router(A, B, C)
    node.route("10.9.0.9", C)
    node.receive(path(S1, hop="10.1.0.1"), A)
    for host, rate in ((1, 4000), (2, 2000)):
        node.receive(resv(FF, (load(rate), (S1,)), hop=f"10.3.0.{host}", lih=C), C)
    node.receive(path(S1, hop="10.2.0.1"), B)
    error = ErrorSpec(a("10.77.0.1"), 1, 2)
    refused = Flow(load(4000), (S1,))
    message = ResvErr(session=session(), hop=Hop(a("10.2.0.1"), 0), error=error, style=FF, flow=refused)
    assert asked(node.receive(message, B)) == [("10.2.0.254", 2000.0)]
    assert asked(node.receive(path(S1, hop="10.1.0.1"), A)) == [("10.1.0.254", 4000.0)]


@pytest.mark.parametrize(("style", "all_of_them", "one"), [(WF, (), ()), (SE, (S1, S3), (S3,))])
def test_nor_is_it_in_the_way_of_another_sender_that_shares(style, all_of_them, one):
    """ "Must not prevent a different receiver from now establishing a smaller reservation" (section 2.5).

    Though there is a sender that only the blockaded reservation is for, behind the same previous hop.
    """
    node = router(A, C, D)
    node.tree("224.1.1.1", "10.1.0.1", A, C)
    node.tree("224.1.1.1", "10.1.0.3", A, C, D)
    for who in (S1, S3):
        node.receive(path(who, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    reserve(node, C, 4000, style, all_of_them)
    refuse(node, A, 4000, style, all_of_them)
    assert asked(reserve(node, D, 2000, style, one)) == [("10.1.0.254", 2000.0)]
    refuse(node, A, 1000, style, all_of_them)
    assert asked(reserve(node, D, 3000, style, one)) == [("10.1.0.254", 3000.0)], "the least of all"


@pytest.mark.parametrize("order", [1, -1], ids=["heard in order", "the other way round"])
@pytest.mark.parametrize("style", [WF, SE])
def test_those_that_share_ask_for_the_largest_that_is_not_blockaded(style, order):
    """Of what is left for each sender; where nothing is, for the least (section 3.5)."""
    node = router(A, B, C, D)
    trees = {S1: (B,), S3: (B, C), S4: (B, D)}
    for who in list(trees)[::order]:
        node.tree("224.1.1.1", str(who.address), A, *trees[who])
        node.receive(path(who, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    all_of_them = tuple(trees) if style.explicit else ()
    for interface, rate, who in ((B, 4000, all_of_them), (C, 2000, (S3,)), (D, 1000, (S4,))):
        reserve(node, interface, rate, style, who if style.explicit else ())
    (onward,) = sends(refuse(node, A, 4000, style, all_of_them), Resv)
    assert onward.flows == (Flow(load(2000), all_of_them),)
    refuse(node, A, 1000, style, all_of_them)
    (again, *_) = sends(node.advance(45), Resv)
    assert again.flows == (Flow(load(1000), all_of_them),)


def test_distinct_reservations_are_each_asked_for_by_themselves():
    """What is refused for one sender makes nothing less for another that does not share with it."""
    node = router(A, C)
    node.route("224.1.1.1", C)
    for who in (S1, S3):
        node.receive(path(who, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    flows = ((load(4000), (S1,)), (load(2000), (S3,)))
    node.receive(resv(FF, *flows, to=GROUP, hop="10.3.0.1", lih=C, refresh=LONG), C)
    refuse(node, A, 4000, FF, (S1,))
    (onward,) = sends(reserve(node, C, 3000, FF, (S3,)), Resv)
    assert onward.flows == (Flow(load(4000), (S1,)), Flow(load(3000), (S3,)))


def test_what_is_held_for_a_changed_route_can_be_blockaded_as_well():
    """It is asked for as long as that may succeed (section 3.6), but in nobody's way (section 2.5)."""
    node = router(A, B, C, D)
    node.tree("224.1.1.1", "10.1.0.1", A, C)
    node.tree("224.1.1.1", "10.1.0.3", A, D)
    for who in (S1, S3):
        node.receive(path(who, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    node.feed(e.RouteResolved(GROUP.destination, S1.address, (B,), A))
    assert standing(node)[A] == 4000.0, "held"
    assert asked(refuse(node, A, 4000)) == [("10.1.0.254", 2000.0)]


def test_it_is_about_one_style_only(node):
    """Its granularity is that style's (section 3.5); an error may come when the style has changed."""
    reserve(node, C, 4000)
    node.receive(resv_tear(WF, (), to=GROUP, hop="10.3.0.1", lih=C), C)
    reserve(node, C, 4000, FF, (S1,))
    reserve(node, D, 5000, FF, (S1,))
    refuse(node, A, 4000)
    node.advance(KB_R - 1)
    assert standing(node) == {A: 5000.0}


def test_other_errors_do_not_blockade(node):
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    message = ResvErr(
        session=GROUP,
        hop=Hop(a("10.1.0.1"), 0),
        error=ErrorSpec(a("10.77.0.1"), 2, 0),
        style=WF,
        flow=Flow(load(4000)),
    )
    node.receive(message, A)
    assert standing(node)[A] == 4000.0


def test_a_confirmation_for_what_is_blockaded_is_dropped(node):
    """Neither forwarded nor returned (section 3.1.4)."""
    reserve(node, D, 2000)
    reserve(node, C, 4000)
    refuse(node, A, 4000)
    refuse(node, B, 4000)
    out = reserve(node, C, 4000, confirm="10.3.0.9")
    assert sends(out, ResvConf) == []
    assert [m for m in sends(out, Resv) if m.confirm] == []


@pytest.mark.parametrize("interface", [C, D], ids=["on its LAN", "on another interface"])
def test_so_it_is_beside_a_larger_one(node, interface):
    """ "A request that is blockaded will be neither forwarded nor returned" (section 3.1.4)."""
    reserve(node, C, 4000)
    refuse(node, A, 2000)
    refuse(node, B, 2000)
    out = reserve(node, interface, 3000, host=2, confirm="10.8.0.8")
    assert sends(out, ResvConf) == []
    assert [m.confirm for m in sends(out, Resv) if m.confirm] == []


@pytest.mark.parametrize("interface", [C, D], ids=["on its LAN", "on another interface"])
def test_a_confirmation_is_asked_for_with_the_largest_that_is_not(node, interface):
    """What is larger and blockaded is not merged with it; where nothing is, that answers (section 3.1.4)."""
    reserve(node, C, 4000)
    refuse(node, A, 4000)
    out = reserve(node, interface, 2000, host=2, confirm="10.8.0.8")
    assert [(str(m.hop.address), str(m.confirm.receiver)) for m in sends(out, Resv) if m.confirm] == [
        ("10.1.0.254", "10.8.0.8")
    ]
    (answer,) = sends(out, ResvConf)
    assert answer.flows == (Flow(load(2000)),)
    out = reserve(node, interface, 1000, host=3, confirm="10.8.0.8")
    assert [m.confirm for m in sends(out, Resv) if m.confirm] == []
    assert {m.flows for m in sends(out, ResvConf)} == {(Flow(load(1000)),)}


class TestConfirmationsOfApplications:
    """They wait until they are answered; what is blockaded is neither forwarded nor answered (3.1.4)."""

    def wish(self, node, rate):
        node.feed(e.OpenSession(1, GROUP))
        return node.feed(e.Reserve(1, WF, (Flow(load(rate)),), confirm=True))

    def confirmed(self, outputs):
        return [one.flowspec.rate for one in of(outputs, e.ResvConfirmed)]

    def onward(self, outputs):
        return {str(m.hop.address) for m in sends(outputs, Resv) if m.confirm}

    @pytest.mark.parametrize("rate", [2000, 3000], ids=["beside a larger next hop", "beside an equal one"])
    def test_answered_here(self, node, rate):
        reserve(node, C, 3000)
        out = self.wish(node, rate)
        assert set(self.confirmed(out)) == {rate}
        assert self.onward(out) == set()

    def test_beside_a_larger_next_hop_that_is_blockaded(self, node):
        reserve(node, C, 4000)
        refuse(node, A, 4000)
        refuse(node, B, 4000)
        out = self.wish(node, 2000)
        assert self.confirmed(out) == []
        assert self.onward(out) == {"10.1.0.254", "10.2.0.254"}

    def test_that_are_blockaded(self, node):
        reserve(node, C, 2000)
        self.wish(node, 4000)
        out = refuse(node, A, 4000) + refuse(node, B, 4000)
        assert asked(out) == [("10.1.0.254", 2000.0), ("10.2.0.254", 2000.0)]
        out += node.advance(KB_R - 1)
        assert (self.confirmed(out), self.onward(out)) == ([], set())
        assert self.onward(node.advance(1 + 45)) == {"10.1.0.254", "10.2.0.254"}, "it is tried again"


def test_the_receiver_learns_that_it_is_not_guilty():
    """NotGuilty: what failed was more than this receiver asked for (A.5)."""
    host = router(A)
    host.route("10.1.0.254", local=True)
    mine = session("10.1.0.254")
    for handle, rate in ((1, 4000), (2, 1000)):
        host.feed(e.OpenSession(handle, mine))
        if handle == 1:
            host.receive(path(S2, to=mine, hop="10.1.0.1", refresh=LONG), A)
        host.feed(e.Reserve(handle, WF, (Flow(load(rate)),)))
    message = ResvErr(
        session=mine,
        hop=Hop(a("10.1.0.1"), 0),
        error=ErrorSpec(a("10.77.0.1"), 1, 2),
        style=WF,
        flow=Flow(load(4000)),
    )
    errors = {o.handle: o.flags for o in of(host.receive(message, A), e.ResvError)}
    assert errors == {1: 0, 2: ErrorFlag.NOT_GUILTY}


def test_nobody_else_says_so(node):
    """The flag is "only set in the interface to the receiver application" (A.5)."""
    node.feed(e.OpenSession(1, GROUP))
    node.feed(e.Reserve(1, WF, (Flow(load(4000)),)))
    flags = ErrorFlag.NOT_GUILTY | ErrorFlag.IN_PLACE
    (error,) = of(refuse(node, A, 4000, flags=int(flags)), e.ResvError)
    assert error.flags == ErrorFlag.IN_PLACE


def test_two_next_hops_on_one_lan(node):
    """Each next hop's request counts, also where the interface carries only one reservation."""
    reserve(node, C, 4000)
    small = resv(WF, (load(1000), ()), to=GROUP, hop="10.3.0.2", lih=C, refresh=LONG)
    smaller = resv(WF, (load(2000), ()), to=GROUP, hop="10.3.0.3", lih=C, refresh=LONG)
    for message in (small, smaller):
        node.receive(message, C)
    assert asked(refuse(node, A, 4000)) == [("10.1.0.254", 2000.0)], "the larger of the smaller ones"
    assert node.installed == {(C, (), 4000.0)}
    assert asked(refuse(node, A, 2000)) == [("10.1.0.254", 1000.0)]


def test_a_new_error_replaces_qb_and_restarts_tb(node):
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    refuse(node, A, 4000)
    node.advance(KB_R - 10)
    assert asked(refuse(node, A, 3000)) == [], "2000 is asked for already"
    node.advance(KB_R - 1)
    assert standing(node)[A] == 2000.0, "Tb began anew"
    node.advance(1 + 45)
    assert standing(node)[A] == 4000.0


def test_kb_is_each_interfaces_own():
    short = router(A, B, C, D, blockade=1)
    short.route("224.1.1.1", C, D)
    short.receive(path(S1, to=GROUP, hop="10.1.0.1", refresh=LONG), A)
    reserve(short, C, 4000)
    reserve(short, D, 2000)
    refuse(short, A, 4000)
    assert standing(short)[A] == 2000.0
    short.advance(30 + 45)
    assert standing(short)[A] == 4000.0


def test_from_a_neighbour_that_is_no_previous_hop_nothing_is_blockaded(node):
    reserve(node, C, 4000)
    reserve(node, D, 2000)
    message = ResvErr(
        session=GROUP,
        hop=Hop(a("10.1.0.77"), 0),
        error=ErrorSpec(a("10.77.0.1"), 1, 2),
        style=WF,
        flow=Flow(load(4000)),
    )
    node.receive(message, A)
    node.advance(45)
    assert standing(node)[A] == 4000.0
