"""One reader and one writer for each object of RFC 2205 appendix A and RFC 2747 section 2."""

cdef object read_session(Cursor *c):
    cdef int n = width_of(c)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    if not c.p[n]:
        refuse(c, "zero protocol")
    return build4(&session_, read_address(c.p, n), c.p[n], be16(c.p + n + 2), c.p[n + 1])


cdef int write_session(Writer *w, int class_num, object o) except -1:
    if type(o) is not <object> session_.type:   # a GpiSession is a Session, too
        return write_form(w, class_num, o)
    destination = get(o, session_.at[0])
    cdef int n = width(destination)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, destination, n)
    p[n] = number(o, session_.at[1], 0xFF)
    p[n + 1] = number(o, session_.at[3], 0xFF)
    put16(p + n + 2, number(o, session_.at[2], 0xFFFF))
    return 0


cdef object read_hop(Cursor *c):
    cdef int n = width_of(c)
    return build2(&hop_, read_address(c.p, n), be32(c.p + n))


cdef int write_hop(Writer *w, int class_num, object o) except -1:
    if not rsvp_is(o, hop_.type):
        return write_form(w, class_num, o)
    address = get(o, hop_.at[0])
    cdef int n = width(address)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, address, n)
    put32(p + n, number(o, hop_.at[1], 0xFFFFFFFF))
    return 0


cdef object read_integrity(Cursor *c):
    cdef uint64_t key_id = (<uint64_t> be16(c.p + 2) << 32) | be32(c.p + 4)
    return build4(&integrity_, key_id, be64(c.p + 8), read_bytes(c.p + 16, c.end), c.p[0])


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


cdef object read_time_values(Cursor *c):
    return build1(&time_values_, be32(c.p))


cdef int write_time_values(Writer *w, int class_num, object o) except -1:
    expect(o, &time_values_)
    put32(begin(w, class_num, PLAIN, 4), number(o, time_values_.at[0], 0xFFFFFFFF))
    return 0


cdef object read_error_spec(Cursor *c):
    cdef int n = width_of(c)
    return build4(&error_spec_, read_address(c.p, n), c.p[n + 1], be16(c.p + n + 2), c.p[n])


cdef int write_error_spec(Writer *w, int class_num, object o) except -1:
    if not rsvp_is(o, error_spec_.type):
        return write_form(w, class_num, o)
    node = get(o, error_spec_.at[0])
    cdef int n = width(node)
    cdef uint8_t *p = begin(w, class_num, family(n), n + 4)
    put_address(p, node, n)
    p[n] = number(o, error_spec_.at[3], 0xFF)
    p[n + 1] = number(o, error_spec_.at[1], 0xFF)
    put16(p + n + 2, number(o, error_spec_.at[2], 0xFFFF))
    return 0


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


cdef int write_scope(Writer *w, int class_num, object o) except -1:
    expect(o, &scope_)
    cdef tuple addresses = get(o, scope_.at[0])
    cdef int n = width(addresses[0])
    cdef uint8_t *p = begin(w, class_num, family(n), n * len(addresses))
    for address in addresses:
        put_address(p, address, n)
        p += n
    return 0


cdef object read_style(Cursor *c):
    return build2(&style_, be32(c.p) & 0xFFFFFF, c.p[0])


cdef int write_style(Writer *w, int class_num, object o) except -1:
    expect(o, &style_)
    cdef uint8_t *p = begin(w, class_num, PLAIN, 4)
    put32(p, number(o, style_.at[0], 0xFFFFFF))
    p[0] = number(o, style_.at[1], 0xFF)
    return 0


cdef object read_filter(Cursor *c):
    cdef int n = width_of(c)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    return build2(&filter_, read_address(c.p, n), be16(c.p + n + 2))


cdef object read_labelled_filter(Cursor *c):
    if is_zero(c.p, 16):
        refuse(c, "zero address")
    return build2(&labelled_, read_address(c.p, 16), be32(c.p + 16) & 0xFFFFFF)


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
    if not rsvp_is(o, filter_.type):
        return write_form(w, class_num, o)
    address = get(o, filter_.at[0])
    n = width(address)
    p = begin(w, class_num, family(n), n + 4)
    put_address(p, address, n)
    put32(p + n, number(o, filter_.at[1], 0xFFFF))
    return 0


cdef object read_confirm(Cursor *c):
    return build1(&confirm_, read_address(c.p, width_of(c)))


cdef int write_confirm(Writer *w, int class_num, object o) except -1:
    expect(o, &confirm_)
    receiver = get(o, confirm_.at[0])
    cdef int n = width(receiver)
    return put_address(begin(w, class_num, family(n), n), receiver, n)


cdef object read_opaque(Cursor *c):
    return build3(&opaque_, c.object[2], c.object[3], read_bytes(c.p, c.end))


cdef int write_opaque(Writer *w, object o) except -1:
    expect(o, &opaque_)
    cdef int class_num = number(o, opaque_.at[0], 0xFF)
    cdef bytes data = get(o, opaque_.at[2])
    cdef int ctype = number(o, opaque_.at[1], 0xFF)
    if class_num == NULL_OBJECT or class_num in iana.BASE_CLASSES or (
        ctype < MAX_CTYPE and ROWS[class_num][ctype].read is not NULL
    ):
        raise ValueError(f"class {class_num} is known and cannot be sent as Opaque")
    return put_bytes(begin(w, class_num, ctype, len(data)), data)
