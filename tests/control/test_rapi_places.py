"""What RAPI's calls tell the daemon of policy, and of the interface where a group was joined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rsvp
from rsvp.objects import PolicyData
from rsvp.rapi import ErrorCode, Event, Rapi, RSVP_Err_API

from .test_lost import TSPEC, Daemons
from .test_rapi import Heard
from .test_server import FakeApi

POLICY = (PolicyData(data=b"whom"),)
LOAD = rsvp.controlled_load(1000.0)


class Host(FakeApi):
    """With two interfaces."""

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Any]]:
        return [
            {"name": "lo", "addresses": []},
            {"name": "eth0", "addresses": ["10.0.1.1"]},
            {"name": "eth1", "addresses": ["10.0.2.1", "fe80::1"]},
        ]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[Host, Rapi]]:
    api = Host()
    daemons = Daemons(tmp_path, {"h1": api, "h2": FakeApi()})
    library = Rapi(daemons.paths[0])
    yield api, library
    library.close()
    daemons.end()


def told(api: Host, verb: str) -> dict[str, Any]:
    """What was said by keyword when a verb was asked for last."""
    more: dict[str, Any] = [line for line in api.script if line[0] == verb][-1][-1]
    return more


def test_policy_data_goes_along(host: tuple[Host, Rapi]):
    """RFC 2750."""
    api, library = host
    sid = library.rapi_session(("10.0.3.2", 5000))
    library.rapi_sender(sid, 0, ("10.0.1.1", 4000), None, TSPEC, sender_policy=POLICY)
    assert told(api, "send")["policy"] == POLICY
    library.rapi_reserve(sid, rcvr_policy=POLICY, flowspecs=[LOAD])
    assert told(api, "reserve")["policy"] == POLICY


@pytest.mark.parametrize(
    ("to", "rhost", "joined"),
    [
        ("239.1.1.1", ("10.0.2.1", 0), "eth1"),
        ("239.1.1.1", ("0.0.0.0", 0), None),
        ("239.1.1.1", None, None),
        ("10.0.3.2", ("10.0.2.1", 0), None),
    ],
)
def test_a_group_is_received_where_it_was_joined(
    host: tuple[Host, Rapi], to: str, rhost: tuple[str, int] | None, joined: str | None
):
    """RFC 2205 section 3.9; of a host routing alone decides."""
    api, library = host
    sid = library.rapi_session((to, 5000))
    library.rapi_reserve(sid, 0, rhost, flowspecs=[LOAD])
    assert told(api, "reserve")["joined"] == joined


def test_an_address_that_this_host_does_not_have_is_an_event(host: tuple[Host, Rapi]):
    api, library = host
    heard = Heard(library)
    sid = library.rapi_session(("239.1.1.1", 5000), 0, 0, heard)
    library.rapi_reserve(sid, 0, ("192.0.2.1", 0), flowspecs=[LOAD])
    _, _, _, code, value, *_ = heard.next(Event.RAPI_RESV_ERROR)
    assert (code, value) == (RSVP_Err_API, ErrorCode.RAPI_ERR_BADRECV)
    assert [line[0] for line in api.script] == ["open"]
