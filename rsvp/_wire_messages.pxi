"""Whole messages: their grammar, flow descriptor lists and layout (RFC 2205 section 3.1)."""

cdef enum Kind:
    ALONE                   # a field that holds one object
    REPEATED                # a tuple of objects of one class
    SENDER_PART             # template, Tspec or Adspec of the field `sender`
    EXTRA                   # objects without a field of their own
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
    # The order of RFC 2205's grammars: (class number, field of the message, field of the Sender or
    # the classes that stand here).
    (ClassNum.INTEGRITY, "integrity", None),
    (None, "extra", messages.FRONT),
    (ClassNum.MESSAGE_ID_ACK, "acks", None),
    (ClassNum.MESSAGE_ID_LIST, "lists", None),
    (ClassNum.CHALLENGE, "challenge", None),
    (ClassNum.HELLO, "hello", None),
    (ClassNum.SESSION, "session", None),
    (ClassNum.RSVP_HOP, "hop", None),
    (ClassNum.TIME_VALUES, "time_values", None),
    (ClassNum.ERROR_SPEC, "error", None),
    (ClassNum.RESV_CONFIRM, "confirm", None),
    (ClassNum.SCOPE, "scope", None),
    (ClassNum.DIAGNOSTIC, "diagnostic", None),
    (ClassNum.DIAG_SELECT, "select", None),
    (ClassNum.ROUTE, "route", None),
    (ClassNum.DIAG_RESPONSE, "responses", None),
    (None, "extra", messages.EARLY),
    (ClassNum.POLICY_DATA, "policy", None),
    (ClassNum.SENDER_TEMPLATE, "sender", "template"),
    (ClassNum.SENDER_TSPEC, "sender", "tspec"),
    (ClassNum.ADSPEC, "sender", "adspec"),
    (None, "extra", None),      # all others, unknown ones included
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
    shape.is_tear = cls in (messages.ResvTear, messages.ResvTearConfirm)
    shape.is_error = "flow" in declared
    for class_num, name, part in FIELDS:
        if name not in declared:
            continue
        assert shape.count < MAX_FIELDS
        field = &shape.fields[shape.count]
        field.at = slot_of(cls, name)
        field.required = declared[name].default is MISSING
        field.kind = ALONE
        field.class_num = -1 if class_num is None else class_num
        if name == "extra":
            field.kind = EXTRA
            for n in range(1, 256):
                if n not in iana.BASE_CLASSES and (n in part if part else shape.index[n] < 0):
                    shape.index[<int> n] = shape.count
        elif part is not None:
            field.kind = SENDER_PART
            shape.sender = field.at
            shape.sender_required = field.required
            field.at = slot_of(messages.Sender, part)
            # PathTear and PathErr do with the template (RFC 2205 sections 3.1.5 and 3.1.7).
            field.required = part == "template" or (part == "tspec" and "time_values" in declared)
        elif name in ("policy", "acks", "lists", "responses"):
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


@cython.final
@cython.freelist(8)
cdef class FlowList:
    """Unpacks a flow descriptor list, object by object (RFC 2205 section 3.1.4)."""

    cdef list flows, filters
    cdef list attached      # to each filter of the group; to the last filter where each has its own flow
    cdef object flowspec
    cdef Packing packing
    cdef bint is_tear, is_error
    cdef bint fresh         # the flowspec has no flow yet
    cdef bint packed        # a flowspec was left out because it repeats the one before

    cdef int open(self, uint32_t vector, MessageShape *shape) except -1:
        self.packing = packing_of(vector)
        self.is_tear = shape.is_tear
        self.is_error = shape.is_error
        self.flows = []
        return 0

    cdef int close_group(self) except -1:
        if self.fresh or self.filters:
            filters = () if self.filters is None else tuple(self.filters)
            attached = () if self.attached is None else tuple([tuple(group) for group in self.attached])
            self.flows.append(build3(&flow_, self.flowspec, filters, attached))
            self.filters = self.attached = None
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
            if self.filters is None:
                self.filters = []
            self.filters.append(filter_spec)
            if self.attached is not None:
                self.attached.append([])
            return 0
        if self.is_error and self.flows:
            refuse(c, "too many flow descriptors")
        self.complete()
        self.flows.append(build3(&flow_, self.flowspec, (filter_spec,), ()))
        if self.is_tear:
            self.flowspec = None    # left out means absent there, not repeated
        elif not self.fresh:
            self.packed = True
        self.fresh = False
        return 0

    cdef bint attach(self, object value) except -1:
        """Put an object to the last filter; False where there was none yet."""
        if self.filters:
            if self.attached is None:
                self.attached = [[] for _ in self.filters]
            self.attached[len(self.attached) - 1].append(value)
            return True
        if self.packing != PAIRS or not self.flows:
            return False
        if self.attached is None:
            self.attached = []
        self.attached.append(value)
        return True

    cdef int complete(self) except -1:
        """Give the last of distinct reservations what was attached to its filter."""
        if self.attached is not None:
            # Nobody has seen this flow yet, so that it may still be changed.
            flow = self.flows[len(self.flows) - 1]
            Py_XDECREF(slot(flow, flow_.at[2])[0])
            slot(flow, flow_.at[2])[0] = NULL
            put(flow, flow_.at[2], (tuple(self.attached),))
            self.attached = None
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
        if self.packing == PAIRS:
            self.complete()
        else:
            self.close_group()
        if self.packing == BARE and self.is_tear and not self.flows:
            self.flows.append(build3(&flow_, None, (), ()))
        return tuple(self.flows)


cdef int missing(int class_num, Py_ssize_t size) except -1:
    raise WireError("missing object", class_num, None, size)


cdef inline object read_noted(Row *row, Cursor *body, list read):
    """Read an object of a message, and let `dissect` have it too."""
    value = read_object(row, body)
    if read is not None:
        read.append(value)
    return value


cdef object read_message(const uint8_t *data, Py_ssize_t size, list read):
    cdef Cursor c, body
    cdef MessageShape *shape
    cdef Field *field
    cdef Row *row
    cdef int n, index, last = -1
    cdef bint plain = True          # what encode would write as well
    cdef FlowList flows = None
    cdef list extra = None, repeated = None     # a message has one repeated field at most
    sender = None

    check_header(data, size)
    shape = BY_TYPE[data[1]]
    if shape is NULL:
        raise WireError("unknown message type", None, None, 1)
    message = rsvp_value(shape.type)
    put(message, shape.send_ttl, data[4])
    put(message, shape.flags, data[0] & 0x0F)
    c.message = data
    c.p = data + HEADER
    c.end = data + size

    while c.p < c.end:
        open_object(&c, &body)
        n = body.object[2]
        row = row_of(&body)
        index = shape.index[n]
        if index < 0:
            if n == NULL_OBJECT:
                plain = False
                continue
            refuse(&body, "unknown C-Type" if row is NULL else "object not allowed")
            continue
        field = &shape.fields[index]
        if field.kind == EXTRA:
            value = read_opaque(&body) if row is NULL else read_noted(row, &body, read)
            if flows is not None and KNOWN[n] and flows.attach(value):
                index = shape.index[FILTER_SPEC]
            else:
                if extra is None:
                    extra = []
                extra.append(value)
            plain = plain and last <= index
            last = index
            continue
        if row is NULL:
            refuse(&body, "unknown C-Type")
        plain = plain and last <= index
        last = index
        if field.kind == FLOW_PART:
            if flows is None:
                refuse(&body, "flow descriptor before style")
            if n == FLOWSPEC:
                flows.add_flowspec(&body, read_noted(row, &body, read))
            else:
                flows.add_filter(&body, read_noted(row, &body, read))
            continue
        if flows is not None:
            refuse(&body, "repeated object" if n == STYLE else "style not last")
        if field.kind == ALONE:
            if slot(message, field.at)[0] is not NULL:
                refuse(&body, "repeated object")
            if n == INTEGRITY and body.object != data + HEADER:
                refuse(&body, "integrity not first")
            put(message, field.at, read_noted(row, &body, read))
            if n == STYLE:
                flows = FlowList.__new__(FlowList)
                flows.open(be32(body.object + 4), shape)
        elif field.kind == SENDER_PART:
            if sender is None:
                sender = rsvp_value(sender_.type)
            if slot(sender, field.at)[0] is not NULL:
                refuse(&body, "repeated object")
            put(sender, field.at, read_noted(row, &body, read))
        else:
            if repeated is None:
                repeated = []
            repeated.append(read_noted(row, &body, read))

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
            if slot(message, field.at)[0] is NULL:
                put(message, field.at, () if extra is None else tuple(extra))
        elif field.kind == REPEATED:
            if repeated is None and field.required:
                missing(field.class_num, size)
            put(message, field.at, () if repeated is None else tuple(repeated))
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


cdef int write_flows(Writer *w, MessageShape *shape, Packing packing, tuple flows, bint pack) except -1:
    """A flow descriptor list. Only with `pack` FLOWSPECs are left out that repeat the one before."""
    cdef Py_ssize_t count
    cdef int number_
    cdef uint8_t *start
    cdef uint8_t *before = NULL
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
            start = w.p
            WRITERS[FLOWSPEC](w, FLOWSPEC, flowspec)
            if pack and before is not NULL and same_object(before, start):
                w.p = start
            else:
                before = start
        elif packing != OTHER and not shape.is_tear:
            raise ValueError("only a ResvTear may leave out a flow's flowspec")
        attached = get(flow, flow_.at[2])
        if attached and len(attached) != count:
            raise ValueError(f"a flow of {count} filters has {len(attached)} groups of attached objects")
        for index, filter_spec in enumerate(filters):
            WRITERS[FILTER_SPEC](w, FILTER_SPEC, filter_spec)
            if attached:
                for value in attached[index]:
                    number_ = class_of(value)
                    if number_ in iana.BASE_CLASSES or not KNOWN[number_]:
                        raise ValueError(f"{value!r} cannot be attached to a filter")
                    write_extra(w, number_, value)
    count = len(flows)
    if count > 1 and (packing == BARE or packing == ONE_LIST):
        raise ValueError(f"with a style of shared reservations there is one flow, not {count}")
    if not count and packing != OTHER and not shape.is_error and not (shape.is_tear and packing == BARE):
        raise ValueError("a message about reservations has at least one flow")
    return 0


cdef inline bint same_object(const uint8_t *a, const uint8_t *b) noexcept:
    return be16(a) == be16(b) and not memcmp(a, b, be16(a))


cdef Packing packing_in(object message, MessageShape *shape) except *:
    style = get(message, shape.fields[shape.index[STYLE]].at)
    expect(style, &style_)
    return packing_of(number(style, style_.at[0], 0xFFFFFF))


cdef int write_objects(Writer *w, MessageShape *shape, object message, bint pack) except -1:
    cdef Field *field
    cdef int index, number_
    cdef Packing packing
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
                number_ = class_of(value)
                if shape.index[number_] < 0 or shape.fields[shape.index[number_]].kind != EXTRA:
                    raise ValueError(f"{value!r} cannot stand in the extra of a {message.name}")
                if shape.index[number_] == index:
                    write_extra(w, number_, value)
        elif field.kind == REPEATED:
            if field.required and not value:
                raise ValueError(f"a {message.name} needs a {iana.CLASS_NAMES[field.class_num]}")
            for value in value:
                WRITERS[field.class_num](w, field.class_num, value)
        elif field.kind == FLOW_PART:
            if shape.is_error:
                value = () if value is None else (value,)
            packing = packing_in(message, shape)
            write_flows(w, shape, packing, value, pack and packing == PAIRS and not shape.is_tear)
        elif value is not None:
            WRITERS[field.class_num](w, field.class_num, value)
        elif field.required:
            raise ValueError(f"a {message.name} needs a {iana.CLASS_NAMES[field.class_num]}")
    return 0


cdef int class_of(value) except -1:
    """The class number of an object of `extra` or `attached`."""
    number_ = getattr(value, "class_num", None)
    if not isinstance(number_, int) or not 0 <= number_ < 256:
        raise TypeError(f"Opaque or an object of the extensions is needed here, not {value!r}")
    return number_


cdef int write_extra(Writer *w, int class_num, value) except -1:
    """An object of `extra` or `attached`."""
    if rsvp_is(value, opaque_.type):
        return write_opaque(w, value)
    if WRITERS[class_num] is NULL:
        raise TypeError(f"an object of the extensions is needed here, not {value!r}")
    return WRITERS[class_num](w, class_num, value)


cdef inline Py_ssize_t seek(const uint8_t *data, Py_ssize_t size, Py_ssize_t at, int class_num, bint equal) noexcept:
    """The next object from `at` that is (or, without `equal`, is not) of a class."""
    while at < size and (data[at + 2] == class_num) != equal:
        at += be16(data + at)
    return at


cdef bytes rearrange(const uint8_t *data, Py_ssize_t size, object layout):
    """Put the objects of a packed message into the order of `layout`; None where it does not fit.

    A class number of NULL stands for an empty NULL object, a FLOWSPEC between two filters for
    the last FLOWSPEC once more. Filters and what is attached to them keep their order.
    """
    cdef Py_ssize_t next_of[256]    # where to look for the next object of a class
    # The next FLOWSPEC, the next filter, the next object behind STYLE that is no FLOWSPEC.
    cdef Py_ssize_t specs = 0, filters = 0, tail = 0
    cdef Py_ssize_t at, taken = HEADER, flowspec = 0
    cdef int class_num, index, last = 0
    cdef bint filtered = False
    cdef bytearray out = bytearray(data[:HEADER])
    if not isinstance(layout, tuple):
        return None
    for index in range(256):
        next_of[index] = HEADER
    for index, item in enumerate(layout):
        if not isinstance(item, int) or not 0 <= item < 256 or len(out) > MAX_MESSAGE - 4:
            return None
        class_num = item
        if class_num == NULL_OBJECT:
            out += b"\0\4\0\0"
            continue
        if class_num == FLOWSPEC:
            specs = seek(data, size, specs or size, FLOWSPEC, True)
            filters = seek(data, size, filters or size, FILTER_SPEC, True)
            at = specs
            if specs < size and specs < filters:
                specs += be16(data + at)
                flowspec = at
            elif flowspec and last == FILTER_SPEC:
                at = flowspec
                taken -= be16(data + at)
            else:
                return None
        elif class_num == FILTER_SPEC or (filtered and KNOWN[class_num]):
            at = tail = seek(data, size, tail or size, FLOWSPEC, False)
            if class_num == FILTER_SPEC:
                filtered = True
                specs = seek(data, size, specs or size, FLOWSPEC, True)
                if specs < at:
                    return None
            tail = size if at >= size else at + be16(data + at)
            filters = tail if class_num == FILTER_SPEC else filters
        else:
            if tail and class_num in iana.BASE_CLASSES:
                return None
            at = seek(data, size, next_of[class_num], class_num, True)
            next_of[class_num] = size if at >= size else at + be16(data + at)
            if class_num == STYLE:
                specs = filters = tail = next_of[class_num]
        if at >= size or data[at + 2] != class_num or (class_num == INTEGRITY and index):
            return None
        if class_num == FLOWSPEC or class_num == FILTER_SPEC:
            last = class_num
        out += data[at:at + be16(data + at)]
        taken += be16(data + at)
    return bytes(out) if taken == size and len(out) <= MAX_MESSAGE else None


cdef bytes write_message(object message):
    cdef uint8_t buffer[MAX_MESSAGE]
    cdef MessageShape *shape = NULL
    cdef uint8_t *data
    cdef Writer w
    cdef int n
    cdef bint laid_out
    cdef bytes result = None
    for n in range(MESSAGES):
        if SHAPES[n].type is not NULL and rsvp_is(message, SHAPES[n].type):
            shape = &SHAPES[n]
            break
    if shape is NULL:
        raise TypeError(f"encode takes one of the messages of rsvp.messages, not {message!r}")
    layout = get(message, shape.layout)
    laid_out = layout is not None
    while result is None:
        w.p = buffer
        w.end = w.p + MAX_MESSAGE
        claim(&w, HEADER)
        write_objects(&w, shape, message, laid_out)
        if laid_out:
            result = rearrange(buffer, w.p - <uint8_t *> buffer, layout)
            laid_out = False
        else:
            result = PyBytes_FromStringAndSize(<const char *> buffer, w.p - <uint8_t *> buffer)
    data = <uint8_t *> PyBytes_AS_STRING(result)
    memset(data, 0, HEADER)
    data[0] = <uint8_t> (VERSION << 4 | number(message, shape.flags, 0x0F))
    data[1] = <uint8_t> shape.number
    data[4] = <uint8_t> number(message, shape.send_ttl, 0xFF)
    put16(data + 6, <uint32_t> PyBytes_GET_SIZE(result))
    if get(message, shape.fields[shape.index[INTEGRITY]].at) is None:
        # A signed message has a zero checksum (RFC 2747 section 4.1).
        put16(data + 2, checksum_of(data, PyBytes_GET_SIZE(result)))
    return result
