"""The one signal of the checkout."""

from django.dispatch import Signal

# Sent after the transaction that made an order paid has committed, once per order.
# Arguments: `order`, the checkout.Order with its `cart`. What hangs on it must heal by itself where it is lost; what
# must happen goes through the outbox.
order_placed = Signal()
