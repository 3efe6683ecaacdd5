"""The verdict finds what was planted and nothing else; and a short soak of a real demo measures everything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak import soak
from tests.soak.verdict import AGE, FILES, KEYS, MEMORY, ROWS, Kind, Sample, what_grows

SAMPLES = 30
Series = Callable[[int], float]


def after(kind: Kind, series: Series, sold: Callable[[int], int] = lambda minute: 10 * minute) -> list[str]:
    """The series that grow, of one that has these values minute by minute."""
    samples = [Sample(60.0 * minute, sold(minute), {"it": series(minute)}) for minute in range(SAMPLES)]
    return [growth.series for growth in what_grows(samples, {"it": kind})]


LEVEL: dict[str, tuple[Kind, Series]] = {
    "warms up": (MEMORY, lambda minute: 200 + min(minute, 8) * 10),
    "is noisy": (MEMORY, lambda minute: 300 + 7 * (minute % 3)),
    "peaks once, at the end": (FILES, lambda minute: 120 + 20 * (minute == SAMPLES - 1)),
    "a row an order": (ROWS, lambda minute: 300 + 10 * minute),
    "seven rows an order": (ROWS, lambda minute: 70 * minute),
    "is emptied now and then": (KEYS, lambda minute: 300 * (minute % 5)),
    "waits a little": (AGE, lambda minute: minute % 4),
}
GROWS: dict[str, tuple[Kind, Series]] = {
    "leaks memory": (MEMORY, lambda minute: 200 + 4 * minute),
    "leaks memory, slowly, from a small base": (MEMORY, lambda minute: 60 + 1.2 * minute),
    "leaves files open": (FILES, lambda minute: 100 + 2 * minute),
    "more and more rows an order": (ROWS, lambda minute: minute**3),
    "keys of nobody": (KEYS, lambda minute: 1.5**minute),
    "nobody sends the mail": (AGE, lambda minute: 60 * minute),
}


@pytest.mark.parametrize("name", LEVEL)
def test_what_is_level_or_was_sold_is_not_named(name: str) -> None:
    assert after(*LEVEL[name]) == []


@pytest.mark.parametrize("name", GROWS)
def test_what_grows_is_named(name: str) -> None:
    assert after(*GROWS[name]) == ["it"]


def test_rows_that_grow_while_nothing_is_sold_are_named() -> None:
    assert after(ROWS, lambda minute: 300 * max(0, minute - 19), lambda minute: min(minute, 19) * 10) == ["it"]


def test_too_few_samples_give_no_verdict() -> None:
    with pytest.raises(ValueError, match="Too few"):
        what_grows([Sample(0, 0, {})] * 8, {})


def test_a_short_soak_measures_everything(tmp_path: Path) -> None:
    said: list[str] = []
    done = soak.run(tmp_path, minutes=0.25, say=said.append)
    assert len(done.samples) == len(said) == 10
    last = done.samples[-1].values
    for name in ("postgres", "valkey", "sandbox", "carrier", "web", "beat", "worker"):
        assert last[f"memory of {name}"] > 1
        assert last[f"open files of {name}"] > 1
    assert done.samples[-1].sold > 0
    assert last["rows of checkout_order"] >= done.samples[-1].sold
    for name in ("bytes of checkout_order", "keys of the cache", "bytes in Redis", "connections to PostgreSQL"):
        assert last[name] > 0
    assert {"connections to Redis", "keys of the broker", "age of the outbox", "age of the inbox"} <= set(last)
