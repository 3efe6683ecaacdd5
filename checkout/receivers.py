"""Everything that happens after an order, on one page."""

from typing import Any

from django.dispatch import receiver

from cart import snapshot
from checkout import tasks
from checkout.models import Order
from checkout.signals import order_placed
from config import broker


@receiver(order_placed, dispatch_uid="checkout.forget_cart_copy")
def forget_cart_copy(order: Order, **_: Any) -> None:
    """The cart is an order now: Redis need not know it any more."""
    snapshot.forget(order.cart)


@receiver(order_placed, dispatch_uid="checkout.nudge_outbox")
def nudge_outbox(**_: Any) -> None:
    """Have the mail sent now instead of at the relay's next round."""
    broker.enqueue(tasks.relay_outbox)
