"""A router, slow and obvious: what its neighbours said and until when, and all else computed from that.

Nothing here is kept up to date. Each answer is worked out anew from the list of what was said, by the
sentences of RFC 2205 and not by the engine's rooms: what is installed (section 2.2), what each previous
hop is asked for (sections 1.3 and 3.5), which requests are refused and how (appendix B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import reduce

from rsvp.engine.interfaces import LOCAL
from rsvp.iana import AdmissionError, ErrorCode, TrafficControlCode
from rsvp.intserv import Flowspec, Tspec, at_most, effective, glb, merge, tspec_sum
from rsvp.objects import FilterSpec, Session, Style

Group = FilterSpec | None
Asked = dict[Group, Flowspec]


def lifetime(refresh: float) -> float:
    """RFC 2205 section 3.7, with K = 3."""
    return (3 + 0.5) * 1.5 * refresh


@dataclass
class Heard:
    """A sender, as its Path said."""

    iif: int
    hop: str
    tspec: Tspec
    until: float


@dataclass
class Said:
    """What one next hop reserves for one group; `until` for all senders, or for each that it lists."""

    flowspec: Flowspec
    until: float
    filters: dict[FilterSpec, float] = field(default_factory=dict)


@dataclass
class Talk:
    """All that was said in one session; its data leaves through the interfaces `ways`."""

    session: Session
    ways: tuple[int, ...]
    senders: dict[FilterSpec, Heard] = field(default_factory=dict)
    said: dict[tuple[int, str, Group], Said] = field(default_factory=dict)
    style: Style | None = None
    refused: dict[tuple[int, str, Group], tuple[Flowspec, float]] = field(default_factory=dict)
    """Blockade state: (interface, previous hop, sender or None for all) -> Qb, until."""

    @property
    def stands(self) -> Style | None:
        return self.style if self.said else None

    def groups(
        self, style: Style, filters: tuple[FilterSpec, ...]
    ) -> list[tuple[Group, tuple[FilterSpec, ...]]]:
        """Shared reservations are one piece of bandwidth, distinct ones one for each sender."""
        return [(None, filters)] if style.shared else [(one, (one,)) for one in filters]

    def wants(self, one: Said, who: FilterSpec) -> bool:
        assert self.style is not None
        return not self.style.explicit or who in one.filters

    def installed(self) -> dict[tuple[int, Group], tuple[Flowspec, frozenset[FilterSpec], Tspec]]:
        """Section 2.2: for each group on each interface the merge of what is reserved, and Path_Te."""
        found = {}
        for oi, group in {(oi, group) for oi, _, group in self.said}:
            ones = [one for (i, _, g), one in self.said.items() if (i, g) == (oi, group)]
            who = [sender for sender in self.senders if any(self.wants(one, sender) for one in ones)]
            if who and (oi in self.ways or oi == LOCAL):
                flowspec = reduce(merge, (one.flowspec for one in ones))
                path_te = tspec_sum(*(self.senders[one].tspec for one in who))
                found[oi, group] = (flowspec, frozenset(who), path_te)
        return found

    def blockaded(self, flowspec: Flowspec, who: FilterSpec, now: float) -> bool:
        """Section 3.5: Qb is not strictly greater."""
        heard = self.senders[who]
        for group in (who, None):
            failed, until = self.refused.get((heard.iif, heard.hop, group), (None, 0.0))
            if failed is not None and now < until and (flowspec == failed or not at_most(flowspec, failed)):
                return True
        return False

    def asks_for(self, who: FilterSpec, now: float) -> Flowspec | None:
        """Section 3.5: the merge of what is not blockaded, or the GLB where all is."""
        ones = [one.flowspec for one in self.said.values() if self.wants(one, who)]
        if not ones:
            return None
        groups = {
            (oi, group): flowspec
            for (oi, group), (flowspec, whose, _) in self.installed().items()
            if who in whose
            and any(self.wants(one, who) for (i, _, g), one in self.said.items() if (i, g) == (oi, group))
        }
        if not any(self.blockaded(flowspec, who, now) for flowspec in groups.values()):
            return reduce(merge, groups.values())
        free = [one for one in ones if not self.blockaded(one, who, now)]
        return reduce(merge, free) if free else reduce(glb, ones)

    def asked(self, now: float) -> dict[tuple[int, str], Asked]:
        """Section 1.3: what each previous hop is asked for, by sender or, for wildcards, for all."""
        found: dict[tuple[int, str], Asked] = {}
        for who, heard in self.senders.items():
            flowspec = self.asks_for(who, now)
            if flowspec is not None:
                found.setdefault((heard.iif, heard.hop), {})[who] = flowspec
        assert not found or self.style is not None
        for hop, asked in found.items():
            if self.style is not None and self.style.shared:
                largest = reduce(merge, asked.values())
                found[hop] = dict.fromkeys(asked if self.style.explicit else [None], largest)
        return found


class Model:
    """The node: its sessions, and how much of each link may be promised."""

    def __init__(self, limit: float, refresh: float, talks: list[Talk]) -> None:
        self.limit, self.refresh, self.talks = limit, refresh, talks

    def booked(self, oi: int) -> float:
        return sum(
            effective(flowspec, path_te).rate
            for talk in self.talks
            for (interface, _), (flowspec, _, path_te) in talk.installed().items()
            if interface == oi
        )

    def too_much(self) -> bool:
        return any(self.booked(oi) > self.limit * (1 + 1e-9) for talk in self.talks for oi in talk.ways)

    # --- what neighbours say -----------------------------------------------------------------------

    def path(self, talk: Talk, who: FilterSpec, heard: Heard) -> bool:
        """A sender is there, or says something else; False where that would overfill a link."""
        before = talk.senders.get(who)
        talk.senders[who] = heard
        if self.too_much():
            if before is None:
                del talk.senders[who]
            else:
                talk.senders[who] = before
            return False
        return True

    def lose(self, talk: Talk, who: FilterSpec) -> None:
        """A sender is gone, and with it what was reserved for nobody else (section 3.1.5)."""
        talk.senders.pop(who, None)
        for key, one in list(talk.said.items()):
            if key[0] == LOCAL:
                continue  # applications wait for their senders to come back
            one.filters.pop(who, None)
            if not (one.filters if talk.style is not None and talk.style.explicit else talk.senders):
                del talk.said[key]

    def resv(
        self,
        talk: Talk,
        style: Style,
        oi: int,
        hop: str,
        flowspec: Flowspec,
        who: tuple[FilterSpec, ...],
        until: float,
    ) -> list[tuple[int, int]]:
        """A next hop reserves; the errors that it is answered with, one for each refused flow."""
        groups = talk.groups(style, who)
        if not talk.senders:
            return [(ErrorCode.NO_PATH_INFORMATION, 0)] * len(groups)
        if talk.stands is not None and talk.stands != style:
            return [(ErrorCode.CONFLICTING_STYLE, talk.stands.option_vector & 0xFFFF)] * len(groups)
        talk.style = style
        errors = []
        for group, filters in groups:
            error = self._reserve(talk, (oi, hop, group), flowspec, filters, until)
            if error is not None:
                errors.append(error)
        return errors

    def _reserve(
        self,
        talk: Talk,
        key: tuple[int, str, Group],
        flowspec: Flowspec,
        who: tuple[FilterSpec, ...],
        until: float,
    ) -> tuple[int, int] | None:
        assert talk.style is not None
        known = [one for one in who if one in talk.senders]
        if key[0] not in talk.ways or (talk.style.explicit and not known):
            return (ErrorCode.NO_SENDER_INFORMATION, 0)
        old = talk.said.get(key)
        talk.said[key] = Said(
            flowspec, until, {**(old.filters if old else {}), **dict.fromkeys(known, until)}
        )
        error = None
        if any(one.flowspec.service != flowspec.service for one in talk.said.values()):
            error = (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_CONFLICT)
        elif self.too_much():
            error = (ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE)
        if error is not None and old is None:
            del talk.said[key]
        elif error is not None and old is not None:
            # What was there before stays, and lives on (section 3.5).
            old.until = until
            old.filters.update({one: until for one in known if one in old.filters})
            talk.said[key] = old
        return error

    def resv_tear(self, talk: Talk, style: Style, oi: int, hop: str, who: tuple[FilterSpec, ...]) -> None:
        """A next hop gives back (section 3.1.6)."""
        if talk.stands != style:
            return
        for group, filters in talk.groups(style, who):
            one = talk.said.get((oi, hop, group))
            if one is not None:
                for filter_ in filters:
                    one.filters.pop(filter_, None)
                if not one.filters:
                    del talk.said[oi, hop, group]

    def resv_err(
        self, talk: Talk, iif: int, hop: str, flowspec: Flowspec, who: tuple[FilterSpec, ...], now: float
    ) -> None:
        """A previous hop could not admit that much (section 3.5); Kb is 4."""
        for group in who or (None,):
            talk.refused[iif, hop, group] = (flowspec, now + 4 * self.refresh)

    # --- applications on this node ------------------------------------------------------------------

    def app_reserves(self, talk: Talk, style: Style, flowspec: Flowspec, who: tuple[FilterSpec, ...]) -> bool:
        """What the application reserved before is replaced; False where it does not go with the others."""
        others = {key: one for key, one in talk.said.items() if key[0] != LOCAL}
        if others and (
            talk.style != style or any(one.flowspec.service != flowspec.service for one in others.values())
        ):
            return False
        talk.said, talk.style = others, style
        for group, filters in talk.groups(style, who):
            talk.said[LOCAL, "app", group] = Said(flowspec, math.inf, dict.fromkeys(filters, math.inf))
        return True

    def app_releases(self, talk: Talk) -> None:
        talk.said = {key: one for key, one in talk.said.items() if key[0] != LOCAL}

    # --- time ---------------------------------------------------------------------------------------

    def forget(self, now: float) -> None:
        """Whatever was not refreshed in time is gone (section 2.3)."""
        for talk in self.talks:
            for who in [who for who, heard in talk.senders.items() if heard.until <= now]:
                self.lose(talk, who)
            for key, one in list(talk.said.items()):
                one.filters = {who: until for who, until in one.filters.items() if until > now}
                if not one.filters if talk.style is not None and talk.style.explicit else one.until <= now:
                    del talk.said[key]

    def deadlines(self) -> list[float]:
        found = []
        for talk in self.talks:
            found += [heard.until for heard in talk.senders.values()]
            for one in talk.said.values():
                found += (
                    one.filters.values() if talk.style is not None and talk.style.explicit else [one.until]
                )
        return [until for until in found if until < math.inf]
