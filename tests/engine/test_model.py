"""Random histories: the engine never raises, installs exactly the merge of what is reserved, and forgets.

The model is slow and obvious: it keeps what the neighbours said and until when, and computes from
that alone what should be installed.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rsvp import engine as e
from rsvp.intserv import Flowspec, effective, lub, tspec_sum
from rsvp.objects import FF, SE, WF, FilterSpec, Style

from .fabric import load, path, path_tear, resv, resv_tear, router, sender, session, tspec

SENDERS = [sender(port=1), sender(port=2), sender("10.1.0.2", 3)]
NEXT_HOPS = [(2, "10.2.0.1"), (2, "10.2.0.2"), (3, "10.3.0.1")]
GROUP = session("224.1.1.1")
LIMIT = 8000.0
REFRESH = 10.0
LIFETIME = 52.5

subsets = st.lists(st.sampled_from(SENDERS), min_size=1, max_size=3, unique=True)
rates = st.sampled_from([500.0, 1000.0, 3000.0, 5000.0])


class Reserved:
    """What one next hop said of one group."""

    def __init__(self, flowspec: Flowspec, filters: dict[FilterSpec, float], until: float) -> None:
        self.flowspec, self.filters, self.until = flowspec, filters, until


class Histories(RuleBasedStateMachine):
    """One router, three senders upstream, three next hops on two interfaces, one style at a time."""

    @initialize(style=st.sampled_from([FF, SE, WF]))
    def begin(self, style: Style) -> None:
        self.style = style
        self.node = router(1, 2, 3, bandwidth=LIMIT)
        self.node.route("224.1.1.1", 2, 3)
        self.senders: dict[FilterSpec, tuple[float, float]] = {}
        self.reserved: dict[tuple[int, str, FilterSpec | None], Reserved] = {}

    # --- the model --------------------------------------------------------------------------------

    def covering(self, who: FilterSpec) -> list[tuple[int, str, FilterSpec | None]]:
        return [k for k, r in self.reserved.items() if not self.style.explicit or who in r.filters]

    def forget(self) -> None:
        now = self.node.now
        for who in [w for w, (_, until) in self.senders.items() if until <= now]:
            self.lose(who)
        for key, one in list(self.reserved.items()):
            one.filters = {f: until for f, until in one.filters.items() if until > now}
            if not one.filters if self.style.explicit else one.until <= now:
                del self.reserved[key]

    def lose(self, who: FilterSpec) -> None:
        del self.senders[who]
        for key in self.covering(who):
            one = self.reserved[key]
            one.filters.pop(who, None)
            if not one.filters if self.style.explicit else not self.senders:
                del self.reserved[key]

    def expected(self) -> dict[tuple[int, FilterSpec | None], tuple[Flowspec, frozenset[FilterSpec], float]]:
        groups: dict[tuple[int, FilterSpec | None], list[Reserved]] = {}
        for (oi, _, group), one in self.reserved.items():
            groups.setdefault((oi, group), []).append(one)
        result = {}
        for key, ones in groups.items():
            flowspec = ones[0].flowspec
            for one in ones[1:]:
                flowspec = lub(flowspec, one.flowspec)
            who = [
                s for s in self.senders if not self.style.explicit or any(s in one.filters for one in ones)
            ]
            path_te = tspec(self.senders[who[0]][0])
            for other in who[1:]:
                path_te = tspec_sum(path_te, tspec(self.senders[other][0]))
            filters = frozenset(who) if self.style.explicit else frozenset()
            result[key] = (flowspec, filters, effective(flowspec, path_te).rate)
        return result

    def groups(self, filters: list[FilterSpec]) -> list[tuple[FilterSpec | None, list[FilterSpec]]]:
        if self.style.shared:
            return [(None, filters if self.style.explicit else [])]
        return [(one, [one]) for one in filters]

    # --- what may happen --------------------------------------------------------------------------

    @rule(who=st.sampled_from(SENDERS), rate=st.sampled_from([800.0, 2000.0]))
    def path_arrives(self, who: FilterSpec, rate: float) -> None:
        before = dict(self.senders)
        self.senders[who] = (rate, self.node.now + LIFETIME)
        if self.over_the_limit():
            # What a growing sender may do to a full link has tests of its own.
            self.senders = before
            return
        message = path(who, to=GROUP, hop="10.1.0.1", refresh=REFRESH, spec=tspec(rate))
        self.node.receive(message, 1)

    def over_the_limit(self) -> bool:
        load_of: dict[int, float] = {}
        for (oi, _), (_, _, rate) in self.expected().items():
            load_of[oi] = load_of.get(oi, 0.0) + rate
        return any(total > LIMIT for total in load_of.values())

    @rule(who=st.sampled_from(SENDERS))
    def path_tear_arrives(self, who: FilterSpec) -> None:
        self.node.receive(path_tear(who, to=GROUP, hop="10.1.0.1"), 1)
        if who in self.senders:
            self.lose(who)

    @rule(hop=st.sampled_from(NEXT_HOPS), filters=subsets, rate=rates)
    def resv_arrives(self, hop: tuple[int, str], filters: list[FilterSpec], rate: float) -> None:
        oi, address = hop
        flowspec = load(rate)
        flows = [(flowspec, tuple(part)) for _, part in self.groups(filters)]
        message = resv(self.style, *flows, to=GROUP, hop=address, lih=oi, refresh=REFRESH)
        self.node.receive(message, oi)
        until = self.node.now + LIFETIME
        for group, part in self.groups(filters):
            known = {f: until for f in part if f in self.senders}
            if not (known if self.style.explicit else self.senders):
                continue  # no sender information
            key = (oi, address, group)
            old = self.reserved.get(key)
            merged = {**(old.filters if old else {}), **known}
            self.reserved[key] = Reserved(flowspec, merged, until)
            if self.over_the_limit():
                if old is not None:  # a failed increase leaves the old one in place, and alive
                    old.filters.update({f: until for f in known if f in old.filters})
                    old.until = until
                    self.reserved[key] = old
                else:
                    del self.reserved[key]

    @rule(hop=st.sampled_from(NEXT_HOPS), filters=subsets)
    def resv_tear_arrives(self, hop: tuple[int, str], filters: list[FilterSpec]) -> None:
        oi, address = hop
        parts = [tuple(part) for _, part in self.groups(filters)]
        self.node.receive(resv_tear(self.style, *parts, to=GROUP, hop=address, lih=oi), oi)
        for group, part in self.groups(filters):
            one = self.reserved.get((oi, address, group))
            if one is None:
                continue
            for f in part:
                one.filters.pop(f, None)
            if not self.style.explicit or not one.filters:
                del self.reserved[oi, address, group]

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.node.now + seconds
        # In the model, too, things end in the order of their deadlines.
        while True:
            deadlines = [t for _, t in self.senders.values()]
            for one in self.reserved.values():
                deadlines += list(one.filters.values()) if self.style.explicit else [one.until]
            due = [t for t in deadlines if t <= until]
            if not due:
                break
            self.node.advance(max(0.0, min(due) - self.node.now))
            self.forget()
        self.node.advance(until - self.node.now)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def installed_is_the_merge(self) -> None:
        if not hasattr(self, "node"):
            return
        real = {}
        for flow in self.node.flows.values():
            group = None if self.style.shared else flow.filters[0]
            rate = effective(flow.flowspec, flow.tspec).rate
            real[flow.interface, group] = (flow.flowspec, frozenset(flow.filters), rate)
        assert real == self.expected()

    @invariant()
    def nobody_promises_more_than_there_is(self) -> None:
        if hasattr(self, "node"):
            for view in self.node.engine.interfaces():
                promised = sum(
                    effective(f.flowspec, f.tspec).rate
                    for f in self.node.flows.values()
                    if f.interface == view.index
                )
                assert promised <= LIMIT * (1 + 1e-9)
                assert abs(view.reserved - promised) < 1e-6

    @invariant()
    def upstream_is_asked_for_the_largest(self) -> None:
        if not hasattr(self, "node"):
            return
        asked: dict[FilterSpec, float] = {}
        for view in self.node.engine.requests():
            for who in view.filters or list(self.senders):
                asked[who] = view.flowspec.rate
        needed: dict[FilterSpec, float] = {}
        for flowspec, filters, _ in self.expected().values():
            for who in filters or list(self.senders):
                needed[who] = max(needed.get(who, 0.0), flowspec.rate)
        if self.style.shared and needed:
            needed = dict.fromkeys(needed, max(needed.values()))
        assert asked == needed

    def teardown(self) -> None:
        """After the last refresh everything goes, and nothing is left behind."""
        if not hasattr(self, "node"):
            return
        self.node.advance(LIFETIME + 1)
        core = self.node.engine._core
        assert not self.node.flows
        assert not core.sessions
        assert not core.routes
        assert not core.alike
        assert all(not budget.reserved for budget in core.budgets.values())
        assert not [o for o in self.node.advance(1000) if isinstance(o, e.Send)]


TestHistories = Histories.TestCase
