"""The policy file, and which rule counts; what can be said of a message at all."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import pytest

from rsvp.classify import Action, Classification, ClassifiedSocket, Policy, Priority, load, read
from rsvp.errors import ClassificationError, ConfigError
from tests.pages import blocks

TO = ip_address("10.0.3.2")


def action(
    policy: Policy,
    token: str | None = None,
    priority: Priority | None = None,
    protocol: str = "udp",
    port: int = 5000,
) -> Action:
    return policy.find(Classification(token, priority), protocol, TO, port)


def test_a_token_is_compared_whole_and_case_counts() -> None:
    policy = read('[[rule]]\ntoken = "Voice"\ndscp = 46')
    assert action(policy, "Voice") == Action(46)
    for other in ("voice", "Voice ", "Voic", "VOICE", None):
        assert action(policy, other) == Action()


def test_numbers_are_text() -> None:
    policy = read('[[rule]]\ntoken = "25"\ndscp = 10')
    assert action(policy, "25") == Action(10)
    assert action(policy, "025") == Action()


def test_a_rule_without_a_token_is_for_all_tokens() -> None:
    policy = read("[[rule]]\ndscp = 10")
    assert action(policy) == action(policy, "anything") == action(policy, None, Priority.LOW) == Action(10)


def test_token_and_priority_both_have_to_match() -> None:
    policy = read('[[rule]]\ntoken = "x"\npriority = "high"\ndscp = 33')
    assert action(policy, "x", Priority.HIGH) == Action(33)
    assert action(policy, "x") == Action()
    assert action(policy, "x", Priority.LOW) == Action(8), "the level's own"
    assert action(policy, "y", Priority.HIGH) == Action(34), "the level's own"


def test_the_heaviest_rule_counts_and_of_equal_ones_the_first() -> None:
    text = "[[rule]]\ndscp = 1\n[[rule]]\ndscp = 2\nweight = 3\n[[rule]]\ndscp = 3\nweight = 3"
    assert action(read(text)) == Action(2)


def test_rules_are_about_flows() -> None:
    text = (
        '[[rule]]\nprotocol = "udp"\ndestination = "10.0.0.0/16"\nport = "5000-5009"\ndscp = 7\n'
        'so_priority = 5\nreserve = "80kbit"'
    )
    policy = read(text)
    assert action(policy) == action(policy, port=5009) == Action(7, 5, 10_000.0)
    assert action(policy, port=5010) == action(policy, protocol="tcp") == Action()
    assert policy.find(Classification(), "udp", ip_address("10.1.0.1"), 5000) == Action()
    assert policy.find(Classification(), "udp", None, 5000) == Action()


def test_levels_have_the_usual_code_points_unless_told() -> None:
    assert [action(Policy(), None, one).dscp for one in Priority] == [46, 34, 18, 8, 0]
    assert action(read("[levels]\nhigh = 40"), None, Priority.HIGH) == Action(40)
    assert action(read("[levels]\nhigh = 40"), None, Priority.LOW) == Action(8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]]\ndscp = 64", "dscp"),
        ("[[rule]]\ndcsp = 6", "dcsp"),
        ('[[rule]]\npriority = "urgent"', "urgent"),
        ('[[rule]]\ndestination = "nowhere"', "nowhere"),
        ('[[rule]]\nport = "http"', "http"),
        ('[[rule]]\nreserve = "fast"', "fast"),
        ('[[rule]]\ntoken = "a\\nb"', "printable"),
        ("[[rule]\n", "line 1"),
        ("[levels]\nhigh = -1", "levels"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read(text, "my.toml")
    assert str(refusal.value).startswith("my.toml: ")
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load("/nowhere/policy.toml")


@pytest.mark.parametrize("token", ["", "x" * 129, "tab\t", "ümlaut", "nul\0"])
def test_tokens_that_cannot_be(token: str) -> None:
    """Longer ones are refused, where IBM cuts them off: two that differ later would be the same."""
    with pytest.raises(ClassificationError) as refusal:
        Classification(token)
    assert refusal.value.errno == errno.EINVAL


def test_the_longest_token() -> None:
    assert Classification("x" * 128).token == "x" * 128


def test_there_is_one_priority() -> None:
    with pytest.raises(ClassificationError) as refusal:
        Classification(None, {Priority.LOW, Priority.HIGH})  # type: ignore[arg-type]
    assert refusal.value.errno == errno.EINVAL


def test_sockets_that_have_no_classification() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ClassificationError) as refusal:
        ClassifiedSocket(one)
    assert refusal.value.errno == errno.EOPNOTSUPP


def test_the_guide_s_file_is_one() -> None:
    (text,) = [block.text for block in blocks("ibm.md") if block.language == "toml"]
    policy = read(text)
    (rule,) = policy.rule
    assert rule.action == Action(46, 6, 8000.0)
    assert policy.levels == {Priority.LOW: 8}
