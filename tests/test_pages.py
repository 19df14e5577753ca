"""The pages of docs/: each is in the index, and what they point to is there."""

from __future__ import annotations

import re

import pytest

from tests.pages import DOCS

PAGES = sorted(page.name for page in DOCS.glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_points_to_is_there(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target for target in LINK.findall(text) if "://" not in target]
    assert [target for target in targets if not (DOCS / target).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = [
        name for tree in re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL) for name in tree.split()
    ]
    assert sorted(f"{name}.md" for name in listed if f"{name}.md" in PAGES) == sorted({*PAGES} - {"index.md"})


def test_the_readme_points_to_what_is_there() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    targets = [target for target in LINK.findall(text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (DOCS.parent / target).exists()] == []
