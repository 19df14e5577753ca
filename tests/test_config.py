"""rsvp.toml: what it says, and one sentence with its line for every mistake."""

from __future__ import annotations

import math
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp.config import InterfaceConfig, NodeConfig, format_rate, load, parse_rate, read
from rsvp.errors import ConfigError
from rsvp.intserv import Tspec
from rsvp.objects import GpiFilter, GpiSession, Session
from rsvp.paths import CONTROL
from rsvp.proxies import Told

WHOLE = """\
# the contract's own example
control = "/run/rsvp/control.sock"
refresh = 30.0                 # R, seconds
keep_multiplier = 3            # K
[interfaces.eth0]
enabled = true
bandwidth = "10mbit"
reservable = 0.75
per_flow = "1mbit"
latency = 0.002
"""


def test_an_empty_file_is_the_defaults():
    config = read("")
    assert config == NodeConfig()
    assert (config.control, config.refresh, config.keep_multiplier, config.ttl) == (CONTROL, 30.0, 3, 63)


def test_every_key_is_read():
    config = read(WHOLE)
    assert config.interface("eth0") == InterfaceConfig(
        enabled=True, bandwidth=1_250_000.0, reservable=0.75, per_flow=125_000.0, latency=0.002
    )
    assert config.interface("eth1") == InterfaceConfig(bandwidth=None, per_flow=math.inf)
    assert config.lines == {"eth0": "rsvp.toml, line 5"}
    assert read("refresh = 1").refresh == 1.0
    timing = read("slew_max = 1\nblockade_multiplier = 2\nrepair_wait = 0")
    assert (timing.slew_max, timing.blockade_multiplier, timing.repair_wait) == (1.0, 2, 0.0)
    assert read("interfaces.eth0.bandwidth = 1_000_000").interface("eth0").bandwidth == 1e6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("refresh = 1\nrefesh = 3", "rsvp.toml, line 2: unknown key 'refesh', did you mean 'refresh'?"),
        (
            "zzz = 3",
            "line 1: unknown key 'zzz', known are control, refresh, keep_multiplier, slew_max, ",
        ),
        ("only = ['a']", "unknown key 'only', known are"),
        ("[interface.eth0]", "line 1: unknown key 'interface', did you mean 'interfaces'?"),
        ("[interfaces.eth0]\n\nbandwith = 3", "line 3: unknown key 'bandwith', did you mean 'bandwidth'?"),
        ("refresh = 'x'", "line 1: refresh has to be a number of seconds from 0.01 to 86400, not 'x'"),
        (
            "[interfaces.eth0]\nlatency = '2ms'",
            "line 2: latency has to be a number of seconds from 0 to 268, such as 0.002, not '2ms'",
        ),
        ("refresh = 0", "refresh has to be a number of seconds from 0.01 to 86400, not 0"),
        ("refresh = nan", "refresh has to be a number of seconds from 0.01 to 86400, not nan"),
        ("refresh = true", "refresh has to be a number of seconds from 0.01 to 86400, not true"),
        ("keep_multiplier = 2.5", "keep_multiplier has to be a whole number from 1 to 255, not 2.5"),
        ("\nslew_max = 0", "line 2: slew_max has to be a share above 0 and up to 10, such as 0.3, not 0"),
        (
            "slew_max = '30%'",
            "line 1: slew_max has to be a share above 0 and up to 10, such as 0.3, not '30%'",
        ),
        (
            "\n\nblockade_multiplier = 0",
            "line 3: blockade_multiplier has to be a whole number from 1 to 255, not 0",
        ),
        ("repair_wait = -1", "line 1: repair_wait has to be a number of seconds from 0 to 3600, not -1"),
        (
            "[interfaces.e]\nrepair_wait = inf",
            "line 2: repair_wait has to be a number of seconds from 0 to 3600",
        ),
        (
            "[interfaces.e]\nkeep_multiplier = 0",
            "line 2: keep_multiplier has to be a whole number from 1 to 255",
        ),
        ("repair_weit = 1", "line 1: unknown key 'repair_weit', did you mean 'repair_wait'?"),
        ("ttl = 256", "ttl has to be a whole number from 1 to 255, not 256"),
        ("control = ''", "control has to be a path in quotes, not ''"),
        (
            "[interfaces.e]\nbandwidth = '10mb'",
            "line 2: bandwidth: '10mb' is no rate: write 500kbit, 10mbit or 1gbit, or a number of bytes/s",
        ),
        ("[interfaces.e]\nper_flow = 0", "line 2: per_flow has to be a rate above 0"),
        ("[interfaces.e]\nbandwidth = [\n1,\n2]", "line 2: bandwidth has to be a rate above 0"),
        ("[interfaces.e]\nreservable = 1.5", "line 2: reservable has to be a share from 0 to 1, not 1.5"),
        ("[interfaces.e]\nreservable = -0.1", "line 2: reservable has to be a share from 0 to 1, not -0.1"),
        ("[interfaces.e]\nenabled = 1", "line 2: enabled has to be true or false, not 1"),
        ("[interfaces]\neth0 = 3", "line 2: an interface is a table: write [interfaces.NAME], here 'eth0'"),
        ("interfaces = 3", "line 1: 'interfaces' is a table: write [interfaces.NAME]"),
        ("[[interfaces]]", "line 1: 'interfaces' is a table: write [interfaces.NAME]"),
        ("refresh", "rsvp.toml, line 1: expected '=' after a key in a key/value pair"),
        ("refresh = 1\nrefresh = 2", "rsvp.toml, line 2: cannot overwrite a value"),
        ("\n\ncontrol = '''x", "rsvp.toml, line 3: expected"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(text: str, sentence: str):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_after_a_long_value_has_the_right_line():
    text = 'control = """\\\n   /run/x\\\n   """\nrefresh = 1\nkeep_multiplier = "x"\n'
    with pytest.raises(ConfigError, match="line 5: keep_multiplier"):
        read(text)


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nope: no such file or directory$"):
        load(tmp_path / "nope")
    with pytest.raises(ConfigError, match=r"is a directory$"):
        load(tmp_path)
    (tmp_path / "latin").write_bytes(b"control = '\xe4'")
    with pytest.raises(ConfigError, match="latin: not UTF-8 text at byte 11"):
        load(tmp_path / "latin")
    (tmp_path / "good").write_text(WHOLE)
    assert load(tmp_path / "good").lines["eth0"] == f"{tmp_path}/good, line 5"


def test_the_lifetime_is_the_longest_of_any_interface():
    assert read("refresh = 10").lifetime == 52.5
    assert (
        read("refresh = 10\n[interfaces.a]\nrefresh = 20\n[interfaces.b]\nkeep_multiplier = 1").lifetime
        == 105.0
    )


def test_what_programs_make_is_checked_too():
    with pytest.raises(ValueError, match="refresh has to be a number of seconds"):
        NodeConfig(refresh=-1.0)
    with pytest.raises(ValueError, match="reservable has to be a share"):
        InterfaceConfig(reservable=2.0)


@pytest.mark.parametrize(
    ("text", "only", "taken"),
    [
        ("", (), {"eth0", "eth1", "eth2"}),
        ("[interfaces.eth1]", (), {"eth1"}),
        ("[interfaces.eth1]\nenabled = false", (), {"eth0", "eth2"}),
        ("[interfaces.eth1]\nenabled = false\n[interfaces.eth0]", (), {"eth0"}),
        ("", ("eth2",), {"eth2"}),
        ("[interfaces.eth1]", ("eth2",), {"eth2"}),
        ("[interfaces.eth2]\nenabled = false", ("eth2", "eth1"), {"eth1"}),
    ],
)
def test_which_interfaces_are_taken(text: str, only: tuple[str, ...], taken: set[str]):
    told = read(text)
    config = NodeConfig(interfaces=told.interfaces, only=only)
    assert {name for name in ("eth0", "eth1", "eth2") if config.takes(name)} == taken


def test_an_interface_that_is_not_there_is_told_with_its_line():
    read(WHOLE).require(["lo", "eth0"])
    with pytest.raises(ConfigError) as caught:
        read(WHOLE).require(["lo", "wlan0"])
    assert str(caught.value) == "rsvp.toml, line 5: there is no interface 'eth0' here, only lo, wlan0"
    with pytest.raises(ConfigError, match=r"^--interface: there is no interface 'eth9' here, only lo$"):
        NodeConfig(only=("eth9",)).require(["lo"])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("500kbit", 62_500),
        ("10mbit", 1.25e6),
        ("1gbit", 1.25e8),
        ("8bit", 1),
        ("125000", 125_000),
        ("1.5 Mbit", 187_500),
        (".5kbit", 62.5),
    ],
)
def test_rates_are_read(text: str, rate: float):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "10mb", "1e9", "-3", "inf", "nan", "1 0mbit", "10mbit/s", "٣mbit"]
)
def test_what_is_no_rate_says_what_one_is(text: str):
    with pytest.raises(
        ValueError, match="is no rate: write 500kbit, 10mbit or 1gbit, or a number of bytes/s"
    ):
        parse_rate(text)


def test_a_rate_is_above_nothing_and_below_everything():
    for text in ("0", "0mbit", "9" * 400):
        with pytest.raises(ValueError, match="a rate has to be above 0 and finite"):
            parse_rate(text)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (1.25e6, "10 Mbit/s"),
        (62_500, "500 kbit/s"),
        (1.25e8, "1 Gbit/s"),
        (1, "8 bit/s"),
        (0, "0 bit/s"),
        (124_999.99, "1 Mbit/s"),
        (math.inf, "unlimited"),
    ],
)
def test_rates_are_told_in_bits(rate: float, text: str):
    assert format_rate(rate) == text


@pytest.mark.parametrize("value", ['["10.0.0.1", "10.0.0.2"]', '["r1"]', '"10.0.0.1"', "[1]"])
def test_first_routers_are_addresses_one_of_each_ip_version(value: str) -> None:
    assert read('first_routers = ["10.0.0.1", "fd00::1"]').first_routers == ("10.0.0.1", "fd00::1")
    with pytest.raises(ConfigError, match="line 1: first_routers has to be a list of addresses, one of each"):
        read(f"first_routers = {value}")


# --- senders, reservations and listeners ----------------------------------------------------------

SENDER = '[[sender]]\ndestination = "10.1.0.2:5000"\nsource = "10.0.0.1:4000"\nrate = "1mbit"\n'
RESERVATION = '[[reservation]]\ndestination = "239.1.1.1:5000"\n'
LISTENER = '[[listener]]\ndestination = "10.3.0.0/16"\n'


def test_what_a_node_does_for_others():
    told = read(SENDER + RESERVATION + SENDER.replace('"10.0.0.1:4000"', "4000") + LISTENER).proxies
    one, two = told.senders
    assert (str(one.session), str(one.template), one.port) == ("10.1.0.2:5000/17", "10.0.0.1:4000", 0)
    assert (two.template, two.port) == (None, 4000)
    assert one.tspec == Tspec(125_000.0, 12_500.0)
    (reservation,), (listener,) = told.reservations, told.listeners
    assert (reservation.filters, reservation.style, listener.answer) == ((), "ff", "reply")
    assert listener.takes(Session(ip_address("10.3.255.1"), 6, 0))
    assert not listener.takes(Session(ip_address("10.4.0.1"), 6, 0))
    assert read("").proxies == Told()


def test_ipsec_flows_have_spis():
    """RFC 2207, in the notation of the command line."""
    esp = SENDER.replace("rate", 'protocol = "esp"\nrate')
    told = read(
        esp.replace("10.0.0.1:4000", "10.0.0.1/spi=0x1234")
        + esp.replace("10.0.0.1:4000", "spi=0x1234")
        + RESERVATION
        + 'protocol = "ah"\nsenders = ["10.0.0.1/spi=7"]\n'
    ).proxies
    (one, two), (reservation,) = told.senders, told.reservations
    assert reservation.filters == (GpiFilter(ip_address("10.0.0.1"), 7),)
    where = GpiSession(ip_address("10.1.0.2"), 50, 5000)
    assert (one.session, one.template, one.port) == (where, GpiFilter(ip_address("10.0.0.1"), 0x1234), 0)
    assert (two.session, two.template, two.port) == (where, None, 0x1234)


def test_equal_tables_are_equal():
    """What a file says as before goes on undisturbed: tables are compared, and keys of a dict."""
    assert read(SENDER).proxies == read("# moved\n" + SENDER).proxies
    assert len({*read(SENDER + RESERVATION).proxies.senders, *read(SENDER).proxies.senders}) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sender = 3", "line 1: 'sender' is a list of tables: write [[sender]]"),
        ("[sender]\nrate = 1", "line 1: 'sender' is a list of tables: write [[sender]]"),
        ("[[senders]]", "line 1: unknown key 'senders', did you mean 'sender'?"),
        ("[[sender]]\nrate = 1", "line 1: a [[sender]] needs 'destination'"),
        (SENDER + "rat = 1", "line 5: unknown key 'rat', did you mean 'rate'?"),
        (SENDER + "min = 2000", "line 5: min: 2000 is above max, 1500: swap them"),
        (SENDER + "max = 10", "line 1: min: 64 is above max, 10: swap them"),
        (SENDER + "max = 0", "line 5: max has to be a whole number of bytes from 1 to 65535, not 0"),
        (SENDER + 'peak = "1kbit"', "line 5: peak: is below rate: a flow's peak is at least its rate"),
        (SENDER + "ttl = 0", "line 5: ttl has to be a whole number from 1 to 255, not 0"),
        (SENDER + 'protocol = "sctpp"', "line 5: protocol: no such protocol: sctpp"),
        (SENDER.replace("1mbit", "1mb"), "line 4: rate: '1mb' is no rate: write 500kbit"),
        (SENDER.replace(":5000", ""), "line 2: destination: '10.1.0.2' is no address with a port"),
        (SENDER.replace(":4000", ":400000"), "line 3: source: port 400000 is too high"),
        (SENDER.replace('"10.0.0.1:4000"', "70000"), "line 3: source: port 70000 is too high"),
        (SENDER.replace("10.0.0.1", "[::1]"), "line 3: source: ::1 and 10.1.0.2 are of different families"),
        (
            SENDER + 'protocol = "esp"',
            "line 3: source: '10.0.0.1:4000' cannot send in this session: write ADDRESS/spi=0x1234",
        ),
        (SENDER.replace("10.0.0.1:4000", "spi=7"), "line 3: source: 'spi=7' is no port"),
        (
            SENDER.replace('"10.0.0.1:4000"', "4000") + 'interface = "eth0"',
            "line 3: source: is a host behind eth0: write its address, too",
        ),
        (SENDER + SENDER + "bucket = 0", "line 9: bucket has to be a number of bytes above 0"),
        (RESERVATION + 'style = "xf"', 'line 3: style has to be "ff", "wf" or "se", not \'xf\''),
        (
            RESERVATION + 'style = "wf"\nsenders = ["10.0.0.1:1"]',
            "line 4: senders: are not named in style wf",
        ),
        (RESERVATION + 'senders = "10.0.0.1:1"', "line 3: senders has to be a list of addresses with ports"),
        (RESERVATION + "bucket = 9", "line 3: bucket: goes with a rate: write that, too"),
        (RESERVATION + 'join = "a"\ninterface = "b"', "line 3: join: is for a group's member on this node"),
        (RESERVATION.replace("239", "10") + 'join = "a"', "line 3: join: is where to join a group"),
        ("[[listener]]\nstyle = 'ff'", "line 1: a [[listener]] needs 'destination'"),
        (LISTENER.replace("/16", "/8"), "line 2: destination: '10.3.0.0/8' has bits behind its prefix"),
        (LISTENER + 'answer = "maybe"', 'line 3: answer has to be "reply" or "reject", not \'maybe\''),
        (LISTENER + 'service = "best"', 'line 3: service has to be "load" or "rate", not \'best\''),
    ],
)
def test_their_mistakes_are_one_sentence_with_its_line(text: str, sentence: str):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("rsvp.toml, line ")
