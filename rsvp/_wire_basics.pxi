"""Cursor and writer: where slots, bytes and addresses are touched (RFC 2205 section 3.1.2)."""

cdef struct Shape:
    PyTypeObject *type
    Py_ssize_t at[MAX_SLOTS]    # byte offset of the n-th field's slot


cdef list SHAPED = []       # keeps every class alive whose PyTypeObject a shape points to


cdef Shape session_, hop_, integrity_, time_values_, error_spec_, scope_, style_, filter_, labelled_
cdef Shape policy_, confirm_, opaque_, tspec_, null_tspec_, rspec_, flowspec_, adspec_, general_, guaranteed_
cdef Shape load_, overrides_, other_, sender_, flow_, ipv4_, ipv6_


cdef int measure(Shape *shape, cls, names=None) except -1:
    SHAPED.append(cls)
    shape.type = <PyTypeObject *> cls
    names = names or [f.name for f in fields(cls)]
    assert len(names) <= MAX_SLOTS
    for n, name in enumerate(names):
        shape.at[<int> n] = slot_of(cls, name)
    return 0


cdef inline object build1(Shape *shape, object a):
    o = rsvp_value(shape.type)
    put(o, shape.at[0], a)
    return o


cdef inline object build2(Shape *shape, object a, object b):
    o = build1(shape, a)
    put(o, shape.at[1], b)
    return o


cdef inline object build3(Shape *shape, object a, object b, object c):
    o = build2(shape, a, b)
    put(o, shape.at[2], c)
    return o


cdef inline object build4(Shape *shape, object a, object b, object c, object d):
    o = build3(shape, a, b, c)
    put(o, shape.at[3], d)
    return o


cdef inline object build5(Shape *shape, object a, object b, object c, object d, object e):
    o = build4(shape, a, b, c, d)
    put(o, shape.at[4], e)
    return o


cdef inline int expect(object o, Shape *shape) except -1:
    """Make sure that `get` may use this shape's offsets."""
    if not rsvp_is(o, shape.type):
        raise TypeError(f"a {(<type> shape.type).__name__} is needed here, not {o!r}")
    return 0


cdef struct Cursor:
    const uint8_t *p        # what is read next, and the first byte behind it
    const uint8_t *end
    const uint8_t *object   # header of the object at hand, and of the message: for errors only
    const uint8_t *message


cdef struct Form            # see _wire_forms.pxi


ctypedef object (*Reader)(Cursor *)
ctypedef int (*Writing)(Writer *, int, object) except -1


cdef struct Row:
    Reader read
    int least               # bytes that the contents may have: least, least + step, ... most
    int step
    int most
    bint common             # whether neighbours say the same over and over: see `read_common`
    Form *form              # where a layout describes the object, else NULL


cdef Row ROWS[256][MAX_CTYPE]
cdef Writing WRITERS[256]


cdef inline uint32_t be16(const uint8_t *p) noexcept nogil:
    return (<uint32_t> p[0] << 8) | p[1]


cdef inline uint32_t be32(const uint8_t *p) noexcept nogil:
    return (<uint32_t> p[0] << 24) | (<uint32_t> p[1] << 16) | (<uint32_t> p[2] << 8) | p[3]


cdef inline uint64_t be64(const uint8_t *p) noexcept nogil:
    return (<uint64_t> be32(p) << 32) | be32(p + 4)


cdef int refuse(Cursor *c, str reason) except -1:
    """Raise WireError about the object at hand."""
    raise WireError(reason, c.object[2], c.object[3], c.object - c.message)


cdef inline double real(Cursor *c, const uint8_t *p) except -1.0:
    """An IEEE single that is at least zero; +infinity is one."""
    cdef uint32_t word = be32(p)
    cdef float value
    memcpy(&value, &word, 4)
    if not value >= 0.0:
        refuse(c, "bad number")
    return value


cdef inline bint open_object(Cursor *c, Cursor *body) except -1:
    """Step over the next object and point `body` at its contents. The remainder is whole words."""
    cdef uint32_t length = be16(c.p)
    body.message = c.message
    body.object = c.p
    if length < 4 or length & 3 or length > c.end - c.p:
        refuse(body, "wrong object length")
    body.p = c.p + 4
    body.end = c.p = c.p + length
    return True


cdef inline Row *row_of(Cursor *body) noexcept:
    """The table's row for the object at hand, or NULL."""
    cdef int ctype = body.object[3]
    if ctype >= MAX_CTYPE or ROWS[body.object[2]][ctype].read is NULL:
        return NULL
    return &ROWS[body.object[2]][ctype]


cdef inline object read_object(Row *row, Cursor *body):
    cdef Py_ssize_t size = body.end - body.p
    if size < row.least or size > row.most or (size - row.least) % row.step:
        refuse(body, "wrong object length")
    return read_common(row, body) if row.common else row.read(body)


cdef inline object read_bytes(const uint8_t *p, const uint8_t *end):
    return PyBytes_FromStringAndSize(<const char *> p, end - p)


# Addresses come back all the time and are dear to build: keep one object for each, in two tables
# of fixed size where a new address takes the place of an old one.


cdef struct KnownAddress:
    uint64_t high
    uint64_t low
    PyObject *address


cdef KnownAddress KNOWN_IPV4[ADDRESS_SLOTS]
cdef KnownAddress KNOWN_IPV6[ADDRESS_SLOTS]


cdef object read_address(const uint8_t *p, int width):
    """The IPv4Address of four bytes or the IPv6Address of sixteen."""
    cdef uint64_t high = 0
    cdef uint64_t low
    cdef KnownAddress *known
    if width == 4:
        low = be32(p)
        known = &KNOWN_IPV4[(low * 0x9E3779B97F4A7C15u) >> 32 & (ADDRESS_SLOTS - 1)]
    else:
        high = be64(p)
        low = be64(p + 8)
        known = &KNOWN_IPV6[((low ^ high * 31) * 0x9E3779B97F4A7C15u) >> 32 & (ADDRESS_SLOTS - 1)]
    if known.address is not NULL and known.low == low and known.high == high:
        return <object> known.address
    if width == 4:
        address = build1(&ipv4_, low)
    else:
        address = build2(&ipv6_, (<object> high << 64) | <object> low, None)
    cdef PyObject *old = known.address
    Py_INCREF(address)
    known.high, known.low, known.address = high, low, <PyObject *> address
    Py_XDECREF(old)
    return address


# A neighbour's hop, its refresh period, the styles and the ADSPEC of a path come in message after message.
# Those read before are given out again: that takes less time and memory than another one, and tells whoever
# compares two messages at once that they are equal in this.


cdef struct KnownObject:
    Py_ssize_t size
    uint8_t octets[MAX_KNOWN]   # header and contents
    PyObject *value


cdef KnownObject KNOWN_OBJECTS[OBJECT_SLOTS]


cdef object read_common(Row *row, Cursor *body):
    """What `row` reads, once for each sequence of bytes as long as that is remembered."""
    cdef Py_ssize_t size = body.end - body.object, at
    cdef uint64_t mixed = 0
    cdef KnownObject *known
    if size > MAX_KNOWN:
        return row.read(body)
    for at in range(0, size, 4):
        mixed = (mixed ^ be32(body.object + at)) * 0x9E3779B97F4A7C15u
    known = &KNOWN_OBJECTS[mixed >> 32 & (OBJECT_SLOTS - 1)]
    if known.value is not NULL and known.size == size and not memcmp(known.octets, body.object, size):
        return <object> known.value
    value = row.read(body)
    cdef PyObject *old = known.value
    Py_INCREF(value)
    known.size, known.value = size, <PyObject *> value
    memcpy(known.octets, body.object, size)
    Py_XDECREF(old)
    return value


cdef inline int width_of(Cursor *c) noexcept:
    """Bytes of an address in the object at hand."""
    return 4 if c.object[3] == IPV4 else 16


cdef inline bint is_zero(const uint8_t *p, int width) noexcept:
    return not be32(p) and (width == 4 or not (be32(p + 4) | be64(p + 8)))


cdef struct Writer:
    uint8_t *p
    uint8_t *end


cdef inline void put16(uint8_t *p, uint32_t value) noexcept nogil:
    p[0] = <uint8_t> (value >> 8)
    p[1] = <uint8_t> value


cdef inline void put32(uint8_t *p, uint32_t value) noexcept nogil:
    put16(p, value >> 16)
    put16(p + 2, value & 0xFFFF)


cdef inline void put64(uint8_t *p, uint64_t value) noexcept nogil:
    put32(p, <uint32_t> (value >> 32))
    put32(p + 4, <uint32_t> value)


cdef uint8_t *claim(Writer *w, Py_ssize_t size) except NULL:
    """Take the next `size` bytes of the message."""
    cdef uint8_t *p = w.p
    if size > w.end - p:
        raise ValueError(f"an RSVP message is at most {MAX_MESSAGE} bytes long, and this one is longer")
    w.p += size
    return p


cdef uint8_t *begin(Writer *w, int class_num, int ctype, Py_ssize_t size) except NULL:
    """Write an object's header; return where its `size` bytes of contents go."""
    cdef uint8_t *p = claim(w, size + 4)
    put16(p, <uint32_t> (size + 4))
    p[2] = <uint8_t> class_num
    p[3] = <uint8_t> ctype
    return p + 4


cdef inline uint32_t number(object o, Py_ssize_t at, int64_t most) except? 0xFFFFFFFF:
    """A field that is a whole number from 0 to `most`."""
    cdef int64_t value = get(o, at)
    if value < 0 or value > most:
        raise ValueError(f"{value} in a {type(o).__name__} is not within 0 and {most}")
    return <uint32_t> value


cdef int put_real(uint8_t *p, object o, Py_ssize_t at) except -1:
    """A field that is a number of at least zero, as an IEEE single."""
    cdef float value = get(o, at)
    cdef uint32_t word
    if not value >= 0.0:
        raise ValueError(f"{value} in a {type(o).__name__} is no number of at least 0")
    memcpy(&word, &value, 4)
    put32(p, word)
    return 0


cdef inline int width(object address) except -1:
    """Bytes of an address."""
    if rsvp_is(address, ipv4_.type):
        return 4
    expect(address, &ipv6_)
    return 16


cdef inline int family(int n) noexcept:
    return IPV4 if n == 4 else IPV6


cdef int put_address(uint8_t *p, object address, int n) except -1:
    cdef bytes packed
    if n == 4:
        put32(p, number(address, ipv4_.at[0], 0xFFFFFFFF))
    else:
        packed = get(address, ipv6_.at[0]).to_bytes(16, "big")
        memcpy(p, PyBytes_AS_STRING(packed), 16)
    return 0


cdef int put_bytes(uint8_t *p, bytes data) except -1:
    memcpy(p, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return 0
