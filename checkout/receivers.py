"""Everything that happens after an order, on one page; and what a sign-in does for the orders of a guest."""

from typing import Any

from django.http import HttpRequest

from cart import session, snapshot
from checkout import services, tasks
from checkout.models import Order
from config.accounts.models import User
from config.resilience import task_queue


def forget_cart_copy(order: Order, **_: Any) -> None:
    """The cart is an order now: Redis need not know it any more."""
    snapshot.forget(order.cart)


def nudge_outbox(**_: Any) -> None:
    """Have the mail sent now instead of at the relay's next round."""
    task_queue.enqueue(tasks.relay_outbox)


def give_orders_to_account(request: HttpRequest | None, user: User, **_: Any) -> None:
    """Who bought as a guest and then makes an account, or signs in, finds the order under "My orders"."""
    token = session.guest_token(request) if request else ""
    if token:
        services.give_to_account(token, user)
