"""Reading the provider's records on from a cursor: nothing twice, nothing left out, one worker at a time."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from payments.models import ReconcileCursor
from payments.models.reconcile_cursors import LEASE
from payments.reconcile import RECONCILE_WINDOW, SliceNotSettled, follow
from payments.slices import slices

pytestmark = pytest.mark.django_db

Slices = list[tuple[datetime, datetime]]


class Reader:
    """Remembers what it was asked to read; fails on demand."""

    def __init__(self) -> None:
        self.read: Slices = []
        self.tries: list[int] = []
        self.failure: Exception | None = None

    def __call__(self, first: datetime, last: datetime, tries: int) -> None:
        self.read.append((first, last))
        self.tries.append(tries)
        if self.failure:
            raise self.failure


def cursor() -> ReconcileCursor:
    return ReconcileCursor.objects.get(stream="s")


def assert_without_gaps(read: Slices) -> None:
    assert [last for _first, last in read[:-1]] == [first for first, _last in read[1:]]


def test_it_begins_a_window_ago_and_goes_on_where_it_ended() -> None:
    reader, now = Reader(), timezone.now()
    follow("s", reader, until=now - timedelta(hours=1))
    assert abs(reader.read[0][0] - (now - RECONCILE_WINDOW)) < timedelta(seconds=5)
    follow("s", reader, until=now)
    follow("s", reader, until=now)
    assert reader.read[-1][1] == now
    assert_without_gaps(reader.read)
    assert (cursor().position, cursor().claimed_at) == (now, None)


def test_a_round_that_is_over_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.reconcile.ROUND_SECONDS", 0)
    reader, now = Reader(), timezone.now()
    for _ in range(3):
        follow("s", reader, until=now)
    assert len(reader.read) == 3
    assert_without_gaps(reader.read)
    assert cursor().position == reader.read[-1][1]


def test_a_slice_that_was_not_dealt_with_is_read_again() -> None:
    reader, now = Reader(), timezone.now()
    reader.failure = SliceNotSettled()
    for _ in range(3):
        follow("s", reader, until=now)
    assert len(set(reader.read)) == 1
    assert reader.tries == [0, 1, 2]
    reader.failure = None
    follow("s", reader, until=now)
    assert reader.tries[3:5] == [3, 0]
    assert (cursor().position, cursor().tries) == (now, 0)


def test_a_failure_is_passed_on_and_frees_the_stream() -> None:
    reader, now = Reader(), timezone.now()
    reader.failure = OSError("The provider is away.")
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            follow("s", reader, until=now)
    assert len(reader.read) == 2
    assert (cursor().position, cursor().claimed_at) == (reader.read[0][0], None)


def test_another_worker_does_nothing_meanwhile() -> None:
    other, now = Reader(), timezone.now()
    follow("s", lambda *_slice: follow("s", other, until=now), until=now)
    assert other.read == []


def test_the_stream_of_a_dead_worker_is_taken_over_and_it_stops_if_it_was_not_dead() -> None:
    other, now = Reader(), timezone.now()
    read: Slices = []

    def sleep(first: datetime, last: datetime, _tries: int) -> None:
        read.append((first, last))
        ReconcileCursor.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
        follow("s", other, until=now)

    follow("s", sleep, until=now)
    assert len(read) == 1
    assert other.read[0][0] == read[0][0]
    assert (cursor().position, cursor().claimed_at) == (now, None)


def test_slices_widen_while_reading_is_quick_and_narrow_while_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("payments.slices.monotonic", lambda: next(clock) * 3)
    first, last = timezone.now() - timedelta(hours=1), timezone.now()
    slow = [end - begin for begin, end in slices(first, last, seconds=600)]
    assert slow == sorted(slow, reverse=True)
    assert min(slow[:-1]) == timedelta(seconds=1)
    monkeypatch.setattr("payments.slices.monotonic", lambda: 0.0)
    quick = [end - begin for begin, end in slices(first, last, seconds=600)]
    assert max(quick) == timedelta(minutes=5)
    assert sum(quick, timedelta()) == last - first
