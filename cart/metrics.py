"""Metrics of carts: the funnel to an order."""

from enum import StrEnum

from prometheus_client import Counter

from config.telemetry.metrics import count_on_commit


class CartStep(StrEnum):
    LINES = "lines"
    ADDRESS = "address"
    SHIPPING = "shipping"
    PAYMENT = "payment"
    PAID = "paid"


cart_steps = Counter("cart_steps_total", "Carts that reached each step.", ["step"])

for _step in CartStep:
    cart_steps.labels(_step)


def count_cart_step_on_commit(step: CartStep) -> None:
    """Count a cart that reached a step, once the current transaction commits."""
    count_on_commit(cart_steps.labels(step))
