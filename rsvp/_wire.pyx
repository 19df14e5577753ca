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
              "wrong parameter", "repeated parameter", "missing parameter", "repeated service",
              "wrong sub-object length", "wrong text length", "wrong nested object"
bundles       "empty Bundle", "wrong length of a message in a Bundle", "Bundle inside a Bundle"

How it stays safe: every read is covered by one check. `open_object` proves that an object lies
inside the message; `read_object` proves that the contents have the length that the object's row in
the table asks for; after that a reader uses fixed offsets. Only integrated services' contents have
lengths of their own inside: the readers of Tspec and FLOWSPEC compare them with the one size that is
right, and `open_service` and `open_parameter` keep those of an ADSPEC inside each other.

How it stays fast: decoded objects are allocated without `__init__` and their slots filled, at
offsets that are looked up once. `__post_init__` does not run, so the readers check what it checks.

To add an object: its numbers in `iana`, its class in `objects` (with `@register`), here a shape, a
reader, a writer and a line in `fill_tables`. If it stands in messages of its own field, add the
field to those messages and its class to `FIELDS`; the grammar follows from the dataclass.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from dataclasses import MISSING, fields, replace
from ipaddress import IPv4Address, IPv6Address

from . import diagnostics, gmpls, iana, iana_policy, intserv, messages, objects, policy, reduction, sessions, te
from .dissection import Dissection, WireObject
from .errors import WireError
from .iana import (
    AssociationType, AttributeTlv, ClassNum, CType, HopType, InterfaceTlv, Parameter, Service, StyleBits
)

__all__ = ["Dissection", "WireError", "WireObject", "address", "checksum", "decode", "dissect", "encode", "fingerprint"]

include "_slots.pxi"


# --- numbers (all of them from iana) --------------------------------------------------------------

cdef enum:
    HEADER = 8              # bytes of the common header, RFC 2205 section 3.1.1
    MAX_MESSAGE = 65532     # what its length field can say, in whole words
    MESSAGES = 20           # room in the tables, checked where they are filled
    MAX_FIELDS = 20
    MAX_SLOTS = 10
    MAX_CTYPE = 32
    MAX_FORMS = 256
    MAX_FORM_FIELDS = 12
    MAX_PART_TABLES = 12
    ADDRESS_SLOTS = 1024    # a power of two
    OBJECT_SLOTS = 1024     # a power of two
    MAX_KNOWN = 128         # bytes of an object that is remembered

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
cdef uint32_t SHARING_MASK = StyleBits.SHARING_MASK
cdef uint32_t SELECTION_MASK = StyleBits.SELECTION_MASK
cdef uint32_t DISTINCT = StyleBits.DISTINCT
cdef uint32_t SHARED = StyleBits.SHARED
cdef uint32_t EXPLICIT = StyleBits.EXPLICIT
cdef uint32_t WILDCARD = StyleBits.WILDCARD
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
cdef int NULL_SERVICE = Service.NULL
cdef int NULL_TSPEC = Parameter.NULL_TSPEC
cdef int DIAGNOSTIC = ClassNum.DIAGNOSTIC
cdef int DIAG_RESPONSE = ClassNum.DIAG_RESPONSE
cdef int SESSION_IPV4_GPI = CType.SESSION_IPV4_GPI
cdef int SESSION_IPV6_GPI = CType.SESSION_IPV6_GPI
cdef int FILTER_IPV4_GPI = CType.FILTER_IPV4_GPI
cdef int FILTER_IPV6_GPI = CType.FILTER_IPV6_GPI
cdef int AGGREGATE_IPV4 = CType.AGGREGATE_IPV4
cdef int AGGREGATE_IPV6 = CType.AGGREGATE_IPV6
cdef int GENERIC_AGGREGATE_IPV4 = CType.GENERIC_AGGREGATE_IPV4
cdef int GENERIC_AGGREGATE_IPV6 = CType.GENERIC_AGGREGATE_IPV6
cdef int SRC_LIST_IPV4 = CType.SRC_LIST_IPV4
cdef int SRC_LIST_IPV6 = CType.SRC_LIST_IPV6
cdef int MCAST_LIST_IPV4 = CType.MCAST_LIST_IPV4
cdef int MCAST_LIST_IPV6 = CType.MCAST_LIST_IPV6
cdef int PREEMPTION_PRI = iana_policy.PolicyElementType.PREEMPTION_PRI
cdef int POLICY_ERROR = iana_policy.PolicyAttribute.POLICY_ERROR
cdef int SESSION_ASSOC = ClassNum.SESSION_ASSOC
cdef int ASSOCIATION = ClassNum.ASSOCIATION
cdef int MESSAGE_ID = ClassNum.MESSAGE_ID
cdef int SUMMARY_READY = AssociationType.SUMMARY_READY
cdef int SUMMARY_ACTIVE = AssociationType.SUMMARY_ACTIVE
cdef int EXTENDED_IPV4 = CType.EXTENDED_IPV4
cdef int EXTENDED_IPV6 = CType.EXTENDED_IPV6
cdef int TUNNEL = CType.TUNNEL
cdef int BUNDLE = iana.BUNDLE
cdef int NOTIFY = iana.MessageType.NOTIFY

include "_wire_basics.pxi"
include "_wire_objects.pxi"
include "_wire_intserv.pxi"
include "_wire_forms.pxi"
include "_wire_te.pxi"
include "_wire_notify.pxi"
include "_wire_sessions.pxi"
include "_wire_policy.pxi"
include "_wire_groups.pxi"
include "_wire_messages.pxi"
include "_wire_bundle.pxi"
include "_wire_dissect.pxi"
include "_wire_fingerprint.pxi"


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


cdef inline bytes as_bytes(data):
    return <bytes> data if PyBytes_CheckExact(data) else bytes(memoryview(data))


cdef object read_any(const uint8_t *data, Py_ssize_t size):
    if size >= HEADER and data[1] == BUNDLE:
        return read_bundle(data, size)
    return read_single(data, size, None)


def decode(data):
    """Decode one RSVP message, from the common header to its last object (RFC 2205 section 3.1).

    The checksum is verified unless it is zero, which means that none was sent. The messages of a
    Bundle are decoded each by itself: one that is broken becomes a `BrokenMessage`. Raises WireError for
    whatever is no well-formed message, and nothing else for any bytes.
    """
    cdef bytes octets = as_bytes(data)
    return read_any(<const uint8_t *> PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


def encode(message):
    """Encode a message, with its length and checksum (RFC 2205 section 3.1).

    A message with an INTEGRITY object has a zero checksum (RFC 2747 section 4.1). Raises ValueError
    for what cannot be put into a message and TypeError for what is none.
    """
    try:
        return write_bundle(message) if rsvp_is(message, bundle_.type) else write_single(message)
    except OverflowError as error:
        raise ValueError(f"a number in this {type(message).__name__} does not fit its field") from error


def address(packed):
    """The IPv4Address of 4 bytes or the IPv6Address of 16; those that come back are not built anew."""
    cdef bytes octets = as_bytes(packed)
    if len(octets) != 4 and len(octets) != 16:
        raise ValueError(f"an address has 4 or 16 bytes, not {len(octets)}")
    return read_address(<const uint8_t *> PyBytes_AS_STRING(octets), <int> len(octets))


def checksum(data):
    """The checksum that a message should carry, its checksum field taken as zero (RFC 2205 3.1.1).

    Never 0, which would mean that there is none: 0xFFFF takes its place.
    """
    cdef bytes octets = as_bytes(data)
    return checksum_of(<const uint8_t *> PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


def dissect(data):
    """Take a message apart object by object, as far as it can be told apart (RFC 2205 section 3.1).

    Never raises for any bytes. Objects of message types that `decode` does not know are listed as
    well; a Bundle is taken apart into its messages (RFC 2961 section 3.2).
    """
    cdef bytes octets = as_bytes(data)
    cdef const uint8_t *p = <const uint8_t *> PyBytes_AS_STRING(octets)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets)
    if size > 1 and p[1] == BUNDLE:
        return dissect_bundle(p, size)
    return dissect_single(p, size)


def decode_object(data):
    """Decode one object by itself, from its header on: an `Opaque` where its kind is not known.

    Raises WireError for whatever is no well-formed object, and nothing else for any bytes.
    """
    cdef bytes octets = as_bytes(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(octets)
    cdef Cursor c, body
    cdef Row *row
    if size < 4 or size & 3:
        raise WireError("wrong object length", None, None, 0)
    c.p = c.object = c.message = <const uint8_t *> PyBytes_AS_STRING(octets)
    c.end = c.p + size
    open_object(&c, &body)
    if c.p != c.end:
        refuse(&body, "wrong object length")
    row = row_of(&body)
    return read_opaque(&body) if row is NULL else read_object(row, &body)


def encode_object(class_num, value):
    """Encode what `decode_object` gives for an object of a class that is known.

    Raises ValueError for what cannot be put into one and TypeError for what does not belong there.
    """
    cdef uint8_t buffer[MAX_MESSAGE]
    cdef Writer w
    w.p = buffer
    w.end = buffer + MAX_MESSAGE
    if not 0 <= class_num <= 0xFF or WRITERS[<int> class_num] is NULL:
        raise TypeError(f"no object of class {class_num} can be encoded")
    try:
        WRITERS[<int> class_num](&w, class_num, value)
    except OverflowError as error:
        raise ValueError(f"a number in this {type(value).__name__} does not fit its field") from error
    return PyBytes_FromStringAndSize(<const char *> buffer, w.p - buffer)


# --- tables -------------------------------------------------------------------------------------------------

cdef int add(int class_num, int ctype, Reader read, Writing write, int least, int step=4, int most=-1) except -1:
    """One line per object: contents of `least`, `least + step`, ... `most` bytes."""
    assert ctype < MAX_CTYPE
    cdef Row *row = &ROWS[class_num][ctype]
    row.read, row.least, row.step, row.most = read, least, step, least if most < 0 else most
    WRITERS[class_num] = write
    KNOWN[class_num] = True
    return 0


cdef int fill_tables() except -1:
    cdef int n
    measure(&wire_object_, WireObject)
    measure(&dissection_, Dissection)
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
    measure(&null_tspec_, intserv.NullTspec)
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
    add(FLOWSPEC, INTSERV, read_flowspec, write_flowspec, 8, 4, MAX_MESSAGE)
    for n in (FILTER_SPEC, SENDER_TEMPLATE):
        add(n, IPV4, read_filter, write_filter, 8)
        add(n, IPV6, read_filter, write_filter, 20)
        add(n, IPV6_FLOW_LABEL, read_labelled_filter, write_filter, 20)
    add(SENDER_TSPEC, INTSERV, read_tspec, write_tspec, 8, 4, MAX_MESSAGE)
    add(ADSPEC, INTSERV, read_adspec, write_adspec, 8, 4, MAX_MESSAGE)
    add(POLICY_DATA, PLAIN, read_policy, write_policy, 0, 4, MAX_MESSAGE)
    add(RESV_CONFIRM, IPV4, read_confirm, write_confirm, 4)
    add(RESV_CONFIRM, IPV6, read_confirm, write_confirm, 16)

    ROWS[RSVP_HOP][IPV4].common = ROWS[RSVP_HOP][IPV6].common = True
    ROWS[TIME_VALUES][PLAIN].common = ROWS[STYLE][PLAIN].common = ROWS[ADSPEC][INTSERV].common = True

    memset(GENERAL_INDEX, -1, sizeof(GENERAL_INDEX))
    for n, parameter in enumerate((PATH_HOPS, PATH_BANDWIDTH, PATH_LATENCY, PATH_MTU)):
        GENERAL_INDEX[<int> parameter] = <int8_t> n
    memcpy(GUARANTEED_INDEX, GENERAL_INDEX, sizeof(GENERAL_INDEX))
    for n in range(4):
        GUARANTEED_INDEX[GUARANTEED_TERMS[n]] = <int8_t> (C_TOT + n)

    assert len(messages.MESSAGES) <= MESSAGES
    fill_te()
    fill_sessions()
    fill_policy()
    fill_groups()

    measure(&bundle_, messages.Bundle)
    measure(&broken_, messages.BrokenMessage)
    for n, cls in enumerate(cls for cls in messages.MESSAGES.values() if cls not in (messages.Bundle, messages.Notify)):
        describe(&SHAPES[n], cls)
        BY_TYPE[<int> cls.type] = &SHAPES[n]
    return 0


fill_tables()
