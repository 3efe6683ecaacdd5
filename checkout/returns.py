"""Withdrawals and returns: a shopper gives goods back, staff look at what comes, and the money goes back.

Every function locks the order first, so two tabs, two people and a cancellation at once take nothing back twice and pay
nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout.exceptions import IdempotencyKeyReused, ReturnNotPossible, ReturnRefused
from checkout.idempotency import check_key
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage, Return, ReturnLine, ReturnStatus
from checkout.return_terms import Owed, owed_for, terms_of
from checkout.services import begin_refund
from checkout.settle_refunds import settle_refund
from checkout.shipments import can_leave, follow_parcels
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from config.money import ZERO
from inventory import reservations
from payments.models import Payment, Refund
from shipping import labels

ACCEPT = AuditEvent("return.accept", _("accepted a return"))
REFUSE = AuditEvent("return.refuse", _("refused a return"))
EXPLAIN = AuditEvent("return.explain", _("wrote how to send goods back"))
INSPECT = AuditEvent("return.inspect", _("recorded what came back"))
CLOSE = AuditEvent("return.close", _("closed a return"))


# The ids of returns that apps have asked for, by order and key.
_KEYS = UUID("5e2c8f1a-7f0e-4b8b-9a55-0d6c1e3f7a21")


@dataclass(frozen=True)
class Found:
    """What became of the units of one line that were to come back."""

    restocked: int = 0
    broken: int = 0
    missing: int = 0


@transaction.atomic
def ask_return(order: Order, units: Mapping[int, int], reason: str = "", *, key: UUID) -> Return:
    """Record what a shopper gives back, as units by line of the order; the same `key` records it once.

    In time it is a withdrawal, which needs nobody's consent; later a request that staff decide. Units that have not
    left go back to the shelf at once and leave no more. Raises ReturnNotPossible if the order has not so many to give
    back, and IdempotencyKeyReused for a key that was used for another return.
    """
    order = Order.objects.locked().get(pk=order.pk)
    wanted = {line: quantity for line, quantity in units.items() if quantity > 0}
    known = Return.objects.with_contents().filter(pk=key).first()
    if known is not None:
        if known.order_id != order.pk or known.reason != reason or _units_of(known) != wanted:
            raise IdempotencyKeyReused
        return known
    terms = terms_of(order)
    _check_units(order, wanted, terms.units)
    not_sent = can_leave(order)
    lines = [
        ReturnLine(request_id=key, order_line_id=line, quantity=quantity, not_sent=min(quantity, not_sent.get(line, 0)))
        for line, quantity in wanted.items()
    ]
    asked = Return(
        id=key,
        order=order,
        number=f"{order.number}-{Return.objects.filter(order=order).count() + 1}",
        status=_first_status(lines, terms.by_right),
        by_right=terms.by_right,
        right_until=terms.right_until,
        reason=reason,
    )
    asked.inspected_at = asked.asked_at if asked.status == ReturnStatus.INSPECTED else None
    asked.save(force_insert=True)
    ReturnLine.objects.bulk_create(lines)
    order.has_returns = True
    order.save(update_fields=["has_returns"])
    if any(line.not_sent for line in lines):
        labels.cancel_all(order.number)  # what they were packed with is packed anew
    _put_back(order, {line.order_line_id: line.not_sent for line in lines})
    if not_sent and order.status == OrderStatus.SHIPPED:
        follow_parcels(order)
    _tell(order, MessageKind.RETURN_ASKED, asked)
    return Return.objects.with_contents().get(pk=asked.pk)


def ask_return_by_sku(order: Order, units: Mapping[str, int], reason: str = "", *, key: str = "") -> Return:
    """As `ask_return`, with units by SKU and a key of the caller's, unique per order; without one, each call asks anew.

    Raises IdempotencyKeyInvalid too. Reads the lines.
    """
    check_key(key)
    lines = {line.sku: line.pk for line in order.lines.all()}
    strange = next((sku for sku in units if sku not in lines), None)
    if strange is not None:
        raise ReturnNotPossible(_("%(sku)s is not in this order.") % {"sku": strange}, reason="too_many")
    own = uuid5(_KEYS, f"{order.number} {key}") if key else uuid4()
    return ask_return(order, {lines[sku]: quantity for sku, quantity in units.items()}, reason, key=own)


@transaction.atomic
def answer_return(request: Return, *, accepted: bool, answer: str, by: Actor = None) -> Return:
    """Decide a request that came after the right had ended; or, of goods that are expected, write how to send them.

    The shopper is told what `answer` says. Raises ReturnRefused if there is nothing to answer any more, and for a
    withdrawal that came in time, which cannot be refused.
    """
    order, request = _locked(request)
    target = ReturnStatus.EXPECTED if accepted else ReturnStatus.REFUSED
    explains = accepted and request.status == ReturnStatus.EXPECTED
    if not explains and not request.may_become(target):
        raise _not_now(request)
    before = request.status
    request.status, request.answer, request.answered_at = target, answer, timezone.now()
    request.save(update_fields=["status", "answer", "answered_at"])
    _tell(order, MessageKind.RETURN_ANSWERED, request, again=True)
    event = EXPLAIN if explains else ACCEPT if accepted else REFUSE
    _log(by, event, order, request, before)
    return request


@transaction.atomic
def inspect_return(request: Return, found: Mapping[int, Found], *, by: Actor = None) -> Return:
    """Record what came back, by line of the order: every unit that was expected is on the shelf, broken or missing.

    Units for the shelf go there now. Raises ReturnRefused if nothing is expected, or the units do not add up.
    """
    order, request = _locked(request)
    if not request.may_become(ReturnStatus.INSPECTED):
        raise _not_now(request)
    lines = list(request.lines.select_related("order_line").order_by("pk"))
    for line in lines:
        seen = found.get(line.order_line_id, Found())
        line.restocked, line.broken, line.missing = seen.restocked, seen.broken, seen.missing
        if seen.restocked + seen.broken + seen.missing != line.quantity - line.not_sent:
            raise ReturnRefused(
                _("%(expected)s × %(name)s are to come back: say what became of each.")
                % {"expected": line.quantity - line.not_sent, "name": line.order_line.name}
            )
    ReturnLine.objects.bulk_update(lines, ["restocked", "broken", "missing"])
    before = request.status
    request.status, request.inspected_at = ReturnStatus.INSPECTED, timezone.now()
    request.save(update_fields=["status", "inspected_at"])
    _put_back(order, {line.order_line_id: line.restocked for line in lines})
    _log(by, INSPECT, order, request, before)
    return request


def owed(request: Return) -> Owed:
    """What closing an inspected return would pay back now, for its page; `close_return` decides under the lock."""
    order = Order.objects.with_lines().select_related("payment").get(pk=request.order_id)
    return owed_for(order, request, request.lines.all(), order.payment)


def close_return(
    request: Return, *, with_freight: bool = False, expected: Decimal | None = None, by: Actor = None
) -> Return:
    """Pay back what is owed for an inspected return, once, and close it; returns it with its refund.

    `with_freight`: what is left of the delivery too, where the law does not ask for it. `expected` is the amount that
    whoever decides has seen. Never more than is left of the payment: what a cancellation or a dispute took already is
    not paid again. Calling it again asks the provider how far the refund is. Must not be called inside a transaction.
    Raises ReturnRefused, also if another amount is owed than expected, RefundRefused or PaymentUnavailable.
    """
    row = _begin_close(request, with_freight, expected, by)
    if row is not None and not row.is_settled:
        settle_refund(row)
    return Return.objects.with_contents().get(pk=request.pk)


@transaction.atomic(durable=True)
def _begin_close(request: Return, with_freight: bool, expected: Decimal | None, by: Actor) -> Refund | None:
    order, request = _locked(request)
    if request.status == ReturnStatus.CLOSED:
        return Refund.objects.under(order.payment_id, _refund_key(request))
    if not request.may_become(ReturnStatus.CLOSED):
        raise _not_now(request)
    payment = Payment.objects.locked().get(pk=order.payment_id)
    due = owed_for(order, request, request.lines.all(), payment)
    amount = due.amount_with_freight if with_freight else due.amount
    if expected is not None and expected != amount:
        raise ReturnRefused(_("Another amount is owed now. Nothing was paid: check it, and confirm it again."))
    row = None
    if amount > ZERO:
        why, key = f"return {request.number}", _refund_key(request)
        row = begin_refund(order, amount, why, restock=False, idempotency_key=key, by=by)
    before = request.status
    request.status, request.closed_at, request.refund = ReturnStatus.CLOSED, timezone.now(), row
    request.goods_amount, request.freight_amount = due.goods, due.freight_left if with_freight else due.freight
    request.save(update_fields=["status", "closed_at", "refund", "goods_amount", "freight_amount"])
    _log(by, CLOSE, order, request, before)
    return row


def _refund_key(request: Return) -> str:
    return f"return-{request.pk}"


def _locked(request: Return) -> tuple[Order, Return]:
    order = Order.objects.locked().get(pk=request.order_id)
    return order, Return.objects.locked().get(pk=request.pk)


def _units_of(request: Return) -> dict[int, int]:
    return {units.order_line: units.quantity for units in request.contents}


def _check_units(order: Order, wanted: Mapping[int, int], returnable: Mapping[int, int]) -> None:
    if not order.may_return:
        raise ReturnNotPossible(
            _("Order %(number)s is %(status)s, so nothing of it can be returned.")
            % {"number": order.number, "status": order.get_status_display()},
            reason="status",
        )
    if not wanted:
        raise ReturnNotPossible(_("Choose what you return: how many of which product."), reason="nothing_chosen")
    names = {line.pk: line.name for line in order.lines.all()}
    for line, quantity in wanted.items():
        if quantity > returnable.get(line, 0):
            raise ReturnNotPossible(
                _("%(left)s × %(name)s can be returned, not %(quantity)s.")
                % {"left": returnable.get(line, 0), "name": names.get(line, ""), "quantity": quantity},
                reason="too_many",
            )


def _first_status(lines: list[ReturnLine], by_right: bool) -> ReturnStatus:
    """Where nothing has left, nothing has to come back."""
    if not by_right:
        return ReturnStatus.REQUESTED
    is_here = all(line.not_sent == line.quantity for line in lines)
    return ReturnStatus.INSPECTED if is_here else ReturnStatus.EXPECTED


def _put_back(order: Order, units: Mapping[int, int]) -> None:
    """Put units by line of the order on the shelf. What a refund of all put there before is there already."""
    products = {line.product_id: units[line.pk] for line in order.lines.all() if units.get(line.pk)}
    if products:
        reservations.restock(order.number, products, up_to=True)


def _tell(order: Order, kind: MessageKind, request: Return, *, again: bool = False) -> None:
    if not order.email:
        return
    OutboxMessage.objects.enqueue(order, kind, request.pk)
    if again:
        told = OutboxMessage.objects.filter(order=order, kind=kind, subject=str(request.pk))
        told.send_again(timezone.now())


def _not_now(request: Return) -> ReturnRefused:
    return ReturnRefused(
        _("Return %(number)s is: %(status)s. That is not possible now.")
        % {"number": request.number, "status": request.get_status_display()}
    )


def _log(by: Actor, event: AuditEvent, order: Order, request: Return, before: str) -> None:
    """Not the words, which may name the shopper and are forgotten earlier than the log."""
    after = {"status": request.status, "return": request.number}
    audit.record(by, event, order, reference=order.number, before={"status": before}, after=after)
