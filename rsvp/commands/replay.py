"""`rsvp replay`: the state of any moment, from a recording of an engine or a capture of a link."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import CaptureError, RecordingError, RsvpError
from ..jsonform import Json
from . import arguments, words
from .show import COLUMNS, print_table, print_why

if TYPE_CHECKING:
    from ..replay import Change, Replay
    from ..replay.asked import Moment, SessionTest

BRIEF: Final = ("senders", "reservations", "refusals")
"""What is shown where nothing was asked for in particular."""

LINK_COLUMNS: Final[Mapping[str, str]] = {
    "sessions": "session senders reservations style",
    "senders": "session sender phop nhops name tspec adspec expires_in",
    "reservations": "session style nhop phop filters labels flowspec expires_in",
    "requests": "session style phop nhop filters flowspec blockaded",
    "installed": "session node filters flowspec",
    "refusals": "session message node neighbor filters text times",
    "neighbors": "address encapsulation last_heard sent",
    "counters": "received errors idle",
}
"""A link has no interfaces, and shows who is at either end."""

read_what = arguments.one_of(
    COLUMNS, f"there is nothing called {{text}} in a recording: one of {', '.join(COLUMNS)}"
)


def _read_moment(text: str) -> Moment:
    from ..replay.asked import read_moment

    return read_moment(text)


def _read_session(text: str) -> SessionTest:
    from ..replay.asked import read_session_test

    return read_session_test(text)


def replay(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help='A recording, or a pcap or pcapng file; "-" is standard input.'),
    ],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            parser=arguments.as_usage(_read_moment),
            help="Seconds from the start (12.5, 2min), or a time of day (2026-05-01T12:30:00, UTC).",
        ),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=arguments.whole(1, 10**12),
            help="After this packet of the capture, or this line of the recording.",
        ),
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(metavar="WHAT", parser=read_what, help=f"Only this: one of {', '.join(COLUMNS)}."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            metavar="SESSION",
            parser=arguments.as_usage(_read_session),
            help="Only sessions to there: 10.1.0.2, 10.0.0.0/8, 10.1.0.2:5000/udp.",
        ),
    ] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Which packets, messages and rules made each entry.")
    ] = False,
    events: Annotated[
        bool, typer.Option("--events", help="What came, changed and went, when and why, up to then.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object; with --events one a line.")] = False,
    story: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Make the file a conformance story in DIR.")
    ] = None,
) -> None:
    """Show the state of any moment, from a recording or a capture.

    A recording is what `rsvp daemon --record FILE` or `rsvp sim --record DIR`
    wrote: the same engine takes the same inputs and is looked at. From a
    capture of a link comes what its messages made of the nodes at its
    ends: path state downstream, reservation state upstream, tunnels and
    their labels too. Without a time it is the end of the file.

    Example:

        tcpdump -i eth0 -w link.pcap ip proto 46

        rsvp replay link.pcap

        rsvp replay link.pcap --at 12.5 --what reservations --why

        rsvp replay link.pcap --events --session 10.1.0.2:5000

        rsvp replay /var/lib/rsvp/inputs.jsonl --at 2026-05-01T12:30:00 --json
    """
    from ..replay import open_replay

    if at is not None and frame is not None:
        raise typer.BadParameter("--at and --frame both name a moment: give one of them")
    if story is not None:
        _make_story(file, story)
        return
    replayed = open_replay(file)
    if what is not None and what not in replayed.what:
        raise RsvpError(f"a capture does not tell of {what}: one of {', '.join(replayed.what)}")
    until = at.since(replayed.epoch) if at is not None else None  # type: ignore[attr-defined]
    wanted: SessionTest = session or (lambda _: True)  # type: ignore[assignment]
    failure: RsvpError | None = None
    try:
        if events:
            _print_events(replayed.changes(until, frame), wanted, json)
        else:
            replayed.run(until, frame)
    except (CaptureError, RecordingError) as error:
        failure = error  # what stands before the damage is worth showing all the same
    if not events:
        _print_state(replayed, what, wanted, why, json)
    sys.stdout.flush()
    for note in replayed.notes():
        print(note, file=sys.stderr)
    if failure is not None:
        raise failure


# --- state ----------------------------------------------------------------------------------------


def _print_state(replayed: Replay, what: str | None, wanted: SessionTest, why: bool, json: bool) -> None:
    from ..api import EXPLAINED

    asked = (what,) if what is not None else replayed.what if json else BRIEF
    found = {
        word: [
            entry
            for entry in replayed.show(word, why=why and word in EXPLAINED)
            if "session" not in entry or wanted(entry["session"])
        ]
        for word in asked
    }
    if json:
        from json import dumps

        print(dumps({"time": round(replayed.time, 6), "frame": replayed.frame, **found}))
        return
    print(_when(replayed))
    for word, entries in found.items():
        if not entries:
            if what is not None:
                print(f"no {word}")
            continue
        if what is None:
            print(f"\n{word}")
        for table in [[entry] for entry in entries] if why else [entries]:
            _print_table(replayed, word, table)
            if why and "why" in table[0]:
                print_why(table[0]["why"])
    if what is None and not any(found.values()):
        print("no senders, reservations or refusals")


def _when(replayed: Replay) -> str:
    when = f"{replayed.time:.6f} s from the start, after {_place(replayed)} {replayed.frame}"
    if replayed.epoch is not None:
        moment = datetime.fromtimestamp(replayed.epoch + replayed.time, UTC)
        when += f", {moment:%Y-%m-%d %H:%M:%S.%f} UTC"
    return when


def _place(replayed: Replay) -> str:
    return "packet" if _is_link(replayed) else "line"


def _is_link(replayed: Replay) -> bool:
    return "interfaces" not in replayed.what


def _print_table(replayed: Replay, what: str, entries: list[dict[str, Json]]) -> None:
    columns = (LINK_COLUMNS if _is_link(replayed) else COLUMNS)[what].split()
    told = [name for name in columns if any(entry[name] not in (None, [], {}) for entry in entries)]
    print_table(what, entries, columns=told)


# --- timeline -------------------------------------------------------------------------------------


def _print_events(changes: Iterator[Change], wanted: SessionTest, json: bool) -> None:
    from json import dumps

    for change in changes:
        about = change.entry.get("session")
        if about is not None and not wanted(about):
            continue
        print(dumps(change.as_json()) if json else _line(change))


def _line(change: Change) -> str:
    frame = "-" if change.frame is None else f"#{change.frame}"
    if change.state == "message":
        through = change.entry["interface"]
        to = change.entry["destination"] if through is None else f"{change.entry['destination']} on {through}"
        return f"{change.time:12.6f}  {frame:>6}  sent to {to}: {change.entry['text']}"
    about = change.entry.get("session")
    told = f"{words.session(about)}: " if about is not None else ""
    return f"{change.time:12.6f}  {frame:>6}  {told}{_TEXTS[change.state](change)} ({change.why})"


def _sender(change: Change) -> str:
    entry = change.entry
    via = "an application here" if entry["phop"] is None else entry["phop"]
    text = f"{change.change} sender {words.place(entry['sender'])} behind {via}"
    return text if change.change == "gone" else f"{text}, {words.maybe(words.tspec, entry['tspec'])}"


def _reservation(change: Change) -> str:
    entry = change.entry
    of = "an application here" if entry["nhop"] is None else entry["nhop"]
    return _asked(change, f"{change.change} reservation of {of}, {entry['style']}")


def _request(change: Change) -> str:
    entry = change.entry
    to = "the application here" if entry["phop"] is None else entry["phop"]
    return _asked(change, f"{change.change} request to {to}, {entry['style']}")


def _installed(change: Change) -> str:
    return _asked(change, f"{change.change}: installed on {change.entry['interface']}")


def _asked(change: Change, text: str) -> str:
    entry = change.entry
    text += f" for {words.filters(entry['filters'])}"
    if change.change == "gone":
        return text
    text += f": {words.flowspec(entry['flowspec'])}"
    labels = [str(one) for one in entry.get("labels") or () if one is not None]
    return f"{text}, label {', '.join(labels)}" if labels else text


def _refusal(change: Change) -> str:
    entry = change.entry
    return f"{entry['message']} of {entry['node']} for {words.filters(entry['filters'])}: {entry['text']}"


def _neighbor(change: Change) -> str:
    return f"{change.change} neighbor {change.entry['address']}"


_TEXTS: Final[Mapping[str, Callable[[Change], str]]] = {
    "sender": _sender,
    "reservation": _reservation,
    "request": _request,
    "installed": _installed,
    "refusal": _refusal,
    "neighbor": _neighbor,
}


# --- stories --------------------------------------------------------------------------------------

_STORY = """# {title}

{name}: say here what is to happen, and which section of which RFC wants it.
"""


def _make_story(file: str, story: Path) -> None:
    """Put a recording or capture where `tests/conformance` looks, with what it tells now."""
    from contextlib import redirect_stdout
    from io import StringIO
    from shutil import copyfile

    from ..replay import open_replay

    link = _is_link(open_replay(file))
    if story.exists() and any(story.iterdir()):
        raise RsvpError(f"{story} is there already: name a folder that is not")
    story.mkdir(parents=True, exist_ok=True)
    copy = story / ("capture.pcap" if link else "recording.jsonl")
    copyfile(file, copy)
    told = StringIO()
    with redirect_stdout(told):
        tell_story(str(copy))
    (story / "expected.txt").write_text(told.getvalue())
    title = story.name.replace("-", " ").capitalize()
    (story / "story.md").write_text(_STORY.format(title=title, name=Path(file).name))
    print(f"{story}: write into story.md what it is about")


def tell_story(file: str) -> None:
    """Print what a story of this file has to tell: all that happened, and what stands at the end."""
    from ..replay import open_replay

    replayed = open_replay(file)
    _print_events(replayed.changes(), lambda _: True, json=False)
    _print_state(replayed, None, lambda _: True, why=False, json=False)
