"""Every reaction to a paid order, and what a proven address does for guest orders."""

from typing import Any

from allauth.account.models import EmailAddress

from cart import snapshot
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


def give_orders_to_owner(user: User, **_: Any) -> None:
    """At sign-in: put what was ordered as a guest with a proven address, in any browser, under "My orders"."""
    services.give_to_owner(user)


def give_orders_to_address(email_address: EmailAddress, **_: Any) -> None:
    """The same, once the address is proven."""
    services.give_to_owner(email_address.user)
