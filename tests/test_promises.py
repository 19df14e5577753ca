"""The tables of promises: all that was promised has a row, which names tests that exist or says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.pages import DOCS

TESTS = Path(__file__).parent
PAGES = ("promises.md", "promises-gqos.md", "promises-rapi.md")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows(page: str) -> list[list[str]]:
    """The cells of each row of a page's tables, headings left out."""
    lines = [line for line in (DOCS / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [cells for cells in found if not cells[-1].startswith(("---", "shown by"))]


def functions(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page: str) -> None:
    named = set(NAMED.findall((DOCS / page).read_text(encoding="utf-8")))
    assert len(named) > 20
    there = {path: functions(path) for path in TESTS.rglob("test_*.py")}
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
        if not any(name in names for path, names in there.items() if f"/{path}".endswith(f"/{file}"))
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_a_test_or_says_why_not(page: str) -> None:
    bare = [
        cells[0] for cells in rows(page) if not NAMED.search(cells[-1]) and not cells[1].startswith("no: ")
    ]
    assert bare == []


@pytest.mark.parametrize("page", PAGES)
def test_every_promise_has_a_row(page: str) -> None:
    """`promises.txt` lists what the interfaces' own tables have, a page after the other."""
    text = (TESTS / "promises.txt").read_text(encoding="utf-8")
    promised = re.search(rf"^\[{page}\]\n(.*?)(?=^\[|\Z)", text, re.DOTALL | re.MULTILINE)
    assert promised is not None
    told = "\n".join(cells[0] for cells in rows(page))
    names = [name.strip() for line in promised[1].splitlines() for name in line.split(";") if name.strip()]
    assert len(names) > 40
    assert [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told)] == []


def test_every_test_of_ancillary_data_keeps_a_promise() -> None:
    text = (DOCS / "promises.md").read_text(encoding="utf-8")
    names = functions(TESTS / "netns" / "test_ancillary.py")
    assert [name for name in names if name.startswith("test_") and f"::{name}`" not in text] == []
