"""State blocks come and go: counted for the neighbour that made them, and told to whoever looks on."""

from __future__ import annotations

from .core import Core
from .holdings import Neighbor
from .outputs import Change, StateChanged
from .psb import PathStateBlock
from .rsb import ReservationStateBlock


def has_room(core: Core, neighbor: Neighbor) -> bool:
    """Whether a neighbour may make one more state block."""
    total, config = core.held.total, core.config
    if total >= config.max_state:
        return False
    return total < config.max_state_per_neighbor or core.held.of(neighbor) < config.max_state_per_neighbor


def made(core: Core, block: PathStateBlock | ReservationStateBlock) -> None:
    """A block was put in place."""
    core.held.add(block.neighbor)
    if core.config.tells:  # members are looked up slowly
        tell(core, block, Change.MADE)


def gone(core: Core, block: PathStateBlock | ReservationStateBlock, why: Change) -> None:
    """A block was taken out."""
    core.held.remove(block.neighbor)
    tell(core, block, why)


def tell(core: Core, block: PathStateBlock | ReservationStateBlock, change: Change) -> None:
    """Let it be known what became of a block, where somebody wants to know."""
    if not core.config.tells:
        return
    what = "sender" if isinstance(block, PathStateBlock) else "reservation"
    core.out.append(StateChanged(change, what, block.state.session, block.about, *block.neighbor))
