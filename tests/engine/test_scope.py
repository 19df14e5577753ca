"""SCOPE: RFC 2205 section 3.4, figure 11, and the wildcard rules of RFC 2209 RESV REFRESH and RERR."""

from __future__ import annotations

from random import Random

import pytest

from rsvp import engine as e
from rsvp.messages import Flow, Resv, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, Hop, Scope

from .fabric import (
    Fabric,
    Router,
    Twins,
    a,
    load,
    of,
    path,
    path_tear,
    resv,
    router,
    sender,
    sends,
    session,
    tspec,
)

G = "224.1.1.1"
GROUP = session(G)
A, B, C = 1, 2, 3
S1, S2, S3, S4 = (sender(f"10.{net}.0.{host}") for net, host in ((2, 1), (3, 1), (3, 2), (1, 1)))
"""Behind (b), (c), (c) and (a)."""


def scopes(outputs):
    """Interface address -> the senders of the SCOPE that went out there."""
    return {
        str(m.hop.address): [str(one) for one in m.scope.addresses] if m.scope else None
        for m in sends(outputs, Resv)
    }


def onward(outputs):
    """Previous hop -> the senders of the SCOPE that it was sent."""
    return {
        str(s.destination): [str(one) for one in s.message.scope.addresses] if s.message.scope else None
        for s in of(outputs, e.Send)
        if isinstance(s.message, Resv)
    }


@pytest.fixture
def node():
    """Figure 11: senders and receivers behind all three interfaces; data goes out of the other two."""
    r = router(A, B, C)
    for who, iif in ((S1, B), (S2, C), (S3, C), (S4, A)):
        r.tree(G, str(who.address), iif, *({A, B, C} - {iif}))
        r.receive(path(who, to=GROUP, hop=f"10.{iif}.0.1", refresh=1e6), iif)
    return r


def reserve(node, interface, *scope, rate=1000, style=WF, filters=(), host=1, **fields):
    message = resv(
        style,
        (load(rate), filters),
        to=GROUP,
        hop=f"10.{interface}.0.{host}",
        lih=interface,
        scope=scope or None,
        **fields,
    )
    return node.receive(message, interface)


def text(*senders):
    return [str(one.address) for one in senders]


def test_figure_11(node):
    """Receive on (c) [S4, S1], on (a) [S1, S2, S3], on (b) [S2, S3, S4]; send [S4], [S1], [S2, S3]."""
    first = scopes(reserve(node, C, *text(S4, S1)))
    assert first == {"10.1.0.254": text(S4), "10.2.0.254": text(S1)}
    second = scopes(reserve(node, A, *text(S1, S2, S3)))
    assert second == {"10.3.0.254": text(S2, S3)}, "(b) was told of S1 already"
    assert scopes(reserve(node, B, *text(S4, S2, S3))) == {}, "everybody knows of all by now"
    phops = node.engine._core.sessions[GROUP].phops.values()
    standing = {phop.iif: [str(x) for x in phop.request.scope.addresses] for phop in phops}
    assert standing == {A: text(S4), B: text(S1), C: text(S2, S3)}


def test_a_reservation_without_scope_stands_for_the_senders_that_route_there(node):
    """Rule 1: the substitute list."""
    assert scopes(reserve(node, C)) == {"10.1.0.254": text(S4), "10.2.0.254": text(S1)}


def test_the_union_over_all_next_hops(node):
    assert scopes(reserve(node, C, *text(S4))) == {"10.1.0.254": text(S4)}
    assert scopes(reserve(node, C, *text(S1), host=2)) == {"10.2.0.254": text(S1)}
    assert scopes(reserve(node, A, *text(S3))) == {"10.3.0.254": text(S3)}
    assert scopes(reserve(node, B, *text(S2))) == {"10.3.0.254": text(S2, S3)}, "more senders are news"


def test_an_empty_scope_is_not_sent(node):
    """S2 and S3 came from (c), where this Resv came from as well: nobody is left to ask."""
    out = reserve(node, C, *text(S2, S3))
    assert sends(out, Resv) == []
    assert sends(out, ResvErr) == [], "and nothing is wrong with that"
    assert node.installed == {(C, (), 1000.0)}, "SCOPE limits where it goes, not what stands here"


def test_scope_does_not_limit_what_is_installed(node):
    """Path_Te is the sum of all senders that route there (RFC 2209, UPDATE TRAFFIC CONTROL)."""
    reserve(node, C, *text(S4), rate=9000)
    (flow,) = node.flows.values()
    assert flow.tspec.rate == 2000.0, "S4 and S1"


def test_a_sender_that_leaves_leaves_the_scope(node):
    reserve(node, A)
    out = node.receive(path_tear(S2, to=GROUP, hop="10.3.0.1"), C)
    assert sends(out, Resv) == [], "not at once (section 3.1.5)"
    refreshed = scopes(node.advance(45))
    assert refreshed["10.3.0.254"] == text(S3)


def test_a_new_sender_joins_the_scope_at_once(node):
    reserve(node, A)
    late = sender("10.3.0.9")
    node.tree(G, "10.3.0.9", C, A, B)
    out = node.receive(path(late, to=GROUP, hop="10.3.0.1"), C)
    assert scopes(out) == {"10.3.0.254": text(S2, S3, late)}


def test_with_the_last_sender_that_goes_there_the_reservation_is_torn():
    """The PathTear has not told that to a previous hop which has other senders (section 3.1.5)."""
    node = router(A, B, C)
    node.tree(G, "10.1.0.1", A, C)
    node.tree(G, "10.1.0.2", A, B)
    for who in (sender("10.1.0.1"), sender("10.1.0.2")):
        node.receive(path(who, to=GROUP, hop="10.1.0.9"), A)
    reserve(node, C)
    out = node.receive(path_tear(sender("10.1.0.1"), to=GROUP, hop="10.1.0.9"), A)
    assert [str(m.hop.address) for m in sends(out, ResvTear)] == ["10.1.0.254"]
    assert node.engine.requests() == []


def test_what_was_held_for_another_sender_is_torn_all_the_same():
    """The end of a sender, which is told by its PathTear, does not hide the end of what was held (3.6)."""
    node = router(A, B, C)
    node.tree(G, "10.1.0.1", A, C)
    node.tree(G, "10.2.0.1", B)
    node.receive(path(S4, to=GROUP, hop="10.1.0.9", refresh=300), A)
    reserve(node, C, style=SE, filters=(S4,))
    node.receive(path(S1, to=GROUP, hop="10.2.0.1", refresh=300), B)
    node.feed(e.InterfaceDown(C))
    node.now += 60.0  # the hold is over, and the refresh that would see it late
    out = node.receive(path_tear(S1, to=GROUP, hop="10.2.0.1"), B)
    assert len(sends(out, ResvTear)) == 1


def test_scope_that_runs_empty_tears(node):
    reserve(node, C, *text(S4))
    out = reserve(node, C, *text(S1))
    assert [str(m.hop.address) for m in sends(out, ResvTear)] == ["10.1.0.254"]
    assert scopes(out) == {"10.2.0.254": text(S1)}


@pytest.mark.parametrize("style", [FF, SE])
def test_explicit_styles_need_none(node, style):
    out = reserve(node, C, style=style, filters=(S4,))
    assert scopes(out) == {"10.1.0.254": None}


@pytest.mark.parametrize("style", [FF, SE])
def test_nor_does_one_that_came_limit_them(node, style):
    """ "forwarded to all senders whose SENDER_TEMPLATE ... match a FILTER_SPEC" (section 3.1.4)."""
    assert scopes(reserve(node, C, "10.1.0.77", style=style, filters=(S4,))) == {"10.1.0.254": None}


class TestOnePreviousHop:
    @pytest.fixture
    def single(self):
        r = router(A, C)
        r.route(G, C)
        for host in (1, 2):
            r.receive(path(sender(f"10.1.0.{host}"), to=GROUP, hop="10.1.0.1"), A)
        return r

    def test_scope_is_not_begun_here(self, single):
        """Attaching one is deferred to a node which has several."""
        assert scopes(reserve(single, C)) == {"10.1.0.254": None}

    def test_but_one_that_came_goes_on(self, single):
        """Else the next node would take it for all senders again, and it could go round."""
        assert scopes(reserve(single, C, "10.1.0.2")) == {"10.1.0.254": ["10.1.0.2"]}

    def test_a_second_previous_hop_begins_it_at_once(self, single):
        """The first one's Resv names its senders from then on, and not only with its next refresh."""
        reserve(single, C)
        out = single.receive(path(sender("10.1.0.3"), to=GROUP, hop="10.1.0.3"), A)
        assert onward(out) == {"10.1.0.1": ["10.1.0.1", "10.1.0.2"], "10.1.0.3": ["10.1.0.3"]}

    def test_and_so_does_a_sender_that_moves_behind_a_second_one(self, single):
        reserve(single, C)
        out = single.receive(path(sender("10.1.0.2"), to=GROUP, hop="10.1.0.2"), A)
        assert onward(out) == {"10.1.0.1": ["10.1.0.1"], "10.1.0.2": ["10.1.0.2"]}


def test_local_senders_are_not_in_it():
    """Rule 2."""
    r = router(A, C)
    r.route(G, C)
    r.feed(e.OpenSession(1, GROUP))
    r.feed(e.AddSender(1, sender("10.3.0.254"), tspec()))
    r.receive(path(S4, to=GROUP, hop="10.1.0.1"), A)
    out = reserve(r, C)
    assert scopes(out) == {"10.1.0.254": text(S4)}
    assert len(of(out, e.ResvEvent)) == 1


class TestResvErr:
    def error(self, *scope):
        return ResvErr(
            session=GROUP,
            hop=Hop(a("10.3.0.1"), 7),
            error=ErrorSpec(a("10.77.0.1"), 2, 3),
            style=WF,
            flow=Flow(load()),
            scope=Scope(tuple(a(one) for one in scope)) if scope else None,
            send_ttl=63,
        )

    def test_carries_the_scope_of_the_message_in_error(self, node):
        """Rule 1; here the style is unheard of."""
        reserve(node, C, style=FF, filters=(S4,))
        (error,) = sends(reserve(node, A, *text(S2, S3)), ResvErr)
        assert error.scope == Scope((S2.address, S3.address))

    def test_carries_the_scope_of_the_reservation_that_is_lost(self, node):
        reserve(node, A, *text(S2, S3))
        (error,) = sends(node.feed(e.FlowRejected(1, 22, 7)), ResvErr)
        assert error.scope == Scope((S2.address, S3.address))

    def test_goes_on_with_those_who_route_there(self, node):
        """Rule 2: S2 and S3 go to (a) and (b), S1 goes to (a) only."""
        reserve(node, A)
        reserve(node, B)
        out = node.receive(self.error(*text(S1, S2)), C)
        told = {str(m.hop.address): [str(x) for x in m.scope.addresses] for m in sends(out, ResvErr)}
        assert told == {"10.1.0.254": text(S1, S2), "10.2.0.254": text(S2)}

    def test_ends_where_nobody_does(self, node):
        reserve(node, A)
        reserve(node, B)
        assert sends(node.receive(self.error(*text(S1)), C), ResvErr) != []
        (told,) = [s.interface for s in of(node.receive(self.error(*text(S1)), C), e.Send)]
        assert told == A

    def test_never_back_where_it_came_from(self, node):
        reserve(node, C)
        assert sends(node.receive(self.error(*text(S1)), C), ResvErr) == []

    def test_without_scope_goes_to_all(self, node):
        reserve(node, A)
        out = node.receive(self.error(), C)
        assert [m.scope for m in sends(out, ResvErr)] == [None]


# --- no looping ---------------------------------------------------------------------------------


def ring(scope_works: bool = True) -> Fabric:
    """Three routers in a circle; data goes clockwise, x to y to z to x, two hops far from each sender.

    Interface 1 looks back, 2 ahead. On each router one application sends.
    """
    fabric = Fabric()
    names = ["x", "y", "z"]
    for number, name in enumerate(names):
        node = fabric.nodes[name] = Router(Twins(rng=Random(number)))
        for index, net in ((1, (number - 1) % 3), (2, number)):
            address = a(f"10.{net + 1}.0.{2 if index == 1 else 1}")
            node.feed(
                e.InterfaceUp(e.Interface(index, f"eth{index}", (address,), bandwidth=1e6, refresh=1.0))
            )
        for distance in range(3):
            source = f"10.{(number - distance) % 3 + 1}.0.1"
            node.tree(G, source, 1 if distance else None, *((2,) if distance < 2 else ()))
    for number, name in enumerate(names):
        after = names[(number + 1) % 3]
        fabric.links[name, 2] = [(after, 1)]
        fabric.links[after, 1] = [(name, 2)]
    for number, name in enumerate(names):
        fabric.feed(name, e.OpenSession(1, GROUP))
        fabric.feed(name, e.AddSender(1, sender(f"10.{number + 1}.0.1"), tspec()))
    return fabric


def rates(fabric):
    return {
        name: [v.flowspec.rate for v in node.engine.reservations(fabric.now)]
        for name, node in fabric.nodes.items()
    }


def test_a_wildcard_reservation_does_not_refresh_itself_around_a_circle():
    """The auto-refresh loop of section 3.4: the receiver dies, and all of its reservation dies."""
    net = ring()
    net.feed("z", e.OpenSession(2, GROUP))
    net.feed("z", e.Reserve(2, WF, (Flow(load(700)),)))
    assert rates(net) == {"x": [700.0], "y": [700.0], "z": [700.0]}, (
        "z's own application, y for x, x for itself"
    )
    net.drop = lambda n, message: isinstance(message, ResvTear)
    net.feed("z", e.Release(2))
    net.advance(5.25 * 3 + 1)
    assert rates(net) == {"x": [], "y": [], "z": []}
    assert not any(node.flows for node in net.nodes.values())


def test_with_receivers_everywhere_each_asks_for_others_senders_only():
    net = ring()
    for name in ("x", "y", "z"):
        net.feed(name, e.OpenSession(2, GROUP))
        net.feed(name, e.Reserve(2, WF, (Flow(load(700)),)))
    asked = {
        name: {
            tuple(str(x) for x in phop.request.scope.addresses)
            for phop in node.engine._core.sessions[GROUP].phops.values()
            if phop.address is not None
        }
        for name, node in net.nodes.items()
    }
    assert asked == {
        "x": {("10.2.0.1", "10.3.0.1")},
        "y": {("10.1.0.1", "10.3.0.1")},
        "z": {("10.1.0.1", "10.2.0.1")},
    }
    net.drop = lambda n, message: isinstance(message, ResvTear)
    for name in ("x", "y", "z"):
        net.feed(name, e.Release(2))
    net.advance(5.25 * 4 + 1)
    assert rates(net) == {"x": [], "y": [], "z": []}


def test_an_error_does_not_go_round_a_circle():
    """The fast loop of ResvErr messages (section 3.4)."""
    net = ring()
    for name in ("x", "y", "z"):
        net.feed(name, e.OpenSession(2, GROUP))
        net.feed(name, e.Reserve(2, WF, (Flow(load(700)),)))
    mark = len(net.log)
    (flow,) = net.nodes["x"].flows
    net.feed("x", e.FlowRejected(flow, 22, 0))
    errors = [s for _, _, s in net.log[mark:] if isinstance(s.message, ResvErr)]
    assert 0 < len(errors) <= 2
    assert {name for name in net.nodes if net.events(name, e.ResvError)} == {"y", "z"}
