"""The small dictionary does what a dict does, in the same order, whatever the number of its entries."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp._table import Table

KEYS = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.integers()),
        st.tuples(st.just("del"), KEYS),
        st.tuples(st.just("pop"), KEYS, st.integers()),
        st.tuples(st.just("setdefault"), KEYS, st.integers()),
    )
)


def step(mapping: Any, what: str, key: int, *rest: Any) -> Any:
    """Do one thing to a dict or a Table; the value, or what was raised."""
    try:
        if what == "set":
            mapping[key] = rest[0]
            return None
        if what == "del":
            del mapping[key]
            return None
        return getattr(mapping, what)(key, *rest)
    except KeyError as error:
        return repr(error)


@given(STEPS)
def test_does_what_a_dict_does(steps: list[tuple[Any, ...]]) -> None:
    table: Table[int, int] = Table()
    plain: dict[int, int] = {}
    for one in steps:
        assert step(table, *one) == step(plain, *one)
        assert list(table) == list(table.keys()) == list(plain)
        assert list(table.values()) == list(plain.values())
        assert list(table.items()) == list(plain.items())
        assert len(table) == len(plain)
        assert bool(table) == bool(plain)
        for key in range(4):
            assert (key in table) == (key in plain)
            assert table.get(key) == plain.get(key)
            assert table.get(key, "none") == plain.get(key, "none")


def test_entries_to_start_with() -> None:
    assert list(Table([("a", 1), ("b", 2), ("a", 3)]).items()) == [("a", 3), ("b", 2)]
    assert not Table()


def test_a_key_that_is_not_there() -> None:
    table = Table([(1, "one")])
    with pytest.raises(KeyError):
        table[2]


def test_one_entry_takes_little() -> None:
    assert sys.getsizeof(Table([(1, "one")])) <= 48 < sys.getsizeof({1: "one"}) / 2


def test_equal_by_entries_and_shown_with_them() -> None:
    assert Table([(1, "one")]) == Table([(1, "one")])
    assert Table([(1, "one"), (2, "two")]) == Table([(2, "two"), (1, "one")])
    assert Table([(1, "one")]) != Table([(1, "two")])
    assert Table() != {}
    assert repr(Table([(1, "one")])) == "Table([(1, 'one')])"


def test_copied_and_pickled_with_what_refers_back():
    table: Table[str, object] = Table()
    table["itself"] = [table, 1]
    for again in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert again["itself"][0] is again is not table
        assert list(again) == ["itself"]
    table["more"] = 2
    assert copy.copy(table) == table
    assert copy.copy(Table()) == Table() != table
