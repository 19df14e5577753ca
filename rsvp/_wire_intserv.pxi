"""Contents of FLOWSPEC, SENDER_TSPEC and ADSPEC (RFC 2210 section 3)."""

cdef int open_format(Cursor *c) except -1:
    """Step over the header word that names version 0 and the words that follow it."""
    if c.p[0] >> 4:
        refuse(c, "unsupported format")
    if be16(c.p + 2) * 4 != c.end - c.p - 4:
        refuse(c, "wrong service length")
    c.p += 4
    return 0


cdef int open_service(Cursor *c, Cursor *service) except -1:
    """Step over one service and point `service` at its parameters."""
    cdef Py_ssize_t length = be16(c.p + 2) * 4
    if length > c.end - c.p - 4:
        refuse(c, "wrong service length")
    service[0] = c[0]
    service.p = c.p + 4
    service.end = c.p = c.p + 4 + length
    return 0


cdef int open_parameter(Cursor *c, Cursor *parameter) except -1:
    """Step over one parameter and point `parameter` at its value."""
    cdef Py_ssize_t length = be16(c.p + 2) * 4
    if length > c.end - c.p - 4:
        refuse(c, "wrong parameter")
    parameter[0] = c[0]
    parameter.p = c.p + 4
    parameter.end = c.p = c.p + 4 + length
    return 0


cdef inline int number_of(Cursor *part) noexcept:
    """The number of a service or parameter that has just been opened: its header lies before."""
    return (part.p - 4)[0]


cdef inline int flags_of(Cursor *part) noexcept:
    return (part.p - 3)[0]


cdef inline int expect_parameter(Cursor *c, const uint8_t *p, int number, uint32_t words) except -1:
    if p[0] != number or be16(p + 2) != words:
        refuse(c, "wrong parameter")
    return 0


cdef inline void put_header(uint8_t *p, uint32_t number_, uint32_t flags, uint32_t words) noexcept nogil:
    """The header word of a service or of a parameter."""
    p[0] = <uint8_t> number_
    p[1] = <uint8_t> flags
    put16(p + 2, words)


cdef object read_token_bucket(Cursor *c, const uint8_t *p, object null):
    """Parameter 127, header and five words: r, b, p, m, M; and what `null_M` is to be."""
    expect_parameter(c, p, TOKEN_BUCKET, 5)
    o = build5(&tspec_, real(c, p + 4), real(c, p + 8), real(c, p + 12), be32(p + 16), be32(p + 20))
    put(o, tspec_.at[5], null)
    return o


cdef uint32_t read_null_service(Cursor *c) except? 0xFFFFFFFF:
    """M of the null service, the last service at the cursor (RFC 2997 sections 4.3 and 4.4)."""
    if c.p[0] != NULL_SERVICE:
        refuse(c, "unsupported service")
    if be16(c.p + 2) != 2 or c.end - c.p != 12:
        refuse(c, "wrong service length")
    expect_parameter(c, c.p + 4, NULL_TSPEC, 1)
    return be32(c.p + 8)


cdef inline object build_null_tspec(uint32_t largest):
    o = build5(&null_tspec_, 0.0, 0.0, 0.0, 0, largest)
    put(o, tspec_.at[5], None)
    return o


cdef inline int put_null_service(uint8_t *p, object o, Py_ssize_t at) except -1:
    put_header(p, NULL_SERVICE, 0, 2)
    put_header(p + 4, NULL_TSPEC, 0, 1)
    put32(p + 8, number(o, at, 0xFFFFFFFF))
    return 0


cdef int put_token_bucket(uint8_t *p, object o) except -1:
    expect(o, &tspec_)
    put_header(p, TOKEN_BUCKET, 0, 5)
    put_real(p + 4, o, tspec_.at[0])
    put_real(p + 8, o, tspec_.at[1])
    put_real(p + 12, o, tspec_.at[2])
    put32(p + 16, number(o, tspec_.at[3], 0xFFFFFFFF))
    put32(p + 20, number(o, tspec_.at[4], 0xFFFFFFFF))
    return 0


cdef object read_tspec(Cursor *c):
    open_format(c)
    if c.p[0] == NULL_SERVICE:
        return build_null_tspec(read_null_service(c))
    if c.p[0] != DEFAULT_SERVICE:
        refuse(c, "unsupported service")
    if be16(c.p + 2) != 6 or c.end - c.p < 28:
        refuse(c, "wrong service length")
    cdef const uint8_t *p = c.p + 4
    null = None
    if c.end - c.p > 28:
        # A sender may offer the null service beside the others (RFC 2997 section 3.2).
        c.p += 28
        null = read_null_service(c)
    return read_token_bucket(c, p, null)


cdef int write_tspec(Writer *w, int class_num, object o) except -1:
    cdef uint8_t *p
    cdef bint null = False
    expect(o, &tspec_)
    if rsvp_is(o, null_tspec_.type):
        p = begin(w, class_num, INTSERV, 16)
        put_header(p, 0, 0, 3)
        return put_null_service(p + 4, o, tspec_.at[4])
    null = get(o, tspec_.at[5]) is not None
    p = begin(w, class_num, INTSERV, 44 if null else 32)
    put_header(p, 0, 0, 10 if null else 7)
    put_header(p + 4, DEFAULT_SERVICE, 0, 6)
    put_token_bucket(p + 8, o)
    return put_null_service(p + 32, o, tspec_.at[5]) if null else 0


cdef object read_flowspec(Cursor *c):
    cdef int service = c.p[4]
    cdef const uint8_t *p = c.p + 8
    open_format(c)
    if service == NULL_SERVICE:
        return build3(&flowspec_, service, build_null_tspec(read_null_service(c)), None)
    if service != CONTROLLED_LOAD and service != GUARANTEED:
        refuse(c, "unsupported service")
    if be16(c.p + 2) != (6 if service == CONTROLLED_LOAD else 9) or be16(c.p + 2) * 4 != c.end - p:
        refuse(c, "wrong service length")
    tspec = read_token_bucket(c, p, None)
    rspec = None
    if service == GUARANTEED:
        expect_parameter(c, p + 24, RSPEC, 2)
        rspec = build2(&rspec_, real(c, p + 28), be32(p + 32))
    return build3(&flowspec_, service, tspec, rspec)


cdef int write_flowspec(Writer *w, int class_num, object o) except -1:
    expect(o, &flowspec_)
    cdef int service = number(o, flowspec_.at[0], 0xFF)
    cdef int words = 9 if service == GUARANTEED else 6
    cdef uint8_t *p
    tspec = get(o, flowspec_.at[1])
    expect(tspec, &tspec_)
    if rsvp_is(tspec, null_tspec_.type) != (service == NULL_SERVICE) or get(tspec, tspec_.at[5]) is not None:
        raise ValueError(f"a FLOWSPEC of service {service} cannot hold {tspec!r}")
    if service == NULL_SERVICE:
        p = begin(w, class_num, INTSERV, 16)
        put_header(p, 0, 0, 3)
        return put_null_service(p + 4, tspec, tspec_.at[4])
    if service != GUARANTEED and service != CONTROLLED_LOAD:
        raise ValueError(f"a FLOWSPEC of service {service} cannot be written")
    p = begin(w, class_num, INTSERV, 4 * words + 8)
    put_header(p, 0, 0, words + 1)
    put_header(p + 4, service, 0, words)
    put_token_bucket(p + 8, tspec)
    if service == GUARANTEED:
        rspec = get(o, flowspec_.at[2])
        expect(rspec, &rspec_)
        put_header(p + 32, RSPEC, 0, 2)
        put_real(p + 36, rspec, rspec_.at[0])
        put32(p + 40, number(rspec, rspec_.at[1], 0xFFFFFFFF))
    return 0


cdef struct Parameters:
    # The values of one service's parameters of one word, in the order of the tables below.
    uint32_t seen           # bit n: the n-th was there
    bint odd                # encode would order or flag them otherwise
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
    cdef int n, rank, last = -1
    cdef list unknown = None
    found.seen = 0
    found.odd = False
    while c.p < c.end:
        open_parameter(c, &parameter)
        n = index[number_of(&parameter)]
        rank = 8 if n < 0 else n ^ C_TOT    # a service's own terms come before what it overrides
        if rank < last or (n >= 0 and flags_of(&parameter)):
            found.odd = True
        last = rank
        if n < 0:
            if unknown is None:
                unknown = []
            unknown.append(
                (number_of(&parameter), flags_of(&parameter), read_bytes(parameter.p, parameter.end))
            )
        elif parameter.end - parameter.p != 4:
            refuse(c, "wrong parameter")
        elif found.seen & (1 << n):
            refuse(c, "repeated parameter")
        else:
            found.seen |= 1 << n
            found.at[n] = parameter.p
    return () if unknown is None else tuple(unknown)


cdef int write_word(Writer *w, int parameter, object o, Py_ssize_t at) except -1:
    cdef uint8_t *p = claim(w, 8)
    put_header(p, parameter, 0, 1)
    put32(p + 4, number(o, at, 0xFFFFFFFF))
    return 0


cdef int write_bandwidth(Writer *w, object o, Py_ssize_t at) except -1:
    cdef uint8_t *p = claim(w, 8)
    put_header(p, PATH_BANDWIDTH, 0, 1)
    return put_real(p + 4, o, at)


cdef int close_service(Writer *w, uint8_t *p, int service, object broken) except -1:
    """Fill in a service's header, now that its length is known."""
    put_header(p, service, BREAK if broken else 0, <uint32_t> ((w.p - p - 4) >> 2))
    return 0


cdef object read_general(Cursor *c, bint *odd):
    cdef Parameters found
    cdef bint broken = (flags_of(c) & BREAK) != 0
    if read_parameters(c, GENERAL_INDEX, &found):
        refuse(c, "wrong parameter")
    odd[0] |= found.odd
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


cdef object read_guaranteed(Cursor *c, bint *odd):
    cdef Parameters found
    cdef bint broken = (flags_of(c) & BREAK) != 0
    cdef bint empty = c.p == c.end
    cdef uint32_t terms[4]
    cdef int n
    memset(terms, 0, sizeof(terms))
    unknown = read_parameters(c, GUARANTEED_INDEX, &found)
    odd[0] |= found.odd
    if not empty:
        if found.seen & GUARANTEED_SET != GUARANTEED_SET:
            refuse(c, "missing parameter")
        for n in range(4):
            terms[n] = be32(found.at[C_TOT + n])
    advert = build5(&guaranteed_, terms[0], terms[1], terms[2], terms[3], broken)
    put(advert, guaranteed_.at[5], empty)
    put(advert, guaranteed_.at[6], read_overrides(c, &found, unknown))
    return advert


# Nearly every ADSPEC has one of these two, and values may be shared.
cdef tuple PLAIN_LOAD = (intserv.ControlledLoadAdvert(False), intserv.ControlledLoadAdvert(True))


cdef object read_controlled_load(Cursor *c, bint *odd):
    cdef Parameters found
    cdef bint broken = (flags_of(c) & BREAK) != 0
    if c.p == c.end:
        return PLAIN_LOAD[1 if broken else 0]
    unknown = read_parameters(c, GENERAL_INDEX, &found)
    odd[0] |= found.odd
    return build2(&load_, broken, read_overrides(c, &found, unknown))


cdef object read_adspec(Cursor *c):
    cdef Cursor service
    cdef const uint8_t *start
    cdef int number, last = DEFAULT_SERVICE
    cdef bint broken, odd = False
    cdef list others = None
    guaranteed = load = None
    open_format(c)
    start = c.p
    if c.p == c.end or c.p[0] != DEFAULT_SERVICE:
        refuse(c, "unsupported service")
    open_service(c, &service)
    general = read_general(&service, &odd)
    while c.p < c.end:
        open_service(c, &service)
        number = number_of(&service)
        odd |= number < last
        last = number
        if number == GUARANTEED and guaranteed is None:
            guaranteed = read_guaranteed(&service, &odd)
        elif number == CONTROLLED_LOAD and load is None:
            load = read_controlled_load(&service, &odd)
        elif number == GUARANTEED or number == CONTROLLED_LOAD or number == DEFAULT_SERVICE:
            refuse(c, "repeated service")
        else:
            if others is None:
                others = []
            broken = (flags_of(&service) & BREAK) != 0
            others.append(build3(&other_, number, broken, read_bytes(service.p, service.end)))
    return build5(
        &adspec_, general, guaranteed, load, () if others is None else tuple(others),
        adspec_layout(start, c.end) if odd else None,
    )


cdef tuple adspec_layout(const uint8_t *p, const uint8_t *end):
    """The services of an ADSPEC that has been read, and the parameters in each, in wire order.

    Flags of unknown parameters stand beside their contents, in `Overrides`.
    """
    cdef const uint8_t *stop
    cdef const int8_t *index
    cdef int service
    cdef list layout = [], inside
    while p < end:
        service = p[0]
        stop = p + 4 + 4 * be16(p + 2)
        p += 4
        inside = []
        if service == DEFAULT_SERVICE or service == GUARANTEED or service == CONTROLLED_LOAD:
            if service == GUARANTEED:
                index = GUARANTEED_INDEX
            else:
                index = GENERAL_INDEX
            while p < stop:
                inside.append((p[0], 0 if index[p[0]] < 0 else p[1]))
                p += 4 + 4 * be16(p + 2)
        layout.append((service, tuple(inside)))
        p = stop
    return tuple(layout)


cdef int write_general(Writer *w, object o) except -1:
    cdef uint8_t *p = claim(w, 4)
    expect(o, &general_)
    write_word(w, PATH_HOPS, o, general_.at[0])
    write_bandwidth(w, o, general_.at[1])
    write_word(w, PATH_LATENCY, o, general_.at[2])
    write_word(w, PATH_MTU, o, general_.at[3])
    return close_service(w, p, DEFAULT_SERVICE, get(o, general_.at[4]))


cdef int write_guaranteed(Writer *w, object o) except -1:
    cdef uint8_t *p
    cdef int n
    if o is None:
        return 0
    expect(o, &guaranteed_)
    p = claim(w, 4)
    if not get(o, guaranteed_.at[5]):
        for n in range(4):
            write_word(w, GUARANTEED_TERMS[n], o, guaranteed_.at[n])
        write_overrides(w, get(o, guaranteed_.at[6]))
    return close_service(w, p, GUARANTEED, get(o, guaranteed_.at[4]))


cdef int write_controlled_load(Writer *w, object o) except -1:
    cdef uint8_t *p
    if o is None:
        return 0
    expect(o, &load_)
    p = claim(w, 4)
    write_overrides(w, get(o, load_.at[1]))
    return close_service(w, p, CONTROLLED_LOAD, get(o, load_.at[0]))


cdef int write_adspec(Writer *w, int class_num, object o) except -1:
    """Services by their numbers, as RFC 2210 section 3.3 wants them, unless they came otherwise."""
    cdef uint8_t *start = begin(w, class_num, INTSERV, 4)
    cdef uint8_t *p
    cdef bytes data
    cdef int n
    expect(o, &adspec_)
    write_general(w, get(o, adspec_.at[0]))
    guaranteed = get(o, adspec_.at[1])
    load = get(o, adspec_.at[2])
    for advert in get(o, adspec_.at[3]):
        expect(advert, &other_)
        n = number(advert, other_.at[0], 0xFF)
        data = get(advert, other_.at[2])
        if n == DEFAULT_SERVICE or n == GUARANTEED or n == CONTROLLED_LOAD or len(data) & 3:
            raise ValueError(f"service {n} with {len(data)} bytes cannot be written as OtherAdvert")
        if n > GUARANTEED:
            write_guaranteed(w, guaranteed)
            guaranteed = None
        if n > CONTROLLED_LOAD:
            write_controlled_load(w, load)
            load = None
        p = claim(w, 4)
        put_bytes(claim(w, len(data)), data)
        close_service(w, p, n, get(advert, other_.at[1]))
    write_guaranteed(w, guaranteed)
    write_controlled_load(w, load)
    put_header(start, 0, 0, <uint32_t> ((w.p - start - 4) >> 2))
    put16(start - 4, <uint32_t> (w.p - start + 4))
    layout = get(o, adspec_.at[4])
    if layout is not None:
        data = arranged(read_bytes(start + 4, w.p), layout)
        if data is not None:
            put_bytes(start + 4, data)
    return 0


cdef list blocks(bytes data):
    """Services, or the parameters of one, that stand end to end: each with its header."""
    cdef list found = []
    cdef Py_ssize_t size, at = 0
    while at < len(data):
        size = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        found.append(data[at : at + size])
        at += size
    return found


cdef object take(list pieces, int number):
    """Remove the first of some blocks that has a number, None where none has."""
    for n, piece in enumerate(pieces):
        if piece[0] == number:
            return pieces.pop(n)
    return None


cdef object arranged(bytes data, tuple layout):
    """The services of an ADSPEC as its layout has them; None for a layout that is not of these services."""
    cdef list services = blocks(data), parameters, found = []
    for number, inside in layout:
        service = take(services, number)
        if service is None:
            return None
        found.append(service[:4])
        if not inside:
            found.append(service[4:])
            continue
        parameters = blocks(service[4:])
        for wanted, flags in inside:
            parameter = take(parameters, wanted)
            if parameter is None:
                return None
            found.append(bytes((wanted, parameter[1] | flags)) + parameter[2:])
        if parameters:
            return None
    return None if services else b"".join(found)
