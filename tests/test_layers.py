"""The walls: who may import whom, what the pure rooms may not touch, and how large a file gets."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rsvp"
FILES = sorted(ROOT.rglob("*.py"))

EXTENSIONS = {
    "te",
    "gmpls",
    "p2mp",
    "sessions",
    "policy",
    "reduction",
    "diagnostics",
    "aggregate",
    "attributes",
}
"""Rooms of objects that other RFCs define; only GMPLS needs others."""

ALLOWED = {
    "units": set(),
    "places": set(),
    "errors": set(),
    "ancillary": {"errors"},
    "iana_errors": set(),
    "iana_flags": set(),
    "iana_names": set(),
    "iana_policy": set(),
    "iana": {"iana_errors"},
    "_values": set(),
    "_table": set(),
    "objects": {"_values", "iana"},
    "intserv": {"_values", "iana", "objects"},
    **{name: {"iana", "objects", "intserv"} for name in EXTENSIONS},
    "policy": {"iana", "iana_policy", "objects"},
    "gmpls": {"iana", "objects", "te", "reduction"},
    "flagnames": {"iana", "iana_flags", "objects", *EXTENSIONS},
    "messages": {"_values", "iana", "objects", "intserv", *EXTENSIONS},
    "dissection": {"errors"},
    "jsonform": {"dissection", "errors", "flagnames", "iana", "objects", "intserv", *EXTENSIONS},
    "engine": {
        *("_table", "_values", "errors", "iana", "iana_errors", "iana_policy"),
        *("objects", "intserv", "policy", "messages"),
    },
    "ip": {"iana"},
    "transport": {"errors", "iana", "ip", "netlink", "objects", "routing"},
    "routing": {"errors", "objects", "netlink"},
    "tc": {"errors", "iana", "objects", "intserv", "netlink", "sessions"},
    "netlink": {"errors"},
    "paths": set(),
    "vocabulary": set(),
    "tables": {"errors", "units"},
    "proxies": {
        *("aio", "api", "engine", "errors", "iana", "intserv", "jsonform", "membership"),
        *("messages", "objects", "places", "receiver", "tables"),
    },
    "config": {"errors", "iana", "engine", "units", "paths", "proxies", "tables"},
    "links": {"config", "engine", "iana", "intserv", "routing", "sessions"},
    "api": {"iana", "objects", "intserv", "messages", "jsonform", "engine"},
    "beside": set(),
    "undoing": {"errors"},
    "aio": {"api", "engine", "errors", "iana", "intserv", "messages", "objects", "places", "undoing"},
    "unreadable": {"_wire", "engine", "errors", "iana", "intserv", "messages", "objects", "dissection"},
    "counts": {"engine", "iana_errors"},
    "topics": {"engine", "errors", "iana", "jsonform", "messages", "show", "transport", "vocabulary"},
    "ledger": {"engine", "intserv", "sessions", "tc"},
    "enforcement": {
        *("config", "engine", "errors", "iana", "intserv"),
        *("ledger", "objects", "routing", "tc"),
    },
    "neighbors": {"objects"},
    "metrics": {"counts", "engine", "show"},
    "seldom": set(),
    "routes": {"engine", "errors", "messages", "objects", "routing"},
    "show": {"_json", "counts", "enforcement", "engine", "jsonform", "neighbors", "objects", "tc"},
    "observer": {"engine", "iana", "intserv", "jsonform", "messages", "objects", "reduction"},
    "receiver": {"engine", "errors", "intserv", "messages", "objects"},
    "gqos": {
        *("aio", "api", "engine", "errors", "iana", "iana_policy"),
        *("intserv", "jsonform", "messages", "objects", "policy", "undoing"),
    },
    "classify": {"ancillary", "blocking", "errors", "places", "units"},
    "pictures": {"errors"},
    "membership": {"errors", "objects"},
    "capture": {
        "_json",
        "_wire",
        "dissection",
        "errors",
        "flagnames",
        "iana",
        "iana_flags",
        "iana_names",
        "intserv",
        "ip",
        *EXTENSIONS,
        "jsonform",
        "messages",
        "objects",
        "config",
    },
}
"""Room -> the rooms it may use besides itself. Rooms that are not here are shells: they may use all."""

SHELLS = {
    "node",
    "host",
    "recorder",
    "replay",
    "simulation",
    "control",
    "daemon",
    "cli",
    "commands",
    "demo",
    "lab",
    "flows",
    "attachment",
    "running",
    "blocking",
    "rapi",
    "__init__",
    "__main__",
}

PURE = {
    *("engine", "objects", "messages", "intserv", "flagnames"),
    *("iana", "iana_errors", "iana_flags", "iana_names", "iana_policy"),
    *EXTENSIONS,
}
IMPURE = {"asyncio", "socket", "time", "random", "os", "select", "threading", "subprocess", "logging"}


def room(path: Path) -> str:
    """The first part of a file's place below the package."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path: Path) -> list[tuple[str, str]]:
    """(room or outside module, the name imported) of every import, also those inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                found += [((node.module or "").split(".")[0], alias.name) for alias in node.names]
                continue
            package = path.relative_to(ROOT.parent).with_suffix("").parts[: -node.level]
            target = [*package, *(node.module or "").split(".")] if node.module else list(package)
            for alias in node.names:
                parts = [part for part in (*target, alias.name) if part]
                found.append((parts[1] if len(parts) > 1 else "rsvp", alias.name))
    return found


def inside(path: Path) -> set[str]:
    rooms = {room(one) for one in FILES} | {"_wire", "_json", "_values", "_table"}
    return {name for name, _ in imports(path) if name in rooms}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = room(path)
    if here in SHELLS:
        return
    assert here in ALLOWED, f"{here} is a new room: say in ALLOWED what it may use"
    assert inside(path) - {here} <= ALLOWED[here]


def test_the_walls_have_no_way_round():
    """What rooms may use never leads back to them."""

    def reach(start: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = set()
        for other in ALLOWED.get(start, set()) - seen:
            found |= {other} | reach(other, seen | {other})
        return found

    for name in ALLOWED:
        assert name not in reach(name), name


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_pure_rooms_touch_no_world(path):
    """The engine takes the time and randomness as arguments; `Random` is a type there only."""
    for module, name in imports(path):
        assert module not in IMPURE or (module, name) == ("random", "Random"), (module, name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_copyleft_library_is_imported(path):
    assert not {name for name, _ in imports(path)} & {"scapy", "netns"}


@pytest.mark.parametrize("path", [*FILES, *ROOT.glob("*.p[yx][xi]")], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path):
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if room(p) == "engine" and p.name != "style.py"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_only_the_style_room_knows_styles(path):
    """Elsewhere a style is two predicates: shared, explicit."""
    names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert not names & {"FF", "WF", "SE", "StyleBits"}


NUMBERS = re.compile(r"(class_num|ctype|error_code|msg_type)\s*(==|=|in)\s*\(?\d")


@pytest.mark.parametrize(
    "path", [p for p in FILES if not p.name.startswith("iana")], ids=lambda p: str(p.relative_to(ROOT))
)
def test_numbers_of_the_protocol_live_in_iana(path):
    assert not NUMBERS.findall(path.read_text())
