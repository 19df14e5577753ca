"""QOS structures as the bytes that C programs had: `pack` and `unpack`.

Numbers are in the host's byte order, ports, addresses and flow labels in the network's. A pointer is the
place of what it points to, counted from the start of the bytes, plus `base`: with the address that the bytes
will have as `base` C can use them as they are. What an object points to lies in the object, behind its
fixed part, and its length says so; `unpack` takes it from anywhere in the buffer.

Reading raises `ProviderBufferError` and nothing else, whatever the bytes are.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from .constants import FilterType, ObjectType, ServiceType
from .errors import FilterTypeError, ObjectLengthError, ProviderBufferError
from .structures import (
    AdspecInfo,
    ControlService,
    DestAddr,
    Diffserv,
    DiffservRule,
    DsClass,
    FilterSpec,
    FilterSpecV4,
    FilterSpecV4Gpi,
    FilterSpecV6,
    FilterSpecV6Flow,
    FilterSpecV6Gpi,
    FlowDescriptor,
    FlowSpec,
    FriendlyName,
    GeneralParams,
    GuaranteedParams,
    ParamBuffer,
    PolicyElement,
    PolicyInfo,
    Qos,
    QosObject,
    ReserveInfo,
    SdMode,
    ShapingRate,
    StatusInfo,
    TcpTraffic,
    TrafficClass,
    UnknownObject,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where C puts the fields of the structures that have pointers."""

    pointer: int
    qos: struct.Struct
    reserve_info: struct.Struct
    flow_descriptor: struct.Struct
    destaddr: struct.Struct


ILP32 = Layout(4, *map(struct.Struct, ("=64xII", "=IIIIIII", "=32xII", "=IIII")))
"""32-bit Windows: pointers of 4 bytes."""
LLP64 = Layout(8, *map(struct.Struct, ("=64xI4xQ", "=IIIIQI4xQ", "=32xI4xQ", "=IIQI4x")))
"""64-bit Windows: pointers of 8 bytes, aligned."""
HOST = LLP64 if struct.calcsize("P") == 8 else ILP32
"""The layout of programs on this machine."""

_FLOWSPEC = struct.Struct("=8I")
_HEADER = struct.Struct("=II")
_WORD = struct.Struct("=I")
_FILTER = struct.Struct("=I20s")
_GENERAL = struct.Struct("=5I")
_GUARANTEED = struct.Struct("=4I")
_SERVICE = struct.Struct("=II20s")
_POLICY = struct.Struct("=HH")
_RULE = struct.Struct("=5B")
_NAME_SIZE = 512

WINDOWS_AF_INET, WINDOWS_AF_INET6 = 2, 23
"""Address families in a sockaddr; the second is another number than Linux has."""


# --- writing -------------------------------------------------------------------------------------------


def pack(qos: Qos, layout: Layout = HOST, base: int = 0) -> bytes:
    """A QOS structure with its provider-specific buffer right behind it."""
    start = layout.qos.size
    objects = pack_objects(qos.provider_specific, layout, base + start)
    head = bytearray(layout.qos.pack(len(objects), base + start if objects else 0))
    _FLOWSPEC.pack_into(head, 0, *astuple(qos.sending))
    _FLOWSPEC.pack_into(head, _FLOWSPEC.size, *astuple(qos.receiving))
    return bytes(head) + objects


def pack_objects(objects: Iterable[QosObject], layout: Layout = HOST, base: int = 0) -> bytes:
    """A provider-specific buffer that starts at address `base`."""
    out = bytearray()
    for one in objects:
        start = len(out)
        writer = _WRITERS.get(type(one))
        if writer is not None:
            out += _HEADER.pack(one.object_type, 0)
            writer(out, start, one, layout, base)
        else:
            assert isinstance(one, UnknownObject)
            out += _HEADER.pack(one.object_type, 0) + one.data
        _WORD.pack_into(out, start + 4, len(out) - start)
    return bytes(out)


Writer = Callable[[bytearray, int, Any, Layout, int], None]


def _write_words(out: bytearray, start: int, one: Any, layout: Layout, base: int) -> None:
    for word in astuple(one):
        out += _WORD.pack(word)


def _write_reserve_info(out: bytearray, start: int, one: ReserveInfo, layout: Layout, base: int) -> None:
    out += bytes(layout.reserve_info.size - _HEADER.size)
    policy = flows = 0
    if one.policy_elements:
        policy = _align(out, layout) + base
        out += pack_objects((PolicyInfo(one.policy_elements),), layout)
    if one.flow_descriptors:
        table = _align(out, layout)
        flows = table + base
        out += bytes(layout.flow_descriptor.size * len(one.flow_descriptors))
        for number, descriptor in enumerate(one.flow_descriptors):
            filters = _align(out, layout) + base if descriptor.filters else 0
            for filter in descriptor.filters:
                out += _FILTER.pack(filter.type, _filter_body(filter))
            head = bytearray(layout.flow_descriptor.pack(len(descriptor.filters), filters))
            _FLOWSPEC.pack_into(head, 0, *astuple(descriptor.flowspec))
            at = table + number * len(head)
            out[at : at + len(head)] = head
    count = len(one.flow_descriptors)
    layout.reserve_info.pack_into(
        out, start, one.object_type, 0, one.style, one.confirm_request, policy, count, flows
    )


def _filter_body(one: FilterSpec) -> bytes:
    match one:
        case FilterSpecV4(address, port) | FilterSpecV6(address, port):
            return address.packed + bytes(2) + port.to_bytes(2, "big")
        case FilterSpecV6Flow(address, label):
            return address.packed + label.to_bytes(4, "big")
        case FilterSpecV4Gpi(address, gpi) | FilterSpecV6Gpi(address, gpi):
            return address.packed + _WORD.pack(gpi)


def _write_destaddr(out: bytearray, start: int, one: DestAddr, layout: Layout, base: int) -> None:
    out += bytes(layout.destaddr.size - _HEADER.size)
    where = _align(out, layout)
    out += pack_sockaddr(one)
    layout.destaddr.pack_into(out, start, one.object_type, 0, base + where, len(out) - where)


def pack_sockaddr(one: DestAddr) -> bytes:
    """A sockaddr_in or sockaddr_in6, with Windows' address families."""
    port = one.port.to_bytes(2, "big")
    if isinstance(one.address, IPv4Address):
        return struct.pack("=H", WINDOWS_AF_INET) + port + one.address.packed + bytes(8)
    return struct.pack("=H", WINDOWS_AF_INET6) + port + bytes(4) + one.address.packed + bytes(4)


def _write_adspec(out: bytearray, start: int, one: AdspecInfo, layout: Layout, base: int) -> None:
    out += _GENERAL.pack(*astuple(one.general)) + _WORD.pack(len(one.services))
    for service in one.services:
        body = b""
        if service.guaranteed is not None:
            body = _GUARANTEED.pack(*astuple(service.guaranteed))
        for parameter in service.parameters:
            body += _HEADER.pack(parameter.parameter_id, _HEADER.size + len(parameter.data)) + parameter.data
        overrides = _GENERAL.pack(*astuple(service.overrides))
        out += _SERVICE.pack(_SERVICE.size + len(body), service.service, overrides) + body


def _write_policy(out: bytearray, start: int, one: PolicyInfo, layout: Layout, base: int) -> None:
    out += _WORD.pack(len(one.elements))
    for element in one.elements:
        out += _POLICY.pack(_POLICY.size + len(element.data), element.type) + element.data


def _write_diffserv(out: bytearray, start: int, one: Diffserv, layout: Layout, base: int) -> None:
    out += _WORD.pack(len(one.rules))
    for rule in one.rules:
        out += _RULE.pack(*astuple(rule))


def _write_name(out: bytearray, start: int, one: FriendlyName, layout: Layout, base: int) -> None:
    out += one.name.encode("utf-16-le", "surrogatepass").ljust(_NAME_SIZE, b"\0")


def _align(out: bytearray, layout: Layout) -> int:
    out += bytes(-len(out) % layout.pointer)
    return len(out)


_WRITERS: dict[type[QosObject], Writer] = {
    **dict.fromkeys((StatusInfo, SdMode, ShapingRate, DsClass, TrafficClass, TcpTraffic), _write_words),
    ReserveInfo: _write_reserve_info,
    DestAddr: _write_destaddr,
    AdspecInfo: _write_adspec,
    PolicyInfo: _write_policy,
    Diffserv: _write_diffserv,
    FriendlyName: _write_name,
}


# --- reading -------------------------------------------------------------------------------------------


def unpack(data: bytes, layout: Layout = HOST, base: int = 0) -> Qos:
    """Read a QOS structure with its provider-specific buffer somewhere behind it.

    `base` is what a pointer to the first byte would be. Raises ProviderBufferError.
    """
    reader = _Reader(data, layout, base)
    length, pointer = layout.qos.unpack(reader.take(0, layout.qos.size))
    sending, receiving = (FlowSpec(*_FLOWSPEC.unpack_from(data, at)) for at in (0, _FLOWSPEC.size))
    objects: tuple[QosObject, ...] = ()
    if length:
        start = reader.place(pointer)
        reader.take(start, length)
        objects = reader.objects(start, start + length)
    return Qos(sending, receiving, objects)


def unpack_objects(data: bytes, layout: Layout = HOST, base: int = 0) -> tuple[QosObject, ...]:
    """Read a provider-specific buffer, up to its end or END_OF_LIST. Raises ProviderBufferError."""
    return _Reader(data, layout, base).objects(0, len(data))


def unpack_sockaddr(data: bytes) -> DestAddr:
    """Read a sockaddr_in or sockaddr_in6. Raises ProviderBufferError."""
    family, port = int.from_bytes(data[:2], sys.byteorder), int.from_bytes(data[2:4], "big")
    if family == WINDOWS_AF_INET and len(data) == 16:
        return DestAddr(IPv4Address(data[4:8]), port)
    if family == WINDOWS_AF_INET6 and len(data) == 28:
        return DestAddr(IPv6Address(data[8:24]), port)
    raise ProviderBufferError(f"an address of family {family} and {len(data)} bytes is no socket address")


class _Reader:
    def __init__(self, data: bytes, layout: Layout, base: int) -> None:
        self._data = data
        self._layout = layout
        self._base = base
        # Lists that share bytes could make a short buffer endless work: together they have what it has.
        self._left = len(data)

    def take(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise ProviderBufferError(
                f"{size} bytes at {at} are not within the {len(self._data)} bytes given"
            )
        return self._data[at : at + size]

    def place(self, pointer: int) -> int:
        """Where a pointer points to."""
        return pointer - self._base

    def objects(self, at: int, end: int) -> tuple[QosObject, ...]:
        found: list[QosObject] = []
        while at < end:
            kind, length = _HEADER.unpack(self.take(at, _HEADER.size))
            if length < _HEADER.size or at + length > end:
                raise ObjectLengthError(f"the object at {at} says that it is {length} bytes long")
            if kind == ObjectType.END_OF_LIST:
                break
            try:
                found.append(self._object(kind, at, length))
            except ValueError as error:
                raise ProviderBufferError(f"the object at {at}: {error}") from None
            at += length
        return tuple(found)

    def _object(self, kind: int, at: int, length: int) -> QosObject:
        if (words := _WORDS.get(kind)) is not None:
            cls, count = words
            if length != _HEADER.size + 4 * count:
                raise ObjectLengthError(f"that object is {_HEADER.size + 4 * count} bytes long, not {length}")
            return cls(*struct.unpack(f"={count}I", self.take(at + _HEADER.size, 4 * count)))
        reader = _READERS.get(kind)
        if reader is None:
            return UnknownObject(kind, self.take(at + _HEADER.size, length - _HEADER.size))
        return reader(self, at, length)

    def fixed(self, form: struct.Struct, at: int, length: int) -> tuple[int, ...]:
        """The fixed part of an object of `length` bytes."""
        if length < form.size:
            raise ObjectLengthError(f"the object at {at} has {length} bytes instead of {form.size} or more")
        return form.unpack(self.take(at, form.size))

    def counted(self, at: int, count: int, size: int) -> None:
        """Make sure that a list of `count` things of `size` bytes is there."""
        self._left -= count * size
        if self._left < 0:
            raise ProviderBufferError(f"a list of {count} at {at} is longer than the buffer")
        self.take(at, count * size)

    def reserve_info(self, at: int, length: int) -> ReserveInfo:
        layout = self._layout
        _, _, style, confirm, policy, count, flows = self.fixed(layout.reserve_info, at, length)
        elements: tuple[PolicyElement, ...] = ()
        if policy:
            where = self.place(policy)
            kind, size = _HEADER.unpack(self.take(where, _HEADER.size))
            if kind != ObjectType.RSVP_POLICY_INFO:
                raise ProviderBufferError("a policy element list is no RSVP_POLICY_INFO")
            self.counted(where, 1, size)
            elements = self.policy(where, size).elements
        if bool(count) != bool(flows):
            raise ProviderBufferError("a list of flow descriptors has a length and a place, or neither")
        start, step = self.place(flows), layout.flow_descriptor.size
        if count:
            self.counted(start, count, step)
        descriptors = tuple(self._descriptor(start + number * step) for number in range(count))
        return ReserveInfo(style, confirm, elements, descriptors)

    def _descriptor(self, at: int) -> FlowDescriptor:
        form = self._layout.flow_descriptor
        count, filters = form.unpack(self.take(at, form.size))
        if bool(count) != bool(filters):
            raise ProviderBufferError("a list of filters has a length and a place, or neither")
        start = self.place(filters)
        if count:
            self.counted(start, count, _FILTER.size)
        found = tuple(self._filter(start + number * _FILTER.size) for number in range(count))
        return FlowDescriptor(FlowSpec(*_FLOWSPEC.unpack_from(self._data, at)), found)

    def _filter(self, at: int) -> FilterSpec:
        kind, body = _FILTER.unpack(self.take(at, _FILTER.size))
        match kind:
            case FilterType.V4:
                return FilterSpecV4(IPv4Address(body[:4]), int.from_bytes(body[6:8], "big"))
            case FilterType.V6:
                return FilterSpecV6(IPv6Address(body[:16]), int.from_bytes(body[18:20], "big"))
            case FilterType.V6_FLOW:
                return FilterSpecV6Flow(IPv6Address(body[:16]), int.from_bytes(body[17:20], "big"))
            case FilterType.V4_GPI:
                return FilterSpecV4Gpi(IPv4Address(body[:4]), *_WORD.unpack_from(body, 4))
            case FilterType.V6_GPI:
                return FilterSpecV6Gpi(IPv6Address(body[:16]), *_WORD.unpack_from(body, 16))
        raise FilterTypeError(f"there is no filter type {kind}: 1 to 5")

    def destaddr(self, at: int, length: int) -> DestAddr:
        _, _, pointer, size = self.fixed(self._layout.destaddr, at, length)
        return unpack_sockaddr(self.take(self.place(pointer), size))

    def adspec(self, at: int, length: int) -> AdspecInfo:
        *general, count = self.fixed(_ADSPEC, at, length)[2:]
        end, where = at + length, at + _ADSPEC.size
        services = []
        for _ in range(count):
            if where + _SERVICE.size > end:
                raise ObjectLengthError(f"RSVP_ADSPEC is too short for {count} services")
            size, service, overrides = _SERVICE.unpack(self.take(where, _SERVICE.size))
            if size < _SERVICE.size or where + size > end:
                raise ObjectLengthError(f"a service in RSVP_ADSPEC says that it is {size} bytes long")
            body = self.take(where + _SERVICE.size, size - _SERVICE.size)
            params = GeneralParams(*_GENERAL.unpack(overrides))
            services.append(self._service(service, params, body))
            where += size
        return AdspecInfo(GeneralParams(*general), tuple(services))

    def _service(self, service: int, overrides: GeneralParams, body: bytes) -> ControlService:
        if service == ServiceType.GUARANTEED:
            if len(body) != _GUARANTEED.size:
                raise ObjectLengthError("guaranteed service in RSVP_ADSPEC has four words of its own")
            return ControlService(service, overrides, GuaranteedParams(*_GUARANTEED.unpack(body)))
        parameters, at = [], 0
        while at < len(body):
            if len(body) - at < _HEADER.size:
                raise ObjectLengthError("a parameter in RSVP_ADSPEC is cut off")
            number, size = _HEADER.unpack_from(body, at)
            if size < _HEADER.size or at + size > len(body):
                raise ObjectLengthError(f"a parameter in RSVP_ADSPEC says that it is {size} bytes long")
            parameters.append(ParamBuffer(number, body[at + _HEADER.size : at + size]))
            at += size
        return ControlService(service, overrides, None, tuple(parameters))

    def policy(self, at: int, length: int) -> PolicyInfo:
        (count,) = self.fixed(_COUNTED, at, length)[2:]
        end, where = at + length, at + _COUNTED.size
        elements = []
        for _ in range(count):
            if where + _POLICY.size > end:
                raise ObjectLengthError(f"RSVP_POLICY_INFO is too short for {count} elements")
            size, kind = _POLICY.unpack(self.take(where, _POLICY.size))
            if size < _POLICY.size or where + size > end:
                raise ObjectLengthError(f"a policy element says that it is {size} bytes long")
            elements.append(PolicyElement(kind, self.take(where + _POLICY.size, size - _POLICY.size)))
            where += size
        return PolicyInfo(tuple(elements))

    def diffserv(self, at: int, length: int) -> Diffserv:
        (count,) = self.fixed(_COUNTED, at, length)[2:]
        if length != _COUNTED.size + count * _RULE.size:
            raise ObjectLengthError(f"QOS_DIFFSERV of {count} rules is not {length} bytes long")
        body = self.take(at + _COUNTED.size, count * _RULE.size)
        return Diffserv(tuple(DiffservRule(*rule) for rule in _RULE.iter_unpack(body)))

    def name(self, at: int, length: int) -> FriendlyName:
        if length != _HEADER.size + _NAME_SIZE:
            raise ObjectLengthError(
                f"QOS_FRIENDLY_NAME is {_HEADER.size + _NAME_SIZE} bytes long, not {length}"
            )
        text = self.take(at + _HEADER.size, _NAME_SIZE).decode("utf-16-le", "surrogatepass")
        return FriendlyName(text.partition("\0")[0])


_COUNTED = struct.Struct("=III")
_ADSPEC = struct.Struct("=II5II")

_WORDS: dict[int, tuple[Callable[..., QosObject], int]] = {
    ObjectType.RSVP_STATUS_INFO: (StatusInfo, 3),
    ObjectType.SD_MODE: (SdMode, 1),
    ObjectType.SHAPING_RATE: (ShapingRate, 1),
    ObjectType.DS_CLASS: (DsClass, 1),
    ObjectType.TRAFFIC_CLASS: (TrafficClass, 1),
    ObjectType.TCP_TRAFFIC: (TcpTraffic, 0),
}
"""Objects that are only words: their class, and how many."""

_READERS: dict[int, Callable[[_Reader, int, int], QosObject]] = {
    ObjectType.RSVP_RESERVE_INFO: _Reader.reserve_info,
    ObjectType.DESTADDR: _Reader.destaddr,
    ObjectType.RSVP_ADSPEC: _Reader.adspec,
    ObjectType.RSVP_POLICY_INFO: _Reader.policy,
    ObjectType.DIFFSERV: _Reader.diffserv,
    ObjectType.FRIENDLY_NAME: _Reader.name,
}
