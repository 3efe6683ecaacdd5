"""The only signal of the checkout."""

from django.dispatch import Signal

# Sent once per order, after the transaction that marked it paid has committed. Argument: `order`, the checkout.Order
# with its `cart`. A receiver may be lost in a crash, so it may only do what recovers without it; what must happen goes
# through the outbox.
order_placed = Signal()
