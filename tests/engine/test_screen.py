"""What the engine does not implement is answered or ignored by the rules of RFC 2205 section 3.10."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp import gmpls, te
from rsvp.iana import ErrorCode, TrafficControlCode
from rsvp.intserv import Flowspec, NullTspec
from rsvp.messages import Bundle, Hello, Notified, Notify, Path, PathErr, Resv, ResvErr
from rsvp.objects import FF, SE, ErrorSpec, Session

from .fabric import a, load, path, resv, router, sender, sends, session

S1 = sender(port=1)
TUNNEL = te.LspTunnelSession(a("10.9.0.9"), 7, a("10.1.0.1"))
LSP = te.LspTunnelFilter(a("10.1.0.1"), 3)


@pytest.fixture
def node():
    """A router with a sender upstream on 1 and its receiver behind 2."""
    r = router(1, 2)
    r.route("10.9.0.9", 2)
    r.receive(path(S1), 1)
    return r


def drops(out):
    return [one.reason for one in out if isinstance(one, e.Dropped)]


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"session": TUNNEL}, 1 << 8 | 7),
        ({"session": te.LspTunnelSession(a("2001:db8::9"), 7, a("2001:db8::1"))}, 1 << 8 | 8),
        ({"session": te.P2mpSession(1, 2, a("10.1.0.1"))}, 1 << 8 | 13),
        ({"hop": gmpls.InterfaceHop(a("10.1.0.1"), 0, ())}, 3 << 8 | 3),
        ({"sender": replace(path(S1).sender, template=LSP)}, 11 << 8 | 7),
    ],
)
def test_a_path_of_other_ctypes_is_answered(node, changes, value):
    before = node.engine.senders(0.0)
    out = node.receive(replace(path(S1), **changes), 1)
    (error,) = sends(out, PathErr)
    assert (error.error.code, error.error.value) == (ErrorCode.UNKNOWN_OBJECT_CTYPE, value)
    assert error.session == changes.get("session", session())
    assert drops(out) == ["unknown C-Type"]
    assert node.engine.senders(0.0) == before


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (replace(resv(FF, (load(), (S1,))), session=TUNNEL), 1 << 8 | 7),
        (resv(FF, (load(), (LSP,))), 10 << 8 | 7),
        (resv(SE, (load(), (S1, LSP))), 10 << 8 | 7),
    ],
)
def test_a_resv_of_other_ctypes_is_answered(node, message, value):
    out = node.receive(message, 2)
    (error,) = sends(out, ResvErr)
    assert (error.error.code, error.error.value) == (ErrorCode.UNKNOWN_OBJECT_CTYPE, value)
    assert drops(out) == ["unknown C-Type"]
    assert node.engine.reservations(0.0) == []


@pytest.mark.parametrize(
    "message",
    [
        Hello(hello=te.HelloRequest(1, 0)),
        Notify(
            error=ErrorSpec(a("10.1.0.1"), 25, 1), sessions=(Notified(session=Session(a("10.9.0.9"), 17, 1)),)
        ),
        Bundle(messages=(path(S1),)),
    ],
    ids=lambda message: message.name,
)
def test_other_messages_are_counted(node, message):
    out = node.receive(message, 1)
    assert drops(out) == ["unsupported message"]
    assert len(out) == 1


def test_classes_of_the_extensions_are_unknown_classes(node):
    route = te.ExplicitRoute((te.PrefixHop(a("10.1.0.254"), 32),))
    (error,) = sends(node.receive(replace(path(S1), extra=(route,)), 1), PathErr)
    assert (error.error.code, error.error.value) == (ErrorCode.UNKNOWN_OBJECT_CLASS, 20 << 8 | 1)

    name = te.SessionAttribute(7, 7, 0, "tunnel")
    capability = gmpls.Capability(1)
    (onward,) = sends(node.receive(replace(path(S1), extra=(name, capability)), 1), Path)
    assert onward.extra == (name,)


def test_what_is_attached_to_a_filter_counts_as_well(node):
    message = resv(FF, (load(), (S1,)))
    labelled = replace(message, flows=(replace(message.flows[0], attached=((te.Label(16),),)),))
    (error,) = sends(node.receive(labelled, 2), ResvErr)
    assert (error.error.code, error.error.value) == (ErrorCode.UNKNOWN_OBJECT_CLASS, 16 << 8 | 1)

    attributes = te.LspAttributes((te.AttributeFlags((1,)),))
    marked = replace(message, flows=(replace(message.flows[0], attached=((attributes,),)),))
    (onward,) = sends(node.receive(marked, 2), Resv)
    assert onward.extra == (attributes,)
    assert onward.flows[0].attached == ()


def test_the_null_service_is_not_offered(node):
    wanted = (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED)
    out = node.receive(replace(path(S1), sender=replace(path(S1).sender, tspec=NullTspec())), 1)
    (refused,) = sends(out, PathErr)
    assert (refused.error.code, refused.error.value) == wanted
    (error,) = sends(node.receive(resv(FF, (Flowspec(6, NullTspec()), (S1,))), 2), ResvErr)
    assert (error.error.code, error.error.value) == wanted
