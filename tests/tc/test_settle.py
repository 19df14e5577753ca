"""What `settle` asks of the kernel: how much, in which order, and what becomes of refusals."""

from __future__ import annotations

import errno
import gc
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink.rtnl import RTM_DELTCLASS, RTM_NEWQDISC, RTM_NEWTCLASS

from rsvp.errors import TrafficControlError
from rsvp.intserv import controlled_load
from rsvp.netlink import NetlinkError, Request
from rsvp.objects import FilterSpec, Session
from rsvp.tc import Flow, htb
from rsvp.tc import nftables as nft
from rsvp.tc.htb import HtbTrafficControl
from rsvp.tc.interface import UNRESERVED, class_id
from rsvp.tc.kernel import CLASS_NUMBER_AT, U32
from tests import garbage

INDEX = 2


class FakeKernel:
    """Writes down what it is asked; refuses classes by number."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.turns = 0
        self.refused: set[int] = set()

    def send(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        self.turns += bool(requests)
        answers: list[NetlinkError | None] = []
        for message, kind, _ in requests:
            (number,) = U32.unpack_from(message, CLASS_NUMBER_AT)
            self.asked.append((kind, number))
            no = kind == RTM_NEWTCLASS and number in self.refused
            answers.append(NetlinkError(errno.ENOSPC, "no room") if no else None)
        return answers

    def require(self, what: str, *requests: Request) -> None:
        self.send(requests)

    def root_qdisc(self, index: int) -> None:
        return None

    def link(self, index: int) -> dict[str, int]:
        return {"ifi_type": 0xFFFE}

    def close(self) -> None:
        pass


class FakeNftables:
    """Counts the requests of each batch; refuses the next `fails` ones."""

    def __init__(self, kernel: FakeKernel) -> None:
        self.kernel = kernel
        self.batches: list[int] = []
        self.fails = 0

    def commit(self, what: str, requests: Sequence[Request]) -> None:
        if self.fails:
            self.fails -= 1
            raise TrafficControlError("no room")
        self.batches.append(len(requests))
        self.kernel.asked.append((0, 0))

    def tables(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    kernel = FakeKernel()
    monkeypatch.setattr(htb, "Kernel", lambda: kernel)
    monkeypatch.setattr(htb, "Nftables", lambda: FakeNftables(kernel))
    return kernel


@pytest.fixture
def traffic(kernel: FakeKernel) -> Iterator[HtbTrafficControl]:
    control = HtbTrafficControl()
    control.open_interface(INDEX, "test0", 1.25e6, 1500)
    kernel.asked.clear()
    kernel.turns = 0
    nftables(control).batches.clear()
    yield control
    control.close()


def nftables(control: HtbTrafficControl) -> Any:
    return control._nftables


def flow(number: int, rate: float = 1000.0) -> Flow:
    session = Session(ip_address("10.0.3.2"), 17, 5000 + number)
    return Flow(number, session, (FilterSpec(ip_address("10.0.1.1"), 4000),), controlled_load(rate))


def test_nothing_is_asked_before_it_is_settled_nor_twice(traffic, kernel) -> None:
    traffic.add_flow(INDEX, flow(1))
    assert kernel.asked == []
    assert traffic.settle() == []
    assert kernel.asked
    kernel.asked.clear()
    assert traffic.settle() == []
    assert kernel.asked == []


@pytest.mark.parametrize("many", [1, 300])
def test_a_turn_is_two_exchanges_and_one_batch_however_much_it_changes(traffic, kernel, many) -> None:
    """First classes, then filters, then what is not reserved, which changes once."""
    for number in range(many):
        traffic.add_flow(INDEX, flow(number))
    traffic.settle()
    assert (kernel.turns, len(nftables(traffic).batches)) == (2, 1)
    made = [number for kind, number in kernel.asked if kind == RTM_NEWTCLASS]
    assert len(made) == many + 1
    assert made.count(class_id(UNRESERVED)) == 1
    assert kernel.asked[-2:] == [(0, 0), (RTM_NEWTCLASS, class_id(UNRESERVED))]


def test_elements_of_a_turn_share_messages(traffic, kernel) -> None:
    for number in range(300):
        traffic.add_flow(INDEX, flow(number))
    traffic.settle()
    assert nftables(traffic).batches == [3], "a map, its rule, and one message of 300 elements"


def test_filters_go_before_their_classes(traffic, kernel) -> None:
    for number in range(3):
        traffic.add_flow(INDEX, flow(number))
    traffic.settle()
    kernel.asked.clear()
    for number in range(3):
        traffic.delete_flow(INDEX, number)
    traffic.settle()
    assert [kind for kind, _ in kernel.asked] == [0, *[RTM_DELTCLASS] * 3, RTM_NEWTCLASS]


def test_what_comes_and_goes_in_one_turn_is_never_asked_for(traffic, kernel) -> None:
    traffic.add_flow(INDEX, flow(1))
    traffic.delete_flow(INDEX, 1)
    traffic.settle()
    assert kernel.asked == []


def test_a_sender_that_changes_reservations_is_moved_in_one_batch(traffic, kernel) -> None:
    traffic.add_flow(INDEX, flow(1))
    traffic.settle()
    nftables(traffic).batches.clear()
    traffic.delete_flow(INDEX, 1)
    traffic.add_flow(INDEX, Flow(2, flow(1).session, flow(1).filters, controlled_load(2000.0)))
    traffic.settle()
    assert nftables(traffic).batches == [2], "out of one class and into the other"
    assert set(traffic._interfaces[INDEX].flows) == {2}


def test_one_class_refused_leaves_the_others(traffic, kernel) -> None:
    kernel.refused = {class_id(0x11)}
    for number in range(3):
        traffic.add_flow(INDEX, flow(number))
    (refused,) = traffic.settle()
    assert (refused.handle, refused.standing) == (1, False)
    assert "no room" in refused.reason
    assert [traffic.kernel_handle(INDEX, number) is None for number in range(3)] == [False, True, False]
    assert traffic.settle() == []


def test_a_change_refused_leaves_what_stood(traffic, kernel) -> None:
    traffic.add_flow(INDEX, flow(1))
    traffic.settle()
    kernel.refused = {class_id(0x10)}
    traffic.modify_flow(INDEX, 1, controlled_load(5000.0), None)
    (refused,) = traffic.settle()
    assert (refused.handle, refused.standing) == (1, True)
    kernel.refused = set()
    kernel.asked.clear()
    traffic.modify_flow(INDEX, 1, flow(1).flowspec, None)
    assert traffic.settle() == []
    assert kernel.asked == [], "that is what it has already"


def test_one_filter_refused_leaves_the_others(traffic, kernel) -> None:
    for number in range(3):
        traffic.add_flow(INDEX, flow(number))
    nftables(traffic).fails = 2  # the batch of all, and the first one alone
    (refused,) = traffic.settle()
    assert (refused.handle, refused.standing) == (0, False)
    assert (RTM_DELTCLASS, class_id(0x10)) in kernel.asked
    assert [traffic.kernel_handle(INDEX, number) is None for number in range(3)] == [True, False, False]


def test_a_queue_is_made_with_each_class(traffic, kernel) -> None:
    traffic.add_flow(INDEX, flow(1))
    traffic.settle()
    assert [kind for kind, _ in kernel.asked][:2] == [RTM_NEWTCLASS, RTM_NEWQDISC]


def test_what_nftables_is_told_leaves_nothing_for_the_collector() -> None:
    """A reservation that comes and goes tells it twice."""
    gc.disable()
    try:
        told = Told()
        tables = object.__new__(nft.Nftables)
        tables._netlink = told  # type: ignore[assignment]
        garbage.collect()
        for number in range(100):
            one = number.to_bytes(4, "big")
            tables.commit("in", nft.add_elements("table", "map", [(one, class_id(16))]))
            tables.commit("out", nft.delete_elements("table", "map", [one]))
        assert told.requests == 600
        assert gc.collect() < 600, "three for each end of each batch, once"
    finally:
        gc.enable()


class Told:
    """A netlink socket that counts requests."""

    requests = 0

    def batch(self, requests: Sequence[Request]) -> None:
        self.requests += len(requests)
