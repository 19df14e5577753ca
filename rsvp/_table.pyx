# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""A dictionary for what mostly has one entry, as the indexes of a session do (RFC 2209 section 1).

Most sessions have one sender, one previous hop and one reservation. A dict of one entry takes 230
bytes; a lone entry here takes 48, and is found by comparing keys. From the second entry on there is a dict
behind it, whatever the number: no look-up depends on how many there are.
"""

cimport cython

__all__ = ["Table"]

cdef object NOTHING = object()      # stands for the key of a table without entries; equals no key
cdef object MANY = object()         # stands for the key of a table that has a dict behind it


@cython.final
cdef class Table:
    """Keys to values, in the order in which they came, with what this package needs of a dict."""

    cdef object key         # the only key, or NOTHING, or MANY
    cdef object value       # the only value, or nothing, or a dict

    def __cinit__(self):
        self.key = NOTHING

    def __init__(self, entries=()):
        for key, value in entries:
            self[key] = value

    def __class_getitem__(cls, kinds):
        return cls

    def clear(self):
        """Take everything out."""
        self.key, self.value = NOTHING, None

    def get(self, key, default=None):
        """The value of a key, else `default`."""
        if is_lone(self, key):
            return self.value
        return (<dict> self.value).get(key, default) if self.key is MANY else default

    def __getitem__(self, key):
        if is_lone(self, key):
            return self.value
        if self.key is MANY:
            return (<dict> self.value)[key]
        raise KeyError(key)

    def __setitem__(self, key, value):
        if self.key is MANY:
            (<dict> self.value)[key] = value
        elif self.key is NOTHING:
            self.key, self.value = key, value
        elif is_lone(self, key):
            self.value = value
        else:
            self.key, self.value = MANY, {self.key: self.value, key: value}

    def __delitem__(self, key):
        if self.key is MANY:
            del (<dict> self.value)[key]
            if not (<dict> self.value):
                self.clear()
        elif is_lone(self, key):
            self.clear()
        else:
            raise KeyError(key)

    def pop(self, key, default):
        """Take a key out; its value, else `default`."""
        if key not in self:
            return default
        value = self[key]
        del self[key]
        return value

    def setdefault(self, key, default):
        """The value of a key, which is `default` from now on where there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def __contains__(self, key):
        return key in (<dict> self.value) if self.key is MANY else is_lone(self, key)

    def __len__(self):
        return len(<dict> self.value) if self.key is MANY else self.key is not NOTHING

    def __eq__(self, other):
        return isinstance(other, Table) and dict(self.items()) == dict(other.items())

    __hash__ = None

    def __repr__(self):
        return f"Table({list(self.items())!r})"

    def __reduce__(self):
        """Copied and pickled entry by entry, as blocks refer back to the table that they are in."""
        return Table, (), None, None, iter(self.items())

    def __iter__(self):
        return iter(self.keys())

    def keys(self):
        """Every key."""
        if self.key is MANY:
            return (<dict> self.value).keys()
        return () if self.key is NOTHING else (self.key,)

    def values(self):
        """Every value."""
        if self.key is MANY:
            return (<dict> self.value).values()
        return () if self.key is NOTHING else (self.value,)

    def items(self):
        """Every key with its value."""
        if self.key is MANY:
            return (<dict> self.value).items()
        return () if self.key is NOTHING else ((self.key, self.value),)


# No method: a class with methods of its own kind takes 16 bytes more for each table.
cdef inline bint is_lone(Table table, key) except -1:
    """Whether a key is the only one."""
    return table.key is key or (table.key is not NOTHING and table.key is not MANY and table.key == key)
