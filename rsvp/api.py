"""What applications may ask of a node, in this process or behind the daemon's socket (RFC 2205 3.11.1).

`node.Node` and `control.client.Client` offer the same methods; everything friendlier (`aio`, the
command line) is built on these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from .engine.outputs import Upcall
from .iana import DEFAULT_TTL
from .intserv import DEFAULT_ADSPEC, Adspec, Excess, Tspec
from .jsonform import Json
from .messages import Flow
from .objects import Filter, PolicyData, Session, Style

WHAT = (
    "interfaces",
    "sessions",
    "senders",
    "reservations",
    "requests",
    "installed",
    "refusals",
    "neighbors",
    "counters",
)
"""The words that `Api.show` knows."""

EXPLAINED = ("senders", "reservations", "requests", "installed", "refusals")
"""Those whose entries have a `why`."""


class Api(Protocol):
    """A node, as applications and operators see it."""

    async def open_session(self, session: Session) -> int:
        """Take part in a session; returns the handle that the other calls want."""

    async def close_session(self, handle: int) -> None:
        """Leave it: senders and reservations made under this handle are torn down."""

    async def add_sender(
        self,
        handle: int,
        template: Filter | None,
        tspec: Tspec,
        *,
        port: int = 0,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        policy: tuple[PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
        incoming: str | None = None,
    ) -> Filter:
        """Announce a sender; returns it.

        `template` None: the node's own address towards the destination, with `port` (the SPI
        of a session that is a `GpiSession`). `ttl` is the
        application's multicast TTL, `policy` goes along as it is (RFC 2750), and `excess` is what this
        node does with packets beyond the Tspec once the flow is reserved. `incoming` names the interface
        behind which a host is that does not speak RSVP, and that this is announced for (a sender proxy:
        RFC 5945 section 2.2). Raises NoRoute, or LocalError for an address that is neither.
        """

    async def remove_sender(self, handle: int, template: Filter) -> None:
        """Tear a sender down."""

    async def reserve(
        self,
        handle: int,
        style: Style,
        flows: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[PolicyData, ...] = (),
        joined: str | None = None,
        outgoing: str | None = None,
    ) -> None:
        """Reserve, in place of what this handle reserved before; `policy` goes along as it is.

        Senders that are not there yet are waited for. `joined` names the interface where the application
        is a member of the group, if it chose one: a group's data that comes in by another one is not
        what this is for (RFC 2205 section 3.9). `outgoing` names the interface behind which a host
        is that does not speak RSVP, and that this is reserved for: it is admitted and installed there
        (a receiver proxy: RFC 5945 section 2.1). Raises LocalError, StyleConflict.
        """

    async def release(self, handle: int, filters: tuple[Filter, ...] | None = None) -> None:
        """Give the reservation back, or that of some senders."""

    def events(self, handle: int) -> AsyncIterator[Upcall]:
        """What happens in the session, in order, none lost; ends when it is closed."""

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """The entries of one `rsvp show` word; with `why` each says which messages and rules made it.

        Raises LocalError for an unknown word, and for `why` of one that is not in `EXPLAINED`.
        """

    async def admit(self, session: Session, style: Style, flows: tuple[Flow, ...]) -> list[dict[str, Json]]:
        """What this node would say to a reservation, which is not made: a dry run of admission.

        One entry for each flow and each interface where its data leaves: `interface`, `accepted`,
        `filters` and `flowspec` as they would stand there, merged with what stands; the `rate` that
        takes of the link, what of it is `held` already, and what then `remains` for others, bytes/s.
        `reason` is null, or says why not: `code`, `value`, `text` and `section`, and where a number
        stands in the way `limit` ("link", "pool", "flow", "mtu", "sessions", "reservations", "neighbor",
        "state"), `asked`, `available` and `unit`.
        Empty for data that ends here: only previous hops have to admit it. Without a Path of the
        session, the route decides where data would leave. Raises NoRoute, LocalError.
        """

    async def clear(self, what: str, session: Session | None = None) -> dict[str, int]:
        """Remove state that neighbours made, as tears of theirs would, or begin the counters anew.

        Of one session, or of all; returns how many "senders" and "reservations" went, and how many were
        "kept" because they are those of applications here, or of how many interfaces "counters" did.
        Raises LocalError for an unknown word, and for the counters of a session.
        """

    async def close(self) -> None:
        """Leave every session and let go of everything."""
