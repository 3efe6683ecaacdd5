"""Turn a cart into an order and authorize its payment.

The order and its payment attempt are committed before any money moves. The provider is called with no transaction open,
and its answer goes through `settle`. A crash at any point leaves rows that the sweeper can finish.
"""

import logging
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cart import services as carts
from cart.exceptions import AddressRequired, CartEmpty, CheckoutInProgress, CurrencyMismatch
from cart.models import Cart, CartLine, CartStatus
from checkout import cards, links, metrics, unpaid
from checkout.exceptions import CardsClosed, PaymentDeclined, PriceChanged, RequestOvertaken, TooMuchUnpaid
from checkout.models import IdempotencyKey, Order, OrderLine, OrderStatus, new_number
from checkout.settle import cancel_pending_payment, settle
from config import money
from config.db import rows
from config.db.constraints import broken_constraint
from config.db.locks import redis_lock
from config.redis.writes import one_trip
from config.telemetry import logs
from inventory import reservations
from inventory.exceptions import InsufficientStock, UnpaidBoundReached
from payments import provider
from payments import services as payments
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import Outcome
from payments.models import PaymentAttempt, PaymentMethod
from shipping import services as shipping
from shipping import tax_ids
from shipping.models import Quote

logger = logging.getLogger(__name__)

LINE_CURRENCY = {"order_line_in_currency_of_order", "order_line_in_currency_of_product"}


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """A shopper's decision to buy a cart.

    `payment_method` is the provider's token, or `pix`. `expected_total` is the total the shopper agreed to, with two
    decimal places, in the cart's currency. `language` is that of the order's mails. `key` is the idempotency key of the
    request, if it has one. `network` is where the request came from, if what it holds unpaid is to be bounded.
    `requester` is who is counted for declined cards, beside the cart and its person: see
    `config.rate_limits.requester`.
    """

    cart_token: str
    payment_method: str
    expected_total: Decimal
    language: str
    user_id: int | None = None
    requester: str = ""
    key: IdempotencyKey | None = None
    network: str = field(default="", repr=False)

    @property
    def waits(self) -> bool:
        """Whether the order waits for its shopper to pay."""
        return self.payment_method == PaymentMethod.PIX


@logs.about()
@metrics.checkout_stage("total")
def place_order(command: PlaceOrder) -> Order:
    """Create the order and authorize its payment. Must not be called inside a transaction.

    Returns the order, fully loaded: `paid`, or `awaiting_payment` if the shopper has to act or the outcome is still
    unknown.

    Raises CartNotFound, CheckoutInProgress, CartClosed, CartEmpty, CurrencyMismatch, AddressRequired, TaxIdRequired,
    ShippingRequired, ShippingQuoteExpired, InsufficientStock, PriceChanged, InvalidPaymentMethod, CardsClosed,
    PaymentDeclined, PaymentUnavailable or TooMuchUnpaid; this call has then charged nothing and the cart is unchanged.
    Raises RequestOvertaken if a repeat of this request has taken over its idempotency key.
    """
    with redis_lock(f"checkout:{command.cart_token}", settings.CHECKOUT_LOCK_SECONDS) as owned:
        if not owned:
            raise CheckoutInProgress
        _ensure_payment_available(command)
        try:
            order, attempt = _commit_order(command)
        except CheckoutInProgress:
            if command.key and not IdempotencyKey.objects.held(command.key).exists():
                raise RequestOvertaken from None  # the pending order may belong to this request's own repeat
            cancel_pending_payment(command.cart_token, command.user_id)
            order, attempt = _commit_order(command)
        try:
            return _authorize(command, order, attempt)
        except PaymentDeclined:
            cards.count_decline(command.requester)
            raise


def _ensure_payment_available(command: PlaceOrder) -> None:
    """Raise PaymentUnavailable or CardsClosed if it will not be taken, before anything is written or reserved.

    A cart with a payment under way passes: it may have been charged, so it must not be refused with "nothing was
    charged".
    """
    try:
        provider.ensure_available(command.payment_method)
        cards.require_open_to(command.requester, command.payment_method)
    except (PaymentUnavailable, CardsClosed):
        if Cart.objects.fetch(command.cart_token, command.user_id).status == CartStatus.OPEN:
            raise


@dataclass(frozen=True)
class _PricedCart:
    """The cart's lines, shipping quote and price, all read under the cart's lock."""

    lines: list[CartLine]
    quote: Quote
    subtotal: Decimal

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.quote.price

    @property
    def demand(self) -> dict[int, int]:
        return {line.product_id: line.quantity for line in self.lines}


@one_trip()
@metrics.checkout_stage("commit")
@transaction.atomic(durable=True)
def _commit_order(command: PlaceOrder) -> tuple[Order, PaymentAttempt]:
    """Check the cart under its lock, then write the order and its attempt and reserve the stock.

    One durable transaction; nothing has been charged when it commits. Locks the cart, the network of an order that
    waits to be paid, and last the stock rows.
    """
    cart = cards.fetch_locked(command.cart_token, command.user_id)
    cart.require_open()
    cards.require_open_for(cart, command.payment_method)
    priced = _price_cart(cart, command.expected_total)
    terms = unpaid.terms_at_once()
    if command.waits:
        terms = unpaid.admit(cart.user_id, command.network, sum(priced.demand.values()))
    number, now = new_number(), timezone.now()
    attempt = payments.open_payment(
        number,
        priced.total,
        cart.currency,
        command.payment_method,
        expires_at=now + terms.payment_time,
    )
    order = _write_order(command, cart, priced, attempt, terms.network)
    carts.begin_payment(cart)
    if command.key and not IdempotencyKey.objects.note_order(command.key, number):
        raise RequestOvertaken
    # Last: from here until the commit, every order for the same products waits on these row locks.
    try:
        reservations.reserve(
            number,
            priced.demand,
            since=now,
            expires_at=now + terms.hold_time,
            unpaid=unpaid.stock_bound() if command.waits else None,
        )
    except UnpaidBoundReached as refusal:
        raise unpaid.refuse_unpaid() from refusal
    metrics.count_order_on_commit(order.status)
    logs.remember(cart=cart.pk, order=number, attempt=attempt.pk)
    return order, attempt


def _price_cart(cart: Cart, expected_total: Decimal) -> _PricedCart:
    """Price the cart from the database.

    Raises what `_sellable_lines` and `_checked_quote` raise, and PriceChanged if the total exceeds `expected_total`.
    """
    lines = _sellable_lines(cart)
    subtotal = money.total(money.line_total(line.product.price, line.quantity) for line in lines)
    priced = _PricedCart(lines, _checked_quote(cart, lines), subtotal)
    if priced.total > expected_total:
        raise PriceChanged(expected=expected_total, total=priced.total)
    return priced


def _write_order(command: PlaceOrder, cart: Cart, priced: _PricedCart, attempt: PaymentAttempt, network: str) -> Order:
    """Insert the order and its lines: two statements. The database refuses a line of another currency."""
    order = Order(
        number=attempt.payment.reference,
        cart=cart,
        user_id=cart.user_id,
        currency=cart.currency,
        language=command.language,
        email=cart.email,
        phone=cart.phone,
        tax_id=tax_ids.by_policy(cart.tax_id),
        quote=priced.quote,
        subtotal=priced.subtotal,
        shipping_total=priced.quote.price,
        total=priced.total,
        payment=attempt.payment,
        network=network,
        **cart.address_columns(),
    )
    rows.insert(order)
    order.sold = [_order_line(order, line) for line in priced.lines]
    try:
        rows.insert_all(order.sold)
    except IntegrityError as error:
        if broken_constraint(error) in LINE_CURRENCY:  # staff have changed it since the lines were read
            raise CurrencyMismatch from error
        raise
    return order


def _sellable_lines(cart: Cart) -> list[CartLine]:
    """Return the lines with their current products, all sold in the cart's currency.

    Raises CartEmpty, InsufficientStock for inactive products, or CurrencyMismatch.
    """
    lines = CartLine.objects.of_with_products(cart)
    if not lines:
        raise CartEmpty
    inactive = [line for line in lines if not line.product.active]
    if inactive:
        raise InsufficientStock(
            [{"sku": line.product.sku, "requested": line.quantity, "available": 0} for line in inactive]
        )
    if others := [line.product.name for line in lines if line.product.currency != cart.currency]:
        raise CurrencyMismatch(
            _(
                "Not sold in %(currency)s, the currency of this cart: %(names)s. Nothing was charged. Remove this from "
                "the cart and order it separately."
            )
            % {"currency": cart.currency, "names": ", ".join(others)}
        )
    return lines


def _checked_quote(cart: Cart, lines: list[CartLine]) -> Quote:
    """Return the quote that the shopper saw, if it still applies to these lines.

    Raises AddressRequired, TaxIdRequired, ShippingRequired or ShippingQuoteExpired.
    """
    if cart.address is None or not cart.email:
        raise AddressRequired
    tax_ids.by_policy(cart.tax_id)  # the cart may have got its address before one was required
    parcel = carts.parcel_of(((line.product, line.quantity) for line in lines), cart.currency)
    return shipping.check_quote(cart.quote, parcel, cart.postal_code, timezone.now())


def _order_line(order: Order, line: CartLine) -> OrderLine:
    return OrderLine(
        order=order,
        product_id=line.product_id,
        sku=line.product.sku,
        name=line.product.name,
        quantity=line.quantity,
        currency=line.product.currency,
        unit_price=line.product.price,
        line_total=money.line_total(line.product.price, line.quantity),
    )


def _authorize(command: PlaceOrder, order: Order, attempt: PaymentAttempt) -> Order:
    """Call the provider with no transaction open and settle its outcome. Returns the settled order, fully loaded.

    Raises PaymentDeclined or PaymentUnavailable, after settling.
    """
    refusal = None
    try:
        with metrics.checkout_stage("authorize"):
            outcome = provider.authorize(attempt, description=order.number, return_url=links.return_url(order))
    except PaymentUnavailable:
        settle(attempt.pk, provider.not_sent())
        raise
    if outcome.kind == "action" and not command.waits:
        outcome, refusal = _bound_waiting(command, order, attempt, outcome)
    settled = settle(attempt.pk, outcome)
    if outcome.kind == "declined":
        raise PaymentDeclined(decline_code=outcome.decline_code)
    if refusal and settled.status == OrderStatus.CANCELLED:
        raise refusal
    settled.quote, settled.sold = order.quote, order.sold
    return settled


def _bound_waiting(
    command: PlaceOrder, order: Order, attempt: PaymentAttempt, outcome: Outcome
) -> tuple[Outcome, TooMuchUnpaid | None]:
    """Bound an order whose card has to be confirmed at the bank. If it may not wait, its payment is voided.

    Returns the outcome to settle, and the refusal. An order whose payment cannot be voided now may wait.
    """
    try:
        unpaid.await_payment(order, command.network)
        return outcome, None
    except TooMuchUnpaid as refusal:
        refused = refusal
    attempt.provider_reference = outcome.provider_reference
    try:
        voided = provider.void(attempt)
    except PaymentUnavailable:
        return outcome, None
    return (outcome, None) if voided.kind == "unknown" else (voided, refused)
