"""Every reaction to a paid order, and what a sign-in does for guest orders."""

from typing import Any

from allauth.account.models import EmailAddress
from django.http import HttpRequest

from cart import session, snapshot
from checkout import services, tasks
from checkout.models import Order
from config.accounts.models import User
from config.resilience import task_queue

# How long a mail waits for others to be sent with: one run of the relay and one connection to the mail server for all.
MAIL_SECONDS = 1.0


def forget_cart_copy(order: Order, **_: Any) -> None:
    """Delete the copy of an ordered cart from Redis."""
    snapshot.forget(order.cart)


def nudge_outbox(**_: Any) -> None:
    """Run the relay soon, so that the mail does not wait for the next round: once for all orders of a second."""
    task_queue.nudge(tasks.relay_outbox, gather_seconds=MAIL_SECONDS)


def give_orders_to_account(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Put the orders that this browser placed as a guest under "My orders" once the shopper signs in or signs up."""
    token = session.guest_token(request) if request else ""
    if token:
        services.give_to_account(token, user)


def give_orders_to_owner(email_address: EmailAddress, **_: Any) -> None:
    """Put what was ordered as a guest with this address, in any browser, under "My orders" of whoever has proven it."""
    services.give_to_owner(email_address.user)
