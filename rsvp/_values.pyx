# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Dataclasses that are made, compared and hashed by compiled code; they say the same as before (no RFC).

Most of what a router does with a message is to make values and to compare them. What `dataclass`
writes for that is Python: a call for each field to get past `frozen`, two tuples for each comparison.
`compiled`, written above `@dataclass(slots=True)`, reaches the slots in memory, as the codec does:

- A call of the class fills the slots. One that does not fit the signature, and every subclass, takes the
  ordinary way through `__init__`, so that errors and signatures are those of the dataclass.
- `__eq__` and `__hash__` go through nested values at once, and look at the number inside an address.

`__post_init__` runs as ever. No Python before 3.11 and no private interface of it is needed.
"""

cimport cython
from cpython.dict cimport PyDict_GetItem
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport Py_EQ, Py_NE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint64_t

from dataclasses import MISSING, fields
from ipaddress import IPv4Address, IPv6Address

__all__ = ["compiled", "is_group", "is_host", "number"]

include "_slots.pxi"

cdef extern from *:
    """
    static inline void rsvp_call_with(PyObject *cls, void *made) {
        ((PyTypeObject *)cls)->tp_vectorcall = (vectorcallfunc)made;
    }
    static inline void rsvp_compare_with(PyObject *cls, void *compared) {
        ((PyTypeObject *)cls)->tp_richcompare = (richcmpfunc)compared;
    }
    static inline void rsvp_hash_with(PyObject *cls, void *hashed) {
        ((PyTypeObject *)cls)->tp_hash = (hashfunc)hashed;
    }
    """
    void rsvp_call_with(object cls, void *made)
    void rsvp_compare_with(object cls, void *compared)
    void rsvp_hash_with(object cls, void *hashed)
    Py_ssize_t PyVectorcall_NARGS(size_t given)

cdef enum:
    MOST = 24               # fields that a class may have

cdef type IPV4 = IPv4Address
cdef type IPV6 = IPv6Address
cdef Py_ssize_t IPV4_NUMBER = slot_of(IPv4Address, "_ip")
cdef Py_ssize_t IPV6_NUMBER = slot_of(IPv6Address, "_ip")

cdef object BROADCAST = 0xFFFFFFFF           # to all on the link

cdef dict LAYOUTS = {}      # class -> Layout


@cython.final
cdef class Layout:
    """Where a dataclass has its fields: those that `__init__` takes first, in its order."""
    cdef Py_ssize_t at[MOST]
    cdef Py_ssize_t compared[MOST]
    cdef Py_ssize_t hashed[MOST]
    cdef int positional, parameters, fields, compares, hashes
    cdef tuple names, defaults, factories
    cdef object after
    cdef bint frozen

    def __cinit__(self, cls):
        every = fields(cls)
        order = [f for f in every if f.init and not f.kw_only] + [f for f in every if f.init and f.kw_only]
        self.positional = sum(not f.kw_only for f in order)
        self.parameters = len(order)
        order += [f for f in every if not f.init and (f.default, f.default_factory) != (MISSING, MISSING)]
        self.fields = len(order)
        if len(every) > MOST:
            raise TypeError(f"{cls.__name__} has more than {MOST} fields")
        self.names = tuple(f.name for f in order)
        self.defaults = tuple(f.default for f in order)
        self.factories = tuple(f.default_factory for f in order)
        self.after = getattr(cls, "__post_init__", None)
        self.frozen = cls.__dataclass_params__.frozen
        for f in order:
            self.at[order.index(f)] = slot_of(cls, f.name)
        for f in every:
            if f.compare:
                self.compared[self.compares] = slot_of(cls, f.name)
                self.compares += 1
            if f.compare if f.hash is None else f.hash:
                self.hashed[self.hashes] = slot_of(cls, f.name)
                self.hashes += 1


def compiled(cls):
    """Make, compare and hash a class's values in compiled code; returns the class.

    It is a dataclass with slots. Raises TypeError for another.
    """
    layout = LAYOUTS[cls] = Layout(cls)
    rsvp_call_with(cls, <void *> make)
    if cls.__dataclass_params__.eq:
        install(cls, layout)
    return cls


def install(cls, Layout layout):
    def __eq__(self, other):
        return equal(layout, self, other) if type(self) is type(other) else NotImplemented

    def __hash__(self):
        return mixed(layout, self)

    names = ["__eq__", "__hash__"] if cls.__dataclass_params__.frozen else ["__eq__"]
    for function in (__eq__, __hash__):
        if function.__name__ in names:
            function.__qualname__ = f"{cls.__qualname__}.{function.__name__}"
            setattr(cls, function.__name__, function)
    # Setting the methods made the class look them up by name for each `==` and each key of a dict. The
    # functions below do the same at once; subclasses go on looking up, and so does a class with an order.
    if cls.__lt__ is object.__lt__:
        rsvp_compare_with(cls, <void *> compared)
    if "__hash__" in names:
        rsvp_hash_with(cls, <void *> hash_of)


cdef object compared(a, b, int how):
    """`a == b` and `a != b` for a class that has no other comparison."""
    if type(a) is not type(b) or (how != Py_EQ and how != Py_NE):
        return NotImplemented
    return equal(<Layout> PyDict_GetItem(LAYOUTS, type(a)), a, b) == (how == Py_EQ)


cdef Py_hash_t hash_of(o) except -1:
    return mixed(<Layout> PyDict_GetItem(LAYOUTS, type(o)), o)


cdef object make(PyObject *cls, PyObject **given, size_t count, PyObject *keywords):
    """Call a class: given are the positional arguments, then those whose names `keywords` has."""
    cdef Layout layout = <Layout> PyDict_GetItem(LAYOUTS, <object> cls)
    cdef Py_ssize_t n = PyVectorcall_NARGS(count), i, place, tried
    cdef Py_ssize_t named = 0 if keywords is NULL else PyTuple_GET_SIZE(<object> keywords)
    cdef PyObject *name
    if n > layout.positional:
        return plainly(cls, given, n, keywords)
    o = rsvp_value(<PyTypeObject *> cls) if layout.frozen else rsvp_fresh(<PyTypeObject *> cls)
    for i in range(n):
        put(o, layout.at[i], <object> given[i])
    place = n
    for i in range(named):
        name = PyTuple_GET_ITEM(<object> keywords, i)
        for tried in range(layout.parameters):
            if place >= layout.parameters:
                place = 0
            if PyTuple_GET_ITEM(layout.names, place) is name:
                break
            place += 1
        else:
            return plainly(cls, given, n, keywords)
        if slot(o, layout.at[place])[0] is not NULL:
            return plainly(cls, given, n, keywords)
        put(o, layout.at[place], <object> given[n + i])
        place += 1
    for i in range(n, layout.fields):
        if slot(o, layout.at[i])[0] is NULL:
            if <object> PyTuple_GET_ITEM(layout.defaults, i) is not MISSING:
                put(o, layout.at[i], <object> PyTuple_GET_ITEM(layout.defaults, i))
            elif <object> PyTuple_GET_ITEM(layout.factories, i) is not MISSING:
                put(o, layout.at[i], (<object> PyTuple_GET_ITEM(layout.factories, i))())
            else:
                return plainly(cls, given, n, keywords)
    if layout.after is not None:
        layout.after(o)
    return o


cdef object plainly(PyObject *cls, PyObject **given, Py_ssize_t n, PyObject *keywords):
    """Call a class as if it were not compiled."""
    cdef Py_ssize_t i
    cdef list positional = [<object> given[i] for i in range(n)]
    cdef dict named = {}
    if keywords is not NULL:
        for i, name in enumerate(<tuple> keywords):
            named[name] = <object> given[n + i]
    return type.__call__(<object> cls, *positional, **named)


cdef bint equal(Layout layout, a, b) except -1:
    """Whether two values of one class are equal, field by field."""
    cdef int i
    for i in range(layout.compares):
        if not same(get(a, layout.compared[i]), get(b, layout.compared[i])):
            return False
    return True


cdef bint same(x, y) except -1:
    cdef PyObject *layout
    if x is y:
        return True
    if type(x) is not type(y) or PyLong_CheckExact(x):
        return x == y
    if type(x) is IPV4:
        return get(x, IPV4_NUMBER) == get(y, IPV4_NUMBER)
    layout = PyDict_GetItem(LAYOUTS, type(x))
    return x == y if layout is NULL else equal(<Layout> layout, x, y)


cdef Py_hash_t mixed(Layout layout, o) except -1:
    """A hash of all fields."""
    cdef uint64_t found = 0x27D4EB2F165667C5u
    cdef int i
    for i in range(layout.hashes):
        found = (found ^ <uint64_t> hashed(get(o, layout.hashed[i]))) * 0x9E3779B97F4A7C15u
        found ^= found >> 29
    return <Py_hash_t> (found >> 1)


cdef Py_hash_t hashed(value) except? -1:
    cdef PyObject *layout
    if type(value) is IPV4:
        return hash(get(value, IPV4_NUMBER))
    if type(value) is IPV6:
        return hash(get(value, IPV6_NUMBER))
    layout = PyDict_GetItem(LAYOUTS, type(value))
    return hash(value) if layout is NULL else mixed(<Layout> layout, value)


def number(address):
    """The number that an IPv4 or IPv6 address is, as `int` gives it."""
    if type(address) is IPV4:
        return get(address, IPV4_NUMBER)
    if type(address) is IPV6:
        return get(address, IPV6_NUMBER)
    return int(address)


def is_group(address):
    """Whether an IPv4 or IPv6 address is a group's; `is_multicast`, in a tenth of its time."""
    if type(address) is IPV4:
        return get(address, IPV4_NUMBER) >> 28 == 0xE
    return number(address) >> 120 == 0xFF


def is_host(address, like):
    """Whether a node could have this address and be sent anything at it, in the IP version of another one."""
    if type(address) is not type(like) or is_group(address):
        return False
    return number(address) != 0 and (type(address) is not IPV4 or number(address) != BROADCAST)
