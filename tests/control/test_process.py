"""Users, groups and rights by name and number; what the process really becomes is seen in namespaces."""

from __future__ import annotations

import gc
import os

import pytest

from rsvp.config import NodeConfig, read
from rsvp.daemon.process import COLLECTED, effective_rights, leave_alone, owner_of_socket
from rsvp.errors import ConfigError


@pytest.mark.parametrize("key", ["control_group", "user"])
def test_a_group_or_user_that_nobody_has(key: str):
    told = read(f"refresh = 1\n{key} = 'no-such-one'")
    what = key.removeprefix("control_")
    sentence = f"^rsvp.toml, line 2: there is no {what} 'no-such-one' on this host$"
    with pytest.raises(ConfigError, match=sentence):
        owner_of_socket(told)


def test_without_either_the_socket_is_this_process_s():
    assert owner_of_socket(NodeConfig()) == (-1, -1)
    assert owner_of_socket(NodeConfig(user="root", control_group="root")) == (0, 0)


def test_rights_of_processes():
    assert effective_rights(os.getpid()) >= 0
    assert effective_rights(2**30) == ~0, "who cannot be seen may have any"


def test_the_collector_of_garbage_looks_seldom():
    before = gc.get_threshold()
    try:
        leave_alone()
        assert gc.get_threshold() == COLLECTED
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
