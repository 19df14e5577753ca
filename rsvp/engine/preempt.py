"""A link that has promised more than it carries: reservations reduced instead of torn (RFC 4495).

That is so where a link's bandwidth, or the share of it that may be reserved, shrinks below what stands,
and where the kernel refuses a change that admission had granted.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..iana import ErrorCode, ErrorFlag
from ..iana_errors import PolicyControlError
from ..iana_policy import MergeStrategy
from ..intserv import LEAST_RATE, Flowspec, at_most, rate_needed, reduced, strictly_less
from . import resv, resverr, traffic
from .core import Core
from .interfaces import LOCAL
from .outputs import Change
from .reject import Reject
from .rsb import ReservationStateBlock
from .session import SessionState
from .tcsb import TrafficControlStateBlock


def fit(core: Core, index: int, now: float) -> None:
    """Make what stands on an interface fit its limit; what was reduced gets back what fits again.

    The least important reservation goes first, the newest of equals, and is the last to get anything
    back. It is reduced if it can be, else torn, and the next one is looked at only if that was not enough
    (RFC 4495 section 5.6). What one service has too much of goes before others make room on the link.
    """
    interface, budget = core.interfaces[index], core.budgets[index]
    standing = sorted(_standing(core, index), key=lambda pair: (_priority(*pair), -pair[1].handle))
    for service in (*traffic.SERVICES, None):
        for state, tcsb in standing:
            if service is None or service == tcsb.installed.service:
                _reduce(core, state, tcsb, budget.over(interface, service), now)
    for state, tcsb in reversed(standing):
        if _stands(state, tcsb):
            traffic.restore(core, tcsb)


def _reduce(core: Core, state: SessionState, tcsb: TrafficControlStateBlock, over: float, now: float) -> None:
    """Take from a reservation what is booked too much, or all of it."""
    if over <= 0.0 or not _stands(state, tcsb):
        return
    left = core.budgets[tcsb.oi].held(tcsb.handle) - over
    if left < LEAST_RATE or not core.config.partial_preemption:
        _preempt(core, state, tcsb, now)
        return
    traffic.grant(core, tcsb, reduced(tcsb.installed, left, core.interfaces[tcsb.oi].bandwidth))
    for rsb in _rsbs(state, tcsb):
        if rsb.flowspec.rate > tcsb.installed.rate:
            resverr.report_reduction(core, state, rsb, tcsb.installed)


def _stands(state: SessionState, tcsb: TrafficControlStateBlock) -> bool:
    return state.tcsbs.get((tcsb.oi, tcsb.group)) is tcsb


def fall_back(
    core: Core, state: SessionState, tcsb: TrafficControlStateBlock, before: Flowspec, refusal: Reject
) -> None:
    """Traffic control refused a change: what stood before goes on standing (RFC 2205 section 3.11.2)."""
    tcsb.granted = before
    core.resvs_seen.forget(state)
    core.budgets[tcsb.oi].book(tcsb.handle, rate_needed(before, tcsb.path_te), before.service)
    in_place = Reject(refusal.code, refusal.value, refusal.flags | ErrorFlag.IN_PLACE)
    for rsb in _rsbs(state, tcsb):
        if not at_most(rsb.flowspec, before):
            resverr.report(core, state, rsb, in_place)


def _standing(core: Core, index: int) -> Iterator[tuple[SessionState, TrafficControlStateBlock]]:
    for state in core.sessions.values():
        for tcsb in state.tcsbs.values():
            if tcsb.oi == index != LOCAL:
                yield state, tcsb


def _rsbs(state: SessionState, tcsb: TrafficControlStateBlock) -> list[ReservationStateBlock]:
    return list(state.rsbs[tcsb.oi, tcsb.group].values())


def _preempt(core: Core, state: SessionState, tcsb: TrafficControlStateBlock, now: float) -> None:
    """Take a reservation away: those who made it are told, and upstream it is torn (RFC 3181)."""
    refusal = Reject(ErrorCode.POLICY_CONTROL_FAILURE, PolicyControlError.PREEMPTED)
    for rsb in _rsbs(state, tcsb):
        resverr.report(core, state, rsb, refusal, policy=(resverr.notice(rsb),))
        resv.shrink(core, state, rsb, list(rsb.filters), now, Change.TAKEN_AWAY)


def _priority(state: SessionState, tcsb: TrafficControlStateBlock) -> int:
    """How well a reservation is defended: 0 where nobody said (RFC 3181 section 5.1)."""
    rsbs = _rsbs(state, tcsb)
    counts = [p.defending for rsb in rsbs for p in resverr.priorities(rsb) if _counts(p.strategy, rsb, rsbs)]
    return max(counts, default=0)


def _counts(strategy: int, mine: ReservationStateBlock, among: list[ReservationStateBlock]) -> bool:
    """Whether a reservation's priority is one of what it is merged into, by its merge strategy.

    Highest QoS: where no other asks for all that it does and more, or it would lend its priority to what
    it does not need. Error if heterogeneous: where all ask for the same. Else always.
    """
    if strategy == MergeStrategy.HIGHEST_QOS:
        return not any(strictly_less(mine.flowspec, other.flowspec) for other in among)
    if strategy == MergeStrategy.ERROR_IF_HETEROGENEOUS:
        return all(mine.flowspec == other.flowspec for other in among)
    return True
