"""A cooldown begins with a failure, expires, and is separate for each object."""

from config.resilience import cooldown
from config.resilience.cooldown import Cooldown


def test_a_cooldown_expires(monkeypatch) -> None:
    now = 100.0
    monkeypatch.setattr(cooldown.time, "monotonic", lambda: now)
    pause = Cooldown(seconds=5)
    assert not pause.is_active()
    pause.begin()
    now = 104.9
    assert pause.is_active()
    now = 105.0
    assert not pause.is_active()


def test_each_object_has_its_own_cooldown() -> None:
    pause = Cooldown(seconds=60)
    pause.begin("one")
    assert pause.is_active("one")
    assert not pause.is_active("another")
    pause.end("one")
    assert not pause.is_active("one")
