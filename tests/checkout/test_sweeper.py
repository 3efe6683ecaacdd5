"""What the sweeper tidies."""

from datetime import timedelta

import pytest
from django.utils import timezone

from checkout import sweeper, tasks
from shipping.models import Quote
from tests.cart.factories import ready_cart
from tests.checkout.support import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def test_old_quotes_go_unless_an_order_was_made_of_them() -> None:
    order = order_of(ready_cart())
    ready_cart()
    long_ago = timezone.now() - timedelta(days=3)
    Quote.objects.update(created_at=long_ago, expires_at=long_ago + timedelta(minutes=30))
    assert sweeper.forget_old_quotes() == 1
    assert list(Quote.objects.all()) == [order.quote]


def test_a_round_with_nothing_to_do_does_nothing() -> None:
    tasks.sweep()
    tasks.relay_outbox()
    tasks.settle_webhook_events()
