"""Where a cart becomes an order.

The order and its payment attempt are committed before any money moves; the provider is called with no transaction open;
whatever it answers goes through `settle`. A crash at any point leaves rows from which the sweeper finishes the work.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cart import services as carts
from cart.exceptions import AddressRequired, CartEmpty, CheckoutInProgress
from cart.models import Cart, CartLine, CartStatus
from checkout import links, metrics
from checkout.exceptions import PaymentDeclined, PriceChanged, RequestOvertaken
from checkout.models import IdempotencyKey, Order, OrderLine, new_number
from checkout.settle import cancel_pending_payment, settle
from config import money
from config.db.locks import redis_lock
from config.telemetry import logs
from inventory import reservations
from inventory.exceptions import InsufficientStock
from payments import provider
from payments import services as payments
from payments.exceptions import PaymentUnavailable
from payments.models import PaymentAttempt
from shipping import services as shipping
from shipping.models import Quote

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """What the shopper agreed to. `expected_total` has two places in the cart's currency; `payment_method` is the
    provider's token, or `pix`; `language` is the one that mails will be written in; `key` is the request's own, where
    it may be repeated."""

    cart_token: str
    payment_method: str
    expected_total: Decimal
    language: str
    user_id: int | None = None
    key: IdempotencyKey | None = None


@logs.about()
@metrics.checkout_stage("total")
def place_order(command: PlaceOrder) -> Order:
    """Make the cart an order and ask for its money.

    Answers with the order and everything of it, `paid`, or `awaiting_payment` where the shopper has to act or the
    outcome is not known yet. Must not be called inside a transaction. Raises, with nothing charged and the cart as it
    was: CartNotFound, CheckoutInProgress, CartClosed, CartEmpty, AddressRequired, ShippingRequired,
    ShippingQuoteExpired, InsufficientStock, PriceChanged, InvalidPaymentMethod, PaymentDeclined, PaymentUnavailable.
    """
    with redis_lock(f"checkout:{command.cart_token}", settings.CHECKOUT_LOCK_SECONDS) as owned:
        if not owned:
            raise CheckoutInProgress
        _refuse_what_nobody_would_charge(command)
        try:
            order, attempt = _commit_order(command)
        except CheckoutInProgress:
            if command.key and not IdempotencyKey.objects.held(command.key).exists():
                raise RequestOvertaken from None  # what waits for the shopper may be its own repeat's order
            cancel_pending_payment(command.cart_token, command.user_id)
            order, attempt = _commit_order(command)
        return _ask_for_money(order, attempt)


def _refuse_what_nobody_would_charge(command: PlaceOrder) -> None:
    """Raise PaymentUnavailable while the provider is left alone, with nothing written and no goods held for it.

    A cart whose payment is under way goes the ordinary way: nobody may say of it that nothing was charged.
    """
    try:
        provider.ensure_available(command.payment_method)
    except PaymentUnavailable:
        if Cart.objects.fetch(command.cart_token, command.user_id).status == CartStatus.OPEN:
            raise


@dataclass(frozen=True)
class _Agreement:
    """What is bought, how it travels and what that costs; all of it read under the cart's lock."""

    lines: list[CartLine]
    quote: Quote
    subtotal: Decimal

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.quote.price


@metrics.checkout_stage("commit")
@transaction.atomic(durable=True)
def _commit_order(command: PlaceOrder) -> tuple[Order, PaymentAttempt]:
    """Decide on locked rows and write down what is about to be paid. Nothing has been charged when this returns."""
    cart = Cart.objects.fetch_locked(command.cart_token, command.user_id)
    cart.require_open()
    agreed = _agree(cart, command.expected_total)
    number, now = new_number(), timezone.now()
    attempt = payments.open_payment(
        number,
        agreed.total,
        cart.currency,
        command.payment_method,
        expires_at=now + timedelta(minutes=settings.PAYMENT_MINUTES),
    )
    order = _write_order(command, cart, agreed, attempt)
    carts.begin_payment(cart)
    if command.key and not IdempotencyKey.objects.held(command.key).update(order_number=number):
        raise RequestOvertaken
    # Last, since everybody who wants the same goods waits from here until this transaction has committed.
    reservations.reserve(
        number,
        {line.product_id: line.quantity for line in agreed.lines},
        since=now,
        expires_at=now + timedelta(minutes=settings.STOCK_HOLD_MINUTES),
    )
    metrics.count_order_on_commit(order.status)
    logs.remember(cart=cart.pk, order=number, attempt=attempt.pk)
    return order, attempt


def _agree(cart: Cart, expected_total: Decimal) -> _Agreement:
    """What the cart is and costs now. Raises what `_sellable_lines` and `_agreed_quote` raise, and PriceChanged where
    it is more than the shopper agreed to."""
    lines = _sellable_lines(cart)
    subtotal = money.total(money.line_total(line.product.price, line.quantity) for line in lines)
    agreed = _Agreement(lines, _agreed_quote(cart, lines), subtotal)
    if agreed.total > expected_total:
        raise PriceChanged(expected=expected_total, total=agreed.total)
    return agreed


def _write_order(command: PlaceOrder, cart: Cart, agreed: _Agreement, attempt: PaymentAttempt) -> Order:
    """The order of the attempt's payment, and its lines. Two statements."""
    order = Order.objects.create(
        number=attempt.payment.reference,
        cart=cart,
        user_id=cart.user_id,
        currency=cart.currency,
        language=command.language,
        email=cart.email,
        phone=cart.phone,
        quote=agreed.quote,
        subtotal=agreed.subtotal,
        shipping_total=agreed.quote.price,
        total=agreed.total,
        payment=attempt.payment,
        **cart.address_columns(),
    )
    order.sold = OrderLine.objects.bulk_create(_sold(order, line) for line in agreed.lines)
    return order


def _sellable_lines(cart: Cart) -> list[CartLine]:
    """The cart's lines with their products as they are now. Raises CartEmpty, or InsufficientStock for what is gone."""
    lines = list(cart.lines.select_related("product"))
    if not lines:
        raise CartEmpty
    gone = [line for line in lines if not line.product.active]
    if gone:
        raise InsufficientStock(
            [{"sku": line.product.sku, "requested": line.quantity, "available": 0} for line in gone]
        )
    return lines


def _agreed_quote(cart: Cart, lines: list[CartLine]) -> Quote:
    """The freight that the shopper saw. Raises AddressRequired, ShippingRequired or ShippingQuoteExpired."""
    if cart.address is None or not cart.email:
        raise AddressRequired
    parcel = carts.parcel_of(((line.product, line.quantity) for line in lines), cart.currency)
    return shipping.check_quote(cart.quote, parcel, cart.postal_code, timezone.now())


def _sold(order: Order, line: CartLine) -> OrderLine:
    return OrderLine(
        order=order,
        product_id=line.product_id,
        sku=line.product.sku,
        name=line.product.name,
        quantity=line.quantity,
        unit_price=line.product.price,
        line_total=money.line_total(line.product.price, line.quantity),
    )


def _ask_for_money(order: Order, attempt: PaymentAttempt) -> Order:
    """Call the provider and settle what it says. Answers with the order as it is then, nothing left to be read of it.

    Raises PaymentDeclined or PaymentUnavailable once that is settled.
    """
    try:
        with metrics.checkout_stage("authorize"):
            outcome = provider.authorize(attempt, description=order.number, return_url=links.return_url(order))
    except PaymentUnavailable:
        settle(attempt.pk, provider.not_sent())
        raise
    settled = settle(attempt.pk, outcome)
    if outcome.kind == "declined":
        raise PaymentDeclined(decline_code=outcome.decline_code)
    settled.quote, settled.sold = order.quote, order.sold
    return settled
