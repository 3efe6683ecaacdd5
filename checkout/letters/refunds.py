"""The mails about a cancelled order, and about each refund."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from checkout.letters.letter import Letter, LetterType, Load
from checkout.models import MessageKind, Order, OrderStatus
from config.formats import money
from config.money import total
from payments.models import Payment, PaymentMethod, Refund

_ENDED = (OrderStatus.CANCELLING, OrderStatus.CANCELLED, OrderStatus.REFUNDED)


def _payments(payment_ids: Collection[UUID]) -> Mapping[UUID, Payment]:
    return Payment.objects.prefetch_related("refunds").in_bulk(payment_ids)


def _under_way(refund_ids: Collection[UUID]) -> Mapping[UUID, Refund]:
    return Refund.objects.under_way().with_payment().in_bulk(refund_ids)


def _paid(refund_ids: Collection[UUID]) -> Mapping[UUID, Refund]:
    return Refund.objects.paid().with_payment().in_bulk(refund_ids)


def _failed_for_good(refund_ids: Collection[UUID]) -> Mapping[UUID, Refund]:
    return Refund.objects.failed_for_good().in_bulk(refund_ids)


def _cancelled(order: Order, payment: Payment | None) -> Letter | None:
    if order.status not in _ENDED or payment is None:
        return None
    number = {"number": order.number}
    told = [_("We have cancelled your order %(number)s.") % number]
    due = total(row.amount for row in payment.refunds.all() if row.holds_money and not row.is_paid)
    if order.paid_at is None:
        told.append(_("Nothing was charged. If you have a Pix code of it, please do not use it any more."))
    elif due:
        told.append(
            _("You get %(amount)s back the way you paid. We write again once it is done.")
            % {"amount": money(due, order.currency)}
        )
    told.append(_("Do you have a question about it? Reply to this e-mail."))
    return Letter(_("Your order %(number)s is cancelled") % number, told)


def _begun(order: Order, refund: Refund) -> Letter:
    facts = _facts(order, refund)
    return Letter(
        _("Your refund of %(amount)s is on its way") % facts,
        [
            _("We are sending back %(amount)s of your order %(number)s, the way you paid.") % facts,
            _("Your bank can take some days for it. You need to do nothing; we write again once it is done."),
        ],
    )


def _done(order: Order, refund: Refund) -> Letter:
    facts = _facts(order, refund)
    if refund.by_hand:
        told = [_("We have paid back %(amount)s of your order %(number)s, in another way than you paid.") % facts]
    else:
        told = [_("We have paid back %(amount)s of your order %(number)s, the way you paid.") % facts]
        if refund.payment.method == PaymentMethod.CARD:
            told.append(_("It is on your card's next statement, or on the one after that."))
        else:
            told.append(_("It is in the account that you paid from."))
    version = "by-hand" if refund.by_hand else ""
    return Letter(_("You have got back %(amount)s") % facts, told, version=version)


def _failed(order: Order, refund: Refund) -> Letter:
    facts = _facts(order, refund)
    return Letter(
        _("Your refund of %(amount)s has not worked yet") % facts,
        [
            _("We tried to pay back %(amount)s of your order %(number)s, and your bank did not take it.") % facts,
            _("The money is still yours: we send it again, or another way, and write to you once it is done."),
            _("Is the card or account that you paid with closed? Then please reply to this e-mail."),
        ],
    )


def _facts(order: Order, refund: Refund) -> dict[str, str]:
    return {"number": order.number, "amount": money(refund.amount, order.currency)}


def _of_refund(write: Callable[[Order, Refund], Letter], load: Load) -> LetterType:
    """A mail that is true as long as `load` finds its refund."""

    def letter(order: Order, refund: Any) -> Letter | None:
        return write(order, refund) if refund else None

    return LetterType(letter, load)


LETTERS = {
    MessageKind.ORDER_CANCELLED: LetterType(_cancelled, _payments),
    MessageKind.REFUND_BEGUN: _of_refund(_begun, _under_way),
    MessageKind.REFUND_PAID: _of_refund(_done, _paid),
    MessageKind.REFUND_FAILED: _of_refund(_failed, _failed_for_good),
}
