"""The API reference has every public room, and all in them says what it is."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import rsvp
from tests.pages import DOCS

DIRECTIVE = re.compile(
    r"^\.\. auto(module|class|exception|function):: ([\w.]+)\n((?:   .*\n)*)", re.MULTILINE
)
PAGES = ("api.md", "engine.md", "simulation.md")
SHOWN = [one for page in PAGES for one in DIRECTIVE.findall((DOCS / page).read_text(encoding="utf-8"))]


def members(kind: str, target: str, options: str) -> Iterator[tuple[str, Any]]:
    """What a directive shows, by name."""
    if kind != "module":
        module, _, name = target.rpartition(".")
        yield target, getattr(importlib.import_module(module), name)
        return
    room = importlib.import_module(target)
    yield target, room
    listed = re.search(r":members:(.*)", options)
    if listed is None:
        return
    names = listed[1].split(",") if listed[1].strip() else getattr(room, "__all__", None)
    if names is None:
        names = [name for name, value in vars(room).items() if getattr(value, "__module__", "") == target]
    for name in names:
        yield f"{target}.{name.strip()}", getattr(room, name.strip())


def silent(name: str, value: Any) -> Iterator[str]:
    """What of a name and its public methods has no docstring."""
    if not value.__doc__:
        yield name
    if inspect.isclass(value):
        for part, held in vars(value).items():
            function = held.fget if isinstance(held, property) else getattr(held, "__func__", held)
            if not part.startswith("_") and inspect.isfunction(function) and not function.__doc__:
                yield f"{name}.{part}"


@pytest.mark.parametrize(("kind", "target", "options"), SHOWN, ids=[one[1] for one in SHOWN])
def test_all_that_is_shown_says_what_it_is(kind: str, target: str, options: str) -> None:
    public = [
        (name, value)
        for name, value in members(kind, target, options)
        if not name.rpartition(".")[2].startswith("_")
        and (inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value))
    ]
    assert public
    assert [missing for name, value in public for missing in silent(name, value)] == []


def test_every_public_class_is_shown() -> None:
    shown = {id(value) for directive in SHOWN for _, value in members(*directive)}
    # A Client is one connection of a LastingClient, which has all of its verbs.
    public = [getattr(rsvp, name) for name in rsvp.__all__ if name != "Client"]
    assert [one.__qualname__ for one in public if inspect.isclass(one) and id(one) not in shown] == []
