"""Calls to Stripe: each through a circuit breaker, outside transactions, its failures told apart from its answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import stripe

from config.db.locks import refuse_in_transaction
from config.resilience.breakers import BreakerOpen, breaker
from payments.gateways.background import is_background
from payments.gateways.stripe_documents import storable
from payments.gateways.stripe_errors import failure_of, unavailable

# The breakers: of shoppers' calls, except that Pix has one of its own, and of what runs in the background.
SERVICE = "stripe"
PIX_SERVICE = "stripe_pix"
BACKGROUND_SERVICE = "stripe_background"

Answer = TypeVar("Answer")


class StripeCalls:
    """The SDK's client, and the only way to call it."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client

    @property
    def intents(self) -> stripe.PaymentIntentService:
        return self.client.v1.payment_intents

    def cancel(self, intent_id: str) -> stripe.PaymentIntent:
        """Cancel an intent; for `call`. Repeating it is harmless, so no key of ours goes along: under one, Stripe would
        repeat a failure of its own for a day. (The SDK sends a new key each time.)"""
        return self.intents.cancel(intent_id)

    def call(self, call: Callable[[], Answer], *, service: str = SERVICE) -> Answer:
        """Make one call through the breaker of `service`, or that of background work.

        Raises NothingSent or NoAnswer if Stripe failed, PaymentUnavailable if the circuit is open, and Stripe's own
        errors if it answered.
        """
        refuse_in_transaction("Stripe")
        name = BACKGROUND_SERVICE if is_background() else service
        with open_circuit_as_unavailable(), breaker(name).calling():
            try:
                return call()
            except stripe.StripeError as error:
                failure = failure_of(error)
                if failure is None:
                    raise
                raise failure from error


@contextmanager
def open_circuit_as_unavailable() -> Iterator[None]:
    """Turn BreakerOpen into PaymentUnavailable."""
    try:
        yield
    except BreakerOpen as error:
        raise unavailable(error, "call", retry_after=error.retry_after_seconds) from error


def plain(document: stripe.StripeObject) -> dict[str, Any]:
    """The SDK's object as plain JSON that PostgreSQL can store."""
    return dict(storable(document.to_dict()))
