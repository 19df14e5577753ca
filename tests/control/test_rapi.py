"""RAPI over whole nodes: every call, event and error that C809 names, through a real control socket."""

from __future__ import annotations

import json
import select
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any

import pytest

from rsvp import Tspec, controlled_load, guaranteed
from rsvp import intserv as i
from rsvp.iana import ErrorCode as RsvpErrorCode
from rsvp.objects import FilterSpec, GpiFilter
from rsvp.rapi import (
    AdspecFlag,
    ErrorCode,
    ErrorFlag,
    Event,
    Flag,
    Format,
    QosAdspec,
    QosFlowspec,
    QosService,
    QosTspec,
    Rapi,
    RapiError,
    RSVP_Err_API,
    Style,
    rapi_fmt_adspec,
    rapi_fmt_filtspec,
    rapi_fmt_flowspec,
    rapi_fmt_tspec,
    rapi_strerror,
)
from rsvp.rapi.objects import simplified_adspec
from tests.patience import PATIENCE

from .test_blocking import sockets  # noqa: F401

TO = ("10.0.3.2", 5000)
ANY = ("0.0.0.0", 4000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = QosTspec(1000.0, 3000.0, inf, 64, 1400)
LOAD = QosFlowspec(QosService.QOS_CNTR_LOAD, 1000.0, 3000.0, inf, 64, 1400)


class Heard:
    """An event routine that keeps what it was called with."""

    def __init__(self, rapi: Rapi) -> None:
        self.rapi = rapi
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *call: Any) -> None:
        self.calls.append(call)

    def next(self, type: Event) -> tuple[Any, ...]:
        """The next call of a kind; those before it are passed over."""
        while True:
            while not self.calls:
                assert select.select([self.rapi.rapi_getfd()], [], [], PATIENCE)[0], f"no {type.name}"
                self.rapi.rapi_dispatch()
            call = self.calls.pop(0)
            if call[1] == type:
                return call


@pytest.fixture
def ends(sockets: tuple[Path, Path]) -> Iterator[tuple[Rapi, Rapi]]:  # noqa: F811
    """The library on h1 and on h2."""
    pair = Rapi(sockets[0]), Rapi(sockets[1])
    yield pair
    for one in pair:
        one.close()


def code(call: Any, *arguments: Any, **more: Any) -> ErrorCode:
    with pytest.raises(RapiError) as caught:
        call(*arguments, **more)
    assert caught.value.code.name in str(caught.value)
    return caught.value.code


def test_from_session_to_release(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    here, there = Heard(h1), Heard(h2)
    sending = h1.rapi_session(TO, 17, 0, here, "mine")
    receiving = h2.rapi_session(TO, 0, 0, there)
    h1.rapi_sender(sending, 0, ANY, None, TSPEC)

    sid, _, style, *error, filters, tspecs, adspecs, arg = there.next(Event.RAPI_PATH_EVENT)
    assert (sid, style, error, filters, tspecs, arg) == (
        receiving,
        None,
        [0, 0, None, 0],
        (SENDER,),
        (TSPEC,),
        None,
    )
    (adspec,) = adspecs
    assert (adspec.hop_count, adspec.composed_MTU, adspec.cl_flags) == (3, 1500, AdspecFlag(0))

    h2.rapi_reserve(
        receiving, Flag.RAPI_REQ_CONFIRM, None, Style.RAPI_RSTYLE_FIXED, None, None, [SENDER], [LOAD]
    )
    sid, _, style, _, _, _, _, filters, flowspecs, _, arg = here.next(Event.RAPI_RESV_EVENT)
    assert (sid, style, filters, flowspecs, arg) == (
        sending,
        Style.RAPI_RSTYLE_FIXED,
        (SENDER,),
        (LOAD,),
        "mine",
    )
    confirmed = there.next(Event.RAPI_RESV_CONFIRM)
    assert confirmed[2] is None
    assert (str(confirmed[5]), confirmed[7], confirmed[8]) == ("10.0.1.1", (SENDER,), (LOAD,))

    h2.rapi_reserve(receiving)  # no flowspecs: back to where only Paths are heard
    torn = here.next(Event.RAPI_RESV_EVENT)
    assert (torn[7], torn[8]) == ((), ())
    h1.rapi_sender(sending)  # no local host: withdrawn
    gone = there.next(Event.RAPI_PATH_EVENT)
    assert (gone[7], gone[8], gone[9]) == ((), (), ())
    h1.rapi_release(sending)
    assert code(h1.rapi_release, sending) is ErrorCode.RAPI_ERR_BADSID
    h2.rapi_release(receiving)


def test_path_events_have_all_senders_each_time(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    there = Heard(h2)
    receiving = h2.rapi_session(TO, 17, Flag.RAPI_USE_INTSERV, there)
    one, two = h1.rapi_session(TO), h1.rapi_session(TO)
    h1.rapi_sender(one, 0, ANY, None, TSPEC)
    h1.rapi_sender(two, 0, None, FilterSpec(SENDER.address, 4001), TSPEC)
    assert len(there.next(Event.RAPI_PATH_EVENT)[7]) == 1
    both = there.next(Event.RAPI_PATH_EVENT)
    assert [one.port for one in both[7]] == [4000, 4001]
    assert both[8] == (TSPEC.intserv(),) * 2
    assert all(isinstance(one, i.Adspec) for one in both[9])
    # The latest call wins: one session has one sender.
    h1.rapi_sender(two, 0, None, FilterSpec(SENDER.address, 4002), Tspec(500.0, 3000.0))
    while [one.port for one in there.next(Event.RAPI_PATH_EVENT)[7]] != [4000, 4002]:
        pass
    h2.rapi_release(receiving)


@pytest.mark.parametrize(
    ("style", "filters", "flowspecs"),
    [
        (Style.RAPI_RSTYLE_WILDCARD, 2, 1),
        (Style.RAPI_RSTYLE_WILDCARD, 0, 2),
        (Style.RAPI_RSTYLE_FIXED, 1, 2),
        (Style.RAPI_RSTYLE_FIXED, 0, 1),
        (Style.RAPI_RSTYLE_SE, 0, 1),
        (Style.RAPI_RSTYLE_SE, 2, 2),
    ],
)
def test_a_style_takes_its_number_of_filters_and_flowspecs(
    ends: tuple[Rapi, Rapi], style: Style, filters: int, flowspecs: int
):
    sid = ends[1].rapi_session(TO)
    some = [FilterSpec(SENDER.address, 4000 + number) for number in range(filters)]
    found = code(ends[1].rapi_reserve, sid, styleid=style, filter_specs=some, flowspecs=[LOAD] * flowspecs)
    assert found is ErrorCode.RAPI_ERR_N_FFS


@pytest.mark.parametrize(
    ("style", "filters", "name"),
    [
        (Style.RAPI_RSTYLE_WILDCARD, 0, "WF"),
        (Style.RAPI_RSTYLE_WILDCARD, 1, "WF"),
        (Style.RAPI_RSTYLE_SE, 2, "SE"),
    ],
)
def test_shared_styles(ends: tuple[Rapi, Rapi], style: Style, filters: int, name: str):
    h1, h2 = ends
    here, there = Heard(h1), Heard(h2)
    sending, receiving = h1.rapi_session(TO, 17, 0, here), h2.rapi_session(TO, 17, 0, there)
    h1.rapi_sender(sending, 0, ANY, None, TSPEC)
    there.next(Event.RAPI_PATH_EVENT)
    some = [FilterSpec(SENDER.address, 4000 + number) for number in range(filters)]
    h2.rapi_reserve(receiving, styleid=style, filter_specs=some, flowspecs=[controlled_load(1000.0)])
    event = here.next(Event.RAPI_RESV_EVENT)
    assert event[2] is style
    assert event[7] == ((SENDER,) if name == "SE" else ())


def test_an_encrypted_flow_from_session_to_reservation(ends: tuple[Rapi, Rapi]):
    """RAPI_GPI_SESSION: the port is virtual, the sender an address and its SPI (RFC 2207)."""
    h1, h2 = ends
    there = Heard(h2)
    one = GpiFilter(SENDER.address, 0x1234)
    sending = h1.rapi_session(TO, 50, Flag.RAPI_GPI_SESSION)
    receiving = h2.rapi_session(TO, 50, Flag.RAPI_GPI_SESSION, there)
    h1.rapi_sender(sending, 0, None, one, TSPEC)
    assert there.next(Event.RAPI_PATH_EVENT)[7] == (one,)
    h2.rapi_reserve(
        receiving, Flag.RAPI_REQ_CONFIRM, None, Style.RAPI_RSTYLE_FIXED, None, None, [one], [LOAD]
    )
    assert there.next(Event.RAPI_RESV_CONFIRM)[7] == (one,)
    wrong = (receiving, 0, None, Style.RAPI_RSTYLE_FIXED, None, None, [SENDER], [LOAD])
    assert code(h2.rapi_reserve, *wrong) is ErrorCode.RAPI_ERR_GPISESS


def test_what_is_wrong_with_a_call_is_said_at_once(ends: tuple[Rapi, Rapi], tmp_path: Path):
    h1, _ = ends
    assert code(h1.rapi_session, ("10.0.3.2", 0)) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_session, ("10.0.3.2", 70000)) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_session, ("nowhere", 5000)) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_session, ("0.0.0.0", 5000)) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_session, TO, 300) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_session, TO, 17, Flag.RAPI_GPI_SESSION) is ErrorCode.RAPI_ERR_BADPROTO
    assert code(h1.rapi_session, ("10.0.3.2", 0), 50, Flag.RAPI_GPI_SESSION) is ErrorCode.RAPI_ERR_BADVDPORT
    assert code(h1.rapi_session, TO, 50) is ErrorCode.RAPI_ERR_BADVDPORT
    for call in (h1.rapi_sender, h1.rapi_reserve, h1.rapi_release, h1.rapi_getfd):
        assert code(call, 4711) is ErrorCode.RAPI_ERR_BADSID
    sid = h1.rapi_session(TO)
    assert code(h1.rapi_sender, sid, 0, ANY) is ErrorCode.RAPI_ERR_NOTSPEC
    assert code(h1.rapi_sender, sid, 0, ANY, None, LOAD) is ErrorCode.RAPI_ERR_OBJTYPE
    bad = QosTspec(-1.0, 3000.0, inf, 64, 1400)
    assert code(h1.rapi_sender, sid, 0, ANY, None, bad) is ErrorCode.RAPI_ERR_INTSERV
    assert code(h1.rapi_sender, sid, 0, ANY, None, TSPEC, ttl=256) is ErrorCode.RAPI_ERR_INVAL
    assert code(h1.rapi_sender, sid, 0, ("::1", 4000), None, TSPEC) is ErrorCode.RAPI_ERR_INVAL
    gpi = GpiFilter(SENDER.address, 7)
    assert code(h1.rapi_sender, sid, 0, None, gpi, TSPEC) is ErrorCode.RAPI_ERR_GPISESS
    assert code(h1.rapi_sender, sid, 0, None, "me", TSPEC) is ErrorCode.RAPI_ERR_OBJTYPE
    assert code(h1.rapi_reserve, sid, styleid=4, flowspecs=[LOAD]) is ErrorCode.RAPI_ERR_BADSTYLE
    assert code(h1.rapi_reserve, sid, flowspecs=[TSPEC]) is ErrorCode.RAPI_ERR_OBJTYPE
    unreal = QosFlowspec(QosService.QOS_GUARANTEED, 1000.0, 3000.0, inf, 64, 1400, R=-1.0)
    assert code(h1.rapi_reserve, sid, flowspecs=[unreal]) is ErrorCode.RAPI_ERR_INTSERV
    assert code(h1.rapi_reserve, sid, style_ext=1) is ErrorCode.RAPI_ERR_UNSUPPORTED
    assert code(h1.rapi_reserve, sid, rcvr_policy=["yes"]) is ErrorCode.RAPI_ERR_OBJTYPE
    assert code(Rapi(tmp_path / "nobody").rapi_session, TO) is ErrorCode.RAPI_ERR_NORSVP
    encrypted = h1.rapi_session(TO, 50, Flag.RAPI_GPI_SESSION)
    for place in (ANY, ("10.0.1.1", 4000)):
        assert code(h1.rapi_sender, encrypted, 0, place, None, TSPEC) is ErrorCode.RAPI_ERR_GPISESS
    assert code(h1.rapi_sender, encrypted, 0, None, SENDER, TSPEC) is ErrorCode.RAPI_ERR_GPISESS
    portless = h1.rapi_session(("10.0.3.2", 0), 50)
    assert code(h1.rapi_sender, portless, 0, ("10.0.1.1", 4000), None, TSPEC) is ErrorCode.RAPI_ERR_INVAL


def test_a_hundred_sessions_and_no_more(ends: tuple[Rapi, Rapi]):
    h1, _ = ends
    sids = [h1.rapi_session(("10.0.3.2", 1 + number)) for number in range(100)]
    assert 0 not in sids
    assert code(h1.rapi_session, TO) is ErrorCode.RAPI_ERR_MAXSESS
    h1.rapi_release(sids[0])
    h1.rapi_session(TO)


def test_what_the_daemon_finds_wrong_is_an_event(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    here, there = Heard(h1), Heard(h2)
    sid = h1.rapi_session(TO, 17, 0, here)
    h1.rapi_sender(sid, 0, ("10.0.9.9", 4000), None, TSPEC)
    event = here.next(Event.RAPI_PATH_ERROR)
    assert event[3:5] == (RSVP_Err_API, ErrorCode.RAPI_ERR_BADSEND)
    one, two = h2.rapi_session(TO, 17, 0, there), h2.rapi_session(TO, 17, 0, there)
    h2.rapi_reserve(one, flowspecs=[LOAD])
    h2.rapi_reserve(two, styleid=Style.RAPI_RSTYLE_FIXED, filter_specs=[SENDER], flowspecs=[LOAD])
    event = there.next(Event.RAPI_RESV_ERROR)
    assert event[:4] == (two, Event.RAPI_RESV_ERROR, Style.RAPI_RSTYLE_FIXED, RsvpErrorCode.CONFLICTING_STYLE)
    assert (event[7], event[8]) == ((SENDER,), (LOAD,))


def test_what_the_network_refuses_is_an_event(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    there = Heard(h2)
    sending, receiving = h1.rapi_session(TO), h2.rapi_session(TO, 17, 0, there)
    h1.rapi_sender(sending, 0, ANY, None, Tspec(1e9, 1e6))
    there.next(Event.RAPI_PATH_EVENT)
    much = controlled_load(1e9)
    h2.rapi_reserve(receiving, styleid=Style.RAPI_RSTYLE_FIXED, filter_specs=[SENDER], flowspecs=[much])
    event = there.next(Event.RAPI_RESV_ERROR)
    assert event[2:4] == (Style.RAPI_RSTYLE_FIXED, RsvpErrorCode.ADMISSION_CONTROL_FAILURE)
    assert event[5] is not None
    assert (event[7], event[8][0].r) == ((SENDER,), 1e9)


def test_dispatch_goes_on_after_a_routine_that_fails(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    calls = 0

    def broken(*_: Any) -> None:
        nonlocal calls
        calls += 1
        raise KeyError("mine")

    assert h2.rapi_dispatch() == 0
    h2.rapi_session(TO, 17, 0, broken)
    for port in (4000, 4001):
        h1.rapi_sender(h1.rapi_session(TO), 0, None, FilterSpec(SENDER.address, port), TSPEC)
    while calls < 2:
        assert select.select([h2.rapi_getfd()], [], [], PATIENCE)[0]
        with pytest.raises(KeyError):
            h2.rapi_dispatch()


def test_simplified_objects_and_their_text():
    load, guar = controlled_load(TSPEC.intserv()), guaranteed(TSPEC.intserv(), 2000.0, 10)
    assert LOAD.intserv() == load
    both = QosFlowspec(QosService.QOS_GUARANTEED, 1000.0, 3000.0, inf, 64, 1400, 2000.0, 10)
    assert both.intserv() == guar
    with pytest.raises(RapiError, match="no service of a flowspec"):
        QosFlowspec(QosService.QOS_TSPEC, 1.0, 1.0, 1.0, 1, 1).intserv()
    assert rapi_fmt_tspec(TSPEC) == rapi_fmt_tspec(TSPEC.intserv()) == "[T 1000 3000 inf 64 1400]"
    assert rapi_fmt_flowspec(LOAD) == "[CL 1000 3000 inf 64 1400]"
    assert rapi_fmt_flowspec(guar) == "[G 2000 10 1000 3000 inf 64 1400]"
    assert rapi_fmt_filtspec(SENDER) == "10.0.1.1:4000"
    adspec = i.Adspec(
        i.General(2, 1e6, 40, 1400, broken=True),
        i.GuaranteedAdvert(1, 2, 3, 4, broken=True, overrides=i.Overrides(mtu=900)),
        i.ControlledLoadAdvert(),
    )
    assert rapi_fmt_adspec(adspec) == "[A hops 2 bw 1e+06 lat 40 mtu 1400!; CL; G 1 2 3 4!]"
    assert (
        rapi_fmt_adspec(QosAdspec(AdspecFlag(0), 1, 5.0, 0, 9, None, None)) == "[A hops 1 bw 5 lat 0 mtu 9]"
    )


def test_words_for_errors():
    assert rapi_strerror(RSVP_Err_API, 21) == "the sender's address is none of this host"
    assert rapi_strerror(RSVP_Err_API, 77) == "error 77 of the RSVP interface"
    assert rapi_strerror(1, 2) == "admission control failure: requested bandwidth unavailable"


NUMBERS = json.loads((Path(__file__).parent.parent / "constants.json").read_text())


@pytest.mark.parametrize(
    ("family", "kind", "prefix"),
    [
        ("RAPI_EVENT", Event, "RAPI_"),
        ("RAPI_FORMAT", Format, "RAPI_"),
        ("RAPI_QOS_SERVICE", QosService, "QOS_"),
        ("RAPI_ERR", ErrorCode, "RAPI_ERR_"),
    ],
)
def test_numbers_are_those_of_c809(family: str, kind: type[IntEnum], prefix: str):
    assert {one.name.removeprefix(prefix): one.value for one in kind} == NUMBERS[family]


def test_styles_and_flags_are_those_of_c809_and_isi():
    import rsvp.rapi as rapi

    assert rapi.rapi_version() == 501
    assert rapi.RAPI_PATH_EVENT == 1  # type: ignore[attr-defined]
    styles = {"WILDCARD": "WILDCARD", "FIXED": "FIXED", "SE": "SE"}
    assert {name: Style[f"RAPI_RSTYLE_{style}"] for name, style in styles.items()} == NUMBERS["RAPI_STYLE"]
    flags = {one.name.removeprefix("RAPI_"): one.value for one in Flag if one.name}
    assert flags.items() <= NUMBERS["RAPI_FLAG"].items()
    assert [one.value for one in ErrorFlag] == [1, 2]


def test_numbers_of_rsvp_s_own_errors():
    """What comes as the code of an error event (RFC 2205 appendix B)."""
    assert set(NUMBERS["RSVP_ERR"].values()) < set(RsvpErrorCode)
    assert NUMBERS["RSVP_ERR"]["API"] == RSVP_Err_API
    assert NUMBERS["RSVP_ERR"]["BAD_STYLE"] == RsvpErrorCode.CONFLICTING_STYLE


def test_another_reserve_replaces_the_first(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    here, there = Heard(h1), Heard(h2)
    sending, receiving = h1.rapi_session(TO, 17, 0, here), h2.rapi_session(TO, 17, 0, there)
    h1.rapi_sender(sending, 0, ANY, None, TSPEC)
    there.next(Event.RAPI_PATH_EVENT)
    for rate in (500.0, 1000.0):
        wanted = QosFlowspec(QosService.QOS_CNTR_LOAD, rate, 3000.0, inf, 64, 1400)
        h2.rapi_reserve(receiving, 0, None, Style.RAPI_RSTYLE_FIXED, None, None, [SENDER], [wanted])
        event = here.next(Event.RAPI_RESV_EVENT)
        assert (event[7], event[8]) == ((SENDER,), (wanted,))


def test_a_reservation_waits_for_its_path(ends: tuple[Rapi, Rapi]):
    h1, h2 = ends
    here, there = Heard(h1), Heard(h2)
    receiving = h2.rapi_session(TO, 17, 0, there)
    h2.rapi_reserve(
        receiving, Flag.RAPI_REQ_CONFIRM, None, Style.RAPI_RSTYLE_FIXED, None, None, [SENDER], [LOAD]
    )
    sending = h1.rapi_session(TO, 17, 0, here)
    h1.rapi_sender(sending, 0, ANY, None, TSPEC)
    assert here.next(Event.RAPI_RESV_EVENT)[8] == (LOAD,)
    assert there.next(Event.RAPI_RESV_CONFIRM)[7] == (SENDER,)


def test_an_adspec_of_the_application_s_own(ends: tuple[Rapi, Rapi]):
    """One that offers controlled load only: nobody on the way adds what was left out."""
    h1, h2 = ends
    there = Heard(h2)
    h2.rapi_session(TO, 17, 0, there)
    mine = i.Adspec(i.General(0, 1e9, 0, 1500), None, i.ControlledLoadAdvert())
    h1.rapi_sender(h1.rapi_session(TO), 0, ANY, None, TSPEC, mine)
    (adspec,) = there.next(Event.RAPI_PATH_EVENT)[9]
    assert (adspec.cl_flags, adspec.g_flags) == (AdspecFlag(0), None)


def test_flags_of_a_simplified_adspec():
    broken = i.Adspec(
        i.General(2, 1e6, 40, 1400, broken=True),
        i.GuaranteedAdvert(1, 2, 3, 4, broken=True, overrides=i.Overrides(mtu=900)),
        i.ControlledLoadAdvert(),
    )
    simple = simplified_adspec(broken)
    assert simple.flags == AdspecFlag.XG_FLAG_BRK
    assert simple.g_flags == AdspecFlag.XG_FLAG_BRK | AdspecFlag.XG_FLAG_PARM
    assert simple.cl_flags == AdspecFlag(0)
    assert [one.value for one in AdspecFlag] == [1, 2, 4]
