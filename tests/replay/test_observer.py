"""What messages on a link make of the nodes at its ends, as an observer sees it (RFC 2205, 2961, 3209)."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.engine.interfaces import BLOCKADE, lifetime
from rsvp.iana import ErrorCode, ErrorFlag
from rsvp.intserv import Flowspec, Tspec, controlled_load, guaranteed
from rsvp.messages import (
    Ack,
    BrokenMessage,
    Bundle,
    Flow,
    Hello,
    Message,
    Path,
    PathErr,
    PathTear,
    Resv,
    ResvConf,
    ResvErr,
    ResvTear,
    Sender,
    Srefresh,
)
from rsvp.objects import FF, SE, WF, ErrorSpec, FilterSpec, Hop, ResvConfirm, Session, Style, TimeValues
from rsvp.observer import WHAT, News, Observer, entries
from rsvp.reduction import MessageId, MessageIdList, MessageIdNack, SourceId, SourceIdList
from rsvp.te import HelloRequest, Label, LspTunnelFilter, LspTunnelSession, SessionAttribute
from tests.strategies import messages

UP, DOWN, FAR = ip_address("10.0.1.1"), ip_address("10.0.1.2"), ip_address("10.0.1.3")
GROUP = Session(ip_address("239.1.1.1"), 17, 5000)
ONE, TWO = FilterSpec(ip_address("10.9.0.1"), 4000), FilterSpec(ip_address("10.9.0.2"), 4000)
TSPEC = Tspec(1000.0, 100.0)
SMALL, LARGE = controlled_load(TSPEC), controlled_load(Tspec(5000.0, 100.0))
R = 30.0
L = lifetime(R, 3)


class Link:
    """An observer, and a word for each message that it may hear."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.frame = 0

    def hear(self, message: Message, source: Any, destination: Any, at: float) -> list[tuple[str, str]]:
        self.frame += 1
        return told(self.observer.hear(message, source, destination, at, self.frame))

    def path(self, at: float, sender: FilterSpec = ONE, hop: Any = UP, **more: Any) -> list[tuple[str, str]]:
        return self.hear(path(sender, hop, **more), sender.address, GROUP.destination, at)

    def resv(self, at: float, *flows: Flow, style: Style = FF, hop: Any = DOWN, **more: Any) -> list[Any]:
        return self.hear(resv(*flows, style=style, hop=hop, **more), hop, UP, at)

    def show(self, what: str, at: float | None = None) -> list[dict[str, Any]]:
        now = self.observer.now if at is None else at
        self.observer.pass_time(now)
        return entries(self.observer, what, now)


def told(news: list[News]) -> list[tuple[str, str]]:
    return [(one.change, type(one.block).__name__) for one in news]


def path(sender: FilterSpec = ONE, hop: Any = UP, refresh: float = R, **more: Any) -> Path:
    return Path(
        session=GROUP,
        hop=Hop(hop, 1),
        time_values=TimeValues(round(refresh * 1000)),
        sender=Sender(sender, more.pop("tspec", TSPEC)),
        **more,
    )


def resv(*flows: Flow, style: Style = FF, hop: Any = DOWN, refresh: float = R, **more: Any) -> Resv:
    return Resv(
        session=GROUP,
        hop=Hop(hop, 1),
        time_values=TimeValues(round(refresh * 1000)),
        style=style,
        flows=flows,
        **more,
    )


@pytest.fixture
def link() -> Link:
    return Link()


# --- path state -----------------------------------------------------------------------------------------


def test_a_path_makes_path_state_that_lives_l_after_the_last(link: Link) -> None:
    assert link.path(0.0) == [("new", "SeenPath")]
    assert link.path(100.0) == []
    (sender,) = link.show("senders")
    assert sender["session"] == {"destination": "239.1.1.1", "protocol": 17, "port": 5000}
    assert (sender["sender"], sender["phop"]) == ({"address": "10.9.0.1", "port": 4000}, "10.0.1.1")
    assert (sender["expires_in"], sender["since"], sender["heard"]) == (L, 0.0, 2)
    assert (sender["made_by"], sender["changed_by"], sender["refreshed_by"]) == (1, 1, 2)
    assert link.show("senders", 100.0 + L - 0.001)
    assert link.show("senders", 100.0 + L + 0.001) == []


def test_what_times_out_says_when_and_after_which_packet(link: Link) -> None:
    link.path(0.0)
    (gone,) = link.observer.pass_time(1000.0)
    assert (gone.time, gone.change, gone.cause) == (L, "gone", None)
    assert gone.why == "not refreshed since packet 1"


def test_r_that_gets_shorter_ends_state_earlier(link: Link) -> None:
    link.path(0.0)
    link.path(10.0, refresh=1.0)
    assert link.show("senders", 10.0 + lifetime(1.0, 3) + 0.001) == []


def test_a_path_that_says_something_else_is_a_change(link: Link) -> None:
    link.path(0.0)
    assert link.path(1.0, tspec=Tspec(2000.0, 100.0)) == [("changed", "SeenPath")]
    assert link.show("senders")[0]["changed_by"] == 2


def test_every_previous_hop_has_its_own_state(link: Link) -> None:
    """A capture on a bridge, or of all interfaces, shows a Path more than once on its way."""
    link.path(0.0)
    link.path(0.0, hop=FAR)
    link.path(0.0, TWO)
    assert [(one["sender"]["address"], one["phop"]) for one in link.show("senders")] == [
        ("10.9.0.1", "10.0.1.1"),
        ("10.9.0.1", "10.0.1.3"),
        ("10.9.0.2", "10.0.1.1"),
    ]
    assert link.show("sessions") == [
        {
            "session": {"destination": "239.1.1.1", "protocol": 17, "port": 5000},
            "senders": 2,
            "reservations": 0,
            "style": None,
        }
    ]


def test_a_tear_of_its_previous_hop_ends_path_state_and_what_was_reserved_for_it(link: Link) -> None:
    link.path(0.0)
    link.path(0.0, TWO)
    link.resv(1.0, Flow(SMALL, (ONE,)), Flow(SMALL, (TWO,)))
    tear = PathTear(session=GROUP, hop=Hop(UP), sender=Sender(ONE))
    assert link.hear(tear, ONE.address, GROUP.destination, 2.0) == [
        ("gone", "SeenPath"),
        ("gone", "SeenReservation"),
    ]
    assert [one["sender"]["address"] for one in link.show("senders")] == ["10.9.0.2"]
    assert [one["filters"][0]["address"] for one in link.show("reservations")] == ["10.9.0.2"]


def test_a_tear_of_another_hop_does_nothing_and_is_counted(link: Link) -> None:
    link.path(0.0)
    tear = PathTear(session=GROUP, hop=Hop(FAR), sender=Sender(ONE))
    assert link.hear(tear, ONE.address, GROUP.destination, 1.0) == []
    assert len(link.show("senders")) == 1
    assert link.show("counters")[0]["idle"] == {"PathTear for state that is not there": 1}


def test_a_wildcard_reservation_ends_with_the_last_sender(link: Link) -> None:
    link.path(0.0)
    link.path(0.0, TWO)
    link.resv(1.0, Flow(SMALL), style=WF)
    for sender, left in ((ONE, 1), (TWO, 0)):
        tear = PathTear(session=GROUP, hop=Hop(UP), sender=Sender(sender))
        link.hear(tear, sender.address, GROUP.destination, 2.0)
        assert len(link.show("reservations")) == left


@pytest.mark.parametrize(("flags", "left"), [(0, 1), (ErrorFlag.PATH_STATE_REMOVED, 0)])
def test_a_path_err_removes_only_what_it_says_is_removed(link: Link, flags: int, left: int) -> None:
    link.path(0.0)
    error = ErrorSpec(DOWN, ErrorCode.ADMISSION_CONTROL_FAILURE, 2, flags)
    link.hear(PathErr(session=GROUP, error=error, sender=Sender(ONE, TSPEC)), DOWN, UP, 1.0)
    assert len(link.show("senders")) == left
    (refusal,) = link.show("refusals")
    assert (refusal["message"], refusal["node"], refusal["neighbor"]) == ("PathErr", "10.0.1.2", "10.0.1.1")
    assert refusal["text"].startswith("admission control failure")


# --- reservation state ----------------------------------------------------------------------------------


def test_a_resv_makes_reservation_state_at_the_hop_that_it_is_sent_to(link: Link) -> None:
    assert link.resv(0.0, Flow(SMALL, (ONE,)), Flow(LARGE, (TWO,))) == [("new", "SeenReservation")] * 2
    assert [
        (one["nhop"], one["phop"], one["style"], one["filters"][0]["address"], one["flowspec"]["tspec"]["r"])
        for one in link.show("reservations")
    ] == [
        ("10.0.1.2", "10.0.1.1", "FF", "10.9.0.1", 1000),
        ("10.0.1.2", "10.0.1.1", "FF", "10.9.0.2", 5000),
    ]
    assert link.show("reservations", L + 0.001) == []


def test_the_senders_of_a_shared_reservation_stand_together_and_end_alone(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE, TWO)), style=SE)
    link.resv(50.0, Flow(SMALL, (TWO,)), style=SE)
    (shared,) = link.show("reservations")
    assert [one["address"] for one in shared["filters"]] == ["10.9.0.1", "10.9.0.2"]
    assert shared["expires_in"] == L - 50.0
    (left,) = link.show("reservations", L + 1.0)
    assert [one["address"] for one in left["filters"]] == ["10.9.0.2"]


def test_who_reserves_for_a_sender_is_its_next_hop(link: Link) -> None:
    link.path(0.0)
    link.resv(1.0, Flow(SMALL, (ONE,)))
    link.resv(1.0, Flow(SMALL), style=WF, hop=FAR)
    assert link.show("senders")[0]["nhops"] == ["10.0.1.2", "10.0.1.3"]


def test_what_a_previous_hop_installs_is_merged_from_its_next_hops(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE,)))
    link.resv(0.0, Flow(LARGE, (ONE,)), hop=FAR)
    (installed,) = link.show("installed")
    assert (installed["node"], installed["flowspec"]["tspec"]["r"]) == ("10.0.1.1", 5000)
    assert installed["filters"] == [{"address": "10.9.0.1", "port": 4000}]
    link.resv(1.0, Flow(guaranteed(TSPEC, 9000.0, 0), (ONE,)), hop=ip_address("10.0.1.4"))
    assert [one["flowspec"]["service"] for one in link.show("installed")] == ["controlled-load", "guaranteed"]


def test_a_resv_tear_ends_what_it_names(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE, TWO)), style=SE)
    tear = ResvTear(session=GROUP, hop=Hop(DOWN), style=SE, flows=(Flow(None, (ONE,)),))
    assert link.hear(tear, DOWN, UP, 1.0) == [("gone", "SeenReservation")]
    assert [one["address"] for one in link.show("reservations")[0]["filters"]] == ["10.9.0.2"]
    assert link.hear(tear, DOWN, UP, 2.0) == []
    assert link.show("counters")[0]["idle"] == {"ResvTear for state that is not there": 1}


def resv_err(flowspec: Flowspec, node: Any, code: int = 1, flags: int = 0) -> ResvErr:
    error = ErrorSpec(node, code, 2, flags)
    return ResvErr(session=GROUP, hop=Hop(UP), error=error, style=FF, flow=Flow(flowspec, (ONE,)))


def test_a_reservation_that_its_previous_hop_refuses_is_not_there(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE,)))
    assert link.hear(resv_err(SMALL, UP), UP, DOWN, 1.0) == [
        ("new", "SeenError"),
        ("gone", "SeenReservation"),
    ]


def test_a_change_that_is_refused_leaves_what_stood_before(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE,)))
    link.resv(1.0, Flow(LARGE, (ONE,)))
    link.hear(resv_err(LARGE, UP, flags=ErrorFlag.IN_PLACE), UP, DOWN, 2.0)
    assert link.show("reservations")[0]["flowspec"]["tspec"]["r"] == 1000


def test_what_is_refused_further_upstream_stands_and_blockades_its_next_hop(link: Link) -> None:
    link.resv(0.0, Flow(LARGE, (ONE,)))
    assert link.hear(resv_err(LARGE, FAR), UP, DOWN, 1.0) == [("new", "SeenError")]
    assert len(link.show("reservations")) == 1
    (request,) = link.show("requests")
    assert (request["nhop"], request["blockaded"]["tspec"]["r"]) == ("10.0.1.2", 5000)
    assert request["blockaded_for"] == BLOCKADE * R
    link.resv(BLOCKADE * R, Flow(SMALL, (ONE,)))
    (request,) = link.show("requests", 1.001 + BLOCKADE * R)
    assert (request["blockaded"], request["blockaded_for"]) == (None, None)


def test_the_same_error_again_is_counted(link: Link) -> None:
    link.hear(resv_err(LARGE, FAR), UP, DOWN, 1.0)
    assert link.hear(resv_err(LARGE, FAR), UP, DOWN, 2.0) == []
    assert link.show("refusals")[0]["times"] == 2


def test_a_confirmation_is_noted_until_the_reservation_changes(link: Link) -> None:
    link.resv(0.0, Flow(SMALL, (ONE,)))
    conf = ResvConf(
        session=GROUP,
        error=ErrorSpec(UP, 0, 0),
        confirm=ResvConfirm(DOWN),
        style=FF,
        flows=(Flow(SMALL, (ONE,)),),
    )
    assert link.hear(conf, UP, DOWN, 1.0) == [("changed", "SeenReservation")]
    assert link.show("reservations")[0]["confirmed_by"] == 2
    assert link.hear(conf, UP, DOWN, 2.0) == []
    link.resv(3.0, Flow(LARGE, (ONE,)))
    assert link.show("reservations")[0]["confirmed_by"] is None


# --- refresh reduction ----------------------------------------------------------------------------------


def test_a_summary_refresh_keeps_the_state_of_the_messages_that_it_names(link: Link) -> None:
    link.path(0.0, extra=(MessageId(7, 100),))
    link.resv(0.0, Flow(SMALL, (ONE,)), Flow(SMALL, (TWO,)), extra=(MessageId(9, 100),))
    link.hear(Srefresh(lists=(MessageIdList(7, (100,)),)), UP, DOWN, 100.0)
    link.hear(Srefresh(lists=(MessageIdList(9, (100,)),)), DOWN, UP, 120.0)
    assert link.show("senders")[0]["expires_in"] == round(L - 20.0, 3)
    assert [one["expires_in"] for one in link.show("reservations")] == [L, L]
    assert link.show("counters")[0]["idle"] == {}


def test_a_summary_refresh_may_come_from_another_address_of_the_node(link: Link) -> None:
    link.path(0.0, extra=(MessageId(7, 100),))
    link.hear(Srefresh(lists=(MessageIdList(7, (100,)),)), ip_address("192.0.2.1"), DOWN, 100.0)
    assert link.show("senders")[0]["expires_in"] == L


def test_lists_of_sources_are_read_too(link: Link) -> None:
    link.path(0.0, extra=(MessageId(7, 100),))
    link.hear(Srefresh(lists=(SourceIdList.of(7, SourceId(100, ONE.address)),)), UP, GROUP.destination, 100.0)
    assert link.show("senders")[0]["expires_in"] == L


def test_identifiers_whose_messages_came_before_the_capture_are_counted(link: Link) -> None:
    link.hear(Srefresh(lists=(MessageIdList(7, (1, 2, 3)),)), UP, DOWN, 0.0)
    assert link.show("counters")[0]["idle"] == {"identifiers in Srefresh whose messages were not seen": 3}


def test_another_message_of_the_same_state_takes_its_identifier_over(link: Link) -> None:
    link.path(0.0, extra=(MessageId(7, 100),))
    assert link.path(1.0, extra=(MessageId(7, 101),)) == []
    link.hear(Srefresh(lists=(MessageIdList(7, (100,)),)), UP, DOWN, 50.0)
    assert link.show("senders")[0]["expires_in"] == L - 49.0
    link.hear(Srefresh(lists=(MessageIdList(7, (101,)),)), UP, DOWN, 50.0)
    assert link.show("senders")[0]["expires_in"] == L


def test_state_that_the_neighbour_does_not_know_is_not_there(link: Link) -> None:
    link.path(0.0, extra=(MessageId(7, 100),))
    assert link.hear(Ack(acks=(MessageIdNack(7, 100),)), DOWN, UP, 1.0) == [("gone", "SeenPath")]


def test_a_bundle_is_its_messages(link: Link) -> None:
    bundle = Bundle(messages=(path(), BrokenMessage(b"", "bad checksum"), resv(Flow(SMALL, (ONE,)))))
    assert link.hear(bundle, DOWN, UP, 0.0) == [("new", "SeenPath"), ("new", "SeenReservation")]
    counters = link.show("counters")[0]
    assert counters["received"] == {"Bundle": 1, "Path": 1, "Resv": 1}
    assert counters["errors"] == {"bad checksum": 1}


# --- traffic engineering, neighbours --------------------------------------------------------------------

TUNNEL = LspTunnelSession(ip_address("192.0.2.9"), 7, ip_address("192.0.2.1"))
LSP = LspTunnelFilter(ip_address("192.0.2.1"), 12)


def test_a_tunnel_has_its_name_and_its_label(link: Link) -> None:
    link.hear(
        Path(
            session=TUNNEL,
            hop=Hop(UP),
            time_values=TimeValues(30_000),
            sender=Sender(LSP, TSPEC),
            extra=(SessionAttribute(7, 7, 0, "blue"),),
        ),
        LSP.sender,
        TUNNEL.endpoint,
        0.0,
    )
    link.hear(
        Resv(
            session=TUNNEL,
            hop=Hop(DOWN),
            time_values=TimeValues(30_000),
            style=SE,
            flows=(Flow(SMALL, (LSP,), ((Label(16_001),),)),),
        ),
        DOWN,
        UP,
        0.1,
    )
    (sender,), (reservation,) = link.show("senders"), link.show("reservations")
    assert (sender["name"], sender["session"]["tunnel_id"]) == ("blue", 7)
    assert sender["extensions"]["SESSION_ATTRIBUTE"]["setup_priority"] == 7
    assert (reservation["labels"], reservation["filters"]) == (
        [16_001],
        [{"sender": "192.0.2.1", "lsp_id": 12}],
    )


def test_a_neighbour_whose_instance_is_another_one_has_started_again(link: Link) -> None:
    assert link.hear(Hello(hello=HelloRequest(5, 0)), UP, DOWN, 0.0) == [("new", "SeenNeighbor")]
    assert link.hear(Hello(hello=HelloRequest(5, 9)), UP, DOWN, 1.0) == []
    assert link.hear(Hello(hello=HelloRequest(6, 9)), UP, DOWN, 2.0) == [("changed", "SeenNeighbor")]
    (neighbor,) = link.show("neighbors", 12.0)
    assert (neighbor["address"], neighbor["instance"], neighbor["last_heard"]) == ("10.0.1.1", 6, 10.0)
    assert neighbor["sent"] == {"Hello": 3}


def test_who_says_where_a_confirmation_comes_from_is_no_neighbour(link: Link) -> None:
    conf = ResvConf(session=GROUP, error=ErrorSpec(FAR, 0, 0), confirm=ResvConfirm(DOWN), style=WF)
    link.hear(conf, FAR, DOWN, 0.0)
    assert link.show("neighbors") == []


# --- whatever is heard ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(messages, st.sampled_from((UP, DOWN, FAR))), max_size=8))
def test_no_message_is_too_much_for_an_observer(heard: list[tuple[Message, Any]]) -> None:
    """Whatever the codec decodes can be heard, shown and told."""
    observer = Observer()
    for frame, (message, node) in enumerate(heard, start=1):
        observer.hear(message, node, DOWN, float(frame), frame)
    for what in WHAT:
        json.dumps(entries(observer, what, 100.0, why=True))
    observer.pass_time(1e9)
    assert not observer.paths
    assert not observer.reservations
