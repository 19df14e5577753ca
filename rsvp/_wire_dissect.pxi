"""Messages taken apart object by object, broken ones too (RFC 2205 section 3.1.2, RFC 2961 section 3)."""

cdef Shape wire_object_, dissection_


cdef object dissect_single(const uint8_t *p, Py_ssize_t size):
    """Take apart any message but a Bundle. What its grammar lets pass has been read when that is known."""
    cdef Py_ssize_t length = be16(p + 6) if size >= HEADER else 0
    cdef Py_ssize_t n = 0
    cdef Cursor c, body
    cdef Row *row
    cdef list read = [], found = []
    error = None
    try:
        check_header(p, size)
        if p[1] in messages.MESSAGES:
            read_single(p, size, read)
    except WireError as refusal:
        if refusal.reason != "unknown C-Type":
            error = refusal
    c.message = p
    c.p = p + HEADER
    c.end = p + (min(size, length) & ~3)
    while size >= HEADER and c.p < c.end:
        try:
            open_object(&c, &body)
        except WireError as refusal:
            error = error or refusal
            break
        row = row_of(&body)
        value = None
        if row is NULL:
            pass
        elif n < len(read):
            value = read[n]
            n += 1
        else:
            try:
                value = read_object(row, &body)
            except WireError as refusal:
                error = error or refusal
        entry = build5(
            &wire_object_, body.object[2], body.object[3], body.end - body.object, body.object - p, value
        )
        put(entry, wire_object_.at[5], read_bytes(body.object + 4, body.end))
        found.append(entry)
    return build_dissection(p, size, tuple(found), None, error)


cdef object dissect_bundle(const uint8_t *p, Py_ssize_t size):
    """Take apart the messages of a Bundle, none of which may be one."""
    cdef Py_ssize_t at = HEADER, end = min(be16(p + 6), size) if size >= HEADER else 0
    cdef Py_ssize_t length
    cdef list found = []
    error = None
    try:
        check_header(p, size)
    except WireError as refusal:
        error = refusal
    while at < end:
        length = be16(p + at + 6) if end - at >= HEADER else 0
        if length < HEADER or length & 3 or length > end - at:
            error = error or WireError("wrong length of a message in a Bundle", None, None, at)
            break
        if p[at + 1] == BUNDLE:
            refusal = WireError("Bundle inside a Bundle", None, None, 1)
            found.append(build_dissection(p + at, length, (), None, refusal))
        else:
            found.append(dissect_single(p + at, length))
        at += length
    if not found:
        error = error or WireError("empty Bundle", None, None, HEADER)
    return build_dissection(p, size, (), tuple(found), error)


cdef object build_dissection(const uint8_t *p, Py_ssize_t size, tuple objects, messages, error):
    cdef Py_ssize_t length = be16(p + 6) if size >= HEADER else 0
    sum_of = (
        "absent" if size < 4 or not be16(p + 2)
        else "ok" if fold(p, min(size, max(length, HEADER))) == 0xFFFF else "bad"
    )
    seen = build5(
        &dissection_,
        p[0] >> 4 if size else 0,
        p[0] & 0x0F if size else 0,
        p[1] if size > 1 else 0,
        sum_of,
        p[4] if size > 4 else 0,
    )
    put(seen, dissection_.at[5], length)
    put(seen, dissection_.at[6], objects)
    put(seen, dissection_.at[7], messages)
    put(seen, dissection_.at[8], error)
    return seen
