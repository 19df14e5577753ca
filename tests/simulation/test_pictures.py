"""The pictures of docs/concepts.md are those that the simulation makes."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.pages import DOCS

PICTURES = runpy.run_path(str(DOCS / "pictures.py"))["PICTURES"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_the_engine_does(name: str) -> None:
    """If it does not: python docs/pictures.py, and look at it."""
    assert (DOCS / name).read_text(encoding="utf-8") == PICTURES[name]().render()


def test_each_picture_is_shown_and_told_in_words() -> None:
    page = (DOCS / "concepts.md").read_text(encoding="utf-8")
    shown = {name: words for words, name in re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", page)}
    assert set(shown) == set(PICTURES)
    assert all(len(words) > 80 for words in shown.values())
