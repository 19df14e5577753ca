"""The structures of GQoS byte for byte: against C's own layout, by hand, and against hostile bytes."""

from __future__ import annotations

import contextlib
import ctypes as ct
import struct
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.gqos import structures as s
from rsvp.gqos.constants import FilterType, ObjectType, ServiceType
from rsvp.gqos.errors import FilterTypeError, ObjectLengthError, ProviderBufferError
from rsvp.gqos.packing import HOST, ILP32, LLP64, Layout, pack, pack_objects, unpack, unpack_objects

from . import strategies

u16, u32 = ct.c_uint16, ct.c_uint32


class CFlowspec(ct.Structure):
    _fields_ = [
        (name, u32)
        for name in (
            "TokenRate",
            "TokenBucketSize",
            "PeakBandwidth",
            "Latency",
            "DelayVariation",
            "ServiceType",
            "MaxSduSize",
            "MinimumPolicedSize",
        )
    ]


class CHeader(ct.Structure):
    _fields_ = [("ObjectType", u32), ("ObjectLength", u32)]


class CV4(ct.Structure):
    _fields_ = [("Addr", u32), ("Unused", u16), ("Port", u16)]


class CV6(ct.Structure):
    _fields_ = [("Addr", ct.c_ubyte * 16), ("UnUsed", u16), ("Port", u16)]


class CV6Flow(ct.Structure):
    _fields_ = [("Addr", ct.c_ubyte * 16), ("UnUsed", ct.c_ubyte), ("FlowLabel", ct.c_ubyte * 3)]


class CV4Gpi(ct.Structure):
    _fields_ = [("Addr", u32), ("GeneralPortId", u32)]


class CV6Gpi(ct.Structure):
    _fields_ = [("Addr", ct.c_ubyte * 16), ("GeneralPortId", u32)]


class CFilters(ct.Union):
    _fields_ = [("V4", CV4), ("V6", CV6), ("Flow", CV6Flow), ("V4Gpi", CV4Gpi), ("V6Gpi", CV6Gpi)]


class CFilterspec(ct.Structure):
    _anonymous_ = ("u",)
    _fields_ = [("Type", u32), ("u", CFilters)]


class CGeneral(ct.Structure):
    _fields_ = [(name, u32) for name in ("Hops", "Bandwidth", "Latency", "Mtu", "Flags")]


class CGuaranteed(ct.Structure):
    _fields_ = [(name, u32) for name in ("CTotal", "DTotal", "CSum", "DSum")]


class CService(ct.Structure):
    _fields_ = [("Length", u32), ("Service", u32), ("Overrides", CGeneral), ("Guaranteed", CGuaranteed)]


class C:
    """The structures with pointers, as a compiler lays them out for pointers of one size."""

    def __init__(self, pointer: Any) -> None:
        class Qos(ct.Structure):
            _fields_ = [("Sending", CFlowspec), ("Receiving", CFlowspec), ("len", u32), ("buf", pointer)]

        class ReserveInfo(ct.Structure):
            _fields_ = [
                ("Header", CHeader),
                ("Style", u32),
                ("ConfirmRequest", u32),
                ("PolicyElementList", pointer),
                ("NumFlowDesc", u32),
                ("FlowDescList", pointer),
            ]

        class FlowDescriptor(ct.Structure):
            _fields_ = [("FlowSpec", CFlowspec), ("NumFilters", u32), ("FilterList", pointer)]

        class DestAddr(ct.Structure):
            _fields_ = [("Header", CHeader), ("SocketAddress", pointer), ("SocketAddressLength", u32)]

        self.Qos, self.ReserveInfo = Qos, ReserveInfo
        self.FlowDescriptor, self.DestAddr = FlowDescriptor, DestAddr


BOTH = pytest.mark.parametrize(
    ("layout", "c"), [(ILP32, C(u32)), (LLP64, C(ct.c_uint64))], ids=["32 bits", "64 bits"]
)
FLOWSPEC = s.FlowSpec(8500, 680, 17000, 1, 2, ServiceType.CONTROLLEDLOAD, 340, 341)
FIELDS = (8500, 680, 17000, 1, 2, 2, 340, 341)
BASE = 0x10000


def words(value: CFlowspec) -> tuple[int, ...]:
    return tuple(getattr(value, name) for name, _ in CFlowspec._fields_)


def test_the_host_s_layout_is_that_of_its_pointers():
    assert HOST.pointer == ct.sizeof(ct.c_void_p)


@BOTH
def test_qos_and_flowspec(layout: Layout, c: C):
    """Sections 1.1 and 1.2: eight words; two of them, a length, a pointer."""
    data = pack(s.Qos(FLOWSPEC, s.UNSPECIFIED, (s.SdMode(1),)), layout, BASE)
    qos = c.Qos.from_buffer_copy(data)
    assert ct.sizeof(CFlowspec) == 32
    assert words(qos.Sending) == FIELDS
    nothing = 0xFFFFFFFF
    assert words(qos.Receiving) == (nothing,) * 5 + (6, nothing, nothing)
    assert (qos.len, qos.buf) == (12, BASE + ct.sizeof(c.Qos))
    assert data[ct.sizeof(c.Qos) :] == struct.pack("=III", 2002, 12, 1)
    assert unpack(data, layout, BASE).sending == FLOWSPEC


@BOTH
def test_a_qos_without_objects_has_no_buffer(layout: Layout, c: C):
    data = pack(s.Qos(), layout, BASE)
    qos = c.Qos.from_buffer_copy(data)
    assert (len(data), qos.len, qos.buf) == (ct.sizeof(c.Qos), 0, 0)


@BOTH
def test_reserve_info_with_every_filter_type(layout: Layout, c: C):
    """Section 1.3: FLOWDESCRIPTOR and RSVP_FILTERSPEC, found through their pointers."""
    four, six = ip_address("10.1.2.3"), ip_address("2001:db8::7")
    filters = (
        s.FilterSpecV4(four, 5150),
        s.FilterSpecV6(six, 5151),
        s.FilterSpecV6Flow(six, 0x12345),
        s.FilterSpecV4Gpi(four, 0xCAFE0001),
        s.FilterSpecV6Gpi(six, 0xCAFE0002),
    )
    policy = (s.PolicyElement(49152, b"abcd"),)
    descriptors = (s.FlowDescriptor(FLOWSPEC, filters), s.FlowDescriptor())
    data = pack_objects((s.SdMode(2), s.ReserveInfo(3, 1, policy, descriptors)), layout, BASE)
    start = 12
    info = c.ReserveInfo.from_buffer_copy(data, start)
    assert (info.Header.ObjectType, info.Header.ObjectLength) == (1001, len(data) - start)
    assert (info.Style, info.ConfirmRequest, info.NumFlowDesc) == (3, 1, 2)
    at = info.PolicyElementList - BASE
    assert data[at : at + 20] == struct.pack("=IIIHH4s", 1003, 20, 1, 8, 49152, b"abcd")
    first, second = (c.FlowDescriptor * 2).from_buffer_copy(data, info.FlowDescList - BASE)
    assert (info.FlowDescList - BASE) % layout.pointer == 0
    assert words(first.FlowSpec) == FIELDS
    assert (first.NumFilters, second.NumFilters, second.FilterList) == (5, 0, 0)
    found = (CFilterspec * 5).from_buffer_copy(data, first.FilterList - BASE)
    assert [one.Type for one in found] == [1, 2, 3, 4, 5]
    network = [int.from_bytes(struct.pack(">H", port), "little") for port in (5150, 5151)]
    assert struct.pack("=I", found[0].V4.Addr) == four.packed
    assert (found[0].V4.Unused, found[0].V4.Port) == (0, network[0])
    assert (bytes(found[1].V6.Addr), found[1].V6.UnUsed, found[1].V6.Port) == (six.packed, 0, network[1])
    assert (bytes(found[2].Flow.Addr), bytes(found[2].Flow.FlowLabel)) == (six.packed, b"\x01\x23\x45")
    assert (struct.pack("=I", found[3].V4Gpi.Addr), found[3].V4Gpi.GeneralPortId) == (four.packed, 0xCAFE0001)
    assert (bytes(found[4].V6Gpi.Addr), found[4].V6Gpi.GeneralPortId) == (six.packed, 0xCAFE0002)


@BOTH
@pytest.mark.parametrize(
    ("text", "sockaddr"),
    [
        ("10.0.2.2", struct.pack("=H", 2) + b"\x14\x1e\x0a\x00\x02\x02" + bytes(8)),
        (
            "2001:db8::2",
            struct.pack("=H", 23) + b"\x14\x1e" + bytes(4) + ip_address("2001:db8::2").packed + bytes(4),
        ),
    ],
)
def test_destaddr(layout: Layout, c: C, text: str, sockaddr: bytes):
    """Section 1.3: a pointer to a sockaddr, and its length."""
    data = pack_objects((s.DestAddr(ip_address(text), 5150),), layout, BASE)
    found = c.DestAddr.from_buffer_copy(data)
    assert (found.Header.ObjectType, found.Header.ObjectLength) == (2004, len(data))
    assert found.SocketAddressLength == len(sockaddr)
    at = found.SocketAddress - BASE
    assert data[at : at + len(sockaddr)] == sockaddr


def test_adspec():
    """Section 1.3: AD_GENERAL_PARAMS and CONTROL_SERVICEs, each as long as it says."""
    load = s.ControlService(2, s.GeneralParams(flags=1), None, (s.ParamBuffer(10, b"\x01\x02\x03\x04"),))
    rate = s.ControlService(3, s.GeneralParams(1, 2, 3, 4, 0), s.GuaranteedParams(5, 6, 7, 8))
    data = pack_objects((s.AdspecInfo(s.GeneralParams(3, 1_250_000, 20, 1500, 0), (load, rate)),))
    assert struct.unpack_from("=8I", data) == (1002, len(data), 3, 1_250_000, 20, 1500, 0, 2)
    nothing = 0xFFFFFFFF
    assert struct.unpack_from("=10I", data, 32)[:7] == (40, 2, nothing, nothing, nothing, nothing, 1)
    assert data[60:72] == struct.pack("=II", 10, 12) + b"\x01\x02\x03\x04"
    service = CService.from_buffer_copy(data, 72)
    assert (service.Length, service.Service) == (ct.sizeof(CService), 3)
    assert [getattr(service.Overrides, name) for name, _ in CGeneral._fields_] == [1, 2, 3, 4, 0]
    assert [getattr(service.Guaranteed, name) for name, _ in CGuaranteed._fields_] == [5, 6, 7, 8]
    assert len(data) == 72 + 44


def test_the_other_objects_by_hand():
    """Section 1.3, the table of objects."""
    golden = {
        s.StatusInfo(11010, 56100, 56103): struct.pack("=5I", 1000, 20, 11010, 56100, 56103),
        s.PolicyInfo((s.PolicyElement(1, bytes(8)),)): struct.pack("=IIIHH8x", 1003, 24, 1, 12, 1),
        s.SdMode(2): struct.pack("=III", 2002, 12, 2),
        s.ShapingRate(8500): struct.pack("=III", 2003, 12, 8500),
        s.DsClass(0x2E): struct.pack("=III", 4001, 12, 0x2E),
        s.TrafficClass(5): struct.pack("=III", 4002, 12, 5),
        s.Diffserv((s.DiffservRule(1, 2, 3, 4, 5), s.DiffservRule(6, 7, 8, 9, 10))): struct.pack(
            "=III10B", 4003, 22, 2, *range(1, 11)
        ),
        s.TcpTraffic(): struct.pack("=II", 4004, 8),
        s.FriendlyName("call"): struct.pack("=II", 4005, 520) + "call".encode("utf-16-le").ljust(512, b"\0"),
        s.UnknownObject(3004, b"old"): struct.pack("=II", 3004, 11) + b"old",
    }
    for one, data in golden.items():
        assert pack_objects((one,)) == data
        assert unpack_objects(data) == (one,)


def test_the_list_ends_at_its_end_or_at_end_of_list():
    """Section 1.2."""
    end = struct.pack("=II", ObjectType.END_OF_LIST, 8)
    data = pack_objects((s.SdMode(1),))
    assert unpack_objects(data + end + b"whatever follows") == (s.SdMode(1),)
    assert unpack_objects(end) == unpack_objects(b"") == ()


def test_what_is_pointed_to_may_lie_behind_the_objects():
    """Only `pack` puts it inside: C programs may not."""
    sockaddr = struct.pack("=H", 2) + b"\x00\x07\x0a\x00\x00\x01" + bytes(8)
    qos = bytes(64) + struct.pack("=II", 16, 72)
    data = qos + struct.pack("=IIII", 2004, 16, 88, 16) + sockaddr
    assert unpack(data, ILP32).provider_specific == (s.DestAddr(ip_address("10.0.0.1"), 7),)


@pytest.mark.parametrize("layout", [ILP32, LLP64])
@given(qos=strategies.qoses, base=st.integers(0, 0x7FFF0000))
def test_what_is_packed_is_unpacked(layout: Layout, qos: s.Qos, base: int):
    assert unpack(pack(qos, layout, base), layout, base) == qos


SAMPLE = s.Qos(
    FLOWSPEC,
    FLOWSPEC,
    (
        s.ReserveInfo(
            2,
            1,
            (s.PolicyElement(1, bytes(4)),),
            (
                s.FlowDescriptor(FLOWSPEC, (s.FilterSpecV4(ip_address("10.0.0.1"), 1),)),
                s.FlowDescriptor(FLOWSPEC, (s.FilterSpecV6(ip_address("::1"), 1),)),
            ),
        ),
        s.DestAddr(ip_address("10.0.0.1"), 7),
        s.AdspecInfo(
            services=(s.ControlService(2, parameters=(s.ParamBuffer(1, b"1"),)),),
        ),
        s.Diffserv((s.DiffservRule(1, 2, 3, 4, 5),)),
        s.FriendlyName("x"),
    ),
)


@pytest.mark.parametrize("layout", [ILP32, LLP64])
def test_a_buffer_that_is_cut_anywhere_is_refused(layout: Layout):
    data = pack(SAMPLE, layout)
    for length in range(len(data)):
        with pytest.raises(ProviderBufferError):
            unpack(data[:length], layout)


@pytest.mark.parametrize("layout", [ILP32, LLP64])
@given(data=st.data())
def test_whatever_the_bytes_are_one_error_is_all(layout: Layout, data: st.DataObject):
    buffer = bytearray(pack(SAMPLE, layout))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(buffer) // 4 - 1)) * 4
        buffer[at : at + 4] = struct.pack("=I", data.draw(strategies.words | st.integers(0, 64)))
    with contextlib.suppress(ProviderBufferError):
        qos = unpack(bytes(buffer), layout)
        assert unpack(pack(qos, layout), layout) == qos


@given(st.binary(max_size=200))
def test_bytes_that_mean_nothing(data: bytes):
    for layout in (ILP32, LLP64):
        with contextlib.suppress(ProviderBufferError):
            unpack(bytes(64) + data, layout)


def test_lengths_that_are_not_the_object_s():
    """EOBJLENGTH (11022), a kind of EPROVSPECBUF."""
    wrong = [
        struct.pack("=II", 2002, 7),
        struct.pack("=II", 2002, 100),
        struct.pack("=IIII", 2002, 16, 1, 1),
        struct.pack("=III", 1001, 12, 0),
        struct.pack("=IIIB", 4003, 13, 1, 1),
        struct.pack("=III", 4005, 12, 0),
        struct.pack("=III", 1003, 12, 1),
        struct.pack("=IIIHH", 1003, 16, 1, 0, 1),
        struct.pack("=8I", 1002, 32, 0, 0, 0, 0, 0, 1),
        struct.pack("=15I", 1002, 60, 0, 0, 0, 0, 0, 1, 28, 3, 0, 0, 0, 0, 0),
    ]
    for data in wrong:
        with pytest.raises(ObjectLengthError) as caught:
            unpack_objects(data)
        assert caught.value.code == 11022


def test_pointers_and_counts_that_do_not_agree():
    """EPROVSPECBUF (11018): lists without a place, places without a list, and what is something else."""
    reserve, status = struct.Struct("=7I"), struct.pack("=5I", 1000, 20, 0, 0, 0)
    flow = struct.Struct("=32xII")
    wrong = [
        reserve.pack(1001, 28, 2, 0, 0, 1, 0),
        reserve.pack(1001, 28, 2, 0, 0, 0, 28),
        reserve.pack(1001, 28 + 20, 2, 0, 28, 0, 0) + status,
        reserve.pack(1001, 28 + 40, 2, 0, 0, 1, 28) + flow.pack(1, 0),
        reserve.pack(1001, 28 + 40, 2, 0, 0, 1, 28) + flow.pack(0, 28),
        struct.pack("=IIII", 2004, 32, 16, 16) + struct.pack("=H14x", 10),
        struct.pack("=IIII", 2004, 32, 16, 15) + struct.pack("=H14x", 2),
        struct.pack("=IIIHH", 1003, 16, 1, 5, 1),
        struct.pack("=IIIHHxxx", 1003, 19, 1, 7, 1),
    ]
    for data in wrong:
        with pytest.raises(ProviderBufferError):
            unpack_objects(data, ILP32)


def test_a_service_that_is_cut_off():
    general = struct.pack("=5I", 0, 0, 0, 0, 0)
    for body in (
        struct.pack("=II", 27, 2) + general,
        struct.pack("=II", 100, 2) + general,
        struct.pack("=II", 32, 2) + general + bytes(4),
        struct.pack("=II", 36, 2) + general + struct.pack("=II", 1, 7),
        struct.pack("=II", 36, 2) + general + struct.pack("=II", 1, 9),
    ):
        head = struct.pack("=II5II", 1002, 32 + len(body), 0, 0, 0, 0, 0, 1)
        with pytest.raises(ObjectLengthError):
            unpack_objects(head + body)


def test_a_filter_type_that_does_not_exist():
    """EFILTERTYPE (11020): FILTERSPEC_END is a sentinel and no filter."""
    data = bytearray(
        pack_objects(
            (
                s.ReserveInfo(
                    2, 0, (), (s.FlowDescriptor(FLOWSPEC, (s.FilterSpecV4(ip_address("1.2.3.4"), 1),)),)
                ),
            ),
            ILP32,
        )
    )
    at = len(data) - 24
    assert struct.unpack_from("=I", data, at) == (FilterType.V4,)
    for kind in (0, FilterType.END, 7):
        struct.pack_into("=I", data, at, kind)
        with pytest.raises(FilterTypeError) as caught:
            unpack_objects(bytes(data), ILP32)
        assert caught.value.code == 11020


def test_lists_that_share_bytes_make_no_endless_work():
    """Ten thousand descriptors that all point to the same ten thousand filters."""
    many = 10_000
    start = 28
    filters = start + 40 * many
    size = filters + 24 * many
    data = struct.pack("=7I", 1001, size, 2, 0, 0, many, start)
    data += (bytes(32) + struct.pack("=II", many, filters)) * many
    data += struct.pack("=I20x", 1) * many
    with pytest.raises(ProviderBufferError, match="longer than the buffer"):
        unpack_objects(data, ILP32)


def test_numbers_that_do_not_fit_are_refused_where_they_are_written():
    for build in (
        lambda: s.FlowSpec(token_rate=-1),
        lambda: s.FlowSpec(latency=1 << 32),
        lambda: s.SdMode(1 << 32),
        lambda: s.FilterSpecV4(ip_address("10.0.0.1"), 1 << 16),
        lambda: s.FilterSpecV6(ip_address("::1"), -1),
        lambda: s.FilterSpecV6Flow(ip_address("::1"), 1 << 24),
        lambda: s.FilterSpecV4Gpi(ip_address("10.0.0.1"), 1 << 32),
        lambda: s.FilterSpecV6Gpi(ip_address("::1"), -1),
        lambda: s.PolicyElement(1, b"abc"),
        lambda: s.PolicyElement(1 << 16),
        lambda: s.ControlService(3),
        lambda: s.ControlService(2, guaranteed=s.GuaranteedParams()),
        lambda: s.ControlService(3, guaranteed=s.GuaranteedParams(), parameters=(s.ParamBuffer(1),)),
        lambda: s.FriendlyName("x" * 257),
        lambda: s.FriendlyName("a\0b"),
        lambda: s.DiffservRule(1, 2, 3, 4, 256),
    ):
        with pytest.raises(ValueError):
            build()
