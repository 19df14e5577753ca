"""The ratchet: each registered object has a class, a reader, a writer, a strategy and a golden vector."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given

from rsvp import _wire
from rsvp.iana import CLASS_NAMES, MESSAGE_NAMES
from rsvp.jsonform import to_json
from rsvp.messages import MESSAGES
from rsvp.objects import REGISTRY, Opaque
from tests import strategies

from .vectors import NAMES, VECTORS, joined

OBJECTS_AT_LEAST = 125
"""How many (class, C-Type) pairs there were when this line was last touched. Only ever raise it."""

every_object = pytest.mark.parametrize("key", REGISTRY, ids=lambda key: f"{CLASS_NAMES[key[0]]}-{key[1]}")


def test_the_count_only_grows() -> None:
    assert len(REGISTRY) >= OBJECTS_AT_LEAST


@every_object
def test_class(key: tuple[int, int]) -> None:
    cls = REGISTRY[key]
    assert is_dataclass(cls)
    assert cls.__doc__
    assert "RFC" in cls.__doc__
    assert "__slots__" in vars(cls)
    with pytest.raises(AttributeError):
        setattr(object.__new__(cls), fields(cls)[0].name, 1)


@every_object
def test_reader_writer_and_strategy(key: tuple[int, int]) -> None:
    class_num, ctype = key

    @given(strategies.OBJECTS[key])
    def check(value: object) -> None:
        assert isinstance(value, REGISTRY[key])
        data = strategies.object_bytes(class_num, value)
        assert (data[2], data[3]) == (class_num, ctype)
        (found,) = _wire.dissect(joined(bytes((0x10, 20, 0, 0, 0, 0, 0, 0)), [data])).objects
        assert found.value == value
        assert hash(found.value) == hash(value)
        assert type(found.value) is type(value)
        assert pickle.loads(pickle.dumps(found.value)) == value
        assert copy.deepcopy(found.value) == value
        assert eval(repr(found.value), NAMES) == value
        assert json.loads(json.dumps(to_json(found.value), allow_nan=False)) == to_json(value)
        for field in fields(REGISTRY[key]):
            ours, drawn = getattr(found.value, field.name), getattr(value, field.name)
            assert ours == drawn or not field.compare

    check()


@every_object
def test_golden_vector(key: tuple[int, int]) -> None:
    for vector in VECTORS:
        for one in _wire.dissect(vector.data).objects:
            if (one.class_num, one.ctype) == key:
                assert isinstance(one.value, REGISTRY[key])
                return
    raise AssertionError(f"no golden message has a {CLASS_NAMES[key[0]]} of C-Type {key[1]}")


def test_nothing_is_read_that_is_not_registered() -> None:
    head = bytes((0x10, 20, 0, 0, 0, 0, 0, 0))
    for class_num in range(256):
        for ctype in range(256):
            if (class_num, ctype) not in REGISTRY:
                for words in (1, 2, 3, 5, 8):
                    data = (4 * words + 4).to_bytes(2, "big") + bytes((class_num, ctype)) + b"\1" * 4 * words
                    (found,) = _wire.dissect(joined(head, [data])).objects
                    assert found.value is None


def test_strategies_are_for_registered_objects() -> None:
    assert strategies.OBJECTS.keys() == REGISTRY.keys()
    assert strategies.MESSAGES.keys() == MESSAGES.keys()
    assert Opaque not in REGISTRY.values()


def test_names() -> None:
    for class_num, _ in REGISTRY:
        assert class_num in CLASS_NAMES
    for number, cls in MESSAGES.items():
        assert cls.__name__ == MESSAGE_NAMES[number]
