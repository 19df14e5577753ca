# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""State in little memory, close together: session indexes, timers, messages seen (RFC 2209 section 1).

`Table` is a dictionary for what mostly has one entry. Most sessions have one sender, one previous hop and
one reservation. A dict of one entry takes 230 bytes; a lone entry here takes 48, and is found by comparing
keys. From the second entry on there is a dict behind it, whatever the number: no look-up depends on how
many there are.

`Timer` has its times in itself, and not in two numbers elsewhere; `Timers` is the calendar. `Seen` finds the state that a message
stands for without a look at any other state: a router that keeps a hundred thousand sessions spends
most of a refresh on waiting for memory.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport INFINITY
from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from heapq import heapify, heappop, heappush

__all__ = ["Seen", "Table", "Timer", "Timers"]

cdef double PAGE = 0.25             # seconds that a page of the calendar covers

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

    def fill(self, value):
        """Let every key that there is have this value."""
        if self.key is MANY:
            for key in <dict> self.value:
                (<dict> self.value)[key] = value
        elif self.key is not NOTHING:
            self.value = value

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


@cython.final
cdef class Timer:
    """A deadline, the block it belongs to, and what happens then: `fire(core, owner, now)`.

    `looked_at` is when the calendar will look at this timer next. Both are never, to begin with.
    Owner and timer point at each other: who gives the owner up ends its timers.
    """

    cdef readonly object owner
    cdef readonly object fire
    cdef public double deadline
    cdef public double looked_at

    def __init__(self, owner, fire, double deadline=INFINITY):
        self.owner, self.fire, self.deadline, self.looked_at = owner, fire, deadline, INFINITY

    def end(self):
        """Stop, and let go of the owner, which needs no collector of garbage then."""
        self.owner, self.deadline = None, INFINITY

    def __reduce__(self):
        """Copied and pickled before its owner is filled in, which refers back to it."""
        return Timer, (None, None), (self.owner, self.fire, self.deadline, self.looked_at)

    def __setstate__(self, state):
        self.owner, self.fire, self.deadline, self.looked_at = state


@cython.final
cdef class Timers:
    """All deadlines of one engine; what is said of them is in `rsvp.engine.timers`."""

    cdef list near          # a heap of the timers on the pages that were opened, which end at `opened`
    cdef dict pages         # those on the other pages, by the number of each
    cdef list numbers       # a heap of those
    cdef double opened
    cdef long order

    def __cinit__(self):
        self.near, self.pages, self.numbers, self.opened = [], {}, [], -INFINITY

    def __reduce__(self):
        return Timers, (), (self.near, self.pages, self.numbers, self.opened, self.order)

    def __setstate__(self, state):
        self.near, self.pages, self.numbers, self.opened, self.order = state

    def watch(self, Timer timer not None):
        """Make sure that somebody looks no later than at the timer's deadline."""
        cdef list page
        if timer.deadline >= timer.looked_at:
            return
        timer.looked_at = timer.deadline
        if timer.deadline < self.opened:
            heappush(self.near, self.entry(timer))
            return
        number = int(timer.deadline / PAGE)
        page = self.pages.get(number)
        if page is None:
            page = self.pages[number] = []
            heappush(self.numbers, number)
        page.append(timer)

    def next(self):
        """When `due` has to be called next, None if never."""
        while not self.near and self.numbers:
            self.open(heappop(self.numbers))
        return self.near[0][0] if self.near else None

    def due(self, double now):
        """Timers whose deadline has come, in the order of their deadlines; each is then stopped."""
        cdef Timer timer
        while (when := self.next()) is not None and when <= now:
            timer = heappop(self.near)[2]
            if when != timer.looked_at:
                continue  # a later watch() made this entry stale
            timer.looked_at = INFINITY
            if timer.deadline > now:
                self.watch(timer)
            else:
                timer.deadline = INFINITY
                yield timer

    cdef entry(self, Timer timer):
        self.order += 1
        return (timer.looked_at, self.order, timer)

    cdef open(self, number):
        """Put the timers of a page in order; those that were brought forward stand on another one, too."""
        cdef Timer timer
        self.opened = (number + 1) * PAGE
        for timer in <list> self.pages.pop(number):
            if timer.looked_at < self.opened:
                self.near.append(self.entry(timer))
        heapify(self.near)


cdef enum:
    ROOM = 64               # entries that a `Seen` begins with
    FINGERPRINT = 16        # bytes

cdef struct Entry:
    uint64_t low            # the fingerprint, with where and how the message came in
    uint64_t high
    PyObject *what          # NULL where the entry is free
    uint32_t owner
    uint32_t next           # in the same bucket of prints, or the next free entry
    uint32_t sibling        # in the same bucket of owners


@cython.final
cdef class Seen:
    """What messages stand for, by their fingerprints, while nothing has changed that they depend on.

    An entry is found by fingerprint, interface and TTL, and forgotten by its owner, all of whose entries
    go at once. To forget is always right: it is no more than a short way to what can be found otherwise.
    """

    cdef Entry *entries     # the first is none: 0 ends a list
    cdef uint32_t *prints   # buckets of entries
    cdef uint32_t *owners
    cdef uint32_t room, mask, used, free, count

    def __cinit__(self):
        self.make_room()

    def __class_getitem__(cls, kind):
        return cls

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.entries)
        PyMem_Free(self.prints)
        PyMem_Free(self.owners)

    def __len__(self):
        return self.count

    def __reduce__(self):
        """A copy begins anew."""
        return Seen, ()

    def find(self, fingerprint, int interface, ttl):
        """What was noted for a message that came in so, else None."""
        cdef uint64_t key[2]
        cdef uint32_t at
        if fingerprint is None:
            return None
        set_key(key, fingerprint, interface, ttl)
        at = self.at(key)
        return <object> self.entries[at].what if at else None

    def note(self, fingerprint, int interface, ttl, owner, what):
        """Note what a message that came in so stands for; nothing without a fingerprint.

        `what` has to keep `owner` alive.
        """
        cdef uint64_t key[2]
        cdef uint32_t at
        cdef Entry *entry
        if fingerprint is None:
            return
        set_key(key, fingerprint, interface, ttl)
        at = self.at(key)
        if at:
            self.remove(at)
        if not self.free and self.used + 1 == self.room:
            self.make_room()
        if self.free:
            at = self.free
            self.free = self.entries[at].next
        else:
            self.used += 1
            at = self.used
        entry = &self.entries[at]
        entry.low, entry.high, entry.owner = key[0], key[1], number_of(owner)
        Py_INCREF(what)
        entry.what = <PyObject *> what
        self.count += 1
        self.link(at)

    def forget(self, owner):
        """Take out all that an owner has."""
        cdef uint32_t number = number_of(owner), at = self.owners[number & self.mask], after
        while at:
            after = self.entries[at].sibling
            if self.entries[at].owner == number:
                self.remove(at)
            at = after

    def clear(self):
        """Take everything out."""
        cdef uint32_t at
        for at in range(1, self.used + 1):
            if self.entries[at].what is not NULL:
                self.remove(at)

    cdef uint32_t at(self, const uint64_t *key) noexcept:
        cdef uint32_t at = self.prints[key[0] & self.mask]
        while at and (self.entries[at].low != key[0] or self.entries[at].high != key[1]):
            at = self.entries[at].next
        return at

    cdef void link(self, uint32_t at) noexcept:
        cdef Entry *entry = &self.entries[at]
        cdef uint32_t *bucket = &self.prints[entry.low & self.mask]
        entry.next, bucket[0] = bucket[0], at
        bucket = &self.owners[entry.owner & self.mask]
        entry.sibling, bucket[0] = bucket[0], at

    cdef void remove(self, uint32_t at) noexcept:
        cdef Entry *entry = &self.entries[at]
        cdef PyObject *what = entry.what
        cdef uint32_t *place = &self.prints[entry.low & self.mask]
        while place[0] != at:
            place = &self.entries[place[0]].next
        place[0] = entry.next
        place = &self.owners[entry.owner & self.mask]
        while place[0] != at:
            place = &self.entries[place[0]].sibling
        place[0] = entry.sibling
        entry.what, entry.next, self.free = NULL, self.free, at
        self.count -= 1
        Py_DECREF(<object> what)

    cdef int make_room(self) except -1:
        """Half as much again for entries, and no fewer buckets than those."""
        cdef uint32_t room = ROOM if not self.room else self.room + self.room // 2, buckets = ROOM, at
        cdef Entry *entries = <Entry *> PyMem_Realloc(self.entries, room * sizeof(Entry))
        if entries is NULL:
            raise MemoryError
        self.entries, self.room = entries, room
        while buckets < room:
            buckets *= 2
        if self.prints is not NULL and buckets == self.mask + 1:
            return 0
        prints = <uint32_t *> PyMem_Calloc(buckets, sizeof(uint32_t))
        owners = <uint32_t *> PyMem_Calloc(buckets, sizeof(uint32_t))
        if prints is NULL or owners is NULL:
            PyMem_Free(prints)
            PyMem_Free(owners)
            raise MemoryError
        PyMem_Free(self.prints)
        PyMem_Free(self.owners)
        self.prints, self.owners, self.mask = prints, owners, buckets - 1
        for at in range(1, self.used + 1):
            self.link(at)
        return 0


cdef int set_key(uint64_t *key, fingerprint, int interface, ttl) except -1:
    """The key of an entry. A fingerprint is one number, whatever is mixed into it."""
    if type(fingerprint) is not bytes or PyBytes_GET_SIZE(fingerprint) != FINGERPRINT:
        raise ValueError(f"a fingerprint has {FINGERPRINT} bytes")
    memcpy(key, PyBytes_AS_STRING(fingerprint), FINGERPRINT)
    key[1] ^= <uint64_t> <uint32_t> interface << 32 | (0 if ttl is None else 1 + <uint32_t> ttl)
    return 0


cdef inline uint32_t number_of(owner) noexcept:
    return <uint32_t> ((<uint64_t> <uintptr_t> <PyObject *> owner >> 4) * 0x9E3779B97F4A7C15u >> 32)
