# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The wire codec: bytes of one RSVP message <-> a frozen message object (RFC 2205 section 3.1).

`decode` either returns a message or raises `WireError`, whatever the bytes. Its reasons are:

header        "truncated header", "unsupported version", "wrong length", "bad checksum",
              "unknown message type"
framing       "wrong object length" (below 4, no multiple of 4, past the end, or not what the
              C-Type asks for), "unknown C-Type"
grammar       "object not allowed", "repeated object", "missing object", "integrity not first",
              "style not last", "flow descriptor before style", "filter before flowspec",
              "flowspec without filter", "filter in wildcard style", "too many flow descriptors"
contents      "zero address", "zero protocol", "unordered scope", "bad number" (negative or no
              number), "unsupported service", "unsupported format", "wrong service length",
              "wrong parameter", "repeated parameter", "missing parameter", "repeated service"

How it stays safe: every read is covered by one check. `open_object` proves that an object lies
inside the message; `read_object` proves that the contents have the length that the object's row in
the table asks for; after that a reader uses fixed offsets. Only ADSPEC has lengths of its own
inside, and `open_service` and `open_parameter` check those.

How it stays fast: decoded objects are allocated without `__init__` and their slots filled, at
offsets that are looked up once. `__post_init__` does not run, so the readers check what it checks.

To add an object: its numbers in `iana`, its class in `objects` (with `@register`), here a shape, a
reader, a writer and a line in `fill_tables`. If it stands in messages of its own field, add the
field to those messages and its class to `FIELDS`; the grammar follows from the dataclass.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from dataclasses import MISSING, fields
from ipaddress import IPv4Address, IPv6Address
from types import MemberDescriptorType

from . import iana, intserv, messages, objects
from .dissection import Dissection, WireObject
from .errors import WireError
from .iana import ClassNum, CType, Parameter, Service, StyleBits

__all__ = ["Dissection", "WireError", "WireObject", "checksum", "decode", "dissect", "encode"]

cdef extern from *:
    """
    #include "structmember.h"
    static inline PyObject *rsvp_fresh(PyTypeObject *type) { return type->tp_alloc(type, 0); }
    static inline Py_ssize_t rsvp_slot(PyObject *member) {
        return ((PyMemberDescrObject *)member)->d_member->offset;
    }
    static inline int rsvp_is(PyObject *o, PyTypeObject *type) { return PyObject_TypeCheck(o, type); }
    """
    object rsvp_fresh(PyTypeObject *type)
    Py_ssize_t rsvp_slot(object member)
    bint rsvp_is(object o, PyTypeObject *type)


# --- numbers (all of them from iana) --------------------------------------------------------------

cdef enum:
    HEADER = 8              # bytes of the common header, RFC 2205 section 3.1.1
    MAX_MESSAGE = 65532     # what its length field can say, in whole words
    MAX_FIELDS = 16
    MESSAGES = 7
    MAX_CTYPE = 16
    ADDRESS_SLOTS = 1024    # a power of two

cdef int VERSION = iana.RSVP_VERSION
cdef int NULL_OBJECT = ClassNum.NULL
cdef int SESSION = ClassNum.SESSION
cdef int RSVP_HOP = ClassNum.RSVP_HOP
cdef int INTEGRITY = ClassNum.INTEGRITY
cdef int TIME_VALUES = ClassNum.TIME_VALUES
cdef int ERROR_SPEC = ClassNum.ERROR_SPEC
cdef int SCOPE = ClassNum.SCOPE
cdef int STYLE = ClassNum.STYLE
cdef int FLOWSPEC = ClassNum.FLOWSPEC
cdef int FILTER_SPEC = ClassNum.FILTER_SPEC
cdef int SENDER_TEMPLATE = ClassNum.SENDER_TEMPLATE
cdef int SENDER_TSPEC = ClassNum.SENDER_TSPEC
cdef int ADSPEC = ClassNum.ADSPEC
cdef int POLICY_DATA = ClassNum.POLICY_DATA
cdef int RESV_CONFIRM = ClassNum.RESV_CONFIRM
cdef int IPV4 = CType.IPV4
cdef int IPV6 = CType.IPV6
cdef int IPV6_FLOW_LABEL = CType.IPV6_FLOW_LABEL
cdef int INTSERV = CType.INTSERV
cdef int PLAIN = CType.TIME_VALUES
cdef int SHARING_MASK = StyleBits.SHARING_MASK
cdef int SELECTION_MASK = StyleBits.SELECTION_MASK
cdef int DISTINCT = StyleBits.DISTINCT
cdef int SHARED = StyleBits.SHARED
cdef int EXPLICIT = StyleBits.EXPLICIT
cdef int WILDCARD = StyleBits.WILDCARD
cdef int DEFAULT_SERVICE = Service.DEFAULT
cdef int GUARANTEED = Service.GUARANTEED
cdef int CONTROLLED_LOAD = Service.CONTROLLED_LOAD
cdef int TOKEN_BUCKET = Parameter.TOKEN_BUCKET_TSPEC
cdef int RSPEC = Parameter.GUARANTEED_RSPEC
cdef int PATH_HOPS = Parameter.IS_HOPS
cdef int PATH_BANDWIDTH = Parameter.PATH_BANDWIDTH
cdef int PATH_LATENCY = Parameter.PATH_LATENCY
cdef int PATH_MTU = Parameter.PATH_MTU
cdef int[4] GUARANTEED_TERMS = [Parameter.C_TOT, Parameter.D_TOT, Parameter.C_SUM, Parameter.D_SUM]
cdef int BREAK = iana.BREAK_BIT
cdef int BUNDLE = iana.BUNDLE


# --- shapes: where the fields of a class lie -------------------------------------------------------

cdef struct Shape:
    PyTypeObject *type
    Py_ssize_t at[8]        # byte offset of the n-th field's slot


cdef list SHAPED = []       # keeps every class alive whose PyTypeObject a shape points to

cdef Shape session_, hop_, integrity_, time_values_, error_spec_, scope_, style_, filter_, labelled_
cdef Shape policy_, confirm_, opaque_, tspec_, rspec_, flowspec_, adspec_, general_, guaranteed_
cdef Shape load_, overrides_, other_, sender_, flow_, ipv4_, ipv6_


cdef Py_ssize_t slot_of(cls, str name) except -1:
    member = getattr(cls, name)
    if type(member) is not MemberDescriptorType:
        raise TypeError(f"{cls.__name__}.{name} is no slot")
    return rsvp_slot(member)


cdef int measure(Shape *shape, cls, names=None) except -1:
    SHAPED.append(cls)
    shape.type = <PyTypeObject *> cls
    for n, name in enumerate(names or [f.name for f in fields(cls)]):
        shape.at[<int> n] = slot_of(cls, name)
    return 0


cdef inline PyObject **slot(object o, Py_ssize_t at) noexcept:
    return <PyObject **> (<char *> <PyObject *> o + at)


cdef inline void put(object o, Py_ssize_t at, object value) noexcept:
    """Fill an empty slot of a fresh object."""
    Py_INCREF(value)
    slot(o, at)[0] = <PyObject *> value


cdef inline object get(object o, Py_ssize_t at):
    cdef PyObject *value = slot(o, at)[0]
    if value is NULL:
        raise TypeError(f"a field of this {type(o).__name__} was never set")
    return <object> value


cdef inline object build1(Shape *shape, object a):
    o = rsvp_fresh(shape.type)
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


# --- reading ---------------------------------------------------------------------------------------

cdef struct Cursor:
    const uint8_t *p        # what is read next, and the first byte behind it
    const uint8_t *end
    const uint8_t *object   # header of the object at hand, and of the message: for errors only
    const uint8_t *message

ctypedef object (*Reader)(Cursor *)
ctypedef int (*Writing)(Writer *, int, object) except -1

cdef struct Row:
    Reader read
    int least               # bytes that the contents may have: least, least + step, ... most
    int step
    int most

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
    return row.read(body)


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


cdef inline int width_of(Cursor *c) noexcept:
    """Bytes of an address in the object at hand."""
    return 4 if c.object[3] == IPV4 else 16


cdef inline bint is_zero(const uint8_t *p, int width) noexcept:
    return not be32(p) and (width == 4 or not (be32(p + 4) | be64(p + 8)))


cdef object read_session(Cursor *c):
    cdef int n = width_of(c)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    if not c.p[n]:
        refuse(c, "zero protocol")
    return build4(&session_, read_address(c.p, n), c.p[n], be16(c.p + n + 2), c.p[n + 1])


cdef object read_hop(Cursor *c):
    cdef int n = width_of(c)
    return build2(&hop_, read_address(c.p, n), be32(c.p + n))


cdef object read_integrity(Cursor *c):
    cdef uint64_t key_id = (<uint64_t> be16(c.p + 2) << 32) | be32(c.p + 4)
    return build4(&integrity_, key_id, be64(c.p + 8), read_bytes(c.p + 16, c.end), c.p[0])


cdef object read_time_values(Cursor *c):
    return build1(&time_values_, be32(c.p))


cdef object read_error_spec(Cursor *c):
    cdef int n = width_of(c)
    return build4(&error_spec_, read_address(c.p, n), c.p[n + 1], be16(c.p + n + 2), c.p[n])


cdef object read_scope(Cursor *c):
    cdef int n = width_of(c)
    cdef const uint8_t *p = c.p
    cdef list addresses = []
    while p < c.end:
        if p > c.p and memcmp(p - n, p, n) > 0:
            refuse(c, "unordered scope")
        addresses.append(read_address(p, n))
        p += n
    return build1(&scope_, tuple(addresses))


cdef object read_style(Cursor *c):
    return build2(&style_, be32(c.p) & 0xFFFFFF, c.p[0])


cdef object read_filter(Cursor *c):
    cdef int n = width_of(c)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    return build2(&filter_, read_address(c.p, n), be16(c.p + n + 2))


cdef object read_labelled_filter(Cursor *c):
    if is_zero(c.p, 16):
        refuse(c, "zero address")
    return build2(&labelled_, read_address(c.p, 16), be32(c.p + 16) & 0xFFFFFF)


cdef object read_policy(Cursor *c):
    return build1(&policy_, read_bytes(c.p, c.end))


cdef object read_confirm(Cursor *c):
    return build1(&confirm_, read_address(c.p, width_of(c)))


cdef object read_opaque(Cursor *c):
    return build3(&opaque_, c.object[2], c.object[3], read_bytes(c.p, c.end))


# --- reading integrated services' contents (RFC 2210) ------------------------------------------------

cdef int open_format(Cursor *c) except -1:
    """Step over the header word that names version 0 and the words that follow it."""
    if c.p[0] >> 4:
        refuse(c, "unsupported format")
    if be16(c.p + 2) * 4 != c.end - c.p - 4:
        refuse(c, "wrong service length")
    c.p += 4
    return 0


cdef int open_service(Cursor *c, Cursor *service) except -1:
    """Step over one service and point `service` at its parameters; its number is at p[-4]."""
    cdef Py_ssize_t length = be16(c.p + 2) * 4
    if length > c.end - c.p - 4:
        refuse(c, "wrong service length")
    service[0] = c[0]
    service.p = c.p + 4
    service.end = c.p = c.p + 4 + length
    return 0


cdef int open_parameter(Cursor *c, Cursor *parameter) except -1:
    """Step over one parameter and point `parameter` at its value; its number is at p[-4]."""
    cdef Py_ssize_t length = be16(c.p + 2) * 4
    if length > c.end - c.p - 4:
        refuse(c, "wrong parameter")
    parameter[0] = c[0]
    parameter.p = c.p + 4
    parameter.end = c.p = c.p + 4 + length
    return 0


cdef inline int expect_parameter(Cursor *c, const uint8_t *p, int number, int words) except -1:
    if p[0] != number or be16(p + 2) != words:
        refuse(c, "wrong parameter")
    return 0


cdef object read_token_bucket(Cursor *c, const uint8_t *p):
    """Parameter 127, header and five words: r, b, p, m, M."""
    expect_parameter(c, p, TOKEN_BUCKET, 5)
    return build5(&tspec_, real(c, p + 4), real(c, p + 8), real(c, p + 12), be32(p + 16), be32(p + 20))


cdef object read_tspec(Cursor *c):
    open_format(c)
    if c.p[0] != DEFAULT_SERVICE:
        refuse(c, "unsupported service")
    if be16(c.p + 2) != 6:
        refuse(c, "wrong service length")
    return read_token_bucket(c, c.p + 4)


cdef object read_flowspec(Cursor *c):
    cdef int service = c.p[4]
    cdef const uint8_t *p = c.p + 8
    open_format(c)
    if service != CONTROLLED_LOAD and service != GUARANTEED:
        refuse(c, "unsupported service")
    if be16(c.p + 2) != (6 if service == CONTROLLED_LOAD else 9) or be16(c.p + 2) * 4 != c.end - p:
        refuse(c, "wrong service length")
    tspec = read_token_bucket(c, p)
    rspec = None
    if service == GUARANTEED:
        expect_parameter(c, p + 24, RSPEC, 2)
        rspec = build2(&rspec_, real(c, p + 28), be32(p + 32))
    return build3(&flowspec_, service, tspec, rspec)


cdef struct Parameters:
    # The values of one service's parameters of one word, in the order of the tables below.
    uint32_t seen           # bit n: the n-th was there
    const uint8_t *at[8]

cdef int8_t GENERAL_INDEX[256]      # parameter number -> place in Parameters, or -1
cdef int8_t GUARANTEED_INDEX[256]
cdef enum:
    IS_HOPS, BANDWIDTH, LATENCY, MTU, C_TOT, D_TOT, C_SUM, D_SUM
    GENERAL_SET = 0x0F
    GUARANTEED_SET = 0xF0


cdef object read_parameters(Cursor *c, const int8_t *index, Parameters *found):
    """Find the known parameters of a service; give back the others as Overrides.unknown has them."""
    cdef Cursor parameter
    cdef int n
    cdef list unknown = None
    found.seen = 0
    while c.p < c.end:
        open_parameter(c, &parameter)
        n = index[parameter.p[-4]]
        if n < 0:
            if unknown is None:
                unknown = []
            unknown.append((parameter.p[-4], parameter.p[-3], read_bytes(parameter.p, parameter.end)))
        elif parameter.end - parameter.p != 4:
            refuse(c, "wrong parameter")
        elif found.seen & (1 << n):
            refuse(c, "repeated parameter")
        else:
            found.seen |= 1 << n
            found.at[n] = parameter.p
    return () if unknown is None else tuple(unknown)


cdef object read_general(Cursor *c):
    cdef Parameters found
    cdef bint broken = c.p[-3] & BREAK
    if read_parameters(c, GENERAL_INDEX, &found):
        refuse(c, "wrong parameter")
    if found.seen != GENERAL_SET:
        refuse(c, "missing parameter")
    return build5(
        &general_,
        be32(found.at[IS_HOPS]),
        real(c, found.at[BANDWIDTH]),
        be32(found.at[LATENCY]),
        be32(found.at[MTU]),
        broken,
    )


cdef object read_overrides(Cursor *c, Parameters *found, tuple unknown):
    if not found.seen & GENERAL_SET and not unknown:
        return None
    return build5(
        &overrides_,
        be32(found.at[IS_HOPS]) if found.seen & (1 << IS_HOPS) else None,
        real(c, found.at[BANDWIDTH]) if found.seen & (1 << BANDWIDTH) else None,
        be32(found.at[LATENCY]) if found.seen & (1 << LATENCY) else None,
        be32(found.at[MTU]) if found.seen & (1 << MTU) else None,
        unknown,
    )


cdef object read_guaranteed(Cursor *c):
    cdef Parameters found
    cdef bint broken = c.p[-3] & BREAK
    cdef bint empty = c.p == c.end
    cdef uint32_t terms[4]
    cdef int n
    memset(terms, 0, sizeof(terms))
    unknown = read_parameters(c, GUARANTEED_INDEX, &found)
    if not empty:
        if found.seen & GUARANTEED_SET != GUARANTEED_SET:
            refuse(c, "missing parameter")
        for n in range(4):
            terms[n] = be32(found.at[C_TOT + n])
    advert = build5(&guaranteed_, terms[0], terms[1], terms[2], terms[3], broken)
    put(advert, guaranteed_.at[5], empty)
    put(advert, guaranteed_.at[6], read_overrides(c, &found, unknown))
    return advert


cdef object read_controlled_load(Cursor *c):
    cdef Parameters found
    cdef bint broken = c.p[-3] & BREAK
    unknown = read_parameters(c, GENERAL_INDEX, &found)
    return build2(&load_, broken, read_overrides(c, &found, unknown))


cdef object read_adspec(Cursor *c):
    cdef Cursor service
    cdef int number
    cdef list others = None
    guaranteed = load = None
    open_format(c)
    if c.p == c.end or c.p[0] != DEFAULT_SERVICE:
        refuse(c, "unsupported service")
    open_service(c, &service)
    general = read_general(&service)
    while c.p < c.end:
        open_service(c, &service)
        number = service.p[-4]
        if number == GUARANTEED and guaranteed is None:
            guaranteed = read_guaranteed(&service)
        elif number == CONTROLLED_LOAD and load is None:
            load = read_controlled_load(&service)
        elif number == GUARANTEED or number == CONTROLLED_LOAD or number == DEFAULT_SERVICE:
            refuse(c, "repeated service")
        else:
            if others is None:
                others = []
            others.append(build3(
                &other_, number, <bint> (service.p[-3] & BREAK), read_bytes(service.p, service.end)
            ))
    return build4(&adspec_, general, guaranteed, load, () if others is None else tuple(others))


# --- messages: their fields, taken from the dataclasses -----------------------------------------------

cdef enum Kind:
    ALONE                   # a field that holds one object
    REPEATED                # a tuple of objects of one class
    SENDER_PART             # template, Tspec or Adspec of the field `sender`
    EXTRA                   # objects of unknown classes
    FLOW_PART               # FLOWSPECs and FILTER_SPECs of the field `flow` or `flows`

cdef struct Field:
    Kind kind
    int class_num
    bint required
    Py_ssize_t at           # slot of the message, or of the Sender for a SENDER_PART

cdef struct MessageShape:
    PyTypeObject *type
    int number              # of the message type
    Field fields[MAX_FIELDS]    # in the order in which encode writes them
    int count
    int8_t index[256]       # class number -> its field, or -1
    Py_ssize_t send_ttl
    Py_ssize_t flags
    Py_ssize_t layout
    Py_ssize_t sender       # 0 where there is none
    bint sender_required
    bint is_tear            # FLOWSPECs may be left out (RFC 2205 section 3.1.6)
    bint is_error           # one flow descriptor or none (RFC 2205 section 3.1.8)

cdef MessageShape SHAPES[MESSAGES]
cdef MessageShape *BY_TYPE[256]
cdef bint KNOWN[256]        # classes that have rows

FIELDS = (
    # The order of RFC 2205's grammars: (class number, field of the message, field of the Sender).
    (ClassNum.INTEGRITY, "integrity", None),
    (ClassNum.SESSION, "session", None),
    (ClassNum.RSVP_HOP, "hop", None),
    (ClassNum.TIME_VALUES, "time_values", None),
    (ClassNum.ERROR_SPEC, "error", None),
    (ClassNum.RESV_CONFIRM, "confirm", None),
    (ClassNum.SCOPE, "scope", None),
    (ClassNum.POLICY_DATA, "policy", None),
    (ClassNum.SENDER_TEMPLATE, "sender", "template"),
    (ClassNum.SENDER_TSPEC, "sender", "tspec"),
    (ClassNum.ADSPEC, "sender", "adspec"),
    (None, "extra", None),
    (ClassNum.STYLE, "style", None),
    (ClassNum.FLOWSPEC, "flows", None),
    (ClassNum.FLOWSPEC, "flow", None),
)


cdef int describe(MessageShape *shape, cls) except -1:
    """Derive a message's grammar from its dataclass: a field without a default is required."""
    cdef Field *field
    declared = {f.name: f for f in fields(cls)}
    SHAPED.append(cls)
    shape.type = <PyTypeObject *> cls
    shape.number = cls.type
    memset(shape.index, -1, sizeof(shape.index))
    shape.send_ttl = slot_of(cls, "send_ttl")
    shape.flags = slot_of(cls, "flags")
    shape.layout = slot_of(cls, "layout")
    shape.is_tear = cls is messages.ResvTear
    shape.is_error = "flow" in declared
    for class_num, name, part in FIELDS:
        if name not in declared:
            continue
        field = &shape.fields[shape.count]
        field.at = slot_of(cls, name)
        field.required = declared[name].default is MISSING
        field.kind = ALONE
        field.class_num = -1 if class_num is None else class_num
        if part is not None:
            field.kind = SENDER_PART
            shape.sender = field.at
            shape.sender_required = field.required
            field.at = slot_of(messages.Sender, part)
            # PathTear and PathErr do with the template (RFC 2205 sections 3.1.5 and 3.1.7).
            field.required = part == "template" or (part == "tspec" and cls is messages.Path)
        elif class_num is None:
            field.kind = EXTRA
            shape.index[NULL_OBJECT] = shape.count
        elif name == "policy":
            field.kind = REPEATED
        elif name in ("flow", "flows"):
            field.kind = FLOW_PART
            shape.index[FILTER_SPEC] = shape.count
        if class_num is not None:
            shape.index[field.class_num] = shape.count
        shape.count += 1
    return 0


cdef enum Packing:
    # How a style packs its flow descriptor list (RFC 2205 section 3.1.4).
    PAIRS                   # FLOWSPEC and FILTER_SPEC, again and again: distinct, explicit
    ONE_LIST                # one FLOWSPEC and its FILTER_SPECs: shared, explicit
    BARE                    # one FLOWSPEC: shared, wildcard
    OTHER                   # no style of RFC 2205: objects are only grouped, for the engine to answer


cdef Packing packing_of(uint32_t vector) noexcept:
    cdef uint32_t sharing = vector & SHARING_MASK, selection = vector & SELECTION_MASK
    if selection == EXPLICIT and sharing == DISTINCT:
        return PAIRS
    if selection == EXPLICIT and sharing == SHARED:
        return ONE_LIST
    if selection == WILDCARD and sharing == SHARED:
        return BARE
    return OTHER


cdef class FlowList:
    """Unpacks a flow descriptor list, object by object (RFC 2205 section 3.1.4)."""

    cdef list flows, filters
    cdef object flowspec
    cdef Packing packing
    cdef bint is_tear, is_error
    cdef bint fresh         # the flowspec has no flow yet
    cdef bint packed        # a flowspec was left out because it repeats the one before

    def __cinit__(self, uint32_t vector, bint is_tear, bint is_error):
        self.packing = packing_of(vector)
        self.is_tear = is_tear
        self.is_error = is_error
        self.flows = []
        self.filters = []

    cdef int close_group(self) except -1:
        if self.fresh or self.filters:
            self.flows.append(build2(&flow_, self.flowspec, tuple(self.filters)))
            self.filters = []
            self.fresh = False
            self.flowspec = None
        return 0

    cdef int add_flowspec(self, Cursor *c, object flowspec) except -1:
        if self.packing == PAIRS and self.fresh:
            refuse(c, "flowspec without filter")
        if self.packing == OTHER:
            self.close_group()
        if (self.fresh or self.filters) or (self.is_error and self.flows):
            refuse(c, "too many flow descriptors")
        self.flowspec = flowspec
        self.fresh = True
        return 0

    cdef int add_filter(self, Cursor *c, object filter_spec) except -1:
        if self.packing == BARE:
            refuse(c, "filter in wildcard style")
        if self.packing != OTHER and self.flowspec is None and not self.is_tear:
            refuse(c, "filter before flowspec")
        if self.packing != PAIRS:
            self.filters.append(filter_spec)
            return 0
        if self.is_error and self.flows:
            refuse(c, "too many flow descriptors")
        self.flows.append(build2(&flow_, self.flowspec, (filter_spec,)))
        if self.is_tear:
            self.flowspec = None    # left out means absent there, not repeated
        elif not self.fresh:
            self.packed = True
        self.fresh = False
        return 0

    cdef int missing(self) noexcept:
        """The class that the list still needs, or 0."""
        if self.packing == OTHER:
            return 0
        if self.packing == BARE:
            return 0 if self.fresh or self.is_tear or self.is_error else FLOWSPEC
        if self.filters or (self.flows and not self.fresh) or (self.is_error and not self.fresh):
            return 0
        return FILTER_SPEC

    cdef tuple close(self):
        if self.packing != PAIRS:
            self.close_group()
        if self.packing == BARE and self.is_tear and not self.flows:
            self.flows.append(build2(&flow_, None, ()))
        return tuple(self.flows)


cdef int check_header(const uint8_t *data, Py_ssize_t size) except -1:
    if size < HEADER:
        raise WireError("truncated header", None, None, size)
    if data[0] >> 4 != VERSION:
        raise WireError("unsupported version", None, None, 0)
    if be16(data + 6) != size or size & 3:
        raise WireError("wrong length", None, None, 6)
    if be16(data + 2) and fold(data, size) != 0xFFFF:
        raise WireError("bad checksum", None, None, 2)
    return 0


cdef int missing(int class_num, Py_ssize_t size) except -1:
    raise WireError("missing object", class_num, None, size)


cdef object read_message(const uint8_t *data, Py_ssize_t size):
    cdef Cursor c, body
    cdef MessageShape *shape
    cdef Field *field
    cdef Row *row
    cdef int n, index, last = -1
    cdef bint plain = True          # what encode would write as well
    cdef FlowList flows = None
    cdef list extra = None, policy = None
    sender = None

    check_header(data, size)
    shape = BY_TYPE[data[1]]
    if shape is NULL:
        raise WireError("unknown message type", None, None, 1)
    message = rsvp_fresh(shape.type)
    put(message, shape.send_ttl, data[4])
    put(message, shape.flags, data[0] & 0x0F)
    c.message = data
    c.p = data + HEADER
    c.end = data + size

    while c.p < c.end:
        open_object(&c, &body)
        n = body.object[2]
        if not KNOWN[n]:
            if n == NULL_OBJECT:
                plain = False
                continue
            if extra is None:
                extra = []
            extra.append(read_opaque(&body))
            index = shape.index[NULL_OBJECT]
            plain = plain and last <= index
            last = index
            continue
        row = row_of(&body)
        if row is NULL:
            refuse(&body, "unknown C-Type")
        index = shape.index[n]
        if index < 0:
            refuse(&body, "object not allowed")
        field = &shape.fields[index]
        plain = plain and last <= index
        last = index
        if field.kind == FLOW_PART:
            if flows is None:
                refuse(&body, "flow descriptor before style")
            if n == FLOWSPEC:
                flows.add_flowspec(&body, read_object(row, &body))
            else:
                flows.add_filter(&body, read_object(row, &body))
            continue
        if flows is not None:
            refuse(&body, "repeated object" if n == STYLE else "style not last")
        if field.kind == ALONE:
            if slot(message, field.at)[0] is not NULL:
                refuse(&body, "repeated object")
            if n == INTEGRITY and body.object != data + HEADER:
                refuse(&body, "integrity not first")
            put(message, field.at, read_object(row, &body))
            if n == STYLE:
                flows = FlowList(be32(body.object + 4), shape.is_tear, shape.is_error)
        elif field.kind == SENDER_PART:
            if sender is None:
                sender = rsvp_fresh(sender_.type)
            if slot(sender, field.at)[0] is not NULL:
                refuse(&body, "repeated object")
            put(sender, field.at, read_object(row, &body))
        else:
            if policy is None:
                policy = []
            policy.append(read_object(row, &body))

    for index in range(shape.count):
        field = &shape.fields[index]
        if field.kind == SENDER_PART:
            if sender is None:
                if shape.sender_required:
                    missing(SENDER_TEMPLATE, size)
            elif slot(sender, field.at)[0] is NULL:
                if field.required:
                    missing(field.class_num, size)
                put(sender, field.at, None)
        elif field.kind == FLOW_PART:
            n = flows.missing()
            if n:
                missing(n, size)
            unpacked = flows.close()
            plain = plain and not flows.packed
            if shape.is_error:
                unpacked = unpacked[0] if unpacked else None
            put(message, field.at, unpacked)
        elif field.kind == EXTRA:
            put(message, field.at, () if extra is None else tuple(extra))
        elif field.kind == REPEATED:
            put(message, field.at, () if policy is None else tuple(policy))
        elif slot(message, field.at)[0] is NULL:
            if field.required:
                missing(field.class_num, size)
            put(message, field.at, None)
    if shape.sender:
        put(message, shape.sender, sender)
    put(message, shape.layout, None if plain else read_layout(data, size))
    return message


cdef tuple read_layout(const uint8_t *data, Py_ssize_t size):
    """The class numbers of a message that has been read, in wire order."""
    cdef const uint8_t *p = data + HEADER
    cdef list layout = []
    while p < data + size:
        layout.append(p[2])
        p += be16(p)
    return tuple(layout)


# --- writing ------------------------------------------------------------------------------------------

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


cdef int write_session(Writer *w, int class_num, object o) except -1:
    expect(o, &session_)
    destination = get(o, session_.at[0])
    cdef int n = width(destination)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, destination, n)
    p[n] = number(o, session_.at[1], 0xFF)
    p[n + 1] = number(o, session_.at[3], 0xFF)
    put16(p + n + 2, number(o, session_.at[2], 0xFFFF))
    return 0


cdef int write_hop(Writer *w, int class_num, object o) except -1:
    expect(o, &hop_)
    address = get(o, hop_.at[0])
    cdef int n = width(address)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, address, n)
    put32(p + n, number(o, hop_.at[1], 0xFFFFFFFF))
    return 0


cdef int write_integrity(Writer *w, int class_num, object o) except -1:
    expect(o, &integrity_)
    cdef uint64_t key_id = get(o, integrity_.at[0])
    cdef uint64_t sequence = get(o, integrity_.at[1])
    cdef bytes digest = get(o, integrity_.at[2])
    cdef uint8_t *p = begin(w, class_num, PLAIN, 16 + len(digest))
    p[0] = number(o, integrity_.at[3], 0xFF)
    p[1] = 0
    put16(p + 2, <uint32_t> (key_id >> 32))
    put32(p + 4, <uint32_t> key_id)
    put64(p + 8, sequence)
    return put_bytes(p + 16, digest)


cdef int write_time_values(Writer *w, int class_num, object o) except -1:
    expect(o, &time_values_)
    put32(begin(w, class_num, PLAIN, 4), number(o, time_values_.at[0], 0xFFFFFFFF))
    return 0


cdef int write_error_spec(Writer *w, int class_num, object o) except -1:
    expect(o, &error_spec_)
    node = get(o, error_spec_.at[0])
    cdef int n = width(node)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, node, n)
    p[n] = number(o, error_spec_.at[3], 0xFF)
    p[n + 1] = number(o, error_spec_.at[1], 0xFF)
    put16(p + n + 2, number(o, error_spec_.at[2], 0xFFFF))
    return 0


cdef int write_scope(Writer *w, int class_num, object o) except -1:
    expect(o, &scope_)
    cdef tuple addresses = get(o, scope_.at[0])
    cdef int n = width(addresses[0])
    cdef uint8_t *p = begin(w, class_num, family(n), n * len(addresses))
    for address in addresses:
        put_address(p, address, n)
        p += n
    return 0


cdef int write_style(Writer *w, int class_num, object o) except -1:
    expect(o, &style_)
    cdef uint8_t *p = begin(w, class_num, PLAIN, 4)
    put32(p, number(o, style_.at[0], 0xFFFFFF))
    p[0] = number(o, style_.at[1], 0xFF)
    return 0


cdef int write_filter(Writer *w, int class_num, object o) except -1:
    cdef uint8_t *p
    cdef int n
    if rsvp_is(o, labelled_.type):
        address = get(o, labelled_.at[0])
        expect(address, &ipv6_)
        p = begin(w, class_num, IPV6_FLOW_LABEL, 20)
        put_address(p, address, 16)
        put32(p + 16, number(o, labelled_.at[1], 0xFFFFFF))
        return 0
    expect(o, &filter_)
    address = get(o, filter_.at[0])
    n = width(address)
    p = begin(w, class_num, family(n), n + 4)
    put_address(p, address, n)
    put32(p + n, number(o, filter_.at[1], 0xFFFF))
    return 0


cdef int write_policy(Writer *w, int class_num, object o) except -1:
    expect(o, &policy_)
    cdef bytes data = get(o, policy_.at[0])
    return put_bytes(begin(w, class_num, PLAIN, len(data)), data)


cdef int write_confirm(Writer *w, int class_num, object o) except -1:
    expect(o, &confirm_)
    receiver = get(o, confirm_.at[0])
    cdef int n = width(receiver)
    return put_address(begin(w, class_num, family(n), n), receiver, n)


cdef int write_opaque(Writer *w, object o) except -1:
    expect(o, &opaque_)
    cdef int class_num = number(o, opaque_.at[0], 0xFF)
    cdef bytes data = get(o, opaque_.at[2])
    if KNOWN[class_num] or class_num == NULL_OBJECT:
        raise ValueError(f"class {class_num} is known and cannot be sent as Opaque")
    return put_bytes(begin(w, class_num, number(o, opaque_.at[1], 0xFF), len(data)), data)


# --- writing integrated services' contents --------------------------------------------------------------

cdef inline void put_header(uint8_t *p, uint32_t number_, uint32_t flags, uint32_t words) noexcept nogil:
    """The header word of a service or of a parameter."""
    p[0] = <uint8_t> number_
    p[1] = <uint8_t> flags
    put16(p + 2, words)


cdef int put_token_bucket(uint8_t *p, object o) except -1:
    expect(o, &tspec_)
    put_header(p, TOKEN_BUCKET, 0, 5)
    put_real(p + 4, o, tspec_.at[0])
    put_real(p + 8, o, tspec_.at[1])
    put_real(p + 12, o, tspec_.at[2])
    put32(p + 16, number(o, tspec_.at[3], 0xFFFFFFFF))
    put32(p + 20, number(o, tspec_.at[4], 0xFFFFFFFF))
    return 0


cdef int write_tspec(Writer *w, int class_num, object o) except -1:
    cdef uint8_t *p = begin(w, class_num, INTSERV, 32)
    put_header(p, 0, 0, 7)
    put_header(p + 4, DEFAULT_SERVICE, 0, 6)
    return put_token_bucket(p + 8, o)


cdef int write_flowspec(Writer *w, int class_num, object o) except -1:
    expect(o, &flowspec_)
    cdef int service = number(o, flowspec_.at[0], 0xFF)
    cdef int words = 9 if service == GUARANTEED else 6
    cdef uint8_t *p
    if service != GUARANTEED and service != CONTROLLED_LOAD:
        raise ValueError(f"a FLOWSPEC of service {service} cannot be written")
    p = begin(w, class_num, INTSERV, 4 * words + 8)
    put_header(p, 0, 0, words + 1)
    put_header(p + 4, service, 0, words)
    put_token_bucket(p + 8, get(o, flowspec_.at[1]))
    if service == GUARANTEED:
        rspec = get(o, flowspec_.at[2])
        expect(rspec, &rspec_)
        put_header(p + 32, RSPEC, 0, 2)
        put_real(p + 36, rspec, rspec_.at[0])
        put32(p + 40, number(rspec, rspec_.at[1], 0xFFFFFFFF))
    return 0


cdef int write_word(Writer *w, int parameter, object o, Py_ssize_t at) except -1:
    cdef uint8_t *p = claim(w, 8)
    put_header(p, parameter, 0, 1)
    put32(p + 4, number(o, at, 0xFFFFFFFF))
    return 0


cdef int write_bandwidth(Writer *w, object o, Py_ssize_t at) except -1:
    cdef uint8_t *p = claim(w, 8)
    put_header(p, PATH_BANDWIDTH, 0, 1)
    return put_real(p + 4, o, at)


cdef int write_overrides(Writer *w, object o) except -1:
    cdef bytes data
    cdef uint8_t *p
    if o is None:
        return 0
    expect(o, &overrides_)
    if get(o, overrides_.at[0]) is not None:
        write_word(w, PATH_HOPS, o, overrides_.at[0])
    if get(o, overrides_.at[1]) is not None:
        write_bandwidth(w, o, overrides_.at[1])
    if get(o, overrides_.at[2]) is not None:
        write_word(w, PATH_LATENCY, o, overrides_.at[2])
    if get(o, overrides_.at[3]) is not None:
        write_word(w, PATH_MTU, o, overrides_.at[3])
    for parameter, flags, contents in get(o, overrides_.at[4]):
        data = contents
        if len(data) & 3:
            raise ValueError("an ADSPEC's parameter is a multiple of 4 bytes long")
        p = claim(w, 4 + len(data))
        put_header(p, parameter, flags, <uint32_t> (len(data) >> 2))
        put_bytes(p + 4, data)
    return 0


cdef int close_service(Writer *w, uint8_t *p, int service, object broken) except -1:
    """Fill in a service's header, now that its length is known."""
    put_header(p, service, BREAK if broken else 0, <uint32_t> ((w.p - p - 4) >> 2))
    return 0


cdef int write_adspec(Writer *w, int class_num, object o) except -1:
    cdef uint8_t *start = begin(w, class_num, INTSERV, 4)
    cdef uint8_t *p = claim(w, 4)
    cdef bytes data
    cdef int n
    expect(o, &adspec_)
    general = get(o, adspec_.at[0])
    expect(general, &general_)
    write_word(w, PATH_HOPS, general, general_.at[0])
    write_bandwidth(w, general, general_.at[1])
    write_word(w, PATH_LATENCY, general, general_.at[2])
    write_word(w, PATH_MTU, general, general_.at[3])
    close_service(w, p, DEFAULT_SERVICE, get(general, general_.at[4]))
    advert = get(o, adspec_.at[1])
    if advert is not None:
        expect(advert, &guaranteed_)
        p = claim(w, 4)
        if not get(advert, guaranteed_.at[5]):
            for n in range(4):
                write_word(w, GUARANTEED_TERMS[n], advert, guaranteed_.at[n])
            write_overrides(w, get(advert, guaranteed_.at[6]))
        close_service(w, p, GUARANTEED, get(advert, guaranteed_.at[4]))
    advert = get(o, adspec_.at[2])
    if advert is not None:
        expect(advert, &load_)
        p = claim(w, 4)
        write_overrides(w, get(advert, load_.at[1]))
        close_service(w, p, CONTROLLED_LOAD, get(advert, load_.at[0]))
    for advert in get(o, adspec_.at[3]):
        expect(advert, &other_)
        n = number(advert, other_.at[0], 0xFF)
        data = get(advert, other_.at[2])
        if n == DEFAULT_SERVICE or n == GUARANTEED or n == CONTROLLED_LOAD or len(data) & 3:
            raise ValueError(f"service {n} with {len(data)} bytes cannot be written as OtherAdvert")
        p = claim(w, 4)
        put_bytes(claim(w, len(data)), data)
        close_service(w, p, n, get(advert, other_.at[1]))
    put_header(start, 0, 0, <uint32_t> ((w.p - start - 4) >> 2))
    put16(start - 4, <uint32_t> (w.p - start + 4))
    return 0


# --- whole messages -------------------------------------------------------------------------------------

cdef int write_flows(Writer *w, MessageShape *shape, Packing packing, tuple flows) except -1:
    """A flow descriptor list; every FLOWSPEC is written, also where it could be left out."""
    cdef Py_ssize_t count
    for flow in flows:
        expect(flow, &flow_)
        flowspec = get(flow, flow_.at[0])
        filters = get(flow, flow_.at[1])
        count = len(filters)
        if packing == BARE and count:
            raise ValueError("a wildcard reservation's flow has no filters")
        if packing == PAIRS and count != 1:
            raise ValueError(f"with a style of distinct reservations a flow has one filter, not {count}")
        if packing == ONE_LIST and not count:
            raise ValueError("with a style of explicit senders a flow has at least one filter")
        if flowspec is not None:
            WRITERS[FLOWSPEC](w, FLOWSPEC, flowspec)
        elif packing != OTHER and not shape.is_tear:
            raise ValueError("only a ResvTear may leave out a flow's flowspec")
        for filter_spec in filters:
            WRITERS[FILTER_SPEC](w, FILTER_SPEC, filter_spec)
    count = len(flows)
    if count > 1 and (packing == BARE or packing == ONE_LIST):
        raise ValueError(f"with a style of shared reservations there is one flow, not {count}")
    if not count and packing != OTHER and not shape.is_error and not (shape.is_tear and packing == BARE):
        raise ValueError("a message about reservations has at least one flow")
    return 0


cdef Packing packing_in(object message, MessageShape *shape) except *:
    style = get(message, shape.fields[shape.index[STYLE]].at)
    expect(style, &style_)
    return packing_of(number(style, style_.at[0], 0xFFFFFF))


cdef int write_objects(Writer *w, MessageShape *shape, object message) except -1:
    cdef Field *field
    cdef int index
    for index in range(shape.count):
        field = &shape.fields[index]
        if field.kind == SENDER_PART:
            value = get(message, shape.sender)
            if value is not None:
                expect(value, &sender_)
                value = get(value, field.at)
            elif not shape.sender_required:
                continue
        else:
            value = get(message, field.at)
        if field.kind == EXTRA:
            for value in value:
                write_opaque(w, value)
        elif field.kind == REPEATED:
            for value in value:
                WRITERS[field.class_num](w, field.class_num, value)
        elif field.kind == FLOW_PART:
            if shape.is_error:
                value = () if value is None else (value,)
            write_flows(w, shape, packing_in(message, shape), value)
        elif value is not None:
            WRITERS[field.class_num](w, field.class_num, value)
        elif field.required:
            raise ValueError(f"a {message.name} needs a {iana.CLASS_NAMES[field.class_num]}")
    return 0


cdef bytes rearrange(const uint8_t *data, Py_ssize_t size, object layout, bint pairs):
    """Put the objects of an encoded message into the order of `layout`, or None if it does not fit.

    A class number of NULL stands for an empty NULL object. With `pairs` a FLOWSPEC that repeats the
    one before may be missing from the layout.
    """
    cdef Py_ssize_t next_of[256]    # where to look for the next object of a class
    cdef Py_ssize_t taken = HEADER, at, tail = 0, flowspec = 0
    cdef int class_num, index
    cdef bytearray out = bytearray(data[:HEADER])
    cdef bint styled = False
    for index in range(256):
        next_of[index] = HEADER
    for index, item in enumerate(layout):
        if not isinstance(item, int) or not 0 <= item < 256 or len(out) > MAX_MESSAGE - 4:
            return None
        class_num = item
        if class_num == NULL_OBJECT:
            out += b"\0\4\0\0"
            continue
        if styled and KNOWN[class_num] and class_num != FLOWSPEC and class_num != FILTER_SPEC:
            return None
        if class_num == FLOWSPEC or class_num == FILTER_SPEC:
            if not styled:
                return None
            at = tail
            if at < size and data[at + 2] == FLOWSPEC and class_num == FILTER_SPEC:
                # Left out on the wire: allowed if it says what the last one said.
                if not (pairs and flowspec) or be16(data + at) != be16(data + flowspec):
                    return None
                if memcmp(data + at, data + flowspec, be16(data + at)):
                    return None
                taken += be16(data + at)
                at += be16(data + at)
            if at >= size or data[at + 2] != class_num:
                return None
            if class_num == FLOWSPEC:
                flowspec = at
            tail = at + be16(data + at)
        else:
            at = next_of[class_num]
            while at < size and data[at + 2] != class_num:
                at += be16(data + at)
            if at >= size or (class_num == INTEGRITY and index):
                return None
            next_of[class_num] = at + be16(data + at)
            if class_num == STYLE:
                styled = True
                tail = next_of[class_num]
        out += data[at:at + be16(data + at)]
        taken += be16(data + at)
    if taken != size or len(out) > MAX_MESSAGE:
        return None
    return bytes(out)


cdef bytes write_message(object message):
    cdef uint8_t buffer[MAX_MESSAGE]
    cdef uint8_t *data = buffer
    cdef Py_ssize_t size
    cdef MessageShape *shape = NULL
    cdef Writer w
    cdef int n
    cdef bytes result
    for n in range(MESSAGES):
        if rsvp_is(message, SHAPES[n].type):
            shape = &SHAPES[n]
            break
    if shape is NULL:
        raise TypeError(f"encode takes one of the messages of rsvp.messages, not {message!r}")
    w.p = data
    w.end = data + MAX_MESSAGE
    claim(&w, HEADER)
    write_objects(&w, shape, message)
    size = w.p - data
    memset(data, 0, HEADER)
    data[0] = <uint8_t> (VERSION << 4 | number(message, shape.flags, 0x0F))
    data[1] = <uint8_t> shape.number
    data[4] = <uint8_t> number(message, shape.send_ttl, 0xFF)

    layout = get(message, shape.layout)
    result = None
    if layout is not None:
        result = rearrange(
            data, size, layout, shape.index[STYLE] >= 0 and packing_in(message, shape) == PAIRS
        )
    if result is None:
        result = PyBytes_FromStringAndSize(<const char *> data, size)
    data = <uint8_t *> PyBytes_AS_STRING(result)
    size = PyBytes_GET_SIZE(result)
    put16(data + 6, <uint32_t> size)
    if get(message, shape.fields[shape.index[INTEGRITY]].at) is None:
        # A signed message has a zero checksum (RFC 2747 section 4.1).
        put16(data + 2, checksum_of(data, size))
    return result


cdef uint32_t fold(const uint8_t *data, Py_ssize_t size) noexcept nogil:
    """The one's complement sum of 16-bit words, in network order (RFC 1071)."""
    cdef uint64_t total = 0
    cdef uint32_t word
    cdef uint16_t half
    while size >= 4:
        memcpy(&word, data, 4)
        total += word
        data += 4
        size -= 4
    word = 0
    memcpy(&word, data, size)
    total += word
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    half = <uint16_t> total
    return be16(<const uint8_t *> &half)


cdef uint32_t checksum_of(const uint8_t *data, Py_ssize_t size) noexcept nogil:
    cdef uint32_t total = fold(data, size)
    if size >= 4:       # take the checksum field back out: adding the complement subtracts
        total += ~be16(data + 2) & 0xFFFF
    total = (total & 0xFFFF) + (total >> 16)
    # Zero would say that there is no checksum, and all ones mean the same sum.
    return (~total & 0xFFFF) or 0xFFFF


cdef inline bytes as_bytes(data):
    return <bytes> data if PyBytes_CheckExact(data) else bytes(memoryview(data))


def decode(data):
    """Decode one RSVP message, from the common header to its last object (RFC 2205 section 3.1).

    The checksum is verified unless it is zero, which means that none was sent. Raises WireError for
    whatever is no well-formed message, and nothing else for any bytes.
    """
    cdef bytes octets = as_bytes(data)
    return read_message(<const uint8_t *> PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


def encode(message):
    """Encode a message, with its length and checksum (RFC 2205 section 3.1).

    A message with an INTEGRITY object has a zero checksum (RFC 2747 section 4.1). Raises ValueError
    for what cannot be put into a message and TypeError for what is none.
    """
    try:
        return write_message(message)
    except OverflowError as error:
        raise ValueError(f"a number in this {type(message).__name__} does not fit its field") from error


def checksum(data):
    """The checksum that a message should carry, its checksum field taken as zero (RFC 2205 3.1.1).

    Never 0, which would mean that there is none: 0xFFFF takes its place.
    """
    cdef bytes octets = as_bytes(data)
    return checksum_of(<const uint8_t *> PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


def dissect(data):
    """Take a message apart object by object, as far as it can be told apart (RFC 2205 section 3.1).

    Never raises for any bytes. Objects of message types that `decode` does not know are listed as
    well; a Bundle has none, as its body is messages (RFC 2961 section 3.2).
    """
    cdef bytes octets = as_bytes(data)
    cdef const uint8_t *p = <const uint8_t *> PyBytes_AS_STRING(octets)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets)
    cdef Py_ssize_t length = be16(p + 6) if size >= HEADER else 0
    cdef Cursor c, body
    cdef Row *row
    cdef list found = []
    error = None
    try:
        check_header(p, size)
        if BY_TYPE[p[1]] is not NULL:
            read_message(p, size)
    except WireError as refusal:
        if refusal.reason != "unknown C-Type":
            error = refusal
    c.message = p
    c.p = p + HEADER
    c.end = p + (min(size, length) & ~3)
    while size >= HEADER and p[1] != BUNDLE and c.p < c.end:
        try:
            open_object(&c, &body)
        except WireError as refusal:
            error = error or refusal
            break
        row = row_of(&body)
        value = None
        if row is not NULL:
            try:
                value = read_object(row, &body)
            except WireError as refusal:
                error = error or refusal
        found.append(WireObject(
            body.object[2], body.object[3], body.end - body.object, body.object - p, value,
            read_bytes(body.object + 4, body.end),
        ))
    return Dissection(
        p[0] >> 4 if size else 0,
        p[0] & 0x0F if size else 0,
        p[1] if size > 1 else 0,
        "absent" if size < 4 or not be16(p + 2)
        else "ok" if fold(p, min(size, max(length, HEADER))) == 0xFFFF else "bad",
        p[4] if size > 4 else 0,
        length,
        tuple(found),
        error,
    )


# --- tables -------------------------------------------------------------------------------------------------

cdef int add(int class_num, int ctype, Reader read, Writing write, int least, int step=4, int most=-1) except -1:
    """One line per object: contents of `least`, `least + step`, ... `most` bytes."""
    cdef Row *row = &ROWS[class_num][ctype]
    row.read, row.least, row.step, row.most = read, least, step, least if most < 0 else most
    WRITERS[class_num] = write
    KNOWN[class_num] = True
    return 0


cdef int fill_tables() except -1:
    cdef int n
    measure(&ipv4_, IPv4Address, ("_ip",))
    measure(&ipv6_, IPv6Address, ("_ip", "_scope_id"))
    measure(&session_, objects.Session)
    measure(&hop_, objects.Hop)
    measure(&integrity_, objects.Integrity)
    measure(&time_values_, objects.TimeValues)
    measure(&error_spec_, objects.ErrorSpec)
    measure(&scope_, objects.Scope)
    measure(&style_, objects.Style)
    measure(&filter_, objects.FilterSpec)
    measure(&labelled_, objects.FlowLabelFilterSpec)
    measure(&policy_, objects.PolicyData)
    measure(&confirm_, objects.ResvConfirm)
    measure(&opaque_, objects.Opaque)
    measure(&tspec_, intserv.Tspec)
    measure(&rspec_, intserv.Rspec)
    measure(&flowspec_, intserv.Flowspec)
    measure(&adspec_, intserv.Adspec)
    measure(&general_, intserv.General)
    measure(&guaranteed_, intserv.GuaranteedAdvert)
    measure(&load_, intserv.ControlledLoadAdvert)
    measure(&overrides_, intserv.Overrides)
    measure(&other_, intserv.OtherAdvert)
    measure(&sender_, messages.Sender)
    measure(&flow_, messages.Flow)

    add(SESSION, IPV4, read_session, write_session, 8)
    add(SESSION, IPV6, read_session, write_session, 20)
    add(RSVP_HOP, IPV4, read_hop, write_hop, 8)
    add(RSVP_HOP, IPV6, read_hop, write_hop, 20)
    add(INTEGRITY, PLAIN, read_integrity, write_integrity, 20, 4, MAX_MESSAGE)
    add(TIME_VALUES, PLAIN, read_time_values, write_time_values, 4)
    add(ERROR_SPEC, IPV4, read_error_spec, write_error_spec, 8)
    add(ERROR_SPEC, IPV6, read_error_spec, write_error_spec, 20)
    add(SCOPE, IPV4, read_scope, write_scope, 4, 4, MAX_MESSAGE)
    add(SCOPE, IPV6, read_scope, write_scope, 16, 16, MAX_MESSAGE)
    add(STYLE, PLAIN, read_style, write_style, 4)
    add(FLOWSPEC, INTSERV, read_flowspec, write_flowspec, 32, 12, 44)
    for n in (FILTER_SPEC, SENDER_TEMPLATE):
        add(n, IPV4, read_filter, write_filter, 8)
        add(n, IPV6, read_filter, write_filter, 20)
        add(n, IPV6_FLOW_LABEL, read_labelled_filter, write_filter, 20)
    add(SENDER_TSPEC, INTSERV, read_tspec, write_tspec, 32)
    add(ADSPEC, INTSERV, read_adspec, write_adspec, 8, 4, MAX_MESSAGE)
    add(POLICY_DATA, PLAIN, read_policy, write_policy, 0, 4, MAX_MESSAGE)
    add(RESV_CONFIRM, IPV4, read_confirm, write_confirm, 4)
    add(RESV_CONFIRM, IPV6, read_confirm, write_confirm, 16)

    memset(GENERAL_INDEX, -1, sizeof(GENERAL_INDEX))
    for n, parameter in enumerate((PATH_HOPS, PATH_BANDWIDTH, PATH_LATENCY, PATH_MTU)):
        GENERAL_INDEX[<int> parameter] = <int8_t> n
    memcpy(GUARANTEED_INDEX, GENERAL_INDEX, sizeof(GENERAL_INDEX))
    for n in range(4):
        GUARANTEED_INDEX[GUARANTEED_TERMS[n]] = <int8_t> (C_TOT + n)

    for n, cls in enumerate(messages.MESSAGES.values()):
        describe(&SHAPES[n], cls)
        BY_TYPE[<int> cls.type] = &SHAPES[n]
    return 0


fill_tables()
