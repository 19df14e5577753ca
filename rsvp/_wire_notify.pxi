"""Notify: an ERROR_SPEC and a list of sessions, each with its sender or its flows (RFC 3473 section 4.3)."""

PART_OF_SENDER = {ClassNum.SENDER_TEMPLATE: "template", ClassNum.SENDER_TSPEC: "tspec", ClassNum.ADSPEC: "adspec"}


cdef int close_notified(Py_ssize_t end, dict entry, list found) except -1:
    """Build the session that has been read up to byte `end`, if there is one."""
    cdef FlowList flows
    if not entry:
        return 0
    flows = entry.pop("flows")
    sender = entry.pop("sender")
    if sender and "template" not in sender:
        missing(SENDER_TEMPLATE, end)
    found.append(messages.Notified(
        session=entry["session"], extra=tuple(entry["extra"]), policy=tuple(entry["policy"]),
        sender=messages.Sender(**sender) if sender else None, flows=flows.close(),
    ))
    return 0


cdef object read_notify(const uint8_t *data, Py_ssize_t size, list read):
    """Decode a Notify. Not on the fast path: there is one where something failed."""
    cdef Cursor c, body
    cdef Row *row
    cdef FlowList flows
    cdef int n
    cdef dict entry = {}
    cdef list extra = [], found = []
    integrity = error = None
    check_header(data, size)
    c.message, c.p, c.end = data, data + HEADER, data + size
    while c.p < c.end:
        open_object(&c, &body)
        n = body.object[2]
        row = row_of(&body)
        if n == NULL_OBJECT:
            continue
        if row is NULL and n in iana.BASE_CLASSES:
            refuse(&body, "unknown C-Type")
        value = read_opaque(&body) if row is NULL else read_noted(row, &body, read)
        if n == SESSION:
            close_notified(body.object - data, entry, found)
            flows = FlowList.__new__(FlowList)
            flows.open(0, &SHAPES[0])
            entry = {"session": value, "extra": [], "policy": [], "sender": {}, "flows": flows}
        elif n == INTEGRITY:
            if body.object != data + HEADER:
                refuse(&body, "integrity not first")
            integrity = value
        elif n == ERROR_SPEC:
            if error is not None:
                refuse(&body, "repeated object")
            error = value
        elif n not in iana.BASE_CLASSES:
            if not entry:
                extra.append(value)
            elif not KNOWN[n] or not (<FlowList> entry["flows"]).attach(value):
                entry["extra"].append(value)
        elif not entry:
            missing(SESSION, body.object - data)
        elif n == POLICY_DATA:
            entry["policy"].append(value)
        elif n in PART_OF_SENDER:
            if PART_OF_SENDER[n] in entry["sender"]:
                refuse(&body, "repeated object")
            entry["sender"][PART_OF_SENDER[n]] = value
        elif n == FLOWSPEC:
            (<FlowList> entry["flows"]).add_flowspec(&body, value)
        elif n == FILTER_SPEC:
            (<FlowList> entry["flows"]).add_filter(&body, value)
        else:
            refuse(&body, "object not allowed")
    close_notified(size, entry, found)
    if error is None:
        missing(ERROR_SPEC, size)
    if not found:
        missing(SESSION, size)
    message = messages.Notify(
        send_ttl=data[4], flags=data[0] & 0x0F, integrity=integrity, extra=tuple(extra), error=error,
        sessions=tuple(found),
    )
    layout = read_layout(data, size)
    plain = pack_notify(message)
    if layout == read_layout(<const uint8_t *> PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain)):
        return message
    return replace(message, layout=layout)


cdef int write_extras(Writer *w, values) except -1:
    cdef int class_num
    for value in values:
        class_num = class_of(value)
        if class_num in iana.BASE_CLASSES:
            raise ValueError(f"{value!r} cannot stand in the extra of a Notify")
        write_extra(w, class_num, value)
    return 0


cdef bytes pack_notify(message):
    """A Notify in the order of RFC 3473 section 4.3.1, its header left empty."""
    cdef uint8_t buffer[MAX_MESSAGE]
    cdef Writer w
    w.p, w.end = buffer, buffer + MAX_MESSAGE
    memset(claim(&w, HEADER), 0, HEADER)
    if message.integrity is not None:
        write_integrity(&w, INTEGRITY, message.integrity)
    write_extras(&w, message.extra)
    write_error_spec(&w, ERROR_SPEC, message.error)
    if not message.sessions:
        raise ValueError("a Notify has at least one session")
    for one in message.sessions:
        write_session(&w, SESSION, one.session)
        write_extras(&w, one.extra)
        for value in one.policy:
            WRITERS[POLICY_DATA](&w, POLICY_DATA, value)
        if one.sender is not None:
            for class_num, name in PART_OF_SENDER.items():
                if getattr(one.sender, name) is not None:
                    WRITERS[<int> class_num](&w, class_num, getattr(one.sender, name))
        write_flows(&w, &SHAPES[0], OTHER, one.flows, False)
    return PyBytes_FromStringAndSize(<const char *> buffer, w.p - buffer)


cdef bytes write_notify(message):
    """Encode a Notify, in the order of its layout where that still says the same."""
    cdef bytes packed = pack_notify(message), wanted
    cdef uint8_t *data
    if message.layout is not None:
        wanted = in_order(packed, message.layout)
        data = <uint8_t *> PyBytes_AS_STRING(wanted)
        fill_notify(message, wanted)
        try:
            if read_notify(data, len(wanted), None) == message:
                return wanted
        except WireError:
            pass
    fill_notify(message, packed)
    return packed


cdef int fill_notify(message, bytes packed) except -1:
    """Write the common header."""
    cdef uint8_t *data = <uint8_t *> PyBytes_AS_STRING(packed)
    data[0] = <uint8_t> (VERSION << 4 | <int> message.flags)
    data[1] = <uint8_t> NOTIFY
    data[4] = <uint8_t> message.send_ttl
    put16(data + 6, <uint32_t> len(packed))
    if message.integrity is None:
        put16(data + 2, checksum_of(data, len(packed)))
    return 0


cdef bytes in_order(bytes packed, layout):
    """The objects of a message, each class in its own order, taken as a layout names their classes."""
    cdef const uint8_t *data = <const uint8_t *> PyBytes_AS_STRING(packed)
    cdef Py_ssize_t at = HEADER
    cdef dict waiting = {}
    cdef bytearray out = bytearray(data[:HEADER])
    while at < len(packed):
        waiting.setdefault(data[at + 2], []).append(packed[at:at + be16(data + at)])
        at += be16(data + at)
    for pieces in waiting.values():
        pieces.reverse()
    for class_num in layout:
        if class_num == NULL_OBJECT and len(out) < MAX_MESSAGE - 4:
            out += b"\0\4\0\0"
        elif waiting.get(class_num):
            out += waiting[class_num].pop()
    return bytes(out)


cdef object read_single(const uint8_t *data, Py_ssize_t size, list read):
    """Any message but a Bundle. `read`, if there is one, takes in each object that a row is for."""
    if size >= HEADER and data[1] == NOTIFY:
        return read_notify(data, size, read)
    return read_message(data, size, read)


cdef bytes write_single(message):
    """Any message but a Bundle."""
    return write_notify(message) if isinstance(message, messages.Notify) else write_message(message)
