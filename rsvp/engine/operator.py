"""What the operator asks of the engine: other limits, and state to be removed at once."""

from __future__ import annotations

from . import path, resv
from .core import Core
from .inputs import Clear, Configure
from .outputs import Change


def configure(core: Core, order: Configure, now: float) -> None:
    """Take other limits; what is above them already stays until it goes by itself."""
    core.config = order.config


def clear(core: Core, order: Clear, now: float) -> None:
    """Remove what neighbours made, as tears from them would (RFC 2205 sections 3.1.5 and 3.1.6)."""
    if order.session is None:
        states = list(core.sessions.values())
    else:
        found = core.find_session(order.session)
        states = [found] if found is not None else []
    for state in states:
        for rsb in list(state.reservations()) if order.reservations else ():
            if rsb.handle is None:
                resv.give_back(core, state, rsb, tuple(rsb.filters), now, Change.CLEARED)
        for psb in list(state.psbs.values()) if order.senders else ():
            if psb.handle is None:
                path.remove(core, psb, now, Change.CLEARED)
