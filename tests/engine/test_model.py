"""Random histories: the engine and a slow, obvious model agree at every moment (RFC 2205, RFC 2209).

Two sessions share the links of one router: a group that leaves through two interfaces and a unicast
destination. Senders are behind two previous hops on two interfaces, receivers are three next hops and an
application on the router itself. Paths, Resvs in every style, tears, errors and time come in any order.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rsvp import engine as e
from rsvp.engine.interfaces import LOCAL
from rsvp.errors import LocalError
from rsvp.iana import AdmissionError, ErrorCode
from rsvp.intserv import Tspec, controlled_load, effective, guaranteed
from rsvp.messages import Flow, Resv, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, FilterSpec, Hop, Style

from .fabric import a, path, path_tear, resv, resv_tear, router, sender, sends, session
from .model import Asked, Heard, Model, Talk, lifetime

PLACES = {
    sender(port=1): (1, "10.1.0.1"),
    sender(port=2): (1, "10.1.0.1"),
    sender("10.4.0.2", 3): (4, "10.4.0.1"),
}
SENDERS = list(PLACES)
GROUP, HOST = session("224.1.1.1"), session("10.2.0.9")
NEXT_HOPS = [(2, "10.2.0.1"), (2, "10.2.0.2"), (3, "10.3.0.1")]
LIMIT = 8000.0
REFRESH = 10.0

FLOWSPECS = [
    controlled_load(Tspec(500.0, 2000.0)),
    controlled_load(Tspec(3000.0, 2000.0, m=100, M=576)),
    controlled_load(Tspec(1000.0, 9000.0, 20_000.0)),
    controlled_load(Tspec(5000.0, 4000.0)),
    guaranteed(Tspec(1000.0, 2000.0), 2500.0),
    guaranteed(Tspec(800.0, 5000.0), 4000.0, slack=100),
]

subsets = st.lists(st.sampled_from(SENDERS), min_size=1, max_size=3, unique=True).map(tuple)
styles = st.sampled_from([FF, SE, WF])
talks = st.sampled_from([0, 0, 1])
periods = st.sampled_from([REFRESH, 2 * REFRESH])


class Histories(RuleBasedStateMachine):
    """The engine on one side, the model on the other."""

    @initialize()
    def begin(self) -> None:
        self.node = router(1, 2, 3, 4, bandwidth=LIMIT, refresh=REFRESH)
        self.node.route("224.1.1.1", 2, 3)
        self.node.route("10.2.0.9", 2)
        self.model = Model(LIMIT, REFRESH, [Talk(GROUP, (2, 3)), Talk(HOST, (2,))])
        self.late: dict[tuple[int, tuple[int, str]], float] = {}
        """Previous hops that hear of a change with the next refresh only, and until when."""
        self.open: set[int] = set()

    # --- what may happen --------------------------------------------------------------------------

    @rule(which=talks, who=st.sampled_from(SENDERS), rate=st.sampled_from([800.0, 2000.0]), period=periods)
    def path_arrives(self, which: int, who: FilterSpec, rate: float, period: float) -> None:
        talk, (iif, hop) = self.model.talks[which], PLACES[who]
        spec = Tspec(rate, 3000.0)
        if not self.model.path(talk, who, Heard(iif, hop, spec, self.node.now + lifetime(period))):
            return  # what a growing sender may do to a full link has tests of its own
        self.node.receive(path(who, to=talk.session, hop=hop, refresh=period, spec=spec), iif)

    @rule(which=talks, who=st.sampled_from(SENDERS))
    def path_tear_arrives(self, which: int, who: FilterSpec) -> None:
        talk, (iif, hop) = self.model.talks[which], PLACES[who]
        self.node.receive(path_tear(who, to=talk.session, hop=hop), iif)
        if who in talk.senders:
            self.model.lose(talk, who)

    @rule(
        which=talks,
        hop=st.sampled_from(NEXT_HOPS),
        style=styles,
        who=subsets,
        flowspec=st.sampled_from(FLOWSPECS),
        period=periods,
    )
    def resv_arrives(self, which, hop, style, who, flowspec, period) -> None:
        talk, (oi, address) = self.model.talks[which], hop
        who = who if style.explicit else ()
        before, now = talk.asked(self.node.now), self.node.now
        errors = self.model.resv(talk, style, oi, address, flowspec, who, now + lifetime(period))
        flows = [(flowspec, filters) for _, filters in talk.groups(style, who)]
        message = resv(style, *flows, to=talk.session, hop=address, lih=oi, refresh=period)
        outputs = self.node.receive(message, oi)
        answers = [(m.error.code, m.error.value) for m in sends(outputs, ResvErr)]
        assert answers == errors
        if style.explicit and talk.asked(now) == before and not self.late:
            assert not sends(outputs, Resv), "what merging hides is not sent on"
            assert not sends(outputs, ResvTear)

    @rule(which=talks, hop=st.sampled_from(NEXT_HOPS), style=styles, who=subsets)
    def resv_tear_arrives(
        self, which: int, hop: tuple[int, str], style: Style, who: tuple[FilterSpec, ...]
    ) -> None:
        talk, (oi, address) = self.model.talks[which], hop
        who = who if style.explicit else ()
        parts = [filters for _, filters in talk.groups(style, who)]
        self.node.receive(resv_tear(style, *parts, to=talk.session, hop=address, lih=oi), oi)
        self.model.resv_tear(talk, style, oi, address, who)

    @precondition(lambda self: any(talk.asked(self.node.now) for talk in self.model.talks))
    @rule(data=st.data(), flowspec=st.none() | st.sampled_from(FLOWSPECS))
    def resv_err_arrives(self, data, flowspec) -> None:
        """A previous hop refuses what it was asked for, or what it was asked for some time ago."""
        now = self.node.now
        asked = {
            (n, hop): want for n, talk in enumerate(self.model.talks) for hop, want in talk.asked(now).items()
        }
        n, (iif, address) = which = data.draw(st.sampled_from(sorted(asked)))
        talk, want = self.model.talks[n], asked[which]
        assert talk.style is not None
        group = data.draw(st.sampled_from(list(want)))
        who = () if group is None else (group,)
        failed = flowspec or want[group]
        self.node.receive(
            ResvErr(
                session=talk.session,
                hop=Hop(a(address), 7),
                error=ErrorSpec(
                    a(address), ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE
                ),
                style=talk.style,
                flow=Flow(failed, who),
                send_ttl=63,
            ),
            iif,
        )
        self.model.resv_err(talk, iif, address, failed, who, now)
        self.late[which] = now + 1.5 * REFRESH

    @rule(which=talks, style=styles, who=subsets, flowspec=st.sampled_from(FLOWSPECS))
    def application_reserves(self, which, style, who, flowspec) -> None:
        talk = self.model.talks[which]
        if which not in self.open:
            self.open.add(which)
            self.node.feed(e.OpenSession(which + 1, talk.session))
        who = who if style.explicit else ()
        flows = tuple(Flow(flowspec, filters) for _, filters in talk.groups(style, who))
        if self.model.app_reserves(talk, style, flowspec, who):
            self.node.feed(e.Reserve(which + 1, style, flows))
        else:
            with pytest.raises(LocalError):
                self.node.feed(e.Reserve(which + 1, style, flows))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def application_releases(self, data) -> None:
        which = data.draw(st.sampled_from(sorted(self.open)))
        self.node.feed(e.Release(which + 1))
        self.model.app_releases(self.model.talks[which])

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.node.now + seconds
        while (due := min(self.model.deadlines(), default=until)) < until:
            self._go_to(max(due, self.node.now))
        self._go_to(until)

    def _go_to(self, when: float) -> None:
        """In the model, too, things end in the order of their deadlines."""
        self.node.advance(when - self.node.now)
        for n, talk in enumerate(self.model.talks):
            for (iif, hop, _), (_, until) in talk.refused.items():
                if until <= when:
                    self.late[n, (iif, hop)] = max(self.late.get((n, (iif, hop)), 0.0), until + 1.5 * REFRESH)
        self.model.forget(when)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def installed_is_the_merge(self) -> None:
        """What traffic control was told is the merge of what is reserved (section 2.2)."""
        if not hasattr(self, "node"):
            return
        for talk in self.model.talks:
            shared = talk.style is not None and talk.style.shared
            real = {
                (flow.interface, None if shared else flow.filters[0]): (
                    flow.flowspec,
                    flow.filters,
                    flow.tspec,
                )
                for flow in self.node.flows.values()
                if flow.session == talk.session
            }
            wanted = {
                key: (flowspec, tuple(sorted(who, key=filter_order)) if talk.style.explicit else (), path_te)
                for key, (flowspec, who, path_te) in talk.installed().items()
                if key[0] != LOCAL
            }
            assert {k: (f, tuple(sorted(w, key=filter_order)), t) for k, (f, w, t) in real.items()} == wanted

    @invariant()
    def nobody_promises_more_than_there_is(self) -> None:
        """The sum of what was admitted never exceeds what is reservable (section 2)."""
        if hasattr(self, "node"):
            for view in self.node.engine.interfaces():
                flows = [flow for flow in self.node.flows.values() if flow.interface == view.index]
                promised = sum(effective(flow.flowspec, flow.tspec).rate for flow in flows)
                assert promised <= LIMIT * (1 + 1e-9)
                assert abs(view.reserved - promised) < 1e-6

    @invariant()
    def state_lives_exactly_as_long_as_it_should(self) -> None:
        """Nothing outlives its lifetime, and nothing goes earlier (section 3.7)."""
        if not hasattr(self, "node"):
            return
        now, engine = self.node.now, self.node.engine
        for talk in self.model.talks:
            heard = {v.sender: v.expires_in for v in engine.senders(now) if v.session == talk.session}
            assert heard == {who: pytest.approx(one.until - now) for who, one in talk.senders.items()}
            views = [v for v in engine.reservations(now) if v.session == talk.session]
            said = {
                (v.interface, str(v.nhop or "app"), frozenset(v.filters)): (v.flowspec, v.expires_in)
                for v in views
            }
            wanted = {}
            for (oi, hop, _), one in talk.said.items():
                ends = min(one.filters.values()) if talk.style.explicit else one.until
                left = None if oi == LOCAL else pytest.approx(ends - now)
                wanted[oi, hop, frozenset(one.filters)] = (one.flowspec, left)
            assert said == wanted

    @invariant()
    def each_previous_hop_is_asked_for_the_merge(self) -> None:
        """Also where some of it is blockaded (sections 1.3 and 3.5)."""
        if not hasattr(self, "node"):
            return
        now = self.node.now
        for n, talk in enumerate(self.model.talks):
            real: dict[tuple[int, str], Asked] = {}
            for view in self.node.engine.requests():
                if view.session == talk.session:
                    want = real.setdefault((view.interface, str(view.phop)), {})
                    want.update(dict.fromkeys(view.filters or (None,), view.flowspec))
            wanted = talk.asked(now)
            for hop in real.keys() | wanted.keys():
                if real.get(hop) == wanted.get(hop):
                    self.late.pop((n, hop), None)
                else:
                    assert now <= self.late.get((n, hop), 0.0) + 1e-6, (hop, real.get(hop), wanted.get(hop))
            for key in [key for key in talk.refused if key[:2] not in wanted]:
                del talk.refused[key]  # where nothing is asked, nothing is remembered of what failed

    def teardown(self) -> None:
        """After the last refresh everything goes, and nothing is left behind."""
        if not hasattr(self, "node"):
            return
        for which in self.open:
            self.node.feed(e.CloseSession(which + 1))
        self.node.advance(lifetime(2 * REFRESH) + 1)
        core = self.node.engine._core
        assert not self.node.flows
        assert not core.sessions
        assert not core.routes
        assert not core.alike
        assert all(not budget.reserved for budget in core.budgets.values())
        assert not [o for o in self.node.advance(1000) if isinstance(o, e.Send)]


def filter_order(one: FilterSpec) -> tuple[int, int]:
    return (int(one.address), one.port)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40)
