"""Objects and sub-objects of the extensions: a line of text each instead of a reader and a writer.

A layout names the fields of the dataclass in wire order, each with its kind behind a colon:

u8 u16 u24 u32 u48 u64      whole numbers
real                        an IEEE single of at least zero
a4 a6                       an address; where a class has both, its addresses choose the form
latin1 utf8                 a length of one byte here; its text behind all the fields of fixed size, padded with
                            zeroes to whole words; bytes that are not UTF-8 are read as surrogates (PEP 383)
spare                       the number of zero bytes that fill the rest
bytes words a4s a6s @table  what fills the rest of the object: bytes, a tuple of 32-bit numbers, a tuple of
                            addresses, a tuple of sub-objects
a4pairs a6pairs             likewise, a tuple of at least one pair of addresses
-3                          three reserved bytes, sent as zeroes
"""

cdef enum FieldKind:
    A_NUMBER
    A_REAL
    AN_ADDRESS
    A_TEXT
    A_SPARE
    SOME_BYTES
    SOME_WORDS
    SOME_ADDRESSES
    SOME_PAIRS
    SOME_PARTS


cdef struct FormField:
    FieldKind kind
    int offset              # in the contents
    int size                # bytes; of one item, for addresses; the table, for sub-objects; 1 for UTF-8
    Py_ssize_t at           # slot


cdef struct Form:
    PyTypeObject *type
    int number              # C-Type, or type of the sub-object
    int fixed               # bytes before the field that fills the rest
    int count
    Form *other             # of the same C-Type, with another length
    Py_ssize_t loose        # slot of the L bit, 0 for none
    FormField fields[MAX_FORM_FIELDS]


cdef enum Heading:
    # What stands before each sub-object:
    ROUTE_HEADING           # L bit and type, length of all in bytes (RFC 3209 section 4.3.3)
    RECORD_HEADING          # type, length of all in bytes (RFC 3209 section 4.4.1)
    TLV_HEADING             # type and length of all in bytes, 16 bits each; contents padded to whole words


cdef struct PartTable:
    Heading heading
    Form *forms[256]
    Form *unknown           # fields: type, data, and loose behind a ROUTE_HEADING


cdef Form FORMS[MAX_FORMS]
cdef int form_count = 0
cdef PartTable PARTS[MAX_PART_TABLES]
cdef dict PART_NAMES = {}           # name -> index in PARTS
cdef dict FORMS_OF = {}             # (class number, class) or (table's name, class) -> indices in FORMS
cdef Writing OWN[MAX_FORMS]
cdef dict OWN_WRITERS = {}          # (class number, class) -> index in OWN
cdef dict SIZES = {"u8": 1, "u16": 2, "u24": 3, "u32": 4, "u48": 6, "u64": 8}


cdef Form *new_form(int number, cls, str layout, owner) except NULL:
    """Enter one layout in `FORMS`."""
    global form_count
    cdef Form *form = &FORMS[form_count]
    cdef FormField *field
    assert form_count < MAX_FORMS
    SHAPED.append(cls)
    FORMS_OF.setdefault((owner, cls), []).append(form_count)
    form_count += 1
    form.type = <PyTypeObject *> cls
    form.number = number
    names = {f.name for f in fields(cls)}
    for word in layout.split():
        if word[0] == "-":
            form.fixed += int(word[1:])
            continue
        name, kind = word.split(":")
        names.remove(name)
        assert form.count < MAX_FORM_FIELDS
        field = &form.fields[form.count]
        form.count += 1
        field.at = slot_of(cls, name)
        field.offset = form.fixed
        field.size = SIZES.get(kind, 0)
        if field.size:
            field.kind = A_NUMBER
            form.fixed += field.size
        elif kind == "real":
            field.kind = A_REAL
            form.fixed += 4
        elif kind in ("a4", "a6"):
            field.kind = AN_ADDRESS
            field.size = 4 if kind == "a4" else 16
            form.fixed += field.size
        elif kind in ("latin1", "utf8"):
            field.kind = A_TEXT
            field.size = kind == "utf8"
            form.fixed += 1
        elif kind == "spare":
            field.kind = A_SPARE
        elif kind in ("a4pairs", "a6pairs"):
            field.kind = SOME_PAIRS
            field.size = 4 if kind == "a4pairs" else 16
        elif kind == "bytes":
            field.kind = SOME_BYTES
        elif kind == "words":
            field.kind = SOME_WORDS
        elif kind in ("a4s", "a6s"):
            field.kind = SOME_ADDRESSES
            field.size = 4 if kind == "a4s" else 16
        else:
            assert kind[0] == "@", layout
            field.kind = SOME_PARTS
            field.size = PART_NAMES[kind[1:]]
    if "loose" in names:
        names.remove("loose")
        form.loose = slot_of(cls, "loose")
    assert not names, (cls, names)
    return form


cdef int add_form(int class_num, int ctype, cls, str layout) except -1:
    """An object of the extensions; contents that fill the rest may be empty."""
    cdef Form *form = new_form(ctype, cls, layout, class_num)
    cdef FormField *last = &form.fields[form.count - 1]
    cdef int step = 4
    cdef int least = form.fixed
    cdef bint open_ended = last.kind >= A_TEXT
    if last.kind == SOME_ADDRESSES:
        step = last.size
    elif last.kind == SOME_PAIRS:
        step = 2 * last.size
        least += step
    cdef Row *row = &ROWS[class_num][ctype]
    if row.form is not NULL:
        assert not open_ended and row.form.other is NULL and row.least > least
        form.other, row.form = row.form, form
        row.step, row.least = row.least - least, least
        return 0
    if WRITERS[class_num] is NULL:
        WRITERS[class_num] = write_form
    add(class_num, ctype, read_form, WRITERS[class_num], least, step, MAX_MESSAGE if open_ended else -1)
    row.form = form
    return 0


cdef int add_own(
    int class_num, int ctype, cls, Reader read, Writing write, int least, int step=4, int most=-1
) except -1:
    """An object of the extensions with a reader and a writer of its own, told apart by its class."""
    assert len(OWN_WRITERS) < MAX_FORMS
    if (class_num, cls) not in OWN_WRITERS:
        OWN[len(OWN_WRITERS)] = write
        OWN_WRITERS[class_num, cls] = len(OWN_WRITERS)
    if WRITERS[class_num] is NULL:
        WRITERS[class_num] = write_form
    return add(class_num, ctype, read, WRITERS[class_num], least, step, most)


cdef int add_table(str name, Heading heading, unknown) except -1:
    """A kind of sub-object list, and the class for those of unknown types."""
    cdef PartTable *table = &PARTS[len(PART_NAMES)]
    assert len(PART_NAMES) < MAX_PART_TABLES
    PART_NAMES[name] = len(PART_NAMES)
    table.heading = heading
    table.unknown = new_form(-1, unknown, "type:u16 data:bytes", name)
    return 0


cdef int add_part(str name, int number, cls, str layout) except -1:
    """A sub-object."""
    assert 0 <= number < 256
    PARTS[<int> PART_NAMES[name]].forms[number] = new_form(number, cls, layout, name)
    return 0


cdef object read_whole(const uint8_t *p, int size):
    cdef uint64_t value = 0
    cdef int n
    for n in range(size):
        value = value << 8 | p[n]
    return value


cdef object read_fields(Form *form, Cursor *c):
    """Build the object whose contents, of a fitting length, are at the cursor."""
    cdef FormField *field
    cdef const uint8_t *p
    cdef const uint8_t *rest = c.p + form.fixed
    cdef list items
    cdef int n
    o = rsvp_value(form.type)
    for n in range(form.count):
        field = &form.fields[n]
        p = c.p + field.offset
        if field.kind == A_NUMBER:
            value = read_whole(p, field.size)
        elif field.kind == A_REAL:
            value = real(c, p)
        elif field.kind == AN_ADDRESS:
            value = read_address(p, field.size)
        elif field.kind == A_TEXT:
            if (p[0] + 3 & ~3) > c.end - rest:
                refuse(c, "wrong text length")
            if field.size:
                value = rest[:p[0]].decode("utf-8", "surrogateescape")
            else:
                value = rest[:p[0]].decode("latin-1")
            rest += p[0] + 3 & ~3
        elif field.kind == A_SPARE:
            value = c.end - rest
            while rest < c.end:
                if rest[0]:
                    refuse(c, "wrong text length")
                rest += 1
        elif field.kind == SOME_BYTES:
            value = read_bytes(rest, c.end)
        elif field.kind == SOME_PARTS:
            value = read_parts(&PARTS[field.size], c, rest)
        elif field.kind == SOME_PAIRS:
            items = []
            while rest < c.end:
                items.append((read_address(rest, field.size), read_address(rest + field.size, field.size)))
                rest += 2 * field.size
            value = tuple(items)
        else:
            items = []
            while rest < c.end:
                items.append(be32(rest) if field.kind == SOME_WORDS else read_address(rest, field.size))
                rest += 4 if field.kind == SOME_WORDS else field.size
            value = tuple(items)
        put(o, field.at, value)
    return o


cdef object read_form(Cursor *c):
    cdef Form *form = ROWS[c.object[2]][c.object[3]].form
    if form.other is not NULL and c.end - c.p != form.fixed:
        form = form.other
    return read_fields(form, c)


cdef bint fits(Form *form, Py_ssize_t size) noexcept:
    """Whether contents of a sub-object have the length that its layout asks for."""
    cdef FormField *last = &form.fields[form.count - 1]
    if form.count and last.kind == SOME_BYTES:
        return size >= form.fixed
    if form.count and last.kind > SOME_BYTES:
        return size >= form.fixed and (size - form.fixed) % (
            last.size if last.kind == SOME_ADDRESSES else 4
        ) == 0
    return size == form.fixed


cdef tuple read_parts(PartTable *table, Cursor *c, const uint8_t *p):
    """The sub-objects from `p` to the end of the cursor; none may reach past it."""
    cdef Cursor part
    cdef Form *form
    cdef int number, heading = 4 if table.heading == TLV_HEADING else 2
    cdef Py_ssize_t length, padded
    cdef bint loose
    cdef list parts = []
    while p < c.end:
        if c.end - p < heading:
            refuse(c, "wrong sub-object length")
        if table.heading == TLV_HEADING:
            number, length, loose = be16(p), be16(p + 2), False
            padded = (length + 3) & ~3
        else:
            number, length, loose = p[0], p[1], False
            padded = length
            if table.heading == ROUTE_HEADING:
                number, loose = number & 0x7F, number >> 7
            if length & 3:
                refuse(c, "wrong sub-object length")
        if length < heading or padded > c.end - p:
            refuse(c, "wrong sub-object length")
        part = c[0]
        part.p = p + heading
        part.end = p + length
        form = table.forms[number] if number < 256 else NULL
        if form is NULL:
            one = rsvp_value(table.unknown.type)
            put(one, table.unknown.fields[0].at, number)
            put(one, table.unknown.fields[1].at, read_bytes(part.p, part.end))
            form = table.unknown
        elif not fits(form, part.end - part.p):
            refuse(c, "wrong sub-object length")
        else:
            one = read_fields(form, &part)
        if form.loose:
            put(one, form.loose, loose)
        parts.append(one)
        p += padded
    return tuple(parts)


cdef bint suits(Form *form, o) except *:
    """Whether a form is for the addresses of this object."""
    cdef FormField *field
    cdef int n
    for n in range(form.count):
        field = &form.fields[n]
        if field.kind == AN_ADDRESS:
            if width(get(o, field.at)) != field.size:
                return False
        elif field.kind == SOME_ADDRESSES:
            for address in get(o, field.at):
                if width(address) != field.size:
                    return False
        elif field.kind == SOME_PAIRS:
            pairs = get(o, field.at)
            if not pairs or {width(address) for pair in pairs for address in pair} != {field.size}:
                return False
    return True


cdef Form *form_for(owner, o) except NULL:
    """The form for an object of a class number, or for a sub-object of a table."""
    cdef Form *form
    for index in FORMS_OF.get((owner, type(o)), ()):
        form = &FORMS[<int> index]
        if suits(form, o):
            return form
    name = iana.CLASS_NAMES.get(owner, owner) if isinstance(owner, int) else f"list of {owner}"
    raise TypeError(f"a {name} cannot hold {o!r}")


cdef int write_fields(Writer *w, Form *form, o) except -1:
    cdef uint8_t *p = claim(w, form.fixed)
    cdef uint8_t *start = p
    cdef FormField *field
    cdef uint64_t value
    cdef bytes data
    cdef int n, k
    memset(p, 0, form.fixed)
    for n in range(form.count):
        field = &form.fields[n]
        p = start + field.offset
        if field.kind == A_NUMBER:
            value = get(o, field.at)
            if field.size < 8 and value >> (8 * field.size):
                raise ValueError(f"{value} in a {type(o).__name__} does not fit {8 * field.size} bits")
            for k in range(field.size):
                p[field.size - 1 - k] = <uint8_t> (value >> 8 * k)
        elif field.kind == A_REAL:
            put_real(p, o, field.at)
        elif field.kind == AN_ADDRESS:
            put_address(p, get(o, field.at), field.size)
        elif field.kind == A_TEXT:
            text = get(o, field.at)
            data = text.encode("utf-8", "surrogateescape") if field.size else text.encode("latin-1")
            if len(data) > 0xFF:
                raise ValueError(f"a text of {len(data)} bytes in a {type(o).__name__} is too long")
            p[0] = <uint8_t> len(data)
            p = claim(w, len(data) + 3 & ~3)
            memset(p, 0, len(data) + 3 & ~3)
            put_bytes(p, data)
        elif field.kind == A_SPARE:
            value = number(o, field.at, MAX_MESSAGE)
            memset(claim(w, value), 0, value)
        elif field.kind == SOME_BYTES:
            data = get(o, field.at)
            put_bytes(claim(w, len(data)), data)
        elif field.kind == SOME_PAIRS:
            for pair in get(o, field.at):
                for item in pair:
                    put_address(claim(w, field.size), item, field.size)
        elif field.kind == SOME_PARTS:
            write_parts(w, &PARTS[field.size], list(PART_NAMES)[field.size], get(o, field.at))
        else:
            for item in get(o, field.at):
                if field.kind == SOME_WORDS:
                    value = item
                    if value >> 32:
                        raise ValueError(f"{value} in a {type(o).__name__} does not fit 32 bits")
                    put32(claim(w, 4), <uint32_t> value)
                else:
                    put_address(claim(w, field.size), item, field.size)
    return 0


cdef int write_form(Writer *w, int class_num, object o) except -1:
    cdef Form *form
    cdef uint8_t *p
    own = OWN_WRITERS.get((class_num, type(o)))
    if own is not None:
        return OWN[<int> own](w, class_num, o)
    form = form_for(class_num, o)
    p = begin(w, class_num, form.number, 0) - 4
    write_fields(w, form, o)
    if (w.p - p) & 3:
        raise ValueError("an object's contents are a multiple of 4 bytes long")
    put16(p, <uint32_t> (w.p - p))
    return 0


cdef int write_parts(Writer *w, PartTable *table, str name, parts) except -1:
    cdef Form *form
    cdef uint8_t *p
    cdef int number_, heading = 4 if table.heading == TLV_HEADING else 2
    cdef Py_ssize_t length
    cdef bytes data
    for one in parts:
        p = claim(w, heading)
        form = form_for(name, one)
        if form is table.unknown:
            number_ = number(one, form.fields[0].at, 0xFFFF)
            if number_ < 256 and table.forms[number_] is not NULL:
                raise ValueError(f"type {number_} is known and cannot be sent as {type(one).__name__}")
            data = get(one, form.fields[1].at)
            put_bytes(claim(w, len(data)), data)
        else:
            number_ = form.number
            write_fields(w, form, one)
        length = w.p - p
        if table.heading == TLV_HEADING:
            put16(p, number_)
            put16(p + 2, <uint32_t> length)
            while (w.p - p) & 3:
                claim(w, 1)[0] = 0
            continue
        if length > 0xFF or length & 3 or number_ > (0x7F if table.heading == ROUTE_HEADING else 0xFF):
            raise ValueError(f"{one!r} does not fit a sub-object")
        p[0] = <uint8_t> number_
        p[1] = <uint8_t> length
        if form.loose and get(one, form.loose):
            p[0] |= 0x80
    return 0
