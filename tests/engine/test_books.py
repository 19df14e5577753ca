"""Random histories of links that change, services that change and orders that the kernel refuses.

After each step what is booked, what traffic control was told and what the state blocks say is the same,
and no more than the links may carry (RFC 2205 sections 2.2 and 3.11.2, RFC 2210 section 2.2, RFC 4495).
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rsvp import engine as e
from rsvp.engine.tcsb import TrafficControlStateBlock
from rsvp.errors import LocalError
from rsvp.iana import Service
from rsvp.intserv import (
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    Tspec,
    controlled_load,
    flaw,
    guaranteed,
    rate_needed,
)
from rsvp.messages import Flow, ResvErr
from rsvp.objects import FF, SE, WF, ErrorSpec, FilterSpec, Hop, PolicyData, Session, Style
from rsvp.policy import PreemptionPriority

from .fabric import Router, Twins, a, path, path_tear, resv, resv_tear, sender, session

HOST, GROUP = session(), session("224.1.1.1")
SENDERS = [sender("10.1.0.1", 1), sender("10.1.0.1", 2), sender("10.1.0.9", 3)]
LONG = 1e6

rates = st.sampled_from([1.0, 100.0, 333.3, 1000.0, 1500.0, 3000.0])
tspecs = st.builds(
    lambda rate, bucket, peak, m, largest: Tspec(rate, bucket, rate * peak, m, largest),
    rates,
    st.sampled_from([1.0, 1500.0, 9000.0]),
    st.sampled_from([1.0, 2.0, math.inf]),
    st.sampled_from([0, 64]),
    st.sampled_from([64, 576, 1500]),
)
flowspecs = st.builds(controlled_load, tspecs) | st.builds(
    lambda tspec, factor, slack: guaranteed(tspec, tspec.rate * factor, slack),
    tspecs,
    st.sampled_from([1.0, 1.5, 4.0]),
    st.sampled_from([0, 500_000, 5_000_000, 2**32 - 1]),
)
priorities = st.builds(PreemptionPriority, st.just(0), st.integers(0, 3), st.integers(0, 4))
sessions, styles = st.sampled_from([HOST, GROUP]), st.sampled_from([FF, SE, WF])
subsets = st.lists(st.sampled_from(SENDERS), min_size=1, unique=True).map(tuple)
places = st.tuples(st.sampled_from([2, 3]), st.sampled_from([1, 5]))


class Histories(RuleBasedStateMachine):
    """A router with two links that may shrink, and a kernel that may refuse any order."""

    @initialize(partial=st.booleans())
    def begin(self, partial: bool) -> None:
        self.node = Router(Twins(e.Config(partial_preemption=partial), rng=Random(1)))
        self.given_in: dict[int, e.ModifyFlow] = {}
        """What the engine fell back to where the kernel had refused, by handle."""
        for index in (1, 2, 3):
            self.link(index, 3000.0, 1.0, 1.0, 1.0, 0.0)
        self.node.route("10.9.0.9", 2)
        self.node.route("224.1.1.1", 2, 3)
        for handle, to in ((1, HOST), (2, GROUP), (3, GROUP)):
            self.node.feed(e.OpenSession(handle, to))
        for to in (HOST, GROUP):
            self.path(to, SENDERS[0], Tspec(1000.0, 3000.0), 1500)

    @rule(
        index=st.sampled_from([2, 3]),
        bandwidth=st.sampled_from([0.5, 100.0, 2000.0, 2999.0, 3000.0, 6000.0, math.inf]),
        reservable=st.sampled_from([1.0, 0.5, 0.0]),
        of_guaranteed=st.sampled_from([1.0, 0.3]),
        of_load=st.sampled_from([1.0, 0.3]),
        turn=st.sampled_from([0.0, 0.5, 3.0]),
    )
    def link(
        self,
        index: int,
        bandwidth: float,
        reservable: float,
        of_guaranteed: float,
        of_load: float,
        turn: float,
    ) -> None:
        self.node.feed(
            e.InterfaceUp(
                e.Interface(
                    index,
                    f"eth{index}",
                    (a(f"10.{index}.0.254"),),
                    bandwidth=bandwidth,
                    reservable=reservable,
                    guaranteed=of_guaranteed,
                    controlled_load=of_load,
                    turn=turn,
                    reshapes=index == 3,
                )
            )
        )

    @rule(index=st.sampled_from([2, 3]))
    def link_is_lost(self, index: int) -> None:
        self.node.feed(e.InterfaceDown(index))
        self.link(index, 3000.0, 1.0, 1.0, 1.0, 0.0)

    @rule(partial=st.booleans())
    def configure(self, partial: bool) -> None:
        self.node.feed(e.Configure(e.Config(partial_preemption=partial)))

    @rule(to=sessions, who=st.sampled_from(SENDERS), spec=tspecs, c=st.none() | st.integers(0, 2**32 - 1))
    def path(self, to: Session, who: FilterSpec, spec: Tspec, c: int | None) -> None:
        adspec = None if c is None else Adspec(General(), GuaranteedAdvert(c), ControlledLoadAdvert())
        self.node.receive(path(who, to=to, spec=spec, adspec=adspec, refresh=LONG), 1)

    @rule(to=sessions, who=st.sampled_from(SENDERS))
    def path_tear(self, to: Session, who: FilterSpec) -> None:
        self.node.receive(path_tear(who, to=to), 1)

    @rule(
        to=sessions,
        style=styles,
        who=subsets,
        specs=st.lists(flowspecs, min_size=3, max_size=3),
        place=places,
        priority=st.none() | priorities,
        confirm=st.none() | st.just("10.7.7.7"),
        times=st.integers(1, 2),
    )
    def resv(
        self,
        to: Session,
        style: Style,
        who: tuple[FilterSpec, ...],
        specs: list[Flowspec],
        place: tuple[int, int],
        priority: PreemptionPriority | None,
        confirm: str | None,
        times: int,
    ) -> None:
        flows = [(specs[0], who if style.explicit else ())]
        if style is FF:
            flows = [(spec, (one,)) for spec, one in zip(specs, who, strict=False)]
        oi, host = place
        hop = f"10.{oi}.0.{host}"
        message = resv(style, *flows, to=to, hop=hop, lih=oi, refresh=LONG, confirm=confirm)
        if priority is not None:
            message = replace(message, policy=(PolicyData(elements=(priority,)),))
        for _ in range(times):
            self.node.receive(message, oi)

    @rule(to=sessions, style=styles, who=subsets, place=places)
    def resv_tear(
        self, to: Session, style: Style, who: tuple[FilterSpec, ...], place: tuple[int, int]
    ) -> None:
        filters = {FF: [(one,) for one in who], SE: [who], WF: [()]}[style]
        oi, host = place
        self.node.receive(resv_tear(style, *filters, to=to, hop=f"10.{oi}.0.{host}", lih=oi), oi)

    @rule(handle=st.sampled_from([2, 3]), style=styles, spec=flowspecs, outgoing=st.sampled_from([0, 2]))
    def reserve(self, handle: int, style: Style, spec: Flowspec, outgoing: int) -> None:
        flow = Flow(spec, (SENDERS[0],) if style.explicit else ())
        with suppress(LocalError):  # of another style or service than others have
            self.node.feed(e.Reserve(handle, style, (flow,), True, outgoing=outgoing))

    @rule(handle=st.sampled_from([2, 3]))
    def release(self, handle: int) -> None:
        self.node.feed(e.Release(handle))

    @rule(to=sessions, style=styles, spec=flowspecs, flags=st.integers(0, 1), code=st.sampled_from([1, 2]))
    def refused_upstream(self, to: Session, style: Style, spec: Flowspec, flags: int, code: int) -> None:
        message = ResvErr(
            session=to,
            hop=Hop(a("10.1.0.1"), 0),
            error=ErrorSpec(a("10.77.0.1"), code, 2, flags),
            style=style,
            flow=Flow(spec, (SENDERS[0],) if style.explicit else ()),
            send_ttl=63,
        )
        self.node.receive(message, 1)

    @rule(which=st.integers(0, 9), in_place=st.booleans())
    def refused_by_the_kernel(self, which: int, in_place: bool) -> None:
        """The last order for some flow; what stands afterwards is what stood before it."""
        handles = sorted(self.node.flows)
        if not handles:
            return
        handle = handles[which % len(handles)]
        orders = [
            one
            for one in self.node.outputs
            if isinstance(one, e.InstallFlow | e.ModifyFlow) and one.handle == handle
        ]
        if orders[-1] is self.given_in.get(handle):
            return
        in_place = in_place and isinstance(orders[-1], e.ModifyFlow)
        self.node.feed(e.FlowRejected(handle, 22, 0, in_place))
        if in_place:
            tcsb = next(one for one in self.tcsbs() if one.handle == handle)
            assert tcsb.installed == orders[-2].flowspec
            stands = e.ModifyFlow(handle, tcsb.oi, tcsb.installed, tcsb.path_te, tcsb.police, tcsb.extra)
            self.node.outputs.append(stands)
            self.node._track(stands)
            self.given_in[handle] = stands

    @rule(seconds=st.sampled_from([1.0, 50.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.node.advance(seconds)

    def tcsbs(self) -> list[TrafficControlStateBlock]:
        states = self.node.engine._core.sessions.values()
        return [tcsb for state in states for tcsb in state.tcsbs.values() if tcsb.oi]

    @invariant()
    def all_say_the_same(self) -> None:
        standing = {tcsb.handle: tcsb for tcsb in self.tcsbs()}
        budgets = self.node.engine._core.budgets
        booked = {handle: what for budget in budgets.values() for handle, what in budget._rates.items()}
        assert standing.keys() == self.node.flows.keys() == booked.keys()
        for handle, tcsb in standing.items():
            told = self.node.flows[handle]
            assert (told.interface, told.flowspec, told.tspec) == (tcsb.oi, tcsb.installed, tcsb.path_te)
            assert (told.police, set(told.filters)) == (tcsb.police, set(tcsb.filters))
            assert booked[handle] == (rate_needed(tcsb.installed, tcsb.path_te), tcsb.installed.service)
            assert flaw(tcsb.installed) is None

    @invariant()
    def no_link_has_promised_more_than_it_carries(self) -> None:
        """But where the kernel would not let it take something back."""
        core = self.node.engine._core
        for index, budget in core.budgets.items():
            rates = list(budget._rates.values())
            assert budget.reserved == pytest.approx(sum(rate for rate, _ in rates), abs=1e-6)
            for service in (Service.GUARANTEED, Service.CONTROLLED_LOAD):
                pooled = sum(rate for rate, one in rates if one == service)
                assert budget.pooled(service) == pytest.approx(pooled, abs=1e-6)
                if not self.given_in:
                    assert pooled <= core.interfaces[index].pool(service) * (1 + 1e-8)
            if not self.given_in:
                assert budget.reserved <= core.interfaces[index].limit * (1 + 1e-8) + 1e-6


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=40)
