"""R, K, L and Slew.Max: RFC 2205 section 3.7."""

from __future__ import annotations

import itertools

import pytest

from rsvp import engine as e
from rsvp.messages import Flow, Path, PathTear, Resv, ResvTear
from rsvp.objects import FF, SE

from .fabric import a, line, load, of, path, resv, router, sender, sends, session, tspec

S1, S2 = sender(port=1), sender(port=2)
LONG = 1e6


def up(index, refresh, **fields):
    return e.InterfaceUp(
        e.Interface(
            index,
            f"eth{index}",
            (a(f"10.{index}.0.254"),),
            bandwidth=1e5,
            reservable=1.0,
            refresh=refresh,
            **fields,
        )
    )


@pytest.fixture
def node():
    r = router(1, 2, refresh=10.0)
    r.route("10.9.0.9", 2)
    r.receive(path(S1, refresh=LONG), 1)
    r.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
    return r


def paced(node, kind, seconds):
    """(time, R in seconds) of every refresh of one kind."""
    found = []
    until = node.now + seconds
    while (due := node.engine.next_timeout()) is not None and due <= until:
        for message in sends(node.advance(due - node.now), kind):
            found.append((node.now, message.time_values.refresh_ms / 1000))
    return found


class TestSlew:
    @pytest.mark.parametrize(("kind", "index"), [(Path, 2), (Resv, 1)])
    def test_r_grows_by_no_more_than_30_percent_from_one_refresh_to_the_next(self, node, kind, index):
        node.feed(up(index, 300.0))
        found = paced(node, kind, 6000)
        periods = [r for _, r in found]
        assert periods[0] <= 13.0
        assert periods[-1] == 300.0, "and gets there"
        assert all(later <= earlier * 1.3 + 0.001 for earlier, later in itertools.pairwise(periods))

    def test_so_that_one_lost_message_loses_no_state(self):
        """With K = 3 (section 3.7, 5): every gap of two refreshes is within the lifetime told before."""
        node = router(1, 2, refresh=10.0, seed=3)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=LONG), 1)
        node.feed(up(2, 1000.0))
        found = paced(node, Path, 20_000)
        for (earlier, r), (_, _), (later, _) in zip(found, found[1:], found[2:], strict=False):
            assert later - earlier <= 3.5 * 1.5 * r

    def test_the_messages_wait_accordingly(self, node):
        node.feed(up(2, 300.0))
        found = paced(node, Path, 6000)
        for (earlier, r), (later, _) in itertools.pairwise(found):
            assert 0.5 * r - 0.001 <= later - earlier <= 1.5 * r + 0.001

    def test_slew_max_is_the_interfaces_own(self, node):
        node.feed(up(2, 300.0, slew=1.0))
        assert paced(node, Path, 40)[0][1] == 20.0

    def test_it_shrinks_at_once(self, node):
        node.feed(up(2, 1.0))
        found = paced(node, Path, 60)
        assert {r for _, r in found} == {1.0}
        assert len(found) > 30

    def test_a_change_of_mind_on_the_way(self, node):
        node.feed(up(2, 300.0))
        paced(node, Path, 60)
        node.feed(up(2, 300.0))
        node.feed(up(2, 40.0))
        assert paced(node, Path, 1000)[-1][1] == 40.0
        node.feed(up(2, 300.0))
        node.feed(up(2, 5.0))
        assert {r for _, r in paced(node, Path, 1000)} == {5.0}

    def test_being_told_again_does_not_hasten_it(self, node):
        for _ in range(9):
            node.feed(up(2, 300.0))
        assert paced(node, Path, 16)[0][1] == 13.0

    def test_it_ends_with_the_interface(self, node):
        node.feed(up(2, 300.0))
        node.feed(e.InterfaceDown(2))
        assert paced(node, Path, 1000) == []
        node.feed(up(2, 10.0))

    def test_neighbours_hear_of_each_step_and_nobody_beyond(self):
        """A new TIME_VALUES is between neighbours only: no trigger downstream, no event."""
        net = line(refresh=10.0)
        to = session("10.3.0.2")
        for name, handle in (("h1", 1), ("h2", 2)):
            net.feed(name, e.OpenSession(handle, to))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),)))
        events = {name: len(found) for name, found in net.upcalls.items()}
        mark = len(net.log)
        net.feed(
            "h1",
            e.InterfaceUp(
                e.Interface(2, "eth2", (a("10.1.0.1"),), bandwidth=1e5, reservable=1.0, refresh=99.0)
            ),
        )
        net.advance(500)
        assert {name: len(found) for name, found in net.upcalls.items()} == events
        triggers = [who for _, who, send in net.log[mark:] if send.trigger]
        assert set(triggers) <= {"h1"}


class TestLifetime:
    def test_r_is_each_neighbours_own(self, node):
        """L comes from the R in the message, not from this node's."""
        node.receive(path(S2, refresh=2), 1)
        tears = [(node.now, m) for m in sends(node.advance(10.49), PathTear)]
        assert tears == []
        (tear,) = sends(node.advance(0.02), PathTear)
        assert tear.sender.template == S2

    def test_a_changed_r_counts_from_then_on_and_is_no_news(self, node):
        out = node.receive(path(S1, refresh=2), 1)
        assert out == [], "nothing that next hops would be told"
        assert sends(node.advance(10.49), PathTear) == []
        assert len(sends(node.advance(0.02), PathTear)) == 1

    def test_of_a_reservation_too(self, node):
        assert node.receive(resv(FF, (load(), (S1,)), refresh=2), 2) == []
        assert sends(node.advance(10.49), ResvTear) == []
        assert len(sends(node.advance(0.02), ResvTear)) == 1

    @pytest.mark.parametrize("keep", [1, 3, 9])
    def test_k_minus_one_lost_in_a_row_do_no_harm(self, keep):
        """And K + 1 always do: L = (K + 0.5) * 1.5 R, refreshes at most 1.5 R apart."""
        node = router(1, 2, keep=keep)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=10), 1)
        node.advance(keep * 15.0)
        assert len(node.engine.senders(node.now)) == 1
        node.advance(15.0)
        assert node.engine.senders(node.now) == []

    def test_a_failing_increase_keeps_the_old_reservation_alive(self):
        """The timer is restarted before traffic control is asked (RFC 2209, RESV MESSAGE ARRIVES)."""
        node = router(1, 2, bandwidth=1000.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(9e9), refresh=LONG), 1)
        node.receive(path(S2, spec=tspec(9e9), refresh=LONG), 1)
        node.receive(resv(SE, (load(600), (S1, S2)), refresh=10), 2)
        for _ in range(10):
            node.advance(20)
            node.receive(resv(SE, (load(5000), (S1,)), refresh=10), 2)
        assert node.installed == {(2, (str(S1),), 600.0)}, "S2 was not mentioned, so it went"
        node.advance(53)
        assert node.installed == set()


def test_jitter_differs_from_state_to_state(node):
    """Neither random waits nor several senders fall into step (section 3.7, 1)."""
    node.receive(path(S2, refresh=LONG), 1)
    found = [now for now, _ in paced(node, Path, 300)]
    assert len(set(found)) == len(found)


def test_refreshes_do_not_answer_refreshes(node):
    """One refresh a period of one's own, however often the neighbours send theirs (section 3.3)."""
    sent = 0
    for _ in range(600):
        sent += len(of(node.receive(path(S1, refresh=LONG), 1), e.Send))
        sent += len(of(node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2), e.Send))
        node.advance(0.001)
    assert sent == 0
