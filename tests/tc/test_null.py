"""NullTrafficControl keeps the books that a node asks for, and nothing else."""

from __future__ import annotations

from ipaddress import ip_address

from rsvp.intserv import controlled_load
from rsvp.objects import FilterSpec, Session
from rsvp.tc import Counters, Flow, TrafficControl
from rsvp.tc.null import NullTrafficControl


def test_books_are_kept() -> None:
    control: TrafficControl = NullTrafficControl()
    session = Session(ip_address("10.0.3.2"), 17, 5000)
    sender = FilterSpec(ip_address("10.0.1.1"), 4000)
    control.open_interface(2, "eth0", 1e6, 1500)
    for handle in (7, 8):
        control.add_flow(2, Flow(handle, session, (), controlled_load(1000.0)))
    control.add_filter(2, 7, session, sender)
    control.modify_flow(2, 7, controlled_load(2000.0), None)
    control.delete_filter(2, 7, session, sender)
    assert control.counters(2) == {7: Counters(), 8: Counters()}
    assert control.kernel_handle(2, 7) is None
    control.delete_flow(2, 7)
    control.delete_flow(2, 7)
    assert set(control.counters(2)) == {8}
    control.close_interface(2)
    assert control.counters(2) == {}
    control.close()
