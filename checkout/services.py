"""What staff and shoppers do with an order after it is placed.

Functions that move money call the provider with no transaction open and record the outcome afterwards; each is safe to
repeat after a crash. `by` is the member of staff who acts; the audit log records it before the provider is called, or
in the transaction of the change if there is no such call.
"""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from checkout import notices, shipments
from checkout.exceptions import OrderNotCancellable
from checkout.known_addresses import known_to
from checkout.models import Order, OrderStatus
from checkout.notices import Canceller
from checkout.settle import settle
from checkout.settle_refunds import close_if_returned, enter_cancelling, settle_refund
from config.accounts import services as accounts
from config.accounts.models import User
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.money import ZERO
from payments import provider, refunds
from payments.disputes import open_dispute_of
from payments.models import AttemptStatus, Payment, Refund
from shipping import tax_ids

CANCEL = AuditEvent("order.cancel", _("requested cancellation"))
SEE_TAX_ID = AuditEvent("order.see_tax_id", _("looked at the whole CPF or CNPJ"))
RESTOCK = AuditEvent("order.take_back", _("requested restocking"))


def give_to_owner(user: User) -> int:
    """Attach every guest order with the account's e-mail, in whichever browser it was placed; returns how many.

    Only once the address is proven: an account may be opened by an app with anybody's, and a browser may be shared.
    """
    with transaction.atomic():
        if not accounts.has_proven_address(user):
            return 0
        placed = [order.pk for order in Order.objects.filter(user=None, email__iexact=user.email).locked()]
        return Order.objects.filter(pk__in=placed).update(user=user) if placed else 0


def tax_id_meant(typed: str, in_cart: str, user_id: int | None) -> str:
    """The tax id that a shopper means: what was typed; or, where that is one of their address book or latest order as
    it is shown, masked, that one. `in_cart` is the cart's, masked. One statement at most."""
    if user_id is None or not tax_ids.is_masked(typed) or typed == in_cart:
        return typed
    return known_to(user_id).whole_tax_id(typed)


def reveal_tax_id(order: Order, *, by: Actor) -> str:
    """The whole tax id of the order's recipient, for a member of staff: the audit log says who has looked at it."""
    audit.record(by, SEE_TAX_ID, order, reference=order.number)
    return tax_ids.display(order.tax_id)


def cancel_order(order: Order, *, reason: str, idempotency_key: str, by: Actor = None) -> Order:
    """Cancel an order that has not shipped: void its pending payment, or refund and restock it if it is paid.

    Calls the provider, so it must not run inside a transaction. Raises OrderNotCancellable, PaymentUnavailable or
    RefundRefused.
    """
    if order.status == OrderStatus.AWAITING_PAYMENT:
        return _void_payment(order, reason, by)
    row = _begin_cancelling(order, reason, idempotency_key, by)
    if row is not None:
        settle_refund(row)
    return Order.objects.select_related("payment").get(pk=order.pk)


def _void_payment(order: Order, reason: str, by: Actor) -> Order:
    attempt = Order.objects.with_payment().get(pk=order.pk).current_attempt
    if attempt is None or attempt.status != AttemptStatus.ACTION:
        raise OrderNotCancellable(
            _("The bank has not answered yet for order %(number)s. Wait a minute and try again.")
            % {"number": order.number}
        )
    audit.record(by, CANCEL, order, reason=reason, reference=order.number)
    return settle(attempt.pk, provider.void(attempt), by=Canceller.STAFF)


@transaction.atomic(durable=True)
def _begin_cancelling(order: Order, reason: str, key: str, by: Actor) -> Refund | None:
    """Enter `cancelling` and record the refund of all that is left, in one transaction; None if nothing is left."""
    current = Order.objects.locked().get(pk=order.pk)
    known = Refund.objects.under(current.payment_id, key)
    if known is not None:
        return refunds.begin(current.payment_id, known.amount, reason, idempotency_key=key, by=by)
    if current.status != OrderStatus.PAID:
        raise OrderNotCancellable(
            _("Order %(number)s is %(status)s and can no longer be cancelled. Refund it instead.")
            % {"number": current.number, "status": current.get_status_display()}
        )
    payment = Payment.objects.with_books().locked().get(pk=current.payment_id)
    left = payment.refundable
    dispute = open_dispute_of(current.payment_id) if left <= ZERO else None
    if dispute is not None:
        raise OrderNotCancellable(
            _(
                "The payment of order %(number)s is disputed (%(status)s), so none of it can be refunded now. The bank "
                "decides first, and the order does not ship meanwhile. Cancel it when the dispute is over."
            )
            % {"number": current.number, "status": dispute.get_status_display()}
        )
    audit.record(by, CANCEL, current, reason=reason, reference=current.number)
    enter_cancelling(current, restock=True)
    if left <= ZERO:
        close_if_returned(current, payment)  # a lost dispute, or the provider's dashboard, has taken all of it
        return None
    return refunds.begin(payment.pk, left, reason, idempotency_key=key, restock=True, by=by)


def refund_order(
    order: Order, *, amount: Decimal, reason: str, restock: bool, idempotency_key: str, by: Actor = None
) -> Order:
    """Refund `amount`, in the order's currency. Returns the order as it is afterwards.

    A refund of all that is left of an order that has not shipped as a whole cancels it: it no longer ships, and is
    `refunded` once the provider has paid. With `restock` its goods then return to stock; of an order that is partly
    shipped, those that have not left. Money that a cancelled or refunded order still holds, because an earlier refund
    failed, can be refunded as well. The same `idempotency_key` never refunds twice. Must not be called inside a
    transaction. Raises OrderNotCancellable, RefundRefused or PaymentUnavailable.
    """
    settle_refund(_begin_refund(order, amount, reason, restock, idempotency_key, by))
    return Order.objects.select_related("payment").get(pk=order.pk)


@transaction.atomic(durable=True)
def _begin_refund(order: Order, amount: Decimal, reason: str, restock: bool, key: str, by: Actor) -> Refund:
    current = Order.objects.locked().get(pk=order.pk)
    return begin_refund(current, amount, reason, restock=restock, idempotency_key=key, by=by)


def begin_refund(
    current: Order, amount: Decimal, reason: str, *, restock: bool, idempotency_key: str, by: Actor = None
) -> Refund:
    """Record a refund of a locked order in the caller's transaction, as `refund_order` says; settle it after the
    commit."""
    key = idempotency_key
    if Refund.objects.under(current.payment_id, key) is not None:
        return refunds.begin(current.payment_id, amount, reason, idempotency_key=key, by=by)
    payment = Payment.objects.locked().get(pk=current.payment_id)
    if not payment.captured:
        raise OrderNotCancellable(
            _("Order %(number)s is %(status)s: there is nothing to refund.")
            % {"number": current.number, "status": current.get_status_display()}
        )
    takes_all = amount >= payment.refundable
    if restock:
        audit.record(by, RESTOCK, current, reference=current.number)
    row = refunds.begin(payment.pk, amount, reason, idempotency_key=key, restock=restock and takes_all, by=by)
    if takes_all and current.is_to_ship:
        enter_cancelling(current, restock=restock)
    elif takes_all:
        Order.objects.filter(pk=current.pk).update(restock_on_refund=restock)
    notices.refunds_moved(current)
    return row


def pay_refund_by_hand(row: Refund, *, reason: str, by: Actor = None) -> Order:
    """Record that staff have paid a failed refund another way. Raises RefundNotPaidByHand."""
    with transaction.atomic():
        order = Order.objects.locked().get(payment=row.payment_id)
        paid = refunds.pay_by_hand(row, by=by, reason=reason)
        notices.refund_paid_by_hand(order, paid)
        close_if_returned(order, paid.payment)
    return order


def mark_shipped(order: Order, *, by: Actor = None) -> Order:
    """Record that all that is left of a paid order has left in one parcel without tracking.

    Raises OrderNotAdvanced in any other status.
    """
    return shipments.post_parcel(order, shipments.ParcelToPost(), by=by)


def mark_delivered(order: Order, *, by: Actor = None) -> Order:
    """Mark a shipped order as delivered. Raises OrderNotAdvanced in any other status."""
    return shipments.deliver_order(order, by=by)
