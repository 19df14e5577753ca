"""What FF, WF and SE mean: two bits and three consequences (RFC 2205 section 1.3).

A style says whether senders share a reservation and whether they are listed. Everything else in
the engine works with the groups, keys and flows that come from here and never asks for a style.

A group is one piece of bandwidth on one interface: of one sender where reservations are distinct,
else None, of all.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from .._table import Table
from .._values import number
from ..intserv import Flowspec, merge
from ..messages import Flow
from ..objects import Filter, FilterSpec, GpiFilter, Style

Group: TypeAlias = Filter | None
Wanted: TypeAlias = Table[Group, Flowspec]
"""What is asked for each sender, None standing for all of a wildcard reservation."""


def compatible(a: Style, b: Style) -> bool:
    """Whether reservations of both styles may stand in one session (RFC 2205 section 1.3)."""
    return a.shared == b.shared and a.explicit == b.explicit


def selects(style: Style, filters: Collection[Filter], sender: Filter) -> bool:
    """Whether a reservation of these filters covers that sender."""
    return not style.explicit or sender in filters


def split(style: Style, filters: tuple[Filter, ...]) -> list[tuple[Group, tuple[Filter, ...]]]:
    """The groups that one flow descriptor reserves for, with the filters of each."""
    if style.shared:
        return [(None, filters)]
    return [(one, (one,)) for one in filters]


def wanted(style: Style, asked: list[tuple[Filter, Flowspec]]) -> Wanted:
    """Merge what is asked of one previous hop for each of its senders (RFC 2205 section 1.3).

    A shared reservation is as large as the largest that any of its senders needs.
    """
    pairs = sorted(asked, key=lambda pair: filter_order(pair[0])) if len(asked) > 1 else asked
    if not pairs:
        return Table()
    if not style.shared:
        return Table(pairs)
    largest = pairs[0][1]
    for _, flowspec in pairs[1:]:
        largest = merge(largest, flowspec)
    if not style.explicit:
        return Table([(None, largest)])
    return Table([(sender, largest) for sender, _ in pairs])


def flows(style: Style, want: Wanted) -> tuple[Flow, ...]:
    """Put what is wanted into flow descriptors (RFC 2205 section 3.1.4)."""
    if not want:
        return ()
    if not style.shared:
        return tuple([Flow(flowspec, (sender,)) for sender, flowspec in want.items() if sender])
    flowspec = next(iter(want.values()))
    return (Flow(flowspec, tuple([sender for sender in want if sender is not None])),)


def in_order(filters: Collection[Filter]) -> tuple[Filter, ...]:
    """Filters as messages and traffic control list them."""
    return tuple(sorted(filters, key=filter_order) if len(filters) > 1 else filters)


def filter_order(one: Filter) -> tuple[int, int, int]:
    """A total order of filters, so that equal state makes equal messages."""
    if isinstance(one, FilterSpec):
        minor = one.port
    else:
        minor = one.gpi if isinstance(one, GpiFilter) else one.flow_label
    return (one.address.version, number(one.address), minor)
