"""The heap of deadlines, and jitter (RFC 2205 section 3.7)."""

from __future__ import annotations

import copy
import math

from hypothesis import given
from hypothesis import strategies as st

from rsvp.engine.interfaces import lifetime
from rsvp.engine.timers import NEVER, Timer, Timers


def timer(name: str, deadline: float = NEVER) -> Timer:
    return Timer(name, lambda *_: None, deadline)


def watched(timers: Timers, name: str, deadline: float) -> Timer:
    one = timer(name, deadline)
    timers.watch(one)
    return one


def due(timers: Timers, now: float) -> list[object]:
    return [one.owner for one in timers.due(now)]


def test_fires_once_and_in_order():
    timers = Timers()
    watched(timers, "b", 2.0)
    watched(timers, "a", 1.0)
    assert timers.next() == 1.0
    assert due(timers, 0.99) == []
    assert due(timers, 2.0) == ["a", "b"]
    assert due(timers, 99.0) == []
    assert timers.next() is None


def test_putting_off_needs_no_heap():
    timers = Timers()
    one = watched(timers, "a", 1.0)
    one.deadline = 5.0
    assert due(timers, 1.0) == []
    assert timers.next() == 5.0
    assert due(timers, 5.0) == ["a"]


def test_bringing_forward():
    timers = Timers()
    one = watched(timers, "a", 9.0)
    one.deadline = 3.0
    timers.watch(one)
    assert due(timers, 3.0) == ["a"]
    assert due(timers, 9.0) == []


def test_stopped_never_fires():
    timers = Timers()
    one = watched(timers, "a", 1.0)
    one.deadline = NEVER
    assert due(timers, 1e9) == []
    assert timers.next() is None


def test_a_timer_that_never_ends_is_not_watched():
    timers = Timers()
    watched(timers, "a", NEVER)
    assert timers.next() is None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.floats(0, 100), st.just(math.inf))), max_size=40),
    st.floats(0, 100),
)
def test_what_fires_is_what_is_due(changes, now):
    """However deadlines are moved about, exactly the timers whose deadline has come fire."""
    timers = Timers()
    all_timers = [timer(str(n)) for n in range(5)]
    for which, deadline in changes:
        all_timers[which].deadline = deadline
        timers.watch(all_timers[which])
    expected = {one.owner for one in all_timers if one.deadline <= now}
    assert set(due(timers, now)) == expected
    assert all(one.deadline > now for one in all_timers)


def test_lifetime():
    """L = (K + 0.5) * 1.5 * R."""
    assert lifetime(30.0, 3) == 157.5
    assert lifetime(1.0, 3) == 5.25


def test_timers_of_the_same_moment_fire_in_the_order_in_which_they_were_watched():
    timers = Timers()
    for name in "cab":
        watched(timers, name, 7.0)
    assert due(timers, 7.0) == ["c", "a", "b"]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 3)), max_size=60))
def test_everything_fires_at_its_time_while_more_is_watched(steps):
    """Deadlines set between looks, near and far: each timer fires at its last deadline, in order."""
    timers, now, fired = Timers(), 0.0, []
    all_timers = [timer(str(n)) for n in range(5)]
    wanted: dict[str, float] = {}
    for which, ahead in steps:
        all_timers[which].deadline = now + ahead
        timers.watch(all_timers[which])
        wanted[str(which)] = now + ahead
        now += ahead / 4
        for one in timers.due(now):
            fired.append(one.owner)
            assert wanted.pop(str(one.owner)) <= now
        assert all(deadline > now for deadline in wanted.values())
        if wanted:
            assert (timers.next() or NEVER) <= min(wanted.values())


def test_a_timer_is_copied_with_the_block_that_it_belongs_to():
    class Block:
        timer: Timer

    block = Block()
    block.timer = Timer(block, print, 5.0)
    again = copy.deepcopy(block)
    assert again.timer.owner is again is not block
    assert (again.timer.fire, again.timer.deadline, again.timer.looked_at) == (print, 5.0, NEVER)
