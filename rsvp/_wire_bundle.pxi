"""Bundles: messages inside a message, one level deep (RFC 2961 section 3)."""

cdef Shape bundle_, broken_


cdef object broken(const uint8_t *p, Py_ssize_t size, error):
    """A message of a Bundle that cannot be decoded."""
    o = build5(&broken_, read_bytes(p, p + size), error.reason, error.class_num, error.ctype, error.offset)
    return o


cdef object read_bundle(const uint8_t *data, Py_ssize_t size):
    """Each message is decoded by itself; only lengths that do not fit spoil the whole."""
    cdef Py_ssize_t length, at = HEADER
    cdef list found = [], unsummed = []
    check_header(data, size)
    while at < size:
        length = be16(data + at + 6) if size - at >= HEADER else 0
        if length < HEADER or length & 3 or length > size - at:
            raise WireError("wrong length of a message in a Bundle", None, None, at)
        try:
            if data[at + 1] == BUNDLE:
                raise WireError("Bundle inside a Bundle", None, None, 1)
            message = read_single(data + at, length, None)
            if not be16(data + at + 2) and message.integrity is None:
                unsummed.append(len(found))
        except WireError as error:
            message = broken(data + at, length, error)
        found.append(message)
        at += length
    if not found:
        raise WireError("empty Bundle", None, None, HEADER)
    return build4(&bundle_, tuple(found), data[4], data[0] & 0x0F, tuple(unsummed))


cdef bytes write_bundle(object message):
    cdef bytearray out = bytearray(HEADER)
    cdef uint8_t *data
    cdef bytes piece, result
    inner = get(message, bundle_.at[0])
    unsummed = get(message, bundle_.at[3])
    for index, one in enumerate(inner):
        if rsvp_is(one, bundle_.type):
            raise ValueError("a Bundle cannot hold another Bundle")
        if rsvp_is(one, broken_.type):
            piece = get(one, broken_.at[0])
            if len(piece) < HEADER or len(piece) & 3 or piece[6] << 8 | piece[7] != len(piece):
                raise ValueError("a broken message in a Bundle has its right length in its header at least")
        else:
            piece = write_single(one)
            if index in unsummed:
                piece = piece[:2] + b"\0\0" + piece[4:]
        out += piece
        if len(out) > MAX_MESSAGE:
            raise ValueError(f"an RSVP message is at most {MAX_MESSAGE} bytes long, and this one is longer")
    if not inner:
        raise ValueError("a Bundle has at least one message")
    result = bytes(out)
    data = <uint8_t *> PyBytes_AS_STRING(result)
    data[0] = <uint8_t> (VERSION << 4 | number(message, bundle_.at[2], 0x0F))
    data[1] = <uint8_t> BUNDLE
    data[4] = <uint8_t> number(message, bundle_.at[1], 0xFF)
    put16(data + 6, <uint32_t> PyBytes_GET_SIZE(result))
    put16(data + 2, checksum_of(data, PyBytes_GET_SIZE(result)))
    return result
