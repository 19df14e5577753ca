"""A dictionary for what mostly has one entry, as the indexes of a session do (RFC 2209 section 1).

Most sessions have one sender, one previous hop and one reservation. A dict of one entry takes 230
bytes and hashes an address, which Python does slowly; a lone entry here takes 48 bytes and is found by
comparing keys. From the second entry on there is a dict behind it, whatever the number: no look-up
depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_NOTHING = object()
"""Stands for the key of a table without entries; equals no key."""

_MANY = object()
"""Stands for the key of a table that has a dict behind it."""


class Table(Generic[K, V]):
    """Keys to values, in the order in which they came, with what this package needs of a dict."""

    __slots__ = ("_key", "_value")

    _key: Any
    """The only key, or `_NOTHING`, or `_MANY`."""
    _value: Any
    """The only value, or nothing, or a dict."""

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        self._key, self._value = _NOTHING, None
        for key, value in entries:
            self[key] = value

    def clear(self) -> None:
        """Take everything out."""
        self._key, self._value = _NOTHING, None

    @overload
    def get(self, key: K) -> V | None: ...

    @overload
    def get(self, key: K, default: D) -> V | D: ...

    def get(self, key: K, default: D | None = None) -> V | D | None:
        """The value of a key, else `default`."""
        if self._key is key or self._key == key:
            return self._value  # type: ignore[no-any-return]
        return self._value.get(key, default) if self._key is _MANY else default

    def __getitem__(self, key: K) -> V:
        if self._key is key or self._key == key:
            return self._value  # type: ignore[no-any-return]
        if self._key is _MANY:
            return self._value[key]  # type: ignore[no-any-return]
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:
        if self._key is _MANY:
            self._value[key] = value
        elif self._key is _NOTHING or self._key is key:
            self._key, self._value = key, value
        elif self._key == key:
            self._value = value
        else:
            self._key, self._value = _MANY, {self._key: self._value, key: value}

    def __delitem__(self, key: K) -> None:
        if self._key is _MANY:
            del self._value[key]
            if not self._value:
                self.clear()
        elif key in self:
            self.clear()
        else:
            raise KeyError(key)

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

    def __contains__(self, key: object) -> bool:
        if self._key is _MANY:
            return key in self._value
        return self._key is key or bool(self._key == key)

    def __len__(self) -> int:
        return len(self._value) if self._key is _MANY else int(self._key is not _NOTHING)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Table({list(self.items())!r})"

    def __iter__(self) -> Iterator[K]:
        return iter(self.keys())

    def keys(self) -> Collection[K]:
        """Every key."""
        if self._key is _MANY:
            return self._value.keys()  # type: ignore[no-any-return]
        return () if self._key is _NOTHING else (self._key,)

    def values(self) -> Collection[V]:
        """Every value."""
        if self._key is _MANY:
            return self._value.values()  # type: ignore[no-any-return]
        return () if self._key is _NOTHING else (self._value,)

    def items(self) -> Collection[tuple[K, V]]:
        """Every key with its value."""
        if self._key is _MANY:
            return self._value.items()  # type: ignore[no-any-return]
        return () if self._key is _NOTHING else ((self._key, self._value),)
