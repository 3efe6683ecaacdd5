"""Placing an order: check the stock, write the order, take the stock, charge, send the mail. No lock."""

from decimal import Decimal

from django.utils import timezone
from django.utils.translation import get_language

from cart.models import Cart, CartStatus
from checkout.metrics import checkout_stage
from checkout.models import Order, OrderLine, OrderStatus
from inventory.models import Product
from payments.models import AttemptStatus, Payment, PaymentAttempt, PaymentMethod, PaymentStatus
from tests.load.before import outside
from tests.load.before.documents import available


@checkout_stage("total")
def place_order(cart: Cart, payment_method: str) -> Order | None:
    """The paid order, or None if something is sold out. Raises what carrier, provider and mail server raise."""
    with checkout_stage("commit"):
        for line in cart.lines.all():
            if available(line.product) < line.quantity:
                return None
    freight = _freight(cart)
    with checkout_stage("commit"):
        order = _write_order(cart, payment_method, freight)
    reference = outside.charge(order, payment_method)
    with checkout_stage("settle"):
        _mark_paid(order, reference)
        cart.status = CartStatus.ORDERED
        cart.save()
    outside.send_confirmation(order)
    return order


def _freight(cart: Cart) -> Decimal:
    """The carrier's current price for the chosen method."""
    assert cart.quote is not None
    prices = {rate["code"]: rate["price"] for rate in outside.shipping_rates(cart)}
    return prices.get(cart.quote.method_code, cart.quote.price)


def _write_order(cart: Cart, payment_method: str, freight: Decimal) -> Order:
    lines = list(cart.lines.all())
    subtotal = sum((line.product.price * line.quantity for line in lines), Decimal(0))
    total = subtotal + freight
    order = Order(
        cart=cart, currency=cart.currency, language=get_language() or "pt-br", email=cart.email, phone=cart.phone,
        quote=cart.quote, subtotal=subtotal, shipping_total=freight, total=total, **cart.address_columns(),
    )  # fmt: skip
    order.payment = Payment.objects.create(
        reference=order.number, amount=total, currency=cart.currency, provider="stripe", method=PaymentMethod.CARD
    )
    PaymentAttempt.objects.create(payment=order.payment, method_token=payment_method)
    order.save()
    for line in lines:
        OrderLine.objects.create(
            order=order, product=line.product, sku=line.product.sku, name=line.product.name, quantity=line.quantity,
            currency=order.currency, unit_price=line.product.price, line_total=line.product.price * line.quantity,
        )  # fmt: skip
        _take(line.product, line.quantity)
    return order


def _take(product: Product, quantity: int) -> None:
    """Read, subtract, write: two concurrent shoppers can take the same unit."""
    for stock in product.stocks.filter(warehouse__active=True).order_by("warehouse__priority"):
        taken = min(quantity, stock.on_hand)
        stock.on_hand -= taken
        stock.save()
        quantity -= taken
        if not quantity:
            return


def _mark_paid(order: Order, reference: str) -> None:
    attempt = order.payment.attempts.get()
    attempt.status, attempt.captured = AttemptStatus.APPROVED, order.total
    attempt.provider_reference, attempt.settled_at = reference, timezone.now()
    attempt.save()
    order.payment.status = PaymentStatus.PAID
    order.payment.save()
    order.status, order.paid_at = OrderStatus.PAID, timezone.now()
    order.save()
