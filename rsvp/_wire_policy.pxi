"""Objects inside objects: POLICY_DATA and the diagnostic objects (RFC 2750, 3181, 3182, 2745).

Nothing here calls itself: an object that could hold objects again is kept as Opaque where it is
nested, so that no message makes the reader go deep.
"""

cdef Shape nested_, priority_, attribute_, policy_error_, identity_, unknown_element_
cdef Shape diagnostic_, select_, route_, response_


cdef inline bint is_container(int class_num) noexcept:
    """Whether objects of a class hold objects themselves."""
    return class_num == POLICY_DATA or class_num == DIAGNOSTIC or class_num == DIAG_RESPONSE


cdef object read_nested(Cursor *c):
    """Step over an object inside the object at hand."""
    cdef Cursor body
    cdef Row *row
    open_object(c, &body)
    row = row_of(&body)
    if row is NULL or is_container(body.object[2]):
        return build2(&nested_, body.object[2], read_opaque(&body))
    return build2(&nested_, body.object[2], read_object(row, &body))


cdef tuple read_nested_list(Cursor *c, const uint8_t *end):
    """Objects from the cursor to `end`, which is no farther than the object at hand."""
    cdef Cursor inner = c[0]
    cdef list found = []
    inner.end = end
    while inner.p < end:
        found.append(read_nested(&inner))
    return tuple(found)


cdef int write_nested(Writer *w, object o) except -1:
    expect(o, &nested_)
    cdef int class_num = number(o, nested_.at[0], 0xFF)
    cdef int ctype
    cdef bytes data
    value = get(o, nested_.at[1])
    if rsvp_is(value, opaque_.type):
        ctype = number(value, opaque_.at[1], 0xFF)
        data = get(value, opaque_.at[2])
        if get(value, opaque_.at[0]) != class_num or len(data) & 3:
            raise ValueError(f"{value!r} cannot stand for an object of class {class_num}")
        if not is_container(class_num) and ctype < MAX_CTYPE and ROWS[class_num][ctype].read is not NULL:
            raise ValueError(f"class {class_num} is known and cannot be sent as Opaque")
        return put_bytes(begin(w, class_num, ctype, len(data)), data)
    if is_container(class_num) or WRITERS[class_num] is NULL:
        raise TypeError(f"class {class_num} inside another object is an Opaque, not {value!r}")
    return WRITERS[class_num](w, class_num, value)


# --- POLICY_DATA (RFC 2750 section 3) ---------------------------------------------------------------------


cdef object read_attributes(const uint8_t *p, const uint8_t *end):
    """The authentication attributes of an identity; None where they are malformed (RFC 3182 section 3.3)."""
    cdef Py_ssize_t length, padded, n
    cdef list found = []
    while p < end:
        length = be16(p)
        padded = (length + 3) & ~3
        if length < 4 or padded > end - p:
            return None
        for n in range(length, padded):
            if p[n]:
                return None
        if p[2] != POLICY_ERROR or length < 8:
            found.append(build3(&attribute_, p[2], p[3], read_bytes(p + 4, p + length)))
        elif be16(p + 4):
            return None
        else:
            found.append(build3(&policy_error_, be16(p + 6), read_bytes(p + 8, p + length), p[3]))
        p += padded
    return tuple(found) or None


cdef object read_element(const uint8_t *p, const uint8_t *end):
    """One policy element, header included; unread where its contents are not as they should be."""
    cdef int p_type = be16(p + 2)
    if p_type == PREEMPTION_PRI and end - p == 12 and not p[7]:
        return build5(&priority_, be16(p + 8), be16(p + 10), p[5], p[6], p[4])
    if p_type in iana_policy.IDENTITY_TYPES:
        attributes = read_attributes(p + 4, end)
        if attributes is not None:
            return build2(&identity_, p_type, attributes)
    return build2(&unknown_element_, p_type, read_bytes(p + 4, end))


cdef object read_policy_parts(Cursor *c):
    """Options and elements; None where lengths do not fit. WireError for malformed options."""
    cdef const uint8_t *p = c.object + be16(c.p)
    cdef Py_ssize_t length
    cdef Cursor inner = c[0]
    cdef list elements = []
    inner.p += 4
    options = read_nested_list(&inner, p)
    while p < c.end:
        length = be16(p)
        if length < 4 or length & 3 or length > c.end - p:
            return None
        elements.append(read_element(p, p + length))
        p += length
    return build3(&policy_, None, options, tuple(elements))


cdef bint comes_out_as(object policy, Cursor *c) except *:
    """Whether writing the parts gives the same bytes again: nodes forward POLICY_DATA unchanged."""
    cdef Py_ssize_t size = c.end - c.object
    cdef bytes scratch = PyBytes_FromStringAndSize(NULL, size)
    cdef Writer w
    w.p = <uint8_t *> PyBytes_AS_STRING(scratch)
    w.end = w.p + size
    try:
        write_policy(&w, POLICY_DATA, policy)
    except ValueError:
        return False
    return w.p == w.end and not memcmp(PyBytes_AS_STRING(scratch), c.object, size)


cdef object read_policy(Cursor *c):
    cdef Py_ssize_t size = c.end - c.p
    cdef uint32_t offset = be16(c.p) if size else 0
    policy = None
    if offset >= 8 and not offset & 3 and offset <= size + 4 and not be16(c.p + 2):
        try:
            policy = read_policy_parts(c)
        except WireError:
            pass
    if policy is None or not comes_out_as(policy, c):
        policy = build3(&policy_, read_bytes(c.p, c.end), (), ())
    return policy


cdef int write_attribute(Writer *w, object o) except -1:
    cdef bytes value
    cdef uint8_t *p
    cdef int n, head = 4
    if rsvp_is(o, policy_error_.type):
        head = 8
        value = get(o, policy_error_.at[1])
        n = len(value) & 3
        p = claim(w, head + len(value) + (4 - n if n else 0))
        p[2] = <uint8_t> POLICY_ERROR
        p[3] = number(o, policy_error_.at[2], 0xFF)
        put32(p + 4, number(o, policy_error_.at[0], 0xFFFF))
    else:
        expect(o, &attribute_)
        value = get(o, attribute_.at[2])
        n = len(value) & 3
        p = claim(w, head + len(value) + (4 - n if n else 0))
        p[2] = number(o, attribute_.at[0], 0xFF)
        p[3] = number(o, attribute_.at[1], 0xFF)
    put16(p, <uint32_t> (head + len(value)))
    put_bytes(p + head, value)
    memset(p + head + len(value), 0, 4 - n if n else 0)
    return 0


cdef int write_element(Writer *w, object o) except -1:
    cdef uint8_t *p
    cdef bytes data
    if rsvp_is(o, priority_.type):
        p = claim(w, 12)
        put16(p + 2, PREEMPTION_PRI)
        p[4] = number(o, priority_.at[4], 0xFF)
        p[5] = number(o, priority_.at[2], 0xFF)
        p[6] = number(o, priority_.at[3], 0xFF)
        p[7] = 0
        put16(p + 8, number(o, priority_.at[0], 0xFFFF))
        put16(p + 10, number(o, priority_.at[1], 0xFFFF))
    elif rsvp_is(o, identity_.type):
        p = claim(w, 4)
        put16(p + 2, number(o, identity_.at[0], 0xFFFF))
        for attribute in get(o, identity_.at[1]):
            write_attribute(w, attribute)
    else:
        expect(o, &unknown_element_)
        data = get(o, unknown_element_.at[1])
        if len(data) & 3:
            raise ValueError("a policy element is a multiple of 4 bytes long")
        p = claim(w, 4 + len(data))
        put16(p + 2, number(o, unknown_element_.at[0], 0xFFFF))
        put_bytes(p + 4, data)
    put16(p, <uint32_t> (w.p - p))
    return 0


cdef int write_policy(Writer *w, int class_num, object o) except -1:
    cdef uint8_t *p
    expect(o, &policy_)
    data = get(o, policy_.at[0])
    if data is not None:
        if len(data) & 3:
            raise ValueError("policy data is a multiple of 4 bytes long")
        return put_bytes(begin(w, class_num, PLAIN, len(data)), data)
    p = begin(w, class_num, PLAIN, 4) - 4
    for nested in get(o, policy_.at[1]):
        write_nested(w, nested)
    put32(p + 4, <uint32_t> (w.p - p) << 16)
    for element in get(o, policy_.at[2]):
        write_element(w, element)
    put16(p, <uint32_t> (w.p - p))
    return 0


# --- diagnostics (RFC 2745 section 3) ---------------------------------------------------------------------


cdef object read_inner(Cursor *c, int class_num):
    """Step over an object inside the object at hand, which has to be of a class that holds no objects."""
    cdef Cursor body
    cdef Row *row
    if c.p == c.end:
        refuse(c, "wrong object length")
    open_object(c, &body)
    row = row_of(&body)
    if body.object[2] != class_num or row is NULL:
        refuse(&body, "wrong nested object")
    return read_object(row, &body)


cdef object read_endpoint(Cursor *c, int class_num, int n):
    """A SENDER_TEMPLATE or FILTER_SPEC with an address of `n` bytes."""
    cdef Cursor at = c[0]
    value = read_inner(c, class_num)
    if not is_endpoint(value) or width(get(value, filter_.at[0])) != n:
        at.object = at.p
        refuse(&at, "wrong nested object")
    return value


cdef inline bint is_endpoint(object value) noexcept:
    # All three have their address in the first slot.
    return rsvp_is(value, filter_.type) or rsvp_is(value, labelled_.type) or rsvp_is(value, gpi_filter_.type)


cdef object read_diagnostic(Cursor *c):
    cdef int n = width_of(c)
    cdef Cursor inner = c[0]
    inner.p += 12 + n
    sender = read_endpoint(&inner, SENDER_TEMPLATE, n)
    requester = read_endpoint(&inner, FILTER_SPEC, n)
    if inner.p != c.end:
        refuse(c, "wrong object length")
    o = build5(
        &diagnostic_, c.p[0], c.p[1], be32(c.p + 4), be16(c.p + 8), read_address(c.p + 12, n)
    )
    put(o, diagnostic_.at[5], sender)
    put(o, diagnostic_.at[6], requester)
    put(o, diagnostic_.at[7], be16(c.p + 10))
    put(o, diagnostic_.at[8], True if c.p[3] & 1 else False)
    return o


cdef int write_diagnostic(Writer *w, int class_num, object o) except -1:
    expect(o, &diagnostic_)
    last_hop = get(o, diagnostic_.at[4])
    cdef int n = width(last_hop)
    cdef int k
    cdef uint8_t *p = begin(w, class_num, family(n), 12 + n) - 4
    put32(p + 4, 1 if get(o, diagnostic_.at[8]) else 0)
    p[4] = number(o, diagnostic_.at[0], 0xFF)
    p[5] = number(o, diagnostic_.at[1], 0xFF)
    put32(p + 8, number(o, diagnostic_.at[2], 0xFFFFFFFF))
    put16(p + 12, number(o, diagnostic_.at[3], 0xFFFF))
    put16(p + 14, number(o, diagnostic_.at[7], 0xFFFF))
    put_address(p + 16, last_hop, n)
    for k in range(5, 7):
        value = get(o, diagnostic_.at[k])
        if not is_endpoint(value) or width(get(value, filter_.at[0])) != n:
            raise ValueError(f"a DIAGNOSTIC of IPv{last_hop.version} addresses cannot hold {value!r}")
        k = SENDER_TEMPLATE if k == 5 else FILTER_SPEC
        WRITERS[k](w, k, value)
    put16(p, <uint32_t> (w.p - p))
    return 0


cdef object read_select(Cursor *c):
    cdef const uint8_t *p = c.p
    cdef list wanted = []
    while p < c.end:
        if p + 2 < c.end or p[0] or p[1]:   # the last pair may be padding
            wanted.append((p[0], p[1]))
        p += 2
    return build1(&select_, tuple(wanted))


cdef int write_select(Writer *w, int class_num, object o) except -1:
    expect(o, &select_)
    cdef tuple wanted = get(o, select_.at[0])
    cdef Py_ssize_t size = (2 * len(wanted) + 3) & ~3
    cdef uint8_t *p = begin(w, class_num, PLAIN, size)
    cdef int64_t first, second
    memset(p, 0, size)
    for one, two in wanted:
        first, second = one, two
        if not 0 <= first <= 0xFF or not 0 <= second <= 0xFF:
            raise ValueError(f"{(one, two)} in a DiagSelect is no class and C-Type")
        p[0] = <uint8_t> first
        p[1] = <uint8_t> second
        p += 2
    return 0


cdef object read_route(Cursor *c):
    cdef int n = width_of(c)
    cdef const uint8_t *p = c.p + 4
    cdef list nodes = []
    while p < c.end:
        nodes.append(read_address(p, n))
        p += n
    return build3(&route_, tuple(nodes), c.p[3], 4 if n == 4 else 6)


cdef int write_route(Writer *w, int class_num, object o) except -1:
    expect(o, &route_)
    cdef tuple nodes = get(o, route_.at[0])
    cdef int version = number(o, route_.at[2], 6)
    cdef int n = 4 if version == 4 else 16
    cdef uint8_t *p = begin(w, class_num, family(n), 4 + n * len(nodes))
    put32(p, number(o, route_.at[1], 0xFF))
    p += 4
    for node in nodes:
        if width(node) != n:
            raise ValueError(f"this Route is of IPv{version} addresses")
        put_address(p, node, n)
        p += n
    return 0


cdef object read_response(Cursor *c):
    cdef int n = width_of(c)
    cdef const uint8_t *p = c.p + 4 + 3 * n
    cdef Cursor inner = c[0]
    inner.p = p + 4
    o = build5(
        &response_,
        be32(c.p),
        read_address(c.p + 4, n),
        read_address(c.p + 4 + n, n),
        read_address(c.p + 4 + 2 * n, n),
        p[0],
    )
    put(o, response_.at[5], p[1] & 0x0F)
    put(o, response_.at[6], be16(p + 2))
    put(o, response_.at[7], True if p[1] & 0x80 else False)
    put(o, response_.at[8], p[1] >> 4 & 7)
    put(o, response_.at[9], read_nested_list(&inner, c.end))
    return o


cdef int write_response(Writer *w, int class_num, object o) except -1:
    expect(o, &response_)
    cdef int n = width(get(o, response_.at[1]))
    cdef int k
    cdef uint8_t *start = begin(w, class_num, family(n), 8 + 3 * n) - 4
    cdef uint8_t *p = start + 8 + 3 * n
    put32(start + 4, number(o, response_.at[0], 0xFFFFFFFF))
    for k in range(3):
        address = get(o, response_.at[1 + k])
        if width(address) != n:
            raise ValueError("the addresses of a DiagResponse are of one family")
        put_address(start + 8 + k * n, address, n)
    p[0] = number(o, response_.at[4], 0xFF)
    p[1] = number(o, response_.at[5], 0x0F) | number(o, response_.at[8], 7) << 4
    if get(o, response_.at[7]):
        p[1] |= 0x80
    put16(p + 2, number(o, response_.at[6], 0xFFFF))
    for nested in get(o, response_.at[9]):
        write_nested(w, nested)
    put16(start, <uint32_t> (w.p - start))
    return 0


cdef int fill_policy() except -1:
    measure(&nested_, objects.Nested)
    measure(&priority_, policy.PreemptionPriority)
    measure(&attribute_, policy.Attribute)
    measure(&policy_error_, policy.PolicyError)
    measure(&identity_, policy.Identity)
    measure(&unknown_element_, policy.UnknownElement)
    measure(&diagnostic_, diagnostics.Diagnostic)
    measure(&select_, diagnostics.DiagSelect)
    measure(&route_, diagnostics.Route)
    measure(&response_, diagnostics.DiagResponse)
    add_own(ClassNum.DIAGNOSTIC, IPV4, diagnostics.Diagnostic, read_diagnostic, write_diagnostic, 40, 4, MAX_MESSAGE)
    add_own(ClassNum.DIAGNOSTIC, IPV6, diagnostics.Diagnostic, read_diagnostic, write_diagnostic, 76, 4, MAX_MESSAGE)
    add_own(ClassNum.DIAG_SELECT, PLAIN, diagnostics.DiagSelect, read_select, write_select, 0, 4, MAX_MESSAGE)
    add_own(ClassNum.ROUTE, IPV4, diagnostics.Route, read_route, write_route, 4, 4, MAX_MESSAGE)
    add_own(ClassNum.ROUTE, IPV6, diagnostics.Route, read_route, write_route, 4, 16, MAX_MESSAGE)
    add_own(ClassNum.DIAG_RESPONSE, IPV4, diagnostics.DiagResponse, read_response, write_response, 20, 4, MAX_MESSAGE)
    add_own(ClassNum.DIAG_RESPONSE, IPV6, diagnostics.DiagResponse, read_response, write_response, 56, 4, MAX_MESSAGE)
    return 0
