"""A DCLASS on its way from traffic control downstream to that upstream (RFC 2996 section 1.1)."""

from __future__ import annotations

from dataclasses import replace

from rsvp import engine as e
from rsvp.iana import Service
from rsvp.messages import Resv
from rsvp.objects import FF, SE
from rsvp.sessions import Dclass

from .fabric import Router, load, of, path, resv, router, sender, sends

EF, AF41 = Dclass.of(46), Dclass.of(34)
S1, S2 = sender("10.1.0.1"), sender("10.1.0.2")


def node() -> Router:
    here = router(1, 2)
    here.route("10.9.0.9", 2)
    here.receive(path(S1), 1)
    here.receive(path(S2), 1)
    return here


def adding(here: Router, *adds: tuple[int, Dclass]) -> None:
    """What is reserved on interface 2 takes these along from now on."""
    (interface,) = [one for one in here.engine._core.interfaces.values() if one.index == 2]
    here.feed(e.InterfaceUp(replace(interface, adds=adds)))


def test_it_comes_with_the_order_and_goes_on_upstream() -> None:
    here = node()
    out = here.receive(resv(FF, (load(), (S1,)), extra=(EF,)), 2)
    assert [order.extra for order in of(out, e.InstallFlow)] == [(EF,)]
    assert [message.extra for message in sends(out, Resv)] == [(EF,)]


def test_another_one_is_news_and_nothing_else_is() -> None:
    here = node()
    here.receive(resv(FF, (load(), (S1,)), extra=(EF,)), 2)
    assert not here.receive(resv(FF, (load(), (S1,)), extra=(EF,)), 2)
    out = here.receive(resv(FF, (load(), (S1,)), extra=(AF41,)), 2)
    assert [(order.extra, order.flowspec) for order in of(out, e.ModifyFlow)] == [((AF41,), load())]
    assert [message.extra for message in sends(out, Resv)] == [(AF41,)]
    out = here.receive(resv(FF, (load(), (S1,))), 2)
    assert [order.extra for order in of(out, e.ModifyFlow)] == [()]


def test_an_interface_puts_its_own_in_the_place_of_what_came() -> None:
    here = node()
    adding(here, (Service.CONTROLLED_LOAD, AF41), (Service.GUARANTEED, EF))
    out = here.receive(resv(SE, (load(), (S1, S2)), extra=(EF,)), 2)
    assert [order.extra for order in of(out, e.InstallFlow)] == [(AF41,)]
    assert [message.extra for message in sends(out, Resv)] == [(AF41,)]
    assert not here.receive(resv(SE, (load(), (S1, S2)), extra=(EF,)), 2), "a refresh"


def test_what_an_interface_adds_from_now_on_is_there_with_the_next_refresh() -> None:
    here = node()
    here.receive(resv(FF, (load(), (S1,))), 2)
    adding(here, (Service.CONTROLLED_LOAD, AF41))
    out = here.receive(resv(FF, (load(), (S1,))), 2)
    assert [message.extra for message in sends(out, Resv)] == [(AF41,)]
    adding(here)
    out = here.receive(resv(FF, (load(), (S1,))), 2)
    assert [message.extra for message in sends(out, Resv)] == [()]
