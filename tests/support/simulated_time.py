"""Simulated time: instead of waiting, make every timestamp that the shop has stored older."""

from collections.abc import Callable
from datetime import timedelta

from django.core.cache import cache
from django.db.models import DateTimeField, F, Model

from cart.models import Cart
from checkout import tasks
from checkout.models import IdempotencyKey, Order, OutboxMessage
from inventory.models import Reservation, ReservationLine
from payments.models import (
    AttemptSearch,
    ChargeMismatch,
    Dispute,
    Payment,
    PaymentAttempt,
    ReconcileCursor,
    Refund,
    WebhookEvent,
)
from shipping.models import Label, Quote
from tests.support.sandbox import Sandbox, close_breakers

MODELS: list[type[Model]] = [
    AttemptSearch, Cart, ChargeMismatch, Dispute, IdempotencyKey, Label, Order, OutboxMessage, Payment, PaymentAttempt,
    Quote, ReconcileCursor, Refund, Reservation, ReservationLine, WebhookEvent,
]  # fmt: skip


def pass_time(seconds: float, sandbox: Sandbox | None = None) -> None:
    """Let `seconds` pass for our rows, for locks and breakers in Redis, and for the provider if given."""
    for model in MODELS:
        columns = [field.name for field in model._meta.fields if isinstance(field, DateTimeField)]
        model._base_manager.update(**{name: F(name) - timedelta(seconds=seconds) for name in columns})
    cache.delete_pattern("checkout:*")
    close_breakers()
    if sandbox is not None:
        sandbox.advance_clock(seconds)


def two_minutes(passing: Callable[[float], None] = pass_time) -> None:
    """The longest that anything may be out of balance: the sweeper runs every 30 seconds, the relay every 10."""
    for _ in range(4):
        passing(30)
        tasks.settle_webhook_events()
        tasks.sweep()
        tasks.finish_labels()
        for _ in range(3):
            tasks.relay_outbox()
