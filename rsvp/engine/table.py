"""A dictionary for what mostly has one entry, as the indexes of a session do (RFC 2209 section 1).

Most sessions have one sender, one previous hop and one reservation. A dict of one entry takes 230
bytes and hashes an address, which Python does slowly; a lone entry here takes 64 bytes and is found by
comparing keys. From the second entry on there is a dict behind it, whatever the number: no look-up
depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_NOTHING = object()
"""Stands for the key where there is none; equals no key."""


class Table(Generic[K, V]):
    """Keys to values, in the order in which they came, with what this package needs of a dict."""

    __slots__ = ("_dict", "_key", "_value")

    _dict: dict[K, V] | None
    _key: K
    _value: V

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        self.clear()
        for key, value in entries:
            self[key] = value

    def clear(self) -> None:
        """Take everything out."""
        self._dict = None
        self._key = self._value = _NOTHING  # type: ignore[assignment]

    def _has(self, key: object) -> bool:
        return self._key is key or self._key == key

    @overload
    def get(self, key: K) -> V | None: ...

    @overload
    def get(self, key: K, default: D) -> V | D: ...

    def get(self, key: K, default: D | None = None) -> V | D | None:
        """The value of a key, else `default`."""
        if self._dict is not None:
            return self._dict.get(key, default)
        return self._value if self._key is key or self._key == key else default

    def __getitem__(self, key: K) -> V:
        if self._dict is not None:
            return self._dict[key]
        if self._has(key):
            return self._value
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:
        if self._dict is not None:
            self._dict[key] = value
        elif self._key is _NOTHING:
            self._key, self._value = key, value
        elif self._has(key):
            self._value = value
        else:
            self._dict = {self._key: self._value, key: value}
            self._key = self._value = _NOTHING  # type: ignore[assignment]

    def __delitem__(self, key: K) -> None:
        if self._dict is None:
            if not self._has(key):
                raise KeyError(key)
            self.clear()
            return
        del self._dict[key]
        if not self._dict:
            self.clear()

    def pop(self, key: K, default: D) -> V | D:
        """Take a key out; its value, else `default`."""
        if key not in self:
            return default
        value = self[key]
        del self[key]
        return value

    def setdefault(self, key: K, default: V) -> V:
        """The value of a key, which is `default` from now on where there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, key: object) -> bool:
        return key in self._dict if self._dict is not None else self._has(key)

    def __len__(self) -> int:
        return len(self._dict) if self._dict is not None else int(self._key is not _NOTHING)

    def __repr__(self) -> str:
        return f"Table({list(self.items())!r})"

    def __iter__(self) -> Iterator[K]:
        return iter(self.keys())

    def keys(self) -> Collection[K]:
        """Every key."""
        if self._dict is not None:
            return self._dict.keys()
        return () if self._key is _NOTHING else (self._key,)

    def values(self) -> Collection[V]:
        """Every value."""
        if self._dict is not None:
            return self._dict.values()
        return () if self._key is _NOTHING else (self._value,)

    def items(self) -> Collection[tuple[K, V]]:
        """Every key with its value."""
        if self._dict is not None:
            return self._dict.items()
        return () if self._key is _NOTHING else ((self._key, self._value),)
