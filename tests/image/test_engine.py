"""Where no image can be built, that is said, and why."""

import pytest

from tests.image import engine


def test_it_says_why_it_cannot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(engine, "docker_works", lambda: False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert engine.main() == engine.CANNOT
    assert "THE IMAGE WAS NEITHER BUILT NOR TESTED HERE: Docker does not answer" in capsys.readouterr().out


def test_it_says_that_packages_are_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "why_none", lambda: "")
    monkeypatch.setattr(engine, "engine", lambda: Unreachable())
    assert engine.main() == engine.CANNOT
    assert "TESTED HERE: no way out" in capsys.readouterr().out


class Unreachable:
    def prepare(self) -> str:
        return "no way out"
