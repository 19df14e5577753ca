"""Sessions and senders without ports, DCLASS, message identifiers (RFC 2207, 3175, 4860, 2996, 2961, 2747)."""

cdef Shape gpi_session_, gpi_filter_, aggregate_session_, aggregate_filter_, generic_session_, interest_
cdef Shape dclass_, source_id_, multicast_id_, source_list_, multicast_list_


cdef inline int shortest_of(Cursor *c, Py_ssize_t least) noexcept:
    """Bytes of an address in an object of two possible sizes, the shorter having `least` bytes."""
    return 4 if c.end - c.p == least else 16


cdef object read_gpi_session(Cursor *c):
    cdef int n = shortest_of(c, 8)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    if not c.p[n]:
        refuse(c, "zero protocol")
    return build4(&gpi_session_, read_address(c.p, n), c.p[n], be16(c.p + n + 2), c.p[n + 1])


cdef int write_gpi_session(Writer *w, int class_num, object o) except -1:
    destination = get(o, gpi_session_.at[0])
    cdef int n = width(destination)
    cdef uint8_t *p = begin(w, class_num, SESSION_IPV4_GPI if n == 4 else SESSION_IPV6_GPI, n + 4)
    put_address(p, destination, n)
    p[n] = number(o, gpi_session_.at[1], 0xFF)
    p[n + 1] = number(o, gpi_session_.at[3], 0xFF)
    put16(p + n + 2, number(o, gpi_session_.at[2], 0xFFFF))
    return 0


cdef object read_gpi_filter(Cursor *c):
    cdef int n = shortest_of(c, 8)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    return build2(&gpi_filter_, read_address(c.p, n), be32(c.p + n))


cdef int write_gpi_filter(Writer *w, int class_num, object o) except -1:
    address = get(o, gpi_filter_.at[0])
    cdef int n = width(address)
    cdef uint8_t *p = begin(w, class_num, FILTER_IPV4_GPI if n == 4 else FILTER_IPV6_GPI, n + 4)
    put_address(p, address, n)
    put32(p + n, number(o, gpi_filter_.at[1], 0xFFFFFFFF))
    return 0


cdef object read_aggregate_session(Cursor *c):
    cdef int n = shortest_of(c, 8)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    return build3(&aggregate_session_, read_address(c.p, n), c.p[n + 3] & 0x3F, c.p[n + 1])


cdef int write_aggregate_session(Writer *w, int class_num, object o) except -1:
    destination = get(o, aggregate_session_.at[0])
    cdef int n = width(destination)
    cdef uint8_t *p = begin(w, class_num, AGGREGATE_IPV4 if n == 4 else AGGREGATE_IPV6, n + 4)
    put_address(p, destination, n)
    put32(p + n, number(o, aggregate_session_.at[1], 0x3F))
    p[n + 1] = number(o, aggregate_session_.at[2], 0xFF)
    return 0


cdef object read_aggregate_filter(Cursor *c):
    cdef int n = shortest_of(c, 4)
    if is_zero(c.p, n):
        refuse(c, "zero address")
    return build1(&aggregate_filter_, read_address(c.p, n))


cdef int write_aggregate_filter(Writer *w, int class_num, object o) except -1:
    address = get(o, aggregate_filter_.at[0])
    cdef int n = width(address)
    return put_address(begin(w, class_num, AGGREGATE_IPV4 if n == 4 else AGGREGATE_IPV6, n), address, n)


cdef object read_generic_session(Cursor *c):
    cdef int n = shortest_of(c, 16)
    cdef const uint8_t *p = c.p + n
    if is_zero(c.p, n):
        refuse(c, "zero address")
    extended = int.from_bytes(read_bytes(p + 8, p + 8 + n), "big")
    return build5(&generic_session_, read_address(c.p, n), be16(p + 2), be16(p + 6), extended, p[1])


cdef int put_generic_session(uint8_t *p, object o, int n) except -1:
    put_address(p, get(o, generic_session_.at[0]), n)
    p += n
    put32(p, number(o, generic_session_.at[1], 0xFFFF))
    p[1] = number(o, generic_session_.at[4], 0xFF)
    put32(p + 4, number(o, generic_session_.at[2], 0xFFFF))
    return put_bytes(p + 8, get(o, generic_session_.at[3]).to_bytes(n, "big"))


cdef int write_generic_session(Writer *w, int class_num, object o) except -1:
    cdef int n = width(get(o, generic_session_.at[0]))
    cdef int ctype = GENERIC_AGGREGATE_IPV4 if n == 4 else GENERIC_AGGREGATE_IPV6
    return put_generic_session(begin(w, class_num, ctype, 2 * n + 8), o, n)


cdef object read_interest(Cursor *c):
    return build1(&interest_, read_generic_session(c))


cdef int write_interest(Writer *w, int class_num, object o) except -1:
    expect(o, &interest_)
    session = get(o, interest_.at[0])
    expect(session, &generic_session_)
    cdef int n = width(get(session, generic_session_.at[0]))
    return put_generic_session(begin(w, class_num, family(n), 2 * n + 8), session, n)


cdef object read_dclass(Cursor *c):
    cdef const uint8_t *p = c.p + 3
    cdef list octets = []
    while p < c.end:
        octets.append(p[0])
        p += 4
    return build1(&dclass_, tuple(octets))


cdef int write_dclass(Writer *w, int class_num, object o) except -1:
    expect(o, &dclass_)
    cdef tuple octets = get(o, dclass_.at[0])
    cdef uint8_t *p = begin(w, class_num, PLAIN, 4 * len(octets))
    cdef int64_t value
    if not octets:
        raise ValueError("a DCLASS names at least one code point")
    for octet in octets:
        value = octet
        if value < 0 or value > 0xFF:
            raise ValueError(f"{value} in a Dclass is not within 0 and 255")
        put32(p, <uint32_t> value)
        p += 4
    return 0


# --- lists of message identifiers (RFC 2961 section 5.1) -------------------------------------------------


cdef object read_id_list(Cursor *c, Shape *list_, Shape *entry_, int addresses, int n):
    """Flags, epoch, then entries of an identifier and one or two addresses of `n` bytes."""
    cdef const uint8_t *p = c.p + 4
    cdef list entries = []
    while p < c.end:
        if addresses == 1:
            entries.append(build2(entry_, be32(p), read_address(p + 4, n)))
        else:
            entries.append(build3(entry_, be32(p), read_address(p + 4, n), read_address(p + 4 + n, n)))
        p += 4 + addresses * n
    return build4(list_, be32(c.p) & 0xFFFFFF, tuple(entries), 4 if n == 4 else 6, c.p[0])


cdef object read_source_list(Cursor *c):
    return read_id_list(c, &source_list_, &source_id_, 1, 4 if c.object[3] == SRC_LIST_IPV4 else 16)


cdef object read_multicast_list(Cursor *c):
    return read_id_list(c, &multicast_list_, &multicast_id_, 2, 4 if c.object[3] == MCAST_LIST_IPV4 else 16)


cdef int write_id_list(Writer *w, int class_num, object o, Shape *list_, Shape *entry_, int addresses) except -1:
    cdef int version = number(o, list_.at[2], 6)
    cdef int n = 4 if version == 4 else 16
    cdef int k
    cdef tuple entries = get(o, list_.at[1])
    cdef uint8_t *p
    if addresses == 1:
        k = SRC_LIST_IPV4 if n == 4 else SRC_LIST_IPV6
    else:
        k = MCAST_LIST_IPV4 if n == 4 else MCAST_LIST_IPV6
    p = begin(w, class_num, k, 4 + len(entries) * (4 + addresses * n))
    put32(p, number(o, list_.at[0], 0xFFFFFF))
    p[0] = number(o, list_.at[3], 0xFF)
    p += 4
    for entry in entries:
        expect(entry, entry_)
        put32(p, number(entry, entry_.at[0], 0xFFFFFFFF))
        p += 4
        for k in range(1, addresses + 1):
            address = get(entry, entry_.at[k])
            if width(address) != n:
                raise ValueError(f"this {type(o).__name__} is of IPv{version} addresses")
            put_address(p, address, n)
            p += n
    return 0


cdef int write_source_list(Writer *w, int class_num, object o) except -1:
    return write_id_list(w, class_num, o, &source_list_, &source_id_, 1)


cdef int write_multicast_list(Writer *w, int class_num, object o) except -1:
    return write_id_list(w, class_num, o, &multicast_list_, &multicast_id_, 2)


cdef int fill_sessions() except -1:
    cdef int n
    measure(&gpi_session_, objects.GpiSession)
    measure(&gpi_filter_, objects.GpiFilter)
    measure(&aggregate_session_, sessions.AggregateSession)
    measure(&aggregate_filter_, sessions.AggregateFilter)
    measure(&generic_session_, sessions.GenericAggregateSession)
    measure(&interest_, sessions.SessionOfInterest)
    measure(&dclass_, sessions.Dclass)
    measure(&source_id_, reduction.SourceId)
    measure(&multicast_id_, reduction.MulticastId)
    measure(&source_list_, reduction.SourceIdList)
    measure(&multicast_list_, reduction.MulticastIdList)
    add_own(SESSION, SESSION_IPV4_GPI, objects.GpiSession, read_gpi_session, write_gpi_session, 8)
    add_own(SESSION, SESSION_IPV6_GPI, objects.GpiSession, read_gpi_session, write_gpi_session, 20)
    add_own(SESSION, AGGREGATE_IPV4, sessions.AggregateSession, read_aggregate_session, write_aggregate_session, 8)
    add_own(SESSION, AGGREGATE_IPV6, sessions.AggregateSession, read_aggregate_session, write_aggregate_session, 20)
    for ctype, n in ((GENERIC_AGGREGATE_IPV4, 16), (GENERIC_AGGREGATE_IPV6, 40)):
        add_own(SESSION, ctype, sessions.GenericAggregateSession, read_generic_session, write_generic_session, n)
    for n in (FILTER_SPEC, SENDER_TEMPLATE):
        add_own(n, FILTER_IPV4_GPI, objects.GpiFilter, read_gpi_filter, write_gpi_filter, 8)
        add_own(n, FILTER_IPV6_GPI, objects.GpiFilter, read_gpi_filter, write_gpi_filter, 20)
        add_own(n, AGGREGATE_IPV4, sessions.AggregateFilter, read_aggregate_filter, write_aggregate_filter, 4)
        add_own(n, AGGREGATE_IPV6, sessions.AggregateFilter, read_aggregate_filter, write_aggregate_filter, 16)
    add_own(ClassNum.SESSION_OF_INTEREST, IPV4, sessions.SessionOfInterest, read_interest, write_interest, 16)
    add_own(ClassNum.SESSION_OF_INTEREST, IPV6, sessions.SessionOfInterest, read_interest, write_interest, 40)
    add_own(ClassNum.DCLASS, PLAIN, sessions.Dclass, read_dclass, write_dclass, 4, 4, MAX_MESSAGE)

    numbered = "flags:u8 epoch:u24 message_id:u32"
    add_form(ClassNum.MESSAGE_ID, CType.MESSAGE_ID, reduction.MessageId, numbered)
    add_form(ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_ACK, reduction.MessageIdAck, numbered)
    add_form(ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_NACK, reduction.MessageIdNack, numbered)
    add_form(ClassNum.MESSAGE_ID_LIST, CType.MESSAGE_ID_LIST, reduction.MessageIdList,
             "flags:u8 epoch:u24 message_ids:words")
    for ctype, n in ((SRC_LIST_IPV4, 8), (SRC_LIST_IPV6, 20)):
        add_own(ClassNum.MESSAGE_ID_LIST, ctype, reduction.SourceIdList, read_source_list, write_source_list,
                4, n, MAX_MESSAGE)
    for ctype, n in ((MCAST_LIST_IPV4, 12), (MCAST_LIST_IPV6, 36)):
        add_own(ClassNum.MESSAGE_ID_LIST, ctype, reduction.MulticastIdList, read_multicast_list,
                write_multicast_list, 4, n, MAX_MESSAGE)
    add_form(ClassNum.CHALLENGE, CType.CHALLENGE, objects.Challenge, "-2 key_id:u48 cookie:u64")
    return 0
