"""What ties sessions together: extended ASSOCIATION, SESSION_ASSOC, NODE_CHAR (RFC 6780, RFC 8796, RFC 2746)."""

cdef Shape extended_, ready_, active_, tied_
cdef Shape message_id_


cdef enum:
    HEADED_ID = 12          # bytes of a MESSAGE_ID with its header
    HEADED_TIME = 8         # and of TIME_VALUES


cdef inline bint is_headed(const uint8_t *p, uint32_t length, int class_num, int ctype) noexcept:
    """Whether an object's header stands here."""
    return be16(p) == length and p[2] == class_num and p[3] == ctype


cdef object read_ready(const uint8_t *p, const uint8_t *end, int n):
    """A B-SFRR-Ready identifier with addresses of `n` bytes; None for what is none to the letter."""
    if end - p != 8 + 2 * n + HEADED_ID or be16(p + 2):
        return None
    cdef const uint8_t *message_id = end - HEADED_ID
    if not is_headed(message_id, HEADED_ID, MESSAGE_ID, PLAIN):
        return None
    o = build4(&ready_, be16(p), read_address(p + 4, n), read_address(p + 4 + n, n), be32(message_id - 4))
    put(o, ready_.at[4], build3(
        &message_id_, be32(message_id + 4) & 0xFFFFFF, be32(message_id + 8), message_id[4]
    ))
    return o


cdef object read_active(const uint8_t *p, const uint8_t *end, int n):
    """A B-SFRR-Active identifier, likewise."""
    cdef const uint8_t *hop
    cdef const uint8_t *time
    cdef list groups = []
    if end - p < 4 or be16(p + 2) or end - p != 4 + 4 * be16(p) + 8 + n + HEADED_TIME + n:
        return None
    hop = p + 4 + 4 * be16(p)
    time = hop + 8 + n
    if not is_headed(hop, 8 + n, RSVP_HOP, family(n)) or not is_headed(time, HEADED_TIME, TIME_VALUES, PLAIN):
        return None
    p += 4
    while p < hop:
        groups.append(be32(p))
        p += 4
    return build4(
        &active_,
        tuple(groups),
        build2(&hop_, read_address(hop + 4, n), be32(hop + 4 + n)),
        build1(&time_values_, be32(time + 4)),
        read_address(time + HEADED_TIME, n),
    )


cdef object read_extended(Cursor *c):
    cdef int n = 4 if c.object[3] == EXTENDED_IPV4 else 16
    cdef int kind = be16(c.p)
    cdef const uint8_t *p = c.p + 8 + n
    found = None
    if kind == SUMMARY_READY:
        found = read_ready(p, c.end, n)
    elif kind == SUMMARY_ACTIVE:
        found = read_active(p, c.end, n)
    return build5(
        &extended_, kind, be16(c.p + 2), read_address(c.p + 4, n), be32(p - 4),
        read_bytes(p, c.end) if found is None else found,
    )


cdef int put_family(uint8_t *p, object address, int n) except -1:
    if width(address) != n:
        raise ValueError("the addresses of an association are of one family")
    return put_address(p, address, n)


cdef int write_ready(Writer *w, object o, int n) except -1:
    cdef uint8_t *p = claim(w, 8 + 2 * n)
    put32(p, <uint32_t> number(o, ready_.at[0], 0xFFFF) << 16)
    put_family(p + 4, get(o, ready_.at[1]), n)
    put_family(p + 4 + n, get(o, ready_.at[2]), n)
    put32(p + 4 + 2 * n, number(o, ready_.at[3], 0xFFFFFFFF))
    return WRITERS[MESSAGE_ID](w, MESSAGE_ID, get(o, ready_.at[4]))


cdef int write_active(Writer *w, object o, int n) except -1:
    cdef tuple groups = get(o, active_.at[0])
    cdef uint8_t *p = claim(w, 4 + 4 * len(groups))
    cdef uint64_t value
    put32(p, <uint32_t> len(groups) << 16)
    for group in groups:
        p += 4
        value = group
        if value >> 32:
            raise ValueError(f"{group} is no group identifier of 32 bits")
        put32(p, <uint32_t> value)
    hop = get(o, active_.at[1])
    expect(hop, &hop_)
    if width(get(hop, hop_.at[0])) != n:
        raise ValueError("the addresses of an association are of one family")
    write_hop(w, RSVP_HOP, hop)
    write_time_values(w, TIME_VALUES, get(o, active_.at[2]))
    return put_family(claim(w, n), get(o, active_.at[3]), n)


cdef int write_extended(Writer *w, int class_num, object o) except -1:
    expect(o, &extended_)
    source = get(o, extended_.at[2])
    cdef int n = width(source)
    cdef int kind = number(o, extended_.at[0], 0xFFFF)
    cdef uint8_t *p = begin(w, class_num, EXTENDED_IPV4 if n == 4 else EXTENDED_IPV6, 8 + n)
    cdef uint8_t *start = p - 4
    put16(p, kind)
    put16(p + 2, number(o, extended_.at[1], 0xFFFF))
    put_address(p + 4, source, n)
    put32(p + 4 + n, number(o, extended_.at[3], 0xFFFFFFFF))
    what = get(o, extended_.at[4])
    if rsvp_is(what, ready_.type) and kind == SUMMARY_READY:
        write_ready(w, what, n)
    elif rsvp_is(what, active_.type) and kind == SUMMARY_ACTIVE:
        write_active(w, what, n)
    elif not PyBytes_CheckExact(what) or len(what) & 3:
        raise ValueError(f"an association of type {kind} cannot hold {what!r}")
    else:
        put_bytes(claim(w, len(what)), what)
    put16(start, <uint32_t> (w.p - start))
    return 0


cdef object read_tied(Cursor *c):
    cdef Cursor inner = c[0]
    session = read_inner(&inner, SESSION)
    sender = read_inner(&inner, FILTER_SPEC)
    if inner.p != c.end:
        refuse(c, "wrong object length")
    return build2(&tied_, session, sender)


cdef int write_tied(Writer *w, int class_num, object o) except -1:
    expect(o, &tied_)
    cdef uint8_t *start = begin(w, class_num, TUNNEL, 0) - 4
    WRITERS[SESSION](w, SESSION, get(o, tied_.at[0]))
    WRITERS[FILTER_SPEC](w, FILTER_SPEC, get(o, tied_.at[1]))
    put16(start, <uint32_t> (w.p - start))
    return 0


cdef int fill_groups() except -1:
    measure(&extended_, gmpls.ExtendedAssociation)
    measure(&ready_, gmpls.SummaryReady)
    measure(&active_, gmpls.SummaryActive)
    measure(&message_id_, reduction.MessageId)
    measure(&tied_, sessions.SessionAssociation)
    for ctype, least in ((CType.EXTENDED_IPV4, 12), (CType.EXTENDED_IPV6, 24)):
        add_own(ASSOCIATION, ctype, gmpls.ExtendedAssociation, read_extended, write_extended, least, 4, MAX_MESSAGE)
    add_own(SESSION_ASSOC, TUNNEL, sessions.SessionAssociation, read_tied, write_tied, 20, 4, MAX_MESSAGE)
    add_form(ClassNum.NODE_CHAR, CType.TUNNEL, sessions.NodeCharacteristics, "flags:u32")
    return 0
