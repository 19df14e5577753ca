# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The JSON text of decoded values, written from their slots (no RFC; the forms are `jsonform`'s).

`json_text(value)` is `msgspec.json.encode(to_json(value))`, byte for byte, without a dictionary for
each pair of braces. What a class looks like is taken from `jsonform.form_of` when the first value of
it comes by. Values that are rare, such as enumerations, fractions and text that needs escapes,
go the long way round: that keeps this room short, and the two from disagreeing.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from ipaddress import IPv4Address, IPv6Address

import msgspec

from .jsonform import UNKNOWN, Bit, Instead, Named, form_of, kind_of, to_json

__all__ = ["json_text"]

include "_slots.pxi"

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void *PyUnicode_DATA(object text)
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef enum:
    FIRST = 4096            # bytes of text that need no second allocation
    MAX_KEYS = 24
    WIDEST = 24             # characters of a 64-bit number, more than enough

cdef object encode = msgspec.json.Encoder().encode
cdef Py_ssize_t IPV4_AT = slot_of(IPv4Address, "_ip")
cdef Py_ssize_t IPV6_AT = slot_of(IPv6Address, "_ip")
cdef Py_ssize_t SCOPE_AT = slot_of(IPv6Address, "_scope_id")
cdef const char *DIGITS = "0123456789abcdef"


# --- text that grows ------------------------------------------------------------------------------

cdef struct Text:
    char *start
    char *p                 # where the next character goes
    char *end


cdef int grow(Text *t, Py_ssize_t size) except -1:
    cdef Py_ssize_t used = t.p - t.start
    cdef Py_ssize_t room = 2 * (t.end - t.start) + size
    cdef char *start = <char *> PyMem_Realloc(t.start, room)
    if start is NULL:
        raise MemoryError
    t.start, t.p, t.end = start, start + used, start + room
    return 0


cdef inline int reserve(Text *t, Py_ssize_t size) except -1:
    """Make sure that so many characters more have room."""
    if t.end - t.p < size:
        grow(t, size)
    return 0


cdef inline int put_text(Text *t, const char *text, Py_ssize_t size) except -1:
    reserve(t, size)
    memcpy(t.p, text, size)
    t.p += size
    return 0


cdef inline int put_bytes(Text *t, bytes text) except -1:
    return put_text(t, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef inline int put_char(Text *t, char character) except -1:
    reserve(t, 1)
    t.p[0] = character
    t.p += 1
    return 0


cdef inline char *digits_of(char *end, uint64_t value) noexcept:
    """Write a number so that it ends before `end`; return where it begins."""
    while True:
        end -= 1
        end[0] = <char> (c"0" + value % 10)
        value //= 10
        if not value:
            return end


cdef int put_whole(Text *t, int64_t value) except -1:
    cdef char digits[WIDEST]
    cdef char *first
    if value < 0:
        put_char(t, c"-")
        first = digits_of(digits + WIDEST, -<uint64_t> value)
    else:
        first = digits_of(digits + WIDEST, <uint64_t> value)
    return put_text(t, first, digits + WIDEST - first)


# --- values -------------------------------------------------------------------------------------------

cdef int put_int(Text *t, object value) except -1:
    cdef int overflow = 0
    cdef int64_t whole = PyLong_AsLongLongAndOverflow(value, &overflow)
    return put_bytes(t, encode(value)) if overflow else put_whole(t, whole)


cdef int put_float(Text *t, double value) except -1:
    """As `jsonform.number` has it: a whole number without a fraction."""
    if -1e15 < value < 1e15 and <double> <int64_t> value == value:
        return put_whole(t, <int64_t> value)
    return put_bytes(t, encode(to_json(value)))


cdef int put_str(Text *t, str value) except -1:
    cdef Py_ssize_t n, size = PyUnicode_GET_LENGTH(value)
    cdef const uint8_t *text
    cdef bint plain = PyUnicode_IS_ASCII(value)
    if plain:
        text = <const uint8_t *> PyUnicode_DATA(value)
        for n in range(size):
            if text[n] < 0x20 or text[n] == c'"' or text[n] == c"\\":
                plain = False
                break
    if not plain:
        return put_bytes(t, encode(to_json(value)))
    reserve(t, size + 2)
    t.p[0] = c'"'
    memcpy(t.p + 1, text, size)
    t.p[size + 1] = c'"'
    t.p += size + 2
    return 0


cdef int put_hex(Text *t, bytes value) except -1:
    cdef const uint8_t *p = <const uint8_t *> PyBytes_AS_STRING(value)
    cdef Py_ssize_t n, size = PyBytes_GET_SIZE(value)
    reserve(t, 2 * size + 2)
    t.p[0] = c'"'
    for n in range(size):
        t.p[1 + 2 * n] = DIGITS[p[n] >> 4]
        t.p[2 + 2 * n] = DIGITS[p[n] & 0x0F]
    t.p[1 + 2 * size] = c'"'
    t.p += 2 * size + 2
    return 0


cdef int put_ipv4(Text *t, object address) except -1:
    cdef uint32_t bits = get(address, IPV4_AT)
    cdef char digits[20]
    cdef char *first = digits + 20
    cdef int n
    for n in range(4):
        first -= 1
        first[0] = c"." if n else c'"'
        first = digits_of(first, bits >> 8 * n & 0xFF)
    first -= 1
    first[0] = c'"'
    return put_text(t, first, digits + 20 - first)


cdef int put_ipv6(Text *t, object address) except -1:
    """RFC 5952: the first of the longest runs of zeroes is left out."""
    cdef object bits = get(address, IPV6_AT)
    cdef uint64_t high = bits >> 64, low = bits & 0xFFFFFFFFFFFFFFFF
    cdef uint16_t groups[8]
    cdef int n, k, shift, run = 0, gap = -1, longest = 1
    if not high:            # addresses with IPv4's inside, which Python's versions write differently
        return put_str(t, str(address))
    for n in range(4):
        groups[n] = <uint16_t> (high >> 16 * (3 - n))
        groups[n + 4] = <uint16_t> (low >> 16 * (3 - n))
    for n in range(8):
        run = 0 if groups[n] else run + 1
        if run > longest:
            longest, gap = run, n + 1 - run
    reserve(t, 48)
    t.p[0] = c'"'
    t.p += 1
    n = 0
    while n < 8:
        if n == gap:
            n += longest
            t.p[0] = t.p[1] = c":"
            t.p += 1 if n < 8 else 2
            continue
        if n:
            t.p[0] = c":"
            t.p += 1
        shift = 12
        while shift and not groups[n] >> shift:
            shift -= 4
        while shift >= 0:
            t.p[0] = DIGITS[groups[n] >> shift & 0x0F]
            t.p += 1
            shift -= 4
        n += 1
    t.p[0] = c'"'
    t.p += 1
    return 0


cdef int put_list(Text *t, tuple values) except -1:
    put_char(t, c"[")
    for n, value in enumerate(values):
        if n:
            put_char(t, c",")
        put_value(t, value, True)
    return put_char(t, c"]")


cdef int put_value(Text *t, object value, bint listed) except -1:
    """Write any value; one of a list may have to say of which kind it is."""
    kind = type(value)
    if value is None:
        return put_text(t, "null", 4)
    if kind is bool:
        return put_text(t, "true", 4) if value else put_text(t, "false", 5)
    if kind is int:
        return put_int(t, value)
    if kind is float:
        return put_float(t, value)
    if kind is str:
        return put_str(t, value)
    if kind is tuple:
        return put_list(t, value)
    if kind is IPv4Address:
        return put_ipv4(t, value)
    if kind is bytes:
        return put_hex(t, value)
    if kind is IPv6Address and get(value, SCOPE_AT) is None:
        return put_ipv6(t, value)
    cdef Braces braces = BRACES.get(kind)
    if braces is None:
        braces = BRACES[kind] = Braces(kind)
    return braces.put(t, value, listed)


# --- forms --------------------------------------------------------------------------------------------

cdef struct Key:
    char *text              # with quotes, its colon and the comma before it
    Py_ssize_t size
    Py_ssize_t at           # slot, or 0
    PyObject *names         # dictionary of names for the number in the slot, or NULL
    uint64_t mask           # bits of the number in the slot, or 0
    Py_ssize_t other        # slot that must hold None for this one to be shown, or 0
    PyObject *getter        # where there is no slot: an attribute's name, or what works it out
    bint optional


cdef dict BRACES = {}       # class -> its Braces


cdef class Braces:
    """How the values of one class are written: its keys, and where in a value the contents are."""

    cdef Key keys[MAX_KEYS]
    cdef int count
    cdef bytes kind
    cdef list kept          # what the keys point to

    def __init__(self, cls):
        self.kept = []
        form = form_of(cls)
        kind = kind_of(cls)
        self.kind = b"" if kind is None else b'{"kind":"%b"' % kind.encode()
        self.count = -1 if form is None else 0
        for name, getter in (form or {}).items():
            self.add(cls, name, getter)

    cdef int add(self, cls, str name, getter) except -1:
        cdef bytes text = b',"%b":' % name.rstrip("?").encode()
        assert self.count < MAX_KEYS
        cdef Key *key = &self.keys[self.count]
        self.count += 1
        key.text = PyBytes_AS_STRING(text)
        key.size = len(text)
        key.optional = name.endswith("?")
        key.names = NULL
        key.mask = 0
        key.other = 0
        key.at = 0
        self.kept += [text, getter]
        if isinstance(getter, Named):
            key.names = <PyObject *> (<dict?> getter.names)
            getter = getter.attribute
        elif isinstance(getter, Bit):
            key.mask = getter.mask
            getter = getter.attribute
        elif isinstance(getter, Instead):
            key.other = slot_of(cls, getter.other)
            getter = getter.attribute
        key.getter = <PyObject *> getter
        if isinstance(getter, str) and type(getattr(cls, getter, None)) is MemberDescriptorType:
            key.at = slot_of(cls, getter)
        return 0

    cdef int put(self, Text *t, object value, bint listed) except -1:
        cdef Key *key
        cdef int n
        cdef Py_ssize_t start = t.p - t.start
        if self.count < 0:
            return put_bytes(t, encode(to_json(value)))
        put_bytes(t, self.kind if listed else b"")
        for n in range(self.count):
            key = &self.keys[n]
            if key.other and get(value, key.other) is not None:
                content = None
            elif key.at:
                content = get(value, key.at)
            elif isinstance(<object> key.getter, str):
                content = getattr(value, <object> key.getter)
            else:
                content = (<object> key.getter)(value)
            if key.names is not NULL:
                content = (<dict> key.names).get(content, UNKNOWN)
            elif key.mask:
                content = (<uint64_t> content & key.mask) != 0
            if content is None and key.optional:
                continue
            put_text(t, key.text, key.size)
            put_value(t, content, False)
        if t.p - t.start == start:
            put_char(t, c"{")
        t.start[start] = c"{"       # in place of the first key's comma
        return put_char(t, c"}")


def json_text(value):
    """The JSON text of a value of this package, in UTF-8."""
    cdef Text t
    t.start = t.p = <char *> PyMem_Malloc(FIRST)
    if t.start is NULL:
        raise MemoryError
    t.end = t.start + FIRST
    try:
        put_value(&t, value, False)
        return PyBytes_FromStringAndSize(t.start, t.p - t.start)
    finally:
        PyMem_Free(t.start)
