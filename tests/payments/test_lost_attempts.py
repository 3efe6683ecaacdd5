"""Attempts whose answer was lost, among any number of strangers' charges: each ends, and none is charged twice."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from payments import lost_attempts, provider
from payments.gateways import gateway
from payments.models import AttemptSearch, PaymentAttempt
from tests.payments.support import charged, opened, recorded
from tests.support.sandbox import Sandbox
from tests.support.simulated_time import pass_time

pytestmark = pytest.mark.django_db

LONGEST_REQUEST = gateway().longest_request.total_seconds()


def asked(attempt: PaymentAttempt) -> PaymentAttempt:
    attempt.refresh_from_db()
    return recorded(attempt, provider.ask(attempt))


def asked_until_certain(attempt: PaymentAttempt) -> str:
    """Round after round, as the sweeper does: a slow machine needs more of them."""
    for _ in range(100):
        status = asked(attempt).status
        if status != "unknown":
            return status
    raise AssertionError("It stays unknown.")


def aged(attempt: PaymentAttempt, seconds: float = 70) -> PaymentAttempt:
    """Old enough to be looked up, and so are the provider's records of it."""
    pass_time(seconds)
    attempt.refresh_from_db()
    return attempt


def use_key_without_a_charge(attempt: PaymentAttempt, sandbox: Sandbox) -> None:
    """As after a failure that the provider keeps: the call came, and nothing that bears the attempt's id is left."""
    sandbox.create_intent(key=str(attempt.pk))


def twenty_busy_minutes(sandbox: Sandbox, count: int = 2_500) -> None:
    now = time.time()
    sandbox.add_foreign_intents(count=count, created_from=now - 600, created_to=now + 600)


def test_a_charge_is_found_among_thousands(sandbox: Sandbox) -> None:
    sandbox.fault("lost_answer", times=1)
    attempt = charged(sandbox)
    twenty_busy_minutes(sandbox)

    assert asked(aged(attempt)).status == "approved"
    assert sandbox.ledger()["captured"] == 10980


def test_a_call_that_never_came_needs_no_list(sandbox: Sandbox) -> None:
    attempt = opened()
    sandbox.fault("error", error_status=500, method="GET")

    assert asked(aged(attempt)).status == "cancelled"
    assert not AttemptSearch.objects.exists()


def test_a_call_that_made_no_charge_is_cancelled_once_it_must_have_ended(sandbox: Sandbox) -> None:
    attempt = opened()
    use_key_without_a_charge(attempt, sandbox)
    twenty_busy_minutes(sandbox)

    assert asked(aged(attempt)).status == "unknown"
    assert asked(aged(attempt, LONGEST_REQUEST - 5)).status == "unknown"
    assert asked_until_certain(aged(attempt, 10)) == "cancelled"


def test_a_search_goes_on_where_it_ended(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = opened()
    use_key_without_a_charge(attempt, sandbox)
    twenty_busy_minutes(sandbox)
    asked(aged(attempt))
    pass_time(LONGEST_REQUEST)
    monkeypatch.setattr(lost_attempts, "LOOK_SECONDS", 0)

    reached = [AttemptSearch.objects.get().searched_to]
    while asked(attempt).status == "unknown":
        reached.append(AttemptSearch.objects.get().searched_to)
        assert len(reached) < 100

    assert len(reached) > 5
    assert reached[1:] == sorted({moment for moment in reached if moment})
    attempt.refresh_from_db()
    assert attempt.status == "cancelled"


def test_a_charge_that_the_provider_left_halfway_is_closed(sandbox: Sandbox) -> None:
    """The call made an intent, and the provider failed before it was confirmed."""
    attempt = opened()
    sandbox.create_intent(key=str(attempt.pk), metadata={"attempt": str(attempt.pk)})

    assert asked(aged(attempt)).status == "cancelled"
    assert sandbox.ledger()["intents"] == {"canceled": 1}


def test_a_charge_is_found_after_the_provider_has_forgotten_the_key(sandbox: Sandbox) -> None:
    """No round ran for a day, as after a long outage of ours."""
    attempt = opened()
    sandbox.create_intent(confirm=True, payment_method="pm_card_visa", metadata={"attempt": str(attempt.pk)})
    PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(hours=25))
    asked(attempt)
    pass_time(LONGEST_REQUEST)

    assert asked_until_certain(attempt) == "approved"


def test_a_call_under_way_is_waited_for(sandbox: Sandbox) -> None:
    attempt = opened()
    sandbox.fault("error", error_status=409, method="POST", times=1)

    assert asked(aged(attempt)).status == "unknown"
    assert not AttemptSearch.objects.exists()
    assert asked(attempt).status == "cancelled"
