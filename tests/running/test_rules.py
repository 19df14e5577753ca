"""Rules for unmodified programs: how they are written, and which flows of which sockets they name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp.errors import ConfigError
from rsvp.iana import DEFAULT_TTL
from rsvp.intserv import Excess, Tspec
from rsvp.objects import FF, SE, WF
from rsvp.places import Area, read_area
from rsvp.running.rules import (
    NOWHERE,
    Announcement,
    OpenSocket,
    ProgramFlow,
    Reservation,
    Rule,
    flows_of,
    is_unnamed,
    load,
    read_rule,
)

TCP, UDP = 6, 17
HERE, PEER, OTHER = ip_address("10.0.1.1"), ip_address("10.0.3.2"), ip_address("10.9.9.9")
HERE6, PEER6 = ip_address("fd00:1::1"), ip_address("fd00:3::2")
GROUP = ip_address("239.1.1.1")
OWN = (HERE, HERE6)
MEGABIT = Tspec(125_000.0, 12_500.0, math.inf, 64, 1500)


def udp(**told: object) -> OpenSocket:
    """A socket of UDP that is connected from HERE:4000 to PEER:5000 unless told otherwise."""
    known: dict[str, object] = {"local": (HERE, 4000), "peer": (PEER, 5000), "versions": frozenset({4})}
    return OpenSocket(1, frozenset({"app", "/usr/bin/app"}), UDP, **(known | told))  # type: ignore[arg-type]


def tcp(**told: object) -> OpenSocket:
    known: dict[str, object] = {"local": (HERE, 80), "peer": (PEER, 39000)}
    return OpenSocket(2, frozenset({"httpd"}), TCP, **(known | told))  # type: ignore[arg-type]


def named(one: OpenSocket, *rules: str) -> list[ProgramFlow]:
    return sorted(flows_of(one, [read_rule(rule) for rule in rules], OWN), key=lambda flow: flow.destination)


def test_a_rule_in_words():
    assert read_rule("udp to 10.0.3.0/24:5000-5999 rate 1mbit") == Rule(
        True, None, UDP, Area(), read_area("10.0.3.0/24:5000-5999"), Announcement(MEGABIT)
    )
    assert read_rule("receive tcp from 10.0.3.2 to :80 program httpd style se rate 8kbit") == Rule(
        False, "httpd", TCP, read_area("10.0.3.2"), read_area(":80"), Reservation(1000.0, SE)
    )
    told = read_rule("send rate 1mbit bucket 9000 peak 2mbit min 100 max 1000 ttl 5 excess shape")
    assert told.asks == Announcement(Tspec(125_000.0, 9000.0, 250_000.0, 100, 1000), 5, Excess.SHAPE)
    assert read_rule("receive delay 20ms").asks == Reservation(delay=0.02)
    assert read_rule("receive").asks == Reservation()
    assert read_rule("ignore to [fd00:3::/64]:7").asks is None


def test_a_rule_in_a_file_says_the_same(tmp_path: Path):
    file = tmp_path / "rules.toml"
    file.write_text(
        """
        [[rule]]
        program = "iperf*"
        protocol = "udp"
        destination = "10.0.3.0/24"
        port = "5000-5999"
        rate = "1mbit"

        [[rule]]
        direction = "receive"
        source = "10.0.3.2"
        port = 80
        style = "wf"
        service = "rate"
        rate = 1000

        [[rule]]
        ignore = true
        source_port = 53
        """
    )
    assert load(file) == (
        read_rule("udp program iperf* to 10.0.3.0/24:5000-5999 rate 1mbit"),
        read_rule("receive from 10.0.3.2 to :80 style wf service rate rate 1000"),
        read_rule("ignore from :53"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("udp", "needs a rate"),
        ("to", "nothing behind it"),
        ("udp 10.0.0.1", "none of the words"),
        ("udp tcp rate 1mbit", "says again"),
        ("to :5 to :6 rate 1mbit", "says again"),
        ("rate fast", "'fast' is no rate"),
        ("rate 1mbit style ff", "style is nothing that a program which sends"),
        ("receive bucket 9", "bucket is nothing that a program which receives"),
        ("receive rate 1mbit delay 1ms", "delay finds the rate"),
        ("receive service load delay 1ms", "promises no delay"),
        ("receive delay 0", "above 0"),
        ("ignore rate 1mbit", "needs no rate"),
        ("rate 1mbit ttl 0", "ttl"),
        ("rate 1mbit peak 1kbit", "peak is below"),
        ("rate 1mbit min 9 max 8", "swap"),
        ("rate 1mbit excess burn", "excess"),
        ("receive style xx", "style"),
        ("to 10.0.0.1/8 rate 1mbit", "10.0.0.0/8"),
    ],
)
def test_what_is_no_rule_is_said_in_a_sentence(text: str, words: str):
    with pytest.raises(ValueError, match=words) as refusal:
        read_rule(text)
    assert "\n" not in str(refusal.value)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]]\nrat = 1", "rat"),
        ("[[rule]]\nrate = 1\nport = 70000", "too high"),
        ("[[rule]]\ndirection = 'both'", "both"),
        ("[[rule]", "line 1"),
        ("rules = 1", "rules"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(tmp_path: Path, text: str, words: str):
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words) as refusal:
        load(file)
    assert str(refusal.value).startswith(f"{file}: ")
    assert "\n" not in str(refusal.value)
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "nowhere")


def test_a_connected_socket_sends_to_its_peer_and_hears_it():
    there = ProgramFlow(True, UDP, (HERE, 4000), (PEER, 5000), DEFAULT_TTL, Announcement(MEGABIT))
    back = ProgramFlow(False, UDP, (PEER, 5000), (HERE, 4000), DEFAULT_TTL, Reservation())
    assert named(udp(), "to 10.0.3.0/24:5000-5999 rate 1mbit") == [there]
    assert named(udp(), "receive from 10.0.3.0/24") == [back]
    assert named(udp(), "rate 1mbit", "receive") == [back, there]
    assert named(tcp(), "receive tcp to :80")[0].source == (PEER, 39000)
    assert named(tcp(), "tcp from :80 rate 1mbit")[0].destination == (PEER, 39000)


@pytest.mark.parametrize(
    "rule",
    [
        "to 10.0.4.0/24 rate 1mbit",
        "to :5001-5999 rate 1mbit",
        "from :4001 rate 1mbit",
        "from 10.0.2.0/24 rate 1mbit",
        "tcp rate 1mbit",
        "program ap rate 1mbit",
        "program /bin/* rate 1mbit",
        "receive to 10.0.3.0/24",
        "to fd00::/16 rate 1mbit",
    ],
)
def test_what_a_rule_does_not_name_is_left_alone(rule: str):
    assert named(udp(), rule) == []


@pytest.mark.parametrize("program", ["app", "a*", "/usr/bin/app", "/usr/*"])
def test_a_program_goes_by_its_name_or_its_files(program: str):
    assert len(named(udp(), f"program {program} rate 1mbit")) == 1


def test_the_first_rule_that_matches_counts():
    rules = ("ignore to :5000", "rate 1mbit")
    assert named(udp(), *rules) == []
    assert len(named(udp(peer=(PEER, 5001)), *rules)) == 1
    (flow,) = named(udp(), "to :5000 rate 2mbit", "rate 1mbit")
    assert isinstance(flow.asks, Announcement)
    assert flow.asks.tspec.rate == 250_000.0
    assert len(named(udp(), "ignore to :5000", "receive")) == 1, "sent and received are two things"


def test_what_stays_on_this_host_is_none_of_rsvps():
    for there in ("127.0.0.53", "::1", "fe80::1", "169.254.1.1", str(HERE), str(HERE6)):
        peer = (ip_address(there), 53)
        local = (ip_address("127.0.0.1"), 4000) if there == "127.0.0.53" else (HERE, 4000)
        assert named(udp(local=local, peer=peer, versions=frozenset({4, 6})), "rate 1mbit") == [], there
    assert named(udp(local=(ip_address("127.0.0.1"), 1), peer=(ip_address("127.0.0.1"), 2)), "receive") == []
    assert named(udp(peer=(HERE, 9)), "receive") == []


def test_whom_an_unconnected_socket_sends_to_only_a_rule_can_say():
    one = udp(local=(None, 4000), peer=None)
    (flow,) = named(one, "udp to 10.0.3.2:5000 rate 1mbit")
    assert (flow.source, flow.destination) == ((None, 4000), (PEER, 5000))
    both = named(one, "to 10.0.3.2:5000 rate 1mbit", "to 10.9.9.9:5000 rate 1mbit")
    assert [flow.destination for flow in both] == [(PEER, 5000), (OTHER, 5000)]
    (flow,) = named(one, "to 10.0.3.2:5000 from 10.0.1.1:4000 rate 1mbit")
    assert flow.source == (HERE, 4000), "the rule knows the address that the socket leaves open"
    for rule in (
        "to 10.0.3.0/24:5000 rate 1mbit",
        "to 10.0.3.2 rate 1mbit",
        "to 10.0.3.2:5-6 rate 1mbit",
        "to [fd00:3::2]:5000 rate 1mbit",
        "to 10.0.3.2:5000 from :4001 rate 1mbit",
        "to 10.0.3.2:5000 from 10.0.1.0/24 rate 1mbit",
    ):
        assert named(one, rule) == [], rule
    assert named(one, "ignore to :5000", "to 10.0.3.2:5000 rate 1mbit") == []
    assert named(udp(local=(None, 0), peer=None), "to 10.0.3.2:5000 rate 1mbit") == [], "no port yet"


def test_an_ipv6_socket_may_speak_ipv4():
    dual = udp(local=(None, 4000), peer=None, versions=frozenset({4, 6}))
    rules = ("to 10.0.3.2:5000 rate 1mbit", "to [fd00:3::2]:5000 rate 1mbit")
    assert {flow.destination[0] for flow in flows_of(dual, [*map(read_rule, rules)], OWN)} == {PEER, PEER6}


def test_an_unconnected_socket_hears_at_all_that_is_its_own():
    one = udp(local=(None, 5000), peer=None)
    (flow,) = named(one, "receive")
    assert (flow.source, flow.destination) == (NOWHERE, (HERE, 5000))
    both = udp(local=(None, 5000), peer=None, versions=frozenset({4, 6}))
    found = flows_of(both, [read_rule("receive")], OWN)
    assert {flow.destination[0] for flow in found} == {HERE, HERE6}
    assert [flow.destination for flow in named(udp(local=(HERE, 7), peer=None), "receive")] == [(HERE, 7)]
    (flow,) = named(one, "receive from 10.0.3.2:4000")
    assert flow.source == (PEER, 4000)
    (flow,) = named(one, "receive from 10.0.3.2")
    assert flow.source == (PEER, 0)
    for unknown in ("10.0.3.0/24", ":4000", ":4000-4001", "10.0.3.2:4000-4001"):
        assert named(one, f"receive from {unknown}") == [], "who may send from there nobody knows"
    assert named(one, "receive to 239.0.0.0/8") == []


def test_groups_are_heard_by_who_joined_them():
    one = udp(local=(None, 5000), peer=None, joined=frozenset({GROUP}))
    assert [flow.destination for flow in named(one, "receive to 239.0.0.0/8 style wf")] == [(GROUP, 5000)]
    assert [flow.destination for flow in named(one, "receive")] == [(HERE, 5000), (GROUP, 5000)]
    bound = udp(local=(GROUP, 5000), peer=None)
    assert [flow.destination for flow in named(bound, "receive")] == [(GROUP, 5000)]


def test_towards_a_group_the_socket_says_ttl_and_address():
    one = udp(local=(None, 4000), peer=None, multicast_ttl=7, multicast_source=HERE)
    (flow,) = named(one, "to 239.1.1.1:5000 rate 1mbit")
    assert (flow.source, flow.ttl) == ((HERE, 4000), 7)
    assert named(one, "to 239.1.1.1:5000 rate 1mbit ttl 3")[0].ttl == 3
    assert named(one, "to 10.0.3.2:5000 rate 1mbit")[0].source == (None, 4000)
    assert named(one, "to 10.0.3.2:5000 rate 1mbit")[0].ttl == DEFAULT_TTL
    assert named(udp(peer=(GROUP, 5000), multicast_ttl=9), "rate 1mbit")[0].ttl == 9


def test_listening_and_unconnected_tcp_has_no_flow():
    assert named(tcp(peer=None), "receive", "rate 1mbit", "to 10.0.3.2:80 rate 1mbit") == []


@pytest.mark.parametrize(
    ("rules", "one", "meant"),
    [
        (["to 10.0.3.0/24 rate 1mbit"], udp(peer=None), True),
        (["rate 1mbit"], udp(peer=None, local=(None, 4000)), True),
        (["to 10.0.3.2:5000 rate 1mbit"], udp(peer=None), False),
        (["rate 1mbit"], udp(), False),
        (["rate 1mbit"], udp(peer=None, local=(None, 0)), False),
        (["rate 1mbit"], tcp(peer=None), False),
        (["from :4001 rate 1mbit"], udp(peer=None), False),
        (["program other rate 1mbit"], udp(peer=None), False),
        (["ignore", "receive"], udp(peer=None), False),
    ],
)
def test_a_socket_that_rules_seem_to_mean_and_cannot(rules: Sequence[str], one: OpenSocket, meant: bool):
    assert is_unnamed(one, [read_rule(rule) for rule in rules]) is meant


def test_the_styles_of_what_is_reserved():
    assert [read_rule(f"receive style {word}").asks for word in ("ff", "wf", "se")] == [
        Reservation(None, style) for style in (FF, WF, SE)
    ]
