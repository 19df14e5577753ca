"""`rsvp show`: the daemon's state, for its operator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..jsonform import Json
from ..paths import CONTROL
from . import arguments, options, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..control.client import Client

DEFAULT_PERIOD = 2
"""Seconds between two looks of `--watch`."""

LINE = 1000
"""Columns of a line that is not to be broken; a terminal that is too narrow for a table breaks it itself."""

LOCAL = "local"
"""In place of a hop or interface: an application on this node."""

COLUMNS = {
    "interfaces": "name index addresses mtu bandwidth reservable reserved pools flows",
    "sessions": "session senders reservations style",
    "senders": "session sender phop interface outgoing tspec adspec expires_in",
    "reservations": "session style nhop interface filters flowspec expires_in",
    "requests": "session style phop interface filters flowspec",
    "installed": "session interface filters flowspec handle bytes packets dropped",
    "refusals": "session message neighbor interface filters flowspec text times",
    "neighbors": "address interface encapsulation last_heard",
    "counters": "interface sent received errors",
}


read_what = arguments.one_of(
    COLUMNS, f"there is nothing called {{text}} to show: one of {', '.join(COLUMNS)}"
)


def _share(value: Json) -> str:
    return f"{value * 100:.4g} %"


def _local(value: Json) -> str:
    return LOCAL if value is None else str(value)


def _list(value: Json) -> str:
    return ", ".join(_local(one) for one in value) or words.NONE


def _counts(value: Json) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(value.items())) or words.NONE


def _pools(value: Json) -> str:
    found = (
        f"{name} {words.rate(pool['reserved'])} of {words.rate(pool['limit'])}"
        for name, pool in sorted(value.items())
    )
    return ", ".join(found) or words.NONE


def _plain(value: Json) -> str:
    return words.NONE if value is None else str(value)


def _tspec(value: Json) -> str:
    return words.maybe(words.tspec, value)


def _ago(value: Json) -> str:
    return f"{words.seconds(value)} ago"


FORMS: dict[str, Callable[[Json], str]] = {
    "addresses": _list,
    "outgoing": _list,
    "bandwidth": words.rate,
    "reserved": words.rate,
    "reservable": _share,
    "pools": _pools,
    "session": words.session,
    "sender": words.place,
    "filters": words.filters,
    "tspec": _tspec,
    "flowspec": words.flowspec,
    "adspec": words.adspec,
    "phop": _local,
    "neighbor": _local,
    "nhop": _local,
    "interface": _local,
    "expires_in": words.seconds,
    "last_heard": _ago,
    "sent": _counts,
    "received": _counts,
    "errors": _counts,
    "idle": _counts,
    "nhops": _list,
    "labels": _list,
    "blockaded": words.flowspec,
}
"""How a column is written for people, where not just as it is."""


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            parser=read_what,
            help=f"One of {', '.join(COLUMNS)}.",
            autocompletion=arguments.completes(COLUMNS),
        ),
    ],
    why: Annotated[
        bool, typer.Option("--why", help="Which messages and which rules made each entry.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option(
            metavar="[SECONDS]",
            parser=arguments.positive,
            help=f"Again every so many seconds, {DEFAULT_PERIOD} without a number, until interrupted.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help='One JSON object: {"WHAT": [...]}.')] = False,
    control: options.Control = CONTROL,
) -> None:
    """Show what the daemon knows.

    senders is path state, reservations what next hops and applications
    here ask for, requests what is asked of previous hops after merging,
    installed what traffic control holds, refusals what was turned down
    lately.

    Example:

        rsvp show reservations

        rsvp show requests --why

        rsvp show senders --json | jq '.senders[].expires_in'

        rsvp show installed --watch 5
    """
    import asyncio

    asyncio.run(_show(control, what, why, json, watch))


async def _show(control: str, what: str, why: bool, json: bool, period: float | None) -> None:
    from ..control.client import connect

    async with await connect(control) as client:
        if period is None:
            _print(what, await client.show(what, why=why), json)
        elif sys.stdout.isatty() and not (json or why):
            await _redraw(client, what, period)
        else:
            await _repeat(client, what, why, json, period)


def _print(what: str, entries: list[dict[str, Json]], json: bool) -> None:
    if json:
        from json import dumps

        print(dumps({what: entries}), flush=True)
    elif entries:
        print_entries(what, entries)
    else:
        print(f"no {what}")


async def _repeat(client: Client, what: str, why: bool, json: bool, period: float) -> None:
    """Once a period, but where nothing has changed."""
    import asyncio

    before = None
    while True:
        entries = await client.show(what, why=why)
        if entries != before:
            if before is not None and not json:
                print()
            _print(what, entries, json)
            sys.stdout.flush()
        before = entries
        await asyncio.sleep(period)


async def _redraw(client: Client, what: str, period: float) -> None:
    """In place, as long as somebody watches."""
    import asyncio

    from rich.live import Live

    with Live(console=_console(), screen=True, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            entries = await client.show(what)
            live.update(as_table(what, entries) if entries else f"no {what}", refresh=True)
            await asyncio.sleep(period)


def print_entries(what: str, entries: list[dict[str, Json]], *more: str) -> None:
    """Print entries for people: in one table, or each with its reasons where they have any.

    `more` are keys as in `print_table`.
    """
    if "why" not in entries[0]:
        print_table(what, entries, *more)
        return
    for entry in entries:
        print_table(what, [entry], *more)
        print_why(entry["why"])


def print_why(reasons: list[dict[str, Json]]) -> None:
    """Print the reasons for an entry for people, each with what it was applied to, and a line to end."""
    for reason in reasons:
        print(f"  {reason['text']} ({reason['section']})")
        for source in reason["sources"]:
            print(f"    {words.source(source)}")
    print()


def print_table(
    what: str, entries: list[dict[str, Json]], *more: str, columns: Sequence[str] | None = None
) -> None:
    """Print entries for people, one a line; `more` are keys to begin with that only these entries have.

    `columns` are those of `COLUMNS` unless something else is asked for.
    """
    table = as_table(what, entries, *more, columns=columns)
    console = _console()
    if console.measure(table, options=console.options.update(width=LINE)).minimum > console.width:
        console.width = LINE
    with console.capture() as text:
        console.print(table)
    # Not by the console itself, which ends the program when its reader goes.
    for line in text.get().splitlines():
        print(line.rstrip())


def columns_of(what: str, entries: list[dict[str, Json]]) -> list[str]:
    """The columns for people; which table of rsvp.toml made an entry only where one did."""
    proxies = any(entry.get("proxy") for entry in entries)
    return COLUMNS[what].split() + ["proxy"] * proxies


def _console() -> Console:
    from rich.console import Console

    # A pipe has no width: give each entry its one line there, for grep.
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else LINE)


def as_table(
    what: str, entries: list[dict[str, Json]], *more: str, columns: Sequence[str] | None = None
) -> Table:
    """The entries for people, one a line, as rich prints them; see `print_table`."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    columns = [*more, *(columns_of(what, entries) if columns is None else columns)]
    cells_of: list[list[str]] = []
    for column in columns:
        numbers = all(isinstance(entry[column], int) for entry in entries)
        cells = [FORMS.get(column, _plain)(entry[column]) for entry in entries]
        table.add_column(
            column.replace("_", " "),
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=not any(" " in cell for cell in cells),
        )
        cells_of.append(cells)
    for row in zip(*cells_of, strict=True):
        table.add_row(*row)
    return table
