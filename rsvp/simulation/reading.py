"""The lines that describe a network, of topology files and of scenarios alike.

host h1 h2
router r1 r2 refresh 5
plain p1
link h1 r1 100mbit 1ms loss 5%
lan r1 r2 h2 10mbit
topology lab.clab.yml
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .lines import (
    Words,
    is_number,
    is_rate,
    is_time,
    read_count,
    read_keep,
    read_lines,
    read_rate,
    read_share,
    read_span,
    read_time,
)
from .topology import Kind, LinkSpec, Topology, load_text, read_end, read_name

LINK_WORDS: dict[str, tuple[str, Callable[[str], float]]] = {
    "bandwidth": ("bandwidth", read_rate),
    "delay": ("delay", read_time),
    "jitter": ("jitter", read_time),
    "loss": ("loss", read_share),
    "duplicate": ("duplication", read_share),
    "reorder": ("reordering", read_share),
    "held": ("held", read_span),
    "reservable": ("reservable", read_share),
    "per-flow": ("per_flow", read_rate),
    "mtu": ("mtu", read_count),
    "cost": ("cost", read_count),
}
"""A word behind a link's ends -> the field of `LinkSpec` that it sets, and how its value is written."""

NODE_WORDS: dict[str, tuple[str, Callable[[str], float]]] = {
    "refresh": ("refresh", read_span),
    "keep": ("keep", read_keep),
    "route-delay": ("route_delay", read_time),
    "blockade": ("blockade", read_count),
    "slew": ("slew", read_share),
}
"""A word behind nodes' names -> the field of `NodeSpec` that it sets, and how its value is written."""

STATEMENTS = ("host", "router", "plain", "link", "lan", "topology")


def load_topology(file: str, within: tuple[Path, ...] = ()) -> Topology:
    """A topology from a file of lines or of containerlab; `within` are those that take it in.

    Raises ScenarioError.
    """
    text = load_text(file)
    if Path(file).suffix.lower() in (".yml", ".yaml"):
        from .containerlab import read_containerlab

        return read_containerlab(text, file)
    return read_topology(text, file, within)


def read_topology(text: str, file: str, within: tuple[Path, ...] = ()) -> Topology:
    """A topology from its lines. Raises ScenarioError."""
    topology = Topology()
    for words in read_lines(text, file):
        if not read_statement(words, topology, (*within, Path(file))):
            words.unknown(words.take(""), "statement", STATEMENTS)
    return topology


def read_statement(words: Words, topology: Topology, files: tuple[Path, ...]) -> bool:
    """Add what one line says to a topology; False, taking nothing, for a line that says other things.

    `files` are the file that the line stands in, last, and those that take it in.
    """
    statement = words.maybe(*STATEMENTS)
    if statement is None:
        return False
    if statement == "topology":
        _include(words, topology, files)
    elif statement in ("link", "lan"):
        _read_link(words, topology, statement)
    else:
        _read_nodes(words, topology, Kind(statement))
    return True


def _include(words: Words, topology: Topology, files: tuple[Path, ...]) -> None:
    file = files[-1].parent / words.take("a file")
    words.end()
    if not file.exists():
        words.fail(f"there is no file {file}")
    if any(one.exists() and one.samefile(file) for one in files):
        words.fail(f"{file} would take in itself")
    found = load_topology(str(file), files)
    for spec in found.nodes.values():
        topology.nodes.setdefault(spec.name, spec)
    topology.links.extend(found.links)


def _read_nodes(words: Words, topology: Topology, kind: Kind) -> None:
    specs = []
    while words.next is not None and words.next not in NODE_WORDS:
        specs.append(topology.node(words.read(read_name, "a node's name"), kind))
    if not specs:
        words.take("a node's name")
    while word := words.maybe(*NODE_WORDS):
        name, reader = NODE_WORDS[word]
        value = words.read(reader, "a value")
        for spec in specs:
            setattr(spec, name, value)
    words.end(*NODE_WORDS)


def _read_link(words: Words, topology: Topology, statement: str) -> None:
    ends = [words.read(read_end, "an end of the link") for _ in range(2)]
    while statement == "lan" and words.next is not None and not _is_about_links(words.next):
        ends.append(words.read(read_end, "an end of the link"))
    spec = LinkSpec(tuple(ends), **read_link_fields(words))  # type: ignore[arg-type]
    try:
        topology.add(spec)
    except ValueError as error:
        words.fail(str(error))


def _is_about_links(word: str) -> bool:
    return word in LINK_WORDS or is_number(word)


def read_link_fields(words: Words) -> dict[str, float]:
    """Fields of `LinkSpec` up to the end of the line: "10mbit 1ms loss 5%", in any order."""
    found: dict[str, float] = {}
    while (word := words.next) is not None:
        if is_time(word):
            name, value = "delay", words.read(read_time, "a time")
        elif is_rate(word):
            name, value = "bandwidth", words.read(read_rate, "a rate")
        elif word in LINK_WORDS:
            name, reader = LINK_WORDS[words.take("")]
            value = words.read(reader, "a value")
        elif is_number(word):
            words.fail(
                f"{word!r} is no rate such as 10mbit and no time such as 5ms; a share is written 'loss 5%'"
            )
        else:
            words.unknown(word, "word", LINK_WORDS)
        if name in found:
            words.fail(f"{word!r} says the {name} again; a number without a unit is a rate in bytes/s")
        found[name] = value
    return found
