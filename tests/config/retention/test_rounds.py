"""Rounds: bounded, in small batches, fair between rules; what they did is recorded and shown."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.retention import rounds
from config.retention.models import RetentionRound
from config.retention.rounds import run_round
from config.retention.rules import RetentionRule, all_rules
from config.retention.tasks import keep_retention
from payments.models import WebhookEvent
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timezone.now() - timedelta(days=400)


def expired_sessions(number: int) -> None:
    rows = [Session(session_key=str(each), session_data="", expire_date=LONG_AGO) for each in range(number)]
    Session.objects.bulk_create(rows)


def handled_events(number: int) -> None:
    rows = [
        WebhookEvent(provider="stripe", event_id=str(each), type="x", payload={}, handled_at=LONG_AGO)
        for each in range(number)
    ]
    WebhookEvent.objects.bulk_create(rows)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BATCH", 10)


def test_a_round_goes_on_until_nothing_is_due() -> None:
    expired_sessions(35)
    assert run_round()["sessions"] == 35
    assert not Session.objects.exists()
    record = RetentionRound.objects.get(rule="sessions")
    assert (record.removed, record.is_complete, record.error) == (35, True, "")


def test_each_transaction_is_short(django_assert_max_num_queries) -> None:
    expired_sessions(35)
    rule = next(rule for rule in all_rules() if rule.name == "sessions")
    with django_assert_max_num_queries(4):  # BEGIN, SELECT … FOR UPDATE SKIP LOCKED, DELETE, COMMIT
        assert rounds.remove_batch(rule) == 10
    assert Session.objects.count() == 25


def test_it_ends_when_its_time_is_up_and_says_so() -> None:
    expired_sessions(35)
    assert run_round(seconds=0)["sessions"] == 0
    assert not RetentionRound.objects.get(rule="sessions").is_complete
    keep_retention()
    assert RetentionRound.objects.get(rule="sessions").is_complete
    assert not Session.objects.exists()


def test_rules_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    expired_sessions(30)
    handled_events(30)
    turns: list[str] = []
    remove = rounds.remove_batch

    def note(rule: RetentionRule) -> int:
        turns.append(rule.name)
        return remove(rule)

    monkeypatch.setattr(rounds, "remove_batch", note)
    run_round()
    rest = turns[len(all_rules()) :]
    assert rest == ["sessions", "webhook_events"] * 3


def test_a_rule_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    expired_sessions(5)
    handled_events(5)
    remove = rounds.remove_batch

    def fail(rule: RetentionRule) -> int:
        if rule.name == "sessions":
            raise ZeroDivisionError
        return remove(rule)

    monkeypatch.setattr(rounds, "remove_batch", fail)
    assert run_round()["webhook_events"] == 5
    record = RetentionRound.objects.get(rule="sessions")
    assert (record.is_complete, record.error) == (False, "ZeroDivisionError")
    assert "The retention of sessions failed" in caplog.text


def test_beat_runs_it() -> None:
    from django.conf import settings

    assert "config.retention.tasks.keep_retention" in {
        entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()
    }


class TestPage:
    def test_staff_see_periods_rows_past_due_and_the_last_round(self, desk: Client) -> None:
        expired_sessions(3)
        page = desk.get(reverse("admin:retention"))
        text = page.content.decode()
        for rule in all_rules():
            assert f"{rule.days:,} day" in text
        (row,) = [row for row in page.context["rows"] if row["rule"].name == "sessions"]
        assert (row["past_due"], row["round"]) == (3, None)
        run_round()
        (row,) = [row for row in desk.get(reverse("admin:retention")).context["rows"] if row["rule"].name == "sessions"]
        assert (row["past_due"], row["round"].removed) == (0, 3)

    def test_it_needs_the_permission(self) -> None:
        assert staff_with("config.view_machinery").get(reverse("admin:retention")).status_code == 200
        assert staff_with("checkout.view_order").get(reverse("admin:retention")).status_code == 403


class TestSettings:
    def errors(self) -> list[str]:
        return [str(error.id) for error in run_checks() if str(error.id).startswith("retention.")]

    def test_the_defaults_are_sound(self) -> None:
        assert self.errors() == []

    @pytest.mark.parametrize(
        ("name", "days"),
        [("audit", 0), ("audit", 90), ("orders", 1000), ("sessions", 0), ("carts", 5000), ("carts", -1)],
    )
    def test_nonsense_is_refused(self, name: str, days: int, settings: Any) -> None:
        settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, name: days}
        assert self.errors() == ["retention.E001"]

    def test_a_setting_without_a_rule_is_refused(self, settings: Any) -> None:
        settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "cats": 5}
        assert self.errors() == ["retention.E002"]
