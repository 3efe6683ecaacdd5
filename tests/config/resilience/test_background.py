"""Work in the background: bounded, and safe to fail."""

from threading import Event

import pytest

from config.resilience.background import Background
from tests.support.waiting import eventually


def test_no_one_waits_for_it() -> None:
    background, go, done = Background("test", threads=1, at_most=1), Event(), Event()
    assert background.begin(lambda: go.wait(10) and done.set())
    assert not done.is_set()
    go.set()
    assert done.wait(10)


def test_what_is_too_much_is_dropped() -> None:
    background, go, ran = Background("test", threads=1, at_most=2), Event(), []
    assert background.begin(lambda: go.wait(10))
    assert background.begin(lambda: ran.append("second"))
    assert not background.begin(lambda: ran.append("third"))
    go.set()
    eventually(lambda: background.begin(lambda: ran.append("later")))
    eventually(lambda: len(ran) == 2)
    assert ran == ["second", "later"]


def test_a_failure_is_logged_and_makes_room(caplog: pytest.LogCaptureFixture) -> None:
    background = Background("test", threads=1, at_most=1)
    for _ in range(2):
        eventually(lambda: background.begin(lambda: 1 // 0))
    eventually(lambda: background.begin(lambda: None))
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2
